//! A process in a nested PID namespace: whose numbers are recorded.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use tests::case;
use tests::fixture::Fixture;
use tests::kernel::Audit;
use tests::log::{self, Event};
use tests::side::{Daemon, Side};

const CASE: &str = "nested-namespace";

/// What was recorded, and the true numbers of the two processes, in the root namespace.
struct Recording {
    events: Vec<Event>,
    one: String,
    two: String,
}

fn record(side: Side, audit: &Audit) -> Result<Recording> {
    let (auid, case) = case::find(CASE).context(CASE)?;
    let fixture = Fixture::make()?;
    fixture.install_actor(Path::new(env!("CARGO_BIN_EXE_actor")))?;
    let rules: Vec<String> = case.rule_lines(auid).collect();
    let daemon = Daemon::start(side, audit, &rules, &[])?;
    let said = daemon.act(&fixture.actor(), CASE, &fixture.files(), &fixture.work())?;
    daemon.settle("namespace-ends")?;
    let events = log::parse(&daemon.stop()?)?.into_iter().filter(|event| event.has_key(CASE)).collect();
    let number = |name: &str| -> Result<String> {
        let line = said.lines().find_map(|line| line.strip_prefix(name));
        Ok(line.with_context(|| format!("the actor said no {name}: {said}"))?.trim().to_owned())
    };
    Ok(Recording { events, one: number("one ")?, two: number("two ")? })
}

/// The record of process 1 giving birth to process 2, and of the kill.
fn birth_and_kill(recording: &Recording) -> Result<(&Event, &Event)> {
    let of_one = |number: &str| {
        let found = recording.events.iter().find(|event| {
            event.syscall("syscall") == Some(number) && event.syscall("pid") == Some(&recording.one)
        });
        found.with_context(|| format!("process {} has no event of syscall {number}", recording.one))
    };
    Ok((of_one("57")?, of_one("62")?))
}

fn object(kill: &Event) -> Option<&str> {
    kill.record("OBJ_PID").and_then(|record| record.value("opid"))
}

#[test]
fn our_numbers_are_those_of_the_root_namespace() -> Result<()> {
    let audit = Audit::hold()?;
    let recording = record(Side::Ours, &audit)?;
    let (birth, kill) = birth_and_kill(&recording)?;
    let parent = recording
        .events
        .iter()
        .find(|event| event.syscall("syscall") == Some("57") && event.syscall("exit") == Some(&recording.one))
        .context("the birth of process 1")?;
    ensure!(birth.syscall("ppid") == parent.syscall("pid"), "ppid: {birth:?}");
    ensure!(birth.syscall("exit") == Some(&recording.two), "exit is not {}: {birth:?}", recording.two);
    ensure!(object(kill) == Some(&recording.two), "opid is not {}: {kill:?}", recording.two);
    // The register is what the program passed: its own namespace's number.
    ensure!(kill.syscall("a0") == Some("2"), "a0: {kill:?}");
    Ok(())
}

/// What the kernel's own audit says: the child as the caller sees it, everything else as the root namespace does.
#[test]
fn the_kernel_says_the_child_as_its_parent_sees_it() -> Result<()> {
    let audit = Audit::hold()?;
    let recording = record(Side::Theirs, &audit)?;
    let (birth, kill) = birth_and_kill(&recording)?;
    ensure!(birth.syscall("exit") == Some("2"), "exit: {birth:?}");
    ensure!(object(kill) == Some(&recording.two), "opid: {kill:?}");
    Ok(())
}
