//! What a program and its twin tell each other: mirror of `bpf/abi/twin.h`.

/// `EA_TWIN_RAN`
pub const TWIN_RAN: i32 = 1;
/// `EA_TWIN_ASKED`
pub const TWIN_ASKED: i32 = 2;
