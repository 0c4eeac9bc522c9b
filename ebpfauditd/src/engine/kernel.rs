//! The engine that is the kernel's own audit subsystem, over `NETLINK_AUDIT`.
//!
//! We register as the audit daemon and so get what programs send (`USER_*`) and what the kernel reports on its own (LOGIN,
//! AVC, ANOM_*, ...), whatever the rules; rules that eBPF cannot serve on this kernel are loaded here too. While no rule
//! needs it, `-a task,never` keeps audit contexts, and with them the cost of audit at every syscall, away from new tasks.
//!
//! Rules that other programs put into the kernel while we run are adopted ([`Drift`]). One that our own programs serve stays there all
//! the same, where whoever put it there can list and delete it, behind a `-a never,exit` that lets it match nothing.
//!
//! Everything that was in the kernel before is put back at the end.

mod before;
mod change;
mod drift;
mod end;
mod found;
mod notes;
mod order;
mod own_rule;
mod pending;
mod source;

use std::collections::HashSet;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use audit_rules::Rule;
use compat::audit::{Answer, Audit, Features, Status, StatusField};
use compat::netlink::AuditSocket;
use nix::errno::Errno;
use nix::sys::eventfd::EventFd;

pub use before::{Before, BeforeFile};
use change::errno_of;
pub use drift::Drift;
use pending::Pending;
pub use source::NetlinkSource;

use crate::ruleset::Setting;

/// `audit_enabled` when nothing may be changed until the next boot.
const LOCKED: u32 = 2;

/// Why the kernel's audit cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The kernel has no audit, it was switched off at boot (`audit=0`), or this is not the initial user namespace.
    #[error("the kernel's audit system is disabled")]
    Disabled,
    /// The kernel let us see nothing: no `CAP_AUDIT_CONTROL` in the initial namespaces.
    #[error("the kernel does not let this process control auditing: {0}")]
    Refused(#[source] io::Error),
    /// There is a daemon already, and it is alive.
    #[error("another audit daemon is registered with the kernel (pid {0})")]
    AnotherDaemon(u32),
    /// A request failed.
    #[error("cannot {act}: {error}")]
    Request {
        /// What was asked of the kernel.
        act: &'static str,
        /// Its answer.
        #[source]
        error: io::Error,
    },
}

/// A rule that the kernel did not take.
#[derive(Debug, thiserror::Error)]
#[error("cannot {act} \"{rule}\" in the kernel: {}", .errno.desc())]
pub struct ApplyError {
    /// `add rule` or `delete rule`.
    pub act: &'static str,
    /// The rule as `auditctl -l` shows it.
    pub rule: String,
    /// The kernel's answer.
    pub errno: Errno,
}

/// Keeps rules and settings in the kernel while it lives.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // four independent facts about the kernel, not a state machine
pub struct Engine<A: Audit = AuditSocket> {
    kernel: A,
    before: Before,
    file: Option<BeforeFile>,
    /// How many of our rules the file names.
    noted: usize,
    /// The kernel's count of lost records when it was read last.
    lost_seen: u32,
    /// Lost records since we came.
    lost: u64,
    /// `audit_enabled` was 2 when we came: nothing can be changed, nothing needs to be put back.
    locked: bool,
    /// Keeps records about our own requests out: we write them ourselves, with the ids of who asked.
    hide_us: Vec<u8>,
    hidden: bool,
    /// `-a task,never`.
    task_never: Vec<u8>,
    never: bool,
    /// `-a never,exit`: what is behind it matches nothing.
    never_exit: Vec<u8>,
    /// The rules that others have put into the kernel since we came.
    adopted: Vec<Vec<u8>>,
    /// Those among them that are in force.
    kept: HashSet<Vec<u8>>,
    /// Whether another program is about to add one.
    expecting: bool,
    /// Counts up when the kernel has said that somebody else has changed its rules.
    others: Option<Arc<EventFd>>,
    /// The rules that are in the kernel for us, in order. In a kernel that is locked: those that were wanted first.
    loaded: Vec<Vec<u8>>,
    /// Whether rules were wanted already.
    began: bool,
    restored: bool,
}

