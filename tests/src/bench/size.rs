//! How long the loops are: so many calls that a batch takes about as long here as on any other machine, emulated ones too.

use anyhow::{Context, Result};

use super::options::Options;
use super::rules::RuleSet;
use super::sample;
use super::scratch::Scratch;
use super::subject::{Running, Subject};
use super::worker;

/// Calls of each workload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// Per batch of the null loop.
    pub(super) nulls: u64,
    /// Per batch of the open loop.
    pub(super) opens: u64,
    /// Executions in the execl loop.
    pub(super) execs: u64,
}

/// How long a batch of the null loop, a batch of the open loop and the execl loop shall take without auditing, ns.
const TIMES: [f64; 3] = [1e7, 2e7, 1e9];
/// The same with `--quick`.
const QUICK: [f64; 3] = [2e6, 4e6, 2e8];
/// With how many calls that is found out.
const TRIALS: [u64; 3] = [2000, 200, 20];

impl Sizes {
    /// Finds out how fast this machine is without auditing.
    pub(super) fn measure(options: &Options, scratch: &Scratch) -> Result<Self> {
        let path = scratch.opened();
        let path = path.to_str().context("the scratch directory's name is not UTF-8")?;
        let [nulls, opens, execs] = TRIALS.map(|trials| trials.to_string());
        let running = Running::start(Subject::Nothing, RuleSet::Unrelated(0), None, scratch)?;
        let null = worker::run(scratch, &["null", &nulls])?;
        let open = worker::run(scratch, &["open", &opens, path])?;
        let exec = worker::run(scratch, &["exec", &execs])?;
        running.stop()?;
        let [nulls, opens, execs] = if options.quick { QUICK } else { TIMES };
        // The loops give thousandths of a nanosecond for a call, the execl loop its whole time.
        Ok(Self {
            nulls: calls(nulls, &null, 1e3)?,
            opens: calls(opens, &open, 1e3)?,
            execs: calls(execs, &exec, TRIALS[2] as f64)?,
        })
    }
}

/// How many calls fill `time`, when one takes the median of `times` over `unit`; two digits of that, for people.
fn calls(time: f64, times: &[u64], unit: f64) -> Result<u64> {
    let times: Vec<f64> = times.iter().map(|time| *time as f64 / unit).collect();
    let one = sample::median(&times).filter(|one| *one > 0.0).context("the workload printed no time")?;
    let exact = (time / one).max(10.0) as u64;
    let digit = 10u64.pow(exact.ilog10() - 1);
    Ok(exact / digit * digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_calls_as_fill_the_time() {
        assert_eq!(calls(1e7, &[107_000, 108_000, 900_000], 1e3).unwrap(), 92_000);
        assert_eq!(calls(1e9, &[20 * 6_700_000], 20.0).unwrap(), 140);
        assert_eq!(calls(1.0, &[1_000_000], 1e3).unwrap(), 10);
        assert!(calls(1e7, &[], 1e3).is_err());
        assert!(calls(1e7, &[0], 1e3).is_err());
    }
}
