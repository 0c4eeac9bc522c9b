//! What the kernel's audit was like before us, so that it can be so again after us.
//!
//! It is kept in a file of the run directory too: a daemon that was killed could not put anything back, so the next one
//! does it for both.

use std::io;
use std::path::Path;

use compat::boot_file::BootFile;
use compat::record::quote;

/// Name of the file in the run directory.
const NAME: &str = "kernel-audit-before";
/// Begins the lines of the rules that are in the kernel because of us.
const OURS: char = '+';

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

/// What the file of a daemon that was killed tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remembered {
    /// What it found.
    pub(super) before: Before,
    /// The rules that it has put into the kernel, or was about to.
    pub(super) ours: Vec<Vec<u8>>,
}

impl Remembered {
    fn from_text(text: &str) -> Option<Self> {
        let is_ours = |line: &&str| line.starts_with(OURS);
        let before: Vec<&str> = text.lines().filter(|line| !is_ours(line)).collect();
        // A line that was torn when the daemon was killed names a rule that was not loaded yet.
        let ours =
            text.lines().filter(is_ours).filter_map(|line| quote::unhex(&line.as_bytes()[1..])).collect();
        Some(Self { before: Before::from_lines(before.into_iter())?, ours })
    }
}

/// A line for each of our rules.
fn ours_to_text<'a>(text: &mut Vec<u8>, rules: impl IntoIterator<Item = &'a [u8]>) {
    for rule in rules {
        text.push(OURS as u8);
        quote::hex(text, rule);
        text.push(b'\n');
    }
}

impl Before {
    fn to_text(&self) -> Vec<u8> {
        let mut text = format!(
            "{} {} {} {} {}\n",
            self.enabled, self.failure, self.rate_limit, self.backlog_limit, self.backlog_wait_time
        )
        .into_bytes();
        for rule in &self.rules {
            quote::hex(&mut text, rule);
            text.push(b'\n');
        }
        text
    }

    fn from_lines<'a>(mut lines: impl Iterator<Item = &'a str>) -> Option<Self> {
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
pub struct BeforeFile(BootFile);

impl BeforeFile {
    /// The file of this run directory.
    pub fn in_directory(run_dir: &Path) -> Self {
        Self(BootFile::new(run_dir, NAME))
    }

    /// What a daemon that did not end properly left there in this boot.
    pub(super) fn read(&self) -> Option<Remembered> {
        Remembered::from_text(&self.0.read()?)
    }

    /// Writes the file, whole or not at all: what was found, and the rules that are ours.
    pub(super) fn write<'a>(
        &self,
        before: &Before,
        ours: impl IntoIterator<Item = &'a [u8]>,
    ) -> io::Result<()> {
        let mut text = before.to_text();
        ours_to_text(&mut text, ours);
        self.0.write(&text)
    }

    /// Adds to the rules that are ours.
    pub(super) fn append<'a>(&self, ours: impl IntoIterator<Item = &'a [u8]>) -> io::Result<()> {
        let mut text = Vec::new();
        ours_to_text(&mut text, ours);
        self.0.append(&text)
    }

    /// Removes the file: everything is put back.
    pub fn remove(&self) {
        self.0.remove();
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

    fn ours() -> [&'static [u8]; 2] {
        [&[1, 2], &[3]]
    }

    #[test]
    fn what_is_kept_is_found_again() {
        let mut text = example().to_text();
        ours_to_text(&mut text, ours());
        let text = String::from_utf8(text).unwrap();
        let remembered = |ours: &[&[u8]]| Remembered {
            before: example(),
            ours: ours.iter().map(|rule| rule.to_vec()).collect(),
        };
        assert_eq!(Remembered::from_text(&text), Some(remembered(&ours())));
        assert_eq!(Remembered::from_text("1 2 3\n"), None);
        // A torn line costs only itself, and only among ours.
        assert_eq!(Remembered::from_text(&text[..text.len() - 2]), Some(remembered(&ours()[..1])));
        let rules = text.find(OURS).unwrap();
        assert_eq!(Remembered::from_text(&text[..rules - 2]), None);
    }

    #[test]
    fn the_file_is_there_until_it_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let file = BeforeFile::in_directory(directory.path());
        assert_eq!(file.read(), None);
        file.write(&example(), ours()).unwrap();
        file.append([&[4u8][..]]).unwrap();
        let ours = vec![vec![1, 2], vec![3], vec![4]];
        assert_eq!(file.read(), Some(Remembered { before: example(), ours }));
        file.remove();
        assert_eq!(file.read(), None);
        file.remove();
    }

    /// systemd removes the run directory of a service that ends, also of one that was killed and is started again.
    #[test]
    fn the_unit_keeps_the_file_of_a_daemon_that_was_killed() {
        let unit = include_str!("../../../../packaging/systemd/auditd.service");
        assert!(unit.lines().any(|line| line == "RuntimeDirectoryPreserve=yes"));
    }
}
