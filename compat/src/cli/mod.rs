//! The commands. The programs in `bin/` only call these.

pub mod auditctl;
pub mod augenrules;
