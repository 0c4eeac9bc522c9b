//! Memory that another process rewrites while the kernel reads it: what is recorded is what the kernel acted on.
//!
//! `EBPFAUDITD_ROUNDS` says how many rounds each race has.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tests::kernel::Audit;
use tests::log::{self, Event};
use tests::proof::{self, independent, size};
use tests::racing::race::RACES;
use tests::racing::verdict::recorded;
use tests::side::{Daemon, Side};
use tests::skip::skipped;

const FIRST_AUID: u32 = 44_000;

/// The races whose addresses the tracepoints read from user memory when the call returns (`text-user`).
const BY_TRACEPOINT: [&str; 4] = ["connect-unix", "connect-inet", "bind-unix", "bind-inet"];

/// How one race went.
struct Course {
    rounds: usize,
    /// How often each value was taken.
    taken: BTreeMap<String, usize>,
    /// Rounds that were recorded otherwise.
    wrong: Vec<String>,
}

/// The records that tell of the values.
fn told(event: &Event) -> String {
    let records =
        event.records.iter().filter(|record| ["PATH", "SOCKADDR", "EXECVE"].contains(&&*record.kind));
    let fields =
        records.flat_map(|record| &record.fields).map(|field| format!("{}={}", field.name, field.value));
    format!("items={:?} {}", event.syscall("items"), fields.collect::<Vec<_>>().join(" "))
}

fn course(race: &str, taken: &[&str], events: &[&Event]) -> Course {
    let mut course = Course { rounds: taken.len(), taken: BTreeMap::new(), wrong: Vec::new() };
    if taken.len() != events.len() {
        course.wrong.push(format!("{} rounds, {} events", taken.len(), events.len()));
    }
    for (round, (taken, event)) in taken.iter().zip(events).enumerate() {
        *course.taken.entry((*taken).to_owned()).or_insert(0) += 1;
        let said = recorded(race, event);
        if said.as_deref() != Some(*taken) {
            course.wrong.push(format!(
                "round {round}: the kernel took {taken}, recorded is {said:?} by {}",
                told(event)
            ));
        }
    }
    course
}

fn race(side: Side, audit: &Audit, rounds: usize) -> Result<(Vec<Course>, BTreeMap<String, usize>)> {
    let scratch = tempfile::tempdir()?;
    let mut rules = Vec::new();
    for (number, race) in RACES.iter().enumerate() {
        std::fs::create_dir(scratch.path().join(race.name))?;
        let auid = FIRST_AUID + number as u32;
        rules.push(format!("-a always,exit -F arch=b64 -S {} -F auid={auid} -k {}", race.call, race.name));
    }
    let daemon = Daemon::start(side, audit, &rules, &[])?;
    let root = scratch.path().to_str().context("a scratch directory that is not UTF-8")?;
    let prover = Path::new(env!("CARGO_BIN_EXE_prover"));
    let mut said = Vec::new();
    for (number, race) in RACES.iter().enumerate() {
        let (auid, rounds) = ((FIRST_AUID + number as u32).to_string(), rounds.to_string());
        said.push(proof::act(prover, &["racing", root, &auid, &rounds, race.name])?.success()?);
        println!("{side:?}: {} has raced", race.name);
    }
    daemon.settle("racing-ends")?;
    let engines = if side == Side::Ours { proof::engines(daemon.directory())? } else { BTreeMap::new() };
    let log = log::parse(&daemon.stop()?)?;
    let courses = RACES
        .iter()
        .zip(&said)
        .map(|(race, said)| {
            let taken: Vec<&str> = said.split_whitespace().collect();
            // Calls that the race did not make itself have no such key.
            let events: Vec<&Event> = log.iter().filter(|event| event.has_key(race.name)).collect();
            course(race.name, &taken, &events)
        })
        .collect();
    Ok((courses, engines))
}

fn judge(side: Side, courses: &[Course], lenient: bool) -> Result<()> {
    let mut faults = Vec::new();
    for (race, course) in RACES.iter().zip(courses) {
        let wrong = course.wrong.len();
        println!(
            "{side:?}: {:<13} {} rounds, taken {:?}, {wrong} wrong",
            race.name, course.rounds, course.taken
        );
        if lenient && BY_TRACEPOINT.contains(&race.name) {
            skipped(format_args!(
                "{}: served by tracepoints, the text is that at the call's return (text-user)",
                race.name
            ));
            continue;
        }
        faults.extend(course.wrong.iter().take(3).map(|wrong| format!("{}: {wrong}", race.name)));
        if course.taken.len() < 2 {
            faults.push(format!("{}: the kernel always took the same value: nothing raced", race.name));
        }
    }
    ensure!(faults.is_empty(), "{side:?}:\n{}", faults.join("\n"));
    Ok(())
}

#[test]
fn what_is_recorded_is_what_the_kernel_acted_on() -> Result<()> {
    let audit = Audit::hold()?;
    let (courses, engines) = race(Side::Ours, &audit, size("EBPFAUDITD_ROUNDS", 200)?)?;
    judge(Side::Ours, &courses, engines.contains_key("tracepoint"))?;
    independent(&engines)
}

/// The harness against the kernel itself.
#[test]
fn the_original_passes_the_same_races() -> Result<()> {
    let audit = Audit::hold()?;
    judge(Side::Theirs, &race(Side::Theirs, &audit, 100)?.0, false)
}
