//! Mappings, memory files, and descriptors that have no name.

use anyhow::{Context, Result};
use nix::errno::Errno;

use crate::case::Case;
use crate::stage::{Stage, refused};
use crate::syscall;

use libc::{MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, PROT_EXEC, PROT_READ, PROT_WRITE};

/// Recorded between `begin` and `end` only, so that the run-time library's own mappings stay out.
pub const CASES: &[Case] = &[
    Case::new("mmap-anonymous", &["-S mmap"], 1, |stage| {
        one(stage, || syscall!(libc::SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
    }),
    Case::new("mmap-file", &["-S mmap"], 1, |stage| {
        let fd = open(stage)?;
        one(stage, || syscall!(libc::SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, fd, 0))
    }),
    Case::new("mmap-executable", &["-S mmap"], 1, |stage| {
        let fd = open(stage)?;
        one(stage, || syscall!(libc::SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0))
    }),
    Case::new("mmap-bad-descriptor", &["-S mmap"], 1, |stage| {
        stage.begin()?;
        let result = syscall!(libc::SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, 77, 0);
        stage.end()?;
        refused(result, Errno::EBADF)
    }),
    Case::new("mmap-eacces", &["-S mmap"], 1, |stage| {
        let fd = open(stage)?;
        stage.begin()?;
        let result = syscall!(libc::SYS_mmap, 0, 4096, PROT_WRITE, MAP_SHARED, fd, 0);
        stage.end()?;
        refused(result, Errno::EACCES)
    }),
    Case::new("mprotect", &["-S mprotect,munmap"], 2, |stage| {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS;
        let address = syscall!(libc::SYS_mmap, 0, 4096, PROT_READ, flags, -1, 0).context("mmap")?;
        stage.begin()?;
        let protect = syscall!(libc::SYS_mprotect, address, 4096, PROT_READ | PROT_WRITE);
        let unmap = syscall!(libc::SYS_munmap, address, 4096);
        stage.end()?;
        protect.and(unmap).context("mprotect, munmap").map(drop)
    }),
    Case::new("memfd_create", &["-S memfd_create"], 1, |stage| {
        one(stage, || syscall!(libc::SYS_memfd_create, c"a memory file", libc::MFD_CLOEXEC))
    }),
    Case::new("memfd_create-einval", &["-S memfd_create"], 1, |stage| {
        stage.begin()?;
        let result = syscall!(libc::SYS_memfd_create, c"name", 0x1000_0000);
        stage.end()?;
        refused(result, Errno::EINVAL)
    }),
    Case::new("memfd_secret", &["-S memfd_secret"], 1, |stage| {
        stage.begin()?;
        let result = syscall!(libc::SYS_memfd_secret, 0x1000_0000);
        stage.end()?;
        anyhow::ensure!(result.is_err(), "memfd_secret was allowed");
        Ok(())
    }),
    Case::new("pipe", &["-S pipe"], 1, |stage| {
        let mut pair = [0_u8; 8];
        one(stage, || syscall!(libc::SYS_pipe, &mut pair[..]))
    }),
    Case::new("pipe2", &["-S pipe2"], 1, |stage| {
        let mut pair = [0_u8; 8];
        one(stage, || syscall!(libc::SYS_pipe2, &mut pair[..], libc::O_CLOEXEC | libc::O_NONBLOCK))
    }),
    Case::new("pipe-efault", &["-S pipe2"], 1, |stage| {
        stage.begin()?;
        let result = syscall!(libc::SYS_pipe2, 8, 0);
        stage.end()?;
        refused(result, Errno::EFAULT)
    }),
    Case::new("descriptors", &["-S dup2,close,fcntl,eventfd2,epoll_create1"], 5, |stage| {
        stage.begin()?;
        let results = [
            syscall!(libc::SYS_dup2, 1, 50),
            syscall!(libc::SYS_close, 50),
            syscall!(libc::SYS_fcntl, 1, libc::F_GETFD, 0),
            syscall!(libc::SYS_eventfd2, 0, 0),
            syscall!(libc::SYS_epoll_create1, 0),
        ];
        stage.end()?;
        for result in results {
            result?;
        }
        Ok(())
    }),
    Case::new("close-bad-descriptor", &["-S close"], 1, |stage| {
        stage.begin()?;
        let result = syscall!(libc::SYS_close, 77);
        stage.end()?;
        refused(result, Errno::EBADF)
    }),
];

fn open(stage: &Stage) -> Result<i64> {
    let plain = stage.file("plain")?;
    syscall!(libc::SYS_openat, libc::AT_FDCWD, &plain, libc::O_RDONLY).context("openat")
}

fn one(stage: &mut Stage, call: impl FnOnce() -> Result<i64, Errno>) -> Result<()> {
    stage.begin()?;
    let result = call();
    stage.end()?;
    result.context("the call").map(drop)
}
