//! Rules that other programs put into the kernel over netlink: a program linked to libaudit, and the original auditctl under another
//! name, which both know nothing of us.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tests::kernel::Audit;
use tests::libaudit;
use tests::log;
use tests::program::{original, run};
use tests::side::{Daemon, Side};

const LIMIT: Duration = Duration::from_secs(20);
/// Nobody else asks for the session of a process with such a number.
const ASKED: &str = "11259375";
/// A rule of `audit.rules`, for calls that nobody makes.
const OWN: &str = "-a always,exit -F arch=b64 -S setsid -F auid=12345 -F key=own";
/// How often the program asks, some 0.2 ms apart.
const COUNT: usize = 5000;

/// Waits until our auditctl lists the rules with these keys, in this order.
fn await_keys(daemon: &Daemon<'_>, keys: &[&str]) -> Result<()> {
    let end = Instant::now() + LIMIT;
    loop {
        let listed = daemon.auditctl(&["-l"])?.success()?;
        let found: Vec<&str> =
            listed.lines().filter_map(|line| line.rsplit_once("key=").map(|(_, key)| key)).collect();
        if found == keys {
            return Ok(());
        }
        ensure!(
            Instant::now() < end,
            "listed are {found:?}, not {keys:?}; the daemon said: {}",
            daemon.said()
        );
        thread::sleep(Duration::from_millis(1));
    }
}

/// How often each call is recorded under this key, by its second argument.
fn recorded(daemon: &Daemon<'_>, key: &str) -> Result<BTreeMap<usize, usize>> {
    let mut times = BTreeMap::new();
    for event in log::parse(&daemon.log()?)?.iter().filter(|event| event.has_key(key)) {
        let number = usize::from_str_radix(event.syscall("a1").context("no a1")?, 16)?;
        *times.entry(number).or_insert(0) += 1;
    }
    Ok(times)
}

#[test]
fn a_program_of_libaudit_adds_lists_and_deletes_rules() -> Result<()> {
    let audit = Audit::hold()?;
    let scratch = tempfile::tempdir()?;
    let program = libaudit::program(scratch.path())?;
    let do_rules = |words: &[&str]| run(Command::new(&program).args(words), LIMIT);
    let daemon = Daemon::start(Side::Ours, &audit, &[OWN.to_owned()], &[])?;

    do_rules(&["add-and-ask", ASKED, "added", &COUNT.to_string()])?.success()?;
    await_keys(&daemon, &["own", "added"])?;
    let plan = daemon.plan()?;
    daemon.settle("asked")?;
    let times = recorded(&daemon, "added")?;
    let first = *times.keys().next().context("nothing is recorded")?;
    let once: BTreeMap<usize, usize> = (first..COUNT).map(|number| (number, 1)).collect();
    ensure!(times == once, "from the first on each call is recorded once: {times:?}");
    // Where there are trampolines the program is held until its rule is in force.
    let late = if plan.contains("engine: trampoline") { 0 } else { COUNT / 10 };
    ensure!(
        first <= late,
        "{first} of {COUNT} calls had been made before one was recorded; the plan:\n{plan}"
    );

    // The program sees its own rule, and ours says that it is there.
    let again = do_rules(&["add", ASKED, "added"])?;
    ensure!(again.stderr.contains("File exists"), "adding it again: {again:?}");
    let listed = do_rules(&["list"])?.success()?;
    ensure!(listed.lines().any(|key| key == "added"), "the program lists {listed:?}");
    do_rules(&["prepend", ASKED, "first"])?.success()?;
    await_keys(&daemon, &["first", "own", "added"])
        .or_else(|_| await_keys(&daemon, &["own", "first", "added"]))?;
    do_rules(&["delete", ASKED, "first"])?.success()?;
    await_keys(&daemon, &["own", "added"])?;
    do_rules(&["delete", ASKED, "added"])?.success()?;
    await_keys(&daemon, &["own"])?;
    let listed = do_rules(&["list"])?.success()?;
    ensure!(!listed.lines().any(|key| key == "added"), "the program lists {listed:?}");
    let before = recorded(&daemon, "added")?;
    // Nobody records it now, neither we nor the kernel.
    let _ = nix::unistd::getsid(Some(Pid::from_raw(ASKED.parse()?)));
    daemon.settle("asked-again")?;
    ensure!(recorded(&daemon, "added")? == before, "a deleted rule records");
    // Deleted here, it is gone from the kernel too.
    do_rules(&["add", ASKED, "twice"])?.success()?;
    await_keys(&daemon, &["own", "twice"])?;
    daemon.auditctl(&["-D", "-k", "twice"])?.success()?;
    let listed = do_rules(&["list"])?.success()?;
    ensure!(!listed.lines().any(|key| key == "twice"), "the program lists {listed:?}");
    daemon.stop()?;
    Ok(())
}

