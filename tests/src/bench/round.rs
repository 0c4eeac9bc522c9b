//! The rounds: every state once per round, the subjects in turns, so that slow changes of the machine fall on all.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::options::{Options, Part};
use super::plan::{self, Engine};
use super::rules::RuleSet;
use super::sample::{self, Sample};
use super::scratch::Scratch;
use super::size::Sizes;
use super::subject::{Running, Subject};
use super::{Progress, change, log, sustained, worker};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Quantity {
    /// A null syscall (umask), ns.
    Null,
    /// open and close, ns.
    OpenClose,
    /// Executions a second.
    Exec,
    /// Opens a second, as fast as they go.
    Unpaced,
    /// Events lost in that, percent.
    UnpacedLoss,
    /// Matched opens a second to disk, nothing lost.
    Sustained,
    /// Daemon CPU per 1000 events, ms.
    DaemonCpu,
    /// CPU of kernel audit's delivery thread per 1000 events, ms.
    ThreadCpu,
    /// Peak resident memory while starting, MiB.
    StartPeak,
    /// Resident memory after the start, MiB.
    Idle,
    /// Peak resident memory after the start, under load and flood, MiB.
    Peak,
    /// Start until all rules are in force, ms.
    Start,
    /// `auditctl -R`, ms.
    Reload,
    /// The same where there are no rules yet, ms.
    Load,
    /// `auditctl -l`, ms.
    List,
    /// `auditctl -a`, ms.
    Add,
    /// `auditctl -d`, ms.
    Delete,
}

/// Everything measured, and remarks on it.
#[derive(Debug)]
pub(super) struct Results {
    samples: BTreeMap<(Quantity, RuleSet, Subject), Sample>,
    /// Rounds that were made.
    pub(super) rounds: usize,
    /// How long the loops were.
    pub(super) sizes: Sizes,
    /// Which engine of ours serves the rules that name other syscalls, if ours was measured.
    pub(super) engine: Option<Engine>,
    /// Facts that belong beside the numbers.
    pub(super) notes: Vec<String>,
}

impl Results {
    pub(super) fn push(&mut self, quantity: Quantity, rules: RuleSet, subject: Subject, value: f64) {
        self.samples.entry((quantity, rules, subject)).or_default().push(value);
    }

    /// The sample of `quantity` for `subject` under `rules`, when it was measured.
    pub(super) fn get(&self, quantity: Quantity, rules: RuleSet, subject: Subject) -> Option<&Sample> {
        self.samples.get(&(quantity, rules, subject))
    }

    /// Its median.
    pub(super) fn median(&self, quantity: Quantity, rules: RuleSet, subject: Subject) -> Option<f64> {
        self.get(quantity, rules, subject)?.median()
    }

    /// What was measured: quantity and rules, in the order of the table.
    pub(super) fn rows(&self) -> Vec<(Quantity, RuleSet)> {
        let mut rows: Vec<_> = self.samples.keys().map(|(quantity, rules, _)| (*quantity, *rules)).collect();
        rows.dedup();
        rows
    }
}

/// A state of the kernel's rules and what is measured in it.
struct State {
    rules: RuleSet,
    quantities: Vec<Quantity>,
}

/// The states that the options ask for.
fn states(options: &Options) -> Vec<State> {
    let mut states = Vec::new();
    for (rules, part, quantity) in [
        (RuleSet::Unrelated(0), Part::Null, Quantity::Null),
        (RuleSet::Unrelated(1), Part::Null, Quantity::Null),
        (RuleSet::Unrelated(1), Part::Open, Quantity::OpenClose),
        (RuleSet::Unrelated(30), Part::Null, Quantity::Null),
        (RuleSet::Unrelated(30), Part::Open, Quantity::OpenClose),
        (RuleSet::Unrelated(300), Part::Null, Quantity::Null),
        (RuleSet::Unrelated(300), Part::Open, Quantity::OpenClose),
        (RuleSet::Mixed, Part::Null, Quantity::Null),
        (RuleSet::Mixed, Part::Open, Quantity::OpenClose),
        (RuleSet::Named, Part::Named, Quantity::Null),
        (RuleSet::Watches, Part::Watches, Quantity::OpenClose),
        (RuleSet::ReadWatches, Part::Watches, Quantity::OpenClose),
        (RuleSet::Exec, Part::Exec, Quantity::Exec),
    ] {
        if !options.wants(part) {
            continue;
        }
        match states.last_mut() {
            Some(State { rules: last, quantities }) if *last == rules => quantities.push(quantity),
            _ => states.push(State { rules, quantities: vec![quantity] }),
        }
    }
    states
}

