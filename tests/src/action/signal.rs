//! Signals, and the `OBJ_PID` records of their targets.

use anyhow::Context;
use nix::errno::Errno;

use crate::case::Case;
use crate::stage::{become_nobody, bury, refused, victim};
use crate::syscall;

/// A process id that cannot exist: `pid_max` is at most 2^22.
const NO_SUCH_PID: i32 = 0x7fff_fff0;

/// The targets are children that sleep.
pub const CASES: &[Case] = &[
    Case::new("kill", &["-S kill"], 1, |stage| {
        let target = victim()?;
        stage.begin()?;
        let result = syscall!(libc::SYS_kill, target, libc::SIGTERM);
        stage.end()?;
        bury(target)?;
        result.context("kill").map(drop)
    }),
    Case::new("kill-zero", &["-S kill"], 1, |stage| {
        let target = victim()?;
        stage.begin()?;
        let result = syscall!(libc::SYS_kill, target, 0);
        stage.end()?;
        bury(target)?;
        result.context("kill").map(drop)
    }),
    Case::new("kill-esrch", &["-S kill"], 1, |stage| {
        stage.begin()?;
        let result = syscall!(libc::SYS_kill, NO_SUCH_PID, libc::SIGTERM);
        stage.end()?;
        refused(result, Errno::ESRCH)
    }),
    Case::new("kill-eperm", &["-S kill"], 1, |stage| {
        let target = victim()?;
        stage.begin()?;
        let outcome = stage.child(|_| {
            become_nobody()?;
            refused(syscall!(libc::SYS_kill, target, libc::SIGTERM), Errno::EPERM)
        });
        stage.end()?;
        bury(target)?;
        outcome
    }),
    Case::new("kill-einval", &["-S kill"], 1, |stage| {
        let target = victim()?;
        stage.begin()?;
        let result = syscall!(libc::SYS_kill, target, 99);
        stage.end()?;
        bury(target)?;
        refused(result, Errno::EINVAL)
    }),
    Case::new("kill-group", &["-S kill"], 1, |stage| {
        let (first, second) = (victim()?, victim()?);
        syscall!(libc::SYS_setpgid, first, first).context("setpgid")?;
        syscall!(libc::SYS_setpgid, second, first).context("setpgid")?;
        stage.begin()?;
        let result = syscall!(libc::SYS_kill, -first, libc::SIGTERM);
        stage.end()?;
        bury(first)?;
        bury(second)?;
        result.context("kill").map(drop)
    }),
    Case::new("kill-self", &["-S kill"], 1, |stage| {
        let own = std::process::id();
        stage.begin()?;
        let result = syscall!(libc::SYS_kill, own, libc::SIGCONT);
        stage.end()?;
        result.context("kill").map(drop)
    }),
    Case::new("kill-named-process", &["-S kill"], 1, |stage| {
        // The target has a name of its own, with a space in it, and unprivileged ids.
        let target = crate::raw::fork().context("fork")?;
        if target == 0 {
            become_nobody()?;
            syscall!(libc::SYS_prctl, libc::PR_SET_NAME, c"odd name")?;
            std::thread::sleep(std::time::Duration::from_secs(30));
            crate::stage::exit_group(0);
        }
        // The target needs its time to change.
        let comm = format!("/proc/{target}/comm");
        while std::fs::read(&comm).context("the target's name")? != b"odd name\n" {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        stage.begin()?;
        let result = syscall!(libc::SYS_kill, target, libc::SIGTERM);
        stage.end()?;
        bury(target)?;
        result.context("kill").map(drop)
    }),
    Case::new("tkill", &["-S tkill"], 1, |stage| {
        let target = victim()?;
        stage.begin()?;
        let result = syscall!(libc::SYS_tkill, target, libc::SIGTERM);
        stage.end()?;
        bury(target)?;
        result.context("tkill").map(drop)
    }),
    Case::new("tgkill", &["-S tgkill"], 1, |stage| {
        let target = victim()?;
        stage.begin()?;
        let result = syscall!(libc::SYS_tgkill, target, target, libc::SIGTERM);
        stage.end()?;
        bury(target)?;
        result.context("tgkill").map(drop)
    }),
    Case::new("tgkill-esrch", &["-S tgkill"], 1, |stage| {
        let target = victim()?;
        stage.begin()?;
        let result = syscall!(libc::SYS_tgkill, NO_SUCH_PID, target, libc::SIGTERM);
        stage.end()?;
        bury(target)?;
        refused(result, Errno::ESRCH)
    }),
    Case::new("rt_sigqueueinfo", &["-S rt_sigqueueinfo"], 1, |stage| {
        let (target, info) = (victim()?, queued());
        stage.begin()?;
        let result = syscall!(libc::SYS_rt_sigqueueinfo, target, libc::SIGTERM, &info[..]);
        stage.end()?;
        bury(target)?;
        result.context("rt_sigqueueinfo").map(drop)
    }),
    Case::new("rt_tgsigqueueinfo", &["-S rt_tgsigqueueinfo"], 1, |stage| {
        let (target, info) = (victim()?, queued());
        stage.begin()?;
        let result = syscall!(libc::SYS_rt_tgsigqueueinfo, target, target, libc::SIGTERM, &info[..]);
        stage.end()?;
        bury(target)?;
        result.context("rt_tgsigqueueinfo").map(drop)
    }),
    Case::new("pidfd_send_signal", &["-S pidfd_send_signal"], 1, |stage| {
        let target = victim()?;
        let pidfd = syscall!(libc::SYS_pidfd_open, target, 0).context("pidfd_open")?;
        stage.begin()?;
        let result = syscall!(libc::SYS_pidfd_send_signal, pidfd, libc::SIGTERM, 0, 0);
        stage.end()?;
        bury(target)?;
        result.context("pidfd_send_signal").map(drop)
    }),
    Case::new("pidfd_send_signal-zero", &["-S pidfd_send_signal"], 1, |stage| {
        let target = victim()?;
        let pidfd = syscall!(libc::SYS_pidfd_open, target, 0).context("pidfd_open")?;
        stage.begin()?;
        let result = syscall!(libc::SYS_pidfd_send_signal, pidfd, 0, 0, 0);
        stage.end()?;
        bury(target)?;
        result.context("pidfd_send_signal").map(drop)
    }),
    Case::new("pidfd_open", &["-S pidfd_open"], 1, |stage| {
        let own = std::process::id();
        stage.begin()?;
        let result = syscall!(libc::SYS_pidfd_open, own, 0);
        stage.end()?;
        result.context("pidfd_open").map(drop)
    }),
];

/// `siginfo_t` of a queued SIGTERM: signal, errno, code `SI_QUEUE`.
fn queued() -> [u8; 128] {
    let mut info = [0_u8; 128];
    info[..4].copy_from_slice(&libc::SIGTERM.to_ne_bytes());
    info[8..12].copy_from_slice(&(-1_i32).to_ne_bytes());
    info
}
