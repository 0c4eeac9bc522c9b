//! Lists and actions of a rule: `AUDIT_FILTER_*` and `AUDIT_NEVER`/`AUDIT_ALWAYS` of `<linux/audit.h>`.

use std::fmt;

/// Bit of the `flags` word of `struct audit_rule_data` that asks for the front of the list
/// (`AUDIT_FILTER_PREPEND`). The kernel drops it when it stores the rule.
pub(crate) const PREPEND: u32 = 0x10;

/// The list that a rule is on: when the kernel looks at it. The order is that of the kernel's dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum List {
    /// Messages sent by user space (records 1100 and up).
    User = 0,
    /// When a task is created: whether it gets an audit context.
    Task = 1,
    /// At the exit of a system call.
    Exit = 4,
    /// Before any record is made: drops records by type and credentials.
    Exclude = 5,
    /// When a name is collected: leaves out whole file systems.
    Filesystem = 6,
    /// At the end of an `io_uring` operation.
    IoUring = 7,
}

impl List {
    /// Every list, in the order of the kernel's dump.
    pub const ALL: [Self; 6] =
        [Self::User, Self::Task, Self::Exit, Self::Exclude, Self::Filesystem, Self::IoUring];

    /// The kernel's number, `AUDIT_FILTER_*`.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The list with this number; `None` for the removed entry list (2), 3 and everything above 7.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.number() == number)
    }

    /// The word used after `-a`, `-A` and `-d`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Task => "task",
            Self::Exit => "exit",
            Self::Exclude => "exclude",
            Self::Filesystem => "filesystem",
            Self::IoUring => "io_uring",
        }
    }

    /// The list called `name`; case matters, as in the original.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.name().as_bytes() == name)
    }

    /// Whether a rule on this list has a set of system calls (or `io_uring` operations) that is looked at.
    pub const fn takes_syscalls(self) -> bool {
        matches!(self, Self::Exit | Self::IoUring)
    }
}

impl fmt::Display for List {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// What a matching rule decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// `AUDIT_NEVER`: no event (on the exclude list: drop the record, like `Always`).
    Never = 0,
    /// `AUDIT_ALWAYS`: an event.
    Always = 2,
}

impl Action {
    /// The kernel's number.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The action with this number; `None` for the removed `possible` (1) and everything else.
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Never),
            2 => Some(Self::Always),
            _ => None,
        }
    }

    /// The word used after `-a`, `-A` and `-d`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Always => "always",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
