//! `NETLINK_AUDIT`: requests to the kernel's audit, and its records (`kernel/audit.c`).

mod message;
mod socket;

pub use message::{HEADER_SIZE, Header};
pub use socket::AuditSocket;
