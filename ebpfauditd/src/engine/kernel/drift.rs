//! Where the kernel's rules are not those that we want: it has dropped some, others have put some there, or it is locked.

use std::collections::HashSet;
use std::io;

use audit_rules::{List, Rule};
use compat::audit::Audit;
use nix::errno::Errno;

use super::change::refused;
use super::{ApplyError, Engine, errno_of, order};

/// How the kernel's rules have changed without us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// Rules of ours that are not there any more, as they were loaded: the kernel drops those whose directory is removed,
    /// and other programs can delete them.
    pub dropped: Vec<Vec<u8>>,
    /// Rules that others have put there, in order, and whether each is in front of ours.
    pub added: Vec<(Rule, bool)>,
}

impl<A: Audit> Engine<A> {
    /// In a kernel that is locked its rules stay as they are. That is no reason not to start, but a later change that
    /// would have no effect is refused.
    pub(super) fn bear_lock(&mut self, wanted: Vec<Vec<u8>>, is_first: bool) -> Result<(), ApplyError> {
        let missing = wanted.iter().filter(|rule| !self.loaded.contains(rule)).map(|rule| ("add rule", rule));
        let surplus =
            self.loaded.iter().filter(|rule| !wanted.contains(rule)).map(|rule| ("delete rule", rule));
        for (act, rule) in missing.chain(surplus) {
            let error = refused(act, rule, Errno::EPERM);
            if !is_first {
                return Err(error);
            }
            log::warn!("the kernel's audit is immutable, its rules stay as they are: {error}");
        }
        self.loaded = wanted;
        Ok(())
    }

    /// Notices what the kernel and other programs have done to the kernel's rules.
    pub fn drift(&mut self) -> io::Result<Drift> {
        if self.locked {
            return Ok(Drift::default());
        }
        let listed = self.kernel.list_rules()?;
        let present: HashSet<&Vec<u8>> = listed.iter().collect();
        self.never &= present.contains(&self.task_never);
        let exposed = self.hidden && !present.contains(&self.hide_us);
        let mut dropped = Vec::new();
        for rule in std::mem::take(&mut self.loaded) {
            let is_there = present.contains(&rule)
                || if self.adopted.contains(&rule) {
                    // Not tried: nobody is to find one there that he has just deleted. It came from such a list.
                    listed.iter().any(|other| in_our_bytes(other).as_ref() == Some(&rule))
                } else {
                    self.has(&rule)
                };
            if is_there {
                self.loaded.push(rule);
            } else {
                dropped.push(rule);
            }
        }
        if exposed {
            self.kernel.add_rule(&order::prepended(&self.hide_us))?;
        }
        self.adopted.retain(|rule| !dropped.contains(rule));
        let added = self.find_added(&listed);
        Ok(Drift { dropped, added })
    }

    /// The rules listed that are not ours. From now on they count as loaded, so the next change takes them out or keeps them.
    fn find_added(&mut self, listed: &[Vec<u8>]) -> Vec<(Rule, bool)> {
        let ours: HashSet<Vec<u8>> = self.loaded.iter().cloned().collect();
        let mut lists_begun: HashSet<List> = HashSet::new();
        let (mut in_front, mut behind) = (Vec::new(), Vec::new());
        for bytes in listed {
            let is_own = (self.never && *bytes == self.task_never) || *bytes == self.hide_us;
            let Ok(rule) = Rule::decode(bytes) else { continue };
            let encoded = rule.encode();
            if is_own || ours.contains(bytes) || ours.contains(&encoded) {
                // The two that are none of the set's own say nothing about the order.
                if !is_own {
                    lists_begun.insert(rule.list());
                }
            } else if !lists_begun.contains(&rule.list())
                && self
                    .loaded
                    .iter()
                    .any(|loaded| Rule::decode(loaded).is_ok_and(|it| it.list() == rule.list()))
            {
                in_front.push((rule, encoded));
            } else {
                behind.push((rule, encoded));
            }
        }
        let front: Vec<Vec<u8>> = in_front.iter().map(|(_, bytes)| bytes.clone()).collect();
        self.loaded.splice(0..0, front);
        self.loaded.extend(behind.iter().map(|(_, bytes)| bytes.clone()));
        // Put in front of the set one after the other, the last becomes the first.
        let in_front = in_front.into_iter().rev().map(|(rule, _)| (rule, true));
        in_front.chain(behind.into_iter().map(|(rule, _)| (rule, false))).collect()
    }

    /// Rules that others have put into the kernel are part of the set now: they stay there as long as they are, and after us.
    pub fn adopt(&mut self, rules: impl IntoIterator<Item = Vec<u8>>) {
        for rule in rules {
            if !self.adopted.contains(&rule) {
                self.adopted.push(rule);
            }
        }
    }

    /// Whether another program is about to add a rule that our own programs serve: from the next change on it will stand behind what lets
    /// it match nothing.
    pub fn expect(&mut self, expecting: bool) {
        self.expecting = expecting;
    }

    /// Whether a rule that is not listed in our bytes is in the kernel all the same, which knows equal rules by more than
    /// their bytes: it does not take them twice.
    fn has(&mut self, rule: &[u8]) -> bool {
        match self.kernel.add_rule(rule) {
            Ok(()) => {
                if let Err(errno) = self.delete(rule) {
                    log::error!("{}", refused("delete rule", rule, errno));
                }
                false
            }
            Err(error) => errno_of(&error) == Errno::EEXIST,
        }
    }
}

/// A rule that the kernel lists, as we write it.
fn in_our_bytes(listed: &[u8]) -> Option<Vec<u8>> {
    Rule::decode(listed).ok().map(|rule| rule.encode())
}
