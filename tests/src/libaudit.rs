//! A program of Debian's libaudit, which knows nothing of us.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::program::run;

const SOURCE: &str = "programs/libaudit-rules.c";
/// Where it lies in a virtual machine, which has no C compiler.
pub const IN_GUEST: &str = "/usr/local/bin/libaudit-rules";
const LIMIT: Duration = Duration::from_mins(1);

/// Compiles it into this directory.
pub fn compile(directory: &Path) -> Result<PathBuf> {
    let program = directory.join("libaudit-rules");
    let mut compiler = Command::new("gcc");
    compiler.args(["-Wall", "-Werror", "-o"]).arg(&program);
    compiler.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(SOURCE)).arg("-laudit");
    run(&mut compiler, LIMIT)?.success().context("gcc and libaudit-dev (make deps)")?;
    Ok(program)
}

/// The program: that of the machine, or compiled into this directory.
pub fn program(directory: &Path) -> Result<PathBuf> {
    let there = Path::new(IN_GUEST);
    if there.exists() { Ok(there.to_owned()) } else { compile(directory) }
}
