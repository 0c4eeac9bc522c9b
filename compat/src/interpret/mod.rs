//! From records to log lines: the bytes auditd writes, and the names it looks up for them.

mod format;
mod names;

pub use format::{Format, Formatter};
pub use names::Names;
