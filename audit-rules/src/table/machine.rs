//! Machines: the names that `arch=` takes, and their ELF numbers.

use crate::arch::Arch;

/// A machine that the rule language has a table of system calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Machine {
    /// 32-bit x86.
    I386,
    /// x86-64.
    X86_64,
    /// 64-bit big-endian POWER.
    Ppc64,
    /// 32-bit POWER.
    Ppc,
    /// 64-bit IBM Z.
    S390x,
    /// 31-bit IBM Z.
    S390,
    /// 32-bit ARM.
    Arm,
    /// 64-bit ARM.
    Aarch64,
    /// 64-bit little-endian POWER.
    Ppc64le,
}

/// Machine, ELF number, the name that `auditctl -l -i` prints, further names.
const MACHINES: &[(Machine, Arch, &str, &[&str])] = &[
    (Machine::I386, Arch::I386, "i386", &["i486", "i586", "i686"]),
    (Machine::X86_64, Arch::X86_64, "x86_64", &[]),
    (Machine::Ppc64, Arch::PPC64, "ppc64", &[]),
    (Machine::Ppc, Arch::PPC, "ppc", &[]),
    (Machine::S390x, Arch::S390X, "s390x", &[]),
    (Machine::S390, Arch::S390, "s390", &[]),
    (Machine::Arm, Arch::ARM, "armeb", &["arm", "armv5tejl", "armv5tel", "armv6l", "armv7l"]),
    (Machine::Aarch64, Arch::AARCH64, "aarch64", &["armv8l"]),
    (Machine::Ppc64le, Arch::PPC64LE, "ppc64le", &[]),
];

impl Machine {
    /// The name that `auditctl -l -i` prints.
    pub fn name(self) -> &'static str {
        MACHINES.iter().find(|row| row.0 == self).map_or("", |row| row.2)
    }

    /// The value of the `arch` field.
    pub fn arch(self) -> Arch {
        MACHINES.iter().find(|row| row.0 == self).map_or(Arch(0), |row| row.1)
    }
}

/// The machine whose `arch` value this is.
pub fn from_elf(elf: u32) -> Option<Machine> {
    MACHINES.iter().find(|row| row.1.number() == elf).map(|row| row.0)
}

/// The machine called `name`, whatever its case.
pub fn from_name(name: &[u8]) -> Option<Machine> {
    let is = |known: &str| known.as_bytes().eq_ignore_ascii_case(name);
    MACHINES.iter().find(|row| is(row.2) || row.3.iter().any(|alias| is(alias))).map(|row| row.0)
}
