//! The running daemon: what signals and clients ask of it, done on the main thread.

use std::io;
use std::os::fd::OwnedFd;

use audit_rules::{Field, List, Rule};
use compat::audit::{Features, Part, Status, StatusField, kind};
use compat::record::{Event, MessageType};
use nix::errno::Errno;

use crate::authority::{self, kernel_request, values};
use crate::clock;
use crate::enforcement::{ChangeError, Enforcement};
use crate::engine::{ebpf, kernel};
use crate::failure;
use crate::options::Options;
use crate::own_record;
use crate::recorder::{Command, Handle};
use crate::requester::Requester;
use crate::ruleset::{Change, Enabled, RuleSet, Setting};
use crate::settings::Settings;
use crate::signal::Subject;
use crate::stats::LossNotice;
use crate::watch::path_of;
use crate::watchable;

mod end;
mod reload;
mod report;

/// Everything that the main thread owns while the daemon runs.
pub struct Service {
    options: Options,
    settings: Settings,
    enforcement: Enforcement,
    recorder: Handle,
    notice: LossNotice,
    /// What `lost` was when it was last reset.
    forgotten: u64,
    us: Subject,
}

impl Service {
    /// The daemon once its engines run and its recorder writes.
    pub fn new(options: Options, settings: Settings, enforcement: Enforcement, recorder: Handle) -> Self {
        let us = Subject::ourselves();
        Self { options, settings, enforcement, recorder, notice: LossNotice::default(), forgotten: 0, us }
    }

    /// The rules and their engines.
    pub fn enforcement(&self) -> &Enforcement {
        &self.enforcement
    }

    /// Puts a first set in force, and says so in the log.
    pub fn begin(&mut self, set: RuleSet, changes: Vec<Change>) -> Result<(), ChangeError> {
        self.enforcement.replace(set)?;
        self.tell(changes, &Requester::ourselves(), self.is_enabled());
        Ok(())
    }

    /// Writes one of our own events.
    pub fn write(&self, event: Event) {
        if let Err(error) = self.recorder.send(Command::Write(event)) {
            log::error!("{error}");
        }
    }

    /// Writes a `CONFIG_CHANGE` or `FEATURE_CHANGE`, unless a rule of the exclude list drops it.
    pub(crate) fn write_change(&self, event: Event, who: &Requester) {
        let kind = event.records().next().map_or(MessageType::CONFIG_CHANGE, |(kind, _)| kind);
        if !self.enforcement.set().excludes(kind, who.ids) {
            self.write(event);
        }
    }

    /// Records of changes that were made. The kernel makes none for rules while auditing is off, and none for a setting if
    /// it was off before.
    fn tell(&self, mut changes: Vec<Change>, who: &Requester, was_enabled: bool) {
        // Asked once: there may be as many changes as rules.
        if self.enforcement.set().excludes(MessageType::CONFIG_CHANGE, who.ids) {
            return;
        }
        let is_enabled = self.is_enabled();
        changes.retain(|change| match change {
            Change::Set { .. } => was_enabled,
            Change::Added(_) | Change::Removed(_) => is_enabled || was_enabled,
        });
        // The recorder words them: whoever has asked need not wait for that.
        if let Err(error) = self.recorder.send(Command::Tell(changes, who.clone(), clock::now())) {
            log::error!("{error}");
        }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.enforcement.set().settings().enabled != Enabled::Off
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.enforcement.set().settings().enabled == Enabled::Locked
    }

    /// Makes a change for somebody, all of it or nothing.
    pub(crate) fn change(
        &mut self,
        who: &Requester,
        edit: impl FnOnce(&mut RuleSet) -> Result<Vec<Change>, Errno>,
    ) -> Result<(), Errno> {
        let was_enabled = self.is_enabled();
        match self.enforcement.change(edit) {
            Ok(changes) => {
                self.tell(changes, who, was_enabled);
                Ok(())
            }
            Err(error) => {
                if !matches!(error, ChangeError::Refused(_)) {
                    log::warn!("{error}");
                }
                Err(error.errno())
            }
        }
    }

    /// `AUDIT_ADD_RULE`.
    pub fn add_rule(&mut self, who: &Requester, rule: &Rule, prepend: bool) -> Result<(), Errno> {
        if self.is_locked() {
            self.write_change(own_record::locked("add_rule", who), who);
            return Err(Errno::EPERM);
        }
        let result = self
            .change(who, |set| set.add(rule.clone(), prepend, watchable::check).map(|change| vec![change]));
        if result.is_err() && self.is_enabled() {
            self.write_change(own_record::rule_change("add_rule", rule, who, false), who);
        }
        result
    }

