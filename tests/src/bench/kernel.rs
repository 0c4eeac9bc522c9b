//! The kernel's audit state, through the original `auditctl`: read, set, put back.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The original's programs, where Debian puts them. Ours carry the same names, so no search path is trusted.
pub(super) const AUDITCTL: &str = "/sbin/auditctl";
/// The original daemon.
pub(super) const AUDITD: &str = "/sbin/auditd";

/// Whoever uses the kernel's one audit holds the lock of this file of the temporary directory: the tests do, too.
const LOCK: &str = "ebpfauditd-tests.lock";

/// The lock on the kernel's audit.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock; an error when somebody else holds it.
    pub(super) fn take() -> Result<Self> {
        let path = std::env::temp_dir().join(LOCK);
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("opening the lock file {}", path.display()))?;
        file.try_lock().with_context(|| {
            format!("locking {}: another benchmark or test uses the kernel's audit", path.display())
        })?;
        Ok(Self { _file: file })
    }
}

/// What `auditctl -s` prints, as far as it is needed. The same for the original and for ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    pairs: Vec<(String, String)>,
}

impl Status {
    fn parse(text: &str) -> Self {
        let pair = |line: &str| {
            let (name, value) = line.split_once(' ')?;
            Some((name.to_owned(), value.trim().to_owned()))
        };
        Self { pairs: text.lines().filter_map(pair).collect() }
    }

    /// The number called `name`.
    pub(super) fn number(&self, name: &str) -> Result<u64> {
        let (_, value) = self
            .pairs
            .iter()
            .find(|(known, _)| known == name)
            .with_context(|| format!("auditctl -s prints no {name}"))?;
        value.parse().with_context(|| format!("auditctl -s prints {name} {value}"))
    }
}

/// One `auditctl`: the original, or ours with its run directory.
#[derive(Clone, Debug)]
pub(super) struct Control {
    program: PathBuf,
    run: Option<PathBuf>,
}

impl Control {
    /// The original, which speaks to the kernel.
    pub(super) fn original() -> Self {
        Self { program: AUDITCTL.into(), run: None }
    }

    /// Ours, which speaks to the daemon whose run directory is `run`.
    pub(super) fn ours(program: &Path, run: PathBuf) -> Self {
        Self { program: program.to_owned(), run: Some(run) }
    }

    /// Runs it with `words`; its output, or an error with what it said.
    pub(super) fn run(&self, words: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.program);
        command.args(words).env("LC_ALL", "C");
        if let Some(run) = &self.run {
            command.env("EBPFAUDITD_RUN_DIR", run);
        }
        let line = || format!("{} {}", self.program.display(), words.join(" "));
        let output = command.output().with_context(|| format!("running {}", line()))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("{}: {}: {}{text}", line(), output.status, String::from_utf8_lossy(&output.stderr));
        }
        Ok(text)
    }

    /// `-s`.
    pub(super) fn status(&self) -> Result<Status> {
        Ok(Status::parse(&self.run(&["-s"])?))
    }

    /// `-l`: one line per rule.
    pub(super) fn rules(&self) -> Result<Vec<String>> {
        let text = self.run(&["-l"])?;
        Ok(text.lines().filter(|line| *line != "No rules").map(str::to_owned).collect())
    }
}

/// Puts the kernel's audit back as it was found, when dropped.
#[derive(Debug)]
pub(super) struct Restore {
    control: Control,
    settings: Vec<(&'static str, String)>,
}

/// What is put back, with the option that sets it. `enabled` last: without it nothing is recorded meanwhile.
const SETTINGS: [(&str, &str); 5] = [
    ("failure", "-f"),
    ("rate_limit", "-r"),
    ("backlog_limit", "-b"),
    ("backlog_wait_time", "--backlog_wait_time"),
    ("enabled", "-e"),
];

impl Restore {
    /// Remembers the state. Refuses a machine that is being audited: its events would be lost, its rules removed.
    pub(super) fn new() -> Result<Self> {
        if !nix::unistd::geteuid().is_root() {
            bail!("must be run by root: it starts audit daemons and loads rules");
        }
        for program in [AUDITCTL, AUDITD] {
            if !Path::new(program).exists() {
                bail!(
                    "{program} is not there; run `make deps`, which installs Debian's auditd to compare with"
                );
            }
        }
        let control = Control::original();
        let status = control.status()?;
        let pid = status.number("pid")?;
        if pid != 0 {
            bail!("an audit daemon is running, PID {pid}; stop it first");
        }
        if status.number("enabled")? == 2 {
            bail!("the audit configuration is locked (-e 2) until the next boot");
        }
        let rules = control.rules()?;
        if !rules.is_empty() {
            bail!("{} audit rules are loaded; remove them first (auditctl -D)", rules.len());
        }
        let value = |(name, option): (&str, &'static str)| Ok((option, status.number(name)?.to_string()));
        let settings = SETTINGS.into_iter().map(value).collect::<Result<_>>()?;
        Ok(Self { control, settings })
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        let rules = self.control.run(&["-D"]);
        let settings = self.settings.iter().map(|(option, value)| self.control.run(&[option, value]));
        for error in std::iter::once(rules).chain(settings).filter_map(Result::err) {
            super::complain(&format!("bench: putting the kernel's audit state back: {error:#}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_of_the_original() {
        let status = Status::parse("enabled 1\npid 0\nlost 17\nloginuid_immutable 0 unlocked\n");
        assert_eq!(status.number("lost").unwrap(), 17);
        assert!(status.number("backlog").is_err());
        assert!(status.number("loginuid_immutable").is_err());
    }
}
