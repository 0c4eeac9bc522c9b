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
/// `EA_SETS`
pub const SETS: usize = 512;
/// `EA_TREE_WORDS` words of 64 bits: the number of different directories of `dir=` rules.
pub const TREES: usize = 16 * 64;
/// `EA_TREES`: directories of `dir=` rules and mounts below them, both generations.
pub const TREE_ROOTS: usize = 4096;
/// `EA_WATCHES`: watched inodes and names, both generations.
pub const WATCHES: usize = 16_384;
/// `EA_MARKS`: marks of watched inodes, of one generation.
pub const MARKS: usize = 8192;
/// `EA_RUNS`
pub const RUNS: usize = 4;
/// `EA_WATCH_RUNS`: watched paths of one inode.
pub const WATCH_RUNS: usize = RUNS - 1;
/// `EA_TREE_WORDS`
pub const TREE_WORDS: usize = 16;
/// `EA_CHILD_EXE`: in a child's generation, that it is the name of a program.
pub const CHILD_EXE: u32 = 2;
/// `EA_NAME_MAX`
pub const NAME_MAX: usize = 256;
/// `EA_ANY_DEV`
pub const ANY_DEV: u32 = 0xffff_ffff;
/// `EA_CATEGORY_WORDS`
pub const CATEGORY_WORDS: usize = 64;
/// `EA_CONTEXT_NAME`
pub const CONTEXT_NAME: usize = 4096;
/// `EA_TALLIES`: rules of one generation whose matches are counted.
pub const TALLIES: usize = 16_384;
/// `EA_CONFIG_TASK_RULES`
pub const CONFIG_TASK_RULES: u32 = 1;
/// `EA_CONFIG_EXCLUDES`
pub const CONFIG_EXCLUDES: u32 = 2;
/// `EA_CONFIG_TREES`
pub const CONFIG_TREES: u32 = 4;
/// `EA_CONFIG_INODES`
pub const CONFIG_INODES: u32 = 8;
/// `EA_CONFIG_STUBS`
pub const CONFIG_STUBS: u32 = 16;
/// `EA_CONFIG_RING`
pub const CONFIG_RING: u32 = 32;
/// `EA_CONFIG_TAKEOVER`
pub const CONFIG_TAKEOVER: u32 = 64;
/// `EA_STEP_FALSE`: the step that is never true.
pub const STEP_FALSE: u32 = 1;
/// `EA_STEP_LAST`
pub const STEP_LAST: u8 = 1;
/// `EA_STEP_NEVER`
pub const STEP_NEVER: u8 = 2;
/// `EA_STEP_EXIT`
pub const STEP_EXIT: u8 = 4;
/// `EA_STEP_NAME`
pub const STEP_NAME: u8 = 8;
/// `EA_NEED_CREDENTIALS`
pub const NEED_CREDENTIALS: u16 = 1;
/// `EA_NEED_PARENT`
pub const NEED_PARENT: u16 = 2;
/// `EA_NEED_EXE`
pub const NEED_EXE: u16 = 4;
/// `EA_NEED_LOGIN`
pub const NEED_LOGIN: u16 = 16;
/// `EA_NEED_NAMES`
pub const NEED_NAMES: u16 = 32;
/// `EA_NEED_WATCH`
pub const NEED_WATCH: u16 = 64;
/// `EA_NEED_ADDRESS`
pub const NEED_ADDRESS: u16 = 256;
/// `EA_NEED_HIT`
pub const NEED_HIT: u16 = 128;
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
/// `EA_PROFILE_UNCONFINED`
pub const PROFILE_UNCONFINED: u32 = 1;
/// `EA_LOOKUP_INODE`
pub const LOOKUP_INODE: u16 = 1;
/// `EA_LOOKUP_NOEVAL`
pub const LOOKUP_NOEVAL: u16 = 2;
/// `EA_LOOKUP_HIDDEN`
pub const LOOKUP_HIDDEN: u16 = 4;
/// `EA_LOOKUP_CUT`
pub const LOOKUP_CUT: u16 = 8;
/// `EA_LOOKUP_NEW`
pub const LOOKUP_NEW: u16 = 16;
/// `EA_LOOKUP_AGAIN`
pub const LOOKUP_AGAIN: u16 = 32;
/// `EA_ANOMALY_LINK`
pub const ANOMALY_LINK: u16 = 1;
/// `EA_ANOMALY_CREAT`
pub const ANOMALY_CREAT: u16 = 2;
/// `EA_NTP_VALUES`
pub const NTP_VALUES: usize = 6;
/// `EA_NO_FAMILY`
pub const NO_FAMILY: u32 = 0xffff_ffff;

