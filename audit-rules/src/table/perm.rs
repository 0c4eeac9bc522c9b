//! Which system calls the `perm` field selects: the kernel's class tables (`arch/x86/kernel/audit_64.c`,
//! `arch/x86/ia32/audit.c`, `include/asm-generic/audit_*.h`) as of 6.18, read back from that kernel by loading rules
//! with class numbers; and how `audit_match_perm` decides about calls that are in no table.
//!
//! Older kernels lack some of the newest entries (452, 463 to 466).

use crate::{arch::Arch, perm::Perms, syscalls::SyscallSet};

/// A class of system calls, `AUDIT_CLASS_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Calls that change directories; part of `Write`.
    DirWrite,
    /// Calls that change attributes: `perm=a`.
    Attr,
    /// Calls that read: `perm=r`.
    Read,
    /// Calls that write: `perm=w`.
    Write,
    /// Calls that send a signal to a process.
    Signal,
}

/// How the kernel decides whether a call has a permission (`audit_match_perm`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// By the class tables.
    Class,
    /// By the access mode in the open flags, which are argument number `.0` (from 0).
    OpenFlags(u8),
    /// By the access mode in the low word of `struct open_how`, whose address is argument 2 (`openat2`).
    OpenHow,
    /// `x`.
    Exec,
    /// `w` if argument 0 is 2 (bind), otherwise nothing (`socketcall` of i386).
    SocketCall,
}

const DIR_WRITE_64: &[u32] = &[82, 83, 84, 85, 86, 87, 88, 133, 258, 259, 263, 264, 265, 266, 316];
const ATTR_64: &[u32] = &[86, 90, 91, 92, 93, 94, 188, 189, 190, 197, 198, 199, 260, 265, 268, 452, 463, 466];
const READ_64: &[u32] = &[89, 179, 191, 192, 193, 194, 195, 196, 267, 464, 465];
const WRITE_64: &[u32] =
    &[49, 76, 77, 82, 83, 84, 85, 86, 87, 88, 133, 163, 167, 179, 258, 259, 263, 264, 265, 266, 285, 316];
const SIGNAL_64: &[u32] = &[62, 200, 234];

const DIR_WRITE_32: &[u32] = &[8, 9, 10, 14, 38, 39, 40, 83, 296, 297, 301, 302, 303, 304, 353];
const ATTR_32: &[u32] =
    &[9, 15, 16, 94, 95, 182, 198, 207, 212, 226, 227, 228, 235, 236, 237, 298, 303, 306, 452, 463, 466];
const READ_32: &[u32] = &[85, 131, 229, 230, 231, 232, 233, 234, 305, 464, 465];
const WRITE_32: &[u32] = &[
    8, 9, 10, 14, 38, 39, 40, 51, 83, 87, 92, 93, 131, 193, 194, 296, 297, 301, 302, 303, 304, 324, 353, 361,
];
const SIGNAL_32: &[u32] = &[37, 238, 270];

/// Classes by the number that user space may put into a rule's mask: class `n` of the kernel is number
/// `2047 - n`.
const BY_NUMBER: &[(Class, Arch)] = &[
    (Class::DirWrite, Arch::X86_64),
    (Class::DirWrite, Arch::I386),
    (Class::Attr, Arch::X86_64),
    (Class::Attr, Arch::I386),
    (Class::Read, Arch::X86_64),
    (Class::Read, Arch::I386),
    (Class::Write, Arch::X86_64),
    (Class::Write, Arch::I386),
    (Class::Signal, Arch::X86_64),
    (Class::Signal, Arch::I386),
];

/// The numbers of the calls of `class` on `arch`, ascending; empty for architectures without tables here.
pub fn class(class: Class, arch: Arch) -> &'static [u32] {
    match (arch, class) {
        (Arch::X86_64, Class::DirWrite) => DIR_WRITE_64,
        (Arch::X86_64, Class::Attr) => ATTR_64,
        (Arch::X86_64, Class::Read) => READ_64,
        (Arch::X86_64, Class::Write) => WRITE_64,
        (Arch::X86_64, Class::Signal) => SIGNAL_64,
        (Arch::I386, Class::DirWrite) => DIR_WRITE_32,
        (Arch::I386, Class::Attr) => ATTR_32,
        (Arch::I386, Class::Read) => READ_32,
        (Arch::I386, Class::Write) => WRITE_32,
        (Arch::I386, Class::Signal) => SIGNAL_32,
        _ => &[],
    }
}

