//! Nothing of ours stays in the kernel: after a stop, after `kill -9`, after a start that failed.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::kernel::{Audit, auditctl};
use tests::objects::objects;
use tests::program::{ours, run};
use tests::side::{Daemon, Side};

/// How long the kernel may take to free what nobody holds any more.
const LIMIT: Duration = Duration::from_mins(2);

/// Rules for every engine that there is.
const RULES: [&str; 5] = [
    "-a always,exit -F arch=b64 -S execve,connect,kill -F auid=46000 -k remains",
    "-a always,exit -F arch=b64 -S openat,unlink,rename,chmod -F auid=46000 -k remains",
    "-w /etc/passwd -p wa -k remains",
    "-a always,exit -F dir=/etc -F perm=wa -F auid=46000 -k remains",
    "-a always,exit -F arch=b64 -S mkdir -F success=0 -F auid=46000 -k remains",
];

/// What the kernel holds: BPF objects, audit rules, settings of audit.
#[derive(Debug, PartialEq, Eq)]
struct State {
    objects: BTreeSet<(&'static str, u32)>,
    rules: String,
    settings: Vec<String>,
}

fn state() -> Result<State> {
    let status = auditctl(&["-s"])?;
    let names = ["enabled ", "failure ", "pid ", "rate_limit ", "backlog_limit ", "loginuid_immutable "];
    let settings = status.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
    Ok(State {
        objects: objects()?,
        rules: auditctl(&["-l"])?,
        settings: settings.map(str::to_owned).collect(),
    })
}

/// Waits until there is no BPF object that was not there before: the kernel frees them a little later.
fn await_gone(before: &State, what: &str) -> Result<()> {
    let end = Instant::now() + LIMIT;
    loop {
        let now = objects()?;
        let left: Vec<_> = now.difference(&before.objects).collect();
        if left.is_empty() {
            return Ok(());
        }
        ensure!(Instant::now() < end, "after {what} there are still {left:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The audit rules and settings must be as before.
fn as_before(before: &State, what: &str) -> Result<()> {
    await_gone(before, what)?;
    let now = state()?;
    ensure!(
        now.rules == before.rules && now.settings == before.settings,
        "after {what}: {} {:?}\nbefore: {} {:?}",
        now.rules,
        now.settings,
        before.rules,
        before.settings
    );
    Ok(())
}

fn started<'a>(audit: &'a Audit, before: &State) -> Result<Daemon<'a>> {
    let daemon = Daemon::start(Side::Ours, audit, &RULES.map(str::to_owned), &[])?;
    let held = objects()?.difference(&before.objects).count();
    ensure!(held > 0, "a running daemon has no BPF objects: this test would see nothing");
    println!("a running daemon has {held} BPF objects");
    Ok(daemon)
}

/// Something that the rules name, so that their programs have run.
fn act(daemon: &Daemon<'_>) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    for number in 0..200 {
        let path = scratch.path().join(number.to_string());
        std::fs::write(&path, "")?;
        std::fs::rename(&path, scratch.path().join("other"))?;
        ensure!(std::fs::create_dir(scratch.path()).is_err(), "a directory was made twice");
    }
    for _ in 0..20 {
        run(&mut Command::new("true"), LIMIT)?.success()?;
    }
    daemon.settle("remains-acted")
}

#[test]
fn nothing_remains_after_a_stop() -> Result<()> {
    let audit = Audit::hold()?;
    let before = state()?;
    for _ in 0..3 {
        let daemon = started(&audit, &before)?;
        act(&daemon)?;
        let counters = daemon.counters()?;
        let failed: Vec<&str> = counters.lines().filter(|line| line.starts_with("failed_")).collect();
        let rescued = counters.lines().find(|line| line.starts_with("rescued_runs "));
        println!("{}, {}", rescued.context("no rescued_runs")?, failed.join(", "));
        ensure!(!failed.is_empty(), "no failures are counted at all:\n{counters}");
        ensure!(failed.iter().all(|line| line.ends_with(" 0")), "programs failed:\n{counters}");
        ensure!(counters.lines().any(|line| line == "lost 0"), "events were lost:\n{counters}");
        let status = daemon.auditctl(&["-s"])?.success()?;
        let failed = status.lines().filter(|line| line.starts_with("failed")).count();
        ensure!(failed == 0, "auditctl -s tells of failures: {status}");
        daemon.stop()?;
        as_before(&before, "a stop")?;
    }
    Ok(())
}

/// BPF objects go with the process. What it set in the kernel's audit cannot: the next start with its run directory
/// repairs that (`end-restores`).
#[test]
fn nothing_remains_after_a_kill() -> Result<()> {
    let audit = Audit::hold()?;
    let before = state()?;
    let daemon = started(&audit, &before)?;
    let pid = daemon.pid()?;
    kill(Pid::from_raw(pid as i32), Signal::SIGKILL)?;
    await_gone(&before, "kill -9")?;
    let kept = tempfile::tempdir()?;
    for name in ["auditd.conf", "audit.rules", "plugins.d", "run"] {
        let copied =
            run(Command::new("cp").arg("-a").arg(daemon.directory().join(name)).arg(kept.path()), LIMIT)?;
        copied.success().context(name)?;
    }
    let mut child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--"])
        .arg(ours("ebpfauditd")?)
        .args(["-n", "-c"])
        .arg(daemon.directory())
        .arg("--run-dir")
        .arg(kept.path().join("run"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let end = Instant::now() + LIMIT;
    while daemon.log()?.matches("type=DAEMON_START").count() < 2 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM)?;
    let status = tests::program::wait(&mut child, LIMIT)?;
    let repaired = as_before(&before, "kill -9, a start and a stop");
    // The killed daemon's end is no success, and known.
    drop(daemon);
    audit.restore()?;
    ensure!(status.success(), "the second daemon ended with {status}");
    repaired
}

/// Starts that fail, early and late.
#[test]
fn nothing_remains_after_a_failed_start() -> Result<()> {
    let _audit = Audit::hold()?;
    let before = state()?;
    let rules = RULES.join("\n");
    let wrong = format!("{rules}\n-a always,exit -F nonsense=1\n");
    let limits: [&[&str]; 4] = [&[], &["--nofile=24:24"], &["--nofile=48:48"], &["--as=200000000"]];
    let mut failures = 0;
    for (name, rules, conf, run_dir, limits) in [
        ("a wrong rule", wrong.as_str(), "", "run", limits[0]),
        ("a wrong configuration", &rules, "no_such_key = 1\n", "run", limits[0]),
        ("no place for the control socket", &rules, "", "auditd.conf/run", limits[0]),
        ("no place for the log", &rules, "log_file = /proc/nowhere/audit.log\n", "run", limits[0]),
        ("24 descriptors", &rules, "", "run", limits[1]),
        ("48 descriptors", &rules, "", "run", limits[2]),
        ("little memory", &rules, "", "run", limits[3]),
    ] {
        let scratch = tempfile::tempdir()?;
        let outcome =
            failing(scratch.path(), rules, conf, run_dir, limits).with_context(|| name.to_owned())?;
        println!("{name}: {outcome}");
        failures += usize::from(outcome != "it runs");
        as_before(&before, name)?;
    }
    ensure!(failures >= 4, "only {failures} starts failed");
    Ok(())
}

/// Starts the daemon and waits for its end; one that starts after all is stopped.
fn failing(place: &Path, rules: &str, conf: &str, run_dir: &str, limits: &[&str]) -> Result<String> {
    std::fs::create_dir(place.join("plugins.d"))?;
    std::fs::write(place.join("audit.rules"), rules)?;
    let log = place.join("audit.log");
    let log_line =
        if conf.contains("log_file") { String::new() } else { format!("log_file = {}\n", log.display()) };
    let plugins = place.join("plugins.d");
    let conf = format!("{log_line}log_format = ENRICHED\nplugin_dir = {}\n{conf}", plugins.display());
    std::fs::write(place.join("auditd.conf"), conf)?;
    // Killed with this thread, should the test give up.
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--", "prlimit"])
        .args(limits)
        .arg(ours("ebpfauditd")?)
        .args(["-n", "-c"])
        .arg(place);
    command.arg("--run-dir").arg(place.join(run_dir)).stdin(Stdio::null());
    let errors = std::fs::File::create(place.join("stderr"))?;
    let mut child = command.stdout(errors.try_clone()?).stderr(errors).spawn().context("prlimit")?;
    let end = Instant::now() + LIMIT;
    let mut stopped = false;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        let running = std::fs::read_to_string(&log).is_ok_and(|text| text.contains("type=DAEMON_START"));
        if (running || Instant::now() > end) && !stopped {
            kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM)?;
            stopped = true;
        }
        ensure!(Instant::now() < end + LIMIT, "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    };
    if stopped && status.success() {
        return Ok("it runs".to_owned());
    }
    ensure!(!status.success(), "it ended well, without having run");
    let said = std::fs::read_to_string(place.join("stderr"))?;
    Ok(format!("{status}: {}", said.lines().last().unwrap_or_default()))
}
