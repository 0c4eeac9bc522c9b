//! Carries commands out.

use std::fs;
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use audit_rules::{Command, Host, Listing, Rule, Signal};
use nix::errno::Errno;
use nix::sys::signal::{Signal::SIGTERM, kill};
use nix::unistd::Pid;

use super::console::{Console, Severity};
use super::target::Target;
use super::{USAGE, VERSION, exit, message, status};
use crate::audit::{Audit, Features, Status, StatusField, kind};
use crate::netlink::AuditSocket;

/// `audit_enabled` when nothing can be changed until the next boot.
pub(super) const LOCKED: u32 = 2;

/// How long a daemon may take to end when it is told to.
const PATIENCE: Duration = Duration::from_mins(1);

/// Why the rest of a line is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It failed, and that was said.
    Failed,
    /// The program is to end with this code, and why was said.
    Exit(u8),
}

/// One run of the program.
pub(super) struct Session<'a> {
    target: Target,
    console: &'a Console,
    host: &'a dyn Host,
    /// `-i` was met: stays on for the rest of a rules file.
    interpret: bool,
    /// The status after the first setting of this line.
    after_setting: Option<Status>,
}

impl<'a> Session<'a> {
    pub(super) fn new(target: Target, console: &'a Console, host: &'a dyn Host) -> Self {
        Self { target, console, host, interpret: false, after_setting: None }
    }

