//! The same actions recorded by the original auditd and by ours: the same records with the same fields.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::case::{self, Case, Engine};
use tests::compare::{Mismatch, compare, events_of};
use tests::difference::{DIFFERENCES, OTHERS, explain};
use tests::fixture::Fixture;
use tests::kernel::Audit;
use tests::log::{self, Event};
use tests::program::{original, ours, run};
use tests::side::{Daemon, Side};

/// The actions of these cases under one side, in one run of its daemon.
fn record(side: Side, audit: &Audit, fixture: &Fixture, cases: &[(u32, &Case)]) -> Result<Vec<Event>> {
    let rules: Vec<String> = cases.iter().flat_map(|(auid, case)| case.rule_lines(*auid)).collect();
    fixture.empty_work()?;
    let daemon = Daemon::start(side, audit, &rules, &[])?;
    if side == Side::Ours {
        planned(&daemon, cases)?;
    }
    let mut failures = Vec::new();
    for (_, case) in cases {
        if let Err(error) = daemon.act(&fixture.actor(), case.name, &fixture.files(), &fixture.work()) {
            failures.push(format!("{error:#}"));
        }
    }
    daemon.settle("comparison-ends")?;
    let text = daemon.stop()?;
    let engine = cases.first().map(|(_, case)| case.engine);
    std::fs::write(kept(side, engine)?, &text).context("keeping the log")?;
    ensure!(failures.is_empty(), "{side:?}: actions failed:\n{}", failures.join("\n"));
    log::parse(&text)
}

/// Each case's rules must be on the engine that its table names, or the comparison would compare the kernel with itself.
fn planned(daemon: &Daemon<'_>, cases: &[(u32, &Case)]) -> Result<()> {
    let mut command = Command::new(ours("ebpfauditd")?);
    command.arg("--plan").arg("-c").arg(daemon.directory());
    let plan = run(&mut command, Duration::from_secs(20))?.success()?;
    // Two lines for a rule: the rule after its number, its engine.
    let engines: Vec<(&str, &str)> = plan
        .lines()
        .zip(plan.lines().skip(1))
        .filter_map(|(rule, engine)| {
            Some((rule, engine.trim_start().strip_prefix("engine: ")?.split(';').next()?))
        })
        .collect();
    for (_, case) in cases {
        let key = format!(" -F key={}", case.name);
        let mut found = engines.iter().filter(|(rule, _)| rule.ends_with(&key)).peekable();
        ensure!(found.peek().is_some(), "{}: not in the plan", case.name);
        let due = match case.engine {
            Engine::Tracepoint => "tracepoint",
            Engine::KernelAudit => "kernel audit",
        };
        for (rule, engine) in found {
            ensure!(*engine == due, "{}: planned for {engine}, not {due}: {rule}", case.name);
        }
    }
    Ok(())
}

/// Where a log stays, to be read by ausearch here and by people afterwards.
fn kept(side: Side, engine: Option<Engine>) -> Result<PathBuf> {
    let name = match (side, engine) {
        (Side::Theirs, _) => "theirs",
        (Side::Ours, Some(Engine::KernelAudit)) => "ours-by-kernel-audit",
        (Side::Ours, _) => "ours-by-tracepoint",
    };
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("comparison");
    std::fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    Ok(directory.join(format!("{name}.log")))
}

/// The events of a case as the real `ausearch -i` prints them.
fn interpreted(log: &Path, case: &Case) -> Result<Vec<Event>> {
    let mut command = Command::new(original::AUSEARCH);
    command.args(["-i", "-k", case.name, "-m", "SYSCALL", "-if"]).arg(log);
    let text = run(&mut command, Duration::from_secs(20))?.success()?;
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("type=")).collect();
    Ok(events_of(case, &log::parse(&lines.join("\n"))?))
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
    read_alike(&kept(Side::Theirs, None)?, &kept(Side::Ours, Some(Engine::Tracepoint))?)
}

/// What an administrator sees is the same, too: a few cases as the real ausearch interprets them.
fn read_alike(theirs: &Path, ours: &Path) -> Result<()> {
    const SHOWN: [&str; 9] = [
        "exec-elf",
        "exec-odd-name",
        "exec-long-binary-argument",
        "connect-inet",
        "connect-unix-enoent",
        "open-create",
        "capset",
        "setresuid",
        "mmap-file",
    ];
    for name in SHOWN {
        let (_, case) = case::find(name).with_context(|| format!("no case is called {name}"))?;
        let (theirs, ours) = (interpreted(theirs, case)?, interpreted(ours, case)?);
        ensure!(theirs.len() == case.events, "ausearch -i -k {name} finds {} events of theirs", theirs.len());
        let found: Vec<_> = compare(name, &theirs, &ours)
            .into_iter()
            .filter(|mismatch| explain(mismatch).is_none())
            .collect();
        ensure!(found.is_empty(), "as ausearch -i prints it:\n{}", show(&found));
    }
    Ok(())
}

/// Whoever reads the documentation must find every difference there.
#[test]
fn every_difference_is_documented() -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/differences.md");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let named = DIFFERENCES.iter().map(|difference| difference.id).chain(OTHERS.iter().copied());
    let headings: BTreeSet<&str> = text.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let absent: Vec<&str> = named.filter(|id| !headings.contains(id)).collect();
    ensure!(absent.is_empty(), "not in docs/differences.md: {absent:?}");
    Ok(())
}
