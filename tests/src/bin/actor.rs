//! `actor CASE AUID FILES WORK`: does what one case says, in a process that was born for it.
//!
//! Addresses are not randomised, so that the registers of two runs can be compared.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use tests::stage::{PERSONALITY, Stage, words};
use tests::{case, raw, syscall};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("actor: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [program, name, auid, files, work] = arguments.as_slice() else {
        bail!("usage: actor CASE AUID FILES WORK");
    };
    let current = syscall!(libc::SYS_personality, 0xffff_ffff_u32)?;
    if current != i64::from(PERSONALITY) {
        syscall!(libc::SYS_personality, PERSONALITY)?;
        let program = tests::stage::c_string(program.as_bytes())?;
        let words = words(&arguments.iter().map(String::as_bytes).collect::<Vec<_>>())?;
        let errno = raw::execve(&program, &words, &[]);
        bail!("running itself again: {errno}");
    }
    let (_, case) = case::find(name).with_context(|| format!("no case is called {name}"))?;
    let work = if case.own { Path::new(work).join(name) } else { Path::new(work).to_owned() };
    std::env::set_current_dir(&work).with_context(|| work.display().to_string())?;
    let mut stage = Stage::open(Path::new(files), &work, auid.parse().context("AUID")?)?;
    if case.own {
        stage.name_inodes();
    }
    (case.act)(&mut stage)
}
