//! A rules file with errors: all of them are said, nothing of it takes effect, and what was in force goes on.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::unistd::{Pid, getsid};
use tests::kernel::Audit;
use tests::log;
use tests::side::{Daemon, Side};

/// Nobody else asks for the session of a process with such a number.
const ASKED: i32 = 0x00ab_cd01;
const LINES: usize = 200;
/// How often the file is tried while others are recorded.
const TRIES: usize = 10;
const LIMIT: Duration = Duration::from_secs(20);

/// Line, what stands there, and what is wrong with it: the column, and the words.
const BAD: [(usize, &str, &str); 3] = [
    (17, "-a always,exit -F arch=b64 -S nosuchcall -k bad", "28: Syscall name unknown: nosuchcall"),
    (101, "-a always,exit -F arch=b64 -S open -F bogus=1", "36: -F unknown field: bogus"),
    (200, "-w relative -p wa", "1: The path must start with '/'"),
];

fn text() -> String {
    let mut text = String::new();
    for line in 1..=LINES {
        let bad = BAD.iter().find(|bad| bad.0 == line).map(|bad| bad.1.to_owned());
        let line =
            bad.unwrap_or_else(|| format!("-a always,exit -F arch=b64 -S getsid -F a0={line} -k late"));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{line}");
    }
    text
}

fn said(path: &Path) -> String {
    let path = path.display();
    BAD.iter().fold(String::new(), |mut text, (line, _, what)| {
        let _ = writeln!(text, "{path}:{line}:{what}\nThere was an error in line {line} of {path}");
        text
    })
}

#[test]
fn three_bad_lines_among_two_hundred_change_nothing() -> Result<()> {
    let audit = Audit::hold()?;
    let kept = format!("-a always,exit -F arch=b64 -S getsid -F a0={ASKED} -k kept");
    let daemon = Daemon::start(Side::Ours, &audit, &[kept], &[])?;
    let listed = daemon.auditctl(&["-l"])?.success()?;
    let path = daemon.directory().join("bad.rules");
    std::fs::write(&path, text())?;
    let name = path.to_str().context("a place that is not UTF-8")?;

    let (asked, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| -> Result<()> {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // It fails, for there is no such process; that is recorded too.
                let _ = getsid(Some(Pid::from_raw(ASKED)));
                asked.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let tried = (0..TRIES).try_for_each(|_| {
            let outcome = daemon.auditctl(&["-R", name])?;
            ensure!(outcome.status.code() == Some(1), "{outcome:?}");
            ensure!(outcome.stderr == said(&path) && outcome.stdout.is_empty(), "{outcome:?}");
            ensure!(daemon.auditctl(&["-l"])?.success()? == listed, "the rules changed");
            Ok(())
        });
        done.store(true, Ordering::Relaxed);
        tried
    })?;

    let asked = asked.into_inner();
    ensure!(asked > TRIES, "only {asked} calls were made meanwhile");
    let end = Instant::now() + LIMIT;
    loop {
        let events = log::parse(&daemon.log()?)?;
        let recorded = events.iter().filter(|event| event.has_key("kept")).count();
        if recorded == asked {
            break;
        }
        ensure!(
            recorded < asked && Instant::now() < end,
            "{recorded} of {asked} calls are recorded while the file was refused"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    daemon.stop()?;
    Ok(())
}
