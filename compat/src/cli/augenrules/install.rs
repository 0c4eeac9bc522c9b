//! Puts the new file in the place of the old one.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;

/// Mode of the file: rules are for root, and for who reads them on its behalf.
const MODE: u32 = 0o640;
/// What is appended to the name of the file that was there before.
const BACKUP: &str = ".prev";
/// The name of the file while it is written.
const UNFINISHED: &str = ".new";
/// Gives files the label that the policy of `SELinux` wants, where there is one.
const RESTORECON: &str = "/usr/sbin/restorecon";

/// A file that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", path.display())]
pub(super) struct Failure {
    path: PathBuf,
    error: io::Error,
}

impl Failure {
    pub(super) fn new(path: &Path, error: io::Error) -> Self {
        Self { path: path.to_owned(), error }
    }
}

/// Replaces the file at `path`, or the one that it is a link to, at once and as a whole; keeps its owner, and what it held beside it.
pub(super) fn replace(path: &Path, text: &[u8]) -> Result<(), Failure> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let present = fs::metadata(&target).ok().filter(fs::Metadata::is_file);
    if let Some(present) = &present {
        let backup = with_suffix(path, BACKUP);
        // As `cp` under the original's umask: a backup that is there keeps its mode.
        let mode = present.mode() & MODE;
        fs::read(&target)
            .and_then(|old| write(&backup, &old, mode).map(drop))
            .map_err(|error| Failure::new(&backup, error))?;
    }
    let unfinished = with_suffix(&target, UNFINISHED);
    let failed = |error| Failure::new(&unfinished, error);
    let file = write(&unfinished, text, MODE).map_err(failed)?;
    if let Some(present) = &present {
        fchown(&file, Some(present.uid()), Some(present.gid())).map_err(failed)?;
    }
    file.set_permissions(Permissions::from_mode(MODE)).and_then(|()| file.sync_all()).map_err(failed)?;
    match fs::rename(&unfinished, &target) {
        // A file that is a mount point cannot be replaced, only written.
        Err(error) if error.raw_os_error() == Some(Errno::EBUSY as i32) => {
            fs::remove_file(&unfinished).map_err(failed)?;
            write(&target, text, MODE).map(drop).map_err(|error| Failure::new(&target, error))?;
        }
        renamed => renamed.map_err(|error| Failure::new(&target, error))?,
    }
    label(path);
    Ok(())
}

/// Writes a file; one that is new gets this mode.
fn write(path: &Path, text: &[u8], mode: u32) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
    file.write_all(text)?;
    Ok(file)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// What `restorecon` says, it says to the user; without it, or where it fails, the label of the directory stays.
fn label(path: &Path) {
    if Path::new(RESTORECON).exists()
        && let Err(error) = Command::new(RESTORECON).arg("-F").arg(path).status()
    {
        log::debug!("{RESTORECON}: {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_old_file_stays_beside_the_new_one() {
        let directory = tempfile::tempdir().unwrap();
        let (path, backup) = (directory.path().join("a"), directory.path().join("a.prev"));
        replace(&path, b"one").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, MODE);
        assert!(!backup.exists());
        fs::set_permissions(&path, Permissions::from_mode(0o604)).unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(
            (fs::read(&path).unwrap(), fs::read(&backup).unwrap()),
            (b"two".to_vec(), b"one".to_vec())
        );
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, MODE);
        assert_eq!(fs::metadata(&backup).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_link_stays_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (path, target) = (directory.path().join("a"), directory.path().join("b"));
        fs::write(&target, "one").unwrap();
        symlink("b", &path).unwrap();
        replace(&path, b"two").unwrap();
        assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"two");
    }

    #[test]
    fn a_failure_names_the_file() {
        let error = replace(Path::new("/nowhere/a"), b"").unwrap_err();
        assert_eq!(error.to_string(), "/nowhere/a.new: No such file or directory (os error 2)");
    }
}
