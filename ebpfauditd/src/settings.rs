//! What the daemon does, from what auditd.conf says.

mod node;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use compat::conf::{self, Auditd, FileError, Flush, LogFormat, NameFormat, Note, SizeAction, Space, reason};
use compat::interpret::{Format, Formatter};

pub use node::NodeError;

/// Name of the file in the configuration directory.
pub const FILE: &str = "auditd.conf";

/// The settings in force, all checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Take records from this machine's kernel.
    pub local_events: bool,
    /// Write records to disk.
    pub write_logs: bool,
    /// The log.
    pub log_file: PathBuf,
    /// How lines are written.
    pub format: Format,
    /// Group id that may read the log; 0 for none but root.
    pub log_group: u32,
    /// How written records get to the disk.
    pub flush: Flush,
    /// Records between two flushes, for the incremental ones.
    pub freq: u32,
    /// Logs kept by rotation, the current one included.
    pub num_logs: u32,
    /// Size of the log at which `max_log_file_action` is taken, in MiB. 0, which the original takes for "at every record",
    /// is no limit.
    pub max_log_file: u64,
    /// What is done at that size.
    pub max_log_file_action: SizeAction,
    /// The machine's name at the beginning of each line.
    pub node: Option<Vec<u8>>,
    /// How much the daemon's nice value is to be lowered.
    pub priority_boost: u32,
}

/// Why a configuration cannot be used. The original exits with 6 for all of these, but for [`SettingsError::Node`] with 1.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// `space_left` and `admin_space_left`, in MiB.
    #[error("Error - space_left({0}) must be larger than admin_space_left({1})")]
    SpaceLeft(u32, u32),
    /// Incremental flushing without a number of records.
    #[error("Error - incremental flushing chosen, but 0 selected for freq")]
    NoFreq,
    /// A group would be given a directory of the system's.
    #[error(
        "Error - log_file is directly in {} and chgrp will alter a system directory's permissions. Use another directory.",
        .0.display()
    )]
    SystemDirectory(PathBuf),
    /// The log's directory.
    #[error("Could not open dir {} ({})", path.display(), reason(source))]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log cannot be looked at.
    #[error("Unable to stat {} ({})", path.display(), reason(source))]
    Stat {
        /// The log.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log is there and is no file.
    #[error("{} is not a regular file", .0.display())]
    NotRegular(PathBuf),
    /// The log is there and is somebody else's.
    #[error("{} is not owned by root", .0.display())]
    Owner(PathBuf),
    /// The log is there and may not be written.
    #[error("audit log is not writable by owner")]
    NotWritable,
    /// `name_format = user` without `name`.
    #[error("User defined name missing")]
    NoName,
    /// The machine's name.
    #[error(transparent)]
    Node(#[from] NodeError),
}

impl SettingsError {
    /// The exit code of the original.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Node(_) => 1,
            _ => 6,
        }
    }
}

impl Settings {
    /// Reads `auditd.conf` of `directory`, and checks it; a file that is not there gives the defaults, unchecked, as in the
    /// original. Nothing is changed on disk. What the administrator should know comes as notes.
    pub fn load(directory: &Path, allow_links: bool) -> Result<(Self, Vec<String>), SettingsError> {
        let parsed = conf::load(&directory.join(FILE), allow_links)?;
        let missing = parsed.notes.iter().any(|note| matches!(note, Note::Missing { .. }));
        let mut notes: Vec<String> = parsed.notes.iter().map(ToString::to_string).collect();
        if !missing {
            check(&parsed.conf, &mut notes)?;
        }
        Ok((Self::new(&parsed.conf)?, notes))
    }

    /// What `conf` means on this machine.
    pub fn new(conf: &Auditd) -> Result<Self, SettingsError> {
        Ok(Self {
            local_events: conf.local_events,
            write_logs: conf.write_logs,
            log_file: conf.log_file.clone(),
            format: match conf.log_format {
                LogFormat::Raw => Format::Raw,
                LogFormat::Enriched => Format::Enriched,
            },
            log_group: conf.log_group,
            flush: conf.flush,
            freq: conf.freq,
            num_logs: conf.num_logs,
            max_log_file: conf.max_log_file,
            max_log_file_action: conf.max_log_file_action,
            node: match conf.name_format {
                NameFormat::None => None,
                NameFormat::Hostname => Some(node::hostname()?),
                NameFormat::Fqd => Some(node::fully_qualified()?),
                NameFormat::Numeric => Some(node::numeric()?),
                NameFormat::User => Some(conf.name.clone().ok_or(SettingsError::NoName)?),
            },
            priority_boost: conf.priority_boost,
        })
    }

    /// The formatter that these settings ask for.
    pub fn formatter(&self) -> Formatter {
        Formatter::new(self.node.as_deref(), self.format)
    }
}

/// The original's checks of the whole, and of the log that is there already.
fn check(conf: &Auditd, notes: &mut Vec<String>) -> Result<(), SettingsError> {
    // The original also refuses a file that gives neither, because its defaults are 0 and 0.
    if let (Space::Mebibytes(left), Space::Mebibytes(admin)) = (conf.space_left, conf.admin_space_left)
        && left <= admin
        && (left, admin) != (0, 0)
    {
        return Err(SettingsError::SpaceLeft(left, admin));
    }
    let incremental = matches!(conf.flush, Flush::Incremental | Flush::IncrementalAsync);
    if incremental && conf.freq == 0 {
        return Err(SettingsError::NoFreq);
    }
    if !incremental && conf.freq != 0 {
        notes.push("Warning - freq is non-zero and incremental flushing not selected.".to_owned());
    }
    if conf.max_log_file == 0 && conf.max_log_file_action != SizeAction::Ignore {
        notes.push("max_log_file is 0: max_log_file_action will never be taken".to_owned());
    }
    if conf.write_logs { check_log(conf, notes) } else { Ok(()) }
}

fn check_log(conf: &Auditd, notes: &mut Vec<String>) -> Result<(), SettingsError> {
    let directory = conf.log_file.parent().unwrap_or(Path::new("/"));
    if conf.log_group != 0 && directory == Path::new("/var/log") {
        return Err(SettingsError::SystemDirectory(directory.to_owned()));
    }
    if let Err(source) = fs::read_dir(directory) {
        return Err(SettingsError::Directory { path: directory.to_owned(), source });
    }
    let path = &conf.log_file;
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(SettingsError::Stat { path: path.clone(), source }),
    };
    if !metadata.is_file() {
        return Err(SettingsError::NotRegular(path.clone()));
    }
    if metadata.uid() != 0 {
        return Err(SettingsError::Owner(path.clone()));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o200 == 0 {
        return Err(SettingsError::NotWritable);
    }
    if mode != 0o600 && mode != 0o640 {
        notes.push(format!("{} permissions should be 0600 or 0640", path.display()));
    }
    Ok(())
}
