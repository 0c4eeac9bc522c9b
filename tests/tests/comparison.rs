//! The same actions recorded by the original auditd and by ours: the same records with the same fields.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::case::{self, Case, Engine};
use tests::compare::{Mismatch, compare, events_of};
use tests::difference::{DIFFERENCES, OTHERS, explain};
use tests::fixture::Fixture;
use tests::kernel::{Audit, has_trampolines};
use tests::log::{self, Event};
use tests::program::{original, run};
use tests::side::{Daemon, Side};
use tests::skip::skipped;

type Cases = [(u32, &'static Case)];

/// What one side made of the cases.
struct Recording {
    events: Vec<Event>,
    /// What the actor of each case said.
    told: HashMap<&'static str, String>,
    /// Cases that could not be played as their table says.
    troubles: Vec<Mismatch>,
    /// The kept log that each case is in.
    logs: HashMap<&'static str, PathBuf>,
}

/// What is wrong with a case as a whole.
fn trouble(case: &Case, what: &str, due: &str, found: &str) -> Mismatch {
    Mismatch {
        case: case.name.to_owned(),
        event: 0,
        record: what.to_owned(),
        index: 0,
        field: String::new(),
        theirs: Some(due.to_owned()),
        ours: Some(found.to_owned()),
    }
}

impl Recording {
    fn of(&self, case: &Case) -> Vec<Event> {
        events_of(case, &self.events, self.told.get(case.name).map_or("", String::as_str))
    }

    /// Whether all of a case is there, to the last record of each syscall.
    fn is_whole(&self, case: &Case) -> bool {
        let events = self.of(case);
        let excludes = case.rules.iter().any(|rule| rule.contains("exclude"));
        let ends = |event: &Event| event.record("SYSCALL").is_none() || event.record("PROCTITLE").is_some();
        events.len() == case.events && (excludes || events.iter().all(ends))
    }

    /// Takes these cases from another recording.
    fn take(&mut self, cases: &Cases, other: Self) {
        self.events.retain(|event| !cases.iter().any(|(_, case)| event.has_key(case.name)));
        self.events.extend(other.events);
        self.told.extend(other.told);
        self.troubles.retain(|trouble| !cases.iter().any(|(_, case)| trouble.case == case.name));
        self.troubles.extend(other.troubles);
        self.logs.extend(other.logs);
    }
}

/// How often the original may record again what it has lost.
const TRIES: usize = 3;

/// The cases as the original records them. On a machine that is busy it loses events (`tests/flood` shows how; 31 were seen,
/// behind one with 6 MiB of arguments, and all of fifteen cases in a row). What is missing is played again, for ours is measured by it.
fn original_of(audit: &Audit, fixture: &Fixture, cases: &Cases) -> Result<Recording> {
    let mut whole = record(By::Theirs { again: 0 }, audit, fixture, cases)?;
    for again in 1..=TRIES {
        let lost: Vec<_> = cases.iter().copied().filter(|(_, case)| !whole.is_whole(case)).collect();
        if lost.is_empty() {
            break;
        }
        let names: Vec<&str> = lost.iter().map(|(_, case)| case.name).collect();
        println!("the original has not recorded all of {names:?}: once more");
        whole.take(&lost, record(By::Theirs { again }, audit, fixture, &lost)?);
    }
    Ok(whole)
}

/// How many cases have their rules loaded at the same time. The kernel takes some 10 ms to unload one, and each is tried at
/// each call that it names.
const GROUP: usize = 100;

/// Who records, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// `again`: how often it had been tried before.
    Theirs {
        again: usize,
    },
    Ours {
        trampolines: bool,
    },
}

impl By {
    fn side(self) -> Side {
        match self {
            Self::Theirs { .. } => Side::Theirs,
            Self::Ours { .. } => Side::Ours,
        }
    }

    /// Options of the daemon.
    fn options(self) -> Result<&'static [&'static str]> {
        let masked = self == Self::Ours { trampolines: false } && has_trampolines()?;
        Ok(if masked { &["--mask-engine", "trampoline"] } else { &[] })
    }
}

/// The actions of these cases under one side, in one run of its daemon. Each group's rules replace the last one's.
fn record(by: By, audit: &Audit, fixture: &Fixture, cases: &Cases) -> Result<Recording> {
    let mut recording =
        Recording { events: Vec::new(), told: HashMap::new(), troubles: Vec::new(), logs: HashMap::new() };
    let side = by.side();
    let daemon = Daemon::start(side, audit, &[], by.options()?)?;
    for (number, group) in cases.chunks(GROUP).enumerate() {
        eprintln!("{side:?}: cases {} to {}", number * GROUP + 1, number * GROUP + group.len());
        record_group(by, &daemon, fixture, group, &mut recording)
            .with_context(|| format!("{side:?}: {}", daemon.said()))?;
    }
    let text = daemon.stop()?;
    let engine = cases.first().map(|(_, case)| case.engine);
    let log = kept(by, engine)?;
    std::fs::write(&log, &text).with_context(|| format!("keeping {}", log.display()))?;
    recording.events = log::parse(&text)?;
    recording.logs = cases.iter().map(|(_, case)| (case.name, log.clone())).collect();
    Ok(recording)
}