    pub(super) fn console(&self) -> &'a Console {
        self.console
    }

    pub(super) fn host(&self) -> &'a dyn Host {
        self.host
    }

    pub(super) fn target(&mut self) -> &mut Target {
        &mut self.target
    }

    /// Carries the commands of one line out, up to the first that fails. `check_locked`: the original asks before it sends a
    /// rule from the command line whether rules can be changed at all; in a file it has asked at the start.
    pub(super) fn carry_out(&mut self, commands: &[Command], check_locked: bool) -> Result<(), Stop> {
        self.after_setting = None;
        for command in commands {
            self.command(command, check_locked)?;
        }
        Ok(())
    }

    fn command(&mut self, command: &Command, check_locked: bool) -> Result<(), Stop> {
        match command {
            Command::Add { rule, prepend } => {
                self.send_rule(&rule.draft().encode(*prepend), false, check_locked)
            }
            Command::Delete(rule) => self.send_rule(&rule.draft().encode(false), true, check_locked),
            Command::DeleteAll { key } => self.delete_all(key.as_deref()),
            Command::Enable(value) => self.set(StatusField::Enabled, *value, "enable request"),
            Command::Failure(value) => self.set(StatusField::Failure, *value, "failure mode request"),
            Command::RateLimit(value) => self.set(StatusField::RateLimit, *value, "rate limit request"),
            Command::BacklogLimit(value) => {
                self.set(StatusField::BacklogLimit, *value, "backlog limit request")
            }
            // The original's words for both.
            Command::BacklogWaitTime(value) => {
                self.set(StatusField::BacklogWaitTime, *value, "backlog limit request")
            }
            Command::ShowSettings => {
                if let Some(status) = self.after_setting.take() {
                    self.print(&status::block(&status, self.interpret));
                }
                Ok(())
            }
            Command::Status { interpret } => self.status(*interpret),
            Command::List { interpret, key } => {
                self.interpret |= interpret;
                self.list(key.as_deref())
            }
            Command::Message(words) => AuditSocket::open()
                .and_then(|mut socket| socket.send_user(kind::USER, &message::text(words)))
                .or_else(|error| self.refused("user message request", &error)),
            Command::LoginuidImmutable => match self.target.set_features(&Features::LOGINUID_IMMUTABLE) {
                Ok(()) => Ok(()),
                Err(error) => self.fail(&format!("Error setting feature ({})", reason(&error))),
            },
            Command::ResetLost => self.reset(StatusField::Lost, "lost", "lost reset request"),
            Command::ResetBacklogWaitTimeActual => self.reset(
                StatusField::BacklogWaitTimeActual,
                "backlog_wait_time_actual",
                "backlog wait time actual reset request",
            ),
            Command::TrimSubtrees => self.request(kind::TRIM, &[], "trim subtrees command"),
            Command::MakeEquivalent { mount, subtree } => {
                let lengths = [mount, subtree].map(|path| (path.len() as u32).to_ne_bytes());
                let payload = [&lengths.concat()[..], mount, subtree].concat();
                self.request(kind::MAKE_EQUIV, &payload, "make_equivalent command")
            }
            Command::Signal(signal) => self.signal(*signal),
            Command::IgnoreErrors | Command::ContinueOnErrors => Ok(()),
            Command::Usage => {
                self.console.print(USAGE);
                Ok(())
            }
            Command::Version => {
                self.console.print(VERSION);
                Ok(())
            }
            Command::Say(note) => {
                self.console.note(note);
                Ok(())
            }
        }
    }

    /// Sends a `struct audit_rule_data`.
    pub(super) fn send_rule(&mut self, rule: &[u8], delete: bool, check_locked: bool) -> Result<(), Stop> {
        if check_locked {
            self.rules_can_change()?;
        }
        self.console.use_syslog(false);
        let sent = if delete { self.target.delete_rule(rule) } else { self.target.add_rule(rule) };
        let Err(error) = sent else { return Ok(()) };
        let verb = if delete { "delete" } else { "add" };
        self.fail(&format!("Error sending {verb} rule data request ({})", rule_reason(&error, !delete)))
    }

    /// Says why if the rules cannot be changed at all: that ends the program without an error. Gives the status, if there is one.
    pub(super) fn rules_can_change(&mut self) -> Result<Option<Status>, Stop> {
        let text: &[u8] = match self.target.status() {
            Ok(status) if status.enabled == LOCKED => {
                b"The audit system is in immutable mode, no rule changes allowed"
            }
            Err(error) if is(&error, Errno::ECONNREFUSED) => b"The audit system is disabled",
            // Whatever else is wrong, the rule itself will be told.
            status => return Ok(status.ok()),
        };
        self.console.log(Severity::Error, text);
        Err(Stop::Exit(exit::FAILURE))
    }

    fn delete_all(&mut self, key: Option<&[u8]>) -> Result<(), Stop> {
        match self.target.delete_all(key) {
            Ok(()) => self.list(key),
            Err(error) => {
                let failed = self.fail(&format!("Error deleting rule ({})", reason(&error)));
                if key.is_some() {
                    // What the original makes of the key that is left over.
                    self.console.complain(b"Key field needs a watch, syscall or exe path given prior to it");
                }
                failed
            }
        }
    }

    fn set(&mut self, field: StatusField, value: u32, what: &str) -> Result<(), Stop> {
        if let Err(error) = self.target.set(field, value) {
            return self.refused(what, &error);
        }
        if self.after_setting.is_none() {
            match self.target.status() {
                Ok(status) => self.after_setting = Some(status),
                Err(error) => return self.refused("status request", &error),
            }
        }
        Ok(())
    }

    fn status(&mut self, interpret: bool) -> Result<(), Stop> {
        self.interpret |= interpret;
        match self.target.status() {
            Ok(status) => self.print(&status::block(&status, self.interpret)),
            Err(error) => return self.refused("status request", &error),
        }
        match self.target.features() {
            Ok(features) => self.print(&status::features(&features)),
            Err(error) => return self.refused("feature request", &error),
        }
        // beyond what the original prints, and only when something is wrong
        if let Ok(counters) = self.target.counters() {
            self.print(&status::failures(&counters));
        }
        Ok(())
    }

    fn list(&mut self, key: Option<&[u8]>) -> Result<(), Stop> {
        let rules = match self.target.list_rules() {
            Ok(rules) => rules,
            Err(error) => return self.refused("rule list data request", &error),
        };
        let mut text = Vec::new();
        if rules.is_empty() {
            text.extend_from_slice(b"No rules\n");
        }
        let mut listing = Listing::new(self.interpret, self.host.native_arch()).with_names(self.host);
        for bytes in &rules {
            match Rule::decode(bytes) {
                Ok(rule) => {
                    if key.is_none_or(|key| rule.key_contains(key)) {
                        listing.rule(&rule, &mut text);
                        text.push(b'\n');
                    }
                }
                Err(error) => self.console.complain(format!("A rule cannot be read: {error}").as_bytes()),
            }
        }
        self.console.print(&text);
        Ok(())
    }

    fn reset(&mut self, field: StatusField, name: &str, what: &str) -> Result<(), Stop> {
        match self.target.set(field, 0) {
            Ok(old) => {
                self.console.log(Severity::Info, format!("{name}: {old}").as_bytes());
                Ok(())
            }
            Err(error) => self.refused(what, &error),
        }
    }

    fn signal(&mut self, signal: Signal) -> Result<(), Stop> {
        let pid = match self.target.status() {
            Ok(status) => status.pid,
            Err(error) => return self.refused("status request", &error),
        };
        let (Ok(pid @ 1..), Ok(signal)) = (i32::try_from(pid), signal.number().try_into()) else {
            self.console.log(Severity::Info, b"Auditd is not running");
            return Err(Stop::Exit(exit::NO_DAEMON));
        };
        let signal: nix::sys::signal::Signal = signal;
        let sent = kill(Pid::from_raw(pid), signal)
            .and_then(|()| if signal == SIGTERM { await_end(pid) } else { Ok(()) });
        sent.map_err(|errno| {
            let text = format!("Failed sending signal to auditd ({})", reason(&errno.into()));
            self.console.log(Severity::Error, text.as_bytes());
            Stop::Exit(exit::FAILURE)
        })
    }

    fn request(&mut self, kind: u16, payload: &[u8], what: &str) -> Result<(), Stop> {
        self.target.request(kind, payload).map(drop).or_else(|error| self.refused(what, &error))
    }

    fn print(&self, text: &str) {
        self.console.print(text.as_bytes());
    }

    fn refused(&self, what: &str, error: &io::Error) -> Result<(), Stop> {
        self.fail(&format!("Error sending {what} ({})", reason(error)))
    }

    fn fail(&self, text: &str) -> Result<(), Stop> {
        self.console.log(Severity::Warning, text.as_bytes());
        Err(Stop::Failed)
    }
}

/// Waits until a process has ended; `ETIME` if it takes too long.
fn await_end(pid: i32) -> Result<(), Errno> {
    let stat = format!("/proc/{pid}/stat");
    let end = Instant::now() + PATIENCE;
    // A process that nobody has waited for yet has ended as well.
    while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        if Instant::now() > end {
            return Err(Errno::ETIME);
        }
        sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno as i32)
}

/// Why a rule was refused: the original has words of its own for one that is there already.
pub(super) fn rule_reason(error: &io::Error, add: bool) -> String {
    if add && is(error, Errno::EEXIST) { "Rule exists".to_owned() } else { reason(error) }
}

/// The words of `strerror(3)`, or our own for what has no errno.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let number = error.raw_os_error().map(|number| format!(" (os error {number})"));
    number.and_then(|number| text.strip_suffix(&number)).unwrap_or(&text).to_owned()
}
