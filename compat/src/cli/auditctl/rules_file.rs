//! `auditctl -R FILE`.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

use audit_rules::{Command, File, Position, Word, lines, parse_file, parse_line, words};
use nix::libc::O_NONBLOCK;

use super::console::{Console, Severity};
use super::session::{Session, Stop, reason, rule_reason};
use super::target::Target;
use super::{exit, failed_line, status};
use crate::audit::{Audit, Status, StatusField, kind};
use crate::control::batch;

/// Largest file that is read: far beyond any rule set, so that `-R /dev/zero` and the like end.
const LIMIT: u64 = 64 << 20;
/// Mode bit of a file that everybody can write to.
const WORLD_WRITABLE: u32 = 0o002;

/// Loads a rules file. Returns the program's exit code.
pub(super) fn load(session: &mut Session<'_>, name: &[u8]) -> u8 {
    let console = session.console();
    // The original starts that way, because it is run at boot; the first rule that is sent ends it.
    console.use_syslog(true);
    // While our daemon looks whether the rules can change, the file is read. A request that cannot be sent has no answer either.
    let by_daemon = match session.target() {
        Target::Daemon(socket) => {
            let _ = socket.ask_ahead(kind::GET);
            true
        }
        Target::Kernel(_) | Target::Held(..) => false,
    };
    let text = read(name);
    let file = text.as_ref().ok().filter(|_| by_daemon);
    let file = file.map(|text| parse_file(&String::from_utf8_lossy(name), text, session.host()));
    let Ok(status) = session.rules_can_change() else { return exit::FAILURE };
    let text = match text {
        Ok(text) => text,
        Err(message) => {
            console.log(Severity::Error, &message);
            return exit::FAILURE;
        }
    };
    if let Some(file) = file
        && let Some(code) = as_a_whole(session, name, &file, status)
    {
        return code;
    }
    line_by_line(session, name, &text)
}

/// The file, if it is safe to believe it; else the original's words.
fn read(name: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
    let failed = |error: io::Error| {
        if error.kind() == io::ErrorKind::NotFound {
            [b"audit rules file ", name, b" doesn't exist"].concat()
        } else {
            [b"Error opening ", name, format!(" ({})", reason(&error)).as_bytes()].concat()
        }
    };
    // Not waiting for a writer, should it be a FIFO: that is refused below.
    let open = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(OsStr::from_bytes(name));
    let file = open.map_err(failed)?;
    let facts = file.metadata().map_err(failed)?;
    let fault: &[u8] = if facts.mode() & WORLD_WRITABLE != 0 {
        b" is world writable"
    } else if !facts.is_file() {
        b" is not a regular file"
    } else {
        // Known beforehand, with a byte more to find its end with: read_to_end() asks nobody behind take().
        let size = usize::try_from(facts.len().min(LIMIT)).unwrap_or_default();
        let mut text = Vec::with_capacity(size + 1);
        file.take(LIMIT).read_to_end(&mut text).map_err(failed)?;
        return Ok(text);
    };
    Err([b"Error - ", name, fault].concat())
}

/// As the original does it: each line takes effect before the next is read.
fn line_by_line(session: &mut Session<'_>, name: &[u8], text: &[u8]) -> u8 {
    let console = session.console();
    let (mut ignore, mut keep, mut failed) = (false, false, false);
    for (number, line) in lines(text) {
        let line: Vec<Word<'_>> = words(line);
        if line.is_empty() {
            continue;
        }
        let parsed = parse_line(number, &line, session.host());
        let commands = parsed.as_ref().unwrap_or_else(|error| &error.before);
        ignore |= commands.contains(&Command::IgnoreErrors);
        keep |= commands.contains(&Command::ContinueOnErrors);
        let done = match &parsed {
            Ok(commands) => session.carry_out(commands, false),
            Err(error) => failed_line(session, error, false),
        };
        if let Err(Stop::Exit(code)) = done {
            return code;
        }
        if done == Err(Stop::Failed) {
            console.log(Severity::Error, &error_in_line(number, name));
            if !ignore && !keep {
                return exit::FAILURE;
            }
            failed |= keep;
        }
    }
    if failed { exit::FAILURE } else { exit::SUCCESS }
}

fn error_in_line(number: u32, name: &[u8]) -> Vec<u8> {
    [format!("There was an error in line {number} of ").as_bytes(), name].concat()
}

