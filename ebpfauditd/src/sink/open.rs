//! Opening and creating the log with the original's owners and modes.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown, fchown, lchown};
use std::path::{Path, PathBuf};

use compat::conf::Flush;
use nix::libc;

use super::OpenError;

/// Who may read the log, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// Group id; with group 0 only root reads.
    pub(super) group: u32,
    pub(super) flush: Flush,
}

impl Place {
    /// Mode of the log that is written: `log_group` decides whether a group may read it.
    fn mode(&self) -> u32 {
        if self.group == 0 { 0o600 } else { 0o640 }
    }

    /// Mode of a log that was rotated away: nobody writes it.
    pub(super) fn rotated_mode(&self) -> u32 {
        if self.group == 0 { 0o400 } else { 0o440 }
    }

    fn directory_mode(&self) -> u32 {
        if self.group == 0 { 0o700 } else { 0o750 }
    }

    /// The directory of the log.
    pub(super) fn directory(&self) -> &Path {
        match self.path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        }
    }

    /// `audit.log.N`.
    pub(super) fn numbered(&self, number: u32) -> PathBuf {
        let mut name: OsString = self.path.as_os_str().to_owned();
        name.push(OsStr::new(&format!(".{number}")));
        PathBuf::from(name)
    }

    /// The directory's metadata, if there is a directory.
    pub(super) fn find_directory(&self) -> Result<fs::Metadata, OpenError> {
        let directory = self.directory();
        let failed = |source| OpenError::Directory { path: directory.to_owned(), source };
        let metadata = fs::metadata(directory).map_err(failed)?;
        if metadata.is_dir() {
            Ok(metadata)
        } else {
            Err(failed(io::Error::from_raw_os_error(libc::ENOTDIR)))
        }
    }

    /// Gives the directory the owner and mode that `log_group` asks for, as the original does at start.
    pub(super) fn fix_directory(&self) -> Result<(), OpenError> {
        let directory = self.directory();
        let failed = |source| OpenError::Directory { path: directory.to_owned(), source };
        let metadata = self.find_directory()?;
        if metadata.mode() & 0o1002 == 0o1002 {
            // /tmp or the like: everybody's. The original makes it root's alone, which nobody who tries things out wants.
            log::warn!("{} is everybody's directory: its mode is left as it is", directory.display());
            return Ok(());
        }
        if metadata.mode() & 0o7777 != self.directory_mode() {
            fs::set_permissions(directory, fs::Permissions::from_mode(self.directory_mode()))
                .map_err(failed)?;
        }
        if (metadata.uid(), metadata.gid()) != (0, self.group) {
            chown(directory, Some(0), Some(self.group)).map_err(failed)?;
        }
        Ok(())
    }

    /// Gives the logs that rotation keeps, `.1` up to `num_logs - 1`, their owner and mode, as the original does at start:
    /// `log_group` may have changed since they were written.
    pub(super) fn fix_rotated(&self, num_logs: u32) {
        for number in 1..num_logs {
            let path = self.numbered(number);
            let mode = fs::Permissions::from_mode(self.rotated_mode());
            let fixed = match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_file() => {
                    fs::set_permissions(&path, mode).and_then(|()| lchown(&path, Some(0), Some(self.group)))
                }
                Ok(_) => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => Err(error),
            };
            if let Err(error) = fixed {
                log::warn!("cannot give {} its owner and mode: {error}", path.display());
            }
        }
    }

    /// Opens the log for appending, creating it if it is not there, and gives it its owner and mode. Never through a
    /// symbolic link.
    pub(super) fn open(&self) -> Result<File, OpenError> {
        let file = self.find()?;
        self.fix(&file)?;
        Ok(file)
    }

    /// Opens the log, creating it if it is not there; one that is there keeps its owner and mode.
    pub(super) fn find(&self) -> Result<File, OpenError> {
        let failed = |source| OpenError::Open { path: self.path.clone(), source };
        let file = match self.options().open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.create(),
            Err(source) => return Err(failed(source)),
        };
        if file.metadata().map_err(failed)?.is_file() {
            Ok(file)
        } else {
            Err(OpenError::NotRegular { path: self.path.clone() })
        }
    }

    /// Creates the log, which must not be there.
    pub(super) fn create(&self) -> Result<File, OpenError> {
        let failed = |source| OpenError::Create { path: self.path.clone(), source };
        let file = self.options().create_new(true).mode(self.mode()).open(&self.path).map_err(failed)?;
        self.fix(&file)?;
        Ok(file)
    }

    fn options(&self) -> OpenOptions {
        let sync = match self.flush {
            Flush::Data => libc::O_DSYNC,
            Flush::Sync => libc::O_SYNC,
            Flush::None | Flush::Incremental | Flush::IncrementalAsync => 0,
        };
        let mut options = OpenOptions::new();
        options.append(true).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NOCTTY | sync);
        options
    }

    /// Gives the log its owner and mode.
    fn fix(&self, file: &File) -> Result<(), OpenError> {
        let failed = |source| OpenError::Open { path: self.path.clone(), source };
        let metadata = file.metadata().map_err(failed)?;
        let permissions = |source| OpenError::Permissions { source };
        if metadata.mode() & 0o7777 != self.mode() {
            file.set_permissions(fs::Permissions::from_mode(self.mode())).map_err(permissions)?;
        }
        if (metadata.uid(), metadata.gid()) != (0, self.group) {
            fchown(file, Some(0), Some(self.group)).map_err(|source| OpenError::Owner { source })?;
        }
        Ok(())
    }
}
