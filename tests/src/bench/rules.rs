//! The rule sets under which is measured.
//!
//! All but the watches and the STIG's can be served by tracepoints alone: no watch, no path, opens only when successful. A set
//! that only the kernel's audit could serve would measure the same engine twice, so where the plan says that of a set, ours is not
//! measured under it ([`super::plan`]).

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

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
    /// So many watches for writes and changes, none of the opened file.
    Watches,
    /// As many watches for every kind of access.
    ReadWatches,
    /// The STIG's rules, as Debian's auditd brings them.
    Stig,
    /// One rule that matches every open of the workload.
    Open,
}

/// How many files are watched.
pub(super) const WATCHES: usize = 50;

/// The STIG's rules, of Debian's package of the original.
const STIG: &str = "/usr/share/doc/auditd/examples/rules/30-stig.rules";

impl RuleSet {
    /// A few words for the table.
    pub(super) fn name(self) -> String {
        match self {
            Self::Unrelated(0) => "no rules".into(),
            Self::Unrelated(1) => "1 rule".into(),
            Self::Unrelated(count) => format!("{count} rules"),
            Self::Mixed => "30 mixed rules".into(),
            Self::Named => "30 rules naming it".into(),
            Self::Exec => "exec rule, matched".into(),
            Self::Watches => format!("{WATCHES} watches of other files, wa"),
            Self::ReadWatches => format!("{WATCHES} watches of other files, rwxa"),
            Self::Stig => "30-stig.rules".into(),
            Self::Open => "open rule, matched".into(),
        }
    }

    /// The rules file: the control lines that Debian's default has, then the rules. `watched` is the directory of the watched
    /// files, whose names are numbers.
    pub(super) fn file(self, watched: &Path) -> Result<String> {
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
            Self::Mixed => unmatched(&mut text, &MIXED, 30),
            Self::Named => unmatched(&mut text, &["umask"], 30),
            Self::Exec => {
                let _ = writeln!(text, "-a always,exit -F arch=b64 -S execve -F uid={UID} -k {KEY}");
            }
            Self::Open => {
                let _ =
                    writeln!(text, "-a always,exit -F arch=b64 -S openat -F uid={UID} -F success=1 -k {KEY}");
            }
            Self::Watches => watch(&mut text, watched, "wa"),
            Self::ReadWatches => watch(&mut text, watched, "rwxa"),
            Self::Stig => {
                let rules = std::fs::read_to_string(STIG)
                    .with_context(|| format!("{STIG} (`make deps` installs Debian's auditd)"))?;
                rules.lines().filter(|line| has_directory(line)).for_each(|line| {
                    let _ = writeln!(text, "{line}");
                });
            }
        }
        Ok(text)
    }
}

fn watch(text: &mut String, watched: &Path, perms: &str) {
    for number in 0..WATCHES {
        let _ = writeln!(text, "-w {}/{number} -p {perms} -k bench-unmatched", watched.display());
    }
}

/// Whether the directory of what a rule watches is there, if it watches something: without it both daemons refuse the rule.
fn has_directory(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let path = words.windows(2).find_map(|pair| match pair[0] {
        "-w" => Some(pair[1]),
        "-F" => pair[1].strip_prefix("dir=").or_else(|| pair[1].strip_prefix("path=")),
        _ => None,
    });
    path.is_none_or(|path| {
        if path.ends_with('/') {
            Path::new(path).is_dir()
        } else {
            Path::new(path).parent().is_some_and(Path::is_dir)
        }
    })
}

/// How many rules a rules file has.
pub(super) fn count(file: &str) -> usize {
    file.lines().filter(|line| line.starts_with("-a ") || line.starts_with("-w ")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_on_directories_that_are_not_there() {
        for (line, there) in [
            ("# a comment", true),
            ("-a always,exit -F arch=b64 -S mount -F key=x", true),
            ("-w /etc/nothing-of-the-kind -p wa", true),
            ("-w /etc/nothing-of-the-kind/ -p wa", false),
            ("-w /etc/nothing-of-the-kind/file -p wa", false),
            ("-a always,exit -F dir=/etc/ -F perm=wa", true),
            ("-a always,exit -F dir=/nothing-of-the-kind/ -F perm=wa", false),
        ] {
            assert_eq!(has_directory(line), there, "{line}");
        }
    }

    #[test]
    fn as_many_rules_as_promised_and_no_two_alike() {
        for (set, count) in [
            (RuleSet::Unrelated(0), 0),
            (RuleSet::Unrelated(1), 1),
            (RuleSet::Unrelated(1000), 1000),
            (RuleSet::Mixed, 30),
            (RuleSet::Named, 30),
            (RuleSet::Exec, 1),
            (RuleSet::Watches, WATCHES),
            (RuleSet::ReadWatches, WATCHES),
            (RuleSet::Open, 1),
        ] {
            let file = set.file(Path::new("/watched")).unwrap();
            let mut lines: Vec<&str> =
                file.lines().filter(|line| line.starts_with("-a ") || line.starts_with("-w ")).collect();
            lines.sort_unstable();
            lines.dedup();
            assert_eq!((lines.len(), super::count(&file)), (count, count), "{set:?}");
        }
    }
}
