//! The sets of syscalls on which rules can match. Rules by the thousand name few different ones, so each is worked out once, and what
//! depends on nothing else is too.

use std::collections::HashMap;
use std::ops::Range;

use audit_rules::{List, Perms, Rule, SyscallSet};

use super::{is_for, nodes, perms, wants_names};
use crate::family::ARCHES;

/// All that of a rule says on which syscalls it can match.
#[derive(PartialEq, Eq, Hash)]
struct Asked {
    list: List,
    arches: [bool; ARCHES.len()],
    syscalls: SyscallSet,
    perms: Option<Perms>,
    wants_names: bool,
    /// It can never match: on none.
    never: bool,
}

impl Asked {
    fn of(rule: &Rule, never: bool) -> Self {
        Self {
            list: rule.list(),
            arches: std::array::from_fn(|arch| is_for(rule, arch)),
            syscalls: *rule.syscalls(),
            perms: perms(rule),
            wants_names: wants_names(rule),
            never,
        }
    }
}

/// For each of some rules its scope, a set of syscalls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    of_rules: Vec<usize>,
    nodes: Vec<Vec<usize>>,
}

impl Scopes {
    /// The scopes of these rules. What can never match (`never` says why, by rule) has an empty one: it is in nobody's way, and needs
    /// nothing.
    pub(super) fn of(rules: &[Rule], never: &[Option<String>]) -> Self {
        let mut known = HashMap::new();
        let mut scopes = Self { of_rules: Vec::with_capacity(rules.len()), nodes: Vec::new() };
        for (rule, never) in rules.iter().zip(never) {
            let scope = *known.entry(Asked::of(rule, never.is_some())).or_insert_with(|| {
                scopes.nodes.push(if never.is_some() { Vec::new() } else { nodes(rule) });
                scopes.nodes.len() - 1
            });
            scopes.of_rules.push(scope);
        }
        scopes
    }

    /// The numbers of all scopes.
    pub fn all(&self) -> Range<usize> {
        0..self.nodes.len()
    }

    /// The number of a rule's scope, by the rule's index.
    pub fn of_rule(&self, rule: usize) -> usize {
        self.of_rules[rule]
    }

    /// The syscalls of a scope, as [`node`](crate::family::node)s.
    pub fn nodes(&self, scope: usize) -> &[usize] {
        &self.nodes[scope]
    }

    /// Those of a rule, by its index.
    pub fn nodes_of_rule(&self, rule: usize) -> &[usize] {
        self.nodes(self.of_rule(rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::rules;

    #[test]
    fn rules_that_name_the_same_share_a_scope() {
        let rules = rules(&[
            "-a always,exit -F arch=b64 -S mkdir -F uid=1",
            "-a never,exit -F arch=b64 -S mkdir -F uid=2 -k x",
            "-a always,exit -F arch=b32 -S mkdir",
            "-w /etc/passwd -p w",
            "-w /etc/shadow -p w",
            "-w /etc/shadow -p r",
            "-a never,task",
            "-a always,exit -F arch=b64 -S mkdir -F subj_type=x",
        ]);
        let mut never = vec![None; rules.len()];
        never[7] = Some("nobody knows it".to_owned());
        let scopes = Scopes::of(&rules, &never);
        assert_eq!(scopes.of_rules, [0, 0, 1, 2, 2, 3, 4, 5]);
        assert_eq!(scopes.all(), 0..6);
        for (index, rule) in rules[..7].iter().enumerate() {
            assert_eq!(scopes.nodes_of_rule(index), nodes(rule), "{rule}");
        }
        assert!(scopes.nodes_of_rule(7).is_empty());
    }
}
