//! A file of the daemon's run directory that tells something of this boot: what the kernel was like before the daemon, that the
//! rules are locked.
//!
//! A reboot empties `/run`, but not every run directory lies there, so the file says itself of which boot it is.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::libc::O_NOFOLLOW;

/// Changes at every boot.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The file: one line with the boot's id, then text of its own.
#[derive(Clone, Debug)]
pub struct BootFile(PathBuf);

impl BootFile {
    /// The file of this name in this run directory.
    pub fn new(run_dir: &Path, name: &str) -> Self {
        Self(run_dir.join(name))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The text, if the file is there and of this boot.
    pub fn read(&self) -> Option<String> {
        let boot = fs::read_to_string(BOOT_ID).ok()?;
        let text = fs::read_to_string(&self.0).ok()?;
        let (first, rest) = text.split_once('\n')?;
        (first == boot.trim()).then(|| rest.to_owned())
    }

    /// Writes the file, whole or not at all.
    pub fn write(&self, text: &[u8]) -> io::Result<()> {
        let boot = fs::read_to_string(BOOT_ID)?;
        let new = self.0.with_extension("new");
        // One that was left half written goes; one that comes back at once is not ours and is not written through.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(format!("{}\n", boot.trim()).as_bytes())?;
        file.write_all(text)?;
        fs::rename(&new, &self.0)
    }

    /// Adds text at the end.
    pub fn append(&self, text: &[u8]) -> io::Result<()> {
        OpenOptions::new().append(true).custom_flags(O_NOFOLLOW).open(&self.0)?.write_all(text)
    }

    /// Removes the file.
    pub fn remove(&self) {
        if let Err(error) = fs::remove_file(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            log::warn!("cannot remove {}: {error}", self.0.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_boot_tells_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = BootFile::new(directory.path(), "told");
        assert_eq!(file.read(), None);
        file.write(b"one\n").unwrap();
        file.append(b"two\n").unwrap();
        assert_eq!(file.read().as_deref(), Some("one\ntwo\n"));
        let text = fs::read_to_string(file.path()).unwrap();
        let (_, rest) = text.split_once('\n').unwrap();
        fs::write(file.path(), format!("another-boot\n{rest}")).unwrap();
        assert_eq!(file.read(), None);
        file.remove();
        assert!(!file.path().exists());
        file.remove();
    }

    #[test]
    fn a_link_in_place_of_the_new_file_is_not_written_through() {
        let directory = tempfile::tempdir().unwrap();
        let precious = directory.path().join("precious");
        fs::write(&precious, "as it was").unwrap();
        std::os::unix::fs::symlink(&precious, directory.path().join("told.new")).unwrap();
        let file = BootFile::new(directory.path(), "told");
        file.write(b"text").unwrap();
        assert_eq!(fs::read_to_string(&precious).unwrap(), "as it was");
        assert_eq!(file.read().as_deref(), Some("text"));
    }
}
