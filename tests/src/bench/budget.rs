//! The promises on cost, each held against this run.

use super::options::Part;
use super::plan::Engine;
use super::round::{Quantity, Results};
use super::rules::RuleSet;
use super::subject::Subject::{Nothing, Original, Ours};

/// One promise.
#[derive(Debug)]
pub(super) struct Verdict {
    /// What has to be measured for it.
    pub(super) part: Part,
    /// What is promised.
    pub(super) promise: &'static str,
    /// What this run says, in words.
    pub(super) measured: String,
    /// Whether the promise is kept; `None` when this run did not measure it.
    pub(super) met: Option<bool>,
}

/// All promises of the engine that served the rules, in the order of the table.
pub(super) fn verdicts(results: &Results) -> Vec<Verdict> {
    let mut verdicts = match results.engine {
        Some(Engine::Trampoline) => trampoline(results),
        Some(Engine::Tracepoint) => tracepoint(results),
        None => return Vec::new(),
    };
    verdicts.extend(daemon(results));
    verdicts.extend(changes(results));
    verdicts
}

/// The promises of programs that hang on the named syscalls.
fn trampoline(results: &Results) -> Vec<Verdict> {
    let to_nothing = |quantity, rules| {
        Some(results.median(quantity, rules, Ours)? / results.median(quantity, rules, Nothing)?)
    };
    let worst = |values: &[Option<f64>]| -> Option<f64> {
        values.iter().copied().try_fold(f64::MIN, |worst, value| Some(worst.max(value?)))
    };
    let ours = |quantity, rules| results.median(quantity, rules, Ours);
    let unrelated = [1, 30, 300].map(|count| to_nothing(Quantity::Null, RuleSet::Unrelated(count)));
    let watches =
        [RuleSet::Watches, RuleSet::ReadWatches].map(|rules| added(results, Quantity::OpenClose, rules));
    vec![
        at_most(
            Part::Null,
            "null syscall, 1, 30 or 300 rules for others: <= 1.02 x nothing",
            worst(&unrelated),
            1.02,
            "",
        ),
        at_most(
            Part::Named,
            "null syscall, named by 30 rules, none matching: added cost <= 1/5 of the original's",
            added(results, Quantity::Null, RuleSet::Named),
            0.2,
            "",
        ),
        at_least(
            Part::Exec,
            "execl loop under an exec rule: throughput >= 0.97 x nothing",
            to_nothing(Quantity::Exec, RuleSet::Exec),
            0.97,
        ),
        at_most(
            Part::Watches,
            "open+close, 50 watches of other files: added cost <= 1/3 of the original's",
            worst(&watches),
            1.0 / 3.0,
            "",
        ),
        at_most(
            Part::Stig,
            "start until the STIG's rules are in force: < 2 s",
            ours(Quantity::Start, RuleSet::Stig).map(|millis| millis / 1e3),
            2.0,
            " s",
        ),
        at_most(
            Part::Start,
            "reload of 1000 rules: < 100 ms",
            ours(Quantity::Reload, RuleSet::Unrelated(1000)),
            100.0,
            " ms",
        ),
    ]
}

/// The promises of programs that hang on all syscalls.
fn tracepoint(results: &Results) -> Vec<Verdict> {
    vec![
        at_most(
            Part::Null,
            "null syscall, 1 rule for others: added cost <= 0.6 of the original's",
            added(results, Quantity::Null, RuleSet::Unrelated(1)),
            0.6,
            "",
        ),
        independence(results),
        at_most(
            Part::Named,
            "null syscall, named by 30 rules, none matching: added cost <= 1/3 of the original's",
            added(results, Quantity::Null, RuleSet::Named),
            1.0 / 3.0,
            "",
        ),
        at_least(
            Part::Exec,
            "execl loop under an exec rule: throughput >= the original's",
            to_original(results, Quantity::Exec, RuleSet::Exec),
            1.0,
        ),
    ]
}

