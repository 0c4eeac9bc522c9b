//! `bench`: nothing, the original auditd and ours, measured in one run and in turns.
#![forbid(unsafe_code)]

use std::process::ExitCode;

#[path = "../bench/mod.rs"]
mod bench;

fn main() -> ExitCode {
    bench::main()
}
