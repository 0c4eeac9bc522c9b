//! Mirror of `bpf/abi.h`, which has the meaning of each number; a test compares the layouts.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `EA_GENERATIONS`
pub const GENERATIONS: usize = 2;
/// `EA_SYSCALLS`
pub const SYSCALLS: usize = 2048;
/// `EA_ARCHES`
pub const ARCHES: usize = 2;
/// `EA_STEPS`
pub const STEPS: usize = 65_536;
/// `EA_EXES`
pub const EXES: usize = 1024;
/// `EA_ARGS_CHUNK`
pub const ARGS_CHUNK: usize = 8192;
/// `EA_TARGETS`
pub const TARGETS: usize = 32;
/// `EA_CONFIG_TASK_RULES`
pub const CONFIG_TASK_RULES: u32 = 1;
/// `EA_CONFIG_EXCLUDES`
pub const CONFIG_EXCLUDES: u32 = 2;
/// `EA_STEP_FALSE`: the step that is never true.
pub const STEP_FALSE: u32 = 1;
/// `EA_STEP_LAST`
pub const STEP_LAST: u8 = 1;
/// `EA_STEP_NEVER`
pub const STEP_NEVER: u8 = 2;
/// `EA_STEP_EXIT`
pub const STEP_EXIT: u8 = 4;
/// `EA_NEED_CREDENTIALS`
pub const NEED_CREDENTIALS: u16 = 1;
/// `EA_NEED_PARENT`
pub const NEED_PARENT: u16 = 2;
/// `EA_NEED_EXE`
pub const NEED_EXE: u16 = 4;
/// `EA_NEED_LOGIN`
pub const NEED_LOGIN: u16 = 16;
/// `EA_PATH_DELETED`
pub const PATH_DELETED: u16 = 1;
/// `EA_PATH_CUT`
pub const PATH_CUT: u16 = 2;
/// `EA_NAME_PARENT`
pub const NAME_PARENT: u16 = 1;
/// `EA_NAME_CREATE`
pub const NAME_CREATE: u16 = 2;
/// `EA_NAME_NO_INODE`
pub const NAME_NO_INODE: u16 = 4;
/// `EA_NAME_NO_TEXT`
pub const NAME_NO_TEXT: u16 = 8;
/// `EA_NAME_LOADER`
pub const NAME_LOADER: u16 = 16;
/// `EA_NO_FAMILY`
pub const NO_FAMILY: u32 = 0xffff_ffff;

/// Kind of a ring record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// `EA_KIND_SYSCALL`
    Syscall = 1,
    /// `EA_KIND_ARGUMENTS`
    Arguments = 2,
}

impl Kind {
    /// Every variant, in order of number.
    pub const ALL: [Self; 2] = [Self::Syscall, Self::Arguments];

    /// The variant of a number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| *variant as u32 == number)
    }
}

/// Kind of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum ItemKind {
    /// `EA_ITEM_TTY`
    Tty = 1,
    /// `EA_ITEM_EXE`
    Exe = 2,
    /// `EA_ITEM_CWD`
    Cwd = 3,
    /// `EA_ITEM_PROCTITLE`
    Proctitle = 4,
    /// `EA_ITEM_NAME`
    Name = 5,
    /// `EA_ITEM_SOCKADDR`
    Sockaddr = 6,
    /// `EA_ITEM_ARGUMENTS`
    Arguments = 7,
    /// `EA_ITEM_TARGET`
    Target = 8,
    /// `EA_ITEM_FD_PAIR`
    FdPair = 9,
    /// `EA_ITEM_CAPSET`
    Capset = 10,
    /// `EA_ITEM_EXEC`
    Exec = 11,
    /// `EA_ITEM_INTERP`
    Interp = 12,
    /// `EA_ITEM_MODULE`
    Module = 13,
    /// `EA_ITEM_CLOCK`
    Clock = 14,
    /// `EA_ITEM_MMAP`
    Mmap = 15,
    /// `EA_ITEM_OPENAT2`
    Openat2 = 16,
    /// `EA_ITEM_TARGETS_MORE`
    TargetsMore = 17,
    /// `EA_ITEM_DIRECTORY`
    Directory = 18,
}

