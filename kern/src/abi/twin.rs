//! What a program and its twin tell each other: mirror of `bpf/abi/twin.h`.

/// `EA_TWIN_MARKS`
pub const TWIN_MARKS: u32 = 256;
/// What `EA_TWIN_MARK` adds to a task's number.
pub const TWIN_MARK: i32 = 1;
/// `EA_TWIN_ASKED`
pub const TWIN_ASKED: u64 = 1 << 32;
