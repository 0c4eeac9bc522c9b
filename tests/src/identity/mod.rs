//! By which ways a watched file can be reached, and whether each access is recorded.

pub mod access;
pub mod matrix;
pub mod player;
pub mod preparation;
pub mod token;
pub mod way;
