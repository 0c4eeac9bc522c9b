//! `make demo`: what the daemon does, shown on this very kernel, and read with the real ausearch.

use std::process::ExitCode;

#[path = "../demo/mod.rs"]
mod demo;

fn main() -> ExitCode {
    match demo::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}
