//! What is wrong in auditd.conf, in the original's words.

use std::fmt;
use std::path::PathBuf;

/// Something wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The file.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column of the word that is wrong, in bytes from 1.
    pub column: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What can be wrong in a line. Texts are bytes from the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Fewer than three words, or more than four.
    WrongNumberOfArguments,
    /// The second word is not `=`.
    MissingEqual,
    /// No such key.
    UnknownKeyword(Vec<u8>),
    /// A key that takes one value has two: key, second value.
    InvalidOption(&'static str, Vec<u8>),
    /// No such value for this key.
    NoSuchValue(Vec<u8>),
    /// Not a number.
    NotNumber(Vec<u8>),
    /// A number that no computer word holds.
    OutOfRange,
    /// A number that this key does not take.
    TooLarge(Vec<u8>),
    /// A number that this key does not take.
    TooSmall(Vec<u8>),
    /// `num_logs` or `q_depth` above this.
    AtMost(&'static str, u32),
    /// Neither a number nor a percentage.
    NotSpace(Vec<u8>),
    /// 100 percent or more.
    Percentage,
    /// Neither a port nor two ports.
    NotPorts(Vec<u8>),
    /// The second port is below the first.
    ReversedPorts(u32, u32),
    /// No such group.
    UnknownGroup(Vec<u8>),
    /// The directory of `log_file` cannot be one.
    DirectoryTooShort(Vec<u8>),
    /// A path that does not begin with `/`.
    NotAbsolute(Vec<u8>),
    /// `exec` without a program.
    NoProgram,
    /// An action that other keys take, but not this one: action, key.
    IllegalOption(Vec<u8>, &'static str),
    /// A mail address that cannot be one.
    Mail(Vec<u8>, &'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, line) = (self.file.display(), self.line);
        write!(f, "{file}:{line}:{}: ", self.column)?;
        match &self.problem {
            Problem::WrongNumberOfArguments => {
                write!(f, "Wrong number of arguments for line {line} in {file}")
            }
            Problem::MissingEqual => write!(f, "Missing equal sign for line {line} in {file}"),
            Problem::UnknownKeyword(word) => {
                write!(f, "Unknown keyword \"{}\" in line {line} of {file}", text(word))
            }
            Problem::InvalidOption(key, word) => {
                let word = text(word);
                write!(f, "Keyword \"{key}\" has invalid option \"{word}\" in line {line} of {file}")
            }
            Problem::NoSuchValue(word) => write!(f, "Option {} not found - line {line}", text(word)),
            Problem::NotNumber(word) => {
                write!(f, "Value {} should only be numbers - line {line}", text(word))
            }
            Problem::OutOfRange => {
                let why = "Numerical result out of range";
                write!(f, "Error converting string to a number ({why}) - line {line}")
            }
            Problem::TooLarge(word) => {
                write!(f, "Error - converted number ({}) is too large - line {line}", text(word))
            }
            Problem::TooSmall(word) => {
                write!(f, "Error - converted number ({}) is too small - line {line}", text(word))
            }
            Problem::AtMost(key, most) => write!(f, "{key} must be {most} or less"),
            Problem::NotSpace(word) => {
                let wrong = word.iter().find(|&&b| !b.is_ascii_digit() && b != b'%').copied().unwrap_or(b'%');
                let wrong = text(&[wrong]);
                write!(f, "Value {wrong} {} should only be numbers or percent - line {line}", text(word))
            }
            Problem::Percentage => write!(f, "Percentages should be less than 100 - line {line}"),
            Problem::NotPorts(word) => {
                let what = "should only be numbers, or two numbers separated by a dash";
                write!(f, "Value {} {what} - line {line}", text(word))
            }
            Problem::ReversedPorts(first, last) => {
                write!(f, "Error - converted range ({first}-{last}) is reversed - line {line}")
            }
            Problem::UnknownGroup(word) => {
                write!(f, "Group ID is non-numeric and unknown ({}) - line {line}", text(word))
            }
            Problem::DirectoryTooShort(word) => {
                write!(f, "The directory name: {} is too short - line {line}", text(word))
            }
            Problem::NotAbsolute(word) => write!(f, "Absolute path needed for {} - line {line}", text(word)),
            Problem::NoProgram => write!(f, "Executable path needed for line {line}"),
            Problem::IllegalOption(word, key) => {
                write!(f, "Illegal option {} for {key} - line {line}", text(word))
            }
            Problem::Mail(word, what) => write!(f, "email: {} {what}", text(word)),
        }
    }
}

impl std::error::Error for Error {}

/// Something that the administrator should know, and that stops nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Keys that are known, and say something, but have no effect.
    NotInEffect {
        /// The file.
        file: PathBuf,
        /// The keys, in the order of the file.
        keys: Vec<&'static str>,
    },
    /// A key that the original ignores too.
    Deprecated {
        /// The key.
        key: &'static str,
        /// Its line.
        line: usize,
    },
    /// `log_format = nolog`
    NoLog,
    /// A second word, which only `exec` takes.
    WordIgnored {
        /// The key.
        key: &'static str,
        /// The word.
        word: Vec<u8>,
        /// Its line.
        line: usize,
    },
    /// A line that is too long was left out.
    TooLong {
        /// The file.
        file: PathBuf,
        /// The line.
        line: usize,
    },
    /// `q_depth` is small.
    SmallQueue,
    /// The file is not there; everything is as by default.
    Missing {
        /// The file.
        file: PathBuf,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInEffect { file, keys } => {
                write!(
                    f,
                    "{}: known, but without effect in this version: {}",
                    file.display(),
                    keys.join(", ")
                )
            }
            Self::Deprecated { key, line } => write!(f, "The {key} option is deprecated - line {line}"),
            Self::NoLog => f.write_str(
                "The NOLOG option to log_format is deprecated. Please use the write_logs option.\n\
                 The NOLOG option is overriding the write_logs current setting.",
            ),
            Self::WordIgnored { key, word, line } => {
                write!(
                    f,
                    "{key} takes a second word only after exec: {} is ignored - line {line}",
                    text(word)
                )
            }
            Self::TooLong { file, line } => write!(f, "Skipping line {line} in {}: too long", file.display()),
            Self::SmallQueue => f.write_str("q_depth should be larger than 512 for safety margin"),
            Self::Missing { file } => write!(f, "Config file {} doesn't exist, skipping", file.display()),
        }
    }
}

/// Bytes from the file as they can be shown.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
