//! Memory that changes while the kernel reads it: what is recorded must be what the kernel acted on.

pub mod memory;
pub mod player;
pub mod race;
pub mod verdict;
