//! Rules that other programs put into the kernel over netlink: a program linked to libaudit, and the original auditctl under another
//! name, which both know nothing of us.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tests::kernel::Audit;
use tests::log;
use tests::program::{original, run};
use tests::side::{Daemon, Side};
use tests::skip::skipped;

const LIMIT: Duration = Duration::from_secs(20);
/// Nobody else asks for the session of a process with such a number.
const ASKED: &str = "11259375";
/// How often the program asks, some 0.2 ms apart.
const COUNT: usize = 5000;

/// The program, compiled into this directory; `None` where there is no C compiler, as in the virtual machines.
fn libaudit_program(directory: &Path) -> Result<Option<PathBuf>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs/libaudit-rules.c");
    let program = directory.join("libaudit-rules");
    let mut compiler = Command::new("gcc");
    compiler.args(["-Wall", "-Werror", "-o"]).arg(&program).arg(source).arg("-laudit");
    match run(&mut compiler, LIMIT) {
        Ok(outcome) => outcome.success().context("libaudit-dev (make deps)").map(|_| Some(program)),
        Err(error) if error.chain().any(|cause| cause.to_string().contains("No such file")) => Ok(None),
        Err(error) => Err(error),
    }
}

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
        std::thread::sleep(Duration::from_millis(1));
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
    let Some(program) = libaudit_program(scratch.path())? else {
        skipped("a program of libaudit: no C compiler here");
        return Ok(());
    };
    let do_rules = |words: &[&str]| run(Command::new(&program).args(words), LIMIT);
    let own = "-a always,exit -F arch=b64 -S setsid -F auid=12345 -F key=own".to_owned();
    let daemon = Daemon::start(Side::Ours, &audit, &[own], &[])?;

    do_rules(&["add-and-ask", ASKED, "added", &COUNT.to_string()])?.success()?;
    await_keys(&daemon, &["own", "added"])?;
    let plan = daemon.plan()?;
    daemon.settle("asked")?;
    let times = recorded(&daemon, "added")?;
    let first = *times.keys().next().context("nothing is recorded")?;
    println!("the first of {COUNT} calls that is recorded is the {first}th; the plan:\n{plan}");
    let once: BTreeMap<usize, usize> = (first..COUNT).map(|number| (number, 1)).collect();
    ensure!(times == once, "from the first on each call is recorded once: {times:?}");
    ensure!(first < COUNT / 10, "{first} of {COUNT} calls had been made before one was recorded");

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
    let _ = nix::unistd::getsid(Some(nix::unistd::Pid::from_raw(ASKED.parse()?)));
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

#[test]
fn the_original_auditctl_under_another_name_works_on() -> Result<()> {
    let audit = Audit::hold()?;
    let scratch = tempfile::tempdir()?;
    let copy = scratch.path().join("rulesctl");
    std::fs::copy(original::AUDITCTL, &copy)?;
    let auditctl =
        |words: &[&str]| -> Result<String> { run(Command::new(&copy).args(words), LIMIT)?.success() };
    let own = "-a always,exit -F arch=b64 -S setsid -F auid=12345 -F key=own".to_owned();
    let daemon = Daemon::start(Side::Ours, &audit, &[own], &[])?;
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
    let _ = nix::unistd::getsid(Some(nix::unistd::Pid::from_raw(ASKED.parse()?)));
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
