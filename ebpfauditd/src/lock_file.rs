//! That the rules are locked (`-e 2`), kept where the next daemon of this boot finds it: with the rules, so that a change of
//! `audit.rules` and a restart do not change them either.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use audit_rules::Rule;
use compat::boot_file::BootFile;
use compat::control::locked::NAME;
use compat::record::quote;

use crate::ruleset::{Enabled, RuleSet, Settings};

/// The file in the run directory.
#[derive(Clone, Debug)]
pub struct LockFile(BootFile);

impl LockFile {
    /// The file of this run directory.
    pub fn in_directory(run_dir: &Path) -> Self {
        Self(BootFile::new(run_dir, NAME))
    }

    /// The rules and settings that were locked in this boot, if they were.
    ///
    /// # Errors
    /// The file is there and cannot be understood: nobody but root can have done that to it, and the rules are not to be
    /// unlocked by it.
    pub fn read(&self) -> Result<Option<RuleSet>, Unreadable> {
        let Some(text) = self.0.read() else { return Ok(None) };
        decode(&text).map(Some).ok_or_else(|| Unreadable(self.0.path().display().to_string()))
    }

    /// Keeps a locked set.
    ///
    /// # Errors
    /// The run directory cannot be written.
    pub fn write(&self, set: &RuleSet) -> io::Result<()> {
        self.0.write(&encode(set))
    }
}

/// The file makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0} says that the rules are locked until the next boot, but not which; it is damaged")]
pub struct Unreadable(String);

fn encode(set: &RuleSet) -> Vec<u8> {
    let Settings { enabled: _, failure, rate_limit, backlog_limit, backlog_wait_time } = set.settings();
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ =
        writeln!(text, "{failure} {rate_limit} {backlog_limit} {backlog_wait_time} {}", set.rules().len());
    let mut text = text.into_bytes();
    for rule in set.rules() {
        quote::hex(&mut text, &rule.encode());
        text.push(b'\n');
    }
    text
}

fn decode(text: &str) -> Option<RuleSet> {
    let (first, rest) = text.split_once('\n')?;
    let numbers: Vec<u32> = first.split(' ').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    let [failure, rate_limit, backlog_limit, backlog_wait_time, count] = numbers[..] else { return None };
    let settings =
        Settings { enabled: Enabled::Locked, failure, rate_limit, backlog_limit, backlog_wait_time };
    let rules: Vec<Rule> = rest
        .lines()
        .map(|line| quote::unhex(line.as_bytes()).and_then(|bytes| Rule::decode(&bytes).ok()))
        .collect::<Option<_>>()?;
    (rules.len() == count as usize).then(|| RuleSet::with_rules(settings, rules))
}

#[cfg(test)]
mod tests {
    use audit_rules::{Command, NoHost, parse_words};

    use super::*;

    fn locked() -> RuleSet {
        let rules = ["-w /a -p r -k one", "-a always,exit -F arch=b64 -S openat -F auid!=-1"].map(|line| {
            let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
            match parse_words(&words, &NoHost).unwrap().remove(0) {
                Command::Add { rule, .. } => rule,
                other => panic!("{line}: {other:?}"),
            }
        });
        let settings = Settings {
            enabled: Enabled::Locked,
            failure: 2,
            rate_limit: 3,
            backlog_limit: 4,
            backlog_wait_time: 5,
        };
        RuleSet::with_rules(settings, rules.to_vec())
    }

    #[test]
    fn what_was_locked_is_found_again() {
        let directory = tempfile::tempdir().unwrap();
        let file = LockFile::in_directory(directory.path());
        assert_eq!(file.read().unwrap(), None);
        file.write(&locked()).unwrap();
        assert_eq!(file.read().unwrap(), Some(locked()));
    }

    #[test]
    fn a_damaged_file_is_an_error_and_no_key() {
        let text = String::from_utf8(encode(&locked())).unwrap();
        assert_eq!(decode(&text), Some(locked()));
        for end in [0, 3, text.find('\n').unwrap() + 1, text.len() - 3] {
            assert_eq!(decode(&text[..end]), None, "{end}");
        }
        let directory = tempfile::tempdir().unwrap();
        let file = LockFile::in_directory(directory.path());
        file.0.write(b"garbage").unwrap();
        assert!(file.read().is_err());
    }
}
