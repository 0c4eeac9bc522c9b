//! Architectures: `AUDIT_ARCH_*` of `<linux/audit.h>`, which are ELF machine numbers with two flags.

use crate::table::machine::{self, Machine};

/// `__AUDIT_ARCH_64BIT`.
const BITS_64: u32 = 0x8000_0000;

/// The value of the `arch` field: ELF machine number, `0x80000000` for 64 bit, `0x40000000` for little endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arch(pub u32);

impl Arch {
    /// x86-64, also the ABI of x32 programs.
    pub const X86_64: Self = Self(0xC000_003E);
    /// 32-bit x86, native or on x86-64.
    pub const I386: Self = Self(0x4000_0003);
    /// 64-bit ARM.
    pub const AARCH64: Self = Self(0xC000_00B7);
    /// 32-bit little-endian ARM.
    pub const ARM: Self = Self(0x4000_0028);
    /// 64-bit big-endian POWER.
    pub const PPC64: Self = Self(0x8000_0015);
    /// 64-bit little-endian POWER.
    pub const PPC64LE: Self = Self(0xC000_0015);
    /// 32-bit POWER.
    pub const PPC: Self = Self(0x0000_0014);
    /// 64-bit IBM Z.
    pub const S390X: Self = Self(0x8000_0016);
    /// 31-bit IBM Z.
    pub const S390: Self = Self(0x0000_0016);

    /// The kernel's number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Whether the 64-bit flag is set: `b64` in a rule.
    pub const fn is_64_bit(self) -> bool {
        self.0 & BITS_64 != 0
    }

    /// The machine, if it is one that the rule language knows.
    pub fn machine(self) -> Option<Machine> {
        machine::from_elf(self.0)
    }

    /// The architecture that `-F arch=b32` means on this machine; itself where there is no 32-bit side.
    #[must_use]
    pub const fn compat(self) -> Self {
        match self {
            Self::X86_64 => Self::I386,
            Self::PPC64 => Self::PPC,
            Self::S390X => Self::S390,
            Self::AARCH64 => Self::ARM,
            other => other,
        }
    }
}
