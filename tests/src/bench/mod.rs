//! The benchmark: what auditing costs, by nothing, the original auditd and ours.
//!
//! One run measures all three in turns, round by round, so that drift of the machine falls on all alike, and
//! quotes ratios. The workload is a child of this program, forked in the state under test and pinned to CPU 0;
//! the daemons run wherever the scheduler puts them.
//!
//! Whether a task carries an audit context is decided when it is forked (`audit_alloc` in `kernel/auditsc.c`):
//! not while audit was never enabled, nor while a `task,never` rule is loaded. So "nothing" and ours are measured
//! on tasks forked under such a rule, the original on tasks forked without one, as it runs in the field.
#![allow(clippy::cast_precision_loss)] // counts and nanoseconds lie far below 2^53

mod budget;
mod change;
mod interrupt;
mod kernel;
mod log;
mod options;
mod plan;
mod process;
mod report;
mod round;
mod rules;
mod sample;
mod scratch;
mod size;
mod subject;
mod sustained;
mod table;
mod worker;
mod workload;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use ::tests::performance;
use anyhow::{Context, Result};

use options::{Invocation, Options};

/// The whole program: parses the arguments, measures, prints; returns the exit code (0 done, 1 failed, 2 usage,
/// 130 interrupted).
pub(crate) fn main() -> ExitCode {
    let words: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    // A workload child: nothing but the measured loop may run in it.
    if words.first().is_some_and(|word| word == workload::FLAG) {
        return workload::main(&words[1..]);
    }
    match options::parse(&words) {
        Ok(Invocation::Help) => match print(options::HELP) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Ok(Invocation::Run(mut options)) => match options.find_ours().and_then(|()| run(&options)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain(&format!("bench: {error:#}"));
                if interrupt::pending() { ExitCode::from(130) } else { ExitCode::FAILURE }
            }
        },
        Err(error) => {
            complain(&format!("bench: {error:#}\n{}", options::HELP));
            ExitCode::from(2)
        }
    }
}

/// Measures everything that was asked for and prints the tables.
fn run(options: &Options) -> Result<()> {
    interrupt::install()?;
    // A serial line is a terminal, too, but lines are not overwritten there.
    let terminal =
        std::io::stderr().is_terminal() && std::env::var_os("TERM").is_some_and(|name| name != "dumb");
    let progress = Progress { terminal };
    let (machine, results) = {
        // Declared in this order so that on every way out the daemon stops first, then the kernel's audit state
        // is put back, then the lock goes.
        let _lock = kernel::Lock::take()?;
        let _restore = kernel::Restore::new()?;
        let scratch = scratch::Scratch::new(&options.directory)?;
        (process::Machine::read()?, round::measure(options, &scratch, &progress)?)
    };
    progress.clear();
    let text = report::text(&machine, options, &results);
    print(&text)?;
    if options.section {
        let section = report::section(&machine, options, &results);
        print(&format!("{}\n{section}{}\n", performance::BEGIN, performance::END))?;
    }
    if let Some(path) = &options.write {
        performance::write(path, |page| performance::host(page, &report::page(&machine, options, &results)))?;
        print(&format!("written to {}\n", path.display()))?;
    }
    Ok(())
}

/// Prints to standard output; a closed pipe is an error, not a panic, so that the audit state is still put back.
fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("writing to standard output")
}

/// Prints to standard error; where even that fails there is nobody left to tell.
fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
}

/// Says on standard error what is being measured: one line that is overwritten on a terminal, plain lines else.
struct Progress {
    terminal: bool,
}

impl Progress {
    fn say(&self, text: &str) {
        let mut err = std::io::stderr().lock();
        let _ = if self.terminal { write!(err, "\r\x1b[K{text}") } else { writeln!(err, "{text}") };
        let _ = err.flush();
    }

    fn clear(&self) {
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
