//! What `auditctl --rules-status` and `--explain` tell, which the original cannot.

use anyhow::{Context, Result, ensure};
use nix::unistd::{Pid, getsid};
use tests::kernel::Audit;
use tests::side::{Daemon, Side};

/// Nobody else asks for the session of processes with such numbers.
const ASKED: i32 = 0x00ab_cdef;

/// The columns of a rule: engine, hits, evaluations, last hit.
fn columns(text: &str, key: &str) -> Result<Vec<String>> {
    let line = text
        .lines()
        .find(|line| line.ends_with(&format!("key={key}")))
        .with_context(|| format!("no {key}: {text}"))?;
    let (columns, _) = line.split_once("  -a ").context("no rule")?;
    Ok(columns
        .split("  ")
        .map(str::trim)
        .filter(|column| !column.is_empty())
        .skip(1)
        .map(str::to_owned)
        .collect())
}

fn number(text: &str) -> Result<u64> {
    text.parse().with_context(|| text.to_owned())
}

#[test]
fn each_rule_tells_its_engine_what_it_did_and_why_it_cannot() -> Result<()> {
    let audit = Audit::hold()?;
    let call = |action: &str, number: i32, key: &str| {
        format!("-a {action},exit -F arch=b64 -S getsid -F a0={number} -F key={key}")
    };
    let mut rules = vec![
        call("always", ASKED, "recorded"),
        call("never", ASKED + 1, "kept-out"),
        "-a always,exit -F arch=b64 -S setsid -F exe=/no-such-program -F key=no-program".to_owned(),
        "-a always,exit -F arch=ppc -S setsid -F key=no-arch".to_owned(),
    ];
    let daemon = Daemon::start(Side::Ours, &audit, &rules, &[])?;
    let status = |words: &[&str]| daemon.auditctl(words)?.success();
    for (number, times) in [(ASKED, 7), (ASKED + 1, 5), (ASKED + 2, 3)] {
        for _ in 0..times {
            let _ = getsid(Some(Pid::from_raw(number)));
        }
    }
    let text = status(&["--rules-status"])?;
    let recorded = columns(&text, "recorded")?;
    ensure!(["tracepoint", "trampoline"].contains(&recorded[0].as_str()), "{text}");
    ensure!((number(&recorded[1])?, number(&columns(&text, "kept-out")?[1])?) == (7, 5), "{text}");
    // Others may ask for sessions too.
    ensure!(number(&recorded[2])? >= 15, "{text}");
    ensure!(recorded[3].ends_with(" s") && columns(&text, "no-program")?[3] == "never", "{text}");
    ensure!(
        text.contains("cannot match: the program /no-such-program does not exist; it matches once it does"),
        "{text}"
    );
    ensure!(
        text.contains("cannot match: no task on this machine makes system calls of its architecture"),
        "{text}"
    );
    ensure!(text.matches("cannot match").count() == 2, "{text}");

    // A change of other rules leaves the counts; a rule that was deleted and added again begins anew.
    rules.push("-a always,exit -F arch=b64 -S setsid -F uid=12345 -F key=other".to_owned());
    for rule in &rules[4..] {
        status(&rule.split(' ').collect::<Vec<_>>())?;
    }
    let _ = getsid(Some(Pid::from_raw(ASKED)));
    let text = status(&["--rules-status"])?;
    ensure!(number(&columns(&text, "recorded")?[1])? == 8, "{text}");
    status(&rules[0].replacen("-a", "-d", 1).split(' ').collect::<Vec<_>>())?;
    status(&rules[0].split(' ').collect::<Vec<_>>())?;
    let text = status(&["--rules-status"])?;
    ensure!(number(&columns(&text, "recorded")?[1])? == 0, "{text}");
    ensure!(number(&columns(&text, "kept-out")?[1])? == 5, "{text}");

    let text = status(&["--explain", "getsid"])?;
    ensure!(text.contains("rule 1 keeps it out of the log: it names getsid\n"), "{text}");
    ensure!(
        text.contains("    if a0=0xABCDF0\n") && text.contains("rule 5 records it: it names getsid\n"),
        "{text}"
    );
    ensure!(status(&["--explain", "/etc/passwd"])? == "no rule records it\n", "a path that no rule watches");
    daemon.stop()?;
    Ok(())
}

/// Counts are kept by the sheet: of rules at both ends of one, and of the last.
#[test]
fn rules_by_the_hundred_are_counted_each_for_itself() -> Result<()> {
    let audit = Audit::hold()?;
    let rule = |number: i32| {
        format!("-a always,exit -F arch=b64 -S getsid -F a0={} -F key=n{number}", ASKED + number)
    };
    let rules: Vec<String> = (0..130).map(rule).collect();
    let daemon = Daemon::start(Side::Ours, &audit, &rules, &[])?;
    let wanted = [(0, 1), (1, 0), (63, 2), (64, 3), (128, 0), (129, 4)];
    for (number, times) in wanted {
        for _ in 0..times {
            let _ = getsid(Some(Pid::from_raw(ASKED + number)));
        }
    }
    // the counts of both generations' tables go over to the rules
    for change in 0..3 {
        let text = daemon.auditctl(&["--rules-status"])?.success()?;
        for (number, times) in wanted {
            let hits = hits(&text, number)?;
            ensure!(hits == times, "after {change} changes: {hits} of n{number}: {text}");
        }
        daemon.auditctl(&rule(200 + change).split(' ').collect::<Vec<_>>())?.success()?;
    }
    daemon.stop()?;
    Ok(())
}

fn hits(text: &str, rule: i32) -> Result<u64> {
    number(&columns(text, &format!("n{rule}"))?[1])
}