/// Hands the file to our daemon as one change. `None` if the file asks for more than that: to pass errors over, or for answers
/// on the way. `status` is that of the start, if the daemon gave it.
fn as_a_whole(session: &mut Session<'_>, name: &[u8], file: &File, status: Option<Status>) -> Option<u8> {
    let console = session.console();
    let tolerant = |command: &Command| matches!(command, Command::IgnoreErrors | Command::ContinueOnErrors);
    let commands = || file.lines.iter().map(|(_, command)| command);
    if commands().chain(file.errors.iter().flat_map(|error| &error.before)).any(tolerant)
        || !commands().all(fits_batch)
    {
        return None;
    }
    if !file.errors.is_empty() {
        for error in &file.errors {
            say_error(console, error.position, name, &error.to_string());
        }
        return Some(exit::FAILURE);
    }
    let mut payload = Vec::new();
    let mut places = Vec::new();
    for (position, command) in &file.lines {
        if let Some((kind, item)) = item(command) {
            batch::push(&mut payload, kind, &item);
            places.push((*position, command));
        }
    }
    let Target::Daemon(socket) = session.target() else { return None };
    let before = status.map_or_else(|| socket.status(), Ok);
    let sent = before.and_then(|status| Ok((status, socket.batch(&payload)?)));
    match sent {
        Ok((status, Ok(()))) => {
            report(console, &file.lines, status);
            Some(exit::SUCCESS)
        }
        Ok((_, Err(faults))) => {
            for fault in faults {
                let Some((position, command)) = places.get(fault.index as usize) else { continue };
                let why = rule_reason(
                    &io::Error::from_raw_os_error(fault.errno),
                    matches!(command, Command::Add { .. }),
                );
                let text = format!(
                    "{}:{}:{}: {} ({why})",
                    String::from_utf8_lossy(name),
                    position.line,
                    position.column,
                    refusal(command)
                );
                say_error(console, *position, name, &text);
            }
            Some(exit::FAILURE)
        }
        Err(error) => {
            console.complain(
                &[b"Error sending the rules of ", name, format!(" ({})", reason(&error)).as_bytes()].concat(),
            );
            Some(exit::FAILURE)
        }
    }
}

fn say_error(console: &Console, position: Position, name: &[u8], text: &str) {
    console.complain(text.as_bytes());
    console.complain(&error_in_line(position.line, name));
}

/// The original's words when such a request is refused.
fn refusal(command: &Command) -> &'static str {
    match command {
        Command::Add { .. } => "Error sending add rule data request",
        Command::Delete(_) => "Error sending delete rule data request",
        Command::DeleteAll { .. } => "Error deleting rule",
        Command::Enable(_) => "Error sending enable request",
        Command::Failure(_) => "Error sending failure mode request",
        Command::RateLimit(_) => "Error sending rate limit request",
        _ => "Error sending backlog limit request",
    }
}

/// Whether the command can be part of a batch, or only prints what is known beforehand.
fn fits_batch(command: &Command) -> bool {
    match command {
        Command::Add { .. }
        | Command::Delete(_)
        | Command::DeleteAll { key: None }
        | Command::ShowSettings
        | Command::Say(_) => true,
        other => setting(other).is_some(),
    }
}

fn item(command: &Command) -> Option<(u16, Vec<u8>)> {
    Some(match command {
        Command::Add { rule, prepend } => (kind::ADD_RULE, rule.draft().encode_short(*prepend)),
        Command::Delete(rule) => (kind::DEL_RULE, rule.draft().encode_short(false)),
        Command::DeleteAll { key: None } => (kind::DELETE_ALL, Vec::new()),
        other => {
            let (field, value) = setting(other)?;
            (kind::SET, Status::only(field, value).encode())
        }
    })
}

fn setting(command: &Command) -> Option<(StatusField, u32)> {
    Some(match *command {
        Command::Enable(value) => (StatusField::Enabled, value),
        Command::Failure(value) => (StatusField::Failure, value),
        Command::RateLimit(value) => (StatusField::RateLimit, value),
        Command::BacklogLimit(value) => (StatusField::BacklogLimit, value),
        Command::BacklogWaitTime(value) => (StatusField::BacklogWaitTime, value),
        _ => return None,
    })
}

/// Prints what the original prints on the way, now that all of it is done; `status` is from before.
fn report(console: &Console, lines: &[(Position, Command)], mut status: Status) {
    let mut shown: Option<(u32, Status)> = None;
    for (position, command) in lines {
        if let Some((field, value)) = setting(command) {
            match field {
                StatusField::Enabled => status.enabled = value,
                StatusField::Failure => status.failure = value,
                StatusField::RateLimit => status.rate_limit = value,
                StatusField::BacklogLimit => status.backlog_limit = value,
                _ => status.backlog_wait_time = value,
            }
            if shown.is_none_or(|(line, _)| line != position.line) {
                shown = Some((position.line, status));
            }
        }
        match command {
            Command::ShowSettings => {
                if let Some((_, status)) = shown {
                    console.print(status::block(&status, false).as_bytes());
                }
            }
            // What is sent as the first rule ends the silence of the boot.
            Command::Add { .. } | Command::Delete(_) => console.use_syslog(false),
            Command::DeleteAll { .. } => console.print(b"No rules\n"),
            Command::Say(note) => console.note(note),
            _ => {}
        }
    }
}