/// `EA_MARK`: which mark an inode has in its generation.
pub const fn mark(ino: u64) -> u32 {
    let ino = ino as u32;
    (ino ^ ino >> 16) % MARKS as u32
}

/// An enum of `abi.h` with its numbers; a variant is called as there, without the prefix.
macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident: $repr:ident { $($variant:ident = $number:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr($repr)]
        #[allow(missing_docs, reason = "abi.h has the meaning of each")]
        pub enum $name { $($variant = $number,)* }

        impl $name {
            /// Every variant.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The variant of a number.
            pub const fn from_number(number: $repr) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

numbered! {
    /// Kind of a ring record.
    Kind: u32 {
        Syscall = 1,
        Arguments = 2,
    }
}

numbered! {
    /// Kind of an item.
    ItemKind: u16 {
        Tty = 1,
        Exe = 2,
        Cwd = 3,
        Proctitle = 4,
        Name = 5,
        Sockaddr = 6,
        Arguments = 7,
        Target = 8,
        FdPair = 9,
        Capset = 10,
        Exec = 11,
        Interp = 12,
        Module = 13,
        Clock = 14,
        Mmap = 15,
        Openat2 = 16,
        Directory = 18,
        Lookup = 19,
        Subject = 20,
        Object = 21,
        Ipc = 30,
        MqOpen = 31,
        MqSendrecv = 32,
        MqNotify = 33,
        MqGetsetattr = 34,
        Socketcall = 35,
        Adjtime = 36,
        Anomaly = 37,
        Uringop = 38,
        Injoffset = 39,
        SubjectSid = 40,
        ObjectSid = 41,
    }
}

numbered! {
    /// What is asked of `SELinux`'s contexts.
    Question: u32 {
        Policy = 0,
        Sid = 1,
        Name = 2,
        File = 3,
    }
}

numbered! {
    /// Of what in a context a name is asked for.
    Symbol: u32 {
        Role = 2,
        Type = 3,
        User = 4,
        Sensitivity = 6,
        Category = 7,
    }
}

numbered! {
    /// What was done with a name.
    LookupOp: u16 {
        Getname = 1,
        Normal = 2,
        Parent = 3,
        Delete = 4,
        Create = 5,
        File = 6,
        Directory = 7,
    }
}

numbered! {
    /// Record types that the exclude list can drop from our events.
    Record: u32 {
        Syscall = 0,
        Path = 1,
        Sockaddr = 2,
        Cwd = 3,
        Execve = 4,
        FdPair = 5,
        ObjPid = 6,
        BprmFcaps = 7,
        Capset = 8,
        Mmap = 9,
        Proctitle = 10,
        KernModule = 11,
        TimeInjoffset = 12,
        Openat2 = 13,
        Eoe = 14,
        Ipc = 15,
        IpcSetPerm = 16,
        MqOpen = 17,
        MqSendrecv = 18,
        MqNotify = 19,
        MqGetsetattr = 20,
        Socketcall = 21,
        TimeAdjntpval = 22,
        AnomLink = 23,
        AnomCreat = 24,
        Uringop = 25,
    }
}

numbered! {
    /// What a syscall's record needs beyond the SYSCALL line.
    Family: u16 {
        Plain = 0,
        Exec = 1,
        Exit = 2,
        Fork = 3,
        Open = 4,
        Openat = 5,
        Openat2 = 6,
        AddressIn = 7,
        Sendto = 8,
        Sendmsg = 9,
        Sendmmsg = 10,
        AddressOut = 11,
        Recvfrom = 12,
        Recvmsg = 13,
        Recvmmsg = 14,
        Pipe = 15,
        Socketpair = 16,
        Kill = 17,
        Tgkill = 18,
        PidfdSignal = 19,
        Ptrace = 20,
        Capset = 21,
        Mmap = 22,
        DeleteModule = 23,
        Settime = 24,
        Execveat = 25,
        Bind = 26,
        Uring = 27,
        Ipc = 28,
        Queue = 29,
        Adjtime = 30,
        InitModule = 31,
        Socketcall = 32,
        Ring = 33,
        Return = 34,
        OldMmap = 35,
    }
}

impl Family {
    /// Whether syscalls of the family have a socket address.
    pub const fn has_address(self) -> bool {
        let number = self as u16;
        (number >= Self::AddressIn as u16 && number <= Self::Recvmmsg as u16)
            || number == Self::Bind as u16
            || number == Self::Socketcall as u16
            || number == Self::Ring as u16
    }

    /// Whether syscalls of the family may look up names.
    pub const fn has_names(self) -> bool {
        matches!(
            self,
            Self::Exec
                | Self::Execveat
                | Self::Open
                | Self::Openat
                | Self::Openat2
                | Self::AddressIn
                | Self::Bind
                | Self::Sendto
                | Self::Sendmsg
                | Self::Sendmmsg
                | Self::Socketcall
                | Self::Ring
        )
    }
}

numbered! {
    /// Test of a step.
    Op: u8 {
        Eq = 0,
        Ne = 1,
        Lt = 2,
        Le = 3,
        Gt = 4,
        Ge = 5,
        Mask = 6,
        Test = 7,
        FactEq = 8,
        FactNe = 9,
        ExeEq = 10,
        ExeNe = 11,
        GroupEq = 12,
        GroupNe = 13,
        True = 14,
        False = 15,
        Tree = 16,
        Named = 17,
    }
}

numbered! {
    /// Fact of a name, for steps with [`STEP_NAME`].
    NameFact: u8 {
        Inode = 0,
        DevMajor = 1,
        DevMinor = 2,
        Uid = 3,
        Gid = 4,
        Type = 5,
    }
}

numbered! {
    /// Why an event was lost.
    Loss: u32 {
        Ring = 0,
        Scratch = 1,
        Arguments = 2,
        Nested = 3,
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
    /// `perm=` bits that an open asks for; all of other syscalls
    pub access: u32,
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
    /// `SELinux`'s identifier of its context, 0: none
    pub sid: u32,
    /// zero
    pub pad: u32,
}

/// One operation on a name; its text follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Lookup {
    /// which getname it was, 0: none
    pub name: u64,
    /// of a child: inode of its directory
    pub dir_ino: u64,
    /// of a child: device of its directory, kernel-internal number
    pub dir_dev: u32,
    /// [`LookupOp`]
    pub op: u16,
    /// `LOOKUP_*`
    pub flags: u16,
    /// valid with [`LOOKUP_INODE`]
    pub inode: Inode,
}

/// A profile of an `AppArmor` label; its name follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Profile {
    /// index into the kernel's `aa_profile_mode_names`
    pub mode: u32,
    /// [`PROFILE_UNCONFINED`]
    pub flags: u32,
    /// bytes of `namespace`, 0: the root
    pub namespace_len: u32,
    /// bytes of the name that follows
    pub name_len: u32,
    /// name of the namespace, from the root on
    pub namespace: [u8; 256],
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

/// An IPC object, and the permissions that `IPC_SET` gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Ipc {
    /// owner
    pub uid: u32,
    /// group
    pub gid: u32,
    /// permission bits and marks
    pub mode: u32,
    /// 1: what follows is valid
    pub has_perm: u32,
    /// of a message queue
    pub qbytes: u64,
    /// owner to be
    pub perm_uid: u32,
    /// group to be
    pub perm_gid: u32,
    /// permission bits to be
    pub perm_mode: u32,
    /// `SELinux`'s identifier of its context, 0: none
    pub sid: u32,
}

/// Attributes of a message queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MqAttr {
    /// `mq_flags`
    pub flags: i64,
    /// `mq_maxmsg`
    pub maxmsg: i64,
    /// `mq_msgsize`, bytes
    pub msgsize: i64,
    /// `mq_curmsgs`
    pub curmsgs: i64,
}

