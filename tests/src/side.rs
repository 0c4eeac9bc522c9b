//! The two sides of a comparison: Debian's auditd with the kernel's audit, and ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use compat::audit::kind;
use compat::control::{ControlSocket, socket_path};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::case;
use crate::kernel::Audit;
use crate::program::{Outcome, original, ours, run, wait};

/// How long a daemon may take to start, to write, or to end. In an emulated machine trampolines take their time to attach
/// and to detach.
const LIMIT: Duration = Duration::from_mins(2);

/// Who records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The kernel's audit, the original auditd and auditctl.
    Theirs,
    /// Our daemon and our auditctl.
    Ours,
}

/// A running daemon in a scratch directory of its own. Dropping it stops the daemon.
#[derive(Debug)]
pub struct Daemon<'a> {
    side: Side,
    directory: tempfile::TempDir,
    child: Option<Child>,
    audit: &'a Audit,
}

impl<'a> Daemon<'a> {
    /// Starts a daemon with these rules (lines of `audit.rules`) and waits until it records.
    ///
    /// `options` are added to our command line; the original takes none.
    pub fn start(side: Side, audit: &'a Audit, rules: &[String], options: &[&str]) -> Result<Self> {
        let directory =
            tempfile::Builder::new().prefix("ebpfauditd-test-").tempdir().context("a scratch directory")?;
        configure(directory.path(), rules)?;
        let mut daemon = Self { side, directory, child: None, audit };
        let mut command = daemon.command(options)?;
        let errors = fs::File::create(daemon.path("stderr"))?;
        let child = command.stdin(Stdio::null()).stdout(errors.try_clone()?).stderr(errors).spawn();
        daemon.child = Some(child.with_context(|| format!("starting {command:?}"))?);
        daemon.await_log("type=DAEMON_START", "the start")?;
        if side == Side::Theirs {
            for words in
                [vec!["-b", "8192"], vec!["-e", "1"], vec!["-R", daemon.text("audit.rules")?.as_str()]]
            {
                daemon
                    .auditctl(&words)?
                    .success()
                    .with_context(|| format!("auditctl {}", words.join(" ")))?;
            }
        } else {
            daemon.await_rules(rules.len())?;
        }
        Ok(daemon)
    }

