//! The log file: batches of lines in, rotation by size.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use compat::conf::SizeAction;

use super::backlog::{self, Backlog};
use super::flush::Flusher;
use super::open::Place;
use super::rotate::{self, Keep};
use super::{Counts, OpenError, RotateError, WriteError};
use crate::settings::Settings;

/// Unit of `max_log_file`. Also how much a log grows until an action that failed, or that only tells, is tried again.
const MEBIBYTE: u64 = 1 << 20;

/// The log file.
///
/// Lines come in batches, each batch is one `write(2)`. What cannot be written (a full disk, say) is kept up to a bound and
/// comes first when it works again; what is lost beyond it is counted. No line is ever torn in two files or left half
/// behind, whatever fails.
#[derive(Debug)]
pub struct Log {
    place: Place,
    file: Arc<File>,
    /// Size of the file in bytes, as we know it.
    size: u64,
    flusher: Flusher,
    backlog: Backlog,
    action: SizeAction,
    /// `max_log_file` in bytes; `None` for no limit.
    limit: Option<u64>,
    /// The size at which `action` is taken.
    act_at: u64,
    num_logs: u32,
    /// `file` is `audit.log.1` by now, but its successor could not be created.
    moved: bool,
    suspended: bool,
    counts: Counts,
}

impl Log {
    /// Opens the log of `settings`, creating it if need be; gives it and its directory the modes that `log_group` asks for;
    /// removes logs that are too many.
    pub fn open(settings: &Settings) -> Result<Self, OpenError> {
        let mut log = Self::find(settings)?;
        log.settle()?;
        Ok(log)
    }

    /// Opens the log of `settings`, creating it if need be, and changes nothing that is there: whether it will be used is
    /// not decided yet. [`Log::inherit`] does the rest.
    pub fn find(settings: &Settings) -> Result<Self, OpenError> {
        let place =
            Place { path: settings.log_file.clone(), group: settings.log_group, flush: settings.flush };
        place.find_directory()?;
        let file = place.find()?;
        let flusher = Flusher::new(settings.flush, settings.freq).map_err(OpenError::Helper)?;
        let limit = match settings.max_log_file_action {
            SizeAction::Ignore => None,
            _ => (settings.max_log_file > 0).then(|| settings.max_log_file.saturating_mul(MEBIBYTE)),
        };
        Ok(Self {
            size: size(&file, &place)?,
            file: Arc::new(file),
            place,
            flusher,
            backlog: Backlog::default(),
            action: settings.max_log_file_action,
            limit,
            act_at: limit.unwrap_or(u64::MAX),
            num_logs: settings.num_logs,
            moved: false,
            suspended: false,
            counts: Counts::default(),
        })
    }

    /// Writes complete lines. On an error they are kept for the next time, or counted as lost; see [`Counts`].
    pub fn write(&mut self, lines: &[u8]) -> Result<(), WriteError> {
        if self.suspended {
            self.counts.discarded += backlog::count(lines);
            return Ok(());
        }
        if let Err(source) = self.write_backlog() {
            self.counts.lost += self.backlog.keep(lines, 0);
            return Err(self.failed(source));
        }
        let mut written = 0;
        let result = append(&self.file, lines, &mut written);
        let count = backlog::count(&lines[..written]);
        self.wrote(count, written);
        if let Err(source) = result {
            self.counts.lost += self.backlog.keep(lines, written);
            return Err(self.failed(source));
        }
        let flushed = self.flusher.wrote(&self.file, count);
        if self.size >= self.act_at {
            self.too_large();
        }
        flushed.map_err(|source| WriteError::Flush { path: self.place.path.clone(), source })
    }

    /// Moves the log away and begins a new one, as `SIGUSR1` asks. With `num_logs` below 2 nothing happens.
    pub fn rotate(&mut self) -> Result<(), RotateError> {
        let keep = match self.action {
            SizeAction::KeepLogs => Keep::All,
            _ if self.num_logs < 2 => {
                log::info!("Log rotation disabled (num_logs < 2), skipping");
                return Ok(());
            }
            _ => Keep::Logs(self.num_logs),
        };
        let result = self.change_file(keep);
        self.act_at = match (&result, self.limit) {
            (_, None) => u64::MAX,
            (Ok(()), Some(limit)) => limit,
            (Err(_), Some(_)) => self.size + MEBIBYTE,
        };
        result
    }

    /// Writes again after `max_log_file_action = suspend`.
    pub fn resume(&mut self) {
        if self.suspended {
            self.suspended = false;
            self.act_at = self.size + MEBIBYTE;
            log::info!("Audit daemon resumed logging.");
        }
    }

    /// Tries to write what waits; nothing happens if nothing does.
    pub fn retry(&mut self) -> Result<(), WriteError> {
        self.write_backlog().map_err(|source| self.failed(source))
    }

    /// Waits until everything written is on the disk.
    pub fn sync(&mut self) -> Result<(), WriteError> {
        self.retry()?;
        self.file.sync_data().map_err(|source| WriteError::Flush { path: self.place.path.clone(), source })
    }

