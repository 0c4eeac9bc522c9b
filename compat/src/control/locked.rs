//! The rules that are locked until the next boot (`-e 2`), for commands that find no daemon: it has left them in its run directory.

use std::fs;
use std::io;
use std::path::Path;

use audit_rules::Rule;

use crate::boot_file::BootFile;
use crate::record::quote;

/// Name of the file in the run directory: a line of settings, then the rules in hexadecimal digits, one a line, as they come over
/// the wire.
pub const NAME: &str = "locked";

/// What a daemon of this boot locked.
#[derive(Debug)]
pub struct Locked {
    rules: Vec<Rule>,
}

impl Locked {
    /// What was locked, if anything was; without its rules if the caller may not read them.
    pub fn read(run_dir: &Path) -> Option<Self> {
        let file = BootFile::new(run_dir, NAME);
        if let Err(error) = fs::File::open(file.path()) {
            return (error.kind() == io::ErrorKind::PermissionDenied).then(|| Self { rules: Vec::new() });
        }
        let rule = |line: &str| Rule::decode(&quote::unhex(line.as_bytes())?).ok();
        Some(Self { rules: file.read()?.lines().skip(1).filter_map(rule).collect() })
    }

    /// The rules, as far as they are known.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_boot_locked_is_not_locked() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Locked::read(directory.path()).is_none());
        let file = BootFile::new(directory.path(), NAME);
        file.write(b"1 0 64 0 1\n").unwrap();
        assert!(Locked::read(directory.path()).is_some_and(|locked| locked.rules().is_empty()));
        let text = fs::read_to_string(file.path()).unwrap();
        let (_, rest) = text.split_once('\n').unwrap();
        fs::write(file.path(), format!("another-boot\n{rest}")).unwrap();
        assert!(Locked::read(directory.path()).is_none());
    }
}