impl ItemKind {
    /// Every variant, in order of number.
    pub const ALL: [Self; 18] = [
        Self::Tty,
        Self::Exe,
        Self::Cwd,
        Self::Proctitle,
        Self::Name,
        Self::Sockaddr,
        Self::Arguments,
        Self::Target,
        Self::FdPair,
        Self::Capset,
        Self::Exec,
        Self::Interp,
        Self::Module,
        Self::Clock,
        Self::Mmap,
        Self::Openat2,
        Self::TargetsMore,
        Self::Directory,
    ];

    /// The variant of a number.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| *variant as u16 == number)
    }
}

/// Record types that the exclude list can drop from our events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Record {
    /// `EA_RECORD_SYSCALL`
    Syscall = 0,
    /// `EA_RECORD_PATH`
    Path = 1,
    /// `EA_RECORD_SOCKADDR`
    Sockaddr = 2,
    /// `EA_RECORD_CWD`
    Cwd = 3,
    /// `EA_RECORD_EXECVE`
    Execve = 4,
    /// `EA_RECORD_FD_PAIR`
    FdPair = 5,
    /// `EA_RECORD_OBJ_PID`
    ObjPid = 6,
    /// `EA_RECORD_BPRM_FCAPS`
    BprmFcaps = 7,
    /// `EA_RECORD_CAPSET`
    Capset = 8,
    /// `EA_RECORD_MMAP`
    Mmap = 9,
    /// `EA_RECORD_PROCTITLE`
    Proctitle = 10,
    /// `EA_RECORD_KERN_MODULE`
    KernModule = 11,
    /// `EA_RECORD_TIME_INJOFFSET`
    TimeInjoffset = 12,
    /// `EA_RECORD_OPENAT2`
    Openat2 = 13,
    /// `EA_RECORD_EOE`
    Eoe = 14,
}

impl Record {
    /// Every variant, in order of number.
    pub const ALL: [Self; 15] = [
        Self::Syscall,
        Self::Path,
        Self::Sockaddr,
        Self::Cwd,
        Self::Execve,
        Self::FdPair,
        Self::ObjPid,
        Self::BprmFcaps,
        Self::Capset,
        Self::Mmap,
        Self::Proctitle,
        Self::KernModule,
        Self::TimeInjoffset,
        Self::Openat2,
        Self::Eoe,
    ];

    /// The variant of a number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| *variant as u32 == number)
    }
}

/// What a syscall's record needs beyond the SYSCALL line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Family {
    /// `EA_FAMILY_PLAIN`
    Plain = 0,
    /// `EA_FAMILY_EXEC`
    Exec = 1,
    /// `EA_FAMILY_EXIT`
    Exit = 2,
    /// `EA_FAMILY_FORK`
    Fork = 3,
    /// `EA_FAMILY_OPEN`
    Open = 4,
    /// `EA_FAMILY_OPENAT`
    Openat = 5,
    /// `EA_FAMILY_OPENAT2`
    Openat2 = 6,
    /// `EA_FAMILY_ADDRESS_IN`
    AddressIn = 7,
    /// `EA_FAMILY_SENDTO`
    Sendto = 8,
    /// `EA_FAMILY_SENDMSG`
    Sendmsg = 9,
    /// `EA_FAMILY_SENDMMSG`
    Sendmmsg = 10,
    /// `EA_FAMILY_ADDRESS_OUT`
    AddressOut = 11,
    /// `EA_FAMILY_RECVFROM`
    Recvfrom = 12,
    /// `EA_FAMILY_RECVMSG`
    Recvmsg = 13,
    /// `EA_FAMILY_RECVMMSG`
    Recvmmsg = 14,
    /// `EA_FAMILY_PIPE`
    Pipe = 15,
    /// `EA_FAMILY_SOCKETPAIR`
    Socketpair = 16,
    /// `EA_FAMILY_KILL`
    Kill = 17,
    /// `EA_FAMILY_TGKILL`
    Tgkill = 18,
    /// `EA_FAMILY_PIDFD_SIGNAL`
    PidfdSignal = 19,
    /// `EA_FAMILY_PTRACE`
    Ptrace = 20,
    /// `EA_FAMILY_CAPSET`
    Capset = 21,
    /// `EA_FAMILY_MMAP`
    Mmap = 22,
    /// `EA_FAMILY_DELETE_MODULE`
    DeleteModule = 23,
    /// `EA_FAMILY_SETTIME`
    Settime = 24,
    /// `EA_FAMILY_EXECVEAT`
    Execveat = 25,
    /// `EA_FAMILY_BIND`
    Bind = 26,
}

