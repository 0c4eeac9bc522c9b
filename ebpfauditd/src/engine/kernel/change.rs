//! The kernel's rules are made those that are wanted.

use std::collections::HashSet;
use std::io;

use audit_rules::{List, Rule};
use compat::audit::Audit;
use nix::errno::Errno;

use super::order::{self, Step};
use super::{ApplyError, Engine};

impl<A: Audit> Engine<A> {
    /// Makes these the rules in the kernel, in this order: all of them, or, on an error, those that were there.
    ///
    /// Rules on the task, exit and `io_uring` lists need tasks with an audit context; without any such rule
    /// `-a task,never` is loaded instead.
    pub fn apply<'a>(&mut self, rules: impl IntoIterator<Item = &'a Rule>) -> Result<(), ApplyError> {
        let mut wanted: Vec<Vec<u8>> = Vec::new();
        let mut seen = HashSet::new();
        let mut contexts = false;
        for rule in rules {
            contexts |= matches!(rule.list(), List::Task | List::Exit | List::IoUring);
            let bytes = rule.encode();
            // A rule that was put in front twice is there once: the later one can never match first.
            if seen.insert(bytes.clone()) {
                wanted.push(bytes);
            }
        }
        // Behind the last of ours, and where our own programs serve them without effect.
        let shown = self.adopted.iter().filter(|rule| self.kept.contains(*rule) && !seen.contains(*rule));
        let shown: Vec<Vec<u8>> = shown.cloned().collect();
        if (self.expecting || !shown.is_empty()) && !seen.contains(&self.never_exit) {
            wanted.push(self.never_exit.clone());
        }
        wanted.extend(shown);
        let is_first = !std::mem::replace(&mut self.began, true);
        if self.locked {
            return self.bear_lock(wanted, is_first);
        }
        self.note(&order::added(&order::steps(&self.loaded, &wanted)));
        let (loaded, never) = (self.loaded.clone(), self.never);
        let changed = self.change(&wanted, !contexts);
        if changed.is_err()
            && let Err(error) = self.change(&loaded, never)
        {
            log::error!("the rules that were in the kernel cannot be put back: {error}");
        }
        changed
    }

    fn change(&mut self, wanted: &[Vec<u8>], never: bool) -> Result<(), ApplyError> {
        if self.never && !never {
            let rule = self.task_never.clone();
            self.delete(&rule).map_err(|errno| refused("delete rule", &rule, errno))?;
            self.never = false;
        }
        for step in order::steps(&self.loaded, wanted) {
            match &step {
                Step::Delete(rule) => {
                    self.delete(rule).map_err(|errno| refused("delete rule", rule, errno))?;
                }
                Step::Append(rule) => {
                    self.append(rule).map_err(|errno| refused("add rule", rule, errno))?;
                }
                Step::Prepend(rule) => {
                    let bytes = order::prepended(rule);
                    self.kernel
                        .add_rule(&bytes)
                        .map_err(|error| refused("add rule", rule, errno_of(&error)))?;
                }
            }
            step.apply(&mut self.loaded);
        }
        if never && !self.never {
            let bytes = order::prepended(&self.task_never);
            self.kernel
                .add_rule(&bytes)
                .map_err(|error| refused("add rule", &self.task_never, errno_of(&error)))?;
            self.never = true;
        }
        Ok(())
    }

    /// Adds a rule as the last; one that another program has put into the kernel becomes ours and goes to its place.
    fn append(&mut self, rule: &[u8]) -> Result<(), Errno> {
        match self.kernel.add_rule(rule).map_err(|error| errno_of(&error)) {
            Err(Errno::EEXIST) => {
                self.delete(rule)?;
                self.kernel.add_rule(rule).map_err(|error| errno_of(&error))
            }
            done => done,
        }
    }

    /// Deletes a rule; one that the kernel has dropped by itself (its directory is gone) is deleted already.
    pub(super) fn delete(&mut self, rule: &[u8]) -> Result<(), Errno> {
        match self.kernel.delete_rule(rule) {
            Ok(()) => Ok(()),
            Err(error) => match errno_of(&error) {
                Errno::ENOENT => Ok(()),
                errno => Err(errno),
            },
        }
    }
}

pub(super) fn errno_of(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

pub(super) fn refused(act: &'static str, rule: &[u8], errno: Errno) -> ApplyError {
    let rule = Rule::decode(rule).map_or_else(|_| "unreadable rule".to_owned(), |rule| rule.to_string());
    ApplyError { act, rule, errno }
}
