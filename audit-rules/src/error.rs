//! What can be wrong with a line, where, and in which words the original says so.

use std::fmt;

use crate::{
    check::Refusal,
    command::{Command, Note},
};

/// Where the original sends a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Standard error; syslog while `-R` has not yet sent its first rule.
    Log,
    /// Always standard error.
    Stderr,
}

/// A place in a rules file, or in a command line (line 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// From 1; 0 for the words of a command line.
    pub line: u32,
    /// From 1, in bytes.
    pub column: u32,
}

/// What kind of error it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The line could not be understood: exit code 255 from the command line, 1 from a file.
    Syntax,
    /// The line is understood, but the kernel refuses such a rule. A caller that has someone to ask may send `request` and
    /// report the answer instead of the message.
    Refused(Box<Refused>),
    /// `--signal` names no signal: exit code 1, and nothing of what follows is looked at, in a file either.
    NoSignal,
}

/// A rule that the kernel refuses for its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// `struct audit_rule_data` as the original would send it.
    pub request: Vec<u8>,
    /// Whether it was to be deleted, not added.
    pub delete: bool,
}

/// An error in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The name of the file; `None` for a command line.
    pub file: Option<String>,
    /// Line, and column of the word at fault.
    pub position: Position,
    /// What kind of error.
    pub problem: Problem,
    /// The original's messages, in order. May be empty: the original is silent about a command line that consists of one
    /// stray word.
    pub said: Vec<Note>,
    /// What was to be done before the error was met; the original has done it by then.
    pub before: Vec<Command>,
    /// Whether a rule was begun (`-a`, `-A`, `-d`, `-w`, `-W`): then the original goes on to ask whether rules can be changed.
    pub is_rule: bool,
    /// Whether an `-i` or `-c` line came before, so that the load goes on.
    pub ignored: bool,
}

impl Error {
    /// The first of the original's messages, or our words where it has none.
    pub fn message(&self) -> String {
        match (self.said.first(), &self.problem) {
            (Some(note), Problem::Refused(refused)) => {
                let refusal = &refused.refusal;
                format!("{}: {refusal}", String::from_utf8_lossy(&note.text).trim_end())
            }
            (Some(note), _) => String::from_utf8_lossy(&note.text).trim_end().to_owned(),
            (None, _) => "no option given".to_owned(),
        }
    }
}

impl fmt::Display for Error {
    /// `file:line:column: message`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(out, "{file}:{}:{}: ", self.position.line, self.position.column)?;
        }
        out.write_str(&self.message())
    }
}

impl std::error::Error for Error {}
