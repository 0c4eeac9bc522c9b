//! What the cases do, by family.

pub mod exec;
pub mod file;
pub mod filter;
pub mod identity;
pub mod memory;
pub mod message;
pub mod namespace;
pub mod network;
pub mod process;
pub mod signal;
pub mod surroundings;
pub mod system;
pub mod trace;
pub mod watch;
