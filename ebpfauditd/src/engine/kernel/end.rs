//! The end of the engine: the kernel is as it was found.

use compat::audit::{Audit, StatusField};

use super::change::refused;
use super::{Engine, errno_of, field, order};
use crate::ruleset::Setting;

impl<A: Audit> Engine<A> {
    /// The first half of the end: our rules are removed, and auditing is off again if it was off. What the kernel still
    /// has to say can be received after this; then [`restore`](Self::restore).
    ///
    /// Rules that others have put there stay where they are: whoever deletes one just now must find it.
    pub fn quiet(&mut self) {
        if self.locked {
            return;
        }
        let mut rules = std::mem::take(&mut self.loaded);
        rules.retain(|rule| !self.adopted.contains(rule));
        if std::mem::take(&mut self.never) {
            rules.push(self.task_never.clone());
        }
        for rule in rules {
            if let Err(errno) = self.delete(&rule) {
                log::error!("{}", refused("delete rule", &rule, errno));
            }
        }
        if self.before.enabled == 0
            && let Err(error) = self.kernel.set(StatusField::Enabled, 0)
        {
            log::error!("cannot disable auditing: {error}");
        }
    }

    /// The second half: settings and rules are as they were found, and we are not the daemon any more.
    pub fn restore(&mut self) {
        if std::mem::replace(&mut self.restored, true) {
            return;
        }
        if !self.locked {
            self.quiet();
            let before = self.before.clone();
            let settings = [
                (Setting::Failure, before.failure),
                (Setting::RateLimit, before.rate_limit),
                (Setting::BacklogLimit, before.backlog_limit),
                (Setting::BacklogWaitTime, before.backlog_wait_time),
                (Setting::Enabled, before.enabled),
            ];
            for (setting, value) in settings {
                if let Err(error) = self.kernel.set(field(setting), value) {
                    log::error!("cannot set {} back to {value}: {error}", setting.name());
                }
            }
            self.put_back(&before.rules);
        }
        if let Err(error) = self.kernel.set(StatusField::Pid, 0) {
            log::error!("cannot unregister as the audit daemon: {error}");
        }
        if std::mem::take(&mut self.hidden) {
            let rule = self.hide_us.clone();
            if let Err(errno) = self.delete(&rule) {
                log::error!("{}", refused("delete rule", &rule, errno));
            }
        }
        if let Some(file) = &self.file {
            file.remove();
        }
    }

    /// Adds the rules that were there, but for those that still are. From the last to the first, each in front of the
    /// others: only so the kernel takes a rule as often as it had it.
    fn put_back(&mut self, rules: &[Vec<u8>]) {
        let mut present = self.kernel.list_rules().unwrap_or_default();
        if self.hidden
            && let Some(at) = present.iter().position(|rule| *rule == self.hide_us)
        {
            present.swap_remove(at);
        }
        for rule in rules.iter().rev() {
            if let Some(at) = present.iter().position(|other| other == rule) {
                present.swap_remove(at);
            } else if let Err(error) = self.kernel.add_rule(&order::prepended(rule)) {
                log::error!("cannot put a rule back: {}", refused("add rule", rule, errno_of(&error)));
            }
        }
    }
}

impl<A: Audit> Drop for Engine<A> {
    fn drop(&mut self) {
        self.restore();
    }
}