    /// Writes what waits, waits for the disk, and closes the log; what could not be written is lost.
    pub fn close(mut self) -> (Counts, Result<(), WriteError>) {
        let result = self.sync();
        self.counts.lost += self.backlog.lines();
        (self.counts, result)
    }

    /// What became of the lines so far.
    pub fn counts(&self) -> Counts {
        Counts { waiting: self.backlog.lines(), ..self.counts }
    }

    /// Takes over what another log of this daemon has counted and could not write.
    pub fn inherit(&mut self, mut old: Self) {
        // If it is the same file, the line that was torn is completed in it; if not, the old file is the place for its rest.
        let _ = old.retry();
        self.begin_at(old.counts);
        if old.backlog.torn() && !is_same(&old.file, &self.file) {
            self.counts.lost += old.backlog.lines();
        } else {
            self.backlog = std::mem::take(&mut old.backlog);
        }
    }

    /// Goes on counting from there, as the log that is written from now on.
    pub(super) fn begin_at(&mut self, counts: Counts) {
        self.counts = counts;
        // The log before this one may have rotated since this one was opened: what we have may be `audit.log.1` by now.
        if let Err(error) = self.settle() {
            log::error!("{error}");
        }
    }

    /// Opens the log that has the name now; gives all logs and their directory the owners and modes that `log_group` asks
    /// for; removes logs that are too many.
    fn settle(&mut self) -> Result<(), OpenError> {
        let file = self.place.open()?;
        self.size = size(&file, &self.place)?;
        self.file = Arc::new(file);
        self.place.fix_directory()?;
        self.place.fix_rotated(self.num_logs);
        if self.action == SizeAction::Rotate {
            rotate::remove_excess(&self.place, self.num_logs);
        }
        Ok(())
    }

    fn failed(&self, source: io::Error) -> WriteError {
        let path = self.place.path.clone();
        let waiting = self.backlog.lines();
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            WriteError::Full { path, waiting, lost: self.counts.lost, source }
        } else {
            WriteError::Write { path, waiting, lost: self.counts.lost, source }
        }
    }

    fn write_backlog(&mut self) -> io::Result<()> {
        if self.backlog.is_empty() {
            return Ok(());
        }
        let mut written = 0;
        let result = append(&self.file, self.backlog.bytes(), &mut written);
        let lines = backlog::count(&self.backlog.bytes()[..written]);
        self.wrote(lines, written);
        self.backlog.wrote(written);
        result
    }

    fn wrote(&mut self, lines: u64, bytes: usize) {
        self.counts.written += lines;
        self.counts.bytes += bytes as u64;
        self.size += bytes as u64;
    }

    /// The log has reached the size at which something is to be done.
    fn too_large(&mut self) {
        // Somebody may have emptied the file behind our back.
        if let Ok(metadata) = self.file.metadata() {
            self.size = metadata.len();
            if self.size < self.act_at {
                return;
            }
        }
        match self.action {
            SizeAction::Ignore => self.act_at = u64::MAX,
            SizeAction::Syslog => {
                log::error!("Audit daemon log file is larger than max size");
                self.act_at = self.size + MEBIBYTE;
            }
            SizeAction::Suspend => {
                log::error!("Audit daemon is suspending logging due to logfile size.");
                self.suspended = true;
            }
            SizeAction::Rotate if self.num_logs < 2 => {
                // Once, not at every record.
                log::warn!("Log rotation disabled (num_logs < 2), skipping");
                self.act_at = u64::MAX;
            }
            SizeAction::Rotate | SizeAction::KeepLogs => {
                if let Err(error) = self.rotate() {
                    log::error!("{error}");
                }
            }
        }
    }

    fn change_file(&mut self, keep: Keep) -> Result<(), RotateError> {
        self.write_backlog()
            .map_err(|source| RotateError::Unwritten { path: self.place.path.clone(), source })?;
        if !self.moved {
            rotate::shift(&self.place, &self.file, keep)?;
            self.moved = true;
        }
        let file = self.place.open().map_err(RotateError::Reopen)?;
        self.size = file.metadata().map_or(0, |metadata| metadata.len());
        self.flusher.leave(&self.file);
        self.file = Arc::new(file);
        self.moved = false;
        Ok(())
    }
}

fn size(file: &File, place: &Place) -> Result<u64, OpenError> {
    let metadata = file.metadata();
    Ok(metadata.map_err(|source| OpenError::Open { path: place.path.clone(), source })?.len())
}

/// Whether both are the same file; if in doubt, no.
fn is_same(one: &File, other: &File) -> bool {
    match (one.metadata(), other.metadata()) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

/// Writes all of `bytes`; `written` says how far it came.
fn append(mut file: &File, bytes: &[u8], written: &mut usize) -> io::Result<()> {
    while *written < bytes.len() {
        match file.write(&bytes[*written..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => *written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
