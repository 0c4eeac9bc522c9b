//! The commands side by side: `auditctl` and `augenrules` as Debian's auditd 3.0.9 has them, as the newest Debian's package has
//! them, and ours, given the same words. What each says, how it ends, and what it leaves behind is compared byte for byte.
//!
//! What differs on purpose stands in the tables beside the command it is about, under the name that docs/differences.md gives
//! it. A difference that nobody allowed fails the suite, and so does an allowed one that is no longer there.

pub mod augenrules;
pub mod newest;
pub mod observation;
pub mod stand;
pub mod table;
pub mod verdict;
