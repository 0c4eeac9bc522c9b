//! rename, renameat, renameat2.

use std::ffi::CStr;

use anyhow::{Context, Result};
use nix::errno::Errno;

use crate::case::Case;
use crate::scene::{FINE, NOWHERE, descriptor, directory, link, make, own_mounts, still, tmpfs};
use crate::stage::c_string;
use crate::syscall;

use libc::{AT_FDCWD, RENAME_EXCHANGE, RENAME_NOREPLACE, RENAME_WHITEOUT, SYS_renameat};

/// What most of these cases ask for.
const RENAME: &[&str] = &["-S rename"];
const RENAMEAT2: &[&str] = &["-S renameat2"];

/// By rename(2) where the name does not say otherwise.
pub const CASES: &[Case] = &[
    Case::file("rename-new", RENAME, 1, |stage| {
        make("old", 0o644)?;
        stage.record(|| rename(c"old", c"new"))
    }),
    Case::file("rename-replaces", RENAME, 1, |stage| {
        make("old", 0o644)?;
        make("new", 0o600)?;
        stage.record(|| rename(c"old", c"new"))
    }),
    Case::file("rename-to-other-directory", RENAME, 1, |stage| {
        directory("one", 0o755)?;
        directory("two", 0o750)?;
        make("one/old", 0o644)?;
        stage.record(|| rename(c"one/old", c"two/new"))
    }),
    Case::file("rename-same-name-elsewhere", RENAME, 1, |stage| {
        directory("one", 0o755)?;
        directory("three", 0o750)?;
        make("one/name", 0o644)?;
        stage.record(|| rename(c"one/name", c"three/name"))
    }),
    Case::file("rename-same-name-replaces", RENAME, 1, |stage| {
        // Prefixes of the same length: the kernel takes the one item for the other.
        directory("one", 0o755)?;
        directory("two", 0o750)?;
        make("one/name", 0o644)?;
        make("two/name", 0o600)?;
        stage.record(|| rename(c"one/name", c"two/name"))
    }),
    Case::file("rename-same-name-other-length", RENAME, 1, |stage| {
        directory("one", 0o755)?;
        directory("three", 0o750)?;
        make("one/name", 0o644)?;
        make("three/name", 0o600)?;
        stage.record(|| rename(c"one/name", c"three/name"))
    }),
    Case::file("rename-absolute-and-relative", RENAME, 1, |stage| {
        make("old", 0o644)?;
        let new = stage.fresh("new")?;
        stage.record(|| rename(c"old", &new))
    }),
    Case::file("rename-onto-itself", RENAME, 2, |stage| {
        make("old", 0o644)?;
        std::fs::hard_link("old", "new")?;
        stage.record_all(|| [rename(c"old", c"old"), rename(c"old", c"new")])
    }),
    Case::file("rename-directory", RENAME, 2, |stage| {
        directory("old", 0o755)?;
        make("old/file", 0o644)?;
        directory("empty", 0o700)?;
        stage.record_all(|| [rename(c"old/", c"new//"), rename(c"new", c"empty")])
    }),
    Case::file("rename-link", RENAME, 2, |stage| {
        make("file", 0o644)?;
        link("file", "link")?;
        make("other", 0o644)?;
        link("other", "target")?;
        stage.record_all(|| [rename(c"link", c"new"), rename(c"new", c"target")])
    }),
    Case::file("rename-below-link", RENAME, 1, |stage| {
        directory("directory", 0o755)?;
        make("directory/old", 0o644)?;
        link("directory", "link")?;
        stage.record(|| rename(c"link/old", c"directory/new"))
    }),
    Case::file("rename-dots", RENAME, 1, |stage| {
        directory("one", 0o755)?;
        make("old", 0o644)?;
        stage.record(|| rename(c"one/..//old", c"./one/./new"))
    }),
    Case::file("rename-odd-names", RENAME, 1, |stage| {
        make("a \"b\"", 0o644)?;
        stage.record(|| rename(c"a \"b\"", c"\xc3\xa4\n"))
    }),
    Case::file("rename-long-names", RENAME, 2, |stage| {
        make("old", 0o644)?;
        let (component, path) =
            (c_string(&[b'n'; 200])?, c_string(format!("{}new", "./".repeat(1990)).as_bytes())?);
        stage.record_all(|| [rename(c"old", &component), rename(&component, &path)])
    }),
    Case::file("rename-enoent", RENAME, 2, |stage| {
        make("old", 0o644)?;
        stage.fail_all(Errno::ENOENT, || [rename(c"absent", c"new"), rename(c"old", c"absent/new")])
    }),
    Case::file("rename-enoent-target-there", RENAME, 1, |stage| {
        make("new", 0o644)?;
        stage.fail(Errno::ENOENT, || rename(c"absent", c"new"))
    }),
    Case::file("rename-efault", RENAME, 2, |stage| {
        make("old", 0o644)?;
        stage.fail_all(Errno::EFAULT, || {
            [syscall!(libc::SYS_rename, NOWHERE, c"new"), syscall!(libc::SYS_rename, c"old", NOWHERE)]
        })
    }),
    Case::file("rename-exdev", RENAME, 1, |stage| {
        own_mounts()?;
        tmpfs(c"mounted", c"mode=0755")?;
        make("old", 0o644)?;
        stage.fail(Errno::EXDEV, || rename(c"old", c"mounted/new"))
    }),
    Case::file("rename-wrong-kinds", RENAME, 4, |stage| {
        make("file", 0o644)?;
        directory("directory", 0o755)?;
        directory("full", 0o755)?;
        make("full/file", 0o644)?;
        stage.outcomes(|| {
            [
                (rename(c"file", c"directory"), Errno::EISDIR),
                (rename(c"directory", c"file"), Errno::ENOTDIR),
                (rename(c"directory", c"full"), Errno::ENOTEMPTY),
                (rename(c"file", c"full"), Errno::EISDIR),
            ]
        })
    }),
    Case::file("rename-into-itself", RENAME, 2, |stage| {
        directory("directory", 0o755)?;
        directory("directory/below", 0o755)?;
        stage.outcomes(|| {
            [
                (rename(c"directory", c"directory/below/new"), Errno::EINVAL),
                (rename(c"directory/below", c"directory"), Errno::ENOTEMPTY),
            ]
        })
    }),
    Case::file("rename-dot-names", RENAME, 3, |stage| {
        directory("directory", 0o755)?;
        make("file", 0o644)?;
        stage.fail_all(Errno::EBUSY, || {
            [rename(c"directory/.", c"new"), rename(c"file", c"directory/.."), rename(c"/", c"new")]
        })
    }),
    Case::file("rename-trailing-slash", RENAME, 2, |stage| {
        make("file", 0o644)?;
        stage.fail_all(Errno::ENOTDIR, || [rename(c"file/", c"new"), rename(c"file", c"new/")])
    }),
    Case::file("rename-eacces", RENAME, 2, |stage| {
        make("file", 0o666)?;
        directory("open", 0o777)?;
        stage.as_nobody(|| {
            crate::stage::refused(rename(c"file", c"open/new"), Errno::EACCES)?;
            crate::stage::refused(rename(c"open", c"new"), Errno::EACCES)
        })
    }),
    Case::file("rename-eacces-target", RENAME, 1, |stage| {
        directory("open", 0o777)?;
        make("open/file", 0o666)?;
        stage.fail_as_nobody(Errno::EACCES, || rename(c"open/file", c"new"))
    }),
    Case::file("rename-sticky", RENAME, 2, |stage| {
        directory("sticky", 0o777)?;
        syscall!(libc::SYS_chmod, c"sticky", 0o1777).context("chmod")?;
        make("sticky/file", 0o666)?;
        make("sticky/own", 0o666)?;
        std::os::unix::fs::chown("sticky/own", Some(65534), Some(65534))?;
        stage.as_nobody(|| {
            crate::stage::refused(rename(c"sticky/file", c"sticky/new"), Errno::EPERM)?;
            crate::stage::refused(rename(c"sticky/own", c"sticky/file"), Errno::EPERM)
        })
    }),
    Case::file("rename-erofs", RENAME, 1, |stage| {
        still()?;
        stage.fail(Errno::EROFS, || rename(c"still/file", c"still/new"))
    }),
    Case::file("rename-ebusy", RENAME, 1, |stage| {
        own_mounts()?;
        tmpfs(c"mounted", c"mode=0755")?;
        stage.fail(Errno::EBUSY, || rename(c"mounted", c"new"))
    }),
    Case::file("renameat-descriptors", &["-S renameat"], 2, |stage| {
        directory("one", 0o755)?;
        directory("two", 0o750)?;
        make("one/old", 0o644)?;
        let (one, two) = (descriptor(c"one")?, descriptor(c"two")?);
        stage.record_all(|| {
            [
                syscall!(SYS_renameat, one, c"old", two, c"new"),
                syscall!(SYS_renameat, two, c"new", AT_FDCWD, c"here"),
            ]
        })
    }),
    Case::file("renameat-refused", &["-S renameat"], 3, |stage| {
        make("file", 0o644)?;
        let fd = descriptor(c"file")?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_renameat, 77, c"file", AT_FDCWD, c"new"), Errno::EBADF),
                (syscall!(SYS_renameat, AT_FDCWD, c"file", 77, c"new"), Errno::EBADF),
                (syscall!(SYS_renameat, AT_FDCWD, c"file", fd, c"new"), Errno::ENOTDIR),
            ]
        })
    }),
    Case::file("rename-exchange", RENAMEAT2, 2, |stage| {
        make("one", 0o644)?;
        directory("two", 0o750)?;
        make("three", 0o600)?;
        stage.record_all(|| [with(c"one", c"two", RENAME_EXCHANGE), with(c"one", c"three", RENAME_EXCHANGE)])
    }),
    Case::file("rename-exchange-elsewhere", RENAMEAT2, 2, |stage| {
        directory("one", 0o755)?;
        directory("two", 0o750)?;
        make("one/name", 0o644)?;
        make("two/name", 0o600)?;
        make("two/other", 0o640)?;
        stage.record_all(|| {
            [
                with(c"one/name", c"two/name", RENAME_EXCHANGE),
                with(c"one/name", c"two/other", RENAME_EXCHANGE),
            ]
        })
    }),
    Case::file("rename-exchange-refused", RENAMEAT2, 3, |stage| {
        make("one", 0o644)?;
        directory("two", 0o755)?;
        directory("two/three", 0o755)?;
        stage.outcomes(|| {
            [
                (with(c"one", c"absent", RENAME_EXCHANGE), Errno::ENOENT),
                (with(c"absent", c"one", RENAME_EXCHANGE), Errno::ENOENT),
                (with(c"two", c"two/three", RENAME_EXCHANGE), Errno::EINVAL),
            ]
        })
    }),
    Case::file("rename-noreplace", RENAMEAT2, 2, |stage| {
        make("one", 0o644)?;
        make("two", 0o600)?;
        stage.outcomes(|| {
            [
                (with(c"one", c"two", RENAME_NOREPLACE), Errno::EEXIST),
                (with(c"one", c"new", RENAME_NOREPLACE), FINE),
            ]
        })
    }),
    Case::file("rename-whiteout", RENAMEAT2, 2, |stage| {
        own_mounts()?;
        tmpfs(c"mounted", c"mode=0755")?;
        make("mounted/old", 0o644)?;
        make("mounted/other", 0o600)?;
        stage.record_all(|| {
            [
                with(c"mounted/old", c"mounted/new", RENAME_WHITEOUT),
                with(c"mounted/new", c"mounted/other", RENAME_WHITEOUT),
            ]
        })
    }),
    Case::file("rename-flags-refused", RENAMEAT2, 2, |stage| {
        make("one", 0o644)?;
        stage.fail_all(Errno::EINVAL, || {
            [with(c"one", c"new", 0x80), with(c"one", c"new", RENAME_EXCHANGE | RENAME_NOREPLACE)]
        })
    }),
    Case::file("renameat2-plain", RENAMEAT2, 1, |stage| {
        make("one", 0o644)?;
        stage.record(|| with(c"one", c"two", 0))
    }),
];

fn rename(old: &CStr, new: &CStr) -> Result<i64, Errno> {
    syscall!(libc::SYS_rename, old, new)
}

fn with(old: &CStr, new: &CStr, flags: u32) -> Result<i64, Errno> {
    syscall!(libc::SYS_renameat2, AT_FDCWD, old, AT_FDCWD, new, flags)
}
