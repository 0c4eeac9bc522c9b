//! link, linkat.

use anyhow::Context;
use nix::errno::Errno;

use crate::case::Case;
use crate::scene::{FINE, NOWHERE, descriptor, directory, link, make, opened, own_mounts, still, tmpfs};
use crate::setting::Setting;
use crate::stage::c_string;
use crate::syscall;

use libc::{AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_FOLLOW, O_PATH, O_RDWR, O_TMPFILE, SYS_link, SYS_linkat};

/// What most of these cases ask for.
const LINK: &[&str] = &["-S link"];
const LINKAT: &[&str] = &["-S linkat"];

/// By the call that the name tells.
pub const CASES: &[Case] = &[
    Case::file("link-new", LINK, 1, |stage| {
        make("old", 0o644)?;
        stage.record(|| syscall!(SYS_link, c"old", c"new"))
    }),
    Case::file("link-elsewhere", LINK, 1, |stage| {
        directory("one", 0o755)?;
        directory("three", 0o750)?;
        make("one/old", 0o644)?;
        stage.record(|| syscall!(SYS_link, c"one/old", c"./three//new"))
    }),
    Case::file("link-same-name", LINK, 2, |stage| {
        directory("one", 0o755)?;
        directory("two", 0o750)?;
        directory("three", 0o750)?;
        make("one/name", 0o644)?;
        stage.record_all(|| {
            [syscall!(SYS_link, c"one/name", c"two/name"), syscall!(SYS_link, c"one/name", c"three/name")]
        })
    }),
    Case::file("link-absolute", LINK, 1, |stage| {
        make("old", 0o644)?;
        let (old, new) = (stage.fresh("old")?, stage.fresh("new")?);
        stage.record(|| syscall!(SYS_link, &old, &new))
    }),
    Case::file("link-odd-and-long-names", LINK, 2, |stage| {
        make("a \"b\"", 0o644)?;
        let long = c_string(&[b'n'; 200])?;
        stage.record_all(|| {
            [syscall!(SYS_link, c"a \"b\"", c"\xc3\xa9\x01"), syscall!(SYS_link, c"a \"b\"", &long)]
        })
    }),
    Case::file("link-of-a-link", LINK, 1, |stage| {
        make("file", 0o644)?;
        link("file", "link")?;
        stage.record(|| syscall!(SYS_link, c"link", c"new"))
    }),
    Case::file("link-of-special-files", LINK, 2, |stage| {
        syscall!(libc::SYS_mknod, c"fifo", libc::S_IFIFO | 0o600, 0).context("mknod")?;
        syscall!(libc::SYS_mknod, c"device", libc::S_IFCHR | 0o600, 0x103).context("mknod")?;
        stage.record_all(|| {
            [syscall!(SYS_link, c"fifo", c"fifo-2"), syscall!(SYS_link, c"device", c"device-2")]
        })
    }),
    Case::file("link-eexist", LINK, 2, |stage| {
        make("old", 0o644)?;
        make("new", 0o600)?;
        stage.fail_all(Errno::EEXIST, || {
            [syscall!(SYS_link, c"old", c"new"), syscall!(SYS_link, c"old", c"old")]
        })
    }),
    Case::file("link-enoent", LINK, 3, |stage| {
        make("old", 0o644)?;
        stage.fail_all(Errno::ENOENT, || {
            [
                syscall!(SYS_link, c"absent", c"new"),
                syscall!(SYS_link, c"old", c"absent/new"),
                syscall!(SYS_link, c"old", c"new/"),
            ]
        })
    }),
    Case::file("link-efault", LINK, 2, |stage| {
        make("old", 0o644)?;
        stage.fail_all(Errno::EFAULT, || {
            [syscall!(SYS_link, NOWHERE, c"new"), syscall!(SYS_link, c"old", NOWHERE)]
        })
    }),
    Case::file("link-exdev", LINK, 1, |stage| {
        own_mounts()?;
        tmpfs(c"mounted", c"mode=0755")?;
        make("old", 0o644)?;
        stage.fail(Errno::EXDEV, || syscall!(SYS_link, c"old", c"mounted/new"))
    }),
    Case::file("link-of-a-directory", LINK, 1, |stage| {
        directory("directory", 0o755)?;
        stage.fail(Errno::EPERM, || syscall!(SYS_link, c"directory", c"new"))
    }),
    Case::file("link-eacces", LINK, 1, |stage| {
        make("old", 0o666)?;
        let setting = Setting::put("/proc/sys/fs/protected_hardlinks", "0")?;
        let outcome = stage.fail_as_nobody(Errno::EACCES, || syscall!(SYS_link, c"old", c"new"));
        setting.back()?;
        outcome
    }),
    Case::file("link-protected", LINK, 1, |stage| {
        // Somebody else's file that this one may not write: ANOM_LINK.
        make("old", 0o644)?;
        directory("open", 0o777)?;
        let setting = Setting::put("/proc/sys/fs/protected_hardlinks", "1")?;
        let outcome = stage.fail_as_nobody(Errno::EPERM, || syscall!(SYS_link, c"old", c"open/new"));
        setting.back()?;
        outcome
    }),
    Case::file("link-erofs", LINK, 1, |stage| {
        still()?;
        stage.fail(Errno::EROFS, || syscall!(SYS_link, c"still/file", c"still/new"))
    }),
    Case::file("linkat-descriptors", LINKAT, 1, |stage| {
        directory("one", 0o755)?;
        directory("two", 0o750)?;
        make("one/old", 0o644)?;
        let (one, two) = (descriptor(c"one")?, opened(c"two", O_PATH)?);
        stage.record(|| syscall!(SYS_linkat, one, c"old", two, c"new", 0))
    }),
    Case::file("linkat-follow", LINKAT, 2, |stage| {
        make("file", 0o644)?;
        link("file", "link")?;
        stage.record_all(|| {
            [
                syscall!(SYS_linkat, AT_FDCWD, c"link", AT_FDCWD, c"to-file", AT_SYMLINK_FOLLOW),
                syscall!(SYS_linkat, AT_FDCWD, c"link", AT_FDCWD, c"to-link", 0),
            ]
        })
    }),
    Case::file("linkat-of-a-descriptor", LINKAT, 1, |stage| {
        make("file", 0o644)?;
        let fd = descriptor(c"file")?;
        stage.record(|| syscall!(SYS_linkat, fd, c"", AT_FDCWD, c"new", AT_EMPTY_PATH))
    }),
    Case::file("linkat-of-a-descriptor-in-proc", LINKAT, 1, |stage| {
        let fd = opened(c".", O_RDWR | O_TMPFILE)?;
        let name = c_string(format!("/proc/self/fd/{fd}").as_bytes())?;
        stage.record(|| syscall!(SYS_linkat, AT_FDCWD, &name, AT_FDCWD, c"new", AT_SYMLINK_FOLLOW))
    }),
    Case::file("linkat-refused", LINKAT, 5, |stage| {
        make("file", 0o644)?;
        let fd = descriptor(c"file")?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_linkat, AT_FDCWD, c"file", AT_FDCWD, c"new", 0x8000), Errno::EINVAL),
                (syscall!(SYS_linkat, 77, c"file", AT_FDCWD, c"new", 0), Errno::EBADF),
                (syscall!(SYS_linkat, AT_FDCWD, c"file", 77, c"new", 0), Errno::EBADF),
                (syscall!(SYS_linkat, fd, c"", AT_FDCWD, c"new", 0), Errno::ENOENT),
                (syscall!(SYS_linkat, AT_FDCWD, c"file", AT_FDCWD, c"new", 0), FINE),
            ]
        })
    }),
    Case::file("linkat-of-a-removed-file", LINKAT, 1, |stage| {
        make("file", 0o644)?;
        let fd = descriptor(c"file")?;
        stage.tell_inodes()?;
        std::fs::remove_file("file")?;
        stage.fail(Errno::ENOENT, || syscall!(SYS_linkat, fd, c"", AT_FDCWD, c"new", AT_EMPTY_PATH))
    }),
];
