//! One audit event: its stamp, its records, and how text from outside is written into them.
//!
//! A record is a type and a body: the text after `msg=audit(SECONDS.MMM:SERIAL): `. The kernel writes such bodies
//! (`kernel/auditsc.c`, `kernel/audit.c`), so do we, and [`crate::interpret::Formatter`] turns them into log lines.

mod event;
mod kind;
pub mod quote;
mod stamp;

pub use event::{Event, Id, Note, Records};
pub use kind::MessageType;
pub use stamp::{Stamp, decimal};
