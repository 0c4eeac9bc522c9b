//! The life of rules as administrators and configuration tools lead it: added, listed, deleted, loaded, locked.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use compat::audit::{Audit as _, StatusField};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::kernel::{Audit, auditctl};
use tests::log;
use tests::program::run;
use tests::side::{Daemon, Side};

const LIMIT: Duration = Duration::from_secs(20);
/// Nobody else asks for the session of a process with such a number.
const ASKED: i32 = 0x00ab_cdef;

/// A rule that one call of [`ask`] matches.
fn rule(key: &str, number: i32) -> Vec<String> {
    let words = format!("-a always,exit -F arch=b64 -S getsid -F a0={number} -k {key}");
    words.split(' ').map(str::to_owned).collect()
}

/// Makes the call, which fails: there is no such process.
fn ask(number: i32) {
    let _ = nix::unistd::getsid(Some(Pid::from_raw(number)));
}

fn words(line: &[String]) -> Vec<&str> {
    line.iter().map(String::as_str).collect()
}

fn write(daemon: &Daemon<'_>, name: &str, lines: &[&[String]]) -> Result<String> {
    let path = daemon.directory().join(name);
    let text: Vec<String> = lines.iter().map(|line| line.join(" ")).collect();
    std::fs::write(&path, text.join("\n") + "\n")?;
    path.into_os_string().into_string().ok().context("a place that is not UTF-8")
}

fn listed(daemon: &Daemon<'_>) -> Result<Vec<String>> {
    let text = daemon.auditctl(&["-l"])?.success()?;
    Ok(text.lines().filter(|line| line.starts_with('-')).map(str::to_owned).collect())
}

