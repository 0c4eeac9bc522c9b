//! The rules in force and the engines that enforce them: a change reaches both or neither.

use std::collections::HashSet;
use std::time::Instant;

use audit_rules::{Field, List, Rule};
use kern::abi::End;
use kern::hooks::Hook;
use nix::errno::Errno;

use crate::engine::{ebpf, kernel};
use crate::lock_file::LockFile;
use crate::plan::{EngineKind, Offer, Plan, arches, plan, syscalls};
use crate::ruleset::{Change, Enabled, RuleSet, Setting, Settings};
use crate::syscall_function::{Function, Missing};
use crate::watch::{Lost, WatchError, has_path, path_of};

mod others;

/// What is to be known of rules for the kernel's engine that came after the start.
const LATE: &str =
    "processes that were running before it was added are not seen, only those that start later";

/// Why a change was not made. Everything is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The change itself is refused, as the kernel would refuse it.
    #[error("{}", .0.desc())]
    Refused(Errno),
    /// No engine can serve the rule on this kernel.
    #[error("rule \"{rule}\" cannot be served: {reason}")]
    Unserved {
        /// The rule as `auditctl -l` shows it.
        rule: String,
        /// The planner's reason.
        reason: String,
    },
    /// The kernel's audit refused a rule.
    #[error(transparent)]
    Kernel(#[from] kernel::ApplyError),
    /// The kernel's audit refused a setting.
    #[error("cannot set {name} to {value}: {}", .errno.desc())]
    Setting {
        /// Name as in records.
        name: &'static str,
        /// What it was to be.
        value: u32,
        /// The kernel's answer.
        errno: Errno,
    },
    /// That the rules are locked cannot be written down, so a restart would unlock them.
    #[error("cannot write down in the run directory that the rules are locked: {0}")]
    Lock(#[source] std::io::Error),
    /// A path in a rule cannot be watched.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// The eBPF engine did not take the rules.
    #[error("cannot load the rules into the eBPF programs: {0}")]
    Ebpf(String),
    /// A function of the kernel's cannot be hooked, as has turned out; the rules are to be planned anew.
    #[error("cannot attach a program to {}", .0.name)]
    Function(Function),
    /// A hook that a rule needs cannot be had after all.
    #[error("no program can be attached to {}", .0.info().target())]
    Hook(Hook),
}

impl ChangeError {
    /// What a client that speaks the kernel's protocol is told.
    pub fn errno(&self) -> Errno {
        match self {
            Self::Refused(errno) | Self::Setting { errno, .. } => *errno,
            Self::Unserved { .. } => Errno::EOPNOTSUPP,
            Self::Kernel(error) => error.errno,
            Self::Watch(error) => error.errno,
            Self::Lock(error) => error.raw_os_error().map_or(Errno::EIO, Errno::from_raw),
            Self::Ebpf(_) | Self::Function(_) | Self::Hook(_) => Errno::ENOMEM,
        }
    }
}

/// Rules, settings, plan and engines.
pub struct Enforcement {
    set: RuleSet,
    plan: Plan,
    offer: Offer,
    ebpf: Option<ebpf::Engine>,
    kernel: Option<kernel::Engine>,
    lock: LockFile,
    /// Whether tasks are born without an audit context since rules were put in force last.
    away: bool,
    /// Whether tasks run without an audit context, which they never get, although there are rules that need it: those
    /// that were born while no rule did.
    late: bool,
    /// Rules that other programs are about to put into the kernel, in force since then.
    expected: Vec<(Rule, Instant)>,
}

impl Enforcement {
    /// No rules yet; the settings are those found.
    pub fn new(
        settings: Settings,
        offer: Offer,
        mut ebpf: Option<ebpf::Engine>,
        kernel: Option<kernel::Engine>,
        lock: LockFile,
    ) -> Self {
        if let (Some(ebpf), Some(kernel)) = (&mut ebpf, &kernel)
            && !kernel.is_locked()
        {
            ebpf.hold_requests();
        }
        let set = RuleSet::new(settings);
        let plan = plan(set.rules(), &offer);
        Self { set, plan, offer, ebpf, kernel, lock, away: false, late: false, expected: Vec::new() }
    }

    /// What is in force.
    pub fn set(&self) -> &RuleSet {
        &self.set
    }

    /// Which engine serves which rule.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Why no system call that a rule names can be made: this kernel has none of them.
    pub fn absent(&self, rule: &Rule) -> Option<String> {
        let functions = &self.offer.trampoline.as_ref().ok()?.functions;
        let mut calls = arches(rule)
            .into_iter()
            .flat_map(|arch| syscalls(rule, arch).map(move |number| (arch, number)))
            .peekable();
        calls.peek()?;
        calls
            .all(|(arch, number)| matches!(functions.get(arch, number), Err(Missing::Absent)))
            .then(|| "this kernel has none of the system calls that it names".to_owned())
    }

    /// The kernel engine, if there is one.
    pub fn kernel(&mut self) -> Option<&mut kernel::Engine> {
        self.kernel.as_mut()
    }

    /// The eBPF engine, if there is one.
    pub fn ebpf(&mut self) -> Option<&mut ebpf::Engine> {
        self.ebpf.as_mut()
    }

    /// Edits a copy of the set and puts it in force. Returns what changed.
    pub fn change(
        &mut self,
        edit: impl FnOnce(&mut RuleSet) -> Result<Vec<Change>, Errno>,
    ) -> Result<Vec<Change>, ChangeError> {
        let dropped = self.take_drift();
        let mut next = self.set.clone();
        match edit(&mut next) {
            Ok(changes) => {
                if let Some(engine) = &mut self.ebpf {
                    let removed: HashSet<&Rule> = changes
                        .iter()
                        .filter_map(|change| match change {
                            Change::Removed(rule) if has_path(rule) => Some(rule),
                            _ => None,
                        })
                        .collect();
                    let kept = self.set.rules().iter().filter(|rule| has_path(rule));
                    engine.release(kept.filter(|rule| !removed.contains(rule)));
                }
                self.put(next)?;
                Ok(changes)
            }
            Err(errno) => {
                // What is left may be planned otherwise.
                if dropped && let Err(error) = self.put(self.set.clone()) {
                    log::error!("the rules that are left cannot be put in force: {error}");
                }
                Err(ChangeError::Refused(errno))
            }
        }
    }

    /// Puts a set in force: plans it, gives each engine its part, and keeps it; or leaves everything as it was.
    pub fn replace(&mut self, next: RuleSet) -> Result<(), ChangeError> {
        self.take_drift();
        if let Some(engine) = &mut self.ebpf {
            engine.release([].into_iter());
        }
        self.put(next)
    }

    /// Takes out the rules of the eBPF engine whose directory or tree is gone, as the kernel takes out its own, whether the set is
    /// locked or not. Gives each with the path that it lost, and who did it, if that was seen.
    pub fn forget_lost(&mut self) -> Result<Vec<(Rule, Lost, Option<End>)>, ChangeError> {
        let Some(engine) = &mut self.ebpf else { return Ok(Vec::new()) };
        let lost = engine.lost().map_err(|error| ChangeError::Ebpf(error.to_string()))?;
        let stands_on = |rule: &Rule, lost: &Lost| {
            let fields: &[Field] = if lost.is_tree { &[Field::Dir] } else { &[Field::Path, Field::Exe] };
            fields.iter().any(|&field| path_of(rule, field) == Some(lost.path.as_slice()))
        };
        let mut gone = Vec::new();
        for (rule, assignment) in self.set.rules().iter().zip(self.plan.assignments()) {
            let ours = matches!(assignment.engine, EngineKind::Trampoline | EngineKind::Tracepoint);
            if let Some((lost, by)) = lost.iter().find(|(lost, _)| ours && stands_on(rule, lost)) {
                gone.push((rule.clone(), lost.clone(), *by));
            }
        }
        if !gone.is_empty() {
            let mut next = self.set.clone();
            next.forget(|rule| gone.iter().any(|(gone, ..)| gone == rule));
            let left = next.clone();
            // Whatever else is wrong: they cannot be put in force again.
            self.put(next).inspect_err(|_| {
                self.plan = plan(left.rules(), &self.offer);
                self.set = left;
            })?;
        }
        Ok(gone)
    }

    fn put(&mut self, next: RuleSet) -> Result<(), ChangeError> {
        self.offer.learn(next.rules());
        let mut plan = plan(next.rules(), &self.offer);
        for (rule, assignment) in next.rules().iter().zip(plan.assignments()) {
            if assignment.engine == EngineKind::Refused {
                let reason = assignment.reason.clone().into_owned();
                return Err(ChangeError::Unserved { rule: rule.to_string(), reason });
            }
        }
        let mut result = self.load(&next, &plan);
        // What seemed to be there may turn out not to be: then the rules are planned without it.
        loop {
            match &result {
                Err(ChangeError::Function(function)) if self.offer.refuse(function) => {
                    let name = &function.name;
                    log::warn!("no program can be attached to {name}: its syscalls are judged elsewhere");
                }
                Err(ChangeError::Hook(hook)) if self.offer.refuse_hook(*hook) => {
                    let target = hook.info().target();
                    log::warn!(
                        "no program can be attached to {target}: rules that need it are served elsewhere"
                    );
                }
                _ => break,
            }
            plan = crate::plan::plan(next.rules(), &self.offer);
            result = self.load(&next, &plan);
        }
        if result.is_ok() && next.settings().enabled == Enabled::Locked {
            result = self.lock.write(&next).map_err(ChangeError::Lock);
        }
        if let Err(error) = result {
            let (set, plan) = (self.set.clone(), self.plan.clone());
            if let Err(worse) = self.load(&set, &plan) {
                log::error!("the rules before cannot be put back: {worse}");
            }
            return Err(error);
        }
        let away = self.kernel.as_ref().is_some_and(kernel::Engine::keeps_contexts_away);
        if self.away && !away {
            log::warn!("the first rule that needs the kernel's audit was added after the start: {LATE}");
        }
        self.late = !away && (self.late || self.away);
        self.away = away;
        if self.late {
            plan.remark(next.rules(), LATE);
        }
        self.set = next;
        self.plan = plan;
        Ok(())
    }

    /// Nothing new is recorded from now on, by either engine.
    pub fn quiet(&mut self) {
        if let Some(engine) = &mut self.ebpf
            && let Err(error) = engine.set_enabled(false)
        {
            log::error!("cannot stop the eBPF programs: {error}");
        }
        if let Some(engine) = &mut self.ebpf
            && let Err(error) = engine.stop_holding()
        {
            log::error!("programs that add rules wait for some seconds yet: {error}");
        }
        if let Some(engine) = &mut self.kernel {
            engine.quiet();
        }
    }

    /// Rules first and `audit_enabled` last, so that `-a task,never` is there before auditing is enabled for the first
    /// time.
    fn load(&mut self, next: &RuleSet, plan: &Plan) -> Result<(), ChangeError> {
        if let Some(engine) = &mut self.kernel {
            engine.keep(next.rules().iter());
            engine.apply(for_kernel(next.rules(), plan))?;
        }
        if let Some(engine) = &mut self.ebpf {
            engine.apply(next.rules(), plan).map_err(|error| match error {
                ebpf::EngineError::Stub { function, error } => {
                    log::debug!("{}: {error}", function.name);
                    ChangeError::Function(function)
                }
                ebpf::EngineError::Hook { hook, error } => {
                    log::debug!("{}: {error}", hook.info().target());
                    ChangeError::Hook(hook)
                }
                ebpf::EngineError::Watch(error) => ChangeError::Watch(error),
                other => ChangeError::Ebpf(other.to_string()),
            })?;
            let enabled = next.settings().enabled != Enabled::Off;
            engine.set_enabled(enabled).map_err(|error| ChangeError::Ebpf(error.to_string()))?;
        }
        if let Some(engine) = &mut self.kernel
            && !engine.is_locked()
        {
            let status = engine.status().map_err(|error| ChangeError::Setting {
                name: "status",
                value: 0,
                errno: error.raw_os_error().map_or(Errno::EIO, Errno::from_raw),
            })?;
            let settings = next.settings();
            // Locked is ours alone: a kernel that is locked could not be put back until the next boot.
            let enabled = u32::from(settings.enabled != Enabled::Off);
            let wanted = [
                (Setting::Failure, settings.failure, status.failure),
                (Setting::RateLimit, settings.rate_limit, status.rate_limit),
                (Setting::BacklogLimit, settings.backlog_limit, status.backlog_limit),
                (Setting::BacklogWaitTime, settings.backlog_wait_time, status.backlog_wait_time),
                (Setting::Enabled, enabled, status.enabled),
            ];
            for (setting, value, present) in wanted {
                if value != present {
                    engine.set(setting, value).map_err(|error| ChangeError::Setting {
                        name: setting.name(),
                        value,
                        errno: error.raw_os_error().map_or(Errno::EIO, Errno::from_raw),
                    })?;
                }
            }
        }
        Ok(())
    }
}

/// The rules that the kernel's audit gets: those planned for it, and those of the lists that act on its own records. The
/// task list goes there only together with rules that need audit contexts: without these no task has one.
fn for_kernel<'a>(rules: &'a [Rule], plan: &'a Plan) -> Vec<&'a Rule> {
    let chosen = |rule: &Rule, engine: EngineKind| match rule.list() {
        List::User | List::Exclude | List::Filesystem => true,
        List::Exit | List::IoUring => engine == EngineKind::KernelAudit,
        List::Task => false,
    };
    let pairs = || rules.iter().zip(plan.assignments());
    let contexts = pairs().any(|(rule, assignment)| match rule.list() {
        List::Exit | List::Task | List::IoUring => assignment.engine == EngineKind::KernelAudit,
        _ => false,
    });
    pairs()
        .filter(|(rule, assignment)| {
            chosen(rule, assignment.engine) || (contexts && rule.list() == List::Task)
        })
        .map(|(rule, _)| rule)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::plan;
    use crate::plan::tests::{offer_with_trampolines, rules};

    #[test]
    fn the_kernel_does_not_get_what_programs_serve() {
        let rules = rules(&[
            "-a always,io_uring -S openat -k u",
            "-a always,exit -F arch=b64 -S mkdir -k m",
            "-a never,task -F uid=5",
        ]);
        let mut offer = offer_with_trampolines();
        assert!(for_kernel(&rules, &plan(&rules, &offer)).is_empty());
        // with a rule that needs audit contexts goes the list that keeps them away
        offer.trampoline = Err("masked off".into());
        assert_eq!(for_kernel(&rules, &plan(&rules, &offer)).len(), 3);
    }
}