impl Family {
    /// Every variant, in order of number.
    pub const ALL: [Self; 27] = [
        Self::Plain,
        Self::Exec,
        Self::Exit,
        Self::Fork,
        Self::Open,
        Self::Openat,
        Self::Openat2,
        Self::AddressIn,
        Self::Sendto,
        Self::Sendmsg,
        Self::Sendmmsg,
        Self::AddressOut,
        Self::Recvfrom,
        Self::Recvmsg,
        Self::Recvmmsg,
        Self::Pipe,
        Self::Socketpair,
        Self::Kill,
        Self::Tgkill,
        Self::PidfdSignal,
        Self::Ptrace,
        Self::Capset,
        Self::Mmap,
        Self::DeleteModule,
        Self::Settime,
        Self::Execveat,
        Self::Bind,
    ];

    /// The variant of a number.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| *variant as u16 == number)
    }
}

/// Test of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Op {
    /// `EA_OP_EQ`
    Eq = 0,
    /// `EA_OP_NE`
    Ne = 1,
    /// `EA_OP_LT`
    Lt = 2,
    /// `EA_OP_LE`
    Le = 3,
    /// `EA_OP_GT`
    Gt = 4,
    /// `EA_OP_GE`
    Ge = 5,
    /// `EA_OP_MASK`
    Mask = 6,
    /// `EA_OP_TEST`
    Test = 7,
    /// `EA_OP_FACT_EQ`
    FactEq = 8,
    /// `EA_OP_FACT_NE`
    FactNe = 9,
    /// `EA_OP_EXE_EQ`
    ExeEq = 10,
    /// `EA_OP_EXE_NE`
    ExeNe = 11,
    /// `EA_OP_GROUP_EQ`
    GroupEq = 12,
    /// `EA_OP_GROUP_NE`
    GroupNe = 13,
    /// `EA_OP_TRUE`
    True = 14,
    /// `EA_OP_FALSE`
    False = 15,
}

impl Op {
    /// Every variant, in order of number.
    pub const ALL: [Self; 16] = [
        Self::Eq,
        Self::Ne,
        Self::Lt,
        Self::Le,
        Self::Gt,
        Self::Ge,
        Self::Mask,
        Self::Test,
        Self::FactEq,
        Self::FactNe,
        Self::ExeEq,
        Self::ExeNe,
        Self::GroupEq,
        Self::GroupNe,
        Self::True,
        Self::False,
    ];

    /// The variant of a number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| *variant as u8 == number)
    }
}

/// Why an event was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Loss {
    /// `EA_LOSS_RING`
    Ring = 0,
    /// `EA_LOSS_SCRATCH`
    Scratch = 1,
    /// `EA_LOSS_ARGUMENTS`
    Arguments = 2,
}

impl Loss {
    /// Every variant, in order of number.
    pub const ALL: [Self; 3] = [Self::Ring, Self::Scratch, Self::Arguments];

    /// The variant of a number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| *variant as u32 == number)
    }
}

/// Number of reasons of loss.
pub const LOSSES: usize = Loss::ALL.len();

