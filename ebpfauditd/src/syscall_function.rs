//! Which function of the running kernel carries out which syscall: where a program hangs that judges that syscall alone.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use audit_rules::{Arch, table};
use kern::abi;

use crate::family::{ARCHES, is_open, node};

mod symbol;

pub use symbol::{all as symbols, all_of_registers as addressed_symbols};

/// How the kernel's BTF declares the function. The programs that share one table of tail calls must have one prototype.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prototype {
    /// `long (const struct pt_regs *regs)`.
    Registers,
    /// `long (const struct pt_regs *__unused)`: of a syscall without arguments, and of one that some configurations of the
    /// kernel lack (`COND_SYSCALL`). The registers are passed all the same.
    Unused,
}

/// A function as BTF has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// BTF id of the function.
    pub id: u32,
    /// Its prototype.
    pub prototype: Prototype,
}

/// What the kernel says of its functions.
#[derive(Clone, Debug, Default)]
pub struct Kernel {
    /// Functions in BTF whose prototype is one of [`Prototype`].
    pub declared: HashMap<String, Declaration>,
    /// Addresses of functions that take registers, by name; 0 where the kernel hides them. Empty if the kernel gives no list.
    pub addresses: HashMap<String, u64>,
}

/// A function that carries out a syscall, or several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Function {
    /// The kernel's name for it.
    pub name: Arc<str>,
    /// BTF id.
    pub id: u32,
    /// Its prototype.
    pub prototype: Prototype,
}

impl Function {
    /// Whether it carries out an [open](crate::family::OPENS), by whatever ABI.
    pub fn is_open(&self) -> bool {
        self.name.rsplit_once("_sys_").is_some_and(|(_, call)| is_open(call))
    }
}

/// When a program runs that hangs at a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// Before it: of a syscall that does not return.
    Entry,
    /// After it.
    Exit,
}

/// A stub at the function that carries out a syscall: it calls the program that judges.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stub {
    /// Where it hangs.
    pub function: Function,
    /// When it runs.
    pub moment: Moment,
}

/// Why there is no function for a syscall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// We have no name for the number.
    Name,
    /// The kernel does not have the syscall. What answers calls of it cannot be hooked.
    Absent,
    /// BTF does not have the function.
    Declaration,
    /// A stub could not be attached to it.
    Refused,
    /// The kernel's list of functions could not be read, so it is not known whether it has the syscall at all.
    Symbols,
}

impl fmt::Display for Missing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Name => "nobody knows what function it is",
            Self::Absent => "this kernel does not have it",
            Self::Declaration => "the kernel's BTF does not have its function",
            Self::Refused => "the kernel refuses a program at its function",
            Self::Symbols => "whether this kernel has it cannot be read from /proc/kallsyms",
        })
    }
}

/// The functions of all syscalls, looked up once.
#[derive(Clone, Debug)]
pub struct Functions {
    functions: Vec<Function>,
    by_node: Vec<Result<usize, Missing>>,
}

impl Functions {
    /// Looks up the function of every syscall of every architecture.
    pub fn new(kernel: &Kernel) -> Self {
        let mut functions = Vec::new();
        let mut known: BTreeMap<u32, usize> = BTreeMap::new();
        let mut by_node = Vec::with_capacity(ARCHES.len() * abi::SYSCALLS);
        for arch in ARCHES {
            for number in 0..abi::SYSCALLS as u32 {
                let found = table::syscall::name(arch, number)
                    .ok_or(Missing::Name)
                    .and_then(|name| kernel.find(arch, name));
                by_node.push(found.map(|function| {
                    *known.entry(function.id).or_insert_with(|| {
                        functions.push(function);
                        functions.len() - 1
                    })
                }));
            }
        }
        Self { functions, by_node }
    }

    /// The function of one syscall; `arch` is an index into [`ARCHES`].
    pub fn get(&self, arch: usize, number: u32) -> Result<&Function, Missing> {
        let at = self.by_node.get(node(arch, number)).copied().unwrap_or(Err(Missing::Name))?;
        self.functions.get(at).ok_or(Missing::Name)
    }

    /// A program cannot be attached to this function after all. Gives whether that is news.
    pub fn refuse(&mut self, function: &Function) -> bool {
        let Some(refused) = self.functions.iter().position(|known| known == function) else { return false };
        let mut news = false;
        for found in self.by_node.iter_mut().filter(|found| **found == Ok(refused)) {
            *found = Err(Missing::Refused);
            news = true;
        }
        news
    }

    /// Names of the syscalls that the kernel has, but no function that can be hooked, and why: for people.
    pub fn missing(&self) -> impl Iterator<Item = (Arch, &'static str, Missing)> + '_ {
        ARCHES.iter().enumerate().flat_map(move |(index, &arch)| {
            table::syscall::all(arch).filter_map(move |(number, name)| {
                let missing = self.get(index, number).err().filter(|&missing| missing != Missing::Absent);
                missing.map(|missing| (arch, name, missing))
            })
        })
    }

    /// How many different functions there are.
    pub fn len(&self) -> usize {
        self.functions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.functions.is_empty()
    }
}

impl Kernel {
    fn function(&self, name: String) -> Option<Function> {
        let Declaration { id, prototype } = *self.declared.get(&name)?;
        Some(Function { name: name.into(), id, prototype })
    }

