//! The tables that are printed and written.

use std::fmt::Write as _;

use super::budget;
use super::options::Options;
use super::plan::Engine;
use super::process::Machine;
use super::round::{Quantity, Results};
use super::rules::RuleSet;
use super::sample::Sample;
use super::size::Sizes;
use super::subject::Subject;
use super::table::Table;

impl Quantity {
    /// What it is and its unit.
    fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Null => ("null syscall", "ns"),
            Self::OpenClose => ("open+close", "ns"),
            Self::Exec => ("execl loop", "execs/s"),
            Self::Unpaced => ("opens as fast as they go", "opens/s"),
            Self::UnpacedLoss => ("lost in that", "%"),
            Self::Sustained => ("to disk, nothing lost", "events/s"),
            Self::DaemonCpu => ("daemon CPU per 1000 events", "ms"),
            Self::ThreadCpu => ("kauditd CPU per 1000 events", "ms"),
            Self::Idle => ("resident memory, idle", "MiB"),
            Self::StartPeak => ("resident memory, peak of start", "MiB"),
            Self::Peak => ("resident memory, peak of load", "MiB"),
            Self::Start => ("start until rules in force", "ms"),
            Self::Reload => ("reload (auditctl -R)", "ms"),
            Self::Load => ("first load (auditctl -R)", "ms"),
            Self::List => ("list (auditctl -l)", "ms"),
            Self::Add => ("add a rule (auditctl -a)", "ms"),
            Self::Delete => ("delete a rule (auditctl -d)", "ms"),
        }
    }

    /// Whether "nothing" is a base from which an added cost can be told.
    fn has_added_cost(self) -> bool {
        matches!(self, Self::Null | Self::OpenClose)
    }
}

