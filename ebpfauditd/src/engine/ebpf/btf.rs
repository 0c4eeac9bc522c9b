//! The kernel's BTF as it lies in memory, and the few functions of it that are wanted: parsing all of it into a tree takes long and
//! much memory, and searching that tree by name as long again.
//!
//! Source: `Documentation/bpf/btf.rst`.

use std::collections::{HashMap, HashSet};

use crate::syscall_function::{Declaration, Prototype};

const MAGIC: u16 = 0xeb9f;
/// `sizeof(struct btf_header)`
const HEADER: u32 = 24;
/// `struct btf_type` without what follows it.
pub(super) const TYPE: usize = 12;

const KIND_INT: u32 = 1;
pub(super) const KIND_PTR: u32 = 2;
pub(super) const KIND_ARRAY: u32 = 3;
pub(super) const KIND_STRUCT: u32 = 4;
pub(super) const KIND_UNION: u32 = 5;
pub(super) const KIND_ENUM: u32 = 6;
pub(super) const KIND_FWD: u32 = 7;
pub(super) const KIND_TYPEDEF: u32 = 8;
pub(super) const KIND_CONST: u32 = 10;
pub(super) const KIND_FUNC: u32 = 12;
pub(super) const KIND_FUNC_PROTO: u32 = 13;
const KIND_VAR: u32 = 14;
const KIND_DATASEC: u32 = 15;
const KIND_DECL_TAG: u32 = 17;
pub(super) const KIND_ENUM64: u32 = 19;

/// BTF as bytes, with the place of each type.
pub(super) struct Types<'a> {
    bytes: &'a [u8],
    strings: &'a [u8],
    /// Where each type begins; the first is type 1.
    places: Vec<u32>,
}

/// One type's head: `name_off`, `info`, `size` or `type`.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) at: usize,
    pub(super) name: u32,
    pub(super) kind: u32,
    pub(super) members: usize,
    /// `size` or `type`.
    pub(super) word: u32,
}

pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*four))
}

impl<'a> Types<'a> {
    /// `None` if this is not BTF, or of a kind that is not known.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        let magic = u16::from_ne_bytes(*bytes.first_chunk()?);
        if magic != MAGIC {
            return None;
        }
        let header = word(bytes, 4)? as usize;
        let part = |at: usize| {
            let start = header.checked_add(word(bytes, at)? as usize)?;
            bytes.get(start..start.checked_add(word(bytes, at + 4)? as usize)?)
        };
        let mut btf = Self { bytes: part(8)?, strings: part(16)?, places: Vec::new() };
        let mut at = 0;
        while at < btf.bytes.len() {
            let head = btf.head_at(at)?;
            btf.places.push(u32::try_from(at).ok()?);
            at += TYPE + trailing(head)?;
        }
        Some(btf)
    }

    fn head_at(&self, at: usize) -> Option<Head> {
        let info = word(self.bytes, at + 4)?;
        Some(Head {
            at,
            name: word(self.bytes, at)?,
            kind: (info >> 24) & 0x1f,
            members: (info & 0xffff) as usize,
            word: word(self.bytes, at + 8)?,
        })
    }

    /// The types as bytes.
    pub(super) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many types there are.
    pub(super) fn count(&self) -> usize {
        self.places.len()
    }

    /// The types' heads; the first is type 1.
    pub(super) fn heads(&self) -> impl Iterator<Item = Head> + '_ {
        self.places.iter().filter_map(|&place| self.head_at(place as usize))
    }

    pub(super) fn head(&self, id: u32) -> Option<Head> {
        let place = *self.places.get((id as usize).checked_sub(1)?)?;
        self.head_at(place as usize)
    }

    pub(super) fn name(&self, offset: u32) -> Option<&'a str> {
        let rest = self.strings.get(offset as usize..)?;
        std::str::from_utf8(&rest[..rest.iter().position(|&byte| byte == 0)?]).ok()
    }

    /// The prototype, if it is one of those that syscalls have.
    fn prototype(&self, id: u32) -> Option<Prototype> {
        let proto = self.head(id).filter(|proto| proto.kind == KIND_FUNC_PROTO && proto.members == 1)?;
        let pointer =
            self.head(word(self.bytes, proto.at + TYPE + 4)?).filter(|head| head.kind == KIND_PTR)?;
        let constant = self.head(pointer.word).filter(|head| head.kind == KIND_CONST)?;
        // only declared where `kernel/sys_ni.c` is all that BTF was made from
        let structure =
            self.head(constant.word).filter(|head| matches!(head.kind, KIND_STRUCT | KIND_FWD))?;
        if self.name(structure.name)? != "pt_regs" {
            return None;
        }
        match self.name(word(self.bytes, proto.at + TYPE)?)? {
            "regs" => Some(Prototype::Registers),
            "__unused" => Some(Prototype::Unused),
            _ => None,
        }
    }
}

