//! Rules are reloaded while what they name goes on: nothing is missed, nothing is recorded twice. Rules of hundreds of calls follow
//! each other, and there is room for all that they need.
//!
//! `EBPFAUDITD_RELOADS` says how often.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use audit_rules::Arch;
use audit_rules::table::syscall;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::kernel::Audit;
use tests::log;
use tests::program::wait;
use tests::proof::{self, size, trampolines};
use tests::reload::{KEYS, faults, rules};
use tests::side::{Daemon, Side};

const AUID: u32 = 45_000;
/// After as many reloads a word is said: who watches shall know a slow machine from one that stands still.
const SAID: usize = 25;

/// How the rules are loaded again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    /// The daemon reads its rules file.
    Hangup,
    /// auditctl takes the rules away and loads a file, which is one change for our daemon.
    Auditctl,
}

/// Rules that come and go beside the loop's own: for calls that nobody named, and for those that the loop makes.
fn others(round: usize) -> Vec<String> {
    let all = [
        "-a always,exit -F arch=b64 -S unlinkat,chmod -F auid=45001 -k other".to_owned(),
        "-a always,exit -F arch=b64 -S mkdir,openat -F auid=45001 -k other".to_owned(),
        "-a always,exit -F arch=b64 -S getpgid,setsid -F auid=45001 -k other".to_owned(),
        "-w /etc/passwd -p wa -k other".to_owned(),
        "-a never,exit -F arch=b64 -S openat -F auid=45002".to_owned(),
    ];
    all.into_iter().enumerate().filter(|(at, _)| (round >> at) & 1 == 1).map(|(_, rule)| rule).collect()
}

/// Waits until as many rules are listed.
fn await_rules(daemon: &Daemon<'_>, rules: &[String]) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let listed = daemon.auditctl(&["-l"])?.success()?;
        if listed.lines().filter(|line| line.starts_with('-')).count() == rules.len() {
            return Ok(());
        }
        ensure!(Instant::now() < end, "not {} rules: {listed}; it said: {}", rules.len(), daemon.said());
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Loads the rules again.
fn reload(daemon: &Daemon<'_>, means: Means, rules: &[String]) -> Result<()> {
    let text = rules.join("\n");
    match means {
        Means::Hangup => {
            std::fs::write(daemon.directory().join("audit.rules"), text + "\n")?;
            kill(Pid::from_raw(daemon.pid()? as i32), Signal::SIGHUP)?;
        }
        Means::Auditctl => {
            let path = daemon.directory().join("again.rules");
            std::fs::write(&path, format!("-D\n{text}\n"))?;
            let path = path.to_str().context("a place that is not UTF-8")?;
            daemon.auditctl(&["-R", path])?.success().context("auditctl -R")?;
        }
    }
    await_rules(daemon, rules)
}

fn looped(means: Means) -> Result<()> {
    let audit = Audit::hold()?;
    let scratch = tempfile::tempdir()?;
    std::fs::write(scratch.path().join("watched"), "")?;
    let place = scratch.path().to_str().context("a place that is not UTF-8")?;
    let own = rules(place, AUID);
    let daemon = Daemon::start(Side::Ours, &audit, &own, &[])?;
    println!("rules by engine: {:?}", proof::engines(daemon.directory())?);
    let mut prover = Command::new(Path::new(env!("CARGO_BIN_EXE_prover")))
        .args(["reload", place, &AUID.to_string()])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    // The kernel's audit changes the order of its rules only by taking some out.
    let trampolines = trampolines()?;
    let reloads = size("EBPFAUDITD_RELOADS", 20)?;
    let begin = Instant::now();
    let outcome = (1..=reloads).try_for_each(|round| -> Result<()> {
        let (mut all, mut own) = (others(round), own.to_vec());
        let mut at = 0;
        if trampolines {
            // The loop's rules stand before, between and after the others, in changing order.
            at = all.len() / 2;
            own.rotate_left(round % 3);
        }
        all.splice(at..at, own);
        reload(&daemon, means, &all).with_context(|| format!("reload {round}"))?;
        if round % SAID == 0 {
            println!("{means:?}: {round} reloads");
        }
        Ok(())
    });
    let took = begin.elapsed();
    drop(prover.stdin.take());
    let mut said = String::new();
    if let Some(mut out) = prover.stdout.take() {
        std::io::Read::read_to_string(&mut out, &mut said)?;
    }
    let status = wait(&mut prover, Duration::from_secs(10))?;
    outcome?;
    ensure!(status.success(), "the prover ended with {status}");
    let count: usize = said.trim().parse().context("how often the prover looped")?;
    daemon.settle("reload-ends")?;
    let counters = daemon.counters()?;
    let log = log::parse(&daemon.stop()?)?;
    println!(
        "{means:?}: {reloads} reloads, {count} times {} operations, {:.1} s",
        KEYS.len(),
        took.as_secs_f32()
    );
    ensure!(count >= reloads, "{count} operations during {reloads} reloads: the loop hardly ran");
    let all: Vec<String> = KEYS.iter().flat_map(|key| faults(&log, key, count)).collect();
    ensure!(all.is_empty(), "{means:?}: {}\n{counters}", all.join("\n"));
    for none in ["lost 0", "failed_runs 0"] {
        ensure!(counters.lines().any(|line| line == none), "not {none}:\n{counters}");
    }
    Ok(())
}

#[test]
fn no_gap_when_the_daemon_is_told_to_read_its_rules() -> Result<()> {
    looped(Means::Hangup)
}

#[test]
fn no_gap_when_auditctl_loads_a_file() -> Result<()> {
    looped(Means::Auditctl)
}

/// Syscalls that one of two sets of rules names on each architecture: nearly as many as have stubs of their own (`MOST_STUBS` of
/// `plan/exit_list.rs`).
const MANY: usize = 110;

/// Waits until all that the rules need is attached.
fn await_stubs(daemon: &Daemon<'_>) -> Result<()> {
    let end = Instant::now() + Duration::from_mins(1);
    while !daemon.counters()?.lines().any(|line| line == "takeover 0") {
        ensure!(Instant::now() < end, "stubs are still to be attached; it said: {}", daemon.said());
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// What is not needed any more stays attached for seconds: for a while there is twice as much of all.
#[test]
fn rules_of_hundreds_of_calls_follow_each_other() -> Result<()> {
    let audit = Audit::hold()?;
    let named = syscall::all(Arch::X86_64).map(|(_, name)| name);
    let both: Vec<&str> =
        named.filter(|name| syscall::number(Arch::I386, name.as_bytes()).is_some()).collect();
    let sets = [0, MANY].map(|first| {
        let calls = both[first..first + MANY].join(",");
        let rule = |arch: &str| format!("-a always,exit -F arch={arch} -S {calls} -F auid={AUID} -k many");
        ["b64", "b32"].map(rule)
    });
    let daemon = Daemon::start(Side::Ours, &audit, &sets[0], &[])?;
    await_stubs(&daemon)?;
    reload(&daemon, Means::Auditctl, &sets[1])?;
    await_stubs(&daemon)?;
    let (plan, said) = (daemon.plan()?, daemon.said());
    // either would be the way out, with no stub attached
    let without_stubs =
        ["kernel audit; ", "judged at the exit of every syscall"].iter().any(|way| plan.contains(way));
    ensure!(!trampolines()? || !without_stubs, "{plan}");
    ensure!(!said.contains("cannot attach") && !said.contains("no program can be attached"), "{said}");
    daemon.stop().map(drop)
}
