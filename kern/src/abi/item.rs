//! What an event carries beyond its head: mirror of `bpf/abi/item.h`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

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
