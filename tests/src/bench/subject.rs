//! The three that are compared, and how each is started, checked and stopped.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use compat::audit::kind;
use compat::control::{ControlSocket, socket_path};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::interrupt;
use super::kernel::{AUDITD, Control};
use super::options::Programs;
use super::rules::{self, RuleSet};
use super::scratch::Scratch;
use tests::objects::objects;
use tests::side::no_failed_runs;

/// How long a daemon may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the kernel may take to take off what a daemon leaves attached.
const DETACHING: Duration = Duration::from_mins(3);

/// The rule that keeps new tasks from getting an audit context, as `auditctl -l` prints it.
const NO_CONTEXT: &str = "-a never,task";

/// What is measured against what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// No auditing: tasks without audit context, audit disabled.
    Nothing,
    /// Debian's auditd.
    Original,
    /// ebpfauditd.
    Ours,
}

/// A subject in action. Stops the daemon and clears the kernel's rules when dropped.
#[derive(Debug)]
pub(super) struct Running {
    subject: Subject,
    daemon: Option<Child>,
    control: Control,
    /// How many rules are to be in force.
    count: usize,
    /// What the daemon says.
    messages: PathBuf,
    /// The BPF objects that were there before.
    before: BTreeSet<(&'static str, u32)>,
    /// From the start of the daemon until it was registered and all rules were in force.
    pub(super) start_time: Duration,
}

impl Running {
    /// Brings the machine into the state in which `subject` is measured under `rules`, and checks that it is so.
    pub(super) fn start(
        subject: Subject,
        rules: RuleSet,
        ours: Option<&Programs>,
        scratch: &Scratch,
    ) -> Result<Self> {
        interrupt::check()?;
        let kernel = Control::original();
        kernel.run(&["-D"])?;
        kernel.run(&["-e", "0"])?;
        scratch.clear_log()?;
        let file = rules.file(&scratch.watched())?;
        scratch.set_rules(&file)?;
        let count = rules::count(&file);
        let mut running = Self {
            subject,
            daemon: None,
            control: kernel.clone(),
            count,
            messages: scratch.messages(),
            before: objects()?,
            start_time: Duration::ZERO,
        };
        match subject {
            Subject::Nothing => {
                kernel.run(&["-a", "task,never"])?;
            }
            Subject::Original => {
                let start = Instant::now();
                let pid = running
                    .spawn(Command::new(AUDITD).arg("-n").arg("-c").arg(scratch.original()), scratch)?;
                running.wait("auditd registers", scratch, || {
                    Ok(kernel.status()?.number("pid")? == u64::from(pid))
                })?;
                running.load(scratch)?;
                running.start_time = start.elapsed();
            }
            Subject::Ours => {
                let programs = ours.context("no programs of ours")?;
                running.control = Control::ours(&programs.control, scratch.run());
                let control = running.control.clone();
                // The daemon makes it once its rules are in force; before, it is not asked, for asking takes time, too.
                let socket = socket_path(&scratch.run());
                let start = Instant::now();
                let pid = running.spawn(
                    Command::new(&programs.daemon)
                        .arg("-n")
                        .arg("-c")
                        .arg(scratch.ours())
                        .arg("--run-dir")
                        .arg(scratch.run()),
                    scratch,
                )?;
                running.wait("ebpfauditd loads its rules", scratch, || {
                    Ok(socket.exists() && in_force(&control, count, pid)?)
                })?;
                running.start_time = start.elapsed();
                // until then every syscall is judged at its exit
                running.wait("its stubs take over", scratch, || settled(&socket))?;
            }
        }
        running.check(rules)?;
        Ok(running)
    }

    fn spawn(&mut self, command: &mut Command, scratch: &Scratch) -> Result<u32> {
        let messages = File::create(scratch.messages()).context("making the daemon's message file")?;
        let copy = messages.try_clone().context("duplicating the daemon's message file")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(messages)
            .stderr(copy)
            // Ctrl-C is for this program, which stops the daemon in good order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        let pid = child.id();
        self.daemon = Some(child);
        Ok(pid)
    }

    fn wait(&mut self, what: &str, scratch: &Scratch, mut ready: impl FnMut() -> Result<bool>) -> Result<()> {
        let daemon = &mut self.daemon;
        let waited = interrupt::wait_until(what, PATIENCE, || {
            if let Some(status) = daemon.as_mut().map(Child::try_wait).transpose()?.flatten() {
                bail!("it ended: {status}");
            }
            ready()
        });
        let said = || std::fs::read_to_string(scratch.messages()).unwrap_or_default();
        waited.map(drop).with_context(|| format!("{what}; the daemon said: {}", said().trim()))
    }

    /// Loads the rules file; how long that took.
    pub(super) fn load(&self, scratch: &Scratch) -> Result<Duration> {
        let path = scratch.rules();
        let path = path.to_str().context("the scratch directory's name is not UTF-8")?;
        let start = Instant::now();
        self.control.run(&["-R", path])?;
        Ok(start.elapsed())
    }

    /// Lists all rules, which must be `count`; how long that took.
    pub(super) fn list(&self, count: usize) -> Result<Duration> {
        let start = Instant::now();
        let listed = self.control.rules()?.len();
        let time = start.elapsed();
        ensure!(listed == count, "{:?} lists {listed} rules, and not {count}", self.subject);
        Ok(time)
    }

