//! Rules on one file by its name, as `-w` makes them, too: the rule follows the file.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use nix::errno::Errno;

use crate::case::Case;
use crate::obstacle;
use crate::scene::{FINE, descriptor, directory, link, make, opened, own_mounts};
use crate::stage::refused;
use crate::syscall;

use libc::{
    AT_FDCWD, O_CREAT, O_EXCL, O_PATH, O_RDONLY, O_RDWR, O_TMPFILE, O_TRUNC, O_WRONLY, RENAME_EXCHANGE,
    SYS_chmod, SYS_fchmod, SYS_link, SYS_linkat, SYS_openat, SYS_readlink, SYS_rename, SYS_renameat2,
    SYS_stat, SYS_truncate, SYS_unlink,
};

/// The rule that asks for the file alone: every call that walks to it.
const PATH: &[&str] = &["-F path=$work/watched"];

/// The rule that `-w FILE -p wa` stands for.
const WRITE: &[&str] = &["-F path=$work/watched -F perm=wa"];

/// `watched` is there before the rules unless the case says that it comes later.
pub const CASES: &[Case] = &[
    Case::file("path-every-call", PATH, 6, |stage| {
        let mut room = [0_u8; 144];
        stage.outcomes(|| {
            [
                (open(c"watched", O_RDONLY), FINE),
                (syscall!(SYS_stat, c"watched", &mut room[..]), FINE),
                (syscall!(SYS_chmod, c"watched", 0o600), FINE),
                (syscall!(SYS_readlink, c"watched", &mut room[..], 64), Errno::EINVAL),
                (syscall!(SYS_truncate, c"watched", 1), FINE),
                (syscall!(SYS_unlink, c"watched"), FINE),
            ]
        })
    })
    .with(watched),
    Case::file("path-other-files", PATH, 0, |stage| {
        make("other", 0o644)?;
        directory("directory", 0o755)?;
        make("directory/watched", 0o644)?;
        stage.outcomes(|| {
            [
                (open(c"other", O_RDONLY), FINE),
                (open(c".", O_RDONLY), FINE),
                (open(c"directory/watched", O_RDONLY), FINE),
                (open(c"watched/below", O_RDONLY), Errno::ENOTDIR),
                (open(c"watched-not", O_RDONLY), Errno::ENOENT),
            ]
        })
    })
    .with(watched),
    Case::file("path-other-names", PATH, 6, |stage| {
        // The rule is about the inode, by whatever name.
        fs::hard_link("watched", "hard")?;
        link("watched", "soft")?;
        directory("one", 0o755)?;
        let fd = descriptor(c".")?;
        let own = crate::stage::c_string(format!("/proc/self/fd/{}", descriptor(c"watched")?).as_bytes())?;
        stage.record_all(|| {
            [
                open(c"hard", O_RDONLY),
                open(c"soft", O_RDONLY),
                open(c"one/..//watched", O_RDONLY),
                syscall!(SYS_openat, fd, c"./watched", O_RDONLY),
                open(&own, O_RDONLY),
                open(c"watched", O_PATH),
            ]
        })
    })
    .with(watched),
    Case::file("path-bind-mount", PATH, 2, |stage| {
        own_mounts()?;
        make("over", 0o644)?;
        directory("tree", 0o755)?;
        let bind = libc::MS_BIND as i64;
        syscall!(libc::SYS_mount, c"watched", c"over", 0, bind, 0).context("mount")?;
        syscall!(libc::SYS_mount, c".", c"tree", 0, bind, 0).context("mount")?;
        stage.record_all(|| [c"over", c"tree/watched"].map(|name| open(name, O_RDONLY)))
    })
    .with(watched),
    Case::file("path-changed-root", PATH, 1, |stage| {
        stage.tell_inodes()?;
        syscall!(libc::SYS_chroot, c".").context("chroot")?;
        syscall!(libc::SYS_chdir, c"/").context("chdir")?;
        stage.record(|| open(c"/watched", O_RDONLY))
    })
    .with(watched),
    Case::file("path-not-there-yet", PATH, 3, |stage| {
        stage.outcomes(|| {
            [
                // Nothing of that name: nothing to match.
                (open(c"watched", O_RDONLY), Errno::ENOENT),
                (open(c"watched", O_WRONLY | O_CREAT), FINE),
                (open(c"watched", O_RDONLY), FINE),
                (syscall!(SYS_unlink, c"watched"), FINE),
                (open(c"watched", O_RDONLY), Errno::ENOENT),
            ]
        })
    }),
    Case::file("path-removed-and-made-again", PATH, 4, |stage| {
        stage.record_all(|| {
            [
                syscall!(SYS_unlink, c"watched"),
                open(c"watched", O_WRONLY | O_CREAT | O_EXCL),
                syscall!(SYS_chmod, c"watched", 0o600),
                syscall!(SYS_unlink, c"watched"),
            ]
        })
    })
    .with(watched)
    // the new file may get the old one's inode
    .ignoring(&[("PATH", "inode")]),
    Case::file("path-comes-by-other-ways", PATH, 8, |stage| {
        make("other", 0o644)?;
        directory("below", 0o755)?;
        let file = opened(c".", O_RDWR | O_TMPFILE)?;
        stage.record_all(|| {
            [
                syscall!(SYS_link, c"other", c"watched"),
                syscall!(SYS_unlink, c"watched"),
                syscall!(libc::SYS_symlink, c"other", c"watched"),
                syscall!(SYS_unlink, c"watched"),
                syscall!(libc::SYS_mkdir, c"watched", 0o755),
                syscall!(libc::SYS_rmdir, c"watched"),
                syscall!(SYS_linkat, file, c"", AT_FDCWD, c"watched", libc::AT_EMPTY_PATH),
                syscall!(SYS_unlink, c"watched"),
            ]
        })
    })
    .ignoring(&[("PATH", "inode")]),
    Case::file("path-link-itself", PATH, 2, |stage| {
        // The rule is about the link, not about what it leads to.
        make("target", 0o644)?;
        let mut room = [0_u8; 64];
        stage.record_all(|| {
            [
                open(c"watched", O_RDONLY),
                syscall!(SYS_readlink, c"watched", &mut room[..], 64),
                open(c"target", O_RDONLY),
                syscall!(SYS_unlink, c"watched"),
            ]
        })
    })
    .with(|place| Ok(std::os::unix::fs::symlink("target", place.join("watched"))?)),
    Case::file("path-renamed-away", PATH, 1, |stage| {
        // The rename is recorded; the file under its new name is nobody's.
        stage.record_all(|| [syscall!(SYS_rename, c"watched", c"elsewhere"), open(c"elsewhere", O_RDONLY)])
    })
    .with(watched),
    Case::file("path-renamed-to", PATH, 2, |stage| {
        make("other", 0o644)?;
        stage.record_all(|| [syscall!(SYS_rename, c"other", c"watched"), open(c"watched", O_RDONLY)])
    }),
    Case::file("path-replaced", PATH, 2, |stage| {
        make("new", 0o600)?;
        stage.record_all(|| [syscall!(SYS_rename, c"new", c"watched"), open(c"watched", O_RDONLY)])
    })
    .with(watched),
    Case::file("path-replaced-kept-by-other-name", PATH, 2, |stage| {
        // The old inode has another name still, which is not watched any more.
        make("new", 0o600)?;
        fs::hard_link("watched", "old")?;
        stage.record_all(|| {
            [syscall!(SYS_rename, c"new", c"watched"), open(c"old", O_RDONLY), open(c"watched", O_RDONLY)]
        })
    })
    .with(watched),
    Case::file("path-exchanged", PATH, 2, |stage| {
        make("other", 0o600)?;
        stage.record_all(|| {
            [
                syscall!(SYS_renameat2, AT_FDCWD, c"watched", AT_FDCWD, c"other", RENAME_EXCHANGE),
                open(c"watched", O_RDONLY),
                open(c"other", O_RDONLY),
            ]
        })
    })
    .with(watched),
    Case::file("path-directory-renamed", &["-F path=$work/directory/watched"], 0, |stage| {
        // The rule goes with the name of its directory.
        stage.record_all(|| {
            [syscall!(SYS_rename, c"directory", c"renamed"), open(c"renamed/watched", O_RDONLY)]
        })
    })
    .with(|place| {
        fs::create_dir(place.join("directory"))?;
        watched(&place.join("directory"))
    }),
    Case::file("path-through-link-of-directory", &["-F path=$work/link/watched"], 2, |stage| {
        stage.record_all(|| [open(c"directory/watched", O_RDONLY), open(c"link/watched", O_RDONLY)])
    })
    .with(|place| {
        fs::create_dir(place.join("directory"))?;
        std::os::unix::fs::symlink("directory", place.join("link"))?;
        watched(&place.join("directory"))
    }),
    Case::file("path-directory", &["-F path=$work/directory"], 3, |stage| {
        // The directory itself; what is below only as far as the directory is among the names.
        make("directory/file", 0o644)?;
        stage.record_all(|| {
            [
                open(c"directory", O_RDONLY),
                open(c"directory/file", O_RDONLY),
                open(c"directory/new", O_WRONLY | O_CREAT),
                syscall!(SYS_unlink, c"directory/file"),
            ]
        })
    })
    .with(|place| Ok(fs::create_dir(place.join("directory"))?)),
    Case::file("path-mounted-over", PATH, 0, |stage| {
        own_mounts()?;
        make("other", 0o644)?;
        syscall!(libc::SYS_mount, c"other", c"watched", 0, libc::MS_BIND as i64, 0).context("mount")?;
        stage.record(|| open(c"watched", O_RDONLY))
    })
    .with(watched),
    Case::file("path-by-descriptor", PATH, 2, |stage| {
        let fd = opened(c"watched", O_RDWR)?;
        stage.record_all(|| {
            [
                syscall!(SYS_fchmod, fd, 0o600),
                syscall!(libc::SYS_fsetxattr, fd, c"trusted.test", &b"x"[..], 1, 0),
                syscall!(libc::SYS_ftruncate, fd, 0),
            ]
        })
    })
    .with(watched),
    Case::file("path-failures", PATH, 4, |stage| {
        syscall!(SYS_chmod, c"watched", 0o600).context("chmod")?;
        directory("open", 0o777)?;
        stage.as_nobody(|| {
            refused(open(c"watched", O_RDONLY), Errno::EACCES)?;
            refused(syscall!(SYS_chmod, c"watched", 0o777), Errno::EPERM)?;
            refused(syscall!(SYS_unlink, c"watched"), Errno::EACCES)?;
            refused(syscall!(SYS_truncate, c"watched", 0), Errno::EACCES)
        })
    })
    .with(watched),
    Case::file(
        "path-success-and-exit",
        &["-F path=$work/watched -F success=0", "-F path=$work/watched -F exit=-EEXIST"],
        2,
        |stage| {
            stage.outcomes(|| {
                [
                    (open(c"watched", O_RDONLY), FINE),
                    (open(c"watched", O_RDWR | O_CREAT | O_EXCL), Errno::EEXIST),
                    (open(c"watched", O_RDONLY | libc::O_DIRECTORY), Errno::ENOTDIR),
                ]
            })
        },
    )
    .with(watched),
    Case::file(
        "path-outcome-at-removal",
        &["-F path=$work/watched -F success=0", "-F path=$work/watched -F exit=-EEXIST"],
        1,
        |stage| {
            stage.outcomes(|| {
                [
                    (open(c"watched", O_RDWR | O_CREAT | O_EXCL), Errno::EEXIST),
                    // The run at the removal knows no outcome yet.
                    (syscall!(SYS_unlink, c"watched"), FINE),
                ]
            })
        },
    )
    .with(watched)
    .unless(obstacle::stale_outcome),
    Case::file("path-with-calls", &["-S unlink,chmod -F path=$work/watched"], 2, |stage| {
        stage.record_all(|| {
            [
                open(c"watched", O_RDWR),
                syscall!(SYS_chmod, c"watched", 0o600),
                syscall!(SYS_unlink, c"watched"),
            ]
        })
    })
    .with(watched),
    Case::file(
        "path-two-watches",
        &["-F path=$work/first -F perm=wa", "-F path=$work/second -F perm=wa"],
        3,
        |stage| {
            stage.record_all(|| {
                [
                    syscall!(SYS_rename, c"first", c"second"),
                    open(c"second", O_WRONLY),
                    syscall!(SYS_link, c"second", c"first"),
                ]
            })
        },
    )
    .with(|place| {
        fs::write(place.join("first"), "text")?;
        Ok(fs::write(place.join("second"), "text")?)
    }),
    Case::file("path-editor-saves", WRITE, 4, |stage| {
        // As vi does: the old file becomes the backup, a new one is written, the backup goes.
        stage.record_all(|| {
            [
                syscall!(SYS_rename, c"watched", c"watched~"),
                open(c"watched", O_WRONLY | O_CREAT | O_TRUNC),
                syscall!(SYS_chmod, c"watched", 0o644),
                syscall!(SYS_unlink, c"watched~"),
                open(c"watched", O_WRONLY),
            ]
        })
    })
    .with(watched),
];

/// The setting of most cases.
pub(super) fn watched(place: &Path) -> Result<()> {
    // A program, so that it can be executed, too.
    fs::copy("/bin/true", place.join("watched")).context("a file to be watched")?;
    Ok(())
}

/// openat(2) of a name in the working directory.
pub(super) fn open(name: &std::ffi::CStr, flags: i32) -> Result<i64, Errno> {
    syscall!(SYS_openat, AT_FDCWD, name, flags, 0o640)
}
