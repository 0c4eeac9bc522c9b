//! Many elements of an array map with one call: rules by the thousand would need as many calls of bpf(2). aya has no call for it.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use aya::maps::Map;
use aya::{Ebpf, Pod};
use aya_obj::generated::{bpf_attr, bpf_cmd};
use nix::libc;

use super::EngineError;

/// Writes the elements of an array from number `first` on.
pub(super) fn write<V: Pod>(
    ebpf: &Ebpf,
    map: &'static str,
    first: usize,
    values: &[V],
) -> Result<(), EngineError> {
    if values.is_empty() {
        return Ok(());
    }
    let Some(Map::Array(data)) = ebpf.map(map) else {
        return Err(EngineError::no_map(map));
    };
    let keys: Vec<u32> = (first..first + values.len()).map(|key| key as u32).collect();
    // SAFETY: a union of structs of integers, for which zeroes are a value; the kernel wants zero in what is not used.
    let mut attributes: bpf_attr = unsafe { std::mem::zeroed() };
    // SAFETY: every field of the union is plain integers; this is the one that the command reads.
    let batch = unsafe { &mut attributes.batch };
    batch.keys = keys.as_ptr() as u64;
    batch.values = values.as_ptr() as u64;
    batch.count = keys.len() as u32;
    batch.map_fd = data.fd().as_fd().as_raw_fd() as u32;
    // SAFETY: the attributes are as large as is said; keys and values are as many as is said, as large as the map's are (a test of
    // the contract compares them), and outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            bpf_cmd::BPF_MAP_UPDATE_BATCH,
            std::ptr::from_mut(&mut attributes),
            size_of::<bpf_attr>(),
        )
    };
    if result == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error().to_string();
    Err(EngineError::Map { act: "write", map, error })
}
