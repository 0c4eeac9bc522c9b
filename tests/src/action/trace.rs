//! ptrace.

use anyhow::Context;
use nix::errno::Errno;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use crate::case::Case;
use crate::stage::{become_nobody, bury, refused, victim};
use crate::syscall;

/// Requests by their numbers, because a record shows them.
pub const CASES: &[Case] = &[
    Case::new("ptrace-attach", &["-S ptrace"], 2, |stage| {
        let target = victim()?;
        stage.begin()?;
        let attach = syscall!(libc::SYS_ptrace, libc::PTRACE_ATTACH, target, 0, 0);
        waitpid(Pid::from_raw(target), None)?;
        let detach = syscall!(libc::SYS_ptrace, libc::PTRACE_DETACH, target, 0, 0);
        stage.end()?;
        bury(target)?;
        attach.and(detach).context("ptrace").map(drop)
    }),
    Case::new("ptrace-seize", &["-S ptrace"], 1, |stage| {
        let target = victim()?;
        stage.begin()?;
        let result = syscall!(libc::SYS_ptrace, libc::PTRACE_SEIZE, target, 0, 0);
        stage.end()?;
        bury(target)?;
        result.context("ptrace").map(drop)
    }),
    Case::new("ptrace-eperm", &["-S ptrace"], 1, |stage| {
        let target = victim()?;
        stage.begin()?;
        let outcome = stage.child(|_| {
            become_nobody()?;
            refused(syscall!(libc::SYS_ptrace, libc::PTRACE_ATTACH, target, 0, 0), Errno::EPERM)
        });
        stage.end()?;
        bury(target)?;
        outcome
    }),
    Case::new("ptrace-esrch", &["-S ptrace"], 1, |stage| {
        stage.begin()?;
        let result = syscall!(libc::SYS_ptrace, libc::PTRACE_ATTACH, 0x7fff_fff0, 0, 0);
        stage.end()?;
        refused(result, Errno::ESRCH)
    }),
    Case::new("ptrace-traceme", &["-S ptrace"], 1, |stage| {
        stage.begin()?;
        let outcome = stage
            .child(|_| syscall!(libc::SYS_ptrace, libc::PTRACE_TRACEME, 0, 0, 0).context("ptrace").map(drop));
        stage.end()?;
        outcome
    }),
    Case::new("process_vm_readv", &["-S process_vm_readv"], 1, |stage| {
        stage.begin()?;
        let result = syscall!(libc::SYS_process_vm_readv, 1, 0, 0, 0, 0, 1);
        stage.end()?;
        refused(result, Errno::EINVAL)
    }),
];
