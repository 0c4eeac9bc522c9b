//! What the integration tests, the demonstration and the benchmarks share: the actions that are recorded, and the harness
//! that records them under the original auditd and under ours.

pub mod action;
pub mod case;
pub mod compare;
pub mod compliance;
pub mod crowd;
pub mod difference;
pub mod elf;
pub mod fixture;
pub mod fuzz;
pub mod identity;
pub mod kernel;
pub mod libaudit;
pub mod log;
pub mod low;
pub mod normal;
pub mod objects;
pub mod obstacle;
pub mod package;
pub mod performance;
pub mod place;
pub mod program;
pub mod proof;
pub mod racing;
pub mod random;
pub mod raw;
pub mod reload;
pub mod ring;
pub mod scene;
pub mod setting;
pub mod side;
pub mod skip;
pub mod stage;
