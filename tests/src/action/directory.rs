//! mkdir, mkdirat, mknod, mknodat.

use anyhow::Context;
use nix::errno::Errno;

use crate::case::Case;
use crate::scene::{FINE, descriptor, directory, link, make, still};
use crate::stage::{NOBODY, c_string};
use crate::syscall;

use libc::{
    AT_FDCWD, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK, SYS_mkdir, SYS_mkdirat,
    SYS_mknod, SYS_mknodat,
};

/// What most of these cases ask for.
const MKDIR: &[&str] = &["-S mkdir"];
const MKNOD: &[&str] = &["-S mknod"];

/// The device of /dev/null.
const NULL: i32 = 0x103;

/// By the call that the name tells.
pub const CASES: &[Case] = &[
    Case::file("mkdir-new", MKDIR, 1, |stage| stage.record(|| syscall!(SYS_mkdir, c"new", 0o750))),
    Case::file("mkdir-absolute", MKDIR, 1, |stage| {
        let path = stage.fresh("new")?;
        stage.record(|| syscall!(SYS_mkdir, &path, 0o1777))
    }),
    Case::file("mkdir-slashes-and-dots", MKDIR, 3, |stage| {
        directory("directory", 0o755)?;
        link("directory", "link")?;
        stage.record_all(|| {
            [c"new//", c"directory/..//./other", c"link/below/"].map(|name| syscall!(SYS_mkdir, name, 0o755))
        })
    }),
    Case::file("mkdir-in-group-directory", MKDIR, 1, |stage| {
        directory("directory", 0o755)?;
        std::os::unix::fs::chown("directory", None, Some(NOBODY))?;
        syscall!(libc::SYS_chmod, c"directory", 0o2777).context("chmod")?;
        stage.record(|| syscall!(SYS_mkdir, c"directory/new", 0o755))
    }),
    Case::file("mkdir-odd-and-long-names", MKDIR, 3, |stage| {
        let long = c_string(&[b'n'; 200])?;
        stage.record_all(|| {
            [c"a \"b\"", c"\x1b\xff", long.as_c_str()].map(|name| syscall!(SYS_mkdir, name, 0o755))
        })
    }),
    Case::file("mkdir-eexist", MKDIR, 6, |stage| {
        make("file", 0o644)?;
        directory("directory", 0o755)?;
        link("absent", "link")?;
        stage.fail_all(Errno::EEXIST, || {
            [c"file", c"directory", c"link", c".", c"directory/..", c"/"]
                .map(|name| syscall!(SYS_mkdir, name, 0o755))
        })
    }),
    Case::file("mkdir-below-nothing", MKDIR, 3, |stage| {
        make("file", 0o644)?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_mkdir, c"absent/new", 0o755), Errno::ENOENT),
                (syscall!(SYS_mkdir, c"file/new", 0o755), Errno::ENOTDIR),
                (syscall!(SYS_mkdir, c"", 0o755), Errno::ENOENT),
            ]
        })
    }),
    Case::file("mkdir-eacces", MKDIR, 1, |stage| {
        stage.fail_as_nobody(Errno::EACCES, || syscall!(SYS_mkdir, c"new", 0o755))
    }),
    Case::file("mkdir-erofs", MKDIR, 2, |stage| {
        still()?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_mkdir, c"still/new", 0o755), Errno::EROFS),
                (syscall!(SYS_mkdir, c"still/directory", 0o755), Errno::EEXIST),
            ]
        })
    }),
    Case::file("mkdir-in-deleted-directory", MKDIR, 1, |stage| {
        directory("gone", 0o755)?;
        stage.tell_inodes()?;
        std::env::set_current_dir("gone")?;
        std::fs::remove_dir("../gone")?;
        stage.fail(Errno::ENOENT, || syscall!(SYS_mkdir, c"new", 0o755))
    }),
    Case::file("mkdirat-descriptor", &["-S mkdirat"], 4, |stage| {
        directory("directory", 0o755)?;
        let fd = descriptor(c"directory")?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_mkdirat, fd, c"new", 0o700), FINE),
                (syscall!(SYS_mkdirat, AT_FDCWD, c"new", 0o700), FINE),
                (syscall!(SYS_mkdirat, 77, c"new", 0o700), Errno::EBADF),
                (syscall!(SYS_mkdirat, fd, c"../directory/new", 0o700), Errno::EEXIST),
            ]
        })
    }),
    Case::file("mknod-kinds", MKNOD, 5, |stage| {
        stage.record_all(|| {
            [
                syscall!(SYS_mknod, c"fifo", S_IFIFO | 0o640, 0),
                syscall!(SYS_mknod, c"characters", S_IFCHR | 0o640, NULL),
                syscall!(SYS_mknod, c"blocks", S_IFBLK | 0o640, 0x700),
                syscall!(SYS_mknod, c"socket", S_IFSOCK | 0o640, 0),
                syscall!(SYS_mknod, c"file", 0o640, 0),
            ]
        })
    }),
    Case::file("mknod-refused-kinds", MKNOD, 3, |stage| {
        stage.outcomes(|| {
            [
                (syscall!(SYS_mknod, c"new", S_IFDIR | 0o755, 0), Errno::EPERM),
                (syscall!(SYS_mknod, c"new", S_IFLNK | 0o755, 0), Errno::EINVAL),
                (syscall!(SYS_mknod, c"new", 0o170_644, 0), Errno::EINVAL),
            ]
        })
    }),
    Case::file("mknod-eexist", MKNOD, 3, |stage| {
        make("file", 0o644)?;
        link("absent", "link")?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_mknod, c"file", S_IFIFO | 0o640, 0), Errno::EEXIST),
                (syscall!(SYS_mknod, c"link", S_IFREG | 0o640, 0), Errno::EEXIST),
                (syscall!(SYS_mknod, c"new/", S_IFIFO | 0o640, 0), Errno::ENOENT),
            ]
        })
    }),
    Case::file("mknod-eperm", MKNOD, 1, |stage| {
        directory("open", 0o777)?;
        stage.fail_as_nobody(Errno::EPERM, || syscall!(SYS_mknod, c"open/new", S_IFCHR | 0o640, NULL))
    }),
    Case::file("mknod-eacces", MKNOD, 1, |stage| {
        stage.fail_as_nobody(Errno::EACCES, || syscall!(SYS_mknod, c"new", S_IFIFO | 0o640, 0))
    }),
    Case::file("mknod-erofs", MKNOD, 1, |stage| {
        still()?;
        stage.fail(Errno::EROFS, || syscall!(SYS_mknod, c"still/new", S_IFIFO | 0o640, 0))
    }),
    Case::file("mknodat-descriptor", &["-S mknodat"], 3, |stage| {
        directory("directory", 0o755)?;
        let fd = descriptor(c"directory")?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_mknodat, fd, c"fifo", S_IFIFO | 0o640, 0), FINE),
                (syscall!(SYS_mknodat, fd, c"device", S_IFCHR | 0o640, NULL), FINE),
                (syscall!(SYS_mknodat, 77, c"fifo", S_IFIFO | 0o640, 0), Errno::EBADF),
            ]
        })
    }),
];