fn await_key(daemon: &Daemon<'_>, key: &str, count: usize) -> Result<()> {
    let end = Instant::now() + LIMIT;
    loop {
        let found = log::parse(&daemon.log()?)?.iter().filter(|event| event.has_key(key)).count();
        if found == count {
            return Ok(());
        }
        ensure!(found < count, "{key} is recorded {found} times instead of {count}");
        ensure!(Instant::now() < end, "{key} is recorded {found} times instead of {count}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What the originals say of a rule while everything is locked.
const IMMUTABLE: &str = "The audit system is in immutable mode, no rule changes allowed";

/// What is refused when a daemon that had locked everything has ended, and that the kernel stays as that left it.
fn refuses_without_a_daemon(daemon: &Daemon<'_>) -> Result<()> {
    for request in [&words(&rule("late", ASKED))[..], &["-w", "/etc/hosts"], &["-d", "never,task"]] {
        let said = daemon.auditctl(request)?;
        ensure!(said.stderr.contains(IMMUTABLE) && said.status.code() == Some(1), "{request:?}: {said:?}");
    }
    for request in ["-e 0", "-b 99", "-f 0", "-r 1", "-D", "-D -k one", "-t", "-q /proc,/sys"] {
        let said = daemon.auditctl(&request.split(' ').collect::<Vec<_>>())?;
        let refused = said.stderr.contains("(Operation not permitted)") && said.status.code() == Some(255);
        ensure!(refused, "{request}: {said:?}");
    }
    ensure!(daemon.auditctl(&["-s"])?.success()?.starts_with("enabled 2\n"), "it says that it is not locked");
    ensure!(daemon.auditctl(&["-l"])?.success()? == "No rules\n", "rules are left in the kernel");
    ensure!(auditctl(&["-s"])?.starts_with("enabled 0\n"), "the kernel is not as it was");
    Ok(())
}

/// What is refused while everything is locked, and that nothing changed by it.
fn refuses(daemon: &Daemon<'_>, locked: &[String]) -> Result<()> {
    let mut control = daemon.control()?;
    let rules = control.list_rules()?;
    let refused = |result: std::io::Result<()>, what: &str| -> Result<()> {
        let errno = result.err().and_then(|error| error.raw_os_error());
        ensure!(errno == Some(Errno::EPERM as i32), "{what} while locked: {errno:?}");
        Ok(())
    };
    refused(control.add_rule(&rules[0]), "adding a rule")?;
    refused(control.delete_rule(&rules[0]), "deleting a rule")?;
    refused(control.set(StatusField::Enabled, 0).map(drop), "disabling")?;
    refused(control.set(StatusField::BacklogLimit, 99).map(drop), "a backlog limit")?;
    let said = daemon.auditctl(&words(&rule("late", ASKED)))?;
    ensure!(said.stderr.contains(IMMUTABLE), "adding a rule: {said:?}");
    let file = write(daemon, "late.rules", &[&rule("late", ASKED)])?;
    let said = daemon.auditctl(&["-R", &file])?;
    ensure!(!said.stdout.contains("late"), "loading a file: {said:?}");
    let said = daemon.auditctl(&["-D"])?;
    ensure!(said.stderr.contains("Error deleting rule (Operation not permitted)"), "deleting all: {said:?}");
    ensure!(said.status.code() == Some(255), "deleting all: {said:?}");
    ensure!(daemon.auditctl(&["-s"])?.success()?.starts_with("enabled 2\n"), "it says that it is not locked");
    ensure!(listed(daemon)? == locked, "the rules changed: {:?}", listed(daemon)?);
    Ok(())
}

/// What a configuration tool does, up to the lock, which stays whatever becomes of the daemon and of its file.
#[test]
fn rules_are_managed_and_then_locked_until_the_next_boot() -> Result<()> {
    let audit = Audit::hold()?;
    let mut daemon = Daemon::start(Side::Ours, &audit, &[], &[])?;
    let (one, two) = (rule("one", ASKED), rule("two", ASKED + 1));

    daemon.auditctl(&words(&one))?.success()?;
    ensure!(listed(&daemon)?.len() == 1, "after the first rule: {:?}", listed(&daemon)?);
    ask(ASKED);
    await_key(&daemon, "one", 1)?;
    let mut delete = one.clone();
    delete[0] = "-d".to_owned();
    daemon.auditctl(&words(&delete))?.success()?;
    ask(ASKED);
    ensure!(daemon.auditctl(&["-l"])?.success()? == "No rules\n", "the rule is not deleted");
    daemon.auditctl(&words(&one))?.success()?;
    let file = write(&daemon, "managed.rules", &[&["-D".to_owned()], &one, &two])?;
    daemon.auditctl(&["-R", &file])?.success()?;
    ensure!(listed(&daemon)?.len() == 2, "after -R: {:?}", listed(&daemon)?);
    ask(ASKED);
    ask(ASKED + 1);
    await_key(&daemon, "one", 2)?;
    await_key(&daemon, "two", 1)?;
    ensure!(daemon.auditctl(&["-D"])?.success()? == "No rules\n", "-D leaves rules");
    daemon.auditctl(&["-R", &file])?.success()?;
    daemon.auditctl(&["-e", "2"])?.success()?;
    let locked = listed(&daemon)?;
    ensure!(locked.len() == 2, "{locked:?}");
    refuses(&daemon, &locked)?;

    write(&daemon, "audit.rules", &[&["-D".to_owned()], &["-e".to_owned(), "0".to_owned()]])?;
    kill(Pid::from_raw(daemon.pid()? as i32), Signal::SIGHUP)?;
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        // What is not in the log yet goes with a daemon that is killed.
        daemon.settle(&format!("before-{signal}"))?;
        daemon.restart(signal)?;
        ensure!(daemon.said().contains("The audit system is in immutable mode"), "{}", daemon.said());
        refuses(&daemon, &locked)?;
    }
    ask(ASKED);
    await_key(&daemon, "one", 3)?;

    daemon.end()?;
    refuses_without_a_daemon(&daemon)?;
    let changes = log::changes(&daemon.log()?);
    let session = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}"));
    // Where a security module gives contexts, ours too is in the records, without its mode.
    let context = session("attr/current").unwrap_or_default();
    let context = context.trim_end_matches(['\n', '\0']).split(" (").next().unwrap_or_default();
    let context = if context.is_empty() { String::new() } else { format!(" subj={context}") };
    let ids = format!("auid={} ses={}{context}", session("loginuid")?.trim(), session("sessionid")?.trim());
    let times = |text: &str| changes.iter().filter(|change| change.contains(text)).count();
    for (text, count) in [
        (format!("{ids} op=add_rule key=\"one\" list=4 res=1"), 4),
        (format!("{ids} op=remove_rule key=\"one\" list=4 res=1"), 3),
        (format!("op=set audit_enabled=2 old=1 {ids} res=1"), 1),
        // by the control socket, and not by auditctl, which asks before
        (format!("pid=N uid=0 {ids} op=add_rule audit_enabled=2 res=0"), 3),
        (format!("pid=N uid=0 {ids} op=remove_rule audit_enabled=2 res=0"), 6),
        (format!("op=set audit_enabled=0 old=2 {ids} res=0"), 3),
        (format!("op=set audit_backlog_limit=99 old=8192 {ids} res=0"), 3),
    ] {
        ensure!(times(&text) == count, "{text:?} is there {} times, not {count}: {changes:#?}", times(&text));
    }
    // The lock is ours: the kernel is as it was.
    ensure!(auditctl(&["-s"])?.starts_with("enabled 0\n"), "the kernel is not as it was");
    Ok(())
}

#[test]
fn nothing_is_recorded_while_auditing_is_off() -> Result<()> {
    let audit = Audit::hold()?;
    let daemon = Daemon::start(Side::Ours, &audit, &[rule("one", ASKED).join(" ")], &[])?;
    let work = Path::new("/etc/hostname").display().to_string();
    for round in 1..=3 {
        daemon.auditctl(&["-e", "0"])?.success()?;
        for _ in 0..50 {
            ask(ASKED);
        }
        run(Command::new("true").arg(&work), LIMIT)?.success()?;
        daemon.auditctl(&["-m", "not-recorded"])?.success()?;
        ensure!(daemon.auditctl(&["-s"])?.success()?.starts_with("enabled 0\n"), "it is on");
        daemon.auditctl(&["-e", "1"])?.success()?;
        ask(ASKED);
        await_key(&daemon, "one", round)?;
    }
    daemon.settle("off-ends")?;
    let text = daemon.stop()?;
    ensure!(!text.contains("not-recorded"), "a message was recorded while auditing was off");
    let log = log::parse(&text)?;
    ensure!(log.iter().filter(|event| event.has_key("one")).count() == 3, "{text}");
    let changes = log::changes(&text);
    let off = changes.iter().filter(|change| change.contains("audit_enabled=0 old=1")).count();
    let on = changes.iter().filter(|change| change.contains("audit_enabled=1 old=0")).count();
    // The kernel tells of a change if auditing was on before it.
    ensure!((off, on) == (3, 0), "{off} and {on}: {changes:#?}");
    Ok(())
}

/// What both sides are asked to do, one after the other; some of it is refused.
const REQUESTS: [&str; 24] = [
    "-b 8000",
    "-b 8192",
    "-r 5000",
    "-r 0",
    "-f 0",
    "-f 1",
    "--backlog_wait_time 100",
    "-e 1",
    "-a always,exit -F arch=b64 -S getsid -F a0=11259375 -k one",
    "-a always,exit -F arch=b64 -S getsid -F a0=11259375 -k one",
    "-A never,exit -F arch=b64 -S getsid -F a0=11259376",
    "-a always,exit -F arch=b64 -S getsid -F a0=11259377 -k has\u{e4}odd -k more",
    "-a always,user -F uid=12345",
    "-d always,exit -F arch=b64 -S getsid -F a0=11259375 -k one",
    "-d always,exit -F arch=b64 -S getsid -F a0=11259375 -k one",
    "-w /no-such-directory/file -p w -k lost",
    "-w /etc/hostname -p w -k watch",
    "-W /etc/hostname -p w -k watch",
    "-t",
    "-q /proc,/sys",
    "--reset-lost",
    "--reset_backlog_wait_time_actual",
    "-D",
    "-e 0",
];

/// The records of the requests, in the order of the requests.
fn records_of_requests(side: Side, audit: &Audit) -> Result<Vec<String>> {
    let daemon = Daemon::start(side, audit, &[], &[])?;
    daemon.settle("requests-begin")?;
    for request in REQUESTS {
        daemon.auditctl(&request.split(' ').collect::<Vec<_>>())?;
    }
    daemon.auditctl(&["-e", "1"])?;
    daemon.settle("requests-end")?;
    let text = daemon.stop()?;
    let begin = text.find("requests-begin").context("no begin")?;
    let end = text.find("requests-end").context("no end")?;
    Ok(log::changes(&text[begin..end]))
}

#[test]
fn changes_are_recorded_as_by_the_original() -> Result<()> {
    let audit = Audit::hold()?;
    let theirs = records_of_requests(Side::Theirs, &audit)?;
    let ours = records_of_requests(Side::Ours, &audit)?;
    ensure!(theirs.len() >= REQUESTS.len(), "{theirs:#?}");
    ensure!(theirs == ours, "theirs: {theirs:#?}\nours: {ours:#?}");
    Ok(())
}
