//! What a command line of `auditctl` asks for.

use crate::{error::Sink, rule::Rule};

/// A message that does not stop the line: a warning, or the notice about a deprecated action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where the original sends it.
    pub sink: Sink,
    /// The original's words, without the newline at the end.
    pub text: Vec<u8>,
}

/// A signal that `--signal` can send to the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: stop.
    Term,
    /// SIGHUP: read the configuration again.
    Hup,
    /// SIGUSR1: rotate the logs.
    Usr1,
    /// SIGUSR2: resume after a pause.
    Usr2,
    /// SIGCONT: write the state report.
    Cont,
}

impl Signal {
    /// The signal called `name`, or by what it does, whatever its case.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        const NAMES: [(&str, Signal); 10] = [
            ("TERM", Signal::Term),
            ("HUP", Signal::Hup),
            ("USR1", Signal::Usr1),
            ("USR2", Signal::Usr2),
            ("CONT", Signal::Cont),
            ("stop", Signal::Term),
            ("reload", Signal::Hup),
            ("rotate", Signal::Usr1),
            ("resume", Signal::Usr2),
            ("state", Signal::Cont),
        ];
        NAMES.iter().find(|row| row.0.as_bytes().eq_ignore_ascii_case(name)).map(|row| row.1)
    }

    /// The number on Linux (x86, ARM).
    pub const fn number(self) -> i32 {
        match self {
            Self::Term => 15,
            Self::Hup => 1,
            Self::Usr1 => 10,
            Self::Usr2 => 12,
            Self::Cont => 18,
        }
    }
}

/// One thing to do. A command line yields several, to be done in order; the first that fails ends the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `-a`, `-A`, `-w`: add a rule; with `prepend` at the front of its list. The wire form of the request is
    /// `rule.draft().encode(prepend)`.
    Add {
        /// The rule.
        rule: Rule,
        /// Whether it goes to the front.
        prepend: bool,
    },
    /// `-d`, `-W`: delete the rule equal to this one.
    Delete(Rule),
    /// `-D`: delete all rules, or those whose key contains this; then list what remains.
    DeleteAll {
        /// Part of the key.
        key: Option<Vec<u8>>,
    },
    /// `-e`: 0, 1, or 2 to lock.
    Enable(u32),
    /// `-f`: 0 silent, 1 printk, 2 panic.
    Failure(u32),
    /// `-r`: records per second, 0 unlimited.
    RateLimit(u32),
    /// `-b`: records.
    BacklogLimit(u32),
    /// `--backlog_wait_time`: jiffies.
    BacklogWaitTime(u32),
    /// The status block that follows `-e`, `-f`, `-r`, `-b` and `--backlog_wait_time`: as [`Command::Status`] but without
    /// the `loginuid_immutable` line, and as things stood after the first setting of the line.
    ShowSettings,
    /// `-s`: the status block.
    Status {
        /// `-i`: words for numbers.
        interpret: bool,
    },
    /// `-l`: list the rules, or those whose key contains this.
    List {
        /// `-i`: words for numbers.
        interpret: bool,
        /// `-k`: part of the key.
        key: Option<Vec<u8>>,
    },
    /// `-m`: a message from user space; the record's text is `text=` and this.
    Message(Vec<u8>),
    /// `--loginuid-immutable`.
    LoginuidImmutable,
    /// `--reset-lost`: prints `lost: N`.
    ResetLost,
    /// `--reset_backlog_wait_time_actual`: prints `backlog_wait_time_actual: N`.
    ResetBacklogWaitTimeActual,
    /// `-t`: drop the marks of mounts that went away.
    TrimSubtrees,
    /// `-q`: treat `subtree` as part of the watches on `mount`.
    MakeEquivalent {
        /// The mount point.
        mount: Vec<u8>,
        /// The subtree.
        subtree: Vec<u8>,
    },
    /// `--signal`: to the registered daemon.
    Signal(Signal),
    /// `-i`: in a file, errors no longer stop the load.
    IgnoreErrors,
    /// `-c`: the same, but the load ends with exit code 1 if there was one.
    ContinueOnErrors,
    /// `-h`, `--help`: print the usage.
    Usage,
    /// `-v`: print the version.
    Version,
    /// Print a message and go on.
    Say(Note),
}
