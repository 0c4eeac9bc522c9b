//! The four kinds of access that a watch tells apart, by each way to reach a file.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::stage::{c_string, exit_group, reap};
use crate::{raw, syscall};

use libc::{AT_EMPTY_PATH, AT_FDCWD, O_RDONLY, O_WRONLY};

/// The permissions of a watch.
pub const KINDS: [char; 4] = ['r', 'w', 'x', 'a'];

/// How a file is reached.
#[derive(Debug)]
pub enum Reach {
    /// By a name.
    Name(PathBuf),
    /// By a descriptor that is open for reading.
    Descriptor(i32),
    /// By a handle, below an open directory of its file system.
    Handle(i32, Vec<u8>),
}

impl Reach {
    /// Accesses the file once, in this way; the access must succeed.
    pub fn access(&self, kind: char) -> Result<()> {
        match self {
            Self::Name(path) => by_name(&c_string(path.as_os_str().as_bytes())?, kind),
            Self::Descriptor(fd) => by_descriptor(*fd, kind),
            Self::Handle(mount, handle) => {
                let flags = if kind == 'w' { O_WRONLY } else { O_RDONLY };
                let fd = syscall!(libc::SYS_open_by_handle_at, *mount, handle, flags)
                    .context("open_by_handle_at")? as i32;
                if kind == 'x' || kind == 'a' {
                    by_descriptor(fd, kind)?;
                }
                syscall!(libc::SYS_close, fd)?;
                Ok(())
            }
        }
        .with_context(|| format!("access {kind}"))
    }
}

fn by_name(path: &CString, kind: char) -> Result<()> {
    match kind {
        'r' => opened(path, O_RDONLY),
        'w' => opened(path, O_WRONLY),
        'x' => executed(|| raw::execve(path, std::slice::from_ref(path), &[])),
        _ => syscall!(libc::SYS_chmod, path, 0o755).context("chmod").map(drop),
    }
}

fn by_descriptor(fd: i32, kind: char) -> Result<()> {
    let path = c_string(format!("/proc/self/fd/{fd}").as_bytes())?;
    match kind {
        'r' => opened(&path, O_RDONLY),
        'w' => opened(&path, O_WRONLY),
        'x' => executed(|| raw::execveat(fd, c"", std::slice::from_ref(&path), &[], AT_EMPTY_PATH)),
        _ => syscall!(libc::SYS_fchmod, fd, 0o755).context("fchmod").map(drop),
    }
}

fn opened(path: &CString, flags: i32) -> Result<()> {
    let fd = syscall!(libc::SYS_openat, AT_FDCWD, path, flags).context("openat")?;
    syscall!(libc::SYS_close, fd)?;
    Ok(())
}

/// Executes in a child, which must end with status 0.
fn executed(exec: impl FnOnce() -> nix::errno::Errno) -> Result<()> {
    let pid = raw::fork().context("fork")?;
    if pid == 0 {
        let errno = exec();
        exit_group(errno as i32);
    }
    reap(pid).context("the program")
}
