//! Every call that takes a name, with names that lead nowhere: [`Stage::lose`] says which.

use crate::case::Case;
use crate::syscall;

use libc::{AT_FDCWD, O_CREAT, O_PATH, O_RDONLY, O_WRONLY};

/// Eight names; seven where the call wants a privilege before it looks at the name.
pub const CASES: &[Case] = &[
    Case::file("lost-open", &["-S open"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_open, name, O_RDONLY))
    }),
    Case::file("lost-openat", &["-S openat"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_openat, AT_FDCWD, name, O_RDONLY))
    }),
    Case::file("lost-openat-create", &["-S openat"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT, 0o600))
    }),
    Case::file("lost-openat-path", &["-S openat"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_openat, AT_FDCWD, name, O_PATH))
    }),
    Case::file("lost-creat", &["-S creat"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_creat, name, 0o600))
    }),
    Case::file("lost-openat2", &["-S openat2"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_openat2, AT_FDCWD, name, &[0_u8; 24][..], 24))
    }),
    Case::file("lost-name_to_handle_at", &["-S name_to_handle_at"], 8, |stage| {
        stage.lose(|name| {
            syscall!(libc::SYS_name_to_handle_at, AT_FDCWD, name, &mut [0_u8; 136][..], &mut [0_u8; 4][..], 0)
        })
    }),
    Case::file("lost-unlink", &["-S unlink"], 8, |stage| stage.lose(|name| syscall!(libc::SYS_unlink, name))),
    Case::file("lost-unlinkat", &["-S unlinkat"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_unlinkat, AT_FDCWD, name, 0))
    }),
    Case::file("lost-rmdir", &["-S rmdir"], 8, |stage| stage.lose(|name| syscall!(libc::SYS_rmdir, name))),
    Case::file("lost-rename-from", &["-S rename"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_rename, name, c"to"))
    }),
    Case::file("lost-rename-to", &["-S rename"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_rename, c"file", name))
    }),
    Case::file("lost-renameat2-from", &["-S renameat2"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_renameat2, AT_FDCWD, name, AT_FDCWD, c"to", 0))
    }),
    Case::file("lost-link-from", &["-S link"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_link, name, c"to"))
    }),
    Case::file("lost-link-to", &["-S link"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_link, c"file", name))
    }),
    Case::file("lost-symlink", &["-S symlink"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_symlink, c"target", name))
    }),
    Case::file("lost-mkdir", &["-S mkdir"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_mkdir, name, 0o700))
    }),
    Case::file("lost-mknod", &["-S mknod"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_mknod, name, libc::S_IFIFO | 0o600, 0))
    }),
    Case::file("lost-chmod", &["-S chmod"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_chmod, name, 0o600))
    }),
    Case::file("lost-fchmodat", &["-S fchmodat"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_fchmodat, AT_FDCWD, name, 0o600))
    }),
    Case::file("lost-chown", &["-S chown"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_chown, name, 1, 1))
    }),
    Case::file("lost-lchown", &["-S lchown"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_lchown, name, 1, 1))
    }),
    Case::file("lost-fchownat", &["-S fchownat"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_fchownat, AT_FDCWD, name, 1, 1, 0))
    }),
    Case::file("lost-utime", &["-S utime"], 8, |stage| stage.lose(|name| syscall!(libc::SYS_utime, name, 0))),
    Case::file("lost-utimes", &["-S utimes"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_utimes, name, 0))
    }),
    Case::file("lost-utimensat", &["-S utimensat"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_utimensat, AT_FDCWD, name, 0, libc::AT_SYMLINK_NOFOLLOW))
    }),
    Case::file("lost-truncate", &["-S truncate"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_truncate, name, 0))
    }),
    Case::file("lost-setxattr", &["-S setxattr"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_setxattr, name, c"trusted.test", &b"value"[..], 5, 0))
    }),
    Case::file("lost-lgetxattr", &["-S lgetxattr"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_lgetxattr, name, c"trusted.test", 0, 0))
    }),
    Case::file("lost-listxattr", &["-S listxattr"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_listxattr, name, 0, 0))
    }),
    Case::file("lost-removexattr", &["-S removexattr"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_removexattr, name, c"trusted.test"))
    }),
    Case::file("lost-chdir", &["-S chdir"], 8, |stage| stage.lose(|name| syscall!(libc::SYS_chdir, name))),
    Case::file("lost-chroot", &["-S chroot"], 8, |stage| stage.lose(|name| syscall!(libc::SYS_chroot, name))),
    Case::file("lost-stat", &["-S stat"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_stat, name, &mut [0_u8; 144][..]))
    }),
    Case::file("lost-lstat", &["-S lstat"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_lstat, name, &mut [0_u8; 144][..]))
    }),
    Case::file("lost-newfstatat", &["-S newfstatat"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_newfstatat, AT_FDCWD, name, &mut [0_u8; 144][..], 0))
    }),
    Case::file("lost-statx", &["-S statx"], 8, |stage| {
        stage
            .lose(|name| syscall!(libc::SYS_statx, AT_FDCWD, name, 0, libc::STATX_MODE, &mut [0_u8; 256][..]))
    }),
    Case::file("lost-access", &["-S access"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_access, name, libc::R_OK))
    }),
    Case::file("lost-faccessat2", &["-S faccessat2"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_faccessat2, AT_FDCWD, name, libc::R_OK, libc::AT_EACCESS))
    }),
    Case::file("lost-readlink", &["-S readlink"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_readlink, name, &mut [0_u8; 64][..], 64))
    }),
    Case::file("lost-statfs", &["-S statfs"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_statfs, name, &mut [0_u8; 120][..]))
    }),
    Case::file("lost-umount2", &["-S umount2"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_umount2, name, 0))
    }),
    Case::file("lost-mount", &["-S mount"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_mount, c"none", name, c"tmpfs", 0, 0))
    }),
    Case::file("lost-open_tree", &["-S open_tree"], 8, |stage| {
        stage.lose(|name| syscall!(libc::SYS_open_tree, AT_FDCWD, name, 0))
    }),
    Case::file("lost-swapon", &["-S swapon"], 7, |stage| {
        stage.lose_as_root(|name| syscall!(libc::SYS_swapon, name, 0))
    }),
    Case::file("lost-acct", &["-S acct"], 7, |stage| {
        stage.lose_as_root(|name| syscall!(libc::SYS_acct, name))
    }),
];