    /// `AUDIT_DEL_RULE`.
    pub fn delete_rule(&mut self, who: &Requester, rule: &Rule) -> Result<(), Errno> {
        if self.is_locked() {
            self.write_change(own_record::locked("remove_rule", who), who);
            return Err(Errno::EPERM);
        }
        let result = self.change(who, |set| set.delete(rule).map(|change| vec![change]));
        if result.is_err() && self.is_enabled() {
            self.write_change(own_record::rule_change("remove_rule", rule, who, false), who);
        }
        result
    }

    /// `AUDIT_GET`.
    pub fn status(&mut self) -> Status {
        let settings = self.enforcement.set().settings();
        let (kernel, lost) = self.kernel_status();
        let kernel = kernel.unwrap_or_default();
        Status {
            mask: kernel.mask,
            enabled: settings.enabled as u32,
            failure: settings.failure,
            pid: self.us.pid,
            rate_limit: settings.rate_limit,
            backlog_limit: settings.backlog_limit,
            lost: self.not_forgotten(&lost) as u32,
            backlog: kernel.backlog,
            feature_bitmap: kernel.feature_bitmap,
            backlog_wait_time: settings.backlog_wait_time,
            backlog_wait_time_actual: Some(kernel.backlog_wait_time_actual.unwrap_or(0)),
        }
    }

    /// `AUDIT_SET`: every value that the mask names, or none. Gives the old value for the two counters that can be reset.
    pub fn set(&mut self, who: &Requester, wanted: &Status) -> Result<u32, Errno> {
        if wanted.sets(StatusField::Pid) {
            // We are the daemon; nobody can take our place by asking us.
            self.write_change(own_record::set_named("audit_pid", self.us.pid, wanted.pid, who, false), who);
            return Err(if wanted.pid == 0 { Errno::EACCES } else { Errno::EEXIST });
        }
        if wanted.mask == StatusField::Lost.bit() {
            let old = self.lost_total();
            self.forgotten += old;
            self.write_change(own_record::set_named("lost", old as u32, 0, who, true), who);
            return Ok(old as u32);
        }
        if wanted.mask == StatusField::BacklogWaitTimeActual.bit() {
            let old =
                self.reset_wait_time().map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?;
            self.write_change(own_record::set_named("backlog_wait_time_actual", old, 0, who, true), who);
            return Ok(old);
        }
        let values: Vec<(Setting, u32)> = values(wanted).collect();
        if self.is_locked() {
            let settings = self.enforcement.set().settings();
            for &(setting, value) in &values {
                self.write_change(own_record::set(setting, setting.get(&settings), value, who, false), who);
            }
            return Err(Errno::EPERM);
        }
        self.change(who, |set| values.iter().map(|&(setting, value)| set.set(setting, value)).collect())?;
        Ok(0)
    }

    fn reset_wait_time(&mut self) -> std::io::Result<u32> {
        self.enforcement.kernel().map_or(Ok(0), kernel::Engine::reset_wait_time)
    }

    /// `-D`, `-D -k`: all rules, or those whose key contains the text.
    pub fn delete_all(&mut self, who: &Requester, key: Option<&[u8]>) -> Result<(), Errno> {
        let result = self.change(who, |set| set.delete_all(key));
        // auditctl deletes rule by rule, so with the original the first one is refused and recorded.
        if result == Err(Errno::EPERM) && !self.enforcement.set().rules().is_empty() {
            self.write_change(own_record::locked("remove_rule", who), who);
        }
        result
    }