/// Whether the kernel's audit can be controlled from here; changes nothing.
pub fn probe() -> Result<(), StartError> {
    let act = "open the audit netlink socket";
    let mut kernel = AuditSocket::open().map_err(|error| StartError::Request { act, error })?;
    kernel.status().map(drop).map_err(no_status)
}

fn no_status(error: io::Error) -> StartError {
    match errno_of(&error) {
        Errno::ECONNREFUSED | Errno::EPROTONOSUPPORT => StartError::Disabled,
        Errno::EPERM | Errno::EACCES => StartError::Refused(error),
        _ => StartError::Request { act: "read the kernel's audit status", error },
    }
}

impl Engine {
    /// Registers as the audit daemon and takes over what is in the kernel: its rules are remembered and removed. Auditing
    /// is not enabled yet.
    pub fn start(run_dir: &Path) -> Result<(Self, NetlinkSource), StartError> {
        let act = "open the audit netlink socket";
        let mut kernel = AuditSocket::open().map_err(|error| StartError::Request { act, error })?;
        let status = kernel.status().map_err(no_status)?;
        let mut records = AuditSocket::open().map_err(|error| StartError::Request { act, error })?;
        records.register().map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EEXIST) => StartError::AnotherDaemon(status.pid),
            Some(Errno::EPERM | Errno::EACCES) => StartError::Refused(error),
            _ => StartError::Request { act: "register as the audit daemon", error },
        })?;
        let us = std::process::id();
        // Our own number may have been that of the daemon before us.
        let is_alive = |pid: u32| pid != us && Path::new("/proc").join(pid.to_string()).exists();
        let file = BeforeFile::in_directory(run_dir);
        let mut engine = Self::take_over(kernel, status, Some(file), us, is_alive)?;
        let source = NetlinkSource::new(records).map_err(|error| StartError::Request {
            act: "be told of changes of the kernel's rules",
            error,
        })?;
        engine.others = Some(source.others());
        Ok((engine, source))
    }
}

impl<A: Audit> Engine<A> {
    fn take_over(
        mut kernel: A,
        status: Status,
        file: Option<BeforeFile>,
        pid: u32,
        is_alive: impl Fn(u32) -> bool,
    ) -> Result<Self, StartError> {
        let present = kernel
            .list_rules()
            .map_err(|error| StartError::Request { act: "list the kernel's audit rules", error })?;
        let mut ours = vec![own_rule::exclude_process(pid)?, own_rule::task_never()?];
        let before = if let Some(remembered) = file.as_ref().and_then(BeforeFile::read) {
            log::warn!(
                "a daemon before this one was killed; what it changed in the kernel will be put back too"
            );
            // They are in the kernel until they are removed below.
            ours.extend(remembered.ours.iter().cloned());
            found::after_killed(remembered, &present)
        } else {
            let rules = found::without_leftovers(&present, is_alive).inspect(|_| {
                log::warn!(
                    "a daemon before this one was killed and what it found in the kernel is not known: its \"-a \
                     never,task\" and its rule about itself are removed, its other rules are taken for the \
                     administrator's"
                );
            });
            Before {
                enabled: status.enabled,
                failure: status.failure,
                rate_limit: status.rate_limit,
                backlog_limit: status.backlog_limit,
                backlog_wait_time: status.backlog_wait_time,
                rules: rules.unwrap_or_else(|| present.clone()),
            }
        };
        let mut engine = Self {
            kernel,
            before,
            file,
            noted: 0,
            lost_seen: status.lost,
            lost: 0,
            locked: status.enabled == LOCKED,
            hide_us: own_rule::exclude_process(pid)?,
            hidden: false,
            task_never: own_rule::task_never()?,
            never: false,
            never_exit: own_rule::never_exit()?,
            adopted: Vec::new(),
            kept: HashSet::new(),
            expecting: false,
            others: None,
            loaded: Vec::new(),
            began: false,
            restored: false,
        };
        if engine.locked {
            log::warn!("the audit system is in immutable mode, no rule changes allowed");
            engine.loaded = present;
            return Ok(engine);
        }
        engine.write_down(&ours);
        // From here on a failure drops the engine, which puts everything back.
        let bytes = order::prepended(&engine.hide_us);
        engine
            .kernel
            .add_rule(&bytes)
            .map_err(|error| StartError::Request { act: "add an audit rule", error })?;
        engine.hidden = true;
        for rule in present {
            engine.delete(&rule).map_err(|errno| StartError::Request {
                act: "remove the rules that are in the kernel",
                error: errno.into(),
            })?;
        }
        Ok(engine)
    }

