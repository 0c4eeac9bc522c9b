//! `augenrules`: see [`compat::cli::augenrules`].

use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args_os().map(OsStringExt::into_vec);
    let name = words.next().unwrap_or_default();
    ExitCode::from(compat::cli::augenrules::run(&name, &words.collect::<Vec<_>>()))
}
