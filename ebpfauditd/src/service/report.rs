//! What the daemon tells of itself.

use std::time::Duration;

use audit_rules::{List, Rule};
use compat::audit::Status;

use super::Service;
use crate::engine::ebpf::Counters;
use crate::explain;
use crate::inert;
use crate::listing::{self, RuleCounts, RuleStatus};
use crate::stats::{Lost, total};

/// The reason under which lines count that the log could not take.
pub(super) const LOG: &str = "log";

impl Service {
    /// What was lost, by reason, since the daemon started. Events, but for `kernel` and `log`, which are records.
    pub fn lost(&mut self) -> Lost {
        self.kernel_status().1
    }

    /// The status of the kernel's audit, if it gives one, and what was lost.
    pub(super) fn kernel_status(&mut self) -> (Option<Status>, Lost) {
        let mut lost = Lost::new();
        if let Some(engine) = self.enforcement.ebpf()
            && let Ok(counters) = engine.counted()
        {
            lost.push(("ring-full", counters.lost_ring));
            lost.push(("too-large", counters.lost_size));
            lost.push(("arguments", counters.lost_arguments));
            lost.push(("nested", counters.lost_nested));
        }
        let mut status = None;
        if let Some(kernel) = self.enforcement.kernel() {
            status = kernel.status().ok();
            if status.is_some() {
                lost.push(("kernel", kernel.lost_until_asked()));
            }
        }
        lost.push((LOG, self.recorder.counters().totals().lines.lost));
        (status, lost)
    }

    pub(super) fn lost_total(&mut self) -> u64 {
        let lost = self.lost();
        self.not_forgotten(&lost)
    }

    /// How much of what was lost came after `lost` was reset last.
    pub(super) fn not_forgotten(&self, lost: &Lost) -> u64 {
        total(lost).saturating_sub(self.forgotten)
    }

    /// What the programs in the kernel counted; zeros without them.
    pub(super) fn hooks(&mut self) -> Counters {
        self.enforcement.ebpf().and_then(|engine| engine.counters().ok()).unwrap_or_default()
    }

    /// Lines of `name value`.
    pub fn counters(&mut self) -> String {
        let lost = self.lost();
        let hooks = self.hooks();
        listing::counters(&self.recorder.counters().totals(), &hooks, &lost)
    }

    /// Each rule with its engine.
    pub fn plan(&self) -> String {
        let rules: Vec<&Rule> = self.enforcement.set().rules().iter().collect();
        listing::plan(&rules, self.enforcement.plan())
    }

    /// Each rule with its engine and what it did, for people.
    pub fn rules_status(&mut self) -> String {
        let tallies = self.enforcement.ebpf().and_then(|engine| engine.tallies().ok());
        let now = monotonic();
        let enforcement = &self.enforcement;
        let (rules, plan) = (enforcement.set().rules(), enforcement.plan());
        let absent = |rule: &Rule| enforcement.absent(rule);
        let status: Vec<RuleStatus> = plan
            .assignments()
            .iter()
            .enumerate()
            .map(|(number, assignment)| {
                let is_ours = assignment.engine.is_ours() || rules[number].list() == List::Exclude;
                let tally = tallies.as_ref().and_then(|tallies| tallies.get(number)).filter(|_| is_ours);
                let counts = tally.map(|tally| RuleCounts {
                    hits: tally.hits,
                    evaluations: tally.evaluations,
                    last: (tally.last != 0).then(|| Duration::from_nanos(now.saturating_sub(tally.last))),
                });
                let inert = inert::reasons(rules, number, assignment.never.as_deref(), &absent);
                RuleStatus { counts, inert }
            })
            .collect();
        listing::rules_status(rules, plan, &status, self.is_enabled())
    }

    /// Which rule would record what the words name, or what is wrong with them, for people.
    pub fn explain(&self, words: &[u8]) -> String {
        let words: Vec<Vec<u8>> = words.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect();
        match explain::explain(&words, self.enforcement.set().rules(), self.enforcement.plan()) {
            Ok(text) => text,
            Err(error) => format!("{error}\n"),
        }
    }
}

/// `CLOCK_MONOTONIC`, ns; 0 if it cannot be read.
fn monotonic() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC);
    now.map_or(0, |now| Duration::from(now).as_nanos() as u64)
}