/// Its sender waits until a rule is in force, and neither it nor anybody else is to notice.
#[test]
fn nobody_sees_a_program_wait() -> Result<()> {
    let audit = Audit::hold()?;
    let scratch = tempfile::tempdir()?;
    let program = libaudit::program(scratch.path())?;
    let words = [
        OWN.to_owned(),
        format!("-a always,exit -F arch=b64 -S sendto -F exe={} -F key=sent", program.display()),
    ];
    let daemon = Daemon::start(Side::Ours, &audit, &words, &[])?;
    let child = Command::new(&program).args(["add", ASKED, "added"]).spawn()?;
    let child = Pid::from_raw(i32::try_from(child.id())?);
    let seen = waitpid(child, Some(WaitPidFlag::WUNTRACED | WaitPidFlag::WCONTINUED))?;
    ensure!(seen == WaitStatus::Exited(child, 0), "its parent sees {seen:?}");
    await_keys(&daemon, &["own", "sent", "added"])?;
    daemon.settle("sent")?;
    let sent = log::parse(&daemon.log()?)?.iter().filter(|event| event.has_key("sent")).count();
    ensure!(sent == 1, "the rule was sent once, and is recorded to be sent {sent} times");
    daemon.stop()?;
    run(Command::new(&program).args(["delete", ASKED, "added"]), LIMIT)?.success()?;
    Ok(())
}

