//! Where log lines go.

mod backlog;
mod file;
mod flush;
mod open;
mod rotate;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::PathBuf;

use compat::conf::reason;
pub use file::Log;

use crate::settings::Settings;

/// Where log lines go.
#[derive(Debug)]
pub enum Sink {
    /// The log file.
    File(Box<Log>),
    /// Standard output (`-f`).
    Stdout(Counts),
    /// Nowhere (`write_logs = no`): lines are made for others only.
    Nowhere(Counts),
}

/// What became of the lines that were to be written. Every line is in exactly one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines in the log.
    pub written: u64,
    /// Bytes in the log.
    pub bytes: u64,
    /// Lines that wait for the log to take them again.
    pub waiting: u64,
    /// Lines that could neither be written nor kept.
    pub lost: u64,
    /// Lines left out because that is what is configured: logging is suspended, or off.
    pub discarded: u64,
}

/// Why the log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory is not there, or cannot be given its mode.
    #[error("Could not open dir {} ({})", path.display(), reason(source))]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log is there but cannot be opened.
    #[error("Couldn't open log file {} ({})", path.display(), reason(source))]
    Open {
        /// The log.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log is not there and cannot be created.
    #[error("Couldn't create log file {} ({})", path.display(), reason(source))]
    Create {
        /// The log.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log is a directory, a device, ...
    #[error("{} is not a regular file", path.display())]
    NotRegular {
        /// The log.
        path: PathBuf,
    },
    /// The mode cannot be set.
    #[error("Couldn't change permissions of log file ({})", reason(source))]
    Permissions {
        /// What the system said.
        source: io::Error,
    },
    /// The owner or group cannot be set.
    #[error("Couldn't change ownership of log file ({})", reason(source))]
    Owner {
        /// What the system said.
        source: io::Error,
    },
    /// The thread for `flush = incremental_async` cannot be started.
    #[error("cannot start the thread that flushes the log: {0}")]
    Helper(#[source] io::Error),
}

/// Why lines are not in the log.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// No space, or no quota, is left.
    #[error(
        "Audit daemon has no space left on logging partition ({}: {}; {waiting} records wait, {lost} lost)",
        path.display(), reason(source)
    )]
    Full {
        /// The log.
        path: PathBuf,
        /// Records that are kept and will be written when there is space.
        waiting: u64,
        /// Records lost since the log was opened.
        lost: u64,
        /// What the system said.
        source: io::Error,
    },
    /// Any other error.
    #[error(
        "Audit daemon detected an error writing an event to disk ({}: {}; {waiting} records wait, {lost} lost)",
        path.display(), reason(source)
    )]
    Write {
        /// The log.
        path: PathBuf,
        /// Records that are kept and will be written when it works again.
        waiting: u64,
        /// Records lost since the log was opened.
        lost: u64,
        /// What the system said.
        source: io::Error,
    },
    /// They are in the file, but perhaps not on the disk.
    #[error("cannot flush {} to its disk ({})", path.display(), reason(source))]
    Flush {
        /// The log.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why the log was not rotated. It is written on as before.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// A log cannot be renamed.
    #[error("Error rotating logs from {} to {} ({})", from.display(), to.display(), reason(source))]
    Rename {
        /// The old name.
        from: PathBuf,
        /// The new name.
        to: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The new log cannot be made; the old one is written on under its new name.
    #[error("Could not reopen a log after rotating. {0}")]
    Reopen(#[source] OpenError),
    /// Records wait that belong into the old log, and cannot be written.
    #[error("not rotating {}: it cannot take the records that wait for it ({})", path.display(), reason(source))]
    Unwritten {
        /// The log.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Sink {
    /// Opens what `settings` ask for; in the `foreground` that is standard output.
    pub fn open(settings: &Settings, foreground: bool) -> Result<Self, OpenError> {
        if foreground {
            Ok(Self::Stdout(Counts::default()))
        } else if settings.write_logs {
            Ok(Self::File(Box::new(Log::open(settings)?)))
        } else {
            Ok(Self::Nowhere(Counts::default()))
        }
    }

    /// As [`Sink::open`], for a sink that may not be used in the end: nothing that is there is changed or removed until it
    /// takes the place of another ([`Sink::inherit`]).
    pub fn find(settings: &Settings, foreground: bool) -> Result<Self, OpenError> {
        if settings.write_logs && !foreground {
            Ok(Self::File(Box::new(Log::find(settings)?)))
        } else {
            Self::open(settings, foreground)
        }
    }

    /// Writes complete lines.
    pub fn write(&mut self, lines: &[u8]) -> Result<(), WriteError> {
        match self {
            Self::File(log) => log.write(lines),
            Self::Stdout(counts) => {
                let count = backlog::count(lines);
                let mut stdout = io::stdout().lock();
                match stdout.write_all(lines).and_then(|()| stdout.flush()) {
                    Ok(()) => {
                        counts.written += count;
                        counts.bytes += lines.len() as u64;
                        Ok(())
                    }
                    Err(source) => {
                        counts.lost += count;
                        let path = PathBuf::from("standard output");
                        Err(WriteError::Write { path, waiting: 0, lost: counts.lost, source })
                    }
                }
            }
            Self::Nowhere(counts) => {
                counts.discarded += backlog::count(lines);
                Ok(())
            }
        }
    }

    /// Begins a new log file; nothing to do for the others.
    pub fn rotate(&mut self) -> Result<(), RotateError> {
        match self {
            Self::File(log) => log.rotate(),
            Self::Stdout(_) | Self::Nowhere(_) => Ok(()),
        }
    }

    /// Writes again after logging was suspended.
    pub fn resume(&mut self) {
        if let Self::File(log) = self {
            log.resume();
        }
    }

    /// Tries again to write what waits.
    pub fn retry(&mut self) -> Result<(), WriteError> {
        match self {
            Self::File(log) => log.retry(),
            Self::Stdout(_) | Self::Nowhere(_) => Ok(()),
        }
    }

    /// Waits until everything written is on the disk.
    pub fn sync(&mut self) -> Result<(), WriteError> {
        match self {
            Self::File(log) => log.sync(),
            Self::Stdout(_) | Self::Nowhere(_) => Ok(()),
        }
    }

    /// Ends it: the last counts, and whether everything is on the disk.
    pub fn close(self) -> (Counts, Result<(), WriteError>) {
        match self {
            Self::File(log) => log.close(),
            Self::Stdout(counts) | Self::Nowhere(counts) => (counts, Ok(())),
        }
    }

    /// What became of the lines so far.
    pub fn counts(&self) -> Counts {
        match self {
            Self::File(log) => log.counts(),
            Self::Stdout(counts) | Self::Nowhere(counts) => *counts,
        }
    }

    /// Takes the place of `old`: its counts and what it could not write.
    pub fn inherit(&mut self, old: Self) {
        match (self, old) {
            (Self::File(new), Self::File(old)) => new.inherit(*old),
            (Self::File(new), Self::Stdout(old) | Self::Nowhere(old)) => new.begin_at(old),
            (Self::Stdout(new) | Self::Nowhere(new), old) => *new = old.close().0,
        }
    }
}