/// Arguments of `mq_open`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MqOpen {
    /// `O_*`
    pub oflag: u32,
    /// permission bits
    pub mode: u32,
    /// zero: none were given
    pub attr: MqAttr,
}

/// Arguments of `mq_timedsend` and `mq_timedreceive`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MqSendrecv {
    /// descriptor
    pub mqdes: i32,
    /// priority, 0 for a receive
    pub prio: u32,
    /// bytes
    pub len: u64,
    /// absolute timeout, seconds; 0: none
    pub sec: i64,
    /// nanoseconds
    pub nsec: i64,
}

/// Arguments of `mq_notify`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MqNotify {
    /// descriptor
    pub mqdes: i32,
    /// signal, 0: none
    pub signo: i32,
}

/// Arguments of `mq_getsetattr`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MqGetsetattr {
    /// descriptor
    pub mqdes: i32,
    /// zero
    pub pad: u32,
    /// attributes to be
    pub attr: MqAttr,
}

/// Values of the clock's discipline, in the order offset, freq, status, tai, tick, adjust.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Adjtime {
    /// before the call
    pub before: [i64; NTP_VALUES],
    /// after it
    pub after: [i64; NTP_VALUES],
}

/// An operation of `io_uring`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Uringop {
    /// return value as audit prints it
    pub exit: i64,
    /// `IORING_OP_*`
    pub op: u32,
    /// 1 or 0
    pub success: u32,
    /// 0: it has no return value
    pub has_exit: u32,
    /// index of the rule that decided, in its generation
    pub rule: u32,
    /// lookups of the event before the operation ended
    pub lookups: u32,
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
    /// zero
    pub pad: u32,
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
    /// index of a 32-bit word of [`Event`] whose bounds no rule of the run is met outside of; 0: the run has no bounds
    pub fact: u16,
    /// `NEED_*` without the run: outside of its bounds, where no syscall changes the fact
    pub spared: u16,
    /// the smallest number within the bounds
    pub low: u32,
    /// the largest is so much larger
    pub span: u32,
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

