//! System calls by architecture.
//!
//! The names are the original's (`pread`, not `pread64`, on x86-64), because rules are written with them; calls
//! newer than the original's tables follow under the kernel's names.

use super::{
    syscall_aarch64::AARCH64, syscall_arm::ARM, syscall_i386::I386, syscall_ppc::PPC, syscall_s390::S390,
    syscall_s390x::S390X, syscall_x86_64::X86_64,
};
use crate::arch::Arch;

/// Calls that all architectures number alike and that are newer than the original's tables
/// (`scripts/syscall.tbl` of the kernel, up to 6.18), ascending.
const NEWER: &[(u32, &str)] = &[
    (451, "cachestat"),
    (452, "fchmodat2"),
    (453, "map_shadow_stack"),
    (454, "futex_wake"),
    (455, "futex_wait"),
    (456, "futex_requeue"),
    (457, "statmount"),
    (458, "listmount"),
    (459, "lsm_get_self_attr"),
    (460, "lsm_set_self_attr"),
    (461, "lsm_list_modules"),
    (462, "mseal"),
    (463, "setxattrat"),
    (464, "getxattrat"),
    (465, "listxattrat"),
    (466, "removexattrat"),
    (467, "open_tree_attr"),
    (468, "file_getattr"),
    (469, "file_setattr"),
];

/// The same for x86-64 alone.
const NEWER_X86_64: &[(u32, &str)] = &[(335, "uretprobe"), (336, "uprobe")];

/// Second names on i386.
const ALIASES_I386: &[(u32, &str)] = &[(219, "madvise1")];

/// How many lists the names of a table are spread over: most have one name or two.
const LISTS: usize = 256;

/// A table, and where in it names are: rules files name system calls by the thousand.
struct Table {
    /// Number and name, ascending.
    rows: &'static [(u32, &'static str)],
    /// The places of the rows, list by list.
    places: &'static [u16],
    /// Where in `places` each list begins, and the last ends.
    starts: [u16; LISTS + 1],
}

impl Table {
    /// The list that a name is in, whatever its case.
    const fn list(name: &[u8]) -> usize {
        let mut list = name.len();
        let mut at = 0;
        while at < name.len() {
            list = list.wrapping_mul(31).wrapping_add(name[at].to_ascii_lowercase() as usize);
            at += 1;
        }
        list % LISTS
    }

    const fn starts(rows: &[(u32, &str)]) -> [u16; LISTS + 1] {
        let mut starts = [0; LISTS + 1];
        let mut at = 0;
        while at < rows.len() {
            starts[Self::list(rows[at].1.as_bytes()) + 1] += 1;
            at += 1;
        }
        let mut list = 1;
        while list < starts.len() {
            starts[list] += starts[list - 1];
            list += 1;
        }
        starts
    }

    const fn places<const ROWS: usize>(rows: &[(u32, &str)]) -> [u16; ROWS] {
        let mut next = Self::starts(rows);
        let mut places = [0; ROWS];
        let mut at = 0;
        while at < ROWS {
            let list = Self::list(rows[at].1.as_bytes());
            places[next[list] as usize] = at as u16;
            next[list] += 1;
            at += 1;
        }
        places
    }

    fn number(&self, name: &[u8]) -> Option<u32> {
        let list = Self::list(name);
        let places = usize::from(self.starts[list])..usize::from(self.starts[list + 1]);
        let mut rows = self.places[places].iter().map(|&at| self.rows[usize::from(at)]);
        rows.find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(name)).map(|(number, _)| number)
    }
}

/// The tables with these rows.
macro_rules! tables {
    ($($rows:ident),*) => {
        &[$(Table {
            rows: $rows,
            places: &const { Table::places::<{ $rows.len() }>($rows) },
            starts: Table::starts($rows),
        }),*]
    };
}

/// The tables of an architecture, the original's first.
const fn tables(arch: Arch) -> &'static [Table] {
    match arch {
        Arch::X86_64 => const { tables![X86_64, NEWER, NEWER_X86_64] },
        Arch::I386 => const { tables![I386, NEWER] },
        Arch::AARCH64 => const { tables![AARCH64, NEWER] },
        Arch::ARM => const { tables![ARM, NEWER] },
        Arch::PPC | Arch::PPC64 | Arch::PPC64LE => const { tables![PPC, NEWER] },
        Arch::S390 => const { tables![S390, NEWER] },
        Arch::S390X => const { tables![S390X, NEWER] },
        _ => &[],
    }
}

/// The name of system call `number` on `arch`; `None` for numbers without a name and for architectures without
/// a table.
pub fn name(arch: Arch, number: u32) -> Option<&'static str> {
    tables(arch).iter().find_map(|table| super::name_of(table.rows, number))
}

/// The number of the system call called `name` on `arch`.
pub fn number(arch: Arch, name: &[u8]) -> Option<u32> {
    tables(arch)
        .iter()
        .find_map(|table| table.number(name))
        .or_else(|| if arch == Arch::I386 { super::number_of(ALIASES_I386, name) } else { None })
}

/// Every system call of `arch` that has a name: number and name, ascending within each of its tables.
pub fn all(arch: Arch) -> impl Iterator<Item = (u32, &'static str)> {
    tables(arch).iter().flat_map(|table| table.rows.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::{Arch, all, name, number};

    #[test]
    fn names_are_the_originals() {
        assert_eq!(number(Arch::X86_64, b"OPEN"), Some(2));
        assert_eq!(number(Arch::I386, b"open"), Some(5));
        assert_eq!(number(Arch::X86_64, b"pread64"), None);
        assert_eq!(name(Arch::X86_64, 17), Some("pread"));
        assert_eq!(number(Arch::I386, b"madvise1"), Some(219));
        assert_eq!(name(Arch::AARCH64, 452), Some("fchmodat2"));
        assert_eq!(name(Arch::S390, 1), Some("exit"));
        assert_eq!(name(Arch(1), 1), None);
    }

    #[test]
    fn every_name_leads_back_to_its_number() {
        for arch in
            [Arch::X86_64, Arch::I386, Arch::AARCH64, Arch::ARM, Arch::PPC64LE, Arch::S390, Arch::S390X]
        {
            for (nr, text) in all(arch) {
                assert_eq!((name(arch, nr), number(arch, text.as_bytes())), (Some(text), Some(nr)));
            }
        }
    }
}
