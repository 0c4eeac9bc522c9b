//! What the kernel's audit was like before us, so that it can be so again after us.
//!
//! It is kept in a file of the run directory too: a daemon that was killed could not put anything back, so the next one
//! does it for both.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use compat::record::quote;

/// Name of the file in the run directory.
const NAME: &str = "kernel-audit-before";
/// Changes at every boot. A file of an earlier boot tells nothing about this kernel.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Settings and rules found in the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// `audit_enabled`.
    pub enabled: u32,
    /// `audit_failure`.
    pub failure: u32,
    /// Records per second.
    pub rate_limit: u32,
    /// Records that may wait.
    pub backlog_limit: u32,
    /// Jiffies.
    pub backlog_wait_time: u32,
    /// `struct audit_rule_data` each, in the kernel's order.
    pub rules: Vec<Vec<u8>>,
}

impl Before {
    fn to_text(&self, boot: &str) -> Vec<u8> {
        let mut text = format!(
            "{}\n{} {} {} {} {}\n",
            boot.trim(),
            self.enabled,
            self.failure,
            self.rate_limit,
            self.backlog_limit,
            self.backlog_wait_time
        )
        .into_bytes();
        for rule in &self.rules {
            quote::hex(&mut text, rule);
            text.push(b'\n');
        }
        text
    }

    fn from_text(text: &str, boot: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != boot.trim() {
            return None;
        }
        let numbers: Vec<u32> = lines.next()?.split(' ').map(|n| n.parse().ok()).collect::<Option<_>>()?;
        let [enabled, failure, rate_limit, backlog_limit, backlog_wait_time] = numbers[..] else {
            return None;
        };
        let rules = lines.map(|line| quote::unhex(line.as_bytes())).collect::<Option<_>>()?;
        Some(Self { enabled, failure, rate_limit, backlog_limit, backlog_wait_time, rules })
    }
}

/// The file in the run directory.
#[derive(Clone, Debug)]
pub struct BeforeFile(PathBuf);

impl BeforeFile {
    /// The file of this run directory.
    pub fn in_directory(run_dir: &Path) -> Self {
        Self(run_dir.join(NAME))
    }

    /// What a daemon that did not end properly left there in this boot.
    pub fn read(&self) -> Option<Before> {
        Before::from_text(&fs::read_to_string(&self.0).ok()?, &fs::read_to_string(BOOT_ID).ok()?)
    }

    /// Writes the file, whole or not at all.
    pub fn write(&self, before: &Before) -> io::Result<()> {
        let boot = fs::read_to_string(BOOT_ID)?;
        let new = self.0.with_extension("new");
        // One that was left half written goes; one that comes back at once is not ours and is not written through.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(&before.to_text(&boot))?;
        fs::rename(&new, &self.0)
    }

    /// Removes the file: everything is put back.
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

    fn example() -> Before {
        Before {
            enabled: 1,
            failure: 2,
            rate_limit: 3,
            backlog_limit: 64,
            backlog_wait_time: 15000,
            rules: vec![vec![0, 255, 16], vec![7]],
        }
    }

    #[test]
    fn what_is_kept_is_found_again_in_the_same_boot_only() {
        let text = String::from_utf8(example().to_text("boot-a\n")).unwrap();
        assert_eq!(Before::from_text(&text, "boot-a"), Some(example()));
        assert_eq!(Before::from_text(&text, "boot-b"), None);
        assert_eq!(Before::from_text(&text[..text.len() - 2], "boot-a"), None);
        assert_eq!(Before::from_text("boot-a\n1 2 3\n", "boot-a"), None);
    }

    #[test]
    fn the_file_is_there_until_it_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let file = BeforeFile::in_directory(directory.path());
        assert_eq!(file.read(), None);
        file.write(&example()).unwrap();
        assert_eq!(file.read(), Some(example()));
        file.remove();
        assert_eq!(file.read(), None);
        file.remove();
    }

    #[test]
    fn a_link_in_place_of_the_new_file_is_not_written_through() {
        let directory = tempfile::tempdir().unwrap();
        let precious = directory.path().join("precious");
        fs::write(&precious, "as it was").unwrap();
        std::os::unix::fs::symlink(&precious, directory.path().join(NAME).with_extension("new")).unwrap();
        let file = BeforeFile::in_directory(directory.path());
        file.write(&example()).unwrap();
        assert_eq!(fs::read_to_string(&precious).unwrap(), "as it was");
        assert_eq!(file.read(), Some(example()));
    }
}
