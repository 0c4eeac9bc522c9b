//! Signals as messages, with who sent them.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use nix::libc;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// An id that is not set: what `loginuid` and `sessionid` are before a login.
pub const UNSET: u32 = u32::MAX;

/// Who did something: the ids that auditd's own records name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Process id.
    pub pid: u32,
    /// Real user id.
    pub uid: u32,
    /// Login user id, [`UNSET`] without a login.
    pub auid: u32,
    /// Login session, [`UNSET`] without a login.
    pub ses: u32,
}

impl Subject {
    /// A process, as `/proc` shows it. What is gone by the time we look is unset; the uid is the caller's knowledge.
    pub fn of(pid: u32, uid: u32) -> Self {
        Self { pid, uid, auid: id_of(pid, "loginuid"), ses: id_of(pid, "sessionid") }
    }

    /// This process.
    pub fn ourselves() -> Self {
        Self::of(std::process::id(), nix::unistd::getuid().as_raw())
    }
}

fn id_of(pid: u32, file: &str) -> u32 {
    fs::read_to_string(format!("/proc/{pid}/{file}"))
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(UNSET)
}

/// What a signal asks of the daemon; the meanings are auditd's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// SIGTERM (and SIGINT, for a daemon in the foreground): stop.
    Stop,
    /// SIGHUP: read the configuration and the rules again.
    Reload,
    /// SIGUSR1: rotate the log now.
    Rotate,
    /// SIGUSR2: write to the log again after it was suspended.
    Resume,
    /// SIGCONT: report the state.
    Report,
}

/// The signals the daemon takes, blocked for every thread started after this was made and read from a descriptor.
#[derive(Debug)]
pub struct Signals(SignalFd);

const TAKEN: [(Signal, Request); 6] = [
    (Signal::SIGTERM, Request::Stop),
    (Signal::SIGINT, Request::Stop),
    (Signal::SIGHUP, Request::Reload),
    (Signal::SIGUSR1, Request::Rotate),
    (Signal::SIGUSR2, Request::Resume),
    (Signal::SIGCONT, Request::Report),
];

/// Signals without a meaning for the daemon whose default is not to be changed: those that cannot be; those by which a fault
/// of ours ends us at once and leaves a core; and SIGCHLD, whose default is to do nothing, where to ignore it would change
/// what `wait` does.
const LEFT: [Signal; 10] = [
    Signal::SIGKILL,
    Signal::SIGSTOP,
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGILL,
    Signal::SIGFPE,
    Signal::SIGABRT,
    Signal::SIGSYS,
    Signal::SIGTRAP,
    Signal::SIGCHLD,
];

/// Ignores every signal that means nothing to the daemon, as auditd does: their default is mostly to end the process, which
/// would leave the kernel's audit as we have set it.
fn ignore_others() {
    for number in 1..=libc::SIGRTMAX() {
        let named = |signal: &Signal| *signal as i32 == number;
        if LEFT.iter().any(named) || TAKEN.iter().any(|(signal, _)| named(signal)) {
            continue;
        }
        // SAFETY: a disposition that runs no code of ours. The few numbers that the C library keeps for itself are refused by
        // it, which is no fault.
        unsafe { libc::signal(number, libc::SIG_IGN) };
    }
}

impl Signals {
    /// Blocks the signals, and ignores those that the daemon has no use for. Must come before the first thread: threads
    /// inherit the mask.
    pub fn block() -> io::Result<Self> {
        ignore_others();
        let mut mask = SigSet::empty();
        for (signal, _) in TAKEN {
            mask.add(signal);
        }
        mask.thread_block()?;
        Ok(Self(SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?))
    }

    /// The next signal and its sender; `None` when there is none.
    pub fn next(&self) -> io::Result<Option<(Request, Subject)>> {
        while let Some(info) = self.0.read_signal()? {
            let Some((_, request)) = TAKEN.iter().find(|(signal, _)| *signal as u32 == info.ssi_signo) else {
                continue;
            };
            return Ok(Some((*request, Subject::of(info.ssi_pid, info.ssi_uid))));
        }
        Ok(None)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Signals {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_names_its_sender() {
        let signals = Signals::block().unwrap();
        assert_eq!(signals.next().unwrap(), None);
        nix::sys::signal::raise(Signal::SIGUSR1).unwrap();
        let (request, sender) = signals.next().unwrap().unwrap();
        assert_eq!(request, Request::Rotate);
        assert_eq!(sender, Subject::ourselves());
        assert_eq!(signals.next().unwrap(), None);
    }

    #[test]
    fn what_means_nothing_does_nothing() {
        let signals = Signals::block().unwrap();
        let nameless = [libc::SIGRTMIN(), libc::SIGRTMAX()];
        for signal in [Signal::SIGALRM, Signal::SIGIO, Signal::SIGQUIT, Signal::SIGXCPU, Signal::SIGTSTP] {
            nix::sys::signal::raise(signal).unwrap();
        }
        for number in nameless {
            // SAFETY: it takes a number only.
            assert_eq!(unsafe { libc::raise(number) }, 0);
        }
        assert_eq!(signals.next().unwrap(), None);
        let ignored = fs::read_to_string("/proc/self/status").unwrap();
        let ignored = ignored.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap();
        let ignored = u64::from_str_radix(ignored, 16).unwrap();
        for signal in LEFT {
            assert_eq!(ignored & 1 << (signal as i32 - 1), 0, "{signal}");
        }
    }

    #[test]
    fn a_process_that_is_gone_has_unset_ids() {
        let gone = Subject::of(u32::MAX - 1, 5);
        assert_eq!((gone.auid, gone.ses, gone.uid), (UNSET, UNSET, 5));
    }
}
