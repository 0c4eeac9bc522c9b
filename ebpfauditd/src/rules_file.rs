//! `audit.rules`: read whole, checked whole, then made into a rule set; or refused whole, with every error named.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use audit_rules::{Command, Host, Position};
use nix::errno::Errno;
use nix::libc;

use crate::ruleset::{Change, RuleSet, Setting};

/// Name of the file in the configuration directory.
pub const NAME: &str = "audit.rules";
/// Largest file that is read: thousands of times the largest in use, far less than what would hurt.
const LIMIT: u64 = 64 * 1024 * 1024;

/// Why a rules file was not used.
#[derive(Debug)]
pub enum RulesError {
    /// It is not there.
    Missing(String),
    /// It cannot be read, or it is not safe to believe it.
    Unusable(String),
    /// It has errors: each with its place.
    Wrong(Vec<String>),
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "audit rules file {path} doesn't exist"),
            Self::Unusable(why) => f.write_str(why),
            Self::Wrong(errors) => f.write_str(&errors.join("\n")),
        }
    }
}

impl std::error::Error for RulesError {}

/// A rules file that was read and has no error that stops it.
#[derive(Debug)]
pub struct Rules {
    name: String,
    commands: Vec<(Position, Command)>,
    /// Errors in lines that the file itself says may fail (after `-i` or `-c`).
    ignored: Vec<String>,
    /// Whether lines from some place on may fail.
    tolerant: Option<Position>,
}

impl Rules {
    /// Reads a file. As auditctl does, it refuses one that is no regular file, not root's, or writable by everybody.
    pub fn read(path: &Path, host: &dyn Host) -> Result<Self, RulesError> {
        let name = path.display().to_string();
        let unusable =
            |error: io::Error| RulesError::Unusable(format!("cannot read {}: {error}", path.display()));
        // Not waiting for a writer, should it be a FIFO: that is refused below.
        let file = match OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(RulesError::Missing(name)),
            Err(error) => return Err(unusable(error)),
        };
        let meta = file.metadata().map_err(unusable)?;
        let unsafe_because = if !meta.is_file() {
            Some("is not a regular file")
        } else if meta.uid() != 0 {
            Some("isn't owned by root")
        } else if meta.mode() & 0o002 != 0 {
            Some("is world writable")
        } else if meta.len() > LIMIT {
            Some("is too large")
        } else {
            None
        };
        if let Some(why) = unsafe_because {
            return Err(RulesError::Unusable(format!("{name} {why}")));
        }
        let mut bytes = Vec::new();
        file.take(LIMIT).read_to_end(&mut bytes).map_err(unusable)?;
        Self::parse(name, &bytes, host)
    }

    fn parse(name: String, bytes: &[u8], host: &dyn Host) -> Result<Self, RulesError> {
        let file = audit_rules::parse_file(&name, bytes, host);
        let (ignored, wrong): (Vec<_>, Vec<_>) = file.errors.into_iter().partition(|error| error.ignored);
        if !wrong.is_empty() {
            return Err(RulesError::Wrong(wrong.iter().map(ToString::to_string).collect()));
        }
        let tolerant = file
            .lines
            .iter()
            .find(|(_, command)| matches!(command, Command::IgnoreErrors | Command::ContinueOnErrors))
            .map(|(position, _)| *position);
        let ignored = ignored.iter().map(ToString::to_string).collect();
        Ok(Self { name, commands: file.lines, ignored, tolerant })
    }

    /// Errors that were found while reading, in lines that may fail.
    pub fn ignored(&self) -> impl Iterator<Item = &String> {
        self.ignored.iter()
    }

    /// Does the file's commands to a rule set, in order. `check_path` is asked for every rule that is added.
    ///
    /// Errors in lines that may fail go to `ignored`.
    ///
    /// # Errors
    /// Every command that failed; the set is then half changed and must be thrown away.
    pub fn apply(
        &self,
        set: &mut RuleSet,
        ignored: &mut Vec<String>,
        mut check_path: impl FnMut(&audit_rules::Rule) -> Result<(), Errno>,
    ) -> Result<Vec<Change>, RulesError> {
        let mut changes = Vec::new();
        let mut wrong = Vec::new();
        for (position, command) in &self.commands {
            let done = match command {
                Command::Add { rule, prepend } => set
                    .add(rule.clone(), *prepend, &mut check_path)
                    .map(|change| changes.push(change))
                    .map_err(|errno| format!("Error sending add rule data request ({})", words(errno))),
                Command::Delete(rule) => set
                    .delete(rule)
                    .map(|change| changes.push(change))
                    .map_err(|errno| format!("Error sending delete rule data request ({})", words(errno))),
                Command::DeleteAll { key } => set
                    .delete_all(key.as_deref())
                    .map(|more| changes.extend(more))
                    .map_err(|errno| format!("Error deleting rule ({})", words(errno))),
                Command::Say(note) => {
                    let text = String::from_utf8_lossy(&note.text);
                    log::warn!("{}:{}: {}", self.name, position.line, text.trim_end());
                    Ok(())
                }
                other => match setting(other) {
                    Some((setting, value, request)) => set
                        .set(setting, value)
                        .map(|change| changes.push(change))
                        .map_err(|errno| format!("Error sending {request} request ({})", words(errno))),
                    None => unserved(other),
                },
            };
            let Err(message) = done else { continue };
            let text = format!("{}:{}:{}: {message}", self.name, position.line, position.column);
            if self.tolerant.is_some_and(|from| from < *position) {
                ignored.push(text);
            } else {
                wrong.push(text);
            }
        }
        if wrong.is_empty() { Ok(changes) } else { Err(RulesError::Wrong(wrong)) }
    }
}

