//! What the cases on files are made of: files of a case's own directory (which is the working directory), file systems that
//! only it sees, and calls whose outcome is known.

use std::ffi::CStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use nix::errno::Errno;

use crate::raw::Argument;
use crate::stage::{Stage, become_nobody, c_string, refused};
use crate::syscall;

/// An address where nothing is mapped.
pub const NOWHERE: i64 = 8;

/// No error: see [`Stage::outcomes`].
pub const FINE: Errno = Errno::UnknownErrno;

impl Stage {
    /// Records one call that must succeed.
    pub fn record(&mut self, call: impl FnOnce() -> Result<i64, Errno>) -> Result<()> {
        self.record_all(|| [call()])
    }

    /// Records calls that must all succeed.
    pub fn record_all<const N: usize>(
        &mut self,
        calls: impl FnOnce() -> [Result<i64, Errno>; N],
    ) -> Result<()> {
        self.outcomes(|| calls().map(|result| (result, FINE)))
    }

    /// Records calls of which each must fail with the error beside it, or succeed where that is [`FINE`].
    pub fn outcomes<const N: usize>(
        &mut self,
        calls: impl FnOnce() -> [(Result<i64, Errno>, Errno); N],
    ) -> Result<()> {
        self.begin()?;
        let outcomes = calls();
        self.end()?;
        for (number, (result, due)) in outcomes.into_iter().enumerate() {
            let what = || format!("call {number}");
            if due == FINE {
                result.with_context(what)?;
            } else {
                refused(result, due).with_context(what)?;
            }
        }
        Ok(())
    }

    /// Records one call that must fail with `due`.
    pub fn fail(&mut self, due: Errno, call: impl FnOnce() -> Result<i64, Errno>) -> Result<()> {
        self.outcomes(|| [(call(), due)])
    }

    /// Records calls that must all fail with `due`.
    pub fn fail_all<const N: usize>(
        &mut self,
        due: Errno,
        calls: impl FnOnce() -> [Result<i64, Errno>; N],
    ) -> Result<()> {
        self.outcomes(|| calls().map(|result| (result, due)))
    }

    /// Records what an unprivileged child does.
    pub fn as_nobody(&mut self, act: impl FnOnce() -> Result<()>) -> Result<()> {
        self.begin()?;
        let outcome = self.child(|_| {
            become_nobody()?;
            act()
        });
        self.end()?;
        outcome
    }

    /// Records one call of an unprivileged child that must fail with `due`.
    pub fn fail_as_nobody(&mut self, due: Errno, call: impl FnOnce() -> Result<i64, Errno>) -> Result<()> {
        self.as_nobody(|| refused(call(), due))
    }

    /// Records `call` with one name after another that leads nowhere; each must fail as the name deserves.
    ///
    /// A component is missing, is no directory, is a circle of links, is too long; the whole name is too long, is empty, is
    /// not there. Seven events.
    pub fn lose_as_root(&mut self, call: impl Fn(Argument<'_>) -> Result<i64, Errno>) -> Result<()> {
        make("file", 0o644)?;
        link("loop", "loop")?;
        self.stumble(call)
    }

    /// [`Stage::lose_as_root`], but first by somebody who may not pass a directory. Eight events.
    pub fn lose(&mut self, call: impl Fn(Argument<'_>) -> Result<i64, Errno>) -> Result<()> {
        make("file", 0o644)?;
        link("loop", "loop")?;
        directory("locked", 0o700)?;
        make("locked/name", 0o644)?;
        self.tell_inodes()?;
        self.child(|stage| {
            stage.begin_child()?;
            become_nobody()?;
            refused(call(c"locked/name".into()), Errno::EACCES)
        })?;
        self.stumble(call)
    }

    fn stumble(&mut self, call: impl Fn(Argument<'_>) -> Result<i64, Errno>) -> Result<()> {
        let component = c_string(&[b'c'; 256])?;
        let path = c_string(&b"p/".repeat(2048))?;
        self.outcomes(|| {
            [
                (call(c"absent/name".into()), Errno::ENOENT),
                (call(c"file/name".into()), Errno::ENOTDIR),
                (call(c"loop/name".into()), Errno::ELOOP),
                (call(component.as_c_str().into()), Errno::ENAMETOOLONG),
                (call(path.as_c_str().into()), Errno::ENAMETOOLONG),
                (call(c"".into()), Errno::ENOENT),
                (call(NOWHERE.into()), Errno::EFAULT),
            ]
        })
    }
}

/// A new file with some content.
pub fn make(name: impl AsRef<Path>, mode: u32) -> Result<()> {
    let name = name.as_ref();
    fs::write(name, "some text").with_context(|| name.display().to_string())?;
    fs::set_permissions(name, fs::Permissions::from_mode(mode)).context("its mode")
}

/// A new directory.
pub fn directory(name: impl AsRef<Path>, mode: u32) -> Result<()> {
    let name = name.as_ref();
    fs::create_dir(name).with_context(|| name.display().to_string())?;
    fs::set_permissions(name, fs::Permissions::from_mode(mode)).context("its mode")
}

/// A new symbolic link.
pub fn link(target: impl AsRef<Path>, name: impl AsRef<Path>) -> Result<()> {
    let name = name.as_ref();
    std::os::unix::fs::symlink(target, name).with_context(|| name.display().to_string())
}

/// A descriptor of a file or directory, open for reading.
pub fn descriptor(name: &CStr) -> Result<i32> {
    opened(name, libc::O_RDONLY)
}

/// A descriptor with these flags.
pub fn opened(name: &CStr, flags: i32) -> Result<i32> {
    let fd = syscall!(libc::SYS_openat, libc::AT_FDCWD, name, flags, 0o644)
        .with_context(|| format!("opening {name:?}"))?;
    Ok(fd as i32)
}

/// From here on what this process mounts is seen by nobody else, and gone when it ends.
pub fn own_mounts() -> Result<()> {
    syscall!(libc::SYS_unshare, libc::CLONE_NEWNS).context("unshare")?;
    let private = libc::MS_REC | libc::MS_PRIVATE;
    syscall!(libc::SYS_mount, c"none", c"/", c"none", private as i64, 0).context("private mounts")?;
    Ok(())
}

/// A tmpfs on a new directory.
pub fn tmpfs(name: &CStr, options: &CStr) -> Result<()> {
    directory(name.to_str()?, 0o755)?;
    syscall!(libc::SYS_mount, c"scene", name, c"tmpfs", 0, options).context("a tmpfs")?;
    Ok(())
}

/// A read-only tmpfs `still` with a file `file`, a directory `directory` and a link to the file `link`.
pub fn still() -> Result<()> {
    own_mounts()?;
    tmpfs(c"still", c"mode=0755")?;
    make("still/file", 0o644)?;
    directory("still/directory", 0o755)?;
    link("file", "still/link")?;
    let read_only = libc::MS_REMOUNT | libc::MS_RDONLY;
    syscall!(libc::SYS_mount, c"scene", c"still", c"tmpfs", read_only as i64, 0).context("read-only")?;
    Ok(())
}
