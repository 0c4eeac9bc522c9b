//! Who plays a table: one of the programs, in one of the states.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use compat::audit::StatusField;
use compat::control::{ControlSocket, RUN_DIR_VARIABLE, socket_path};
use compat::netlink::AuditSocket;

use super::newest::Newest;
use super::observation::Observation;
use super::table::{Ask, Series, State, Step};
use crate::kernel::Audit;
use crate::program::{original, ours, run};
use crate::side::{Daemon, Side};

/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(20);

/// How long a daemon that was told to end may take, before it is ended.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whose programs.
#[derive(Debug, Clone, Copy)]
pub enum Programs<'a> {
    /// Debian 12's.
    Old,
    /// The newest Debian's.
    New(&'a Newest),
    /// Ours.
    Ours,
}

impl Programs<'_> {
    /// What they are called in a report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Old => "3.0.9",
            Self::New(_) => "newest",
            Self::Ours => "ours",
        }
    }

    const fn side(self) -> Side {
        match self {
            Self::Ours => Side::Ours,
            Self::Old | Self::New(_) => Side::Theirs,
        }
    }

    /// Their auditctl, as found.
    pub fn auditctl(self) -> Result<Command> {
        Ok(match self {
            Self::Old => Command::new(original::AUDITCTL),
            Self::New(newest) => newest.program("auditctl"),
            Self::Ours => Command::new(ours("auditctl")?),
        })
    }
}

/// Programs in a state.
#[derive(Debug)]
pub struct Stand<'a> {
    programs: Programs<'a>,
    state: State,
    audit: &'a Audit,
    daemon: Option<Daemon<'a>>,
}

impl<'a> Stand<'a> {
    /// A stand that has not started anything yet.
    pub const fn new(programs: Programs<'a>, state: State, audit: &'a Audit) -> Self {
        Self { programs, state, audit, daemon: None }
    }

    /// Plays every series without setting anything back before or after: for what cannot be set back. Only what the commands say
    /// is observed.
    pub fn play_on(&mut self, table: &[Series], scratch: &Path) -> Result<Vec<Observation>> {
        let mut seen = Vec::new();
        let state = self.state;
        for series in table.iter().filter(|series| series.is_for(state)) {
            self.steps(series, scratch, true, &mut seen).with_context(|| {
                format!("{} ({}): {}", self.programs.name(), self.state.name(), series.name)
            })?;
        }
        Ok(seen)
    }

    /// Lets other programs speak to the same daemon.
    pub fn hand_to(&mut self, programs: Programs<'a>) {
        self.programs = programs;
    }

    /// Ends the daemon; what it left behind stays.
    pub fn end(&mut self) -> Result<()> {
        self.state = State::Alone;
        self.daemon()?.end()
    }

    /// Starts the daemon.
    pub fn start(&mut self) -> Result<()> {
        self.daemon = Some(Daemon::start(self.programs.side(), self.audit, &[], &[])?);
        Ok(())
    }

    /// The daemon that was started.
    pub fn daemon(&mut self) -> Result<&mut Daemon<'a>> {
        self.daemon.as_mut().context("no daemon was started")
    }

    /// Plays every series that makes sense here; what was observed, in the order of the commands.
    pub fn play(mut self, table: &[Series], scratch: &Path) -> Result<Vec<Observation>> {
        let mut seen = Vec::new();
        let state = self.state;
        for series in table.iter().filter(|series| series.is_for(state)) {
            // All of them take minutes on an emulated processor: whoever watches must see that it goes on.
            println!("{} ({}): {}", self.programs.name(), self.state.name(), series.name);
            self.series(series, scratch, &mut seen).with_context(|| {
                format!("{} ({}): {}", self.programs.name(), self.state.name(), series.name)
            })?;
        }
        if let Some(daemon) = self.daemon.take() {
            daemon.stop()?;
        }
        self.audit.restore()?;
        Ok(seen)
    }

    fn series(&mut self, series: &Series, scratch: &Path, seen: &mut Vec<Observation>) -> Result<()> {
        if series.ends
            && let Some(daemon) = self.daemon.take()
        {
            daemon.await_end(Duration::ZERO)?;
        }
        self.fresh()?;
        self.steps(series, scratch, series.ends, seen)?;
        if series.ends
            && let Some(daemon) = self.daemon.take()
        {
            daemon.await_end(PATIENCE)?;
        }
        Ok(())
    }

    fn steps(
        &mut self,
        series: &Series,
        scratch: &Path,
        alone: bool,
        seen: &mut Vec<Observation>,
    ) -> Result<()> {
        for step in &series.steps {
            match step {
                Step::Set(command) => {
                    let mut shell = Command::new("sh");
                    shell.arg("-c").arg(command).current_dir(scratch);
                    run(&mut shell, LIMIT)?.success().with_context(|| command.clone())?;
                }
                Step::Ask(ask) => seen.push(self.ask(ask, alone).with_context(|| ask.text.clone())?),
            }
        }
        Ok(())
    }

    /// `alone`: only what the command says is observed, not whom it spoke to.
    fn ask(&mut self, ask: &Ask, alone: bool) -> Result<Observation> {
        let mut command = self.programs.auditctl()?;
        command.args(ask.words.iter().map(|word| OsStr::from_bytes(word)));
        command.env(RUN_DIR_VARIABLE, self.run_directory()).env("TZ", "UTC");
        let outcome = run(&mut command, LIMIT)?;
        if alone {
            return Observation::new(&outcome, None);
        }
        Observation::new(&outcome, Some(&mut *self.peer()?))
    }

    fn run_directory(&self) -> std::path::PathBuf {
        self.daemon.as_ref().map_or_else(|| "/nowhere".into(), |daemon| daemon.directory().join("run"))
    }

    /// Whom our commands would speak to.
    fn peer(&self) -> Result<Box<dyn compat::audit::Audit>> {
        Ok(match (self.programs, self.state) {
            (Programs::Ours, State::Daemon) => {
                Box::new(ControlSocket::connect(&socket_path(&self.run_directory()))?)
            }
            _ => Box::new(AuditSocket::open()?),
        })
    }

    /// No rules, the settings of a fresh boot, and a daemon where one belongs.
    fn fresh(&mut self) -> Result<()> {
        if self.state == State::Daemon && self.daemon.is_none() {
            self.start()?;
        }
        let mut peer = self.peer()?;
        for rule in peer.list_rules()? {
            peer.delete_rule(&rule).context("deleting a rule")?;
        }
        for (field, value) in [
            (StatusField::Enabled, u32::from(self.state == State::Daemon)),
            (StatusField::Failure, 1),
            (StatusField::RateLimit, 0),
            (StatusField::BacklogLimit, 8192),
            (StatusField::BacklogWaitTime, 15_000),
            (StatusField::Lost, 0),
            (StatusField::BacklogWaitTimeActual, 0),
        ] {
            peer.set(field, value).with_context(|| format!("{field:?}"))?;
        }
        Ok(())
    }
}