/// A set of syscalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Set {
    /// bit per number, by architecture index; behind the architectures: of operations of `io_uring` outside of syscalls
    pub words: [[u32; SYSCALLS / 32]; ARCHES + 1],
}

/// An object of a generation: key of the watches and of the trees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Object {
    /// `i_ino`
    pub ino: u64,
    /// `s_dev`, kernel-internal number, or [`ANY_DEV`]
    pub dev: u32,
    /// 0 or 1
    pub generation: u32,
}

/// The runs of the watches on an inode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Runs {
    /// first steps, 0: none
    pub first: [u32; RUNS],
}

/// The trees that a directory is a root of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Tags {
    /// a bit for each, by its number
    pub words: [u64; TREE_WORDS],
}

/// A watched name in its directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Child {
    /// `i_ino` of the directory
    pub ino: u64,
    /// its `s_dev`
    pub dev: u32,
    /// 0 or 1
    pub generation: u32,
    /// last component, filled up with zeros
    pub name: [u8; NAME_MAX],
}

/// What a watched name leads to at present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Bound {
    /// first step of the watch's run
    pub first: u32,
    /// `s_dev`
    pub dev: u32,
    /// `i_ino`, 0: nothing
    pub ino: u64,
}

/// What a rule has decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Tally {
    /// how often
    pub hits: u64,
    /// when last, `CLOCK_MONOTONIC` in ns
    pub last: u64,
}