/// The rule sets that only some engines serve.
const DEMANDING: [(RuleSet, Part); 3] =
    [(RuleSet::Watches, Part::Watches), (RuleSet::ReadWatches, Part::Watches), (RuleSet::Stig, Part::Stig)];

/// The least number of rounds when time is limited.
const LEAST: usize = 3;

/// Measures everything.
pub(super) fn measure(options: &Options, scratch: &Scratch, progress: &Progress) -> Result<Results> {
    let begin = Instant::now();
    progress.say("how fast is this machine?");
    let mut results = Results {
        samples: BTreeMap::new(),
        rounds: 0,
        sizes: Sizes::measure(options, scratch)?,
        engine: None,
        notes: Vec::new(),
    };
    let mut subjects = vec![Subject::Nothing, Subject::Original];
    let mut not_served = BTreeSet::new();
    if let Some(programs) = &options.ours {
        subjects.push(Subject::Ours);
        progress.say("which engine serves what?");
        match plan::engine(&programs.daemon, RuleSet::Unrelated(1), scratch)? {
            Ok(engine) => results.engine = Some(engine),
            Err(plan) => {
                bail!("eBPF programs serve nothing here, so there is nothing of ours to measure: {plan}")
            }
        }
        for (rules, _) in DEMANDING.into_iter().filter(|(_, part)| options.wants(*part)) {
            if let Err(plan) = plan::engine(&programs.daemon, rules, scratch)? {
                not_served.insert(rules);
                results.notes.push(format!(
                    "Ours under {}: not measured, for here not all of it is served by eBPF programs ({plan}).",
                    rules.name()
                ));
            }
        }
    }
    let takes_part = |rules, subject| subject != Subject::Ours || !not_served.contains(&rules);
    change::start_and_reload(&mut results, &subjects, takes_part, options, scratch, progress)?;
    if options.wants(Part::Change) {
        change::by_auditctl(&mut results, &subjects, options, scratch, progress)?;
    }
    let states = states(options);
    for round in 1..=options.rounds {
        let start = Instant::now();
        for state in &states {
            // Every other round the other way about: nobody is always first after a pause.
            let turn: Vec<Subject> =
                if round % 2 == 0 { subjects.iter().rev().copied().collect() } else { subjects.clone() };
            for subject in turn.into_iter().filter(|subject| takes_part(state.rules, *subject)) {
                progress.say(&format!(
                    "round {round}/{}: {subject:?}, {}",
                    options.rounds,
                    state.rules.name()
                ));
                let running = Running::start(subject, state.rules, options.ours.as_ref(), scratch)?;
                for quantity in &state.quantities {
                    let value = workload(*quantity, results.sizes, scratch)
                        .with_context(|| format!("{subject:?} under {}", state.rules.name()))?;
                    results.push(*quantity, state.rules, subject, value);
                }
                if state.rules == RuleSet::Exec && subject != Subject::Nothing {
                    check_execs(&mut results, subject, running, scratch)?;
                } else {
                    running.stop()?;
                }
            }
        }
        results.rounds = round;
        if round >= LEAST && options.limit.is_some_and(|limit| begin.elapsed() + start.elapsed() > limit) {
            break;
        }
    }
    if options.wants(Part::Sustained) {
        sustain(&mut results, &subjects, options, scratch, progress)?;
    }
    Ok(results)
}

