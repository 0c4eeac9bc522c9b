//! The example rules that the auditd package brings: loaded by the original auditctl into the kernel, and by ours into our
//! daemon. Both must say the same, and list the same rules.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tests::kernel::Audit;
use tests::obstacle::contexts_by_others;
use tests::program::Outcome;
use tests::side::{Daemon, Side};

const EXAMPLES: &str = "/usr/share/doc/auditd/examples/rules";

/// What cannot be taken back before the next boot must not reach the kernel of whoever runs the tests.
fn is_final(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.contains(&"--loginuid-immutable") || words == ["-e", "2"] || words == ["-f", "2"]
}

fn examples(scratch: &Path) -> Result<Vec<PathBuf>> {
    let mut copies = Vec::new();
    for entry in fs::read_dir(EXAMPLES).context(EXAMPLES)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "rules") {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let text: String =
            text.lines().filter(|line| !is_final(line)).flat_map(|line| [line, "\n"]).collect();
        let copy = scratch.join(path.file_name().context("a name")?);
        fs::write(&copy, text)?;
        copies.push(copy);
    }
    copies.sort();
    Ok(copies)
}

/// What is said on loading each file, and what is listed after it.
fn load(side: Side, audit: &Audit, files: &[PathBuf]) -> Result<Vec<(Outcome, Outcome)>> {
    let daemon = Daemon::start(side, audit, &[], &[])?;
    let mut said = Vec::new();
    for file in files {
        daemon.auditctl(&["-D"])?.success().context("auditctl -D")?;
        let loaded = daemon.auditctl(&["-R", file.to_str().context("a path that is UTF-8")?])?;
        said.push((loaded, daemon.auditctl(&["-l"])?));
        if side == Side::Ours && contexts_by_others().is_none() {
            let plan = daemon.plan()?;
            let left = left_for_contexts(&plan);
            ensure!(left.is_empty(), "{}: served by the kernel's audit: {left:?}", file.display());
        }
    }
    daemon.stop()?;
    Ok(said)
}

/// The rules on contexts that are left to the kernel's audit.
fn left_for_contexts(plan: &str) -> Vec<&str> {
    let lines: Vec<&str> = plan.lines().collect();
    let is_context = |rule: &str| rule.contains("-F subj_") || rule.contains("-F obj_type");
    let pairs = lines.windows(2).filter(|pair| pair[1].contains("engine: kernel audit"));
    pairs.map(|pair| pair[0]).filter(|rule| is_context(rule)).collect()
}

/// The output without what the moment decides: the daemon's process id, how much waits in the kernel's queue.
fn settled(text: &str) -> Vec<&str> {
    const MOMENT: [&str; 3] = ["pid ", "backlog ", "backlog_wait_time_actual "];
    text.lines().filter(|line| !MOMENT.iter().any(|name| line.starts_with(name))).collect()
}

/// The line with which the original says where it stopped: ours says it too, after the place and the reason.
fn stopped_at(outcome: &Outcome) -> Option<&str> {
    outcome.stderr.lines().find(|line| line.starts_with("There was an error in line "))
}

/// What is wrong with our answer for one file.
fn wrong(theirs: &(Outcome, Outcome), ours: &(Outcome, Outcome)) -> Option<&'static str> {
    let (their_load, their_list) = theirs;
    let (our_load, our_list) = ours;
    if their_load.status != our_load.status {
        return Some("the exit status of -R");
    }
    if their_load.status.success() {
        if settled(&their_load.stdout) != settled(&our_load.stdout) || their_load.stderr != our_load.stderr {
            return Some("what -R says");
        }
        return (their_list.stdout != our_list.stdout).then_some("what -l lists");
    }
    // `rules-file-whole`: a file with an error leaves our rules as they were; the original keeps what stands before it.
    if our_list.stdout != "No rules\n" {
        return Some("rules of a refused file are loaded");
    }
    // The original says some reasons to syslog only; those it says here are ours as well.
    let reasons = their_load.stderr.lines().filter(|line| !line.starts_with("There was"));
    if !reasons.clone().all(|reason| our_load.stderr.contains(reason)) {
        return Some("the reason of the refusal");
    }
    if stopped_at(their_load).is_some() && stopped_at(their_load) != stopped_at(our_load) {
        return Some("the line of the refusal");
    }
    our_load.stderr.is_empty().then_some("ours says no reason")
}

#[test]
fn the_examples_load_and_list_as_with_the_original() -> Result<()> {
    let audit = Audit::hold()?;
    let scratch = tempfile::tempdir()?;
    let files = examples(scratch.path())?;
    ensure!(files.len() >= 20, "{EXAMPLES} holds only {} files", files.len());
    let theirs = load(Side::Theirs, &audit, &files)?;
    let ours = load(Side::Ours, &audit, &files)?;
    let accepted = theirs.iter().filter(|(load, _)| load.status.success()).count();
    ensure!(accepted >= 20, "the original accepts only {accepted} of {} files", files.len());
    let wrong: Vec<String> = files
        .iter()
        .zip(theirs.iter().zip(&ours))
        .filter_map(|(file, (theirs, ours))| {
            let what = wrong(theirs, ours)?;
            Some(format!("{}: {what}\n  theirs: {theirs:?}\n  ours:   {ours:?}", file.display()))
        })
        .collect();
    ensure!(wrong.is_empty(), "{} of {} files differ:\n{}", wrong.len(), files.len(), wrong.join("\n"));
    Ok(())
}
