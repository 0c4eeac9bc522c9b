//! From records to log lines: the bytes auditd writes, and the names it looks up for them.
//!
//! The model is auditd 3.0.9. What it does was taken from runs of it: `tests/golden/enrich/make.sh` feeds records to the
//! original and keeps its log; `compat/tests/format.rs` compares.

mod fields;
mod format;
mod names;
mod saddr;

pub use format::{Format, Formatter};
pub use names::Names;