/// The head of a ring record of an event; its items follow. The filter's facts are its 32-bit words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Event {
    /// [`Kind`] of the record
    pub kind: u32,
    /// CPU it was made on
    pub cpu: u32,
    /// number on that CPU, from 1; lost events are numbered too
    pub seq: u64,
    /// `CLOCK_MONOTONIC`, ns
    pub time: u64,
    /// raw argument registers
    pub args: [u64; 4],
    /// return value as audit prints it
    pub exit: i64,
    /// inode of the program
    pub exe_ino: u64,
    /// inode of the task's root directory
    pub root_ino: u64,
    /// device of the task's root directory, kernel-internal number
    pub root_dev: u32,
    /// zero
    pub pad: u32,
    /// device of the program, kernel-internal number
    pub exe_dev: u32,
    /// 1 or 0
    pub success: u32,
    /// 0: the syscall does not return
    pub has_exit: u32,
    /// `AUDIT_ARCH_*`
    pub arch: u32,
    /// syscall number
    pub nr: u32,
    /// [`Family`]
    pub family: u32,
    /// of the tables that decided
    pub generation: u32,
    /// index of the rule that decided, in its generation
    pub rule: u32,
    /// `task->personality`
    pub personality: u32,
    /// tgid of the parent, root namespace
    pub ppid: u32,
    /// tgid, root namespace
    pub pid: u32,
    /// thread id, root namespace
    pub tid: u32,
    /// login uid
    pub auid: u32,
    /// real uid
    pub uid: u32,
    /// real gid
    pub gid: u32,
    /// effective uid
    pub euid: u32,
    /// saved uid
    pub suid: u32,
    /// filesystem uid
    pub fsuid: u32,
    /// effective gid
    pub egid: u32,
    /// saved gid
    pub sgid: u32,
    /// filesystem gid
    pub fsgid: u32,
    /// session
    pub ses: u32,
    /// address family, [`NO_FAMILY`] when there is none
    pub saddr_fam: u32,
    /// used by the exclude list
    pub msgtype: u32,
    /// bit per [`Record`]
    pub excluded: u32,
    /// bytes of the record, items included
    pub size: u32,
    /// bytes of the argument area
    pub args_len: u32,
    /// inode number of the mount namespace
    pub mnt_ns: u32,
    /// command name, NUL-padded
    pub comm: [u8; 16],
}

/// A continuation of an event's argument area; follows its event on the same CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct More {
    /// [`Kind`]
    pub kind: u32,
    /// CPU
    pub cpu: u32,
    /// of the event
    pub seq: u64,
    /// of the bytes in the area
    pub offset: u32,
    /// bytes that follow
    pub len: u32,
}

/// Head of an item; its bytes follow, padded to 8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Item {
    /// [`ItemKind`]
    pub kind: u16,
    /// by type
    pub flags: u16,
    /// bytes, without padding
    pub len: u32,
}

/// What is known of a name's inode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Inode {
    /// `i_ino`
    pub ino: u64,
    /// seconds
    pub ctime: i64,
    /// nanoseconds
    pub ctime_nsec: u32,
    /// `s_dev`, kernel-internal number
    pub dev: u32,
    /// `i_mode`
    pub mode: u32,
    /// owner
    pub uid: u32,
    /// group
    pub gid: u32,
    /// `i_rdev`
    pub rdev: u32,
    /// `s_magic`
    pub magic: u32,
    /// the inode may carry `security.capability`
    pub maybe_caps: u32,
}

/// Whom a signal or ptrace went to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Target {
    /// tgid, root namespace
    pub pid: u32,
    /// login uid
    pub auid: u32,
    /// real uid
    pub uid: u32,
    /// session
    pub ses: u32,
    /// command name
    pub comm: [u8; 16],
}

/// Four capability sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Capset {
    /// bits
    pub inheritable: u64,
    /// bits
    pub permitted: u64,
    /// bits
    pub effective: u64,
    /// bits
    pub ambient: u64,
}

