//! `auditctl`: behaves as that of audit 4.2 (man page auditctl(8)), byte for byte on both streams; docs/differences.md has where
//! it does not, and where 4.2 is not as 3.0.9 was.
//!
//! It talks to our daemon if one answers on the control socket, and to the kernel otherwise, with the same requests. Rules
//! files are the one difference: our daemon takes a file as a whole or not at all, unless the file says that errors are
//! to be passed over.

mod caller;
mod console;
mod inside;
mod message;
mod rules_file;
mod session;
mod status;
mod target;

use audit_rules::{Error, Host, Problem, parse_words};

use crate::audit::Audit;
use crate::host::SystemHost;
use console::Console;
use session::{Session, Stop};
use target::Target;

/// How the program ends.
mod exit {
    /// All went well, or auditing is off for good.
    pub(super) const SUCCESS: u8 = 0;
    /// No arguments, a rules file with an error, or a signal that does not exist or does not work.
    pub(super) const FAILURE: u8 = 1;
    /// No daemon runs that a signal could be sent to.
    pub(super) const NO_DAEMON: u8 = 2;
    /// Not allowed to control auditing.
    pub(super) const NO_PRIVILEGE: u8 = 4;
    /// An error on the command line, or a request that was refused.
    pub(super) const REFUSED: u8 = 255;
}

/// What the original prints for `-h` and without arguments.
const USAGE: &[u8] = include_bytes!("usage.txt");
/// The words that ask for help with what is ours alone: `--help`, and shorter as `getopt_long` understands it.
const HELP: [&[u8]; 4] = [b"--help", b"--hel", b"--he", b"--h"];
/// The version that this behaves as.
const VERSION: &[u8] = b"auditctl version 4.2.1\n";

/// Runs the program with these arguments, the program's name left out. Returns its exit code.
#[must_use]
pub fn run(words: &[Vec<u8>]) -> u8 {
    let console = Console::new();
    if words.is_empty() {
        console.print(USAGE);
        return exit::FAILURE;
    }
    if !caller::may_run(words) {
        console.complain(b"You must be root to run this program.");
        return exit::NO_PRIVILEGE;
    }
    if matches!(words, [word] if HELP.contains(&&word[..])) {
        console.print(USAGE);
        console.print(inside::HELP);
        return exit::SUCCESS;
    }
    let mut target = match Target::open() {
        Ok(target) => target,
        Err(error) => {
            console.complain(
                format!("Cannot open netlink audit socket ({})", session::reason(&error)).as_bytes(),
            );
            return exit::REFUSED;
        }
    };
    if inside::is_asked(words) {
        return inside::ask(&mut target, &console, words);
    }
    let host = SystemHost;
    let mut session = Session::new(target, &console, &host);
    match words {
        [option, name] if option == b"-R" => rules_file::load(&mut session, name),
        _ => command_line(&mut session, words, &host),
    }
}

/// Whether nothing can be changed any more until the next boot; `false` as well if nobody can be asked.
pub(super) fn rules_are_locked() -> bool {
    Target::open()
        .and_then(|mut target| target.status())
        .is_ok_and(|status| status.enabled == session::LOCKED)
}

fn command_line(session: &mut Session<'_>, words: &[Vec<u8>], host: &dyn Host) -> u8 {
    let done = match parse_words(words, host) {
        Ok(commands) => session.carry_out(&commands, true),
        Err(error) => failed_line(session, &error, true),
    };
    match done {
        Ok(()) => exit::SUCCESS,
        Err(Stop::Exit(code)) => code,
        Err(Stop::Failed) => {
            session.console().complain(b"There was an error while processing parameters");
            exit::REFUSED
        }
    }
}

/// What the original does with a line that has an error: everything before the error, then its messages.
fn failed_line(session: &mut Session<'_>, error: &Error, check_locked: bool) -> Result<(), Stop> {
    session.carry_out(&error.before, check_locked)?;
    if let Problem::Refused(refused) = &error.problem {
        // Whoever enforces the rules has the last word on which are refused, and why.
        return session.send_rule(&refused.request, refused.delete, check_locked);
    }
    for note in &error.said {
        session.console().note(note);
    }
    if check_locked && error.is_rule {
        session.rules_can_change()?;
    }
    Err(if error.problem == Problem::NoSignal { Stop::Exit(exit::FAILURE) } else { Stop::Failed })
}
