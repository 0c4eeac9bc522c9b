//! Random sequences of operations on files, under random rules: the original and ours make the same records.
//!
//! `EBPFAUDITD_SEQUENCES` says how many sequences are played, `EBPFAUDITD_SEED` which is the first; a failure names its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use tests::compare::{Mismatch, compare};
use tests::difference::explain;
use tests::kernel::Audit;
use tests::log::Event;
use tests::proof::{independent, size};
use tests::random::sequence::Sequence;
use tests::random::session::{Trace, play};
use tests::side::Side;

/// How many sequences share a run of each daemon.
const SESSION: usize = 50;
/// How often a failing sequence is tried again, to make it small, unless `EBPFAUDITD_TRIES` says otherwise.
const TRIES: usize = 6;
/// How many failures are made small and shown in full.
const SHOWN: usize = 3;

fn prover() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_prover"))
}

fn sequences() -> Result<Vec<Sequence>> {
    let first = size("EBPFAUDITD_SEED", 1)? as u64;
    let count = size("EBPFAUDITD_SEQUENCES", 50)? as u64;
    Ok((first..first + count).map(|seed| Sequence { seed, kept: None }).collect())
}

/// Whether the kernel has recorded a syscall for the sake of one of its other records, whatever the rules: `denied-alone` and
/// `lost-directory-alone` of docs/differences.md.
fn is_for_another(event: &Event) -> bool {
    const OTHERS: [&str; 3] = ["ANOM_LINK", "ANOM_CREAT", "CONFIG_CHANGE"];
    event.syscall("key").is_none_or(|key| key == "(null)")
        && event.records.iter().any(|record| OTHERS.contains(&record.kind.as_str()))
}

/// Whether a call of the sequence may be a case of `child-overwritten` of docs/differences.md: a rename onto a name that is called the
/// same, which was refused.
fn may_overwrite_child(sequence: &Sequence, trace: &Trace) -> Result<bool> {
    let calls = sequence.calls("/")?;
    let answers = trace.answers.lines();
    Ok(calls.iter().zip(answers).any(|(call, answer)| call.keeps_its_name() && answer.contains(") = E")))
}

/// Whether it is a rename that was refused.
fn is_refused_rename(event: &Event) -> bool {
    const RENAMES: [&str; 3] = ["82", "264", "316"];
    event.syscall("success") == Some("no")
        && event.syscall("syscall").is_some_and(|number| RENAMES.contains(&number))
}

/// The events that rules have asked for, without what the kernel says in them of a watch that a move has ended: ours says that in an
/// event of its own (`lost-directory-alone` of docs/differences.md).
fn by_rules(trace: &Trace) -> Vec<Event> {
    let mut events: Vec<Event> =
        trace.events.iter().filter(|event| !is_for_another(event)).cloned().collect();
    for event in &mut events {
        event.records.retain(|record| record.kind != "CONFIG_CHANGE");
    }
    events
}

/// In what two traces of one sequence differ, but for what is documented.
fn differences(sequence: &Sequence, theirs: &Trace, ours: &Trace) -> Result<Vec<Mismatch>> {
    let (mut theirs_kept, mut ours_kept) = (by_rules(theirs), by_rules(ours));
    if may_overwrite_child(sequence, theirs)? {
        theirs_kept.retain(|event| !is_refused_rename(event));
        ours_kept.retain(|event| !is_refused_rename(event));
    }
    let mut found = compare(&format!("random {sequence}"), &theirs_kept, &ours_kept);
    found.retain(|mismatch| explain(mismatch, true).is_none());
    Ok(found)
}

/// Both sides must have acted alike, or the comparison would compare two things.
fn alike(sequence: &Sequence, one: &Trace, other: &Trace) -> Result<()> {
    ensure!(
        one.answers == other.answers && one.rules == other.rules,
        "random {sequence}: two runs acted differently:\n{}{}\n{}{}",
        one.rules.join("\n"),
        one.answers,
        other.rules.join("\n"),
        other.answers
    );
    Ok(())
}

/// Plays one sequence under both sides; what differs, if anything does.
fn tried(audit: &Audit, sequence: &Sequence) -> Result<Option<(Trace, Vec<Mismatch>)>> {
    let once = std::slice::from_ref(sequence);
    let theirs = play(Side::Theirs, audit, prover(), once, &mut BTreeMap::new())?;
    let ours = play(Side::Ours, audit, prover(), once, &mut BTreeMap::new())?;
    for (theirs, ours) in theirs.into_iter().zip(&ours) {
        let found = differences(sequence, &theirs, ours)?;
        if !found.is_empty() {
            return Ok(Some((theirs, found)));
        }
    }
    Ok(None)
}

