//! Opens that create, or try to.

use anyhow::{Context, Result};
use nix::errno::Errno;

use crate::case::Case;
use crate::scene::{descriptor, directory, link, make, own_mounts, still, tmpfs};
use crate::setting::Setting;
use crate::stage::{NOBODY, become_nobody, c_string, refused};
use crate::syscall;

use libc::{
    AT_FDCWD, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR, O_TMPFILE, O_TRUNC, O_WRONLY,
};

/// What most of these cases ask for.
const OPENAT: &[&str] = &["-S openat"];

/// How most of them open.
const NEW: i32 = O_WRONLY | O_CREAT;

/// By openat(2) where the name does not say otherwise.
pub const CASES: &[Case] = &[
    Case::file("create-new", OPENAT, 1, |stage| stage.record(|| open(c"new", NEW))),
    Case::file("create-new-absolute", OPENAT, 1, |stage| {
        let path = stage.fresh("new")?;
        stage.record(|| open(&path, NEW))
    }),
    Case::file("create-new-exclusive", OPENAT, 1, |stage| stage.record(|| open(c"./new", NEW | O_EXCL))),
    Case::file("create-new-read-only", OPENAT, 1, |stage| {
        stage.record(|| syscall!(libc::SYS_openat, AT_FDCWD, c"new", O_RDONLY | O_CREAT, 0))
    }),
    Case::file("create-new-below", OPENAT, 1, |stage| {
        directory("directory", 0o755)?;
        stage.record(|| open(c"directory/../directory//new", NEW))
    }),
    Case::file("create-new-set-ids", OPENAT, 1, |stage| {
        stage.record(|| syscall!(libc::SYS_openat, AT_FDCWD, c"new", NEW, 0o6755))
    }),
    Case::file("create-new-in-group-directory", OPENAT, 1, |stage| {
        directory("directory", 0o755)?;
        std::os::unix::fs::chown("directory", None, Some(NOBODY))?;
        syscall!(libc::SYS_chmod, c"directory", 0o2777)?;
        stage.record(|| open(c"directory/new", NEW))
    }),
    Case::file("create-new-by-nobody", OPENAT, 1, |stage| {
        directory("directory", 0o777)?;
        stage.as_nobody(|| Ok(open(c"directory/new", NEW).map(drop)?))
    }),
    Case::file("create-new-twice", OPENAT, 2, |stage| {
        stage.record_all(|| [open(c"new", NEW), open(c"new", NEW)])
    }),
    Case::file("create-again-after-unlink", OPENAT, 2, |stage| {
        stage.begin()?;
        let first = open(c"new", NEW);
        syscall!(libc::SYS_unlink, c"new")?;
        let second = open(c"new", NEW);
        stage.end()?;
        first.and(second)?;
        Ok(())
    })
    // whether the second file gets the first one's inode is the file system's affair
    .ignoring(&[("PATH", "inode")]),
    Case::file("create-descriptor", OPENAT, 2, |stage| {
        directory("directory", 0o755)?;
        directory("directory/below", 0o755)?;
        let fd = descriptor(c"directory")?;
        stage.record_all(|| {
            [
                syscall!(libc::SYS_openat, fd, c"new", NEW, 0o600),
                syscall!(libc::SYS_openat, fd, c"below/new", NEW, 0o600),
            ]
        })
    }),
    Case::file("create-odd-names", OPENAT, 4, |stage| {
        let names = [c"a space", c"\"quoted\"", c"gr\xc3\xbcn", c"\x1b[31m\n"];
        stage.record_all(|| names.map(|name| open(name, NEW)))
    }),
    Case::file("create-long-name", OPENAT, 2, |stage| {
        let (component, path) =
            (c_string(&[b'n'; 200])?, c_string(&[b"./".repeat(1990), b"new".to_vec()].concat())?);
        stage.record_all(|| [open(&component, NEW), open(&path, NEW)])
    }),
    Case::file("create-existing", OPENAT, 1, |stage| {
        make("file", 0o644)?;
        stage.record(|| open(c"file", NEW))
    }),
    Case::file("create-existing-truncated", OPENAT, 1, |stage| {
        make("file", 0o644)?;
        stage.record(|| open(c"file", O_RDWR | O_CREAT | O_TRUNC))
    }),
    Case::file("create-existing-uncached-then-cached", OPENAT, 2, |stage| {
        fresh_proc()?;
        stage.record_all(|| {
            [open(c"proc/version", O_RDONLY | O_CREAT), open(c"proc/version", O_RDONLY | O_CREAT)]
        })
    }),
    Case::file("create-eexist-uncached-then-cached", OPENAT, 2, |stage| {
        fresh_proc()?;
        stage.fail_all(Errno::EEXIST, || [(); 2].map(|()| open(c"proc/version", O_RDONLY | O_CREAT | O_EXCL)))
    }),
    Case::file("create-eexist", OPENAT, 1, |stage| {
        make("file", 0o644)?;
        stage.fail(Errno::EEXIST, || open(c"file", NEW | O_EXCL))
    }),
    Case::file("create-eexist-link", OPENAT, 1, |stage| {
        link("absent", "link")?;
        stage.fail(Errno::EEXIST, || open(c"link", NEW | O_EXCL))
    }),
    Case::file("create-through-link", OPENAT, 1, |stage| {
        directory("directory", 0o755)?;
        link("directory/new", "link")?;
        stage.record(|| open(c"link", NEW))
    }),
    Case::file("create-through-link-existing", OPENAT, 1, |stage| {
        make("file", 0o644)?;
        link("file", "link")?;
        stage.record(|| open(c"link", NEW))
    }),
    Case::file("create-through-link-nowhere", OPENAT, 1, |stage| {
        link("absent/new", "link")?;
        stage.fail(Errno::ENOENT, || open(c"link", NEW))
    }),
    Case::file("create-nofollow", OPENAT, 1, |stage| {
        link("new", "link")?;
        stage.fail(Errno::ELOOP, || open(c"link", NEW | O_NOFOLLOW))
    }),
    Case::file("create-below-link", OPENAT, 1, |stage| {
        directory("directory", 0o755)?;
        link("directory", "link")?;
        stage.record(|| open(c"link/new", NEW))
    }),
    Case::file("create-eacces", OPENAT, 1, |stage| stage.fail_as_nobody(Errno::EACCES, || open(c"new", NEW))),
    Case::file("create-eacces-existing", OPENAT, 1, |stage| {
        make("file", 0o644)?;
        stage.fail_as_nobody(Errno::EACCES, || open(c"file", NEW))
    }),
    Case::file("create-eacces-walk", OPENAT, 1, |stage| {
        directory("locked", 0o700)?;
        directory("locked/inner", 0o777)?;
        stage.fail_as_nobody(Errno::EACCES, || open(c"locked/inner/new", NEW))
    }),
    Case::file("create-erofs", OPENAT, 2, |stage| {
        still()?;
        stage.fail_all(Errno::EROFS, || [open(c"still/new", NEW), open(c"still/file", NEW)])
    }),
    Case::file("create-erofs-existing-read", OPENAT, 1, |stage| {
        still()?;
        stage.record(|| open(c"still/file", O_RDONLY | O_CREAT))
    }),
    Case::file("create-enospc", OPENAT, 1, |stage| {
        own_mounts()?;
        // One inode is the root's.
        tmpfs(c"full", c"nr_inodes=2")?;
        make("full/file", 0o644)?;
        stage.fail(Errno::ENOSPC, || open(c"full/new", NEW))
    }),
    Case::file("create-eisdir", OPENAT, 3, |stage| {
        directory("directory", 0o755)?;
        stage.fail_all(Errno::EISDIR, || {
            [
                open(c"directory", O_RDONLY | O_CREAT),
                open(c"new/", NEW),
                open(c"directory/..", O_RDONLY | O_CREAT),
            ]
        })
    }),
    Case::file("create-and-directory", OPENAT, 1, |stage| {
        // EINVAL since 6.4; before that a file is created and then found not to be a directory.
        stage.begin()?;
        let outcome = open(c"new", O_RDONLY | O_CREAT | O_DIRECTORY);
        stage.end()?;
        anyhow::ensure!(outcome.is_err(), "it was opened");
        Ok(())
    }),
    Case::file("create-in-deleted-directory", OPENAT, 1, |stage| {
        directory("gone", 0o755)?;
        let fd = descriptor(c"gone")?;
        std::fs::remove_dir("gone")?;
        stage.fail(Errno::ENOENT, || syscall!(libc::SYS_openat, fd, c"new", NEW, 0o600))
    }),
    Case::file("create-in-proc", OPENAT, 1, |stage| {
        stage.fail(Errno::ENOENT, || open(c"/proc/ebpfauditd-absent", NEW))
    }),
    Case::file("create-ebadf", OPENAT, 1, |stage| {
        stage.fail(Errno::EBADF, || syscall!(libc::SYS_openat, 77, c"new", NEW, 0o600))
    }),
    Case::file("create-protected", OPENAT, 1, |stage| {
        // Somebody else's file in a directory where everybody may write: ANOM_CREAT.
        directory("sticky", 0o777)?;
        make("sticky/file", 0o666)?;
        syscall!(libc::SYS_chmod, c"sticky", 0o1777)?;
        std::os::unix::fs::chown("sticky/file", Some(1), Some(1))?;
        let setting = Setting::put("/proc/sys/fs/protected_regular", "1")?;
        let outcome = stage.fail_as_nobody(Errno::EACCES, || open(c"sticky/file", NEW));
        setting.back()?;
        outcome
    }),
    Case::file("create-protected-link", OPENAT, 1, |stage| {
        // Somebody else's link in such a directory: ANOM_LINK.
        directory("sticky", 0o777)?;
        syscall!(libc::SYS_chmod, c"sticky", 0o1777)?;
        make("file", 0o666)?;
        link("../file", "sticky/link")?;
        std::os::unix::fs::lchown("sticky/link", Some(1), Some(1))?;
        let setting = Setting::put("/proc/sys/fs/protected_symlinks", "1")?;
        let outcome = stage.fail_as_nobody(Errno::EACCES, || open(c"sticky/link", O_RDONLY));
        setting.back()?;
        outcome
    }),
    Case::file("create-by-open", &["-S open"], 3, |stage| {
        make("file", 0o644)?;
        stage.begin()?;
        let outcome = [
            syscall!(libc::SYS_open, c"new", NEW, 0o640),
            syscall!(libc::SYS_open, c"file", NEW, 0o640),
            syscall!(libc::SYS_open, c"file", NEW | O_EXCL, 0o640),
        ];
        stage.end()?;
        outcome[0].and(outcome[1])?;
        refused(outcome[2], Errno::EEXIST)
    }),
    Case::file("create-by-creat", &["-S creat"], 4, |stage| {
        make("file", 0o644)?;
        directory("directory", 0o755)?;
        stage.begin()?;
        let outcome = [c"new", c"file"].map(|name| syscall!(libc::SYS_creat, name, 0o640));
        let directory = syscall!(libc::SYS_creat, c"directory", 0o640);
        let below = stage.child(|_| {
            become_nobody()?;
            refused(syscall!(libc::SYS_creat, c"new-too", 0o640), Errno::EACCES)
        });
        stage.end()?;
        outcome[0].and(outcome[1])?;
        below?;
        refused(directory, Errno::EISDIR)
    }),
    Case::file("temporary-new", OPENAT, 1, |stage| stage.record(|| open(c".", O_RDWR | O_TMPFILE))),
    Case::file("temporary-descriptor", OPENAT, 1, |stage| {
        directory("directory", 0o755)?;
        let fd = descriptor(c"directory")?;
        stage.record(|| syscall!(libc::SYS_openat, fd, c".", O_WRONLY | O_TMPFILE | O_EXCL, 0o600))
    }),
    Case::file("temporary-enotdir", OPENAT, 1, |stage| {
        make("file", 0o644)?;
        stage.fail(Errno::ENOTDIR, || open(c"file", O_RDWR | O_TMPFILE))
    }),
    Case::file("temporary-enoent", OPENAT, 1, |stage| {
        stage.fail(Errno::ENOENT, || open(c"absent", O_RDWR | O_TMPFILE))
    }),
    Case::file("temporary-eacces", OPENAT, 1, |stage| {
        stage.fail_as_nobody(Errno::EACCES, || open(c".", O_RDWR | O_TMPFILE))
    }),
    Case::file("temporary-erofs", OPENAT, 1, |stage| {
        still()?;
        stage.fail(Errno::EROFS, || open(c"still", O_RDWR | O_TMPFILE))
    }),
    Case::file("temporary-eopnotsupp", OPENAT, 1, |stage| {
        stage.fail(Errno::EOPNOTSUPP, || open(c"/proc/self/fdinfo", O_RDWR | O_TMPFILE))
    }),
    Case::file("temporary-then-linked", &["-S openat,linkat"], 2, |stage| {
        stage.begin()?;
        let file = open(c".", O_RDWR | O_TMPFILE);
        let linked = match file {
            Ok(fd) => syscall!(libc::SYS_linkat, fd, c"", AT_FDCWD, c"new", libc::AT_EMPTY_PATH),
            Err(error) => Err(error),
        };
        stage.end()?;
        linked.context("openat, linkat").map(drop)
    }),
];

fn open(name: &std::ffi::CStr, flags: i32) -> Result<i64, Errno> {
    syscall!(libc::SYS_openat, AT_FDCWD, name, flags, 0o640)
}

/// A new instance of proc on `proc`: no name of it is in the kernel's cache yet.
fn fresh_proc() -> Result<()> {
    own_mounts()?;
    directory("proc", 0o755)?;
    syscall!(libc::SYS_mount, c"scene", c"proc", c"proc", 0, 0).context("proc")?;
    Ok(())
}
