//! Text for people: what the kernel offers, which engine serves which rule, what was counted.

use std::fmt::Write as _;

use audit_rules::Rule;

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

/// What was taken, written and lost: lines of `name value`. Those that begin with `failed_` count what the programs in the kernel
/// could not do; `auditctl -s` shows them when they are not zero.
pub fn counters(totals: &Totals, hooks: &Counters, lost: &[(&'static str, u64)]) -> String {
    let mut text = format!(
        "events_ebpf {}\nevents_kernel {}\nevents_own {}\nrecords_written {}\nbytes_written {}\n\
         records_waiting {}\nrecords_discarded {}\nproduced_ebpf {}\nunread_facts {}\n\
         takeover {}\nfailed_runs {}\nfailed_states {}\nfailed_names {}\nfailed_watches {}\nlost {}\n",
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
