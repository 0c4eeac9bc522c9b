//! `auditctl`: see [`compat::cli::auditctl`].

use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<Vec<u8>> = std::env::args_os().skip(1).map(OsStringExt::into_vec).collect();
    ExitCode::from(compat::cli::auditctl::run(&words))
}
