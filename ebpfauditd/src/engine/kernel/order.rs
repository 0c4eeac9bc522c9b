//! From the rules that are in the kernel to those that should be, without losing their order.
//!
//! The kernel keeps a rule where it was added: at the end, or, with `AUDIT_FILTER_PREPEND`, at the front
//! (`audit_add_rule` in `kernel/auditfilter.c`). First match wins, so the order must come out exactly.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use audit_rules::{Action, Condition, Field, List, Op, Rule, Value};

/// `AUDIT_FILTER_PREPEND`, a bit of `audit_rule_data.flags` (`linux/audit.h`), the first word of the structure.
const PREPEND: u8 = 0x10;

/// So many rules that move are covered meanwhile. The kernel takes some 10 ms to delete a rule, and covers have to be deleted too: with
/// these a change takes at most a second longer.
const COVERS: usize = 64;

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
/// A rule that was there and is to be there, but elsewhere, has a cover at the front between its deletion and its return.
///
/// `wanted` must not hold a rule twice: the kernel refuses the second (`EEXIST`).
pub(super) fn steps(loaded: &[Vec<u8>], wanted: &[Vec<u8>]) -> Vec<Step> {
    let kept = longest_row(loaded, wanted);
    let stays: HashSet<&[u8]> = wanted[kept.clone()].iter().map(Vec::as_slice).collect();
    let deleted = loaded.iter().filter(|rule| !stays.contains(rule.as_slice())).cloned().map(Step::Delete);
    let (front, back) = (&wanted[..kept.start], &wanted[kept.end..]);
    // With nothing to stay in front of, rules come in their own order.
    let (front, back) = if kept.is_empty() { (&[][..], wanted) } else { (front, back) };
    let moved: HashSet<&[u8]> = front.iter().chain(back).map(Vec::as_slice).collect();
    let covers = covers(loaded, &moved);
    // Taken away from the last to the first, what is left of them decides as the old rules did.
    let uncovered = covers.iter().rev().cloned().map(Step::Delete);
    let covered = covers.iter().rev().cloned().map(Step::Prepend);
    covered
        .chain(deleted)
        .chain(front.iter().rev().cloned().map(Step::Prepend))
        .chain(back.iter().cloned().map(Step::Append))
        .chain(uncovered)
        .collect()
}

/// What the steps add to the kernel, in no order.
pub(super) fn added(steps: &[Step]) -> Vec<Vec<u8>> {
    let rules = steps.iter().filter_map(|step| match step {
        Step::Delete(_) => None,
        Step::Append(rule) | Step::Prepend(rule) => Some(rule.clone()),
    });
    rules.collect()
}

/// Covers of the loaded rules that move, and of what keeps some of their events out, in their order. None if there are too many.
fn covers(loaded: &[Vec<u8>], moved: &HashSet<&[u8]>) -> Vec<Vec<u8>> {
    let Some(last) = loaded.iter().rposition(|rule| moved.contains(rule.as_slice())) else {
        return Vec::new();
    };
    let covers = loaded[..=last].iter().filter_map(|rule| cover(rule, moved.contains(rule.as_slice())));
    let covers: Vec<Vec<u8>> = covers.filter(|cover| !loaded.contains(cover)).take(COVERS + 1).collect();
    if covers.len() > COVERS { Vec::new() } else { covers }
}

/// The same rule of the exit list in other words, which the kernel takes beside it: every task has a number. None for a rule that can
/// be left out, because it neither moves nor keeps anything out, and for one that has no room for a field more.
fn cover(rule: &[u8], moves: bool) -> Option<Vec<u8>> {
    let mut draft = Rule::decode(rule).ok()?.into_draft();
    if draft.list != List::Exit || !(moves || draft.action == Action::Never) {
        return None;
    }
    draft.conditions.push(Condition::new(Field::Pid, Op::Ge, Value::Number(0)).ok()?);
    Some(Rule::new(draft).ok()?.encode())
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

    /// Rules of the exit list, by a number; those of capital letters keep events out.
    fn exit_rules(names: &str) -> Vec<Vec<u8>> {
        let rule = |name: u8| {
            let condition = Condition::new(Field::Uid, Op::Eq, Value::Number(name.into())).unwrap();
            let action = if name.is_ascii_uppercase() { Action::Never } else { Action::Always };
            let syscalls = audit_rules::SyscallSet::all();
            let draft =
                audit_rules::Draft { list: List::Exit, action, syscalls, conditions: vec![condition] };
            Rule::new(draft).unwrap().encode()
        };
        names.bytes().map(rule).collect()
    }

    /// Whoever is in both lists is in force all the time, and none of the covers stays.
    #[test]
    fn what_moves_is_covered() {
        for (from, to) in [("abc", "bca"), ("abcd", "abxcd"), ("ab", "ba"), ("Nab", "Nba"), ("abN", "aNb")] {
            let (mut now, wanted) = (exit_rules(from), exit_rules(to));
            let both: Vec<_> = now.iter().filter(|rule| wanted.contains(rule)).cloned().collect();
            for step in steps(&now, &wanted) {
                step.apply(&mut now);
                for rule in &both {
                    let covered = cover(rule, true).is_some_and(|cover| now.contains(&cover));
                    assert!(covered || now.contains(rule), "{from} to {to}");
                }
            }
            assert_eq!(now, wanted, "{from} to {to}");
        }
        let moves = |rules: &str| {
            let (from, mut to) = (exit_rules(rules), exit_rules(rules));
            to.rotate_left(rules.len() / 2);
            steps(&from, &to).len()
        };
        assert_eq!(moves("abcd"), 2 + 2 + 2 + 2);
        let many: String = (0..=127u8).map(char::from).collect();
        assert_eq!(moves(&many), 2 * COVERS + 2 * COVERS, "as many as can be");
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
