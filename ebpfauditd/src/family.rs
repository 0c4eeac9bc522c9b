//! What each syscall's record needs, and whether the tracepoint engine can give it. One table, by name, for all
//! architectures; a name that is not in it needs nothing but the SYSCALL line.
//!
//! Source: which `__audit_*` hooks a syscall passes in the kernel (`fs/namei.c`, `net/socket.c`, `ipc/`, ...).

use std::sync::OnceLock;

use audit_rules::{Arch, SyscallSet, table};
use kern::abi::{self, Family};
use kern::hooks::Fact;

mod facts;

/// How well the tracepoint engine serves a syscall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// In full.
    Full(Family),
    /// When it succeeds: what a failed one tried to reach is known only inside the kernel's path walk.
    Success(Family),
    /// Not at all, for this reason.
    None(&'static str),
}

impl Service {
    /// What the syscall's record needs, whoever serves it.
    pub fn family(self) -> Family {
        match self {
            Self::Full(family) | Self::Success(family) => family,
            IPC => Family::Ipc,
            QUEUE => Family::Queue,
            CLOCK => Family::Adjtime,
            MODULE => Family::InitModule,
            SOCKETCALL => Family::Socketcall,
            RETURN => Family::Return,
            URING => Family::Ring,
            Self::None(_) => Family::Plain,
        }
    }
}

/// Opens, most of which meet no watch.
pub const OPENS: [Family; 3] = [Family::Open, Family::Openat, Family::Openat2];

const PATH: Service = Service::None("its PATH records are known only inside the kernel's path walk");
const FILE: Service = Service::None("its PATH record is made from a descriptor before the change");
const IPC: Service = Service::None("its IPC record is made inside the kernel");
const QUEUE: Service = Service::None("its MQ record is made inside the kernel");
const CLOCK: Service = Service::None("its TIME_ADJNTPVAL records hold the kernel's own clock state");
const MODULE: Service = Service::None("the module's name is known only inside the kernel");
const URING: Service = Service::None("operations of io_uring are known only inside the kernel");
const RETURN: Service = Service::None("its registers are gone when it returns");
const SOCKETCALL: Service = Service::None("the call it stands for is behind a pointer");

const SERVICES: &[(Service, &[&str])] = &[
    (Service::Full(Family::Exec), &["execve"]),
    (Service::Full(Family::Execveat), &["execveat"]),
    (Service::Full(Family::Exit), &["exit", "exit_group"]),
    (Service::Full(Family::Fork), &["fork", "vfork", "clone", "clone3"]),
    (Service::Success(Family::Open), &["open", "creat"]),
    (Service::Success(Family::Openat), &["openat"]),
    (Service::Success(Family::Openat2), &["openat2"]),
    (Service::Full(Family::AddressIn), &["connect"]),
    (Service::Full(Family::Bind), &["bind"]),
    (Service::Full(Family::Sendto), &["sendto"]),
    (Service::Full(Family::Sendmsg), &["sendmsg"]),
    (Service::Full(Family::Sendmmsg), &["sendmmsg"]),
    (Service::Full(Family::AddressOut), &["accept", "accept4", "getsockname", "getpeername"]),
    (Service::Full(Family::Recvfrom), &["recvfrom"]),
    (Service::Full(Family::Recvmsg), &["recvmsg"]),
    (Service::Full(Family::Recvmmsg), &["recvmmsg", "recvmmsg_time64"]),
    (Service::Full(Family::Pipe), &["pipe", "pipe2"]),
    (Service::Full(Family::Socketpair), &["socketpair"]),
    (Service::Full(Family::Kill), &["kill", "tkill", "rt_sigqueueinfo"]),
    (Service::Full(Family::Tgkill), &["tgkill", "rt_tgsigqueueinfo"]),
    (Service::Full(Family::PidfdSignal), &["pidfd_send_signal"]),
    (Service::Full(Family::Ptrace), &["ptrace"]),
    (Service::Full(Family::Capset), &["capset"]),
    (Service::Full(Family::Mmap), &["mmap", "mmap2"]),
    (Service::Full(Family::DeleteModule), &["delete_module"]),
    (Service::Full(Family::Settime), &["settimeofday", "clock_settime", "clock_settime64", "stime"]),
    (CLOCK, &["adjtimex", "clock_adjtime", "clock_adjtime64"]),
    (URING, &["io_uring_enter"]),
    (SOCKETCALL, &["socketcall"]),
    (RETURN, &["rt_sigreturn", "sigreturn"]),
    (IPC, &["ipc", "shmget", "shmat", "shmctl", "semget", "semop", "semctl", "semtimedop"]),
    (IPC, &["semtimedop_time64", "msgget", "msgsnd", "msgrcv", "msgctl"]),
    (QUEUE, &["mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_timedsend_time64"]),
    (QUEUE, &["mq_timedreceive_time64", "mq_notify", "mq_getsetattr"]),
    (FILE, &["fchmod", "fchown", "fchown32", "fsetxattr", "fgetxattr", "flistxattr", "fremovexattr"]),
    (
        PATH,
        &["stat", "lstat", "oldstat", "oldlstat", "stat64", "lstat64", "newfstatat", "fstatat64", "statx"],
    ),
    (PATH, &["access", "faccessat", "faccessat2", "chdir", "chroot", "pivot_root", "readlink", "readlinkat"]),
    (PATH, &["rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat"]),
    (PATH, &["link", "linkat", "symlink", "symlinkat", "mknod", "mknodat"]),
    (PATH, &["chmod", "fchmodat", "fchmodat2", "chown", "lchown", "chown32", "lchown32", "fchownat"]),
    (PATH, &["truncate", "truncate64", "utime", "utimes", "futimesat", "utimensat", "utimensat_time64"]),
    (PATH, &["setxattr", "lsetxattr", "getxattr", "lgetxattr", "listxattr", "llistxattr", "removexattr"]),
    (PATH, &["lremovexattr", "setxattrat", "getxattrat", "listxattrat", "removexattrat"]),
    (
        PATH,
        &[
            "file_getattr",
            "file_setattr",
            "statfs",
            "statfs64",
            "uselib",
            "acct",
            "swapon",
            "swapoff",
            "sysfs",
        ],
    ),
    (PATH, &["mount", "umount", "umount2", "mount_setattr", "open_tree", "open_tree_attr", "move_mount"]),
    (PATH, &["fsconfig", "fspick", "quotactl", "inotify_add_watch", "fanotify_mark"]),
    (PATH, &["name_to_handle_at", "open_by_handle_at"]),
];

