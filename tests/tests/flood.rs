//! Loss cannot hide: with a ring of one page and a flood, what was produced is what was written and what was lost.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use tests::action::namespace::FLOOD;
use tests::case;
use tests::fixture::Fixture;
use tests::kernel::Audit;
use tests::log;
use tests::side::{Daemon, Side};

const CASE: &str = "flood";
const RUNS: usize = 20;

/// Loss in one run: what the status says, after the sums are right.
fn run(audit: &Audit, fixture: &Fixture, rules: &[String]) -> Result<u64> {
    let daemon = Daemon::start(Side::Ours, audit, rules, &["--ring-bytes", "4096"])?;
    daemon.act(&fixture.actor(), CASE, &fixture.files(), &fixture.work())?;
    daemon.settle("flood-ends")?;
    let status = daemon.auditctl(&["-s"])?.success()?;
    let lost: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("lost "))
        .with_context(|| format!("auditctl -s says no lost: {status}"))?
        .parse()
        .context("lost")?;
    let counters = daemon.counters()?;
    let text = daemon.stop()?;
    let written = log::parse(&text)?.iter().filter(|event| event.has_key(CASE)).count() as u64;
    ensure!(
        u64::from(FLOOD) == written + lost,
        "{FLOOD} calls, {written} written, {lost} lost; the daemon counted:\n{counters}"
    );
    // The engine's own sum, which counts at the hook.
    let counted = |name: &str| -> Result<u64> {
        let line = counters.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.with_context(|| format!("no {name} among the counters:\n{counters}"))?
            .parse()
            .context("a counter")
    };
    let (produced, taken) = (counted("produced_ebpf")?, counted("events_ebpf")?);
    ensure!(produced >= u64::from(FLOOD) && produced == taken + lost, "{counters}");
    if lost > 0 {
        let said: u64 = text
            .lines()
            .filter(|line| line.starts_with("type=DAEMON_ERR"))
            .filter_map(|line| line.split(" lost=").nth(1)?.split(' ').next()?.parse::<u64>().ok())
            .sum();
        ensure!(said == lost, "{lost} events were lost, but the log tells of {said}");
    }
    Ok(lost)
}

#[test]
fn produced_is_written_and_lost() -> Result<()> {
    let audit = Audit::hold()?;
    let fixture = Fixture::make()?;
    fixture.install_actor(Path::new(env!("CARGO_BIN_EXE_actor")))?;
    let (auid, case) = case::find(CASE).context(CASE)?;
    let rules: Vec<String> = case.rule_lines(auid).collect();
    let mut lost = Vec::new();
    for number in 1..=RUNS {
        lost.push(run(&audit, &fixture, &rules).with_context(|| format!("run {number}"))?);
    }
    ensure!(
        lost.iter().any(|lost| *lost > 0),
        "a ring of one page lost nothing in {RUNS} floods of {FLOOD}: {lost:?}"
    );
    println!("{RUNS} floods of {FLOOD}, lost: {lost:?}");
    Ok(())
}
