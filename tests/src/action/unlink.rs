//! unlink, rmdir, unlinkat.

use std::os::unix::net::UnixListener;

use anyhow::Context;
use nix::errno::Errno;

use crate::case::Case;
use crate::scene::{FINE, NOWHERE, descriptor, directory, link, make, own_mounts, still, tmpfs};
use crate::stage::c_string;
use crate::syscall;

use libc::{AT_FDCWD, AT_REMOVEDIR, SYS_rmdir, SYS_unlink, SYS_unlinkat};

/// By the call that the name tells.
pub const CASES: &[Case] = &[
    Case::file("unlink-file", &["-S unlink"], 1, |stage| {
        make("file", 0o640)?;
        stage.record(|| syscall!(SYS_unlink, c"file"))
    }),
    Case::file("unlink-absolute", &["-S unlink"], 1, |stage| {
        make("file", 0o640)?;
        let path = stage.fresh("file")?;
        stage.record(|| syscall!(SYS_unlink, &path))
    }),
    Case::file("unlink-dots", &["-S unlink"], 1, |stage| {
        directory("one", 0o755)?;
        make("file", 0o640)?;
        stage.record(|| syscall!(SYS_unlink, c".//one/..//file"))
    }),
    Case::file("unlink-link", &["-S unlink"], 2, |stage| {
        make("file", 0o640)?;
        link("file", "link")?;
        link("absent", "dangling")?;
        stage.record_all(|| [c"link", c"dangling"].map(|name| syscall!(SYS_unlink, name)))
    }),
    Case::file("unlink-below-link", &["-S unlink"], 1, |stage| {
        directory("directory", 0o755)?;
        make("directory/file", 0o640)?;
        link("directory", "link")?;
        stage.record(|| syscall!(SYS_unlink, c"link/file"))
    }),
    Case::file("unlink-one-of-two-names", &["-S unlink"], 2, |stage| {
        make("file", 0o640)?;
        std::fs::hard_link("file", "other")?;
        stage.record_all(|| [c"file", c"other"].map(|name| syscall!(SYS_unlink, name)))
    }),
    Case::file("unlink-open-file", &["-S unlink"], 1, |stage| {
        make("file", 0o640)?;
        descriptor(c"file")?;
        stage.record(|| syscall!(SYS_unlink, c"file"))
    }),
    Case::file("unlink-special-files", &["-S unlink"], 3, |stage| {
        syscall!(libc::SYS_mknod, c"fifo", libc::S_IFIFO | 0o600, 0).context("mknod")?;
        syscall!(libc::SYS_mknod, c"device", libc::S_IFCHR | 0o600, 0x103).context("mknod")?;
        let _listener = UnixListener::bind("socket")?;
        stage.record_all(|| [c"fifo", c"device", c"socket"].map(|name| syscall!(SYS_unlink, name)))
    }),
    Case::file("unlink-odd-names", &["-S unlink"], 3, |stage| {
        let names = [c"a \"b\"", c"\x08\x7f", c"\xe2\x82\xac"];
        for name in names {
            syscall!(libc::SYS_mknod, name, libc::S_IFREG | 0o600, 0).context("mknod")?;
        }
        stage.record_all(|| names.map(|name| syscall!(SYS_unlink, name)))
    }),
    Case::file("unlink-long-name", &["-S unlink"], 2, |stage| {
        make("n".repeat(200), 0o600)?;
        make("file", 0o600)?;
        let (component, path) =
            (c_string(&[b'n'; 200])?, c_string(format!("{}file", "./".repeat(1990)).as_bytes())?);
        stage.record_all(|| [syscall!(SYS_unlink, &component), syscall!(SYS_unlink, &path)])
    }),
    Case::file("unlink-enoent", &["-S unlink"], 1, |stage| {
        stage.fail(Errno::ENOENT, || syscall!(SYS_unlink, c"absent"))
    }),
    Case::file("unlink-eisdir", &["-S unlink"], 1, |stage| {
        directory("directory", 0o755)?;
        stage.fail(Errno::EISDIR, || syscall!(SYS_unlink, c"directory"))
    }),
    Case::file("unlink-dot-names", &["-S unlink"], 4, |stage| {
        stage.outcomes(|| {
            [
                (syscall!(SYS_unlink, c"."), Errno::EISDIR),
                (syscall!(SYS_unlink, c".."), Errno::EISDIR),
                (syscall!(SYS_unlink, c"/"), Errno::EISDIR),
                (syscall!(SYS_unlink, c"./."), Errno::EISDIR),
            ]
        })
    }),
    Case::file("unlink-trailing-slash", &["-S unlink"], 3, |stage| {
        make("file", 0o644)?;
        directory("directory", 0o755)?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_unlink, c"file/"), Errno::ENOTDIR),
                (syscall!(SYS_unlink, c"directory/"), Errno::EISDIR),
                (syscall!(SYS_unlink, c"absent/"), Errno::ENOENT),
            ]
        })
    }),
    Case::file("unlink-eacces", &["-S unlink"], 1, |stage| {
        make("file", 0o666)?;
        stage.fail_as_nobody(Errno::EACCES, || syscall!(SYS_unlink, c"file"))
    }),
    Case::file("unlink-eacces-walk", &["-S unlink"], 1, |stage| {
        directory("locked", 0o700)?;
        make("locked/file", 0o666)?;
        stage.fail_as_nobody(Errno::EACCES, || syscall!(SYS_unlink, c"locked/file"))
    }),
    Case::file("unlink-sticky", &["-S unlink"], 1, |stage| {
        directory("sticky", 0o777)?;
        syscall!(libc::SYS_chmod, c"sticky", 0o1777).context("chmod")?;
        make("sticky/file", 0o666)?;
        stage.fail_as_nobody(Errno::EPERM, || syscall!(SYS_unlink, c"sticky/file"))
    }),
    Case::file("unlink-erofs", &["-S unlink"], 2, |stage| {
        still()?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_unlink, c"still/file"), Errno::EROFS),
                (syscall!(SYS_unlink, c"still/absent"), Errno::EROFS),
            ]
        })
    }),
    Case::file("unlink-ebusy", &["-S unlink,rmdir"], 2, |stage| {
        own_mounts()?;
        make("file", 0o644)?;
        make("mountpoint", 0o644)?;
        let bind = libc::MS_BIND as i64;
        syscall!(libc::SYS_mount, c"file", c"mountpoint", c"none", bind, 0).context("mount")?;
        tmpfs(c"mounted", c"mode=0755")?;
        stage
            .fail_all(Errno::EBUSY, || [syscall!(SYS_unlink, c"mountpoint"), syscall!(SYS_rmdir, c"mounted")])
    }),
    Case::file("rmdir-empty", &["-S rmdir"], 2, |stage| {
        directory("directory", 0o750)?;
        directory("slash", 0o755)?;
        stage.record_all(|| [c"directory", c"slash//"].map(|name| syscall!(SYS_rmdir, name)))
    }),
    Case::file("rmdir-working-directory", &["-S rmdir"], 1, |stage| {
        directory("directory", 0o750)?;
        std::env::set_current_dir("directory")?;
        let path = stage.fresh("directory")?;
        stage.record(|| syscall!(SYS_rmdir, &path))
    }),
    Case::file("rmdir-enotempty", &["-S rmdir"], 1, |stage| {
        directory("directory", 0o755)?;
        make("directory/file", 0o644)?;
        stage.fail(Errno::ENOTEMPTY, || syscall!(SYS_rmdir, c"directory"))
    }),
    Case::file("rmdir-not-a-directory", &["-S rmdir"], 3, |stage| {
        make("file", 0o644)?;
        directory("directory", 0o755)?;
        link("directory", "link")?;
        stage.fail_all(Errno::ENOTDIR, || [c"file", c"link", c"link/"].map(|name| syscall!(SYS_rmdir, name)))
    }),
    Case::file("rmdir-dot-names", &["-S rmdir"], 4, |stage| {
        directory("directory", 0o755)?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_rmdir, c"directory/."), Errno::EINVAL),
                (syscall!(SYS_rmdir, c"directory/.."), Errno::ENOTEMPTY),
                (syscall!(SYS_rmdir, c"/"), Errno::EBUSY),
                (syscall!(SYS_rmdir, c"absent"), Errno::ENOENT),
            ]
        })
    }),
    Case::file("rmdir-eacces-erofs", &["-S rmdir"], 2, |stage| {
        still()?;
        directory("directory", 0o777)?;
        stage.begin()?;
        let still = syscall!(SYS_rmdir, c"still/directory");
        let nobody = stage.child(|_| {
            crate::stage::become_nobody()?;
            crate::stage::refused(syscall!(SYS_rmdir, c"directory"), Errno::EACCES)
        });
        stage.end()?;
        nobody?;
        crate::stage::refused(still, Errno::EROFS)
    }),
    Case::file("unlinkat-file", &["-S unlinkat"], 3, |stage| {
        directory("directory", 0o755)?;
        make("directory/file", 0o644)?;
        make("file", 0o600)?;
        make("directory/other", 0o640)?;
        let fd = descriptor(c"directory")?;
        let absolute = stage.fresh("file")?;
        stage.record_all(|| {
            [
                syscall!(SYS_unlinkat, fd, c"file", 0),
                syscall!(SYS_unlinkat, fd, &absolute, 0),
                syscall!(SYS_unlinkat, AT_FDCWD, c"directory/other", 0),
            ]
        })
    }),
    Case::file("unlinkat-directory", &["-S unlinkat"], 3, |stage| {
        directory("directory", 0o755)?;
        directory("directory/below", 0o755)?;
        let fd = descriptor(c"directory")?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_unlinkat, fd, c"below", 0), Errno::EISDIR),
                (syscall!(SYS_unlinkat, fd, c"below", AT_REMOVEDIR), FINE),
                (syscall!(SYS_unlinkat, fd, c"../directory", AT_REMOVEDIR), FINE),
            ]
        })
    }),
    Case::file("unlinkat-refused", &["-S unlinkat"], 5, |stage| {
        make("file", 0o600)?;
        let fd = descriptor(c"file")?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_unlinkat, AT_FDCWD, c"file", 0x8000), Errno::EINVAL),
                (syscall!(SYS_unlinkat, 77, c"file", 0), Errno::EBADF),
                (syscall!(SYS_unlinkat, fd, c"file", 0), Errno::ENOTDIR),
                (syscall!(SYS_unlinkat, AT_FDCWD, c"file", AT_REMOVEDIR), Errno::ENOTDIR),
                (syscall!(SYS_unlinkat, AT_FDCWD, NOWHERE, 0), Errno::EFAULT),
            ]
        })
    }),
    Case::file("unlinkat-in-deleted-directory", &["-S unlinkat"], 1, |stage| {
        directory("gone", 0o755)?;
        let fd = descriptor(c"gone")?;
        std::fs::remove_dir("gone")?;
        stage.fail(Errno::ENOENT, || syscall!(SYS_unlinkat, fd, c"file", 0))
    }),
];
