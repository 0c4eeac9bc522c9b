//! What the record of each syscall needs to be known of its inside.
//!
//! Source: which `__audit_*` hooks a syscall passes in the kernel (`fs/namei.c`, `fs/open.c`, `fs/exec.c`, `ipc/`, ...).

use kern::hooks::Fact;
use kern::hooks::Fact::{
    Address, Attribute, Clock, Create, Delete, Denied, Exec, Fork, Getname, Ipc, Leave, Link, Lookup,
    MayCreate, Mode, Module, Name, NextName, Open, Owner, Parent, Queue, QueueFile, QuotaName, Rename,
    Return, Signal, Symlink, Taken, Uring,
};

/// By name, for all architectures; a syscall that is not here needs nothing.
const FACTS: &[(&[Fact], &[&str])] = &[
    (&[Exec, Name, Open], &["execve", "execveat"]),
    (&[Fork], &["fork", "vfork", "clone", "clone3"]),
    (&[Signal], &["kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"]),
    (&[Denied, Open, MayCreate, Parent, Create], &["open", "creat", "openat", "openat2"]),
    (&[Denied, Open, MayCreate], &["open_by_handle_at"]),
    (&[Denied, Open], &["acct", "swapon", "swapoff", "uselib"]),
    (&[Denied, Parent, Create], &["mkdir", "mkdirat", "mknod", "mknodat"]),
    (&[Denied, Parent, Delete], &["unlink", "unlinkat", "rmdir"]),
    (&[Denied, Parent, Delete, Rename], &["rename", "renameat", "renameat2"]),
    (&[Denied, Parent, Lookup, Link], &["link", "linkat"]),
    (&[Denied, Parent, Symlink], &["symlink", "symlinkat"]),
    (
        &[Denied, Lookup],
        &["stat", "lstat", "oldstat", "oldlstat", "stat64", "lstat64", "newfstatat", "fstatat64"],
    ),
    (&[Denied, Getname, Lookup], &["statx"]),
    (&[Denied, Lookup], &["access", "faccessat", "faccessat2", "chroot", "readlink", "readlinkat"]),
    (&[Denied, Lookup, Leave], &["chdir"]),
    (&[Denied, Lookup, Leave, NextName], &["pivot_root"]),
    (
        &[Denied, Lookup],
        &["chmod", "fchmodat", "fchmodat2", "chown", "lchown", "chown32", "lchown32", "fchownat"],
    ),
    (
        &[Denied, Lookup],
        &["truncate", "truncate64", "utime", "utimes", "futimesat", "utimensat", "utimensat_time64"],
    ),
    (
        &[Denied, Lookup],
        &["setxattr", "lsetxattr", "getxattr", "lgetxattr", "listxattr", "llistxattr", "removexattr"],
    ),
    (
        &[Denied, Lookup, Attribute],
        &["lremovexattr", "setxattrat", "getxattrat", "listxattrat", "removexattrat"],
    ),
    (&[Denied, Lookup], &["file_getattr", "file_setattr", "statfs", "statfs64"]),
    (
        &[Denied, Name, NextName, Lookup],
        &["mount", "umount", "umount2", "mount_setattr", "open_tree", "open_tree_attr", "move_mount"],
    ),
    (
        &[Denied, Name, Lookup],
        &["fsconfig", "fspick", "inotify_add_watch", "fanotify_mark", "name_to_handle_at"],
    ),
    (&[Denied, QuotaName, Name, Lookup], &["quotactl"]),
    (&[Mode], &["fchmod"]),
    (&[Owner], &["fchown", "fchown32"]),
    (&[Attribute], &["fsetxattr", "fgetxattr", "flistxattr", "fremovexattr"]),
    (&[Address, Name, Denied, Lookup], &["connect", "sendto", "sendmsg", "sendmmsg"]),
    (&[Address, Name, Denied, Parent, Create], &["bind"]),
    (&[Address], &["accept", "accept4", "getsockname", "getpeername"]),
    (&[Address], &["recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64"]),
    (&[Ipc], &["ipc", "shmget", "shmat", "shmctl", "semget", "semop", "semctl", "semtimedop"]),
    (&[Ipc], &["semtimedop_time64", "msgget", "msgsnd", "msgrcv", "msgctl"]),
    (&[Taken], &["sysfs"]),
    (&[Queue, Taken, Delete], &["mq_open", "mq_unlink"]),
    (
        &[Queue, QueueFile],
        &["mq_timedsend", "mq_timedreceive", "mq_timedsend_time64", "mq_timedreceive_time64"],
    ),
    (&[Queue], &["mq_notify", "mq_getsetattr"]),
    (&[Module], &super::MODULE_LOADERS),
    (&[Clock], &["adjtimex", "clock_adjtime", "clock_adjtime64"]),
    (
        &[
            Uring, Getname, Name, Denied, Lookup, Open, MayCreate, Parent, Create, Delete, Rename, Link,
            Symlink, Attribute, Address,
        ],
        &["io_uring_enter"],
    ),
    (&[Address, Name, Denied, Lookup, Parent, Create], &["socketcall"]),
    (&[Return], &["rt_sigreturn", "sigreturn"]),
];

/// What the record of the syscall of this name needs.
pub(super) fn of(name: &str) -> &'static [Fact] {
    FACTS.iter().find(|(_, names)| names.contains(&name)).map_or(&[], |&(facts, _)| facts)
}

/// Syscalls that look up names in some of their uses, which their record is not asked for here.
const NAMES_NOW_AND_THEN: &[&str] = &["bpf", "ioctl"];

/// Whether the syscall of this name may have a list of names.
pub(super) fn has_names(name: &str) -> bool {
    let gives_names = |fact: &Fact| {
        matches!(
            fact,
            Exec | Name
                | Lookup
                | Parent
                | Open
                | Create
                | Delete
                | Link
                | Rename
                | Symlink
                | Mode
                | Owner
                | Attribute
                | Taken
                | QueueFile
        )
    };
    of(name).iter().any(gives_names) || NAMES_NOW_AND_THEN.contains(&name)
}

#[cfg(test)]
mod tests {
    use audit_rules::table;

    use super::super::{ARCHES, Service, service};
    use super::*;

    #[test]
    fn every_name_is_a_syscall_and_stands_once() {
        let mut seen = Vec::new();
        for name in FACTS.iter().flat_map(|(_, names)| names.iter()) {
            assert!(
                ARCHES.iter().any(|&arch| table::syscall::number(arch, name.as_bytes()).is_some()),
                "{name} is no syscall"
            );
            assert!(!seen.contains(name), "{name} stands twice");
            seen.push(name);
        }
    }

    /// What tracepoints cannot give is a fact of the inside, or there would be nothing that trampolines add.
    #[test]
    fn what_tracepoints_do_not_serve_in_full_needs_facts() {
        for arch in ARCHES {
            for (number, name) in table::syscall::all(arch) {
                if !matches!(service(arch, number, true), Service::Full(_)) {
                    assert!(!super::super::facts(arch, number, true).is_empty(), "{name}");
                }
            }
        }
    }
}