/// One group; what the actors told and which of them failed goes to the recording.
fn record_group(
    by: By,
    daemon: &Daemon<'_>,
    fixture: &Fixture,
    cases: &Cases,
    recording: &mut Recording,
) -> Result<()> {
    fixture.empty_work()?;
    let mut rules = Vec::new();
    for (auid, case) in cases {
        rules.extend(fixture.rules(*auid, case)?);
    }
    daemon.replace_rules(&rules)?;
    if let By::Ours { trampolines } = by {
        recording.troubles.extend(planned(daemon, cases, trampolines)?);
    }
    for (_, case) in cases {
        match daemon.act(&fixture.actor(), case.name, &fixture.files(), &fixture.work()) {
            Ok(said) => drop(recording.told.insert(case.name, said)),
            Err(error) => {
                let said = format!("{error:#}");
                let lines = said.lines().filter(|line| !line.starts_with("inode "));
                let said = lines.collect::<Vec<_>>().join("; ");
                recording.troubles.push(trouble(case, &format!("{by:?}: action"), "done", &said));
            }
        }
    }
    daemon.settle(&format!("comparison-ends {}", cases[0].1.name))
}

/// Each case's rules must be on the engine that its table names, or the comparison would compare the kernel with itself.
fn planned(daemon: &Daemon<'_>, cases: &Cases, trampolines: bool) -> Result<Vec<Mismatch>> {
    let plan = daemon.plan()?;
    // Three lines for a rule: the rule after its number, its engine, the reason.
    let lines: Vec<&str> = plan.lines().collect();
    let engines: Vec<(&str, &str, &str)> = lines
        .windows(3)
        .filter_map(|three| {
            let engine = three[1].trim_start().strip_prefix("engine: ")?.split(';').next()?;
            Some((three[0], engine, three[2].trim_start()))
        })
        .collect();
    let masked = !trampolines && has_trampolines()?;
    let mut wrong = Vec::new();
    for (_, case) in cases {
        let key = format!(" -F key={}", case.name);
        let mut found = engines.iter().filter(|(rule, ..)| rule.ends_with(&key)).peekable();
        ensure!(found.peek().is_some(), "{}: not in the plan", case.name);
        // What tracepoints can serve depends on the kernel.
        let due = if masked { &["tracepoint", "kernel audit"] } else { case.engines(trampolines) };
        for (rule, engine, why) in found.filter(|(_, engine, _)| !due.contains(engine)) {
            wrong.push(trouble(case, "plan", &due.join(" or "), &format!("{engine}, {why}: {rule}")));
        }
    }
    Ok(wrong)
}

/// The cases that this kernel can play; says which it cannot, and why.
fn playable() -> Vec<(u32, &'static Case)> {
    case::all()
        .filter(|(_, case)| match case.obstacle.and_then(|obstacle| obstacle()) {
            Some(why) => {
                println!("scenario {}/{}: skipped: {why}", case::family(case.name), case.name);
                false
            }
            None => true,
        })
        .collect()
}

