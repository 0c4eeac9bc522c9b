//! The eBPF programs and their contract with user space: the object's bytes, the mirrors of the
//! C structures, and the table of hooks. Nothing here loads or attaches anything.
#![forbid(unsafe_code)]

pub mod abi;
pub mod hooks;

/// Keeps embedded bytes at an address at which an ELF file can be read in place.
#[repr(align(64))]
struct Aligned<T: ?Sized>(T);

static ALIGNED: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/audit.bpf.o")));

/// The one CO-RE object: every program and map.
pub static OBJECT: &[u8] = &ALIGNED.0;

#[cfg(test)]
static LAYOUT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/layout.bpf.o"));
