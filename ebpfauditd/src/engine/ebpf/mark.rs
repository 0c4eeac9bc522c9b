//! Marks of watched inodes (`bpf/mark.h`): one has to be there before the watch is.

use aya::Ebpf;
use aya::maps::Array;
use kern::abi;

use super::{EngineError, array, batch, map_error};

const MARKS: &str = "ea_marks";

/// Marks an inode in a generation.
pub(super) fn set(ebpf: &mut Ebpf, ino: u64, slot: u32) -> Result<(), EngineError> {
    let mut marks: Array<_, u32> = array(ebpf, MARKS)?;
    marks.set(slot * abi::MARKS as u32 + abi::mark(ino), 1, 0).map_err(map_error("write", MARKS))
}

/// Takes all marks of a generation away, in which nothing is watched any more.
pub(super) fn clear(ebpf: &Ebpf, slot: u32) -> Result<(), EngineError> {
    batch::write(ebpf, MARKS, slot as usize * abi::MARKS, &vec![0u32; abi::MARKS])
}

/// Whether an inode has a mark.
#[cfg(test)]
pub(super) fn is_set(ebpf: &mut Ebpf, ino: u64, slot: u32) -> bool {
    let marks: Array<_, u32> = array(ebpf, MARKS).unwrap();
    marks.get(&(slot * abi::MARKS as u32 + abi::mark(ino)), 0).unwrap() != 0
}
