//! The programs that the tests start: where they are, and how to run them with a limit.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// The original programs, as Debian installs them.
pub mod original {
    /// All of them.
    pub const ALL: [&str; 5] = [AUDITCTL, AUGENRULES, AUDITD, AUSEARCH, AUREPORT];
    /// Rules in and out of the kernel.
    pub const AUDITCTL: &str = "/sbin/auditctl";
    /// The maker of `audit.rules`.
    pub const AUGENRULES: &str = "/sbin/augenrules";
    /// The daemon.
    pub const AUDITD: &str = "/sbin/auditd";
    /// The reader of logs.
    pub const AUSEARCH: &str = "/sbin/ausearch";
    /// The summary of logs.
    pub const AUREPORT: &str = "/sbin/aureport";
}

/// One of our programs, built beside this one.
///
/// # Errors
/// When it is not there: the workspace has to be built before its tests run.
pub fn ours(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("finding this program")?;
    // An integration test lies in `deps/`, a program beside it.
    let path =
        own.ancestors().skip(1).take(2).map(|directory| directory.join(name)).find(|path| path.is_file());
    path.with_context(|| {
        format!("{name} is not beside {}: run `cargo build --workspace` first", own.display())
    })
}

/// What a program said and how it ended.
#[derive(Debug)]
pub struct Outcome {
    /// Its status.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Outcome {
    /// The output of a run that had to succeed.
    pub fn success(self) -> Result<String> {
        ensure!(self.status.success(), "{}: {}{}", self.status, self.stdout, self.stderr);
        Ok(self.stdout)
    }
}

/// Runs `command` to its end, which must come within `limit`.
pub fn run(command: &mut Command, limit: Duration) -> Result<Outcome> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {command:?}"))?;
    // Both pipes are read while it runs, or a long output would stop it.
    let stdout = reader(child.stdout.take());
    let stderr = reader(child.stderr.take());
    let status = wait(&mut child, limit).with_context(|| format!("{command:?}"))?;
    let text = |thread: std::thread::JoinHandle<Vec<u8>>| {
        thread.join().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    };
    Ok(Outcome { status, stdout: text(stdout), stderr: text(stderr) })
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What could be read is what is shown.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

/// Waits for the end of `child`; kills it when `limit` is over.
pub fn wait(child: &mut Child, limit: Duration) -> Result<ExitStatus> {
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().context("waiting")? {
            return Ok(status);
        }
        if Instant::now() > end {
            child.kill().context("killing it after its time")?;
            child.wait().context("waiting after the kill")?;
            bail!("it did not end within {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
