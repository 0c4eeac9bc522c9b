//! Random sequences of operations on files, under random rules. Everything follows from a seed.

pub mod call;
pub mod dice;
pub mod name;
pub mod player;
pub mod rule;
pub mod sequence;
pub mod session;
