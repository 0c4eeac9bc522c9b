//! Many tasks on one CPU, that take it from each other while they do what rules name: `prover crowd PLACE AUID TASKS COUNT`.

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use crate::reload::Operator;
use crate::{proof, syscall};

/// How long a task sleeps after each round: when it is due again, another is at any point of its own.
const SLEEP: Duration = Duration::from_micros(100);

/// Each of `TASKS` does `COUNT` operations of each kind, which are numbered through.
pub fn play(words: &[String]) -> Result<()> {
    let [place, auid, tasks, count] = words else { bail!("usage: prover crowd PLACE AUID TASKS COUNT") };
    let (tasks, count): (usize, usize) = (tasks.parse().context("TASKS")?, count.parse().context("COUNT")?);
    let place = Path::new(place);
    let mut first = CpuSet::new();
    first.set(0).context("naming CPU 0")?;
    sched_setaffinity(Pid::from_raw(0), &first).context("pinning to CPU 0")?;
    proof::log_in(auid.parse().context("AUID")?)?;
    thread::scope(|scope| {
        let task = |task: usize| {
            move || {
                if task % 2 == 1 {
                    urge()?;
                }
                let operator = Operator::new(place, &format!("made-{task}"))?;
                for number in task * count..(task + 1) * count {
                    operator.operate(number)?;
                    thread::sleep(SLEEP);
                }
                Ok(())
            }
        };
        let tasks: Vec<_> = (0..tasks).map(|number| scope.spawn(task(number))).collect();
        let end = |task: thread::ScopedJoinHandle<'_, Result<()>>| match task.join() {
            Ok(outcome) => outcome,
            Err(_) => bail!("a task panicked"),
        };
        tasks.into_iter().try_for_each(end)
    })
}

/// This task goes before all others whenever it is due: it takes the CPU from them wherever the kernel lets it.
fn urge() -> Result<()> {
    let priority = 1_i32.to_ne_bytes();
    syscall!(libc::SYS_sched_setscheduler, 0, libc::SCHED_FIFO, &priority[..])
        .map(drop)
        .context("becoming SCHED_FIFO")
}