/// Bytes after a type's head.
pub(super) fn trailing(head: Head) -> Option<usize> {
    Some(match head.kind {
        KIND_INT | KIND_VAR | KIND_DECL_TAG => 4,
        KIND_ARRAY => 12,
        KIND_STRUCT | KIND_UNION | KIND_DATASEC | KIND_ENUM64 => 12 * head.members,
        KIND_ENUM | KIND_FUNC_PROTO => 8 * head.members,
        // pointers, forward declarations, typedefs, qualifiers, functions, floats, tags of types
        KIND_PTR | KIND_FWD..=KIND_FUNC | 16 | 18 => 0,
        _ => return None,
    })
}

/// BTF of these types and these names.
pub(super) fn made_of(types: &[u8], names: &[u8]) -> Vec<u8> {
    let (length, strings) = (types.len() as u32, names.len() as u32);
    let mut out = MAGIC.to_ne_bytes().to_vec();
    // version and flags
    out.extend([1, 0]);
    for word in [HEADER, 0, length, length, strings] {
        out.extend(word.to_ne_bytes());
    }
    [&out, types, names].concat()
}

/// The wanted functions that BTF declares as the kernel declares those of syscalls.
///
/// A name may stand there twice, once with each prototype: a weak declaration is in the way of the real one, which is taken.
pub(super) fn functions(btf: &Types<'_>, wanted: &HashSet<String>) -> HashMap<String, Declaration> {
    let mut found: HashMap<String, Declaration> = HashMap::new();
    for (id, head) in (1..).zip(btf.heads()) {
        if head.kind != KIND_FUNC {
            continue;
        }
        let Some(name) = btf.name(head.name).filter(|name| name.starts_with("__") && wanted.contains(*name))
        else {
            continue;
        };
        let Some(prototype) = btf.prototype(head.word) else { continue };
        let declaration = Declaration { id, prototype };
        match found.get_mut(name) {
            Some(known) if prototype < known.prototype => *known = declaration,
            Some(_) => {}
            None => drop(found.insert(name.to_owned(), declaration)),
        }
    }
    found
}

/// The wanted type names that BTF has, and the wanted functions that it has once: one of several of a name cannot be told from the
/// others.
pub(super) fn single(btf: &Types<'_>, wanted: &HashSet<&str>) -> HashSet<String> {
    let mut found: HashMap<&str, u32> = HashMap::new();
    for head in btf.heads().filter(|head| matches!(head.kind, KIND_FUNC | KIND_TYPEDEF)) {
        if let Some(name) = btf.name(head.name).filter(|name| wanted.contains(name)) {
            let times = found.entry(name).or_default();
            *times = if head.kind == KIND_FUNC { *times + 1 } else { 1 };
        }
    }
    found.into_iter().filter(|&(_, times)| times == 1).map(|(name, _)| name.to_owned()).collect()
}