/// Runs the workload of `quantity` once.
fn workload(quantity: Quantity, sizes: Sizes, scratch: &Scratch) -> Result<f64> {
    let Sizes { nulls, opens, execs } = sizes;
    let path = scratch.opened();
    let path = path.to_str().context("the scratch directory's name is not UTF-8")?;
    let per_call = |numbers: Vec<u64>| {
        let numbers: Vec<f64> = numbers.iter().map(|time| *time as f64 / 1000.0).collect();
        sample::median(&numbers).context("the workload printed nothing")
    };
    match quantity {
        Quantity::Null => per_call(worker::run(scratch, &["null", &nulls.to_string()])?),
        Quantity::OpenClose => per_call(worker::run(scratch, &["open", &opens.to_string(), path])?),
        Quantity::Exec => {
            let numbers = worker::run(scratch, &["exec", &execs.to_string()])?;
            let time = *numbers.first().context("the workload printed nothing")?;
            Ok(execs as f64 / (time as f64 / 1e9))
        }
        _ => bail!("{quantity:?} has no workload of its own"),
    }
}

/// A fast execl loop whose events were lost would be no merit.
fn check_execs(results: &mut Results, subject: Subject, running: Running, scratch: &Scratch) -> Result<()> {
    let execs = results.sizes.execs;
    log::settle(&scratch.log())?;
    let lost = running.lost()?;
    running.stop()?;
    let written = log::count(&scratch.log())?.events;
    if written != execs {
        results.notes.push(format!(
            "{subject:?}: {execs} executions in the execl loop, {written} in the log, lost {lost} by its own count"
        ));
    }
    Ok(())
}

/// Matched events to disk, with daemon CPU and memory.
fn sustain(
    results: &mut Results,
    subjects: &[Subject],
    options: &Options,
    scratch: &Scratch,
    progress: &Progress,
) -> Result<()> {
    const MIB: f64 = 1024.0;
    let rounds = if options.quick { 1 } else { options.rounds.min(3) };
    let rules = RuleSet::Open;
    for round in 1..=rounds {
        let say = |subject, what: &str| {
            progress.say(&format!("sustained {round}/{rounds}: {subject:?}, {what}"));
        };
        for subject in subjects.iter().copied() {
            if subject == Subject::Nothing {
                say(subject, "as fast as it goes");
                results.push(Quantity::Unpaced, rules, subject, sustained::bare(options, scratch)?);
                continue;
            }
            let found = sustained::search(subject, options, scratch, |what| say(subject, what))?;
            let unpaced = found.unpaced;
            results.push(Quantity::Unpaced, rules, subject, unpaced.offered);
            let missing = unpaced.produced.saturating_sub(unpaced.written);
            let loss = missing as f64 / unpaced.produced as f64 * 100.0;
            results.push(Quantity::UnpacedLoss, rules, subject, loss);
            if unpaced.produced != unpaced.written + unpaced.lost {
                results.notes.push(format!(
                    "{subject:?}, as fast as it goes: {} events produced, {} written, {} lost by its own count",
                    unpaced.produced, unpaced.written, unpaced.lost
                ));
            }
            let Some(best) = found.sustained else {
                results.notes.push(format!("{subject:?}: no rate was found at which nothing is lost"));
                continue;
            };
            results.push(Quantity::Sustained, rules, subject, best.rate);
            results.push(Quantity::DaemonCpu, rules, subject, best.daemon_cpu);
            results.push(Quantity::ThreadCpu, rules, subject, best.thread_cpu);
            results.push(Quantity::StartPeak, rules, subject, best.idle.peak as f64 / MIB);
            results.push(Quantity::Idle, rules, subject, best.idle.resident as f64 / MIB);
            // Also what the flood of the unpaced run took.
            let peak = best.after.peak.max(unpaced.after.peak);
            results.push(Quantity::Peak, rules, subject, peak as f64 / MIB);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_entered_once() {
        let options = Options {
            rounds: 1,
            limit: None,
            quick: true,
            parts: vec![Part::Null, Part::Open],
            ours: None,
            with_ours: false,
            directory: "/".into(),
            write: None,
            section: false,
        };
        let states = states(&options);
        assert_eq!(states.len(), 5);
        assert_eq!(states[1].quantities, [Quantity::Null, Quantity::OpenClose]);
    }
}
