//! From the rules that are in the kernel to those that should be, without losing their order.
//!
//! The kernel keeps a rule where it was added: at the end, or, with `AUDIT_FILTER_PREPEND`, at the front
//! (`audit_add_rule` in `kernel/auditfilter.c`). First match wins, so the order must come out exactly.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// `AUDIT_FILTER_PREPEND`, a bit of `audit_rule_data.flags` (`linux/audit.h`), the first word of the structure.
const PREPEND: u8 = 0x10;

/// One request to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// `AUDIT_DEL_RULE` with these bytes.
    Delete(Vec<u8>),
    /// `AUDIT_ADD_RULE` with these bytes.
    Append(Vec<u8>),
    /// `AUDIT_ADD_RULE` with these bytes, to become the first rule of its list.
    Prepend(Vec<u8>),
}

impl Step {
    /// Does the step to a list of rules.
    pub(super) fn apply(&self, rules: &mut Vec<Vec<u8>>) {
        match self {
            Self::Delete(rule) => {
                if let Some(at) = rules.iter().position(|loaded| loaded == rule) {
                    rules.remove(at);
                }
            }
            Self::Append(rule) => rules.push(rule.clone()),
            Self::Prepend(rule) => rules.insert(0, rule.clone()),
        }
    }
}

/// A rule's bytes with the flag that puts it first.
pub(super) fn prepended(rule: &[u8]) -> Vec<u8> {
    let mut bytes = rule.to_vec();
    // The flags word is in the machine's byte order; its low byte is where the bit and the list number are.
    let low = if cfg!(target_endian = "little") { 0 } else { 3 };
    if let Some(flags) = bytes.get_mut(low) {
        *flags |= PREPEND;
    }
    bytes
}

/// The way that keeps the longest row of wanted rules which is in the kernel in this order already: everything else in the
/// kernel is deleted, what comes before the row is put in front of it, what comes after is appended. Deleting a watch is slow
/// (the kernel waits for other CPUs), so what can stay should stay.
///
/// `wanted` must not hold a rule twice: the kernel refuses the second (`EEXIST`).
pub(super) fn steps(loaded: &[Vec<u8>], wanted: &[Vec<u8>]) -> Vec<Step> {
    let kept = longest_row(loaded, wanted);
    let stays: HashSet<&[u8]> = wanted[kept.clone()].iter().map(Vec::as_slice).collect();
    let deleted = loaded.iter().filter(|rule| !stays.contains(rule.as_slice())).cloned().map(Step::Delete);
    let (front, back) = (&wanted[..kept.start], &wanted[kept.end..]);
    // With nothing to stay in front of, rules come in their own order.
    let (front, back) = if kept.is_empty() { (&[][..], wanted) } else { (front, back) };
    deleted
        .chain(front.iter().rev().cloned().map(Step::Prepend))
        .chain(back.iter().cloned().map(Step::Append))
        .collect()
}

/// The longest part of `wanted` whose rules are all loaded, each behind the one before it.
fn longest_row(loaded: &[Vec<u8>], wanted: &[Vec<u8>]) -> Range<usize> {
    let places: HashMap<&[u8], usize> =
        loaded.iter().enumerate().map(|(place, rule)| (rule.as_slice(), place)).collect();
    let mut best = 0..0;
    let mut start = 0;
    let mut last = None;
    for (at, rule) in wanted.iter().enumerate() {
        match (places.get(rule.as_slice()), last) {
            (None, _) => (start, last) = (at + 1, None),
            (Some(&place), Some(before)) if place < before => (start, last) = (at, Some(place)),
            (Some(&place), _) => last = Some(place),
        }
        if at + 1 - start > best.len() {
            best = start..at + 1;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(names: &str) -> Vec<Vec<u8>> {
        names.bytes().map(|name| vec![name]).collect()
    }

    /// Every way between two lists ends at the wanted one, and no rule is added while it is still there.
    #[test]
    fn every_change_ends_at_the_wanted_order() {
        let lists =
            ["", "a", "b", "ab", "ba", "abc", "cab", "cba", "acb", "bc", "xabc", "xyabc", "abxc", "abcx"];
        for from in lists {
            for to in lists {
                let (mut now, wanted) = (rules(from), rules(to));
                for step in steps(&now, &wanted) {
                    if let Step::Append(rule) | Step::Prepend(rule) = &step {
                        assert!(!now.contains(rule), "{from} to {to}: {rule:?} added twice");
                    }
                    step.apply(&mut now);
                }
                assert_eq!(now, wanted, "{from} to {to}");
            }
        }
    }

    #[test]
    fn small_changes_touch_only_what_changes() {
        assert_eq!(steps(&rules("abc"), &rules("abcd")), [Step::Append(b"d".to_vec())]);
        assert_eq!(steps(&rules("abc"), &rules("ac")), [Step::Delete(b"b".to_vec())]);
        assert_eq!(
            steps(&rules("c"), &rules("abc")),
            [Step::Prepend(b"b".to_vec()), Step::Prepend(b"a".to_vec())]
        );
        assert_eq!(steps(&rules("abc"), &rules("abc")), []);
        let replaced = [Step::Delete(b"a".to_vec()), Step::Prepend(b"x".to_vec())];
        assert_eq!(steps(&rules("abc"), &rules("xbc")), replaced);
    }

    #[test]
    fn the_flag_is_set_in_the_flags_word_only() {
        assert_eq!(prepended(&4u32.to_ne_bytes()), 0x14u32.to_ne_bytes());
    }
}
