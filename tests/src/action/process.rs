//! Birth and death, namespaces, limits, the 32-bit table.

use anyhow::{Context, Result};
use nix::errno::Errno;

use crate::case::Case;
use crate::stage::{Stage, exit_group, reap, refused};
use crate::{raw, syscall};

/// The parent waits for every child.
pub const CASES: &[Case] = &[
    Case::new("fork", &["-S fork"], 1, |stage| born(stage, raw::fork)),
    Case::new("vfork", &["-S vfork"], 1, |stage| {
        stage.begin()?;
        let pid = raw::vfork_and_exit();
        stage.end()?;
        reap(pid.context("vfork")?)
    }),
    Case::new("clone", &["-S clone"], 1, |stage| born(stage, || raw::clone(libc::SIGCHLD))),
    Case::new("clone-new-namespaces", &["-S clone"], 1, |stage| {
        born(stage, || raw::clone(libc::SIGCHLD | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC))
    }),
    Case::new("clone-einval", &["-S clone"], 1, |stage| {
        // A thread must share signal handlers.
        stage.begin()?;
        let result = syscall!(libc::SYS_clone, libc::CLONE_THREAD, 0, 0, 0, 0);
        stage.end()?;
        refused(result, Errno::EINVAL)
    }),
    Case::new("clone3", &["-S clone3"], 1, |stage| born(stage, || raw::clone3(0))),
    Case::new("clone3-einval", &["-S clone3"], 1, |stage| {
        stage.begin()?;
        let result = syscall!(libc::SYS_clone3, 0, 0);
        stage.end()?;
        refused(result, Errno::EINVAL)
    }),
    Case::new("thread", &["-S clone3"], 1, |stage| {
        stage.begin()?;
        let thread = std::thread::Builder::new().spawn(|| ()).context("a thread")?;
        let ended = thread.join();
        stage.end()?;
        ended.map_err(|_| anyhow::anyhow!("the thread panicked"))
    }),
    Case::new("exit", &["-S exit"], 1, |stage| {
        stage.begin()?;
        stage.child(|_| {
            loop {
                syscall!(libc::SYS_exit, 0)?;
            }
        })
    }),
    Case::new("exit_group", &["-S exit_group"], 1, |stage| {
        stage.begin()?;
        let outcome = stage.child(|_| exit_group(0));
        stage.end()?;
        outcome
    }),
    Case::new("exit-status", &["-S exit_group"], 1, |stage| {
        stage.begin()?;
        let pid = raw::fork()?;
        if pid == 0 {
            exit_group(3);
        }
        nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid), None)?;
        stage.end()
    }),
    Case::new("wait4", &["-S wait4"], 1, |stage| {
        let pid = raw::fork()?;
        if pid == 0 {
            exit_group(0);
        }
        stage.begin()?;
        let result = syscall!(libc::SYS_wait4, 0x7fff_fff0, 0, libc::WNOHANG, 0);
        stage.end()?;
        reap(pid)?;
        refused(result, Errno::ECHILD)
    }),
    Case::new("unshare", &["-S unshare"], 1, |stage| {
        stage.begin()?;
        let result = syscall!(libc::SYS_unshare, libc::CLONE_NEWUTS);
        stage.end()?;
        result.context("unshare").map(drop)
    }),
    Case::new("unshare-einval", &["-S unshare"], 1, |stage| {
        stage.begin()?;
        let result = syscall!(libc::SYS_unshare, 1);
        stage.end()?;
        refused(result, Errno::EINVAL)
    }),
    Case::new("setns", &["-S setns"], 1, |stage| {
        let path = c"/proc/self/ns/uts";
        let fd = syscall!(libc::SYS_openat, libc::AT_FDCWD, path, libc::O_RDONLY).context("openat")?;
        stage.begin()?;
        let result = syscall!(libc::SYS_setns, fd, libc::CLONE_NEWUTS);
        stage.end()?;
        result.context("setns").map(drop)
    }),
    Case::new("setns-bad-descriptor", &["-S setns"], 1, |stage| {
        stage.begin()?;
        let result = syscall!(libc::SYS_setns, 77, 0);
        stage.end()?;
        refused(result, Errno::EBADF)
    }),
    Case::new("prctl", &["-S prctl"], 1, |stage| {
        stage.begin()?;
        let result = syscall!(libc::SYS_prctl, libc::PR_GET_DUMPABLE, 0, 0, 0, 0);
        stage.end()?;
        result.context("prctl").map(drop)
    }),
    Case::new("prctl-set-name", &["-S prctl"], 1, |stage| {
        stage.begin()?;
        let result = syscall!(libc::SYS_prctl, libc::PR_SET_NAME, c"new name\n");
        stage.end()?;
        result.context("prctl").map(drop)
    }),
    Case::new("personality", &["-S personality"], 2, |stage| {
        stage.begin()?;
        let query = syscall!(libc::SYS_personality, 0xffff_ffff_u32);
        let set = syscall!(libc::SYS_personality, libc::ADDR_NO_RANDOMIZE | libc::SHORT_INODE);
        query.and(set).context("personality").map(drop)
    })
    .any_personality(),
    Case::new("personality-none", &["-S personality"], 1, |stage| {
        // per= is left out when it is zero.
        stage.begin()?;
        syscall!(libc::SYS_personality, 0).context("personality").map(drop)
    })
    .any_personality(),
    Case::new("prlimit", &["-S prlimit64"], 1, |stage| {
        let mut limits = [0_u8; 16];
        stage.begin()?;
        let result = syscall!(libc::SYS_prlimit64, 0, libc::RLIMIT_NOFILE as i64, 0, &mut limits[..]);
        stage.end()?;
        result.context("prlimit64").map(drop)
    }),
    Case::new("setpriority", &["-S setpriority"], 1, |stage| {
        stage.begin()?;
        let result = syscall!(libc::SYS_setpriority, 0, 0, 1);
        stage.end()?;
        result.context("setpriority").map(drop)
    }),
    Case::new("getppid-32", &["-a always,exit -F arch=b32 -S getppid"], 1, |stage| {
        stage.begin()?;
        let result = raw::call32(64, 1, 2, 3); // i386 getppid
        stage.end()?;
        result.context("getppid").map(drop)
    }),
    Case::new("kill-32", &["-a always,exit -F arch=b32 -S kill"], 1, |stage| {
        let own = std::process::id();
        stage.begin()?;
        let result = raw::call32(37, own, 0, 0); // i386 kill
        stage.end()?;
        result.context("kill").map(drop)
    }),
    Case::new("setuid-32", &["-a always,exit -F arch=b32 -S setuid32"], 1, |stage| {
        stage.begin()?;
        stage.child(|_| raw::call32(213, 65534, 0, 0).context("setuid32").map(drop)) // i386 setuid32
    }),
];

fn born(stage: &mut Stage, fork: impl FnOnce() -> Result<i32, Errno>) -> Result<()> {
    stage.begin()?;
    let pid = fork();
    if pid == Ok(0) {
        exit_group(0);
    }
    stage.end()?;
    reap(pid.context("fork")?)
}