/// The promises that do not depend on where programs hang.
fn daemon(results: &Results) -> Vec<Verdict> {
    let peak = results.get(Quantity::Peak, RuleSet::Open, Ours).and_then(super::sample::Sample::max);
    vec![
        at_least(
            Part::Sustained,
            "matched opens to disk, nothing lost: >= 5 x the original's rate",
            to_original(results, Quantity::Sustained, RuleSet::Open),
            5.0,
        ),
        at_most(
            Part::Sustained,
            "daemon CPU per event: <= 1/4 of the original's",
            to_original(results, Quantity::DaemonCpu, RuleSet::Open),
            0.25,
            "",
        ),
        at_most(Part::Sustained, "resident memory, idle and under load: <= 32 MiB", peak, 32.0, " MiB"),
    ]
}

/// The promises on changes of rules.
fn changes(results: &Results) -> Vec<Verdict> {
    let few = RuleSet::Unrelated(30);
    let many = RuleSet::Unrelated(10_000);
    [
        ("10 000 rules loaded: < 300 ms", Quantity::Load, many, 300.0),
        ("10 000 rules listed: < 200 ms", Quantity::List, many, 200.0),
        ("a rule added to 30: < 10 ms", Quantity::Add, few, 10.0),
        ("a rule deleted: < 10 ms", Quantity::Delete, few, 10.0),
    ]
    .into_iter()
    .map(|(promise, quantity, rules, limit)| {
        at_most(Part::Change, promise, results.median(quantity, rules, Ours), limit, " ms")
    })
    .collect()
}

/// What ours adds to nothing, over what the original adds.
fn added(results: &Results, quantity: Quantity, rules: RuleSet) -> Option<f64> {
    let nothing = results.median(quantity, rules, Nothing)?;
    let original = results.median(quantity, rules, Original)? - nothing;
    Some((results.median(quantity, rules, Ours)? - nothing) / original)
}

fn to_original(results: &Results, quantity: Quantity, rules: RuleSet) -> Option<f64> {
    Some(results.median(quantity, rules, Ours)? / results.median(quantity, rules, Original)?)
}

fn at_most(part: Part, promise: &'static str, value: Option<f64>, limit: f64, unit: &'static str) -> Verdict {
    Verdict { part, promise, measured: words(value, unit), met: value.map(|value| value <= limit) }
}

fn at_least(part: Part, promise: &'static str, value: Option<f64>, limit: f64) -> Verdict {
    Verdict { part, promise, measured: words(value, ""), met: value.map(|value| value >= limit) }
}

fn words(value: Option<f64>, unit: &str) -> String {
    let digits = if unit.is_empty() { 3 } else { 1 };
    value.map_or_else(|| "not measured".to_owned(), |value| format!("{value:.digits$}{unit}"))
}

/// The null syscall costs the same at 1, 30 and 300 rules: the largest median is at most 5 % above the smallest, or
/// the ranges of all three have a value in common.
fn independence(results: &Results) -> Verdict {
    let promise = "null syscall: the same at 1, 30 and 300 rules (within noise)";
    let samples: Option<Vec<(f64, f64, f64)>> = [1, 30, 300]
        .into_iter()
        .map(|count| {
            let sample = results.get(Quantity::Null, RuleSet::Unrelated(count), Ours)?;
            Some((sample.median()?, sample.min()?, sample.max()?))
        })
        .collect();
    let Some(samples) = samples else {
        return Verdict { part: Part::Null, promise, measured: words(None, ""), met: None };
    };
    let fold = |pick: fn(&(f64, f64, f64)) -> f64, join: fn(f64, f64) -> f64, start: f64| {
        samples.iter().map(pick).fold(start, join)
    };
    let smallest = fold(|sample| sample.0, f64::min, f64::INFINITY);
    let largest = fold(|sample| sample.0, f64::max, 0.0);
    let overlap = fold(|sample| sample.1, f64::max, 0.0) <= fold(|sample| sample.2, f64::min, f64::INFINITY);
    Verdict {
        part: Part::Null,
        promise,
        measured: format!("{:.2}", largest / smallest),
        met: Some(overlap || largest <= smallest * 1.05),
    }
}
