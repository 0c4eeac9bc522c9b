//! Many elements of an array map with one call: rules by the thousand would need as many calls of bpf(2).

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use aya::maps::Map;
use aya::{Ebpf, Pod};
use aya_obj::generated::bpf_cmd;
use nix::errno::Errno;

use super::{EngineError, bpf};

/// Writes the elements of an array from number `first` on.
pub(super) fn write<V: Pod>(
    ebpf: &Ebpf,
    map: &'static str,
    first: usize,
    values: &[V],
) -> Result<(), EngineError> {
    let keys = (first..first + values.len()).map(|key| key as u32).collect();
    write_at(ebpf, map, keys, values.to_vec())
}

/// Writes the elements of an array that have these numbers.
pub(super) fn write_at<V: Pod>(
    ebpf: &Ebpf,
    map: &'static str,
    mut keys: Vec<u32>,
    mut values: Vec<V>,
) -> Result<(), EngineError> {
    let before = std::ptr::null();
    call(ebpf, map, bpf_cmd::BPF_MAP_UPDATE_BATCH, before, &mut keys, &mut values)
        .map_err(|error| EngineError::Map { act: "write", map, error: error.to_string() })
}

/// Reads `count` elements of an array from number `first` on.
pub(super) fn read<V: Pod>(
    ebpf: &Ebpf,
    map: &'static str,
    first: usize,
    empty: V,
    count: usize,
) -> Result<Vec<V>, EngineError> {
    let mut values = vec![empty; count];
    let mut keys = vec![0; count];
    // The kernel begins behind this one.
    let before = first.checked_sub(1).map(|key| key as u32);
    let before = before.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    match call(ebpf, map, bpf_cmd::BPF_MAP_LOOKUP_BATCH, before, &mut keys, &mut values) {
        Ok(()) => Ok(values),
        // The last element of the array is among them.
        Err(error) if error.raw_os_error() == Some(Errno::ENOENT as i32) => Ok(values),
        Err(error) => Err(EngineError::Map { act: "read", map, error: error.to_string() }),
    }
}

fn call<V: Pod>(
    ebpf: &Ebpf,
    map: &str,
    command: bpf_cmd,
    before: *const u32,
    keys: &mut [u32],
    values: &mut [V],
) -> io::Result<()> {
    if values.is_empty() {
        return Ok(());
    }
    let Some(Map::Array(data)) = ebpf.map(map) else {
        return Err(io::Error::other("the object has no such array"));
    };
    let mut last = 0u32;
    let mut attributes = bpf::attributes();
    // SAFETY: every field of the union is plain integers; this is the one that the command reads.
    let batch = unsafe { &mut attributes.batch };
    batch.in_batch = before as u64;
    batch.out_batch = std::ptr::from_mut(&mut last) as u64;
    batch.keys = keys.as_mut_ptr() as u64;
    batch.values = values.as_mut_ptr() as u64;
    batch.count = values.len().min(keys.len()) as u32;
    batch.map_fd = data.fd().as_fd().as_raw_fd() as u32;
    // SAFETY: keys and values are as many as is said, as large as the map's are (a test of the contract compares them), may be
    // written, and outlive the call.
    unsafe { bpf::call(command, &mut attributes) }.map(drop)
}