/// How many names a syscall looks up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookups {
    /// None.
    None,
    /// One, which leads to an object: a name that no rule is interested in need not be kept for another's sake.
    One,
    /// Several, or none that is found by a simple walk.
    Many,
}

/// Syscalls that look up one name. Others with names look up several, or make or remove what they name.
const ONE_LOOKUP: &[&str] = &[
    "open",
    "openat",
    "openat2",
    "creat",
    "stat",
    "lstat",
    "oldstat",
    "oldlstat",
    "stat64",
    "lstat64",
    "newfstatat",
    "fstatat64",
    "statx",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "chmod",
    "fchmodat",
    "fchmodat2",
    "chown",
    "lchown",
    "chown32",
    "lchown32",
    "fchownat",
    "truncate",
    "truncate64",
    "utime",
    "utimes",
    "futimesat",
    "utimensat",
    "utimensat_time64",
    "setxattr",
    "lsetxattr",
    "getxattr",
    "lgetxattr",
    "listxattr",
    "llistxattr",
    "removexattr",
    "lremovexattr",
    "statfs",
    "statfs64",
    "open_by_handle_at",
];

/// The modules of a kernel that has none cannot be loaded: then there is no name to record.
const MODULE_LOADERS: [&str; 2] = ["init_module", "finit_module"];

/// Whether the syscall of this name is one of [`OPENS`], whatever the architecture.
pub fn is_open(name: &str) -> bool {
    SERVICES.iter().any(|(service, names)| OPENS.contains(&service.family()) && names.contains(&name))
}

/// How the tracepoint engine serves syscall `number` of `arch`. `modules`: the kernel can load modules.
pub fn service(arch: Arch, number: u32, modules: bool) -> Service {
    let Some(name) = table::syscall::name(arch, number) else {
        return Service::Full(Family::Plain);
    };
    if modules && MODULE_LOADERS.contains(&name) {
        return MODULE;
    }
    // the old mmap of i386 takes one pointer to its arguments
    if arch == Arch::I386 && name == "mmap" {
        return Service::Full(Family::OldMmap);
    }
    SERVICES
        .iter()
        .find(|(_, names)| names.contains(&name))
        .map_or(Service::Full(Family::Plain), |&(service, _)| service)
}

/// What the record of syscall `number` of `arch` needs to be known of its inside. `modules`: the kernel can load modules.
pub fn facts(arch: Arch, number: u32, modules: bool) -> &'static [Fact] {
    match table::syscall::name(arch, number) {
        Some(name) if !modules && MODULE_LOADERS.contains(&name) => &[],
        Some(name) => facts::of(name),
        None => &[],
    }
}