/// Where a log stays, to be read by ausearch here and by people afterwards.
fn kept(by: By, engine: Option<Engine>) -> Result<PathBuf> {
    let name = match (by, engine) {
        (By::Theirs { again: 0 }, _) => "theirs".to_owned(),
        (By::Theirs { again }, _) => format!("theirs-again-{again}"),
        (By::Ours { .. }, Some(Engine::KernelAudit)) => "ours-by-kernel-audit".to_owned(),
        (By::Ours { .. }, _) => "ours-by-tracepoint".to_owned(),
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
    Ok(events_of(case, &log::parse(&lines.join("\n"))?, ""))
}

fn prepare() -> Result<(Audit, Fixture)> {
    let audit = Audit::hold()?;
    let fixture = Fixture::make()?;
    fixture.install_actor(Path::new(env!("CARGO_BIN_EXE_actor")))?;
    Ok((audit, fixture))
}

fn mismatches(cases: &Cases, theirs: &Recording, ours: &Recording) -> Vec<Mismatch> {
    let compared = cases.iter().flat_map(|(_, case)| compare(case.name, &theirs.of(case), &ours.of(case)));
    ours.troubles.iter().cloned().chain(compared).collect()
}

/// The kernel must record each case as often as its table says, or the comparison would compare nothing.
fn counted(cases: &Cases, recording: &Recording) -> Vec<Mismatch> {
    let wrong = cases.iter().filter_map(|(_, case)| {
        let found = recording.of(case).len();
        let due = || format!("{} events", case.events);
        (found != case.events).then(|| trouble(case, "log", &due(), &format!("{found} events")))
    });
    recording.troubles.iter().cloned().chain(wrong).collect()
}

/// How each case went, a line for each.
fn report(cases: &Cases, found: &[Mismatch], trampolines: bool) {
    for (_, case) in cases {
        let own: Vec<_> = found.iter().filter(|mismatch| mismatch.case == case.name).collect();
        let outcome = match own.iter().find(|mismatch| explain(mismatch, trampolines).is_none()) {
            Some(first) => format!("differing: {}", first.to_string().replace('\n', " ")),
            None if own.is_empty() => "equal".to_owned(),
            None => {
                let ids: BTreeSet<&str> =
                    own.iter().filter_map(|own| explain(own, trampolines)).map(|one| one.id).collect();
                format!("equal: but for {ids:?}")
            }
        };
        println!("scenario {}/{}: {outcome}", case::family(case.name), case.name);
    }
}

fn show(mismatches: &[Mismatch]) -> String {
    mismatches.iter().map(Mismatch::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn names_are_unique_and_there_are_enough() {
    let names: BTreeSet<&str> = case::all().map(|(_, case)| case.name).collect();
    assert_eq!(names.len(), case::all().count());
    assert!(names.len() >= 800, "{} cases", names.len());
}

/// The harness against itself: what it calls equal is equal without any allowance, so a difference is the engine's.
#[test]
fn the_original_agrees_with_itself() -> Result<()> {
    let (audit, fixture) = prepare()?;
    let cases = playable();
    let first = original_of(&audit, &fixture, &cases)?;
    let mut found = counted(&cases, &first);
    let second = original_of(&audit, &fixture, &cases)?;
    found.extend(mismatches(&cases, &first, &second));
    ensure!(found.is_empty(), "two runs of the original differ:\n{}", show(&found));
    Ok(())
}

/// The cases under ours, each kind of them apart; what is different from what `theirs` holds of them.
fn differences(
    audit: &Audit,
    fixture: &Fixture,
    cases: &Cases,
    theirs: &Recording,
    trampolines: bool,
) -> Result<Vec<Mismatch>> {
    let mut found = Vec::new();
    for (engine, every) in
        [(Engine::Tracepoint, false), (Engine::KernelAudit, false), (Engine::KernelAudit, true)]
    {
        // Apart, because rules that share a syscall share an engine.
        let is_of_them = |case: &Case| case.engine == engine && case.names_every_syscall() == every;
        let cases: Vec<_> = cases.iter().copied().filter(|(_, case)| is_of_them(case)).collect();
        let ours = record(By::Ours { trampolines }, audit, fixture, &cases)?;
        found.extend(mismatches(&cases, theirs, &ours));
    }
    Ok(found)
}

/// Fails for what nobody allowed; gives the names of the differences that were met.
fn allowed(found: Vec<Mismatch>, trampolines: bool) -> Result<BTreeSet<&'static str>> {
    let (explained, unexplained): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|mismatch| explain(mismatch, trampolines).is_some());
    ensure!(
        unexplained.is_empty(),
        "{} differences that nobody allowed:\n{}",
        unexplained.len(),
        show(&unexplained)
    );
    let met = explained.iter().filter_map(|mismatch| explain(mismatch, trampolines));
    Ok(met.map(|difference| difference.id).collect())
}

#[test]
fn ours_agrees_with_the_original() -> Result<()> {
    let trampolines = has_trampolines()?;
    let (audit, fixture) = prepare()?;
    let cases = playable();
    let theirs = original_of(&audit, &fixture, &cases)?;
    let mut found = counted(&cases, &theirs);
    found.extend(differences(&audit, &fixture, &cases, &theirs, trampolines)?);
    report(&cases, &found, trampolines);
    let used = allowed(found, trampolines)?;
    let here = DIFFERENCES.iter().filter(|difference| difference.on.demands(trampolines));
    let unused: Vec<&str> = here.map(|difference| difference.id).filter(|id| !used.contains(id)).collect();
    ensure!(unused.is_empty(), "allowed, but not needed: {unused:?}");
    let ours = kept(By::Ours { trampolines }, Some(Engine::Tracepoint))?;
    read_alike(&theirs, &ours, trampolines)
}

/// The same rules and actions where the trampolines are masked off: the other engines serve every rule.
#[test]
fn without_trampolines_ours_agrees_as_well() -> Result<()> {
    if !has_trampolines()? {
        skipped("the comparison without trampolines: it is the one above, for this kernel has none");
        return Ok(());
    }
    let (audit, fixture) = prepare()?;
    let cases = playable();
    let theirs = original_of(&audit, &fixture, &cases)?;
    allowed(differences(&audit, &fixture, &cases, &theirs, false)?, false).map(drop)
}

/// What an administrator sees is the same, too: a few cases as the real ausearch interprets them.
fn read_alike(theirs: &Recording, ours: &Path, trampolines: bool) -> Result<()> {
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
        let log = theirs.logs.get(name).with_context(|| format!("{name} has not been recorded"))?;
        let (theirs, ours) = (interpreted(log, case)?, interpreted(ours, case)?);
        ensure!(theirs.len() == case.events, "ausearch -i -k {name} finds {} events of theirs", theirs.len());
        let found: Vec<_> = compare(name, &theirs, &ours)
            .into_iter()
            .filter(|mismatch| explain(mismatch, trampolines).is_none())
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
