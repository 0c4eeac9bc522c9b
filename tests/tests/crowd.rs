//! Tasks that preempt each other everywhere within the kernel: each of their operations is recorded once, whatever the kernel skips.
//!
//! `EBPFAUDITD_OPERATIONS` says how many of each kind each task makes.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use tests::kernel::Audit;
use tests::log;
use tests::proof::{self, size};
use tests::reload::{KEYS, faults, rules};
use tests::side::{Daemon, Side};

const AUID: u32 = 47_000;
const TASKS: usize = 16;
/// Room for all events: none may get lost for want of it.
const RING_BYTES: &str = "67108864";

#[test]
fn each_operation_of_a_crowd_is_recorded_once() -> Result<()> {
    let audit = Audit::hold()?;
    let scratch = tempfile::tempdir()?;
    std::fs::write(scratch.path().join("watched"), "")?;
    let place = scratch.path().to_str().context("a place that is not UTF-8")?;
    let daemon = Daemon::start(Side::Ours, &audit, &rules(place, AUID), &["--ring-bytes", RING_BYTES])?;
    println!("rules by engine: {:?}", proof::engines(daemon.directory())?);
    let each = size("EBPFAUDITD_OPERATIONS", 100)?;
    let words = ["crowd", place, &AUID.to_string(), &TASKS.to_string(), &each.to_string()];
    proof::act(Path::new(env!("CARGO_BIN_EXE_prover")), &words)?.success()?;
    daemon.settle("crowd-ends")?;
    let counters = daemon.counters()?;
    let log = log::parse(&daemon.stop()?)?;
    let rescued = counters.lines().find(|line| line.starts_with("rescued_runs "));
    println!(
        "{TASKS} tasks, {each} times {} operations, {}",
        KEYS.len(),
        rescued.context("no rescued_runs")?
    );
    let all: Vec<String> = KEYS.iter().flat_map(|key| faults(&log, key, TASKS * each)).collect();
    ensure!(all.is_empty(), "{}\n{counters}", all.join("\n"));
    for none in ["lost 0", "failed_runs 0"] {
        ensure!(counters.lines().any(|line| line == none), "not {none}:\n{counters}");
    }
    Ok(())
}
