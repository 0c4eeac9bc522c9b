//! `ebpfauditd`: the audit daemon.

use std::io::Write as _;
use std::process::ExitCode;

use ebpfauditd::options::{HELP, Options, Task, USAGE};
use ebpfauditd::{daemon, exit, messages, preview};

fn main() -> ExitCode {
    messages::install();
    let parsed = Options::parse(std::env::args_os().skip(1)).map_err(|error| error.to_string());
    let options = match parsed.and_then(Options::absolute) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("ebpfauditd: {error}\n{USAGE}");
            return ExitCode::from(exit::USAGE);
        }
    };
    ExitCode::from(match options.task {
        Task::Run => daemon::run(options),
        Task::Help => print(&format!("{USAGE}\n{HELP}\n")),
        Task::Version => print(&format!("ebpfauditd {}\n", env!("CARGO_PKG_VERSION"))),
        Task::Probe => print(&preview::probe(&options)),
        Task::Plan => match preview::show_plan(&options) {
            Ok(text) => print(&text),
            Err((error, code)) => {
                for line in error.lines() {
                    log::error!("{line}");
                }
                code
            }
        },
    })
}

/// Writes to stdout; a reader that has gone away is no failure.
fn print(text: &str) -> u8 {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            log::error!("cannot write to standard output: {error}");
            exit::FAILED
        }
        _ => exit::OK,
    }
}