/// How the kernel decides about system call `number` of `arch`.
pub fn decision(arch: Arch, number: u32) -> Decision {
    match (arch, number) {
        (Arch::X86_64, 2) | (Arch::I386, 5) => Decision::OpenFlags(1),
        (Arch::X86_64, 257) | (Arch::I386, 295) => Decision::OpenFlags(2),
        (Arch::X86_64 | Arch::I386, 437) => Decision::OpenHow,
        (Arch::X86_64, 59 | 322) | (Arch::I386, 11 | 358) => Decision::Exec,
        (Arch::I386, 102) => Decision::SocketCall,
        _ => Decision::Class,
    }
}

/// The permissions that open flags ask for: the access mode alone counts (`ACC_MODE`).
pub const fn of_open_flags(flags: u32) -> Perms {
    match flags & 3 {
        0 => Perms::READ,
        1 => Perms::WRITE,
        _ => Perms::READ.with(Perms::WRITE),
    }
}

/// Every call of `arch` that can have one of `perms`, the calls included that are decided by their arguments.
pub fn syscalls(perms: Perms, arch: Arch) -> SyscallSet {
    let mut set = SyscallSet::empty();
    for (perm, of_class) in
        [(Perms::READ, Class::Read), (Perms::WRITE, Class::Write), (Perms::ATTR, Class::Attr)]
    {
        if perms.contains(perm) {
            set = set.union(&class(of_class, arch).iter().copied().collect());
        }
    }
    for number in 0..SyscallSet::FIRST_CLASS_BIT {
        let can = match decision(arch, number) {
            Decision::Class => false,
            Decision::OpenFlags(_) | Decision::OpenHow => {
                perms.contains(Perms::READ) || perms.contains(Perms::WRITE)
            }
            Decision::Exec => perms.contains(Perms::EXEC),
            Decision::SocketCall => perms.contains(Perms::WRITE),
        };
        if can {
            set.insert(number);
        }
    }
    set
}

/// What the kernel makes of a mask that user space sent: the 16 class numbers are replaced by the calls of their
/// classes, which an x86-64 kernel takes from both of its tables (`audit_to_entry_common`).
pub(crate) fn expand_classes(sent: &SyscallSet) -> SyscallSet {
    let mut stored = *sent;
    for number in 0..SyscallSet::CAPACITY - SyscallSet::FIRST_CLASS_BIT {
        let bit = SyscallSet::CAPACITY - 1 - number;
        if !stored.contains(bit) {
            continue;
        }
        stored.remove(bit);
        if let Some(&(of_class, arch)) = BY_NUMBER.get(number as usize) {
            stored = stored.union(&class(of_class, arch).iter().copied().collect());
        }
    }
    stored
}

#[cfg(test)]
mod tests {
    use super::{Arch, Class, Perms, SyscallSet, class, expand_classes, of_open_flags, syscalls};
    use crate::table::syscall;

    #[test]
    fn both_abis_name_the_same_calls() {
        // What i386 has beside x86-64: 16-bit ids and 64-bit truncation.
        for of_class in [Class::DirWrite, Class::Read, Class::Signal] {
            let names = |arch| {
                let mut names: Vec<_> =
                    class(of_class, arch).iter().map(|&nr| syscall::name(arch, nr)).collect();
                names.sort_unstable();
                names
            };
            assert_eq!(names(Arch::X86_64), names(Arch::I386), "{of_class:?}");
        }
    }

    #[test]
    fn class_numbers_become_their_calls() {
        let stored = expand_classes(&[2039].into_iter().collect());
        assert_eq!(stored.iter().collect::<Vec<_>>(), [62, 200, 234]);
        assert_eq!(expand_classes(&SyscallSet::from_words([u32::MAX; 64])), SyscallSet::all());
    }

    #[test]
    fn opens_and_execs_are_decided_by_arguments() {
        assert!(syscalls(Perms::EXEC, Arch::X86_64).iter().eq([59, 322]));
        assert!(syscalls(Perms::READ, Arch::X86_64).contains(257));
        assert!(!syscalls(Perms::ATTR, Arch::X86_64).contains(257));
        assert_eq!(of_open_flags(0o3), of_open_flags(0o2));
        assert_eq!(of_open_flags(0o1001), Perms::WRITE, "O_TRUNC does not count");
    }
}
