//! The promises on cost, each held against this run.

use super::round::{Quantity, Results};
use super::rules::RuleSet;
use super::subject::Subject::{Nothing, Original, Ours};

/// One promise.
#[derive(Debug)]
pub(super) struct Verdict {
    /// What is promised.
    pub(super) promise: &'static str,
    /// What this run says, in words.
    pub(super) measured: String,
    /// Whether the promise is kept; `None` when this run did not measure it.
    pub(super) met: Option<bool>,
}

/// All promises, in the order of the table.
pub(super) fn verdicts(results: &Results) -> Vec<Verdict> {
    let ratio = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "not measured".to_owned(), |value| format!("{value:.digits$}"))
    };
    let added = |rules| {
        let nothing = results.median(Quantity::Null, rules, Nothing)?;
        let original = results.median(Quantity::Null, rules, Original)? - nothing;
        Some((results.median(Quantity::Null, rules, Ours)? - nothing) / original)
    };
    let at_most = |promise, value: Option<f64>, limit: f64| Verdict {
        promise,
        measured: ratio(value, 2),
        met: value.map(|value| value <= limit),
    };
    let quotient = |quantity, rules| {
        Some(results.median(quantity, rules, Ours)? / results.median(quantity, rules, Original)?)
    };
    let at_least = |promise, value: Option<f64>, limit: f64| Verdict {
        promise,
        measured: ratio(value, 2),
        met: value.map(|value| value >= limit),
    };
    let peak = results.get(Quantity::Peak, RuleSet::Open, Ours).and_then(super::sample::Sample::max);
    vec![
        at_most(
            "null syscall, 1 rule for others: added cost <= 0.6 of the original's",
            added(RuleSet::Unrelated(1)),
            0.6,
        ),
        independence(results),
        at_most(
            "null syscall, named by 30 rules, none matching: added cost <= 1/3 of the original's",
            added(RuleSet::Named),
            1.0 / 3.0,
        ),
        at_least(
            "execl loop under an exec rule: throughput >= the original's",
            quotient(Quantity::Exec, RuleSet::Exec),
            1.0,
        ),
        at_least(
            "matched opens to disk, nothing lost: >= 5 x the original's rate",
            quotient(Quantity::Sustained, RuleSet::Open),
            5.0,
        ),
        at_most(
            "daemon CPU per event: <= 1/4 of the original's",
            quotient(Quantity::DaemonCpu, RuleSet::Open),
            0.25,
        ),
        Verdict {
            promise: "resident memory, idle and under load: <= 32 MiB",
            measured: peak.map_or_else(|| "not measured".to_owned(), |peak| format!("{peak:.1} MiB")),
            met: peak.map(|peak| peak <= 32.0),
        },
    ]
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
        return Verdict { promise, measured: "not measured".into(), met: None };
    };
    let fold = |pick: fn(&(f64, f64, f64)) -> f64, join: fn(f64, f64) -> f64, start: f64| {
        samples.iter().map(pick).fold(start, join)
    };
    let smallest = fold(|sample| sample.0, f64::min, f64::INFINITY);
    let largest = fold(|sample| sample.0, f64::max, 0.0);
    let overlap = fold(|sample| sample.1, f64::max, 0.0) <= fold(|sample| sample.2, f64::min, f64::INFINITY);
    Verdict {
        promise,
        measured: format!("{:.2}", largest / smallest),
        met: Some(overlap || largest <= smallest * 1.05),
    }
}
