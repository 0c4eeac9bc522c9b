//! What only the kernel's audit can record here: names that its path walk finds, and rules that name every call.

use anyhow::{Context, Result};

use crate::case::Case;
use crate::stage::Stage;
use crate::syscall;

/// Our daemon passes these on from the kernel: the comparison shows that nothing is lost or changed on the way.
pub const CASES: &[Case] = &[
    Case::new("rename", &["-S rename"], 1, |stage| {
        let (from, to) = (made(stage, "rename-from")?, stage.fresh("rename-to")?);
        one(stage, || syscall!(libc::SYS_rename, &from, &to))
    })
    .ignoring(NEW)
    .by_kernel_audit(),
    Case::new("unlink", &["-S unlink"], 1, |stage| {
        let path = made(stage, "unlink")?;
        one(stage, || syscall!(libc::SYS_unlink, &path))
    })
    .ignoring(NEW)
    .by_kernel_audit(),
    Case::new("symlink", &["-S symlink"], 1, |stage| {
        let path = stage.fresh("symlink")?;
        one(stage, || syscall!(libc::SYS_symlink, c"target with a space", &path))
    })
    .ignoring(NEW)
    .by_kernel_audit(),
    Case::new("chmod", &["-S chmod"], 1, |stage| {
        let path = stage.file("plain")?;
        one(stage, || syscall!(libc::SYS_chmod, &path, 0o644))
    })
    .by_kernel_audit(),
    Case::new("fchmod", &["-S fchmod"], 1, |stage| {
        let path = stage.file("plain")?;
        let fd = syscall!(libc::SYS_openat, libc::AT_FDCWD, &path, libc::O_RDONLY)?;
        one(stage, || syscall!(libc::SYS_fchmod, fd, 0o644))
    })
    .by_kernel_audit(),
    Case::new("access-denied", &["-S access -F exit=-ENOENT"], 1, |stage| {
        stage.begin()?;
        let result = syscall!(libc::SYS_access, c"/nowhere/file", libc::R_OK);
        stage.end()?;
        anyhow::ensure!(result.is_err(), "it was allowed");
        Ok(())
    })
    .by_kernel_audit(),
    Case::new("mkdir", &["-S mkdir"], 1, |stage| {
        let path = stage.fresh("mkdir")?;
        let result = one(stage, || syscall!(libc::SYS_mkdir, &path, 0o750));
        syscall!(libc::SYS_rmdir, &path).context("rmdir")?;
        result
    })
    .ignoring(NEW)
    .by_kernel_audit(),
    Case::new("link", &["-S link"], 1, |stage| {
        let (from, to) = (stage.file("plain")?, stage.fresh("link")?);
        one(stage, || syscall!(libc::SYS_link, &from, &to))
    })
    .by_kernel_audit(),
    Case::new("truncate", &["-S truncate"], 1, |stage| {
        let path = stage.file("empty")?;
        one(stage, || syscall!(libc::SYS_truncate, &path, 0))
    })
    .by_kernel_audit(),
    Case::new("setxattr", &["-S setxattr"], 1, |stage| {
        let path = stage.file("empty")?;
        one(stage, || syscall!(libc::SYS_setxattr, &path, c"trusted.test", &b"value"[..], 5, 0))
    })
    .by_kernel_audit(),
    Case::new("message-queue", &["-S mq_open"], 1, |stage| {
        let flags = libc::O_RDWR | libc::O_CREAT;
        let result = one(stage, || syscall!(libc::SYS_mq_open, c"ebpfauditd-test", flags, 0o600, 0));
        syscall!(libc::SYS_mq_unlink, c"ebpfauditd-test").context("mq_unlink")?;
        result
    })
    .ignoring(NEW)
    .by_kernel_audit(),
    Case::new("message-control", &["-S msgctl"], 1, |stage| {
        let queue = syscall!(libc::SYS_msgget, 0, 0o640 | libc::IPC_CREAT).context("msgget")?;
        stage.begin()?;
        let result = syscall!(libc::SYS_msgctl, queue, libc::IPC_RMID, 0);
        stage.end()?;
        result.context("msgctl").map(drop)
    })
    .ignoring(&[("SYSCALL", "a0")])
    .by_kernel_audit(),
];

/// New files have new inodes.
const NEW: &[(&str, &str)] = &[("PATH", "inode")];

fn made(stage: &Stage, name: &str) -> Result<std::ffi::CString> {
    let path = stage.fresh(name)?;
    let fd = syscall!(libc::SYS_openat, libc::AT_FDCWD, &path, libc::O_WRONLY | libc::O_CREAT, 0o644)?;
    syscall!(libc::SYS_close, fd)?;
    Ok(path)
}

fn one(stage: &mut Stage, call: impl FnOnce() -> Result<i64, nix::errno::Errno>) -> Result<()> {
    stage.begin()?;
    let result = call();
    stage.end()?;
    result.context("the call").map(drop)
}
