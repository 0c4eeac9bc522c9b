//! Text for people: what the kernel offers, which engine serves which rule, what was counted.

use std::fmt::Write as _;
use std::time::Duration;

use audit_rules::{List, Rule};

use crate::engine::ebpf::Counters;
use crate::plan::{EngineKind, Offer, Plan};
use crate::stats::{Totals, total};

/// One line for each thing that was tried, and which engines there are.
pub fn offer(offer: &Offer) -> String {
    let mut text = String::new();
    for (what, outcome) in &offer.trials {
        // Writing to a String cannot fail.
        let _ = match outcome {
            Ok(how) => writeln!(text, "yes  {what}: {how}"),
            Err(why) => writeln!(text, "no   {what}: {why}"),
        };
    }
    let mut engine = |name: &str, outcome: Result<(), &String>| {
        let _ = match outcome {
            Ok(()) => writeln!(text, "engine {name}: available"),
            Err(why) => writeln!(text, "engine {name}: not available: {why}"),
        };
    };
    engine("trampoline", offer.trampoline.as_ref().map(|_| ()));
    engine("tracepoint", offer.tracepoint.as_ref().map(|_| ()));
    engine("kernel audit", offer.kernel_audit.as_ref().copied());
    text
}

/// Each rule with its engine, hooks and reason, and a summary.
pub fn plan(rules: &[&Rule], plan: &Plan) -> String {
    let mut text = String::new();
    let mut count = [0usize; 4];
    for (number, (rule, assignment)) in rules.iter().zip(plan.assignments()).enumerate() {
        count[match assignment.engine {
            EngineKind::Trampoline => 0,
            EngineKind::Tracepoint => 1,
            EngineKind::KernelAudit => 2,
            EngineKind::Refused => 3,
        }] += 1;
        let hooks = assignment.hooks.iter().map(|hook| hook.info().target());
        let hooks: Vec<&str> = hooks.chain(assignment.functions.iter().map(|name| &**name)).collect();
        let hooks = if hooks.is_empty() { "none".to_owned() } else { hooks.join(", ") };
        let _ = writeln!(text, "{:>4}  {rule}", number + 1);
        let _ = writeln!(text, "      engine: {}; hooks: {hooks}", assignment.engine);
        let _ = writeln!(text, "      why: {}", assignment.reason);
    }
    let _ = writeln!(
        text,
        "{} rules: {} trampoline, {} tracepoint, {} kernel audit, {} refused",
        rules.len(),
        count[0],
        count[1],
        count[2],
        count[3]
    );
    text
}

/// What is known of one rule.
pub struct RuleStatus {
    /// How often it decided, how often that could have been, and how long ago it did last; not known where the kernel's audit
    /// serves it.
    pub counts: Option<RuleCounts>,
    /// Why it cannot match at present.
    pub inert: Vec<String>,
}

/// What the programs in the kernel counted for a rule since it was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleCounts {
    /// How often it decided.
    pub hits: u64,
    /// How often a system call that it names was judged.
    pub evaluations: u64,
    /// How long ago it decided last, if it did.
    pub last: Option<Duration>,
}

/// Each rule with what it did.
pub fn rules_status(rules: &[Rule], plan: &Plan, status: &[RuleStatus], enabled: bool) -> String {
    let mut text = String::new();
    if !enabled {
        text.push_str("Auditing is off (enabled 0): no rule matches.\n");
    }
    if rules.is_empty() {
        text.push_str("No rules\n");
        return text;
    }
    // Writing to a String cannot fail.
    let _ = writeln!(text, "  no  engine              hits  evaluations  last hit  rule");
    for (number, ((rule, assignment), status)) in rules.iter().zip(plan.assignments()).zip(status).enumerate()
    {
        let dash = || "-".to_owned();
        let (hits, evaluations, last) = match &status.counts {
            Some(counts) => {
                let last = counts.last.map_or_else(|| "never".to_owned(), ago);
                let is_exit = rule.list() == List::Exit;
                let evaluations = if is_exit { counts.evaluations.to_string() } else { dash() };
                (counts.hits.to_string(), evaluations, last)
            }
            None => (dash(), dash(), dash()),
        };
        let _ = writeln!(
            text,
            "{:>4}  {:<12}  {hits:>10}  {evaluations:>11}  {last:>8}  {rule}",
            number + 1,
            assignment.engine
        );
        let hooks = assignment.hooks.iter().map(|hook| hook.info().target());
        let hooks: Vec<&str> = hooks.chain(assignment.functions.iter().map(|name| &**name)).collect();
        if !hooks.is_empty() {
            let _ = writeln!(text, "      hooks: {}", hooks.join(", "));
        }
        for reason in &status.inert {
            let _ = writeln!(text, "      cannot match: {reason}");
        }
    }
    text
}

/// How long ago, in the largest unit of which it is one.
fn ago(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// What was taken, written and lost: lines of `name value`. Those that begin with `failed_` count what the programs in the kernel
/// could not do; `auditctl -s` shows them when they are not zero.
pub fn counters(totals: &Totals, hooks: &Counters, lost: &[(&'static str, u64)]) -> String {
    let mut text = format!(
        "events_ebpf {}\nevents_kernel {}\nevents_own {}\nrecords_written {}\nbytes_written {}\n\
         records_waiting {}\nrecords_discarded {}\nproduced_ebpf {}\nunread_facts {}\n\
         takeover {}\nrescued_runs {}\nfailed_runs {}\nfailed_states {}\nfailed_names {}\nfailed_watches {}\nlost {}\n",
        totals.ebpf_events,
        totals.kernel_events,
        totals.own_events,
        totals.lines.written,
        totals.lines.bytes,
        totals.lines.waiting,
        totals.lines.discarded,
        hooks.produced,
        hooks.unread,
        u8::from(hooks.takeover),
        hooks.rescued,
        hooks.missed,
        hooks.no_state,
        hooks.cut,
        hooks.adrift,
        total(lost),
    );
    for (reason, count) in lost {
        let _ = writeln!(text, "lost_{} {count}", reason.replace('-', "_"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_unit_of_a_time() {
        let said = [0, 59, 60, 3599, 3600, 86_399, 86_400, 9_000_000]
            .map(|seconds| ago(Duration::from_secs(seconds)));
        assert_eq!(said, ["0 s", "59 s", "1 min", "59 min", "1 h", "23 h", "1 d", "104 d"]);
    }
}
