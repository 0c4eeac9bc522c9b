//! What `/proc` says about a process and about the machine.

use std::fs;

use anyhow::{Context, Result};

use super::kernel::Control;

/// CPU time of a process, all its threads, in nanoseconds: the sum of `/proc/PID/task/*/schedstat`, whose first
/// number is the time on the CPU (`Documentation/scheduler/sched-stats.rst`). `/proc/PID/stat` counts in ticks of
/// 10 ms. A thread that has ended is no longer counted; neither daemon ends threads while it records.
pub(super) fn cpu_time(pid: u32) -> Result<u64> {
    let directory = format!("/proc/{pid}/task");
    let mut total = 0;
    for entry in fs::read_dir(&directory).with_context(|| format!("reading {directory}"))? {
        let path = entry.with_context(|| format!("reading {directory}"))?.path().join("schedstat");
        let Ok(text) = fs::read_to_string(&path) else { continue }; // the thread has just ended
        total += first_number(&text).with_context(|| format!("reading {}", path.display()))?;
    }
    Ok(total)
}

/// A process's memory in KiB, from `/proc/PID/status`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// Resident now.
    pub(super) resident: u64,
    /// The most that was resident since the start, or since [`forget_peak`].
    pub(super) peak: u64,
}

/// Reads the memory of process `pid`.
pub(super) fn memory(pid: u32) -> Result<Memory> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name))
            .and_then(first_number)
            .with_context(|| format!("{path}: no {name}"))
    };
    Ok(Memory { resident: field("VmRSS:")?, peak: field("VmHWM:")? })
}

/// Lets the peak of process `pid` begin anew at what is resident now (`Documentation/filesystems/proc.rst`,
/// `clear_refs`): what was needed only while starting is then told apart from what a load takes.
pub(super) fn forget_peak(pid: u32) -> Result<()> {
    let path = format!("/proc/{pid}/clear_refs");
    fs::write(&path, "5").with_context(|| format!("writing {path}"))
}

/// The kernel thread that hands kernel audit's records to the daemon.
pub(super) fn kauditd() -> Result<u32> {
    for entry in fs::read_dir("/proc").context("reading /proc")? {
        let name = entry.context("reading /proc")?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm == "kauditd\n") {
            return Ok(pid);
        }
    }
    anyhow::bail!("no kernel thread kauditd: this kernel has no audit")
}

/// On what was measured.
#[derive(Debug)]
pub(super) struct Machine {
    /// `/proc/sys/kernel/osrelease`.
    pub(super) kernel: String,
    /// The first `model name` of `/proc/cpuinfo`.
    pub(super) processor: String,
    /// CPUs on which this program may run.
    pub(super) processors: usize,
    /// What the original calls itself: `auditctl version 3.0.9`.
    pub(super) original: String,
}

impl Machine {
    /// Asks the running kernel.
    pub(super) fn read() -> Result<Self> {
        let kernel =
            fs::read_to_string("/proc/sys/kernel/osrelease").context("reading the kernel's release")?;
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").context("reading /proc/cpuinfo")?;
        let processor = cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
            .map_or_else(|| "unknown processor".to_owned(), |(_, name)| name.to_owned());
        let processors = std::thread::available_parallelism().context("counting CPUs")?.get();
        let original = Control::original().run(&["-v"])?.trim().to_owned();
        Ok(Self { kernel: kernel.trim().to_owned(), processor, processors, original })
    }
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process() {
        let pid = std::process::id();
        let before = cpu_time(pid).unwrap();
        let mut sum = 0u64;
        while cpu_time(pid).unwrap() <= before {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let memory = memory(pid).unwrap();
        assert!(memory.resident > 100 && memory.peak >= memory.resident, "{memory:?}");
    }
}
