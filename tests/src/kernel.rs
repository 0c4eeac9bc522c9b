//! The kernel's audit is one for the whole machine: one test at a time may hold it, and gives it back as it was.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::fcntl::{Flock, FlockArg};

use crate::program::{original, ours, run};
use crate::skip::skipped;

const LIMIT: Duration = Duration::from_secs(10);

/// Whether this kernel has BPF trampolines, by our program's word.
pub fn has_trampolines() -> Result<bool> {
    static FOUND: OnceLock<bool> = OnceLock::new();
    if let Some(&found) = FOUND.get() {
        return Ok(found);
    }
    let probe = run(Command::new(ours("ebpfauditd")?).arg("--probe"), Duration::from_mins(2))?.success()?;
    Ok(*FOUND.get_or_init(|| probe.lines().any(|line| line == "engine trampoline: available")))
}

/// What the runner of the virtual machines gives each of them, and no other system has.
const JOBS: &str = "/vm/jobs";

/// Whether this kernel is a virtual machine's that ends with its tests, so that what lasts until the next boot may be done to
/// it. If not, says so.
pub fn ends_with_its_tests(what: &str) -> bool {
    let found = Path::new(JOBS).exists();
    if !found {
        skipped(format_args!("{what}: only in a virtual machine (make test-vm)"));
    }
    found
}

/// The kernel's audit, held by this test alone. Dropping it puts everything back.
#[derive(Debug)]
pub struct Audit {
    backlog_limit: String,
    failure: String,
    backlog_wait_time: String,
    // Held for its lock.
    _lock: Flock<File>,
}

impl Audit {
    /// Waits for the other tests, then checks that the kernel is as it is after boot: root, no rules, no daemon.
    pub fn hold() -> Result<Self> {
        ensure!(
            nix::unistd::geteuid().is_root(),
            "these tests need root: they load audit rules into the kernel"
        );
        let path = std::env::temp_dir().join("ebpfauditd-tests.lock");
        let file = File::create(&path).with_context(|| path.display().to_string())?;
        let lock = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| errno).context("flock")?;
        let status = auditctl(&["-s"])?;
        let value = |name: &str| -> Result<String> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            Ok(line.with_context(|| format!("auditctl -s says no {name}"))?.to_owned())
        };
        ensure!(value("pid")? == "0", "an audit daemon is registered: {status}");
        ensure!(value("enabled")? == "0", "audit is enabled, and not by this test: {status}");
        let rules = auditctl(&["-l"])?;
        ensure!(rules.trim() == "No rules", "audit rules are loaded, and not by this test: {rules}");
        count_anew()?;
        Ok(Self {
            backlog_limit: value("backlog_limit")?,
            failure: value("failure")?,
            backlog_wait_time: value("backlog_wait_time")?,
            _lock: lock,
        })
    }

    /// Puts back what [`Audit::hold`] found. A kernel that is locked is left as it is: nobody can, until the next boot.
    pub fn restore(&self) -> Result<()> {
        if auditctl(&["-s"])?.starts_with("enabled 2\n") {
            return Ok(());
        }
        auditctl(&["-D"])?;
        auditctl(&["-e", "0"])?;
        auditctl(&["-b", &self.backlog_limit])?;
        auditctl(&["-f", &self.failure])?;
        auditctl(&["-r", "0"])?;
        auditctl(&["--backlog_wait_time", &self.backlog_wait_time])?;
        count_anew()
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        if let Err(error) = self.restore() {
            eprintln!("the kernel's audit is not as it was: {error:#}");
        }
    }
}

/// The counts that no setting puts back: what one test made the kernel lose or wait is nothing to the next.
fn count_anew() -> Result<()> {
    for count in ["--reset-lost", "--reset_backlog_wait_time_actual"] {
        auditctl(&[count])?;
    }
    Ok(())
}

/// Runs the original auditctl, which must succeed; returns what it printed.
pub fn auditctl(words: &[&str]) -> Result<String> {
    run(Command::new(original::AUDITCTL).args(words), LIMIT)?
        .success()
        .with_context(|| format!("auditctl {}", words.join(" ")))
}
