//! The rule language of Linux audit: what `auditctl` and `audit.rules` accept, what `auditctl -l` prints, and
//! `struct audit_rule_data`, the form in which rules travel over netlink. No I/O, no unsafe.
//!
//! * [`parse_words`] reads one command line of `auditctl` (or one line of a rules file) into [`Command`]s;
//!   [`parse_file`] reads a whole rules file and reports every error in it.
//! * [`Rule`] is a rule as the kernel stores it. Every constructor goes through [`kernel_check`], so a `Rule`
//!   that the kernel would refuse for its content cannot exist. What was asked for and is not yet checked is a
//!   [`Draft`].
//! * [`Rule::encode`] and [`Rule::decode`] are the wire form; `Display` is the line of `auditctl -l`.
//! * [`table`] holds the names: system calls, errnos, message types, fields, permission classes.
//!
//! Names of users, groups and directories are asked of a [`Host`], which the caller implements.
#![forbid(unsafe_code)]

mod arch;
mod argument;
mod check;
mod command;
mod error;
mod field;
mod file;
mod getopt;
mod host;
mod list;
mod number;
mod parse;
mod perm;
mod print;
mod rule;
mod syscalls;
pub mod table;
mod token;
mod wire;

pub use arch::Arch;
pub use check::{Refusal, kernel_check};
pub use command::{Command, Note, Signal};
pub use error::{Error, Position, Problem, Refused, Sink};
pub use field::{Comparison, Field, Op};
pub use file::{File, parse_file};
pub use host::{Host, NoHost};
pub use list::{Action, List};
pub use parse::{parse_line, parse_words};
pub use perm::Perms;
pub use print::Listing;
pub use rule::{Condition, Draft, KEY_SEPARATOR, MAX_FIELDS, MAX_KEY, PATH_MAX, Rule, Value};
pub use syscalls::SyscallSet;
pub use token::{LINE_SIZE, Word, lines, words};
pub use wire::{HEADER_SIZE, WireError};
