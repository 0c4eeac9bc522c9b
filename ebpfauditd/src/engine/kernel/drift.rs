//! Where the kernel's rules are not those that we want: it has dropped some, or it is locked.

use std::collections::HashSet;
use std::io;

use compat::audit::Audit;
use nix::errno::Errno;

use super::{ApplyError, Engine, errno_of, order, refused};

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

    /// Notices rules of ours that are not in the kernel any more: it drops those whose directory is removed, and other
    /// programs can delete them. Gives them as they were loaded.
    pub fn dropped(&mut self) -> io::Result<Vec<Vec<u8>>> {
        if self.locked {
            return Ok(Vec::new());
        }
        let present: HashSet<Vec<u8>> = self.kernel.list_rules()?.into_iter().collect();
        self.never &= present.contains(&self.task_never);
        if self.hidden && !present.contains(&self.hide_us) {
            self.kernel.add_rule(&order::prepended(&self.hide_us))?;
        }
        let mut dropped = Vec::new();
        for rule in std::mem::take(&mut self.loaded) {
            if present.contains(&rule) || self.has(&rule) {
                self.loaded.push(rule);
            } else {
                dropped.push(rule);
            }
        }
        Ok(dropped)
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
