//! Reading one value.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::auditd::{Action, PortRange, Space};
use super::error::Problem;

/// What a line gives to its key.
pub(super) struct Given<'a> {
    /// The key as the table has it.
    pub(super) key: &'static str,
    /// The first word after `=`.
    pub(super) value: &'a [u8],
    /// The second word, if there is one.
    pub(super) option: Option<&'a [u8]>,
    /// Looks up the number of a group.
    pub(super) group: &'a dyn Fn(&[u8]) -> Option<u32>,
}

impl Given<'_> {
    /// The value that goes with the word, whatever its case.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, Problem> {
        words
            .iter()
            .find(|(word, _)| word.as_bytes().eq_ignore_ascii_case(self.value))
            .map(|&(_, value)| value)
            .ok_or_else(|| Problem::NoSuchValue(self.value.to_vec()))
    }

    pub(super) fn yes(&self) -> Result<bool, Problem> {
        self.word(&[("yes", true), ("no", false)])
    }

    /// A number of any size that a C `unsigned long` holds.
    pub(super) fn long(&self) -> Result<u64, Problem> {
        long(self.value)
    }

    /// A number up to the largest C `int`.
    pub(super) fn number(&self) -> Result<u32, Problem> {
        self.number_in(0, i32::MAX as u32)
    }

    pub(super) fn number_in(&self, least: u32, most: u32) -> Result<u32, Problem> {
        let number = self.long()?;
        if number < u64::from(least) {
            return Err(Problem::TooSmall(self.value.to_vec()));
        }
        match u32::try_from(number) {
            Ok(number) if number <= most => Ok(number),
            _ => Err(Problem::TooLarge(self.value.to_vec())),
        }
    }

    /// A number of which the original says no more than that it is too large.
    pub(super) fn at_most(&self, most: u32) -> Result<u32, Problem> {
        let number = self.number()?;
        if number > most { Err(Problem::AtMost(self.key, most)) } else { Ok(number) }
    }

    pub(super) fn space(&self) -> Result<Space, Problem> {
        let (digits, percent) = match self.value {
            [digits @ .., b'%'] => (digits, true),
            digits => (digits, false),
        };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(Problem::NotSpace(self.value.to_vec()));
        }
        let number = u32::try_from(long(digits)?).map_err(|_| Problem::TooLarge(self.value.to_vec()))?;
        match percent {
            true if number > 99 => Err(Problem::Percentage),
            true => Ok(Space::Percent(number)),
            false => Ok(Space::Mebibytes(number)),
        }
    }

    pub(super) fn ports(&self) -> Result<PortRange, Problem> {
        let bad = || Problem::NotPorts(self.value.to_vec());
        let port = |digits: &[u8]| -> Result<u32, Problem> {
            match long(digits) {
                Ok(port @ 0..=65535) => Ok(port as u32),
                Ok(_) => Err(Problem::TooLarge(digits.to_vec())),
                Err(_) => Err(bad()),
            }
        };
        let (first, last) = match self.value.iter().position(|&b| b == b'-') {
            Some(dash) => (port(&self.value[..dash])?, port(&self.value[dash + 1..])?),
            None => (port(self.value)?, port(self.value)?),
        };
        if last < first { Err(Problem::ReversedPorts(first, last)) } else { Ok(PortRange { first, last }) }
    }

    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(OsStr::from_bytes(self.value))
    }

    /// The log: its directory's name has at least four letters, so that it is none of the system's own.
    pub(super) fn log_file(&self) -> Result<PathBuf, Problem> {
        let directory = match self.value.iter().rposition(|&b| b == b'/') {
            Some(0) => b"/",
            Some(at) => &self.value[..at],
            None => b".",
        };
        if directory.len() < 4 {
            return Err(Problem::DirectoryTooShort(directory.to_vec()));
        }
        Ok(self.path())
    }

    /// A group by number or by name.
    pub(super) fn group(&self) -> Result<u32, Problem> {
        let unknown = || Problem::UnknownGroup(self.value.to_vec());
        if self.value.iter().all(u8::is_ascii_digit) {
            return u32::try_from(self.long()?).map_err(|_| unknown());
        }
        (self.group)(self.value).ok_or_else(unknown)
    }

    /// What is done about space or errors: one of `words`, or `exec PROGRAM`. A word that other such keys take is told from
    /// one that none takes.
    pub(super) fn action(&self, words: &[(&str, Action)]) -> Result<Action, Problem> {
        if self.value.eq_ignore_ascii_case(b"exec") {
            let program = self.option.ok_or(Problem::NoProgram)?;
            if !program.starts_with(b"/") {
                return Err(Problem::NotAbsolute(program.to_vec()));
            }
            return Ok(Action::Exec(OsStr::from_bytes(program).into()));
        }
        let known = |words: &[(&str, Action)]| {
            let found = words.iter().find(|(word, _)| word.as_bytes().eq_ignore_ascii_case(self.value));
            found.map(|(_, action)| action.clone())
        };
        known(words).ok_or_else(|| match known(super::keys::SPACE) {
            Some(_) => Problem::IllegalOption(self.value.to_vec(), self.key),
            None => Problem::NoSuchValue(self.value.to_vec()),
        })
    }

    /// A mail account: at least two letters, and after an `@` a domain with a dot.
    pub(super) fn mail(&self) -> Result<Vec<u8>, Problem> {
        let bad = |what| Err(Problem::Mail(self.value.to_vec(), what));
        if self.value.len() < 2 {
            return bad("is too short, expecting at least 2 characters");
        }
        if let Some(at) = self.value.iter().position(|&b| b == b'@')
            && !self.value[at + 1..].contains(&b'.')
        {
            return bad("should have . after @");
        }
        Ok(self.value.to_vec())
    }
}

fn long(digits: &[u8]) -> Result<u64, Problem> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Problem::NotNumber(digits.to_vec()));
    }
    digits
        .iter()
        .try_fold(0u64, |n, b| n.checked_mul(10)?.checked_add(u64::from(b - b'0')))
        .ok_or(Problem::OutOfRange)
}