/// An answer about `SELinux`'s contexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Context {
    /// address of the policy, 0: none is loaded
    pub policy: u64,
    /// of the policy, too
    pub serial: u32,
    /// 1: the rest is valid
    pub found: u32,
    /// 1: the policy has levels
    pub mls: u32,
    /// number of the user, from 1
    pub user: u32,
    /// number of the role
    pub role: u32,
    /// number of the type
    pub r#type: u32,
    /// bytes of the text
    pub text_len: u32,
    /// 1: there are categories beyond the last word
    pub cut: u32,
    /// numbers, of the low and the high level
    pub sensitivity: [u32; 2],
    /// identifier of a file's context, 0: none
    pub sid: u32,
    /// zero
    pub pad: u32,
    /// a bit for each, of the low and the high level; category 1 is bit 0
    pub categories: [[u64; CATEGORY_WORDS]; 2],
    /// a name; what an identifier stands for without a policy
    pub text: [u8; CONTEXT_NAME],
}

/// Who ended a directory or tree that rules stood on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct End {
    /// login uid
    pub auid: u32,
    /// session
    pub ses: u32,
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
    /// operations of `io_uring` outside of syscalls
    pub ring: [Entry; GENERATIONS],
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
    /// names for which a journal had no room
    pub cut: u64,
    /// watches for which an inode had no room
    pub adrift: u64,
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

    /// The words of a section of the object.
    fn theirs(section: &str) -> Vec<u32> {
        let object = aya_obj::Object::parse(crate::LAYOUT).unwrap();
        let bytes = object.maps[section].data();
        bytes.chunks_exact(4).map(|word| u32::from_ne_bytes(word.try_into().unwrap())).collect()
    }

    #[test]
    fn marks_the_same_inodes() {
        let inodes = [0, 8191, 8192, 0x1234_5678, 0xffff_ffff, 0xfedc_ba98_7654_3210];
        assert_eq!(inodes.map(mark).as_slice(), theirs(".rodata.marks"));
    }

    #[test]
    fn mirrors_the_c_layout() {
        let ours = layout! {
            Event { kind, cpu, seq, time, args, exit, exe_ino, root_ino, root_dev, exe_dev, success, has_exit, arch, nr, family, generation, rule, personality, ppid, pid, tid, auid, uid, gid, euid, suid, fsuid, egid, sgid, fsgid, ses, saddr_fam, msgtype, excluded, size, args_len, mnt_ns, access, comm }
            More { kind, cpu, seq, offset, len }
            Item { kind, flags, len }
            Inode { ino, ctime, ctime_nsec, dev, mode, uid, gid, rdev, magic, maybe_caps, sid, pad }
            Lookup { name, dir_ino, dir_dev, op, flags, inode }
            Profile { mode, flags, namespace_len, name_len, namespace }
            Target { pid, auid, uid, ses, comm }
            Capset { inheritable, permitted, effective, ambient }
            Exec { argc, script, before, after, before_uid, before_gid, after_uid, after_euid }
            Ipc { uid, gid, mode, has_perm, qbytes, perm_uid, perm_gid, perm_mode, sid }
            MqAttr { flags, maxmsg, msgsize, curmsgs }
            MqOpen { oflag, mode, attr }
            MqSendrecv { mqdes, prio, len, sec, nsec }
            MqNotify { mqdes, signo }
            MqGetsetattr { mqdes, pad, attr }
            Adjtime { before, after }
            Uringop { exit, op, success, has_exit, rule, lookups, uid, gid, euid, suid, fsuid, egid, sgid, fsgid, pad }
            Entry { first, needs, family, fact, spared, low, span }
            Step { fact, op, flags, pad, operand, next, rule }
            Exe { ino, dev, present }
            Set { words }
            Object { ino, dev, generation }
            Runs { first }
            Tags { words }
            Child { ino, dev, generation, name }
            Bound { first, dev, ino }
            End { auid, ses }
            Tally { hits, last }
            Context { policy, serial, found, mls, user, role, r#type, text_len, cut, sensitivity, sid, pad, categories, text }
            Config { generation, enabled, daemon, flags, task_first, exclude_first, pad, ring }
            Counters { produced, lost, unread, no_state, cut, adrift }
        };
        assert_eq!(ours, theirs(".rodata.layout"));
    }
}
