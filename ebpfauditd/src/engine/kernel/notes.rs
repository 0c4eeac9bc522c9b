//! Our rules, written down so that a daemon after us knows them from those of others.

use std::collections::HashSet;

use compat::audit::Audit;

use super::Engine;

/// So many rules, and twice those in force, may be written down before the file is written anew: some 200 KiB.
pub(super) const NOTED_BEFORE_REWRITE: usize = 100;

impl<A: Audit> Engine<A> {
    /// Writes down rules before they are loaded, so that a daemon after us knows them from those of others.
    pub(super) fn note(&mut self, added: &[Vec<u8>]) {
        let Some(file) = &self.file else { return };
        let loaded: HashSet<&Vec<u8>> = self.loaded.iter().collect();
        let new: Vec<&[u8]> = added.iter().filter(|rule| !loaded.contains(rule)).map(Vec::as_slice).collect();
        if new.is_empty() {
            return;
        }
        // Rules that come and go must not make the file grow for ever.
        if self.noted + new.len() > 2 * (self.loaded.len() + added.len()) + NOTED_BEFORE_REWRITE {
            let own = [self.hide_us.clone(), self.task_never.clone()];
            let ours: Vec<Vec<u8>> = own
                .into_iter()
                .chain(self.loaded.iter().chain(added).cloned())
                .filter(|rule| !self.adopted.contains(rule))
                .collect();
            self.write_down(&ours);
        } else if let Err(error) = file.append(new.iter().copied()) {
            log::warn!("cannot write down the rules that are loaded into the kernel: {error}");
        } else {
            self.noted += new.len();
        }
    }

    /// Writes what was found, and our rules.
    pub(super) fn write_down(&mut self, ours: &[Vec<u8>]) {
        let Some(file) = &self.file else { return };
        if let Err(error) = file.write(&self.before, ours.iter().map(Vec::as_slice)) {
            log::warn!(
                "cannot write down the kernel's audit state, it will be lost if this daemon is killed: {error}"
            );
        }
        self.noted = ours.len();
    }
}