    /// Has the kernel do what only it can, for `who`. What is locked is refused without a record, as by the kernel.
    pub(crate) fn ask_kernel(
        &mut self,
        who: &Requester,
        kind: u16,
        payload: &[u8],
    ) -> Result<Vec<Part>, Errno> {
        if self.is_locked() && matches!(kind, kind::TRIM | kind::MAKE_EQUIV) {
            return Err(Errno::EPERM);
        }
        let is_enabled = self.is_enabled();
        let kernel = self.enforcement.kernel().ok_or(Errno::EOPNOTSUPP)?;
        // The kernel tells of a change of features in our name, which is hidden.
        let changes = match Features::decode(payload).filter(|_| kind == kind::SET_FEATURE) {
            Some(wanted) => kernel.features().map(|present| wanted.changes(&present)).unwrap_or_default(),
            None => Vec::new(),
        };
        let result = kernel.request(kind, payload);
        if is_enabled {
            for change in changes {
                self.write_change(own_record::feature(&change, who, !change.is_refused()), who);
            }
            if let Some(event) = kernel_request(kind, payload, who, result.is_ok()) {
                self.write_change(event, who);
            }
        }
        match result {
            Ok(answer) => Ok(answer.parts),
            Err(error) => Err(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)),
        }
    }

    /// A message from user space, as the kernel would record it; nothing while auditing is off.
    pub(crate) fn user_message(&mut self, who: &Requester, text: &[u8]) {
        if self.is_enabled() && !self.enforcement.set().excludes(MessageType::USER, who.ids) {
            self.write(own_record::user_message(text, who));
        }
    }

    /// What is done from time to time: losses are said, files of `exe=` rules looked up again.
    pub fn tick(&mut self) {
        self.say_losses();
        // The records that tell of others' changes may be excluded.
        if self.enforcement.set().rules().iter().any(|rule| rule.list() == List::Exclude) {
            self.follow_kernel();
        }
        if let Err(error) = self.enforcement.forget_unmet() {
            log::error!("the rules cannot follow those in the kernel: {error}");
        }
        if let Some(engine) = self.enforcement.ebpf() {
            if let Err(error) = engine.refresh_exes().and_then(|()| engine.tidy()) {
                log::warn!("cannot look up the files of exe= rules again: {error}");
            }
            if let Err(error) = engine.go_on_holding() {
                log::warn!("programs that add rules do not wait: {error}");
            }
            if let Err(error) = engine.go_on() {
                log::warn!("syscalls are judged at the exit of all: {error}");
            }
        }
    }

    /// A descriptor that is readable when rules may be gone with what they stood on, if rules are followed at all.
    pub fn watched(&mut self) -> io::Result<Option<OwnedFd>> {
        let engine = self.enforcement.ebpf();
        engine.map(|engine| engine.watches().as_fd().try_clone_to_owned()).transpose()
    }

    /// A descriptor that is readable when other programs may have changed the kernel's rules, if there are any.
    pub fn others(&mut self) -> io::Result<Option<OwnedFd>> {
        self.enforcement.kernel().map_or(Ok(None), |kernel| kernel.others())
    }

    /// Follows what others have done to the kernel's rules. The kernel has recorded it in their name.
    pub fn follow_kernel(&mut self) {
        if let Err(error) = self.enforcement.follow_kernel() {
            log::error!("the rules cannot follow those in the kernel: {error}");
        }
    }

    /// A descriptor that is readable when other programs are about to put rules into the kernel, if they can wait for us.
    pub fn requests(&mut self) -> io::Result<Option<OwnedFd>> {
        self.enforcement.ebpf().map(|engine| engine.requests()).transpose()
    }

    /// Puts rules in force that other programs are about to put into the kernel, and lets those programs go on.
    pub fn meet_requests(&mut self) {
        while let Some(request) = self.enforcement.ebpf().and_then(ebpf::Engine::next_request) {
            if !self.is_locked()
                && let Ok((rule, prepend)) = authority::rule(&request.rule)
            {
                self.enforcement.expect(rule, prepend);
            }
            let answered = self.enforcement.ebpf().map_or(Ok(()), |engine| engine.answer(request.process));
            if let Err(error) = answered {
                log::warn!("process {} waits longer than it needs to: {error}", request.process);
            }
        }
    }

    /// Says which rules are gone with what they stood on.
    pub fn forget_lost(&mut self) {
        let gone = match self.enforcement.forget_lost() {
            Ok(gone) => gone,
            Err(error) => {
                log::error!("the rules that are left cannot be put in force: {error}");
                return;
            }
        };
        for (rule, lost, by) in gone {
            log::warn!(
                "rule \"{rule}\" is not in force any more: what {} stands for is gone",
                String::from_utf8_lossy(&lost.path)
            );
            if !self.is_enabled() {
                continue;
            }
            let (auid, ses) = by.map_or((u32::MAX, u32::MAX), |by| (by.auid, by.ses));
            let path = &lost.path;
            let event = if lost.is_tree {
                own_record::tree_lost(&rule, path)
            } else if path_of(&rule, Field::Path) == Some(path) {
                own_record::watch_lost(&rule, path, auid, ses)
            } else {
                own_record::program_lost(&rule, path, auid, ses)
            };
            self.write_change(event, &Requester::ourselves());
        }
    }

    fn say_losses(&mut self) {
        let lost = self.lost();
        if let Some(news) = self.notice.news(&lost) {
            self.write(own_record::lost(&news, self.us));
            failure::lost(&news, self.lost_total(), self.enforcement.set().settings());
        }
    }
}
