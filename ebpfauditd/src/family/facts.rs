//! What the record of each syscall needs to be known of its inside.
//!
//! Source: which `__audit_*` hooks a syscall passes in the kernel (`fs/namei.c`, `fs/open.c`, `fs/exec.c`, `ipc/`, ...).

use kern::hooks::Fact;
use kern::hooks::Fact::{
    Clock, Create, Delete, Denied, Exec, File, Fork, Ipc, Link, Lookup, Module, Multiplex, Name, Open,
    Parent, Queue, Rename, Return, Signal, Symlink, Uring,
};

/// By name, for all architectures; a syscall that is not here needs nothing.
const FACTS: &[(&[Fact], &[&str])] = &[
    (&[Exec], &["execve", "execveat"]),
    (&[Fork], &["fork", "vfork", "clone", "clone3"]),
    (&[Signal], &["kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"]),
    (&[Name, Denied, Open, Parent, Create], &["open", "creat", "openat", "openat2"]),
    (&[Name, Denied, Open], &["open_by_handle_at", "acct", "swapon", "swapoff", "uselib"]),
    (&[Name], &["sysfs"]),
    (&[Name, Denied, Parent, Create], &["mkdir", "mkdirat", "mknod", "mknodat"]),
    (&[Name, Denied, Parent, Delete], &["unlink", "unlinkat", "rmdir"]),
    (&[Name, Denied, Parent, Delete, Rename], &["rename", "renameat", "renameat2"]),
    (&[Name, Denied, Parent, Lookup, Link], &["link", "linkat"]),
    (&[Name, Denied, Parent, Symlink], &["symlink", "symlinkat"]),
    (
        &[Name, Denied, Lookup],
        &["stat", "lstat", "oldstat", "oldlstat", "stat64", "lstat64", "newfstatat", "fstatat64", "statx"],
    ),
    (
        &[Name, Denied, Lookup],
        &["access", "faccessat", "faccessat2", "chdir", "chroot", "pivot_root", "readlink", "readlinkat"],
    ),
    (
        &[Name, Denied, Lookup],
        &["chmod", "fchmodat", "fchmodat2", "chown", "lchown", "chown32", "lchown32", "fchownat"],
    ),
    (
        &[Name, Denied, Lookup],
        &["truncate", "truncate64", "utime", "utimes", "futimesat", "utimensat", "utimensat_time64"],
    ),
    (
        &[Name, Denied, Lookup],
        &["setxattr", "lsetxattr", "getxattr", "lgetxattr", "listxattr", "llistxattr", "removexattr"],
    ),
    (
        &[Name, Denied, Lookup, File],
        &["lremovexattr", "setxattrat", "getxattrat", "listxattrat", "removexattrat"],
    ),
    (&[Name, Denied, Lookup], &["file_getattr", "file_setattr", "statfs", "statfs64"]),
    (
        &[Name, Denied, Lookup],
        &["mount", "umount", "umount2", "mount_setattr", "open_tree", "open_tree_attr", "move_mount"],
    ),
    (
        &[Name, Denied, Lookup],
        &["fsconfig", "fspick", "quotactl", "inotify_add_watch", "fanotify_mark", "name_to_handle_at"],
    ),
    (&[File], &["fchmod", "fchown", "fchown32", "fsetxattr", "fgetxattr", "flistxattr", "fremovexattr"]),
    (&[Ipc], &["ipc", "shmget", "shmat", "shmctl", "semget", "semop", "semctl", "semtimedop"]),
    (&[Ipc], &["semtimedop_time64", "msgget", "msgsnd", "msgrcv", "msgctl"]),
    (&[Name, Queue], &["mq_open", "mq_unlink"]),
    (&[Queue], &["mq_timedsend", "mq_timedreceive", "mq_timedsend_time64", "mq_timedreceive_time64"]),
    (&[Queue], &["mq_notify", "mq_getsetattr"]),
    (&[Module], &super::MODULE_LOADERS),
    (&[Clock], &["adjtimex", "clock_adjtime", "clock_adjtime64"]),
    (&[Uring], &["io_uring_enter", "io_uring_setup", "io_uring_register"]),
    (&[Multiplex], &["socketcall"]),
    (&[Return], &["rt_sigreturn", "sigreturn"]),
];

/// What the record of the syscall of this name needs.
pub(super) fn of(name: &str) -> &'static [Fact] {
    FACTS.iter().find(|(_, names)| names.contains(&name)).map_or(&[], |&(facts, _)| facts)
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
