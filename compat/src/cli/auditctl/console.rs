//! Where words go: standard output, standard error, or syslog while a rules file has not yet sent its first rule.

use std::cell::Cell;
use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;

use audit_rules::{Note, Sink};

/// Where the system's log listens.
const LOG_SOCKET: &str = "/dev/log";

/// How a message counts in syslog: severity, with the facility `user`, which the original leaves as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    Error = 8 | 3,
    Warning = 8 | 4,
    Info = 8 | 6,
}

/// The program's two streams, and syslog.
#[derive(Debug)]
pub(super) struct Console {
    out: io::Stdout,
    err: io::Stderr,
    to_syslog: Cell<bool>,
}

impl Console {
    /// Messages go to standard error.
    pub(super) fn new() -> Self {
        Self { out: io::stdout(), err: io::stderr(), to_syslog: Cell::new(false) }
    }

    /// Chooses where [`log`](Self::log) goes.
    pub(super) fn use_syslog(&self, to_syslog: bool) {
        self.to_syslog.set(to_syslog);
    }

    /// Writes to standard output. What nobody reads is no error, as with the original.
    pub(super) fn print(&self, text: &[u8]) {
        let mut out = self.out.lock();
        let _ = out.write_all(text).and_then(|()| out.flush());
    }

    /// Writes a line to standard error.
    pub(super) fn complain(&self, text: &[u8]) {
        let line = [text, b"\n"].concat();
        let _ = self.err.lock().write_all(&line);
    }

    /// Writes a line to where messages go now.
    pub(super) fn log(&self, severity: Severity, text: &[u8]) {
        if self.to_syslog.get() {
            syslog(severity, text);
        } else {
            self.complain(text);
        }
    }

    /// Writes a message of the parser to where it belongs.
    pub(super) fn note(&self, note: &Note) {
        let severity = if note.text.to_ascii_lowercase().starts_with(b"warning") {
            Severity::Warning
        } else {
            Severity::Error
        };
        match note.sink {
            Sink::Log => self.log(severity, &note.text),
            Sink::Stderr => self.complain(&note.text),
        }
    }
}

/// Sends a line to syslog as `syslog(3)` does. Without anybody listening it is lost, as with the original.
fn syslog(severity: Severity, text: &[u8]) {
    let time = chrono::Local::now().format("%b %e %H:%M:%S");
    let mut line = format!("<{}>{time} auditctl: ", severity as u8).into_bytes();
    line.extend_from_slice(text.strip_suffix(b"\n").unwrap_or(text));
    let _ = UnixDatagram::unbound().and_then(|socket| socket.send_to(&line, LOG_SOCKET));
}
