//! The BPF objects that are in the kernel: programs, maps and links, by their numbers.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use nix::errno::Errno;

use crate::syscall;

/// `BPF_PROG_GET_NEXT_ID`, `BPF_MAP_GET_NEXT_ID`, `BPF_LINK_GET_NEXT_ID` of bpf(2), and what each is called.
const KINDS: [(&str, i32); 3] = [("program", 11), ("map", 12), ("link", 31)];

/// All objects, each by its kind and number. Numbers are not used again soon.
pub fn objects() -> Result<BTreeSet<(&'static str, u32)>> {
    let mut all = BTreeSet::new();
    for (kind, command) in KINDS {
        let mut last = 0_u32;
        loop {
            // start_id, next_id, open_flags
            let mut request: Vec<u8> = [last, 0, 0].iter().flat_map(|word| word.to_ne_bytes()).collect();
            let length = request.len();
            match syscall!(libc::SYS_bpf, command, &mut request[..], length) {
                Ok(_) => {}
                Err(Errno::ENOENT) => break,
                // Kernels before 5.8 have no numbers for links.
                Err(Errno::EINVAL) if kind == "link" => break,
                Err(errno) => return Err(errno).with_context(|| format!("the next {kind} after {last}")),
            }
            let next = request.get(4..8).and_then(|bytes| bytes.try_into().ok()).context("next_id")?;
            last = u32::from_ne_bytes(next);
            all.insert((kind, last));
        }
    }
    Ok(all)
}
