//! The run directory and the pid file, whose lock keeps a second daemon out.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// Name of the pid file in the run directory.
pub const NAME: &str = "ebpfauditd.pid";

/// Why the run directory or the pid file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PidFileError {
    /// The directory can be neither made nor used.
    #[error("cannot use run directory {0}: {1}")]
    Directory(PathBuf, #[source] io::Error),
    /// Others could put their files in the place of ours.
    #[error("cannot use run directory {0}: {1}")]
    Unsafe(PathBuf, &'static str),
    /// The pid file cannot be opened, locked or written.
    #[error("cannot write pid file {0}: {1}")]
    File(PathBuf, #[source] io::Error),
    /// Another daemon of ours holds the lock.
    #[error("another ebpfauditd (pid {pid}) is running in {directory}")]
    Running {
        /// What its pid file says.
        pid: String,
        /// The run directory both want.
        directory: PathBuf,
    },
}

/// The locked pid file. Dropping it removes the file and then gives up the lock.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: Flock<File>,
}

impl PidFile {
    /// Makes the run directory (mode 0755: the control socket lies in it, which asks who its clients are) and locks the pid file,
    /// which stays empty. A directory that is there is used as it is, if only root can write to it.
    pub fn lock(directory: &Path) -> Result<Self, PidFileError> {
        let refused = |error| PidFileError::Directory(directory.to_owned(), error);
        DirBuilder::new().recursive(true).mode(0o755).create(directory).map_err(refused)?;
        // Not through a symbolic link, whose owner could lead us elsewhere.
        if let Some(why) = distrusted(&fs::symlink_metadata(directory).map_err(refused)?) {
            return Err(PidFileError::Unsafe(directory.to_owned(), why));
        }
        let path = directory.join(NAME);
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o644)
                .custom_flags(nix::libc::O_NOFOLLOW)
                .open(&path)
                .map_err(|error| PidFileError::File(path.clone(), error))?;
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                // The one before us may have removed the file between our open and our lock: then what we locked is
                // nobody's file, and the next daemon would not see the lock.
                Ok(file) if is_same_file(&file, &path) => return Ok(Self { path, file }),
                Ok(_) => {}
                Err((mut file, Errno::EWOULDBLOCK)) => {
                    let mut pid = String::new();
                    // An empty answer means that it is only just starting.
                    let _ = file.read_to_string(&mut pid);
                    let pid =
                        if pid.trim().is_empty() { "unknown".to_owned() } else { pid.trim().to_owned() };
                    return Err(PidFileError::Running { pid, directory: directory.to_owned() });
                }
                Err((_, error)) => return Err(PidFileError::File(path, error.into())),
            }
        }
    }

    /// Writes the pid of this process, the one that stays after forking.
    pub fn write(&mut self) -> Result<(), PidFileError> {
        let text = format!("{}\n", std::process::id());
        let file = &mut *self.file;
        file.set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(text.as_bytes()))
            .map_err(|error| PidFileError::File(self.path.clone(), error))
    }

    /// Lets go of the lock's duplicate in a process that forked and is about to leave the file to its child.
    ///
    /// `flock` belongs to the open file, which both processes share: unlocking (or removing the file) here would take it
    /// from the child, so this process must forget it.
    pub fn leave_to_child(self) {
        std::mem::forget(self);
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            log::warn!("cannot remove pid file {}: {error}", self.path.display());
        }
    }
}

/// Why what is written into such a directory would not be safe there.
fn distrusted(metadata: &fs::Metadata) -> Option<&'static str> {
    if !metadata.is_dir() {
        Some("it is not a directory itself")
    } else if metadata.uid() != 0 {
        Some("it isn't owned by root")
    } else if metadata.mode() & 0o022 != 0 {
        Some("others than its owner can write to it")
    } else {
        None
    }
}

fn is_same_file(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(ours), Ok(there)) => ours.dev() == there.dev() && ours.ino() == there.ino(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    #[test]
    fn a_directory_that_others_could_change_is_refused_and_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let run = directory.path().join("run");
        fs::create_dir(&run).unwrap();
        let set_mode = |mode| fs::set_permissions(&run, fs::Permissions::from_mode(mode)).unwrap();
        let mode = || fs::metadata(&run).unwrap().mode() & 0o7777;
        for bad in [0o1777, 0o775, 0o702] {
            set_mode(bad);
            let refused = PidFile::lock(&run).unwrap_err();
            assert!(matches!(refused, PidFileError::Unsafe(..)), "{bad:o}: {refused}");
            assert_eq!((mode(), fs::read_dir(&run).unwrap().count()), (bad, 0));
        }
        set_mode(0o755);
        chown(&run, Some(65534), None).unwrap();
        let refused = PidFile::lock(&run).unwrap_err().to_string();
        assert!(refused.ends_with("/run: it isn't owned by root"), "{refused}");
        chown(&run, Some(0), None).unwrap();
        PidFile::lock(&run).unwrap();
        assert_eq!(mode(), 0o755);
        let link = directory.path().join("link");
        symlink(&run, &link).unwrap();
        assert!(matches!(PidFile::lock(&link), Err(PidFileError::Unsafe(..))));
    }

    #[test]
    fn a_second_daemon_is_refused_and_told_the_pid_of_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let run = directory.path().join("run");
        let mut first = PidFile::lock(&run).unwrap();
        first.write().unwrap();
        let refused = PidFile::lock(&run).unwrap_err();
        assert!(refused.to_string().contains(&format!("pid {}", std::process::id())), "{refused}");
        assert_eq!(fs::metadata(&run).unwrap().permissions().mode() & 0o777, 0o755);
        drop(first);
        assert!(!run.join(NAME).exists());
        PidFile::lock(&run).unwrap();
    }

    #[test]
    fn a_run_directory_that_is_a_file_is_refused_by_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = PidFile::lock(file.path()).unwrap_err();
        assert!(matches!(refused, PidFileError::Directory(..)), "{refused}");
    }
}
