//! The rule sets under which is measured.
//!
//! Every rule can be served by tracepoints alone: no watch, no path, opens only when successful. A set that only the
//! kernel's audit could serve would measure the same engine twice.

use std::fmt::Write as _;

/// The user who performs the matched actions, and nobody else on the machine: `nobody`.
pub(super) const UID: u32 = 65534;

/// The key of the rules that match.
pub(super) const KEY: &str = "bench-matched";

/// Users that do not exist: rules for them match nothing.
const FIRST_STRANGER: u32 = 2_000_000;

/// Syscalls whose records need nothing but what is there when they return.
const PLAIN: [&str; 15] = [
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setfsuid",
    "setfsgid",
    "personality",
    "unshare",
    "listen",
    "pipe2",
    "delete_module",
    "settimeofday",
    "setsid",
];

/// What administrators watch: among it execs and targets of signals, whose facts are gone by the time of the return.
const MIXED: [&str; 15] = [
    "execve",
    "execveat",
    "connect",
    "bind",
    "sendto",
    "kill",
    "tgkill",
    "ptrace",
    "init_module",
    "finit_module",
    "clock_settime",
    "prctl",
    "sethostname",
    "setuid",
    "capset",
];

/// A rule set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RuleSet {
    /// So many rules, none of which names what is measured and none of which matches.
    Unrelated(u16),
    /// 30 unrelated rules over syscalls some of which need more than a look at their return.
    Mixed,
    /// 30 rules that name the null syscall; none matches.
    Named,
    /// One rule that matches every exec of the workload.
    Exec,
    /// One rule that matches every open of the workload.
    Open,
}

impl RuleSet {
    /// How many rules.
    pub(super) fn count(self) -> usize {
        match self {
            Self::Unrelated(count) => usize::from(count),
            Self::Mixed | Self::Named => 30,
            Self::Exec | Self::Open => 1,
        }
    }

    /// A few words for the table.
    pub(super) fn name(self) -> String {
        match self {
            Self::Unrelated(0) => "no rules".into(),
            Self::Unrelated(1) => "1 rule".into(),
            Self::Unrelated(count) => format!("{count} rules"),
            Self::Mixed => "30 mixed rules".into(),
            Self::Named => "30 rules naming it".into(),
            Self::Exec => "exec rule, matched".into(),
            Self::Open => "open rule, matched".into(),
        }
    }

    /// The rules file: the control lines that Debian's default has, then the rules.
    pub(super) fn file(self) -> String {
        let mut text = String::from("-D\n-b 8192\n--backlog_wait_time 60000\n-f 1\n");
        let unmatched = |text: &mut String, syscalls: &[&str], count: usize| {
            for (stranger, syscall) in (FIRST_STRANGER..).zip(syscalls.iter().cycle()).take(count) {
                // Writing to a String cannot fail.
                let _ = writeln!(
                    text,
                    "-a always,exit -F arch=b64 -S {syscall} -F uid={stranger} -k bench-unmatched"
                );
            }
        };
        match self {
            Self::Unrelated(count) => unmatched(&mut text, &PLAIN, usize::from(count)),
            Self::Mixed => unmatched(&mut text, &MIXED, self.count()),
            Self::Named => unmatched(&mut text, &["umask"], self.count()),
            Self::Exec => {
                let _ = writeln!(text, "-a always,exit -F arch=b64 -S execve -F uid={UID} -k {KEY}");
            }
            Self::Open => {
                let _ =
                    writeln!(text, "-a always,exit -F arch=b64 -S openat -F uid={UID} -F success=1 -k {KEY}");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_rules_as_promised_and_no_two_alike() {
        for set in [
            RuleSet::Unrelated(0),
            RuleSet::Unrelated(1),
            RuleSet::Unrelated(1000),
            RuleSet::Mixed,
            RuleSet::Named,
            RuleSet::Exec,
            RuleSet::Open,
        ] {
            let file = set.file();
            let mut lines: Vec<&str> = file.lines().filter(|line| line.starts_with("-a ")).collect();
            lines.sort_unstable();
            lines.dedup();
            assert_eq!(lines.len(), set.count(), "{set:?}");
        }
    }
}
