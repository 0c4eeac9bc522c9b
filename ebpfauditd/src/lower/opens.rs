//! What is known beforehand of opens, most of which no rule wants: the programs end these before they look at the rules.

use kern::abi::{self, Entry, Family};

use crate::family::OPENS;

/// Whether this is the entry of execve or execveat.
pub(super) fn is_exec(entry: &Entry) -> bool {
    entry.family == Family::Exec as u16 || entry.family == Family::Execveat as u16
}

/// The flags that hold for the entries of all syscalls. `watched_by_number`: those that watches name otherwise than by a class of
/// `perm=`.
pub(super) fn flags(index: &[Entry], watched_by_number: &[bool]) -> u32 {
    let mut flags = 0;
    let is_open = |entry: &Entry| OPENS.iter().any(|&family| entry.family == family as u16);
    if index.iter().all(|entry| entry.first == 0 || !is_open(entry)) {
        flags |= abi::CONFIG_WATCHED_OPENS;
    }
    let has_names = |entry: &Entry| entry.needs & (abi::NEED_NAMES | abi::NEED_WATCH) != 0;
    if index.iter().all(|entry| is_exec(entry) || !has_names(entry)) {
        flags |= abi::CONFIG_EXEC_FILES;
    }
    // what the classes name opens one file at most, which is then all it looks up; an exec's opens say what they are
    let is_alone = |(entry, &by_number): (&Entry, &bool)| {
        !has_names(entry)
            || entry.needs & abi::NEED_HIT != 0
            || is_exec(entry)
            || (entry.first == 0 && !by_number)
    };
    if index.iter().zip(watched_by_number).all(is_alone) {
        flags |= abi::CONFIG_WATCHED_FILES;
    }
    flags
}
