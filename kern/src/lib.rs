//! The eBPF programs and their contract with user space: the objects' bytes, the mirrors of the
//! C structures, and the table of hooks. Nothing here loads or attaches anything.
#![forbid(unsafe_code)]

pub mod abi;
pub mod hooks;

/// Keeps embedded bytes at an address at which an ELF file can be read in place.
#[repr(align(64))]
struct Aligned<T: ?Sized>(T);

static ALIGNED: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/audit.bpf.o")));
static ALIGNED_LEGACY: &Aligned<[u8]> =
    &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/audit-legacy.bpf.o")));

/// The CO-RE object with every program and map; needs what came with 5.17.
pub static OBJECT: &[u8] = &ALIGNED.0;

/// The same without what 5.10 lacks (task storage, callbacks, typed pointers to the running task), for a kernel that
/// refuses [`OBJECT`]. Its [`hooks::FORGET`] has to be attached while any other program is.
pub static LEGACY_OBJECT: &[u8] = &ALIGNED_LEGACY.0;

#[cfg(test)]
static LAYOUT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/layout.bpf.o"));
