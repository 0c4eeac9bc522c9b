//! `auditd.conf`: what may be in it, what it says, and whether the file can be trusted.
//!
//! The language is that of auditd 3.0.9 (auditd.conf(5), and runs of the original for what the page leaves out), with the
//! keys that later versions added. Every key of the original is known and its value checked; [`keys`] says which are in
//! effect.

mod auditd;
mod error;
mod file;
mod keys;
mod parse;
mod value;

pub use auditd::{
    Action, Auditd, Flush, LogFormat, NameFormat, Overflow, PortRange, SizeAction, Space, Transport,
};
pub use error::{Error, Note, Problem};
pub use file::{FileError, load, reason};
pub use parse::{Parsed, parse};
