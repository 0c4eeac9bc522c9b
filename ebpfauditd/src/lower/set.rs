//! The sets of syscalls, or of operations, that a rule's first step asks for.

use audit_rules::{Field, Rule};
use kern::abi;

use crate::plan::arches;

/// The syscalls of a rule on a watch. Audit has neither architecture nor number of an operation of `io_uring` outside of syscalls,
/// and takes it for the first.
pub(super) fn of_watch(rule: &Rule, nodes: &[usize]) -> abi::Set {
    let mut set = abi::Set { words: [[0; abi::SYSCALLS / 32]; abi::ARCHES + 1] };
    for &at in nodes {
        set.words[at / abi::SYSCALLS][at % abi::SYSCALLS / 32] |= 1 << (at % 32);
    }
    let has_class = rule.condition(Field::Perm).is_some();
    if !has_class && rule.condition(Field::Arch).is_none() && rule.syscalls().contains(0) {
        set.words[abi::ARCHES][0] = 1;
    }
    set
}

/// The operations of a rule of the `io_uring` list.
pub(super) fn of_operations(rule: &Rule) -> abi::Set {
    let mut set = abi::Set { words: [[0; abi::SYSCALLS / 32]; abi::ARCHES + 1] };
    for arch in arches(rule) {
        set.words[arch] = *rule.syscalls().words();
    }
    if rule.condition(Field::Arch).is_none() {
        set.words[abi::ARCHES] = *rule.syscalls().words();
    }
    set
}