/// What an exec that succeeded was like at the point of no return.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Exec {
    /// arguments
    pub argc: u32,
    /// 1: run by an interpreter
    pub script: u32,
    /// old capabilities
    pub before: Capset,
    /// new capabilities
    pub after: Capset,
    /// old real uid
    pub before_uid: u32,
    /// old real gid
    pub before_gid: u32,
    /// new real uid
    pub after_uid: u32,
    /// new effective uid
    pub after_euid: u32,
}

/// Value of the index, per generation, architecture and syscall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Entry {
    /// first step, 0: none
    pub first: u32,
    /// `NEED_*`
    pub needs: u16,
    /// [`Family`]
    pub family: u16,
}

/// One test of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Step {
    /// index of a 32-bit word of [`Event`]
    pub fact: u8,
    /// [`Op`]
    pub op: u8,
    /// `STEP_*`
    pub flags: u8,
    /// zero
    pub pad: u8,
    /// value, fact or table index
    pub operand: u32,
    /// where a false test goes on, 0: no match
    pub next: u32,
    /// the rule it belongs to
    pub rule: u32,
}

/// A file of `exe=` rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Exe {
    /// inode
    pub ino: u64,
    /// device, kernel-internal
    pub dev: u32,
    /// 0: nothing is equal to it
    pub present: u32,
}

/// What changes at run time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Config {
    /// low bit selects the tables
    pub generation: u32,
    /// 0: nothing is recorded
    pub enabled: u32,
    /// tgid that is not recorded
    pub daemon: u32,
    /// `CONFIG_*` per generation
    pub flags: [u32; GENERATIONS],
    /// first step of the task list
    pub task_first: [u32; GENERATIONS],
    /// first step of the exclude list
    pub exclude_first: [u32; GENERATIONS],
    /// zero
    pub pad: u32,
}

/// Per CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Counters {
    /// events that matched
    pub produced: u64,
    /// by [`Loss`]
    pub lost: [u64; LOSSES],
    /// facts that could not be read from user memory
    pub unread: u64,
    /// per-task state that could not be had
    pub no_state: u64,
}

#[cfg(test)]
mod tests {
    use std::mem::{offset_of, size_of};

    use super::*;

    /// Sizes and offsets in the order of `bpf/layout.bpf.c`.
    macro_rules! layout {
        ($($name:ident { $($field:ident),* $(,)? })*) => {
            vec![$(size_of::<$name>() as u32, $(offset_of!($name, $field) as u32,)*)*]
        };
    }

    #[test]
    fn mirrors_the_c_layout() {
        let object = aya_obj::Object::parse(crate::LAYOUT).unwrap();
        let bytes = object.maps[".rodata.layout"].data();
        let theirs: Vec<u32> =
            bytes.chunks_exact(4).map(|word| u32::from_ne_bytes(word.try_into().unwrap())).collect();
        let ours = layout! {
            Event { kind, cpu, seq, time, args, exit, exe_ino, root_ino, root_dev, pad, exe_dev, success, has_exit, arch, nr, family, generation, rule, personality, ppid, pid, tid, auid, uid, gid, euid, suid, fsuid, egid, sgid, fsgid, ses, saddr_fam, msgtype, excluded, size, args_len, mnt_ns, comm }
            More { kind, cpu, seq, offset, len }
            Item { kind, flags, len }
            Inode { ino, ctime, ctime_nsec, dev, mode, uid, gid, rdev, magic, maybe_caps }
            Target { pid, auid, uid, ses, comm }
            Capset { inheritable, permitted, effective, ambient }
            Exec { argc, script, before, after, before_uid, before_gid, after_uid, after_euid }
            Entry { first, needs, family }
            Step { fact, op, flags, pad, operand, next, rule }
            Exe { ino, dev, present }
            Config { generation, enabled, daemon, flags, task_first, exclude_first, pad }
            Counters { produced, lost, unread, no_state }
        };
        assert_eq!(ours, theirs);
    }
}