    /// Adds a rule that matches nothing, and deletes it; how long each took.
    pub(super) fn add_and_delete(&self) -> Result<(Duration, Duration)> {
        const RULE: [&str; 9] =
            ["always,exit", "-F", "arch=b64", "-S", "setsid", "-F", "uid=2999999", "-k", "bench-changed"];
        let timed = |option: &str| -> Result<Duration> {
            let words: Vec<&str> = [option].into_iter().chain(RULE).collect();
            let start = Instant::now();
            self.control.run(&words)?;
            Ok(start.elapsed())
        };
        Ok((timed("-a")?, timed("-d")?))
    }

    /// The state must be what the measurement claims, or its numbers mean something else.
    fn check(&self, rules: RuleSet) -> Result<()> {
        let kernel = Control::original();
        let (in_kernel, status) = (kernel.rules()?, kernel.status()?);
        let (pid, enabled) = (status.number("pid")?, status.number("enabled")?);
        let no_context = in_kernel.len() == 1 && in_kernel[0] == NO_CONTEXT;
        let right = match self.subject {
            Subject::Nothing => no_context && pid == 0 && enabled == 0,
            Subject::Original => {
                in_kernel.len() == self.count
                    && !in_kernel.iter().any(|rule| rule.contains(",task"))
                    && pid == u64::from(self.pid()?)
                    && enabled == 1
            }
            Subject::Ours => in_force(&self.control, self.count, self.pid()?)?,
        };
        if !right {
            bail!(
                "{:?} under {}: the kernel is not in the state to be measured: daemon {pid}, enabled {enabled}, \
                 rules {:?}",
                self.subject,
                rules.name(),
                in_kernel.iter().take(3).collect::<Vec<_>>()
            );
        }
        Ok(())
    }

    /// The daemon's PID.
    pub(super) fn pid(&self) -> Result<u32> {
        self.daemon.as_ref().map(Child::id).context("no daemon runs")
    }

    /// Events lost so far, as the subject's `auditctl -s` counts them.
    pub(super) fn lost(&self) -> Result<u64> {
        self.control.status()?.number("lost")
    }

    /// Stops the daemon; everything it had received is in the log then.
    pub(super) fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        if let Some(mut daemon) = self.daemon.take() {
            let ended = terminate(&mut daemon);
            // the kernel goes on taking programs off, which would be measured with what comes next
            let end = Instant::now() + DETACHING;
            while objects()?.difference(&self.before).next().is_some() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(50));
            }
            Control::original().run(&["-D"])?;
            let status = ended?;
            // Killed by our own SIGTERM before its handler was there is an end, too; anything else is a fault.
            if !status.success() && status.signal() != Some(Signal::SIGTERM as i32) {
                bail!("{:?} ended with {status}", self.subject);
            }
            // what is not run costs nothing, and would be measured so
            if self.subject == Subject::Ours && status.success() {
                no_failed_runs(
                    &std::fs::read_to_string(&self.messages).context("reading what the daemon said")?,
                )?;
            }
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            super::complain(&format!("bench: stopping: {error:#}"));
        }
    }
}

/// Whether all stubs of our daemon are attached, and nothing else judges.
fn settled(socket: &Path) -> Result<bool> {
    let mut control = ControlSocket::connect(socket).context("connecting to the daemon")?;
    let text = control.text(kind::COUNTERS).context("asking for counters")?;
    Ok(text.split(|&byte| byte == b'\n').any(|line| line == b"takeover 0"))
}

/// Whether our daemon `pid` is registered and serves all `count` rules without the kernel engine.
///
/// Before its control socket is there, our `auditctl` asks the kernel instead; so the answer must hold the rules that
/// were given and no other. Rules of the exit list in the kernel would mean that the kernel engine serves them; what
/// the daemon keeps off itself by the exclude list costs a syscall nothing.
fn in_force(control: &Control, count: usize, pid: u32) -> Result<bool> {
    let kernel = Control::original();
    let status = kernel.status()?;
    if status.number("pid")? != u64::from(pid) || status.number("enabled")? != 1 {
        return Ok(false);
    }
    let (in_kernel, own) = (kernel.rules()?, control.rules().unwrap_or_default());
    let harmless = |rule: &&String| *rule == NO_CONTEXT || rule.starts_with("-a always,exclude");
    if let Some(rule) = in_kernel.iter().find(|rule| !harmless(rule)) {
        bail!("the kernel's own audit serves a rule that ours was to serve: {rule}");
    }
    Ok(in_kernel.iter().any(|rule| rule == NO_CONTEXT)
        && own.len() == count
        && own.iter().all(|rule| rule.starts_with("-a always,exit") || rule.starts_with("-w ")))
}

/// SIGTERM, and SIGKILL for one that does not heed it. Waits also when interrupted: the state must be put back.
fn terminate(daemon: &mut Child) -> Result<std::process::ExitStatus> {
    let pid = Pid::from_raw(daemon.id() as i32);
    if let Some(status) = daemon.try_wait().with_context(|| format!("waiting for {pid}"))? {
        return Ok(status);
    }
    kill(pid, Signal::SIGTERM).with_context(|| format!("sending SIGTERM to {pid}"))?;
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(status) = daemon.try_wait().with_context(|| format!("waiting for {pid}"))? {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    daemon.kill().with_context(|| format!("killing {pid}"))?;
    daemon.wait().with_context(|| format!("waiting for {pid}"))
}