/// Whom the kernel will refuse does not get a rule into force before the kernel has refused it.
#[test]
fn a_program_without_privilege_gets_no_rule_into_force() -> Result<()> {
    let audit = Audit::hold()?;
    let scratch = tempfile::tempdir()?;
    let program = libaudit::program(scratch.path())?;
    std::fs::set_permissions(scratch.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let daemon = Daemon::start(Side::Ours, &audit, &[OWN.to_owned()], &[])?;
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-audit_control", "--inh-caps", "-audit_control"]).arg(&program);
    let refused = run(command.args(["add", ASKED, "added"]), LIMIT)?;
    ensure!(refused.stderr.contains("Operation not permitted"), "the kernel says {refused:?}");
    let listed = daemon.auditctl(&["-l"])?.success()?;
    ensure!(!listed.contains("key=added"), "listed is {listed}");
    ensure!(!daemon.said().contains("key=added"), "the daemon said: {}", daemon.said());
    daemon.stop()?;
    Ok(())
}

/// Whoever adds a rule while the daemon ends goes on as without it, also as long as the kernel still takes its programs off.
#[test]
fn nobody_waits_for_a_daemon_that_ends() -> Result<()> {
    let audit = Audit::hold()?;
    let scratch = tempfile::tempdir()?;
    let program = libaudit::program(scratch.path())?;
    for _ in 0..3 {
        let daemon = Daemon::start(Side::Ours, &audit, &[OWN.to_owned()], &[])?;
        let over = AtomicBool::new(false);
        let (rounds, stopped) = thread::scope(|scope| {
            let adding = scope.spawn(|| -> Result<usize> {
                let mut rounds = 0;
                loop {
                    let is_last = over.load(Ordering::Relaxed);
                    for verb in ["add", "delete"] {
                        run(Command::new(&program).args([verb, ASKED, "added"]), LIMIT)?
                            .success()
                            .with_context(|| format!("{verb}, round {rounds}"))?;
                    }
                    rounds += 1;
                    if is_last {
                        return Ok(rounds);
                    }
                }
            });
            thread::sleep(Duration::from_millis(500));
            let stopped = daemon.stop();
            // until the kernel has taken off what took its time
            thread::sleep(Duration::from_secs(1));
            over.store(true, Ordering::Relaxed);
            (adding.join(), stopped)
        });
        stopped?;
        let rounds = rounds.map_err(|_| anyhow!("the thread that adds rules has panicked"))??;
        ensure!(rounds > 3, "only {rounds} rounds");
        audit.restore()?;
    }
    Ok(())
}

/// What is in force because it was about to come does not stay when it does not come.
#[test]
fn a_rule_that_the_kernel_does_not_get_is_taken_out_again() -> Result<()> {
    let audit = Audit::hold()?;
    let scratch = tempfile::tempdir()?;
    let program = libaudit::program(scratch.path())?;
    let daemon = Daemon::start(Side::Ours, &audit, &[OWN.to_owned()], &[])?;
    let plan = daemon.plan()?;
    run(Command::new(&program).args(["send-elsewhere", ASKED, "lost"]), LIMIT)?.success()?;
    let end = Instant::now() + LIMIT;
    while plan.contains("engine: trampoline") && !daemon.said().contains("the kernel has not taken it") {
        ensure!(Instant::now() < end, "the daemon said: {}", daemon.said());
        thread::sleep(Duration::from_millis(20));
    }
    await_keys(&daemon, &["own"])?;
    // The next one is taken for what it is.
    run(Command::new(&program).args(["add", ASKED, "added"]), LIMIT)?.success()?;
    await_keys(&daemon, &["own", "added"])?;
    run(Command::new(&program).args(["delete", ASKED, "added"]), LIMIT)?.success()?;
    await_keys(&daemon, &["own"])?;
    daemon.stop()?;
    Ok(())
}

#[test]
fn the_original_auditctl_under_another_name_works_on() -> Result<()> {
    let audit = Audit::hold()?;
    let scratch = tempfile::tempdir()?;
    let copy = scratch.path().join("rulesctl");
    std::fs::copy(original::AUDITCTL, &copy)?;
    let auditctl =
        |words: &[&str]| -> Result<String> { run(Command::new(&copy).args(words), LIMIT)?.success() };
    let daemon = Daemon::start(Side::Ours, &audit, &[OWN.to_owned()], &[])?;
    let watched = scratch.path().join("watched");
    std::fs::write(&watched, "x")?;
    let path = watched.to_str().context("a place that is not UTF-8")?;

    let lines = [
        format!("-a always,exit -F arch=b64 -S getsid -F a0={ASKED} -F key=called"),
        format!("-a always,exit -F path={path} -F perm=w -F key=watched"),
    ];
    let rules: [Vec<&str>; 2] = [lines[0].split(' ').collect(), lines[1].split(' ').collect()];
    auditctl(&rules[0])?;
    await_keys(&daemon, &["own", "called"])?;
    auditctl(&rules[1])?;
    let listed = || -> Result<String> { daemon.auditctl(&["-l"])?.success() };
    let end = Instant::now() + LIMIT;
    while !listed()?.contains(path) {
        ensure!(Instant::now() < end, "the watch is not adopted: {}", listed()?);
    }
    let theirs = auditctl(&["-l"])?;
    ensure!(theirs.contains("-F key=called") && theirs.contains("-k watched"), "it lists {theirs}");
    let _ = nix::unistd::getsid(Some(Pid::from_raw(ASKED.parse()?)));
    // A shell of its own, born since: where the kernel serves the watch, it has an audit context.
    run(Command::new("sh").args(["-c", &format!("sh -c 'echo y >> {path}; true'; true")]), LIMIT)?
        .success()?;
    daemon.settle("used")?;
    let log = log::parse(&daemon.log()?)?;
    for key in ["called", "watched"] {
        let times = log.iter().filter(|event| event.has_key(key)).count();
        ensure!(times == 1, "{key} is recorded {times} times");
    }
    for rule in &rules {
        let mut words = rule.clone();
        words[0] = "-d";
        auditctl(&words)?;
    }
    await_keys(&daemon, &["own"])?;
    // What is left in the kernel when we end is what others have put there.
    auditctl(&rules[0])?;
    await_keys(&daemon, &["own", "called"])?;
    daemon.stop()?;
    let left = auditctl(&["-l"])?;
    auditctl(&["-D"])?;
    ensure!(left.lines().count() == 1 && left.contains("-F key=called"), "left in the kernel: {left}");
    Ok(())
}
