//! Loss cannot hide: with a ring of one page and a flood, or while the daemon stands still, what was produced is what was
//! written and what was lost.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::action::namespace::FLOOD;
use tests::case;
use tests::fixture::Fixture;
use tests::kernel::Audit;
use tests::log;
use tests::side::{Daemon, Side};

const CASE: &str = "flood";
const RUNS: usize = 20;

/// How long a daemon stands still after the flood: long enough for the kernel's audit to give up handing records over, five times
/// 100 ms for each of two queues (`kauditd_send_queue`, `UNICAST_RETRIES`; `audit_net_init`, `sk_sndtimeo`).
const STANDSTILL: Duration = Duration::from_secs(3);

/// The events that `auditctl -s` calls lost.
fn lost_of(daemon: &Daemon<'_>) -> Result<u64> {
    let status = daemon.auditctl(&["-s"])?.success()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("lost "))
        .with_context(|| format!("auditctl -s says no lost: {status}"))?
        .parse()
        .context("lost")
}

/// The flood's events in a log.
fn written_in(text: &str) -> Result<u64> {
    Ok(log::parse(text)?.iter().filter(|event| event.has_key(CASE)).count() as u64)
}

fn prepare() -> Result<(Audit, Fixture, Vec<String>)> {
    let audit = Audit::hold()?;
    let fixture = Fixture::make()?;
    fixture.install_actor(Path::new(env!("CARGO_BIN_EXE_actor")))?;
    let (auid, case) = case::find(CASE).context(CASE)?;
    Ok((audit, fixture, case.rule_lines(auid).collect()))
}

/// Loss in one run: what the status says, after the sums are right.
fn run(audit: &Audit, fixture: &Fixture, rules: &[String]) -> Result<u64> {
    let daemon = Daemon::start(Side::Ours, audit, rules, &["--ring-bytes", "4096"])?;
    daemon.act(&fixture.actor(), CASE, &fixture.files(), &fixture.work())?;
    daemon.settle("flood-ends")?;
    let lost = lost_of(&daemon)?;
    let counters = daemon.counters()?;
    let text = daemon.stop()?;
    let written = written_in(&text)?;
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
    let (audit, fixture, rules) = prepare()?;
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

/// The flood while the daemon is stopped, as a machine without a processor to spare may leave it: events written, and lost.
fn stand_still(side: Side, audit: &Audit, fixture: &Fixture, rules: &[String]) -> Result<(u64, u64)> {
    let daemon = Daemon::start(side, audit, rules, &[])?;
    let pid = Pid::from_raw(daemon.pid()?.try_into().context("a process id")?);
    kill(pid, Signal::SIGSTOP).context("stopping the daemon")?;
    let acted = daemon.act(&fixture.actor(), CASE, &fixture.files(), &fixture.work());
    std::thread::sleep(STANDSTILL);
    kill(pid, Signal::SIGCONT).context("going on with the daemon")?;
    acted?;
    daemon.settle("standstill-ends")?;
    let lost = lost_of(&daemon)?;
    Ok((written_in(&daemon.stop()?)?, lost))
}

/// What the original loses here, and how little of it it counts, is printed beside ours.
#[test]
fn a_standstill_of_the_daemon_hides_no_loss() -> Result<()> {
    let (audit, fixture, rules) = prepare()?;
    for side in [Side::Theirs, Side::Ours] {
        let (written, lost) = stand_still(side, &audit, &fixture, &rules)?;
        println!("{side:?} stands still: {FLOOD} calls, {written} written, {lost} lost");
        ensure!(
            side == Side::Theirs || u64::from(FLOOD) == written + lost,
            "{FLOOD} calls, {written} written, {lost} lost"
        );
    }
    Ok(())
}
