//! What signals ask of the daemon: to read its files again, above all.

use compat::host::SystemHost;

use super::Service;
use crate::own_record;
use crate::recorder::Command;
use crate::requester::Requester;
use crate::rules_file::{self, Rules, RulesError};
use crate::ruleset::RuleSet;
use crate::settings::Settings;
use crate::signal::{Request, Subject};
use crate::sink::Sink;
use crate::watchable;

impl Service {
    /// Does what a signal asks; false ends the daemon.
    pub fn signal(&mut self, request: Request, sender: Subject) -> bool {
        let sent = match request {
            Request::Stop => return false,
            Request::Reload => {
                self.reload(sender);
                Ok(())
            }
            Request::Rotate => {
                self.recorder.send(Command::Rotate(own_record::daemon_rotate(&Requester::sender(sender))))
            }
            Request::Resume => {
                self.recorder.send(Command::Resume(own_record::daemon_resume(&Requester::sender(sender))))
            }
            Request::Report => {
                let counters = self.counters();
                log::info!("state: {}", counters.trim_end().replace('\n', ", "));
                Ok(())
            }
        };
        if let Err(error) = sent {
            log::error!("{error}");
        }
        true
    }

    /// Reads configuration and rules again: both are put in force, or neither.
    fn reload(&mut self, sender: Subject) {
        let requester = Requester::sender(sender);
        let done = self.try_reload(sender);
        if let Err(messages) = &done {
            for line in messages.lines() {
                log::error!("{line}");
            }
            log::error!("configuration and rules stay as they were");
        }
        self.write(own_record::daemon_config(&requester, done.is_ok()));
    }

    fn try_reload(&mut self, sender: Subject) -> Result<(), String> {
        let options = &self.options;
        let (settings, notes) =
            Settings::load(&options.config_dir, options.allow_links).map_err(|error| error.to_string())?;
        for note in notes {
            log::warn!("{note}");
        }
        let old = self.enforcement.set();
        let replaced = match Rules::read(&options.config_dir.join(rules_file::NAME), &SystemHost) {
            _ if self.is_locked() => {
                log::warn!("The audit system is in immutable mode, no rule changes allowed");
                None
            }
            Err(RulesError::Missing(path)) => {
                log::warn!("audit rules file {path} doesn't exist, the rules stay as they are");
                None
            }
            Err(error) => return Err(error.to_string()),
            Ok(rules) => {
                let mut set = RuleSet::new(old.settings());
                let mut ignored = Vec::new();
                rules.apply(&mut set, &mut ignored, watchable::check).map_err(|error| error.to_string())?;
                for line in rules.ignored().chain(&ignored) {
                    log::warn!("{line}");
                }
                let changes = old.difference(&set);
                Some((set, changes))
            }
        };
        // Last of what can fail: a reload that is refused leaves the logs alone.
        let sink = Sink::find(&settings, options.foreground).map_err(|error| error.to_string())?;
        if let Some((set, changes)) = replaced {
            let was_enabled = self.is_enabled();
            self.enforcement.replace(set).map_err(|error| error.to_string())?;
            self.tell(changes, &Requester::new(sender), was_enabled);
        }
        let formatter = Box::new(settings.formatter());
        self.settings = settings;
        let configured = self.recorder.send(Command::Configure(formatter, Box::new(sink)));
        configured.map_err(|error| error.to_string())
    }
}