    fn command(&self, options: &[&str]) -> Result<Command> {
        // A test that is killed must not leave a daemon registered in the kernel.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--"]);
        match self.side {
            Side::Theirs => command.arg(original::AUDITD),
            Side::Ours => command.arg(ours("ebpfauditd")?),
        };
        command.arg("-n").arg("-c").arg(self.directory.path());
        if self.side == Side::Ours {
            command.arg("--run-dir").arg(self.path("run")).args(options);
        }
        Ok(command)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn text(&self, name: &str) -> Result<String> {
        self.path(name).into_os_string().into_string().ok().context("a scratch directory that is not UTF-8")
    }

    /// Its configuration directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Its log file.
    pub fn log_path(&self) -> PathBuf {
        self.path("audit.log")
    }

    /// Its log so far.
    pub fn log(&self) -> Result<String> {
        let path = self.log_path();
        match fs::read(&path) {
            Ok(bytes) => Ok(String::from_utf8(bytes).context("the log is not UTF-8")?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    /// Its process id.
    pub fn pid(&self) -> Result<u32> {
        Ok(self.child.as_ref().context("the daemon is not running")?.id())
    }

    /// Runs the side's auditctl.
    pub fn auditctl(&self, words: &[&str]) -> Result<Outcome> {
        let mut command = match self.side {
            Side::Theirs => Command::new(original::AUDITCTL),
            Side::Ours => Command::new(ours("auditctl")?),
        };
        run(command.args(words).env("EBPFAUDITD_RUN_DIR", self.path("run")), LIMIT)
    }

    /// Runs the actor on a case and returns what it said.
    ///
    /// The daemon must have started before, so that the actor is born with audit on.
    pub fn act(&self, actor: &Path, name: &str, files: &Path, work: &Path) -> Result<String> {
        let (auid, case) = case::find(name).with_context(|| format!("no case is called {name}"))?;
        let mut command = Command::new(actor);
        command.arg(case.name).arg(auid.to_string()).arg(files).arg(work).env_clear();
        run(&mut command, LIMIT)?.success().with_context(|| name.to_owned())
    }

    /// What our daemon counted: lines of `name value`.
    pub fn counters(&self) -> Result<String> {
        self.text_of(kind::COUNTERS)
    }

    fn text_of(&self, kind: u16) -> Result<String> {
        let text = self.control()?.text(kind).with_context(|| format!("asking for text {kind:#x}"))?;
        String::from_utf8(text).context("the answer is not UTF-8")
    }

    /// Takes all rules out and loads others (lines of `audit.rules`), with the side's own auditctl.
    pub fn replace_rules(&self, rules: &[String]) -> Result<()> {
        let path = self.path("others.rules");
        fs::write(&path, rules.join("\n") + "\n")?;
        for words in [vec!["-D"], vec!["-R", self.text("others.rules")?.as_str()]] {
            self.auditctl(&words)?.success().with_context(|| format!("auditctl {}", words.join(" ")))?;
        }
        Ok(())
    }

    /// Who records.
    pub const fn side(&self) -> Side {
        self.side
    }

    /// Which of our engines serves which rule, as text.
    pub fn plan(&self) -> Result<String> {
        self.text_of(kind::PLAN)
    }

    /// Sends a user message and waits until it stands in the log: what was recorded before it stands there too.
    pub fn settle(&self, text: &str) -> Result<()> {
        self.auditctl(&["-m", text])?.success().context("auditctl -m")?;
        self.await_log(text, "a user message")
    }

    /// Whether it has not ended by itself.
    pub fn is_running(&self) -> bool {
        self.child.as_ref().is_some_and(|child| {
            let alive = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
            !alive.is_empty() && !alive.contains(") Z ")
        })
    }

    /// Gives it this long to end by itself, and ends it otherwise; puts the kernel back.
    pub fn await_end(self, patience: Duration) -> Result<()> {
        let end = Instant::now() + patience;
        while self.is_running() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.stop().map(drop)
    }

    fn await_log(&self, text: &str, what: &str) -> Result<()> {
        let end = Instant::now() + LIMIT;
        while !self.log()?.contains(text) {
            if self.child.is_some() {
                ensure!(self.is_running(), "{:?}: the daemon ended: {}", self.side, self.said());
            }
            if Instant::now() > end {
                bail!(
                    "{:?}: {what} is not in the log after {LIMIT:?}; the daemon said: {}",
                    self.side,
                    self.said()
                );
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Our daemon loads its rules itself: waits until it lists as many. Before it answers, auditctl would list the kernel's.
    fn await_rules(&self, count: usize) -> Result<()> {
        self.await_answer()?;
        let end = Instant::now() + LIMIT;
        loop {
            let listed = self.auditctl(&["-l"])?;
            let rules = listed.stdout.lines().filter(|line| line.starts_with('-')).count();
            if listed.status.success() && rules == count {
                return Ok(());
            }
            ensure!(
                Instant::now() < end,
                "{rules} of {count} rules are loaded: {listed:?}; it said: {}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until our daemon answers on its control socket.
    fn await_answer(&self) -> Result<()> {
        let end = Instant::now() + LIMIT;
        while self.control().is_err() {
            ensure!(Instant::now() < end, "the daemon does not answer; it said: {}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// A connection to our daemon.
    pub fn control(&self) -> Result<ControlSocket> {
        let path = socket_path(&self.path("run"));
        ControlSocket::connect(&path).with_context(|| path.display().to_string())
    }

    /// What the daemon wrote to its standard output and error.
    pub fn said(&self) -> String {
        fs::read_to_string(self.path("stderr")).unwrap_or_default()
    }

    /// Ends the daemon with this signal and starts another in its directories; what that said begins anew.
    pub fn restart(&mut self, signal: Signal) -> Result<()> {
        let mut child = self.child.take().context("the daemon is not running")?;
        kill(Pid::from_raw(child.id().try_into().context("a process id")?), signal)?;
        wait(&mut child, LIMIT).context("ending the daemon")?;
        if self.side == Side::Ours && signal == Signal::SIGTERM {
            no_failed_runs(&self.said())?;
        }
        let mut command = self.command(&[])?;
        let errors = fs::File::create(self.path("stderr"))?;
        let starts = self.starts()?;
        self.child = Some(command.stdin(Stdio::null()).stdout(errors.try_clone()?).stderr(errors).spawn()?);
        let end = Instant::now() + LIMIT;
        while self.starts()? <= starts {
            ensure!(self.is_running(), "the daemon ended: {}", self.said());
            ensure!(Instant::now() < end, "the daemon does not start; it said: {}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
        match self.side {
            Side::Ours => self.await_answer(),
            Side::Theirs => Ok(()),
        }
    }

    /// How often a daemon has begun to write the log.
    fn starts(&self) -> Result<usize> {
        Ok(self.log()?.matches("type=DAEMON_START").count())
    }

    /// Ends the daemon with SIGTERM, puts the kernel back, and returns the whole log.
    pub fn stop(mut self) -> Result<String> {
        self.end()?;
        self.log()
    }

    /// Ends the daemon with SIGTERM and puts the kernel back; its directory stays.
    pub fn end(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let pid = Pid::from_raw(child.id().try_into().context("a process id")?);
        // It may have ended already, which the status tells.
        let _ = kill(pid, Signal::SIGTERM);
        let status = wait(&mut child, LIMIT).context("ending the daemon")?;
        if self.side == Side::Theirs {
            self.audit.restore()?;
        }
        // How the original ends is its own affair: after a few signals it may be with a segmentation fault.
        ensure!(
            status.success() || self.side == Side::Theirs,
            "the daemon ended with {status}: {}",
            self.said()
        );
        if self.side == Side::Ours { no_failed_runs(&self.said()) } else { Ok(()) }
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("stopping a daemon: {error:#}");
        }
    }
}

/// Whatever a test looks at: the kernel must have run each program whenever it should. Our daemon counts that in its last lines.
pub fn no_failed_runs(said: &str) -> Result<()> {
    for none in ["failed_runs 0", "failed_states 0"] {
        ensure!(said.split([',', '\n']).any(|count| count.trim() == none), "not {none}: {said}");
    }
    Ok(())
}

/// Writes `auditd.conf` and `audit.rules`.
fn configure(directory: &Path, rules: &[String]) -> Result<()> {
    let log = directory.join("audit.log");
    let plugins = directory.join("plugins.d");
    fs::create_dir(&plugins)?;
    let conf = format!(
        "log_file = {}\nlog_format = ENRICHED\nlog_group = root\nflush = INCREMENTAL_ASYNC\nfreq = 50\n\
         name_format = NONE\nmax_log_file = 200\nnum_logs = 2\nmax_log_file_action = ROTATE\n\
         space_left = 2\nadmin_space_left = 1\nspace_left_action = IGNORE\nadmin_space_left_action = IGNORE\n\
         disk_full_action = IGNORE\ndisk_error_action = IGNORE\nplugin_dir = {}\n",
        log.display(),
        plugins.display()
    );
    fs::write(directory.join("auditd.conf"), conf)?;
    let mut text = rules.join("\n");
    text.push('\n');
    let path = directory.join("audit.rules");
    fs::write(&path, text)?;
    Ok(())
}