/// The setting that a command gives a value, with the name that auditctl has for the request.
fn setting(command: &Command) -> Option<(Setting, u32, &'static str)> {
    Some(match command {
        Command::Enable(value) => (Setting::Enabled, *value, "enable"),
        Command::Failure(value) => (Setting::Failure, *value, "failure mode"),
        Command::RateLimit(value) => (Setting::RateLimit, *value, "rate limit"),
        Command::BacklogLimit(value) => (Setting::BacklogLimit, *value, "backlog limit"),
        Command::BacklogWaitTime(value) => (Setting::BacklogWaitTime, *value, "backlog limit"),
        _ => return None,
    })
}

/// What a command that is neither a rule nor a setting means in the daemon's own file: those that only print have nobody
/// to print for; those that we cannot do are refused by name.
fn unserved(command: &Command) -> Result<(), String> {
    let what = match command {
        Command::LoginuidImmutable => "--loginuid-immutable",
        Command::MakeEquivalent { .. } => "-q",
        Command::Message(_) => "-m",
        Command::Signal(_) => "--signal",
        Command::ResetLost => "--reset-lost",
        Command::ResetBacklogWaitTimeActual => "--reset_backlog_wait_time_actual",
        _ => return Ok(()),
    };
    Err(format!("{what} is not supported in the daemon's rules file yet"))
}

/// The C library's words for an error, as auditctl prints them.
pub fn words(errno: Errno) -> &'static str {
    match errno {
        // nix leaves these to its own wording.
        Errno::EEXIST => "Rule exists",
        errno => errno.desc(),
    }
}

#[cfg(test)]
mod tests {
    use audit_rules::NoHost;

    use super::*;
    use crate::ruleset::{Enabled, Settings};

    const SETTINGS: Settings = Settings {
        enabled: Enabled::On,
        failure: 1,
        rate_limit: 0,
        backlog_limit: 64,
        backlog_wait_time: 60000,
    };

    fn load(text: &str) -> Result<(RuleSet, Vec<String>), RulesError> {
        let rules = Rules::parse("audit.rules".into(), text.as_bytes(), &NoHost)?;
        let mut set = RuleSet::new(SETTINGS);
        let mut ignored = rules.ignored.clone();
        rules.apply(&mut set, &mut ignored, |rule| match rule.watched() {
            Some(path) if path.starts_with(b"/missing/") => Err(Errno::ENOENT),
            _ => Ok(()),
        })?;
        Ok((set, ignored))
    }

    fn errors(text: &str) -> Vec<String> {
        match load(text) {
            Err(RulesError::Wrong(errors)) => errors,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_good_file_is_done_in_order() {
        let (set, ignored) =
            load("# c\n-D\n-b 8192\n-f 1\n-w /a -p r -k one\n-A always,exit -S open\n").unwrap();
        assert_eq!(set.settings().backlog_limit, 8192);
        let rules: Vec<String> = set.rules().iter().map(ToString::to_string).collect();
        assert_eq!(rules, ["-a always,exit -S open", "-w /a -p r -k one"]);
        assert!(ignored.is_empty());
    }

    #[test]
    fn every_error_is_named_with_its_place() {
        let errors = errors("-w /a -p r\n-a always,exit -S nosuchcall\n-w relative -p r\n");
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert!(errors[0].starts_with("audit.rules:2:"), "{errors:?}");
        assert!(errors[1].starts_with("audit.rules:3:"), "{errors:?}");
    }

    #[test]
    fn what_the_kernel_would_refuse_is_refused_in_auditctls_words() {
        let errors = errors("-w /a -p r\n-w /missing/x -p r\n-w /a -p r\n-e 2\n-w /b -p r\n");
        assert_eq!(
            errors,
            [
                "audit.rules:2:1: Error sending add rule data request (No such file or directory)",
                "audit.rules:3:1: Error sending add rule data request (Rule exists)",
                "audit.rules:5:1: Error sending add rule data request (Operation not permitted)",
            ]
        );
    }

    #[test]
    fn after_i_lines_may_fail() {
        let (set, ignored) =
            load("-i\n-w /missing/x -p r\n-a always,exit -S nosuchcall\n-w /a -p r\n").unwrap();
        assert_eq!(set.rules().len(), 1);
        assert_eq!(ignored.len(), 2, "{ignored:?}");
    }

    #[test]
    fn what_cannot_be_done_is_refused_by_name() {
        assert_eq!(
            errors("--loginuid-immutable\n"),
            ["audit.rules:1:1: --loginuid-immutable is not supported in the daemon's rules file yet"]
        );
    }

    #[test]
    fn a_file_that_is_not_there_or_not_safe_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(NAME);
        assert!(matches!(Rules::read(&path, &NoHost), Err(RulesError::Missing(_))));
        let said = Rules::read(directory.path(), &NoHost).unwrap_err().to_string();
        assert!(said.ends_with("is not a regular file"), "{said}");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
        let (done, said) = std::sync::mpsc::channel();
        let fifo = path.clone();
        std::thread::spawn(move || done.send(Rules::read(&fifo, &NoHost).unwrap_err().to_string()));
        let said = said.recv_timeout(std::time::Duration::from_secs(5)).expect("nobody waits for a FIFO");
        assert!(said.ends_with("is not a regular file"), "{said}");
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "-D\n").unwrap();
        let mut mode = std::fs::metadata(&path).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o666);
        std::fs::set_permissions(&path, mode).unwrap();
        let said = Rules::read(&path, &NoHost).unwrap_err().to_string();
        assert!(said.ends_with("is world writable"), "{said}");
    }
}
