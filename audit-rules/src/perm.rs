//! Permissions of a watch: `AUDIT_PERM_*` of `<linux/audit.h>`.

use std::fmt;

/// A set of the four kinds of access that `perm=` and `-p` name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Perms(u32);

impl Perms {
    /// `x`, `AUDIT_PERM_EXEC`.
    pub const EXEC: Self = Self(1);
    /// `w`, `AUDIT_PERM_WRITE`.
    pub const WRITE: Self = Self(2);
    /// `r`, `AUDIT_PERM_READ`.
    pub const READ: Self = Self(4);
    /// `a`, `AUDIT_PERM_ATTR`.
    pub const ATTR: Self = Self(8);
    /// All four, what a watch without `-p` has.
    pub const ALL: Self = Self(15);

    /// The set with this number, the value of a `perm` field; `None` if a bit above the four is set.
    pub const fn from_number(number: u32) -> Option<Self> {
        if number & !15 == 0 { Some(Self(number)) } else { None }
    }

    /// The value of a `perm` field.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Whether all of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The permission that a letter stands for, in either case.
    pub const fn from_letter(letter: u8) -> Option<Self> {
        match letter.to_ascii_lowercase() {
            b'r' => Some(Self::READ),
            b'w' => Some(Self::WRITE),
            b'x' => Some(Self::EXEC),
            b'a' => Some(Self::ATTR),
            _ => None,
        }
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// No permission.
    pub const NONE: Self = Self(0);
}

impl fmt::Display for Perms {
    /// The letters in the order of `auditctl -l`: `rwxa`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (bit, letter) in [(Self::READ, "r"), (Self::WRITE, "w"), (Self::EXEC, "x"), (Self::ATTR, "a")] {
            if self.contains(bit) {
                out.write_str(letter)?;
            }
        }
        Ok(())
    }
}
