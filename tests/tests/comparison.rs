//! The same actions recorded by the original auditd and by ours: the same records with the same fields.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::case::{self, Case, Engine};
use tests::compare::{Mismatch, compare, events_of};
use tests::difference::{DIFFERENCES, explain};
use tests::fixture::Fixture;
use tests::kernel::Audit;
use tests::log::{self, Event};
use tests::program::run;
use tests::side::{Daemon, Side};

/// The actions of these cases under one side, in one run of its daemon.
fn record(side: Side, audit: &Audit, fixture: &Fixture, cases: &[(u32, &Case)]) -> Result<Vec<Event>> {
    let rules: Vec<String> = cases.iter().flat_map(|(auid, case)| case.rule_lines(*auid)).collect();
    fixture.empty_work()?;
    let daemon = Daemon::start(side, audit, &rules, &[])?;
    let mut failures = Vec::new();
    for (auid, case) in cases {
        let mut actor = Command::new(fixture.actor());
        actor.arg(case.name).arg(auid.to_string()).arg(fixture.files()).arg(fixture.work()).env_clear();
        let outcome = run(&mut actor, Duration::from_secs(20)).with_context(|| case.name)?;
        if !outcome.status.success() {
            failures.push(format!("{}: {}: {}", case.name, outcome.status, outcome.stderr.trim()));
        }
    }
    daemon.settle("comparison-ends")?;
    let text = daemon.stop()?;
    keep(side, &text)?;
    ensure!(failures.is_empty(), "{side:?}: actions failed:\n{}", failures.join("\n"));
    log::parse(&text)
}

/// Leaves the log where it can be looked at afterwards.
fn keep(side: Side, text: &str) -> Result<()> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("comparison-{side:?}.log"));
    std::fs::write(&path, text).with_context(|| path.display().to_string())
}

fn prepare() -> Result<(Audit, Fixture)> {
    let audit = Audit::hold()?;
    let fixture = Fixture::make()?;
    fixture.install_actor(Path::new(env!("CARGO_BIN_EXE_actor")))?;
    Ok((audit, fixture))
}

fn mismatches(cases: &[(u32, &Case)], theirs: &[Event], ours: &[Event]) -> Vec<Mismatch> {
    cases
        .iter()
        .flat_map(|(_, case)| compare(case.name, &events_of(case, theirs), &events_of(case, ours)))
        .collect()
}

/// The kernel must record each case as often as its table says, or the comparison would compare nothing.
fn counted(log: &[Event]) -> Result<()> {
    let wrong: Vec<String> = case::all()
        .map(|(_, case): (u32, &Case)| (case, events_of(case, log).len()))
        .filter(|(case, found)| *found != case.events)
        .map(|(case, found)| format!("{}: {found} events, {} expected", case.name, case.events))
        .collect();
    ensure!(wrong.is_empty(), "the original auditd's log:\n{}", wrong.join("\n"));
    Ok(())
}

fn show(mismatches: &[Mismatch]) -> String {
    mismatches.iter().map(Mismatch::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn names_are_unique_and_there_are_enough() {
    let names: BTreeSet<&str> = case::all().map(|(_, case)| case.name).collect();
    assert_eq!(names.len(), case::all().count());
    assert!(names.len() >= 80, "{} cases", names.len());
}

/// The harness against itself: what it calls equal is equal without any allowance, so a difference is the engine's.
#[test]
fn the_original_agrees_with_itself() -> Result<()> {
    let (audit, fixture) = prepare()?;
    let cases: Vec<_> = case::all().collect();
    let first = record(Side::Theirs, &audit, &fixture, &cases)?;
    counted(&first)?;
    let second = record(Side::Theirs, &audit, &fixture, &cases)?;
    let found = mismatches(&cases, &first, &second);
    ensure!(found.is_empty(), "two runs of the original differ:\n{}", show(&found));
    Ok(())
}

#[test]
fn ours_agrees_with_the_original() -> Result<()> {
    let (audit, fixture) = prepare()?;
    let cases: Vec<_> = case::all().collect();
    let theirs = record(Side::Theirs, &audit, &fixture, &cases)?;
    counted(&theirs)?;
    let mut found = Vec::new();
    for engine in [Engine::Tracepoint, Engine::KernelAudit] {
        // Apart, because rules that share a syscall share an engine, and one of these names every syscall.
        let cases: Vec<_> = case::all().filter(|(_, case)| case.engine == engine).collect();
        let ours = record(Side::Ours, &audit, &fixture, &cases)?;
        found.extend(mismatches(&cases, &theirs, &ours));
    }
    let (explained, unexplained): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|mismatch| explain(mismatch).is_some());
    ensure!(
        unexplained.is_empty(),
        "{} differences that nobody allowed:\n{}",
        unexplained.len(),
        show(&unexplained)
    );
    let used: BTreeSet<&str> = explained.iter().filter_map(explain).map(|difference| difference.id).collect();
    let unused: Vec<&str> =
        DIFFERENCES.iter().map(|difference| difference.id).filter(|id| !used.contains(id)).collect();
    ensure!(unused.is_empty(), "allowed, but not needed: {unused:?}");
    Ok(())
}

/// Whoever reads the documentation must find every difference there.
#[test]
fn every_difference_is_documented() -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/differences.md");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let absent: Vec<&str> = DIFFERENCES
        .iter()
        .map(|difference| difference.id)
        .filter(|id| !text.contains(&format!("`{id}`")))
        .collect();
    ensure!(absent.is_empty(), "not in docs/differences.md: {absent:?}");
    Ok(())
}
