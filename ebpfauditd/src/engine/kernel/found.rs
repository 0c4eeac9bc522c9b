//! Whose the rules are that are in the kernel at the start: those that were there before us are put back after us, those
//! that a daemon of ours left there when it was killed are not.

use std::collections::HashSet;

use audit_rules::{Action, Field, List, Op, Rule};

use super::before::{Before, Remembered};

/// The state before any daemon of ours: what a killed one has written down, and what others have loaded since.
pub(super) fn after_killed(remembered: Remembered, present: &[Vec<u8>]) -> Before {
    let Remembered { mut before, ours } = remembered;
    let ours: HashSet<Vec<u8>> = ours.into_iter().collect();
    for rule in present {
        if !ours.contains(rule) && !before.rules.contains(rule) {
            before.rules.push(rule.clone());
        }
    }
    before
}

/// The rules present without the two that a killed daemon leaves there beside those of its rules file: nobody else has both
/// a rule about a process that is dead and one that takes audit contexts, and with them every event of the kernel's engine,
/// from all tasks. `None` if they are not both there.
pub(super) fn without_leftovers(present: &[Vec<u8>], is_alive: impl Fn(u32) -> bool) -> Option<Vec<Vec<u8>>> {
    let hides_the_dead = |bytes: &Vec<u8>| {
        Rule::decode(bytes).is_ok_and(|rule| hidden(&rule).is_some_and(|pid| !is_alive(pid)))
    };
    let takes_contexts = |bytes: &Vec<u8>| {
        Rule::decode(bytes).is_ok_and(|rule| {
            rule.list() == List::Task && rule.action() == Action::Never && rule.conditions().is_empty()
        })
    };
    if !present.iter().any(hides_the_dead) || !present.iter().any(takes_contexts) {
        return None;
    }
    let others = |bytes: &&Vec<u8>| !hides_the_dead(bytes) && !takes_contexts(bytes);
    Some(present.iter().filter(others).cloned().collect())
}

/// The process of an `-a always,exclude -F pid=N` without further conditions.
fn hidden(rule: &Rule) -> Option<u32> {
    let [condition] = rule.conditions() else { return None };
    let is_hiding = rule.list() == List::Exclude
        && rule.action() == Action::Always
        && condition.field() == Field::Pid
        && condition.op() == Op::Eq;
    is_hiding.then(|| condition.number()).flatten()
}
