//! `augenrules` in a mount namespace of its own, where `/etc/audit` is a scratch directory.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use compat::control::RUN_DIR_VARIABLE;

use super::newest::Newest;
use super::stand::Programs;
use crate::program::{Outcome, original, ours, run};

/// How long a run may take: it may load some hundred rules.
const LIMIT: Duration = Duration::from_mins(2);

/// What `/etc/audit` shall be.
#[derive(Debug)]
pub struct Etc {
    directory: tempfile::TempDir,
}

impl Etc {
    /// An empty one, but for an empty `rules.d`.
    pub fn new() -> Result<Self> {
        let directory = tempfile::tempdir().context("a scratch directory")?;
        fs::create_dir(directory.path().join("rules.d"))?;
        Ok(Self { directory })
    }

    /// Where it lies outside of the namespace.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Runs augenrules with these words. `run_directory`: of the daemon that ours shall speak to.
    pub fn run(&self, programs: Programs<'_>, words: &[&str], run_directory: &Path) -> Result<Outcome> {
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c"]);
        command.arg("mount --make-rprivate / && mount --bind \"$0\" /etc/audit && exec \"$@\"");
        command.arg(self.path());
        let (program, prefix) = match programs {
            Programs::Old => (PathBuf::from(original::AUGENRULES), None),
            Programs::New(newest) => (newest.file("usr/sbin/augenrules"), Some(self.prefix(newest)?)),
            Programs::Ours => (ours("augenrules")?, None),
        };
        command.arg(&program).args(words).env(RUN_DIR_VARIABLE, run_directory);
        // The script of 4.2 looks there for its auditctl.
        command.env("exec_prefix", prefix.unwrap_or_default());
        let mut outcome = run(&mut command, LIMIT)?;
        let name = program.display().to_string();
        outcome.stdout = outcome.stdout.replace(&name, "augenrules");
        outcome.stderr = outcome.stderr.replace(&name, "augenrules");
        Ok(outcome)
    }

    /// A directory whose `sbin/auditctl` is the newest one.
    fn prefix(&self, newest: &Newest) -> Result<PathBuf> {
        let prefix = self.path().join("newest");
        let script = prefix.join("sbin/auditctl");
        if !script.exists() {
            fs::create_dir_all(prefix.join("sbin"))?;
            let command = newest.program("auditctl");
            let words = std::iter::once(command.get_program()).chain(command.get_args());
            let words: Vec<_> = words.map(|word| format!("'{}'", word.to_string_lossy())).collect();
            fs::write(&script, format!("#!/bin/sh\nexec {} \"$@\"\n", words.join(" ")))?;
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        }
        // The namespace shows the scratch directory elsewhere, but here too.
        Ok(prefix)
    }

    /// The files that a run left: name, mode and content of `audit.rules` and of what it was before.
    pub fn left(&self) -> Result<String> {
        let mut text = String::new();
        for name in ["audit.rules", "audit.rules.prev"] {
            let path = self.path().join(name);
            let Ok(found) = fs::metadata(&path) else { continue };
            let mode = found.permissions().mode() & 0o7777;
            let content = if found.is_dir() {
                format!("{} entries", fs::read_dir(&path)?.count())
            } else {
                format!("{:?}", String::from_utf8_lossy(&fs::read(&path)?))
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name} {mode:o} {content}");
        }
        Ok(text)
    }
}
