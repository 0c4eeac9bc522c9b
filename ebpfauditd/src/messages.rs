//! Where the daemon's own messages go: stderr while somebody watches, syslog otherwise. Never into the audit log.

use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use log::{Level, LevelFilter, Log, Metadata, Record};
use syslog::{Facility, Formatter3164, Logger, LoggerBackend};

/// Our name in messages.
const NAME: &str = "ebpfauditd";

/// Who reads the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Somebody at a terminal, or a service manager that keeps what the daemon prints: stderr only.
    Terminal,
    /// Both, until [`terminal_is_gone`]: a daemon that is going into the background.
    Both,
}

struct Messages {
    stderr: AtomicBool,
    syslog: Mutex<Option<Logger<LoggerBackend, Formatter3164>>>,
}

static MESSAGES: Messages = Messages { stderr: AtomicBool::new(true), syslog: Mutex::new(None) };

/// Sends what is logged from now on to stderr.
pub fn install() {
    // A second call finds a logger installed, which is this one.
    let _ = log::set_logger(&MESSAGES);
    log::set_max_level(LevelFilter::Info);
}

/// Chooses the readers. Must be called by the process that stays: syslog lines carry its pid.
pub fn to(reader: Reader) {
    if reader == Reader::Both {
        let formatter = Formatter3164 {
            facility: Facility::LOG_DAEMON,
            hostname: None,
            process: NAME.to_owned(),
            pid: std::process::id(),
        };
        // Without a syslog service there is nobody to tell; stderr still has it.
        if let (Ok(logger), Ok(mut syslog)) = (syslog::unix(formatter), MESSAGES.syslog.lock()) {
            *syslog = Some(logger);
        }
    }
}

/// Stops writing to stderr.
pub fn terminal_is_gone() {
    MESSAGES.stderr.store(false, Ordering::Relaxed);
}

impl Log for Messages {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // What the libraries note while they work is not for the administrator.
        metadata.target().starts_with(NAME) || metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let text = record.args().to_string();
        if self.stderr.load(Ordering::Relaxed) {
            // Nothing can be done about a stderr that cannot be written.
            let _ = writeln!(std::io::stderr().lock(), "{NAME}: {text}");
        }
        if let Ok(mut syslog) = self.syslog.lock()
            && let Some(logger) = syslog.as_mut()
        {
            // The same for syslog: a lost message must not stop the daemon.
            let _ = match record.level() {
                Level::Error => logger.err(text),
                Level::Warn => logger.warning(text),
                Level::Info => logger.notice(text),
                Level::Debug | Level::Trace => logger.debug(text),
            };
        }
    }

    fn flush(&self) {}
}
