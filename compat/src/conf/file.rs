//! The file: whether it can be trusted, and reading it.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::libc;

use super::error::{Error, Note};
use super::parse::{Parsed, parse};

/// The most bytes of a configuration; a file that has more is not one.
const SIZE_MAX: u64 = 1 << 20;

/// Why a configuration cannot be used. The texts are the original's, where it has one.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be opened; a symbolic link that is not allowed is one reason.
    #[error("Error opening config file ({})", reason(source))]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It cannot be read.
    #[error("cannot read {} ({})", path.display(), reason(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else than root can change it.
    #[error("Error - {} isn't owned by root", path.display())]
    Owner {
        /// The file.
        path: PathBuf,
    },
    /// Everybody can change it.
    #[error("Error - {} is world writable", path.display())]
    WorldWritable {
        /// The file.
        path: PathBuf,
    },
    /// A directory, a device, ...
    #[error("Error - {} is not a regular file", path.display())]
    NotRegular {
        /// The file.
        path: PathBuf,
    },
    /// More than a megabyte.
    #[error("Error - {} is too large for a configuration file", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Lines in it are wrong.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Lines(Vec<Error>),
}

/// Reads `path`, which must be a regular file of root's that not everybody can write, and no symbolic link unless
/// `allow_links`. A file that is not there says nothing: everything is as by default, and a note tells.
pub fn load(path: &Path, allow_links: bool) -> Result<Parsed, FileError> {
    let follow = if allow_links { 0 } else { libc::O_NOFOLLOW };
    // Not blocking, so that a FIFO in its place is refused and not waited for.
    let flags = follow | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let notes = vec![Note::Missing { file: path.to_owned() }];
            return Ok(Parsed { notes, ..Parsed::default() });
        }
        Err(source) => return Err(FileError::Open { path: path.to_owned(), source }),
    };
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    // What was opened is looked at, not what the name means by now.
    let metadata = file.metadata().map_err(failed)?;
    if metadata.uid() != 0 {
        return Err(FileError::Owner { path: path.to_owned() });
    }
    if metadata.mode() & 0o002 != 0 {
        return Err(FileError::WorldWritable { path: path.to_owned() });
    }
    if !metadata.is_file() {
        return Err(FileError::NotRegular { path: path.to_owned() });
    }
    let mut contents = Vec::new();
    file.take(SIZE_MAX + 1).read_to_end(&mut contents).map_err(failed)?;
    if contents.len() as u64 > SIZE_MAX {
        return Err(FileError::TooLarge { path: path.to_owned() });
    }
    let group = |name: &[u8]| users::get_group_by_name(OsStr::from_bytes(name)).map(|group| group.gid());
    parse(path, &contents, &group).map_err(FileError::Lines)
}

/// What the system says of an error, as `strerror` has it: without Rust's `(os error 2)`. The original's messages end
/// with it.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}