    fn find(&self, arch: Arch, name: &str) -> Result<Function, Missing> {
        for stem in symbol::stems(arch, name) {
            let direct = symbol::of_registers(arch, &stem);
            if self.is_absent(&direct) {
                continue;
            }
            // A function of this name that takes the registers is that of a syscall without arguments; others have it as well,
            // inlined, and with the syscall's own arguments.
            let zero = symbol::of_nothing(&stem);
            if let Some(function) = self.function(zero).filter(|zero| zero.prototype == Prototype::Unused) {
                return Ok(function);
            }
            match self.function(direct.clone()) {
                Some(function) => return Ok(function),
                None if self.addresses.contains_key(&direct) => return Err(Missing::Declaration),
                None => {}
            }
        }
        if self.addresses.is_empty() {
            return Err(Missing::Symbols);
        }
        Err(Missing::Absent)
    }

    /// Whether the name is only another one for the function that answers calls of syscalls that the kernel does not have.
    fn is_absent(&self, name: &str) -> bool {
        let none = self.addresses.get(&symbol::of_registers(ARCHES[0], symbol::NOT_IMPLEMENTED));
        none.is_some_and(|&none| none != 0 && self.addresses.get(name) == Some(&none))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(declared: &[(&str, Prototype)], addresses: &[(&str, u64)]) -> Kernel {
        let declaration = |(at, &(name, prototype)): (usize, &(&str, Prototype))| {
            (name.to_owned(), Declaration { id: at as u32 + 1, prototype })
        };
        Kernel {
            declared: declared.iter().enumerate().map(declaration).collect(),
            addresses: addresses.iter().map(|&(name, address)| (name.to_owned(), address)).collect(),
        }
    }

    fn name_of(functions: &Functions, arch: usize, name: &[u8]) -> Result<String, Missing> {
        let number = table::syscall::number(ARCHES[arch], name).unwrap();
        functions.get(arch, number).map(|function| function.name.to_string())
    }

    #[test]
    fn each_abi_gets_the_function_that_its_table_has() {
        use Prototype::{Registers, Unused};
        let kernel = kernel(
            &[
                ("__x64_sys_openat", Registers),
                ("__ia32_sys_openat", Registers),
                ("__ia32_compat_sys_openat", Registers),
                ("__ia32_sys_unlink", Registers),
                ("__x64_sys_unlink", Registers),
                ("__do_sys_fork", Unused),
                ("__x64_sys_fork", Unused),
                ("__x64_sys_uselib", Unused),
                ("__x64_sys_acct", Unused),
            ],
            &[
                ("__x64_sys_ni_syscall", 16),
                ("__x64_sys_acct", 16),
                ("__x64_sys_mount", 32),
                ("__x64_sys_openat", 48),
            ],
        );
        let functions = Functions::new(&kernel);
        let get = |arch, name: &str| name_of(&functions, arch, name.as_bytes());
        assert_eq!(get(0, "openat").unwrap(), "__x64_sys_openat");
        assert_eq!(get(1, "openat").unwrap(), "__ia32_compat_sys_openat");
        assert_eq!(get(1, "unlink").unwrap(), "__ia32_sys_unlink");
        // no arguments: one function for all
        assert_eq!(get(0, "fork").unwrap(), "__do_sys_fork");
        assert_eq!(get(1, "fork").unwrap(), "__do_sys_fork");
        // a name for nothing, and no name at all
        assert_eq!(get(0, "acct"), Err(Missing::Absent));
        assert_eq!(get(0, "uselib"), Err(Missing::Absent));
        assert_eq!(get(0, "rename"), Err(Missing::Absent));
        // there, but BTF does not say so
        assert_eq!(get(0, "mount"), Err(Missing::Declaration));
        assert_eq!(functions.get(0, abi::SYSCALLS as u32 - 1), Err(Missing::Name));

        let mut functions = functions;
        let fork = functions.get(0, 57).cloned().unwrap();
        assert!(functions.refuse(&fork) && !functions.refuse(&fork));
        assert_eq!(name_of(&functions, 1, b"fork"), Err(Missing::Refused));
        assert!(name_of(&functions, 0, b"openat").is_ok());
    }

    #[test]
    fn without_the_list_of_functions_nothing_is_taken_for_absent() {
        let kernel = kernel(&[("__x64_sys_openat", Prototype::Registers)], &[]);
        let functions = Functions::new(&kernel);
        assert_eq!(name_of(&functions, 0, b"openat").unwrap(), "__x64_sys_openat");
        assert_eq!(name_of(&functions, 0, b"unlink"), Err(Missing::Symbols));
    }

    #[test]
    fn opens_are_known_by_their_functions() {
        let is_open =
            |name: &str| Function { name: name.into(), id: 1, prototype: Prototype::Registers }.is_open();
        for name in ["__x64_sys_open", "__ia32_compat_sys_openat", "__ia32_sys_creat", "__x64_sys_openat2"] {
            assert!(is_open(name), "{name}");
        }
        for name in
            ["__x64_sys_open_tree", "__x64_sys_open_by_handle_at", "__x64_sys_mq_open", "__do_sys_getpid"]
        {
            assert!(!is_open(name), "{name}");
        }
    }
}