/// The ids of the functions of these names, if all are there.
pub(super) fn ids<const N: usize>(btf: &Types<'_>, names: [&str; N]) -> Option<[u32; N]> {
    let mut found = [0; N];
    for (id, head) in (1..).zip(btf.heads()).filter(|(_, head)| head.kind == KIND_FUNC) {
        if let Some(at) = btf.name(head.name).and_then(|name| names.iter().position(|wanted| *wanted == name))
        {
            found[at] = id;
        }
    }
    found.iter().all(|&id| id != 0).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BTF put together by hand.
    #[derive(Default)]
    struct Builder {
        types: Vec<u8>,
        strings: Vec<u8>,
        count: u32,
    }

    impl Builder {
        fn name(&mut self, name: &str) -> u32 {
            if self.strings.is_empty() {
                self.strings.push(0);
            }
            let at = self.strings.len() as u32;
            self.strings.extend(name.bytes().chain([0]));
            at
        }

        fn add(&mut self, name: u32, kind: u32, members: u32, word: u32, after: &[u32]) -> u32 {
            for part in [name, kind << 24 | members, word].iter().chain(after) {
                self.types.extend(part.to_ne_bytes());
            }
            self.count += 1;
            self.count
        }

        fn bytes(&self) -> Vec<u8> {
            made_of(&self.types, &self.strings)
        }
    }

    #[test]
    fn functions_are_found_by_name_and_prototype() {
        let mut btf = Builder::default();
        let names = ["pt_regs", "regs", "__unused", "__x64_sys_a", "__do_sys_a", "__x64_sys_b", "number"];
        let [structure, regs, unused, a, zero, b, number] = names.map(|name| btf.name(name));
        let int = btf.add(number, KIND_INT, 0, 4, &[32]);
        let structure = btf.add(structure, KIND_STRUCT, 1, 4, &[0, int, 0]);
        let constant = btf.add(0, KIND_CONST, 0, structure, &[]);
        let pointer = btf.add(0, KIND_PTR, 0, constant, &[]);
        let long = btf.add(0, KIND_FUNC_PROTO, 1, int, &[number, int]);
        let without = btf.add(0, KIND_FUNC_PROTO, 1, int, &[unused, pointer]);
        let with = btf.add(0, KIND_FUNC_PROTO, 1, int, &[regs, pointer]);
        btf.add(a, KIND_FUNC, 0, without, &[]);
        let real = btf.add(a, KIND_FUNC, 0, with, &[]);
        btf.add(zero, KIND_FUNC, 0, long, &[]);
        let other = btf.add(b, KIND_FUNC, 0, without, &[]);
        let bytes = btf.bytes();
        let wanted = names.map(str::to_owned).into();
        let types = Types::new(&bytes).unwrap();
        let found = functions(&types, &wanted);
        assert_eq!(found["__x64_sys_a"], Declaration { id: real, prototype: Prototype::Registers });
        assert_eq!(found["__x64_sys_b"], Declaration { id: other, prototype: Prototype::Unused });
        assert_eq!(found.len(), 2);
        // cut off anywhere, it is refused or has fewer; it never panics
        for end in 0..bytes.len() {
            let cut = Types::new(&bytes[..end]).map(|types| functions(&types, &wanted));
            assert!(cut.is_none_or(|found| found.len() <= 2));
        }
        assert!(Types::new(b"no BTF at all, but long enough").is_none());
        let alone = single(&types, &["__x64_sys_a", "__x64_sys_b", "absent"].into());
        assert_eq!(alone, HashSet::from(["__x64_sys_b".to_owned()]));
    }

    /// Against aya's own reading of the kernel that runs.
    #[test]
    fn the_running_kernels_functions_are_those_that_aya_finds() {
        let Ok(bytes) = std::fs::read("/sys/kernel/btf/vmlinux") else {
            skipped!("this kernel has no BTF");
            return;
        };
        let wanted: HashSet<String> = crate::syscall_function::symbols(&crate::family::ARCHES).collect();
        let found = functions(&Types::new(&bytes).unwrap(), &wanted);
        assert!(found.len() > 300, "{}", found.len());
        let btf = aya::Btf::from_sys_fs().unwrap();
        for name in ["__x64_sys_openat", "__x64_sys_umask", "__do_sys_fork", "__x64_sys_renameat2"] {
            let theirs = btf.id_by_type_name_kind(name, aya_obj::btf::BtfKind::Func).unwrap();
            assert_eq!(found[name].id, theirs, "{name}");
        }
    }
}
