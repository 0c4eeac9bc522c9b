//! What cannot be taken back before the next boot: `-e 2` and `--loginuid-immutable`. Ours goes first, because its lock is not the
//! kernel's; after the original's nothing else can be tried in the machine.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use tests::compliance::newest::Newest;
use tests::compliance::observation::Observation;
use tests::compliance::stand::{Programs, Stand};
use tests::compliance::table::{Original, Series, State, parse};
use tests::compliance::verdict::{Pair, judge};
use tests::kernel::{Audit, ends_with_its_tests};
use tests::log;
use tests::program::run;

const TABLE: &str = include_str!("../src/compliance/tables/locked.table");
const LIMIT: Duration = Duration::from_secs(20);
/// What the log says when the kernel is told so for the first time.
const FEATURE: &str = " feature=loginuid_immutable old=0 new=1 old_lock=0 new_lock=1 res=1";

/// When the commands are given that are refused.
const STAGES: [(&str, State); 3] = [
    ("before the restart", State::Daemon),
    ("after the restart", State::Daemon),
    ("without a daemon", State::Alone),
];

/// What each of the programs saw on the way to the lock, and then in each of the stages.
struct Seen {
    to_the_lock: Vec<Observation>,
    /// What the log says of the way.
    log: String,
    /// The records of what was refused to the first of the programs.
    refused: Vec<String>,
    locked: [Vec<Vec<Observation>>; STAGES.len()],
}

/// Locks with the first of `programs`, and has all of them refused.
fn lock(
    programs: &[Programs<'_>],
    audit: &Audit,
    (first, then): (&[Series], &[Series]),
    scratch: &Path,
) -> Result<Seen> {
    let begin = *programs.first().context("no programs")?;
    let mut stand = Stand::new(begin, State::Daemon, audit);
    stand.start()?;
    let to_the_lock = stand.play_on(first, scratch)?;
    stand.daemon()?.settle("all-is-locked")?;
    let log = stand.daemon()?.log()?;
    let mut refused = Vec::new();
    let mut locked: [Vec<Vec<Observation>>; STAGES.len()] = Default::default();
    for (number, seen) in locked.iter_mut().enumerate() {
        match number {
            0 => {}
            1 => stand.daemon()?.restart(Signal::SIGTERM)?,
            _ => stand.end()?,
        }
        for &programs in programs {
            stand.hand_to(programs);
            seen.push(stand.play_on(then, scratch)?);
            if refused.is_empty() {
                stand.daemon()?.settle("all-was-refused")?;
                refused = log::changes(&stand.daemon()?.log()?[log.len()..]);
            }
        }
    }
    Ok(Seen { to_the_lock, log, refused, locked })
}

/// Whether a process may give itself another login id when it has one.
fn login_can_change() -> Result<bool> {
    let script = "echo 1000 >/proc/self/loginuid && sh -c 'echo 1001 >/proc/self/loginuid' 2>/dev/null";
    let said = run(Command::new("sh").arg("-c").arg(script), LIMIT)?;
    ensure!(!said.stderr.contains("write error"), "the first login id: {said:?}");
    Ok(said.status.success())
}

#[test]
fn what_is_locked_stays_locked_and_is_refused_in_the_words_of_the_originals() -> Result<()> {
    if !ends_with_its_tests("the lock of -e 2 and --loginuid-immutable beside the originals") {
        return Ok(());
    }
    let audit = Audit::hold()?;
    let scratch = tempfile::tempdir()?;
    let table = parse(TABLE, scratch.path())?;
    let parts = table.split_at(1);
    ensure!(login_can_change()?, "a login id could not be changed before");
    let ours = lock(&[Programs::Ours], &audit, parts, scratch.path())?;
    ensure!(!login_can_change()?, "a login id can be changed in spite of --loginuid-immutable");
    let features: Vec<&str> =
        ours.log.lines().filter(|line| line.starts_with("type=FEATURE_CHANGE ")).collect();
    ensure!(features.len() == 1 && features[0].contains(FEATURE), "{features:?}");
    let newest = Newest::or_skip("the newest Debian's auditctl");
    let mut originals: Vec<_> = newest.iter().map(|newest| (Original::New, Programs::New(newest))).collect();
    originals.push((Original::Old, Programs::Old));
    let programs: Vec<_> = originals.iter().map(|(_, programs)| *programs).collect();
    let theirs = lock(&programs, &audit, parts, scratch.path())?;

    let (mut text, mut used, mut count) = (String::new(), BTreeSet::new(), 0);
    let mut compare = |table, original, state, theirs: &[Observation], ours: &[Observation]| {
        count += theirs.len();
        judge(table, &Pair { original, state, theirs, ours }, &mut used)
    };
    text += &compare(parts.0, originals[0].0, State::Daemon, &theirs.to_the_lock, &ours.to_the_lock);
    for (number, (stage, state)) in STAGES.into_iter().enumerate() {
        for ((original, _), theirs) in originals.iter().zip(&theirs.locked[number]) {
            let found = compare(parts.1, *original, state, theirs, &ours.locked[number][0]);
            if !found.is_empty() {
                text += stage;
                text += ":\n";
                text += &found;
            }
        }
    }
    ensure!(
        theirs.refused == ours.refused,
        "the records of refusals: theirs {:#?}\nours {:#?}\n{text}",
        theirs.refused,
        ours.refused
    );
    ensure!(text.is_empty(), "{text}");
    println!("{count} answers compared; differences on purpose: {used:?}");
    Ok(())
}
