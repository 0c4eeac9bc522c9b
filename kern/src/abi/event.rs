//! Records of the ring, and the head of an event: mirror of `bpf/abi/event.h`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `EA_NO_FAMILY`
pub const NO_FAMILY: u32 = 0xffff_ffff;

numbered! {
    /// Kind of a ring record.
    Kind: u32 {
        Syscall = 1,
        Arguments = 2,
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
