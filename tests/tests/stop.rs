//! `-f 2`: a machine that cannot record stops, and only then. Whoever runs this does not hear how it ends: what the kernel says
//! last is read by the runner of the virtual machines.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::kernel::{Audit, ends_with_its_tests};
use tests::log;
use tests::side::{Daemon, Side};

/// Nobody else asks for the session of a process with such a number.
const ASKED: i32 = 0x00ab_cdef;
/// Far more calls than a ring of one page has room for.
const FLOOD: usize = 20_000;
/// The daemon looks at its losses once a second.
const TIME_TO_NOTICE: Duration = Duration::from_secs(4);
const LIMIT: Duration = Duration::from_mins(1);

/// Makes calls that the rule is about, while the daemon cannot take their events.
fn lose(daemon: &Daemon<'_>) -> Result<()> {
    let pid = Pid::from_raw(daemon.pid()?.try_into().context("a process id")?);
    kill(pid, Signal::SIGSTOP)?;
    ask(FLOOD);
    kill(pid, Signal::SIGCONT)?;
    Ok(())
}

fn ask(times: usize) {
    for _ in 0..times {
        // It fails: there is no such process.
        let _ = nix::unistd::getsid(Some(Pid::from_raw(ASKED)));
    }
}

/// How many events the log says were lost, in how many records.
fn losses(daemon: &Daemon<'_>) -> Result<usize> {
    let text = daemon.log()?;
    Ok(text.lines().filter(|line| line.starts_with("type=DAEMON_ERR") && line.contains("lost=")).count())
}

fn await_losses(daemon: &Daemon<'_>, more_than: usize) -> Result<()> {
    let end = Instant::now() + LIMIT;
    while losses(daemon)? <= more_than {
        ensure!(Instant::now() < end, "nothing was lost: {}", daemon.counters()?);
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

#[test]
fn the_machine_stops_when_events_are_lost_and_only_then() -> Result<()> {
    if !ends_with_its_tests("that -f 2 stops the machine") {
        return Ok(());
    }
    let audit = Audit::hold()?;
    let rule = format!("-a always,exit -F arch=b64 -S getsid -F a0={ASKED} -k one");
    let daemon = Daemon::start(Side::Ours, &audit, &[rule], &["--ring-bytes", "4096"])?;
    // Lost, but nobody asked for a stop.
    for mode in ["0", "1"] {
        daemon.auditctl(&["-f", mode])?.success()?;
        let before = losses(&daemon)?;
        lose(&daemon)?;
        await_losses(&daemon, before)?;
    }
    // Asked for, but nothing is lost.
    std::thread::sleep(TIME_TO_NOTICE);
    daemon.auditctl(&["-f", "2"])?.success()?;
    ensure!(daemon.auditctl(&["-s"])?.success()?.contains("\nfailure 2\n"), "-f 2 is not read back");
    let before = log::parse(&daemon.log()?)?.len();
    ask(1);
    daemon.settle("nothing-lost")?;
    std::thread::sleep(TIME_TO_NOTICE);
    ensure!(log::parse(&daemon.log()?)?.len() > before, "the call is not recorded");
    println!("@vm stop");
    lose(&daemon)?;
    std::thread::sleep(LIMIT);
    bail!("events were lost, and the machine goes on: {}", daemon.counters()?);
}