    /// The state found in the kernel.
    pub fn before(&self) -> &Before {
        &self.before
    }

    /// Whether the kernel allows no changes (`audit_enabled` 2 since before we came).
    pub fn is_locked(&self) -> bool {
        self.locked
    }

    /// Whether tasks that are born now get no audit context.
    pub fn keeps_contexts_away(&self) -> bool {
        self.never
    }

    /// The kernel's status now.
    pub fn status(&mut self) -> io::Result<Status> {
        let status = self.kernel.status()?;
        // Less than before: another program has set it to 0 (`auditctl --reset-lost`).
        self.lost += u64::from(status.lost.checked_sub(self.lost_seen).unwrap_or(status.lost));
        self.lost_seen = status.lost;
        Ok(status)
    }

    /// Records the kernel lost since we came.
    pub fn lost(&mut self) -> io::Result<u64> {
        self.status()?;
        Ok(self.lost)
    }

    /// How many it had lost when its status was asked for last.
    pub fn lost_until_asked(&self) -> u64 {
        self.lost
    }

    /// Sets one of the kernel's own settings.
    pub fn set(&mut self, setting: Setting, value: u32) -> io::Result<()> {
        self.kernel.set(field(setting), value).map(drop)
    }

    /// The kernel's features.
    pub fn features(&mut self) -> io::Result<Features> {
        self.kernel.features()
    }

    /// Passes on a request that changes neither rules nor settings.
    pub fn request(&mut self, kind: u16, payload: &[u8]) -> io::Result<Answer> {
        self.kernel.request(kind, payload)
    }

    /// Forgets how long tasks have waited for room in the backlog; gives the old value, in jiffies.
    pub fn reset_wait_time(&mut self) -> io::Result<u32> {
        self.kernel.set(StatusField::BacklogWaitTimeActual, 0)
    }

    /// A descriptor that is readable when others may have changed the kernel's rules, to be read when it is.
    pub fn others(&self) -> io::Result<Option<OwnedFd>> {
        use std::os::fd::AsFd;
        self.others.as_ref().map(|others| others.as_fd().try_clone_to_owned()).transpose()
    }

    /// Which rules are in force, by whatever engine: what was adopted of them stays in the kernel.
    pub fn keep<'a>(&mut self, rules: impl Iterator<Item = &'a Rule>) {
        let adopted: HashSet<&Vec<u8>> = self.adopted.iter().collect();
        self.kept = if adopted.is_empty() {
            HashSet::new()
        } else {
            rules.map(Rule::encode).filter(|rule| adopted.contains(rule)).collect()
        };
    }
}

/// The setting in the kernel's protocol.
fn field(setting: Setting) -> StatusField {
    match setting {
        Setting::Enabled => StatusField::Enabled,
        Setting::Failure => StatusField::Failure,
        Setting::RateLimit => StatusField::RateLimit,
        Setting::BacklogLimit => StatusField::BacklogLimit,
        Setting::BacklogWaitTime => StatusField::BacklogWaitTime,
    }
}

#[cfg(test)]
mod tests;
