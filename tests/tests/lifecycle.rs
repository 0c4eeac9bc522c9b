//! A whole life of the daemon: what stands in its log, who can read it, and that the kernel is left as it was.

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::case;
use tests::fixture::Fixture;
use tests::kernel::{Audit, auditctl};
use tests::log::{self, Event};
use tests::program::{original, run};
use tests::side::{Daemon, Side};

const LIMIT: Duration = Duration::from_secs(20);

/// A life with two cases, one for each engine: the log's text, and a file that holds it.
fn live(audit: &Audit, scratch: &Path) -> Result<(Vec<Event>, std::path::PathBuf)> {
    let fixture = Fixture::make()?;
    fixture.install_actor(Path::new(env!("CARGO_BIN_EXE_actor")))?;
    let mut rules = Vec::new();
    for name in ["exec-elf", "rename"] {
        let (auid, case) = case::find(name).context(name)?;
        rules.extend(case.rule_lines(auid));
    }
    let daemon = Daemon::start(Side::Ours, audit, &rules, &[])?;
    for name in ["exec-elf", "rename"] {
        daemon.act(&fixture.actor(), name, &fixture.files(), &fixture.work())?;
    }
    daemon.settle("lifecycle-ends")?;
    let text = daemon.stop()?;
    let path = scratch.join("audit.log");
    std::fs::write(&path, &text)?;
    Ok((log::parse(&text)?, path))
}

fn kinds<'a>(events: &'a [Event], kind: &str) -> Vec<&'a Event> {
    events.iter().filter(|event| event.record(kind).is_some()).collect()
}

#[test]
fn a_log_begins_and_ends_and_has_both_engines_in_one_sequence() -> Result<()> {
    let audit = Audit::hold()?;
    let scratch = tempfile::tempdir()?;
    let (events, _) = live(&audit, scratch.path())?;
    let first = events.first().context("an empty log")?;
    ensure!(first.record("DAEMON_START").is_some(), "the log begins with {first:?}");
    let last = events.last().context("an empty log")?;
    ensure!(last.record("DAEMON_END").is_some(), "the log ends with {last:?}");
    ensure!(kinds(&events, "USER").len() == 1, "USER: {:?}", kinds(&events, "USER"));
    for name in ["exec-elf", "rename"] {
        let found = events.iter().filter(|event| event.has_key(name)).count();
        ensure!(found == 1, "{name} is there {found} times");
    }
    let added = events
        .iter()
        .filter_map(|event| event.record("CONFIG_CHANGE"))
        .filter(|record| record.value("op") == Some("add_rule"))
        .count();
    ensure!(added >= 2, "{added} rules are said to be added");
    let stamps: HashSet<&str> = events.iter().map(|event| event.stamp.as_str()).collect();
    ensure!(stamps.len() == events.len(), "two events share a stamp");
    Ok(())
}

#[test]
fn the_kernel_is_left_as_it_was_found() -> Result<()> {
    let audit = Audit::hold()?;
    let scratch = tempfile::tempdir()?;
    let settings = || -> Result<Vec<String>> {
        let status = auditctl(&["-s"])?;
        let names = ["enabled ", "failure ", "pid ", "rate_limit ", "backlog_limit ", "loginuid_immutable "];
        Ok(status
            .lines()
            .filter(|line| names.iter().any(|name| line.starts_with(name)))
            .map(str::to_owned)
            .collect())
    };
    let before = (settings()?, auditctl(&["-l"])?);
    live(&audit, scratch.path())?;
    let after = (settings()?, auditctl(&["-l"])?);
    ensure!(before == after, "before: {before:?}\nafter: {after:?}");
    Ok(())
}

#[test]
fn the_original_tools_read_the_log() -> Result<()> {
    let audit = Audit::hold()?;
    let scratch = tempfile::tempdir()?;
    let (events, path) = live(&audit, scratch.path())?;
    let raw = run(Command::new(original::AUSEARCH).arg("--raw").arg("-if").arg(&path), LIMIT)?.success()?;
    let read = log::parse(&raw)?;
    ensure!(read.len() == events.len(), "ausearch reads {} of {} events", read.len(), events.len());
    let lines = |events: &[Event]| events.iter().map(|event| event.records.len()).sum::<usize>();
    ensure!(lines(&read) == lines(&events), "ausearch reads {} of {} records", lines(&read), lines(&events));
    let summary = run(Command::new(original::AUREPORT).arg("-if").arg(&path), LIMIT)?.success()?;
    let number = |name: &str| -> Result<usize> {
        let line = summary.lines().find_map(|line| line.strip_prefix(name));
        line.with_context(|| format!("aureport says no {name}: {summary}"))?
            .trim()
            .parse()
            .context("a number")
    };
    // It counts a LOGIN record apart from the system call that made it.
    let logins =
        events.iter().filter(|event| event.records.len() > 1 && event.record("LOGIN").is_some()).count();
    ensure!(number("Number of events:")? == events.len() + logins, "of {} events: {summary}", events.len());
    ensure!(number("Number of keys:")? >= 2, "aureport: {summary}");
    let executables =
        run(Command::new(original::AUREPORT).args(["-x", "-i", "-if"]).arg(&path), LIMIT)?.success()?;
    ensure!(executables.contains("/usr/bin/true"), "aureport -x: {executables}");
    Ok(())
}
