//! How long it takes until rules are in force: at the start, when they are loaded anew, when one is added or deleted.

use std::time::Duration;

use anyhow::Result;

use super::Progress;
use super::options::{Options, Part};
use super::round::{Quantity, Results};
use super::rules::RuleSet;
use super::scratch::Scratch;
use super::subject::{Running, Subject};

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Start-up, and reload of many rules.
pub(super) fn start_and_reload(
    results: &mut Results,
    subjects: &[Subject],
    takes_part: impl Fn(RuleSet, Subject) -> bool,
    options: &Options,
    scratch: &Scratch,
    progress: &Progress,
) -> Result<()> {
    let rounds = if options.quick { 1 } else { options.rounds.min(3) };
    let sets = [
        (RuleSet::Unrelated(300), Part::Start),
        (RuleSet::Unrelated(1000), Part::Start),
        (RuleSet::Stig, Part::Stig),
    ];
    for round in 1..=rounds {
        for (rules, part) in sets.into_iter().filter(|(_, part)| options.wants(*part)) {
            for subject in subjects.iter().copied().filter(|subject| *subject != Subject::Nothing) {
                // The original takes many seconds for a reload.
                let long = subject == Subject::Original && options.limit.is_some() && round > 1;
                if long || !takes_part(rules, subject) {
                    continue;
                }
                progress.say(&format!("start and reload {round}/{rounds}: {subject:?}, {}", rules.name()));
                let running = Running::start(subject, rules, options.ours.as_ref(), scratch)?;
                results.push(Quantity::Start, rules, subject, millis(running.start_time));
                if part == Part::Start {
                    results.push(Quantity::Reload, rules, subject, millis(running.load(scratch)?));
                }
                running.stop()?;
            }
        }
    }
    Ok(())
}

/// The largest set that the original is asked to load: its kernel takes some 10 ms to unload one rule.
const MOST_OF_THE_ORIGINAL: u16 = 1000;

/// Rules that are loaded, listed, added and deleted by `auditctl`.
pub(super) fn by_auditctl(
    results: &mut Results,
    subjects: &[Subject],
    options: &Options,
    scratch: &Scratch,
    progress: &Progress,
) -> Result<()> {
    let rounds = if options.quick { 1 } else { options.rounds.min(3) };
    for round in 1..=rounds {
        for subject in subjects.iter().copied().filter(|subject| *subject != Subject::Nothing) {
            let say = |rules: RuleSet| {
                progress.say(&format!("changes {round}/{rounds}: {subject:?}, {}", rules.name()));
            };
            let few = RuleSet::Unrelated(30);
            say(few);
            let running = Running::start(subject, few, options.ours.as_ref(), scratch)?;
            for _ in 0..10 {
                let (add, delete) = running.add_and_delete()?;
                results.push(Quantity::Add, few, subject, millis(add));
                results.push(Quantity::Delete, few, subject, millis(delete));
            }
            running.stop()?;
            for count in [1000, 10_000] {
                if subject == Subject::Original && count > MOST_OF_THE_ORIGINAL {
                    continue;
                }
                let many = RuleSet::Unrelated(count);
                say(many);
                let running = Running::start(subject, RuleSet::Unrelated(0), options.ours.as_ref(), scratch)?;
                scratch.set_rules(&many.file(&scratch.watched())?)?;
                results.push(Quantity::Load, many, subject, millis(running.load(scratch)?));
                results.push(Quantity::List, many, subject, millis(running.list(count.into())?));
                running.stop()?;
            }
        }
    }
    Ok(())
}
