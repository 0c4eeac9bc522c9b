//! How many matched events a second reach the disk with none lost.
//!
//! The workload opens and closes a file as the one user whom the rule names. Kernel audit makes a workload wait when
//! its backlog is full, so its fastest run is its sustained rate; a ring buffer never makes anyone wait, so the
//! highest rate is searched at which nothing is lost. Either way the rate counted is events over the time until the
//! log holds the last of them: what a buffer only holds back does not count.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::options::Options;
use super::rules::RuleSet;
use super::scratch::Scratch;
use super::subject::{Running, Subject};
use super::{log, process, worker};

/// Records that follow SYSCALL in the event of an open: CWD, PATH, PROCTITLE.
const DETAILS: u64 = 3;

/// One run of the workload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    /// Opens made.
    pub(super) produced: u64,
    /// Of them in the log.
    pub(super) written: u64,
    /// Lost by the daemon's own count.
    pub(super) lost: u64,
    /// Opens a second while the workload ran.
    pub(super) offered: f64,
    /// Events a second until the last was in the log.
    pub(super) rate: f64,
    /// Daemon CPU per 1000 events written, ms.
    pub(super) daemon_cpu: f64,
    /// The same of kernel audit's delivery thread.
    pub(super) thread_cpu: f64,
    /// The daemon's memory before the workload began; its peak is that of the start.
    pub(super) idle: process::Memory,
    /// And after it; its peak is that of the load.
    pub(super) after: process::Memory,
}

impl Trial {
    /// Nothing lost, by the daemon's count and by ours.
    pub(super) fn complete(&self) -> bool {
        self.lost == 0 && self.written == self.produced
    }
}

/// What a round of the search found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// As fast as the workload goes.
    pub(super) unpaced: Trial,
    /// The fastest run in which nothing was lost.
    pub(super) sustained: Option<Trial>,
}

/// Searches the highest rate at which `subject` loses nothing.
pub(super) fn search(
    subject: Subject,
    options: &Options,
    scratch: &Scratch,
    say: impl Fn(&str),
) -> Result<Found> {
    let (time, steps) = if options.quick { (1000, 4) } else { (2000, 6) };
    let trial = |rate, millis| run(subject, options, scratch, rate, millis);
    say("as fast as it goes");
    let unpaced = trial(0, time)?;
    if unpaced.complete() {
        return Ok(Found { unpaced, sustained: Some(unpaced) });
    }
    // `low` has been seen to be complete, `high` not to be.
    let (mut low, mut high, mut sustained) = (0.0, unpaced.offered, None::<Trial>);
    let mut next = (unpaced.rate * 0.9).min(high * 0.9);
    for _ in 0..steps {
        say(&format!("{next:.0} opens/s"));
        let seen = trial(next as u64, time)?;
        if seen.complete() {
            low = next;
            if sustained.is_none_or(|best| best.rate < seen.rate) {
                sustained = Some(seen);
            }
        } else {
            high = next;
        }
        next = if low > 0.0 { f64::midpoint(low, high) } else { high * 0.7 };
    }
    // A short run may have been lucky: the rate has to hold for longer.
    while low > 0.0 && !options.quick {
        say(&format!("{low:.0} opens/s, longer"));
        let seen = trial(low as u64, 3 * time)?;
        if seen.complete() {
            sustained = Some(seen);
            break;
        }
        sustained = None;
        low *= 0.9;
    }
    Ok(Found { unpaced, sustained })
}

/// Starts the subject afresh and lets the workload open `rate` times a second (0: as fast as it goes).
fn run(subject: Subject, options: &Options, scratch: &Scratch, rate: u64, millis: u64) -> Result<Trial> {
    let running = Running::start(subject, RuleSet::Open, options.ours.as_ref(), scratch)?;
    let (pid, thread) = (running.pid()?, process::kauditd()?);
    log::settle(&scratch.log())?; // what the start itself writes
    let idle = process::memory(pid)?;
    process::forget_peak(pid)?;
    let (lost, daemon_cpu, thread_cpu) =
        (running.lost()?, process::cpu_time(pid)?, process::cpu_time(thread)?);
    let path = scratch.opened();
    let path = path.to_str().context("the scratch directory's name is not UTF-8")?;
    let numbers = worker::run(scratch, &["paced", &millis.to_string(), &rate.to_string(), path])?;
    let &[produced, elapsed, wall] = numbers.as_slice() else {
        bail!("the paced workload printed {} numbers", numbers.len())
    };
    let end = log::settle(&scratch.log())?;
    let daemon_cpu = process::cpu_time(pid)? - daemon_cpu;
    let thread_cpu = process::cpu_time(thread)? - thread_cpu;
    let lost = running.lost()? - lost;
    let after = process::memory(pid)?;
    running.stop()?;
    let counted = log::count(&scratch.log())?;
    if counted.details < counted.events * DETAILS || counted.events == 0 {
        bail!("{subject:?}: {produced} opens gave {counted:?}, not four records each");
    }
    scratch.clear_log()?;
    // The log's time stamp is of the coarse clock and may lie up to a tick before the truth.
    let time = end.saturating_sub(Duration::from_nanos(wall)).max(Duration::from_nanos(elapsed));
    let per_thousand = |nanos: u64| nanos as f64 / 1e6 / (counted.events as f64 / 1e3);
    Ok(Trial {
        produced,
        written: counted.events,
        lost,
        offered: produced as f64 / (elapsed as f64 / 1e9),
        rate: counted.events as f64 / time.as_secs_f64(),
        daemon_cpu: per_thousand(daemon_cpu),
        thread_cpu: per_thousand(thread_cpu),
        idle,
        after,
    })
}

/// Opens a second that the bare workload makes.
pub(super) fn bare(options: &Options, scratch: &Scratch) -> Result<f64> {
    let running = Running::start(Subject::Nothing, RuleSet::Open, None, scratch)?;
    let path = scratch.opened();
    let path = path.to_str().context("the scratch directory's name is not UTF-8")?;
    let millis = if options.quick { "300" } else { "1000" };
    let numbers = worker::run(scratch, &["paced", millis, "0", path])?;
    running.stop()?;
    let &[produced, elapsed, _] = numbers.as_slice() else {
        bail!("the paced workload printed {} numbers", numbers.len())
    };
    Ok(produced as f64 / (elapsed as f64 / 1e9))
}
