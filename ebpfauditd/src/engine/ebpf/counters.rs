//! What the programs counted.

use aya::maps::PerCpuArray;
use kern::abi;

use super::Engine;
use super::error::{EngineError, map_error};
use super::value::CountersValue;

/// What the programs counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Events that matched a rule, lost ones included.
    pub produced: u64,
    /// Lost for want of room in the ring.
    pub lost_ring: u64,
    /// Lost because the event was larger than the buffer.
    pub lost_size: u64,
    /// Lost for want of room for their arguments.
    pub lost_arguments: u64,
    /// Ends of syscalls that were not judged, because too many preempted each other on one CPU.
    pub lost_nested: u64,
    /// Runs of a program that the kernel skipped, because the program was already running on that CPU, and that no twin has made up for.
    pub missed: u64,
    /// Runs that twins have made up for.
    pub rescued: u64,
    /// Facts that could not be read from user memory (the event was recorded without them).
    pub unread: u64,
    /// Per-task state that could not be had (the event lacks what it would have held).
    pub no_state: u64,
    /// Whether every syscall is judged at its exit for now, until all stubs are attached.
    pub takeover: bool,
    /// Names for which there was no room (the event was recorded without them).
    pub cut: u64,
    /// Watches that have come to an inode that had no room for them (they match nothing there).
    pub adrift: u64,
}

impl Counters {
    /// All that was lost.
    pub const fn lost(&self) -> u64 {
        self.lost_ring + self.lost_size + self.lost_arguments + self.lost_nested
    }
}

impl Engine {
    /// What the programs counted so far, and the kernel for each of them.
    pub fn counters(&self) -> Result<Counters, EngineError> {
        // in this order: what has just been skipped is still to be made up for, and must not look like a failure
        let skipped = self.attachments.skipped();
        let counted = self.counted()?;
        Ok(Counters { missed: skipped.saturating_sub(counted.rescued), ..counted })
    }

    /// What the programs themselves counted so far: one call, and not one for each program.
    pub fn counted(&self) -> Result<Counters, EngineError> {
        let map = self.ebpf.map("ea_counters").ok_or_else(|| EngineError::no_map("ea_counters"))?;
        let map: PerCpuArray<_, CountersValue> =
            PerCpuArray::try_from(map).map_err(map_error("open", "ea_counters"))?;
        let values = map.get(&0, 0).map_err(map_error("read", "ea_counters"))?;
        let mut sum = Counters::default();
        for CountersValue(cpu) in values.iter() {
            sum.produced += cpu.produced;
            sum.lost_ring += cpu.lost[abi::Loss::Ring as usize];
            sum.lost_size += cpu.lost[abi::Loss::Scratch as usize];
            sum.lost_arguments += cpu.lost[abi::Loss::Arguments as usize];
            sum.lost_nested += cpu.lost[abi::Loss::Nested as usize];
            sum.unread += cpu.unread;
            sum.no_state += cpu.no_state;
            sum.cut += cpu.cut;
            sum.adrift += cpu.adrift;
            sum.rescued += cpu.rescued;
        }
        sum.takeover = self.takeover.is_some();
        Ok(sum)
    }
}
