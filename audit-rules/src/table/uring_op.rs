//! Operations of `io_uring`, for rules on the `io_uring` list: `IORING_OP_*` of `<linux/io_uring.h>`, under the
//! names that the audit user space gives them since 3.1.

const NAMES: &[(u32, &str)] = &[
    (9, "sendmsg"),
    (10, "recvmsg"),
    (13, "accept"),
    (16, "connect"),
    (17, "fallocate"),
    (18, "openat"),
    (19, "close"),
    (28, "openat2"),
    (34, "shutdown"),
    (35, "renameat"),
    (36, "unlinkat"),
    (37, "mkdirat"),
    (38, "symlinkat"),
    (39, "linkat"),
    (40, "msg_ring"),
    (41, "fsetxattr"),
    (42, "setxattr"),
    (43, "fgetxattr"),
    (44, "getxattr"),
    (46, "uring_cmd"),
    (48, "sendmsg_zc"),
    (50, "waitid"),
    (51, "futex_wait"),
    (52, "futex_wake"),
    (53, "futex_waitv"),
    (54, "fixed_fd_install"),
    (55, "ftruncate"),
    (56, "bind"),
    (57, "listen"),
    (64, "uring_cmd128"),
];

/// The name of an operation.
pub fn name(number: u32) -> Option<&'static str> {
    super::name_of(NAMES, number)
}

/// The operation called `name`.
pub fn number(name: &[u8]) -> Option<u32> {
    super::number_of(NAMES, name)
}

/// All operations that have a name, ascending.
pub fn all() -> impl Iterator<Item = (u32, &'static str)> {
    NAMES.iter().copied()
}