/// Enough digits to see a difference of a percent.
fn number(value: f64) -> String {
    match value {
        value if value >= 1000.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// `median [min..max]`.
fn cell(sample: Option<&Sample>) -> String {
    let spread = |sample: &Sample| Some((sample.median()?, sample.min()?, sample.max()?));
    match sample.and_then(spread) {
        Some((median, min, max)) => format!("{} [{}..{}]", number(median), number(min), number(max)),
        None => "-".into(),
    }
}

fn quotient(upper: Option<f64>, lower: Option<f64>) -> String {
    match (upper, lower) {
        (Some(upper), Some(lower)) if lower > 0.0 => format!("{:.2}", upper / lower),
        _ => "-".into(),
    }
}

/// The main table.
fn measurements(results: &Results) -> Table {
    let mut table = Table::new(&[
        "what",
        "unit",
        "nothing",
        "original",
        "x nothing",
        "ours",
        "x nothing",
        "ours : original",
        "added, ours : original",
    ]);
    for (quantity, rules) in results.rows() {
        let (name, unit) = quantity.name();
        let sample = |subject| results.get(quantity, rules, subject);
        let median = |subject| results.median(quantity, rules, subject);
        let (nothing, original, ours) =
            (median(Subject::Nothing), median(Subject::Original), median(Subject::Ours));
        let added = |value: Option<f64>| Some(value? - nothing?).filter(|_| quantity.has_added_cost());
        table.row(vec![
            if rules == RuleSet::Open { name.into() } else { format!("{name}, {}", rules.name()) },
            unit.into(),
            cell(sample(Subject::Nothing)),
            cell(sample(Subject::Original)),
            quotient(original, nothing),
            cell(sample(Subject::Ours)),
            quotient(ours, nothing),
            quotient(ours, original),
            quotient(added(ours), added(original)),
        ]);
    }
    table
}

/// The promises.
fn promises(options: &Options, results: &Results) -> Table {
    let mut table = Table::new(&["budget", "measured", ""]);
    for verdict in budget::verdicts(results).into_iter().filter(|verdict| options.wants(verdict.part)) {
        let word = match verdict.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "-",
        };
        table.row(vec![verdict.promise.into(), verdict.measured, word.into()]);
    }
    table
}

/// Where and how, in a line or two.
fn setting(machine: &Machine, options: &Options, results: &Results) -> String {
    let Sizes { nulls, opens, execs } = results.sizes;
    let engine = match results.engine {
        Some(Engine::Trampoline) => " Ours serves by its trampoline engine.",
        Some(Engine::Tracepoint) => " Ours serves by its tracepoint engine.",
        None => "",
    };
    format!(
        "Kernel {}, {}, {} CPUs. {} rounds in turns{}; medians [smallest..largest]; {nulls} null syscalls, {opens} opens, \
         {execs} execs in a loop. The workload is pinned to CPU 0, the daemons are not pinned. The original is Debian's \
         auditd ({}).{engine}",
        machine.kernel,
        machine.processor,
        machine.processors,
        results.rounds,
        if options.quick { ", short loops (--quick)" } else { "" },
        machine.original
    )
}

/// Whether the states were what they claim to be: a task with an audit context pays on every syscall, even without
/// rules, and one without does not.
fn contexts(results: &Results) -> Option<String> {
    let median = |subject| results.median(Quantity::Null, RuleSet::Unrelated(0), subject);
    let (nothing, original) = (median(Subject::Nothing)?, median(Subject::Original)?);
    let word = if original > nothing * 1.1 { "as it should be" } else { "NOT what it should be" };
    let ours = median(Subject::Ours).map(|ours| format!(", ours {}", number(ours))).unwrap_or_default();
    Some(format!(
        "Audit contexts, seen by the null syscall without rules: nothing {}, original {}{ours} ns: {word} (the \
         original's tasks carry a context, the others none).",
        number(nothing),
        number(original)
    ))
}

fn notes(results: &Results) -> Vec<String> {
    contexts(results).into_iter().chain(results.notes.iter().cloned()).collect()
}

/// For the terminal.
pub(super) fn text(machine: &Machine, options: &Options, results: &Results) -> String {
    let mut out = format!("{}\n\n{}", setting(machine, options, results), measurements(results).text());
    for note in notes(results) {
        let _ = write!(out, "\n{note}");
    }
    if options.ours.is_some() {
        let _ = write!(out, "\n\n{}", promises(options, results).text());
    }
    out.trim_end().to_owned() + "\n"
}

/// A section of `docs/performance.md` on what was measured in this virtual machine.
pub(super) fn section(machine: &Machine, options: &Options, results: &Results) -> String {
    let mut out = format!(
        "## In a virtual machine, {}\n\nWritten by `make bench-vm-write`. {} The processor is emulated: only ratios count, and \
         the times of start and reload are the guest's own.\n\n{}",
        machine.kernel,
        setting(machine, options, results),
        measurements(results).markdown()
    );
    for note in notes(results) {
        let _ = write!(out, "\n{note}\n");
    }
    if options.ours.is_some() {
        let _ = write!(out, "\n{}", promises(options, results).markdown());
    }
    out
}

/// What this machine has in `docs/performance.md`.
pub(super) fn page(machine: &Machine, options: &Options, results: &Results) -> String {
    let mut out = format!(
        "# Performance\n\nWritten by `bench --write` (`make bench`). {}\n\nAbsolute times vary from machine to \
         machine; the ratios of one run are what counts. \"added\" is what a subject adds to nothing.\n\n",
        setting(machine, options, results)
    );
    out.push_str(&measurements(results).markdown());
    for note in notes(results) {
        let _ = write!(out, "\n{note}\n");
    }
    if options.ours.is_some() {
        let _ = write!(out, "\n## Budgets\n\n{}", promises(options, results).markdown());
    }
    out.push_str(
        "\n## What is measured\n\n\
         - null syscall: `umask`, per call, in a loop; like open+close by the thread's CPU time. \"30 rules naming it\": `-S umask -F uid=` 30 users who do not \
         exist.\n\
         - \"1 rule\", \"30 rules\", \"300 rules\" name other syscalls (ids, pipes, ...) whose records need nothing \
         but what is there when they return; \"mixed\" are 30 rules over exec, connect, signals, modules, ..., as \
         administrators write them, some of which need further hooks. None matches.\n\
         - execl loop: a process that executes itself; every execution is matched and recorded.\n\
         - to disk: opens of one file, matched by `-S openat -F uid=... -F success=1`, four enriched records each, \
         counted in the log. Kernel audit makes the workload wait when its backlog is full (`-b 8192`, \
         `--backlog_wait_time 60000`, as Debian sets them); ours never makes it wait, so the highest rate without a \
         loss is searched. Events over the time until the last one is in the log.\n\
         - CPU of a daemon: all its threads, `/proc/PID/task/*/schedstat`. Kernel audit's own delivery thread, kauditd, \
         is listed beside it.\n\
         - start: from starting the daemon until `auditctl -l` shows every rule.\n\
         - first load, list, add, delete: from starting `auditctl` to its end. The original's kernel takes some 10 ms to unload a rule, so it is \
         spared 10 000.\n\
         - watches: `-w FILE -p wa` (or `rwxa`) for 50 files, while another file of the same file system is opened and \
         closed. Measured where eBPF programs serve them.\n\
         - 30-stig.rules: those of Debian's auditd, but for rules on directories that the machine does not have.\n\
         - audit contexts: \"nothing\" and ours are measured on tasks forked under `-a task,never`, the original on \
         tasks forked without it, as each runs in the field.\n",
    );
    out
}