/// The syscalls that have a list of names, by the index of their architecture: what a rule on names can match at all.
pub fn with_names(arch: usize) -> &'static SyscallSet {
    static SETS: OnceLock<[SyscallSet; abi::ARCHES]> = OnceLock::new();
    let of = |arch| {
        let all = table::syscall::all(arch);
        all.filter(|(_, name)| facts::has_names(name)).map(|(number, _)| number).collect()
    };
    &SETS.get_or_init(|| ARCHES.map(of))[arch]
}

/// The architectures whose syscalls this machine runs, in the order of the kernel side's index.
pub const ARCHES: [Arch; abi::ARCHES] = [Arch::X86_64, Arch::I386];

/// What is to be known of one syscall number of one architecture.
#[derive(Clone, Copy, Debug)]
struct Known {
    service: Service,
    facts: &'static [Fact],
    lookups: Lookups,
}

impl Known {
    fn find(arch: Arch, number: u32, modules: bool) -> Self {
        let service = service(arch, number, modules);
        let is_one = || table::syscall::name(arch, number).is_some_and(|name| ONE_LOOKUP.contains(&name));
        let lookups = match service {
            Service::Full(family) if !family.has_names() => Lookups::None,
            _ if is_one() => Lookups::One,
            _ => Lookups::Many,
        };
        Self { service, facts: facts(arch, number, modules), lookups }
    }
}

/// The services and facts of every syscall number of every architecture.
#[derive(Debug)]
pub struct Services(Vec<Known>);

impl Services {
    /// Those of a kernel; `modules`: it can load modules. They are looked up once, which takes longer than to plan rules.
    pub fn of(modules: bool) -> &'static Self {
        static WITH_AND_WITHOUT: [OnceLock<Services>; 2] = [const { OnceLock::new() }; 2];
        WITH_AND_WITHOUT[usize::from(modules)].get_or_init(|| {
            let numbers = 0..abi::SYSCALLS as u32;
            let all = ARCHES.iter().flat_map(|&arch| numbers.clone().map(move |number| (arch, number)));
            Self(all.map(|(arch, number)| Known::find(arch, number, modules)).collect())
        })
    }

    fn known(&self, arch: usize, number: u32) -> Option<&Known> {
        self.0.get(node(arch, number))
    }

    /// How many names the syscall looks up; `arch` is an index into [`ARCHES`].
    pub fn lookups(&self, arch: usize, number: u32) -> Lookups {
        self.known(arch, number).map_or(Lookups::None, |known| known.lookups)
    }

    /// The service of one syscall; `arch` is an index into [`ARCHES`].
    pub fn get(&self, arch: usize, number: u32) -> Service {
        self.known(arch, number).map_or(Service::Full(Family::Plain), |known| known.service)
    }

    /// What the syscall's record needs to be known of its inside; `arch` is an index into [`ARCHES`].
    pub fn facts(&self, arch: usize, number: u32) -> &'static [Fact] {
        self.known(arch, number).map_or(&[], |known| known.facts)
    }
}

/// One number for a pair of architecture index and syscall.
pub const fn node(arch: usize, number: u32) -> usize {
    arch * abi::SYSCALLS + number as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_table_is_a_syscall_and_stands_once() {
        let mut seen = Vec::new();
        for name in SERVICES.iter().flat_map(|(_, names)| names.iter()) {
            assert!(
                ARCHES.iter().any(|&arch| table::syscall::number(arch, name.as_bytes()).is_some()),
                "{name} is no syscall"
            );
            assert!(!seen.contains(name), "{name} stands twice");
            seen.push(name);
        }
    }

    #[test]
    fn inner_records_have_their_family() {
        let family = |name: &str| {
            let arch = if name == "socketcall" { Arch::I386 } else { Arch::X86_64 };
            service(arch, table::syscall::number(arch, name.as_bytes()).unwrap(), true).family()
        };
        assert_eq!(family("msgctl"), Family::Ipc);
        assert_eq!(family("mq_unlink"), Family::Queue);
        assert_eq!(family("clock_adjtime"), Family::Adjtime);
        assert_eq!(family("finit_module"), Family::InitModule);
        assert_eq!(family("socketcall"), Family::Socketcall);
        assert_eq!(family("rt_sigreturn"), Family::Return);
        assert_eq!(family("io_uring_enter"), Family::Ring);
        assert_eq!(family("rename"), Family::Plain);
        assert_eq!(family("execve"), Family::Exec);
    }

    #[test]
    fn modules_need_a_kernel_that_has_them() {
        let number = table::syscall::number(Arch::X86_64, b"finit_module").unwrap();
        assert_eq!(service(Arch::X86_64, number, false), Service::Full(Family::Plain));
        assert_eq!(service(Arch::X86_64, number, true), MODULE);
    }
}
