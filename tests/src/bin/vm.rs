//! `make test-vm`: the tests inside stock distribution kernels, each in a virtual machine.
#![forbid(unsafe_code)]

use std::process::ExitCode;

#[path = "../vm/mod.rs"]
mod vm;

fn main() -> ExitCode {
    vm::main()
}
