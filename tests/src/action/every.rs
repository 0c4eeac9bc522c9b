//! Rules that name every system call, and the calls that only those usually name.

use nix::errno::Errno;

use crate::case::Case;
use crate::low::Low;
use crate::raw;
use crate::scene::{FINE, descriptor, make};
use crate::{syscall, syscall32};

use libc::{AT_FDCWD, MAP_PRIVATE, O_CREAT, O_WRONLY, PROT_READ, SIGUSR1};

/// The call that begins the recording writes five bytes: it is left out, for the kernel adds a record of its own to it.
pub const CASES: &[Case] = &[
    Case::file("every-call", &["-S all -F a2!=5"], 8, |stage| {
        make("file", 0o644)?;
        raw::catch(SIGUSR1)?;
        let pid = syscall!(libc::SYS_getpid)?;
        stage.outcomes(|| {
            let made = syscall!(libc::SYS_openat, AT_FDCWD, c"new", O_WRONLY | O_CREAT, 0o640);
            [
                (made, FINE),
                (syscall!(libc::SYS_renameat, AT_FDCWD, c"new", AT_FDCWD, c"other"), FINE),
                (syscall!(libc::SYS_kill, pid, SIGUSR1), FINE),
                (syscall!(libc::SYS_unlink, c"absent"), Errno::ENOENT),
                (syscall!(2000), Errno::ENOSYS),
                (syscall!(libc::SYS_stat, c"file", 8), Errno::EFAULT),
                (syscall!(libc::SYS_close, made.unwrap_or(-1)), FINE),
            ]
        })
    }),
    Case::file("every-call-fails", &["-S all -F success=0"], 1, |stage| {
        stage.outcomes(|| [(syscall!(libc::SYS_rmdir, c"absent"), Errno::ENOENT)])
    }),
    Case::file("every-call-32", &["-a always,exit -F arch=b32 -S all"], 2, |stage| {
        make("file", 0o644)?;
        let name = Low::text("file")?;
        stage.outcomes(|| [(syscall32!(15, &name, 0o600), FINE), (syscall32!(24), FINE)])
    }),
    Case::file("return-from-handler", &["-S rt_sigreturn"], 1, |stage| {
        raw::catch(SIGUSR1)?;
        let pid = syscall!(libc::SYS_getpid)?;
        stage.record(|| syscall!(libc::SYS_kill, pid, SIGUSR1))
    }),
    Case::file("mmap-32", &["-a always,exit -F arch=b32 -S mmap"], 2, |stage| {
        make("file", 0o644)?;
        let fd = descriptor(c"file")? as u32;
        let list = |words: [u32; 6]| Low::new(&words.map(u32::to_ne_bytes).concat());
        let (private, read) = (MAP_PRIVATE as u32, PROT_READ as u32);
        let good = list([0, 4096, read, private, fd, 0])?;
        let crooked = list([0, 4096, read, private, fd, 1])?;
        stage.outcomes(|| [(syscall32!(90, &good), FINE), (syscall32!(90, &crooked), Errno::EINVAL)])
    })
    .by_tracepoints(),
];