/// A part of the sequence that differs still: halves are left out, then quarters, and so on.
fn smaller(audit: &Audit, sequence: &Sequence, calls: usize) -> Result<Sequence> {
    let mut kept: Vec<usize> = (0..calls).collect();
    let mut piece = calls.div_ceil(2);
    let mut tries = size("EBPFAUDITD_TRIES", TRIES)?;
    loop {
        let mut at = 0;
        while at < kept.len() {
            if tries == 0 {
                return Ok(sequence.keeping(kept));
            }
            tries -= 1;
            let end = (at + piece).min(kept.len());
            let rest: Vec<usize> = kept[..at].iter().chain(&kept[end..]).copied().collect();
            if !rest.is_empty() && tried(audit, &sequence.keeping(rest.clone()))?.is_some() {
                kept = rest;
            } else {
                at = end;
            }
        }
        if piece == 1 {
            return Ok(sequence.keeping(kept));
        }
        piece = piece.div_ceil(2);
    }
}

/// The sequence, made small, with its rules, its calls and what differs.
fn shown(audit: &Audit, sequence: &Sequence, found: &[Mismatch], theirs: &Trace) -> Result<String> {
    let small = smaller(audit, sequence, theirs.answers.lines().count())?;
    // A difference that comes and goes is shown as it was found.
    let again = tried(audit, &small)?;
    let (trace, found) = again.as_ref().map_or((theirs, found), |(trace, found)| (trace, found.as_slice()));
    let found: Vec<String> = found.iter().take(12).map(Mismatch::to_string).collect();
    Ok(format!("random {small}\n{}\n{}{}\n", trace.rules.join("\n"), trace.answers, found.join("\n")))
}

#[test]
fn the_original_agrees_with_itself() -> Result<()> {
    let audit = Audit::hold()?;
    let sequences: Vec<Sequence> = (900_001..900_021).map(|seed| Sequence { seed, kept: None }).collect();
    let first = play(Side::Theirs, &audit, prover(), &sequences, &mut BTreeMap::new())?;
    let second = play(Side::Theirs, &audit, prover(), &sequences, &mut BTreeMap::new())?;
    for ((sequence, first), second) in sequences.iter().zip(&first).zip(&second) {
        alike(sequence, first, second)?;
        let found = compare(&format!("random {sequence}"), &first.events, &second.events);
        ensure!(found.is_empty(), "{}", found.iter().map(Mismatch::to_string).collect::<Vec<_>>().join("\n"));
    }
    // What is compared must be something, and not all there is to record.
    let events: usize = first.iter().map(|trace| trace.events.len()).sum();
    let calls: usize = first.iter().map(|trace| trace.answers.lines().count()).sum();
    ensure!(events * 10 > calls && events < calls, "{events} events of {calls} calls");
    Ok(())
}

#[test]
fn random_sequences_are_recorded_alike() -> Result<()> {
    let audit = Audit::hold()?;
    let sequences = sequences()?;
    let begin = Instant::now();
    let mut planned = BTreeMap::new();
    let (mut calls, mut events, mut differing) = (0, 0, Vec::new());
    let mut kinds: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for session in sequences.chunks(SESSION) {
        let theirs = play(Side::Theirs, &audit, prover(), session, &mut planned)?;
        let ours = play(Side::Ours, &audit, prover(), session, &mut planned)?;
        // In a virtual machine silence counts as a stall.
        println!("sequences from {} have been played", session.first().map_or(0, |first| first.seed));
        for ((sequence, theirs), ours) in session.iter().zip(theirs).zip(&ours) {
            alike(sequence, &theirs, ours)?;
            calls += theirs.answers.lines().count();
            events += theirs.events.len();
            let found = differences(sequence, &theirs, ours)?;
            for mismatch in &found {
                let kind = format!("{} {}", mismatch.record, mismatch.field);
                kinds.entry(kind).or_insert_with(|| (0, mismatch.to_string())).0 += 1;
            }
            if !found.is_empty() {
                differing.push((sequence.clone(), theirs, found));
            }
        }
    }
    println!(
        "{} sequences, {calls} calls, {events} events, {} differing, {:.0} s",
        sequences.len(),
        differing.len(),
        begin.elapsed().as_secs_f32()
    );
    for (kind, (count, first)) in &kinds {
        println!("{count} times {kind}, first {first}");
    }
    let mut texts = Vec::new();
    for (sequence, theirs, found) in differing.iter().take(SHOWN) {
        texts.push(shown(&audit, sequence, found, theirs)?);
    }
    ensure!(differing.is_empty(), "{} sequences differ:\n{}", differing.len(), texts.join("\n"));
    independent(&planned)
}
