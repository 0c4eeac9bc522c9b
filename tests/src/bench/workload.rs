//! The child that does what is measured: this program again, with nothing else in it.
//!
//! It prints one line of numbers. Short calls are timed by the thread's CPU time; the clock of the execl loop has to
//! outlive an exec, so that is `CLOCK_MONOTONIC`; the beginning of the matched opens is of `CLOCK_REALTIME`, because it
//! is compared with the log's time stamp.

use std::ffi::{CString, OsString};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use nix::fcntl::{OFlag, open};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::stat::{Mode, umask};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Gid, Pid, Uid, execv, setgroups, setresgid, setresuid};

use super::rules::UID;

/// The first argument of a workload child.
pub(super) const FLAG: &str = "--workload";

/// Loops are timed in so many batches; the median of them is the round's value.
pub(super) const BATCHES: u32 = 15;

/// Runs the workload that `words` name.
pub(super) fn main(words: &[OsString]) -> ExitCode {
    match run(words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "bench workload: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[OsString]) -> Result<()> {
    let word = |index: usize| words.get(index).with_context(|| format!("argument {index} is missing"));
    let number = |index: usize| -> Result<u64> {
        let text = word(index)?.to_str().context("a number is not UTF-8")?;
        text.parse().with_context(|| format!("not a number: {text}"))
    };
    match word(0)?.to_str() {
        Some("null") => {
            pin()?;
            print(&batches(number(1)?, || {
                umask(Mode::from_bits_truncate(0o022));
                Ok(())
            })?)
        }
        Some("open") => {
            pin()?;
            let path = c_string(Path::new(word(2)?))?;
            print(&batches(number(1)?, || open_and_close(&path))?)
        }
        Some("exec") => {
            pin()?;
            become_nobody()?;
            again(number(1)?, nanos(ClockId::CLOCK_MONOTONIC)?)
        }
        Some("exec-next") => match number(1)? {
            0 => print(&[nanos(ClockId::CLOCK_MONOTONIC)? - number(2)?]),
            left => again(left, number(2)?),
        },
        Some("paced") => {
            pin()?;
            let path = c_string(Path::new(word(3)?))?;
            become_nobody()?;
            print(&paced(number(1)?, number(2)?, &path)?)
        }
        _ => bail!("no such workload"),
    }
}

/// The whole workload runs on CPU 0; the daemons may go elsewhere.
fn pin() -> Result<()> {
    let mut set = CpuSet::new();
    set.set(0).context("naming CPU 0")?;
    sched_setaffinity(Pid::from_raw(0), &set).context("pinning to CPU 0")
}

/// From here on, and not before, the matching rules match: the loader's own opens are none of the counted events.
fn become_nobody() -> Result<()> {
    setgroups(&[]).context("dropping groups")?;
    setresgid(Gid::from_raw(UID), Gid::from_raw(UID), Gid::from_raw(UID)).context("setting the group")?;
    setresuid(Uid::from_raw(UID), Uid::from_raw(UID), Uid::from_raw(UID)).context("setting the user")
}

/// Nanoseconds per call, times 1000, for each batch of `count` calls. CPU time of this thread: what else runs on CPU 0
/// must not count, and none of these calls sleeps.
fn batches(count: u64, mut call: impl FnMut() -> Result<()>) -> Result<Vec<u64>> {
    let mut times = Vec::with_capacity(BATCHES as usize);
    // One batch to warm up, thrown away.
    for batch in 0..=BATCHES {
        let start = nanos(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
        for _ in 0..count {
            call()?;
        }
        let time = nanos(ClockId::CLOCK_THREAD_CPUTIME_ID)? - start;
        if batch > 0 {
            times.push(time * 1000 / count);
        }
    }
    Ok(times)
}

/// Executes this program again, with `left` executions to go after it.
fn again(left: u64, start: u64) -> Result<()> {
    let Some(left) = left.checked_sub(1) else { bail!("an execl loop of no executions") };
    let program = c_string(&std::env::current_exe().context("finding this program")?)?;
    let words = [FLAG.to_owned(), "exec-next".into(), left.to_string(), start.to_string()];
    let mut arguments = vec![program.clone()];
    for word in words {
        arguments.push(CString::new(word).context("an argument with a zero byte")?);
    }
    execv(&program, &arguments).context("executing this program again")?;
    Ok(())
}

/// Opens and closes `path` for `millis` milliseconds, `rate` times a second, evenly; 0 is as fast as it goes.
/// Gives the opens made, the time they took, and `CLOCK_REALTIME` at their beginning.
fn paced(millis: u64, rate: u64, path: &CString) -> Result<[u64; 3]> {
    let limit = millis * 1_000_000;
    let wall = nanos(ClockId::CLOCK_REALTIME)?;
    let start = nanos(ClockId::CLOCK_MONOTONIC)?;
    let mut made = 0u64;
    loop {
        let now = nanos(ClockId::CLOCK_MONOTONIC)? - start;
        if now >= limit {
            return Ok([made, now, wall]);
        }
        // Due by now; unpaced: the next few, so that the clock is not read for each.
        let due = if rate == 0 { made + 16 } else { rate.saturating_mul(now / 1000) / 1_000_000 + 1 };
        // A workload that was held up does not make up for it in one long burst without a look at the clock.
        let burst = due.saturating_sub(made).min(64);
        for _ in 0..burst {
            open_and_close(path)?;
        }
        made += burst;
    }
}

fn open_and_close(path: &CString) -> Result<()> {
    let file: OwnedFd = open(path.as_c_str(), OFlag::O_RDONLY, Mode::empty()).context("opening the file")?;
    drop(file);
    Ok(())
}

fn nanos(clock: ClockId) -> Result<u64> {
    let time = clock_gettime(clock).context("reading the clock")?;
    Ok(time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}

fn c_string(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_bytes()).context("a path with a zero byte")
}

fn print(numbers: &[u64]) -> Result<()> {
    let words: Vec<String> = numbers.iter().map(u64::to_string).collect();
    writeln!(std::io::stdout(), "{}", words.join(" ")).context("writing the result")
}
