//! What other programs do to the kernel's rules: the set follows.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use audit_rules::{List, Rule};
use nix::errno::Errno;

use super::{ChangeError, Enforcement, LATE, for_kernel};
use crate::plan::{EngineKind, plan};
use crate::ruleset::{Enabled, RuleSet};
use crate::watchable;

/// How long a rule that is expected in the kernel may be missing there: its sender sends it again at once. Then the kernel has refused
/// it, or its sender has ended.
const PATIENCE: Duration = Duration::from_secs(1);

impl Enforcement {
    /// Puts a rule in force that another program is about to put into the kernel, if our programs will serve it: what it names is
    /// recorded before that program is told that it is there. Nothing is said of what is wrong with it: the kernel will say it to
    /// the program.
    pub fn expect(&mut self, rule: Rule, in_front: bool) {
        if !matches!(rule.list(), List::Exit | List::IoUring) || self.set.rules().contains(&rule) {
            return;
        }
        let mut next = self.set.clone();
        if next.add(rule.clone(), in_front, watchable::check).is_err() {
            return;
        }
        self.offer.learn(next.rules());
        let plan = plan(next.rules(), &self.offer);
        let mut planned = next.rules().iter().zip(plan.assignments());
        let ours = planned.any(|(other, assignment)| {
            *other == rule && matches!(assignment.engine, EngineKind::Trampoline | EngineKind::Tracepoint)
        });
        // The kernel must get it from the program, and nothing else for its sake.
        if !ours || for_kernel(next.rules(), &plan) != for_kernel(self.set.rules(), &self.plan) {
            return;
        }
        if let Some(engine) = &mut self.kernel {
            engine.expect(true);
        }
        match self.put(next) {
            Ok(()) => self.expected.push((rule, Instant::now())),
            Err(error) => {
                log::debug!("rule \"{rule}\", which another program is putting into the kernel: {error}");
                if let Some(engine) = &mut self.kernel {
                    engine.expect(!self.expected.is_empty());
                }
            }
        }
    }

    /// Takes out the rules that were expected in the kernel and are not there.
    pub fn forget_unmet(&mut self) -> Result<(), ChangeError> {
        let is_late = |since: &Instant| since.elapsed() >= PATIENCE;
        if !self.expected.iter().any(|(_, since)| is_late(since)) {
            return Ok(());
        }
        let before = self.set.clone();
        let drifted = self.take_drift();
        let (late, left) =
            std::mem::take(&mut self.expected).into_iter().partition(|(_, since)| is_late(since));
        self.expected = left;
        let late: Vec<(Rule, Instant)> = late;
        if late.is_empty() && !drifted {
            return Ok(());
        }
        let mut next = self.set.clone();
        next.forget(|rule| {
            let is_late = late.iter().any(|(late, _)| late == rule);
            if is_late {
                log::warn!("rule \"{rule}\" is not in force any more: the kernel has not taken it");
            }
            is_late
        });
        if let Some(engine) = &mut self.kernel {
            engine.expect(!self.expected.is_empty());
        }
        self.put_or_stay(next, before)
    }

    /// Follows what others have done to the kernel's rules: what they have put there becomes part of the set, what is gone there is
    /// taken out of it. Gives whether anything was.
    pub fn follow_kernel(&mut self) -> Result<bool, ChangeError> {
        let before = self.set.clone();
        if !self.take_drift() {
            return Ok(false);
        }
        self.put_or_stay(self.set.clone(), before)?;
        Ok(true)
    }

    /// Puts a set in force that follows the kernel's rules. Should it not fit, that before stays in force, and the kernel's rules are made
    /// to be those again.
    fn put_or_stay(&mut self, next: RuleSet, before: RuleSet) -> Result<(), ChangeError> {
        self.put(next).inspect_err(|_| {
            self.set = before;
            self.plan = plan(self.set.rules(), &self.offer);
        })
    }

    /// Notices what has become of the kernel's rules without us, and makes the set follow. Rules that the kernel has dropped are not in
    /// force any more, as with the original: the kernel would refuse them as long as what they watch is missing, and once it
    /// is back they can be added again. Rules that others have put there are adopted.
    ///
    /// Gives whether there were any; the engines are to be given the set.
    pub(super) fn take_drift(&mut self) -> bool {
        let Some(engine) = &mut self.kernel else { return false };
        let drift = match engine.drift() {
            Ok(drift) => drift,
            Err(error) => {
                log::warn!("cannot compare the rules with those in the kernel: {error}");
                return false;
            }
        };
        if drift.dropped.is_empty() && drift.added.is_empty() {
            return false;
        }
        let dropped: HashSet<Vec<u8>> = drift.dropped.into_iter().collect();
        // Where rules are locked, one that a program has deleted in the kernel comes back, if the kernel still takes it.
        let is_locked = self.set.settings().enabled == Enabled::Locked;
        self.set.forget(|rule| {
            let comes_back = || is_locked && watchable::check(rule).is_ok();
            let is_dropped = dropped.contains(&rule.encode()) && !comes_back();
            if is_dropped {
                log::warn!(
                    "rule \"{rule}\" is not in force any more: it was deleted in the kernel, or what it watched was"
                );
            }
            is_dropped
        });
        let mut adopted = Vec::new();
        for (rule, in_front) in drift.added {
            let bytes = rule.encode();
            let expected = self.expected.len();
            self.expected.retain(|(other, _)| *other != rule);
            let is_there = self.expected.len() < expected && self.set.rules().contains(&rule);
            let added =
                if is_there { Ok(()) } else { self.set.add(rule.clone(), in_front, |_| Ok(())).map(drop) };
            match added {
                Ok(()) => {
                    log::info!("rule \"{rule}\", which another program has put into the kernel, is adopted");
                    adopted.push(bytes);
                }
                Err(Errno::EPERM) => {
                    log::warn!(
                        "rule \"{rule}\", which another program has put into the kernel, is taken out: the rules are locked"
                    );
                }
                // In the set already, and served otherwise.
                Err(_) => {}
            }
        }
        engine.adopt(adopted);
        engine.expect(!self.expected.is_empty());
        self.offer.learn(self.set.rules());
        self.plan = plan(self.set.rules(), &self.offer);
        if self.late {
            self.plan.remark(self.set.rules(), LATE);
        }
        true
    }
}
