//! What can be shown before anything is changed: what the kernel offers, and how rules are planned for it.

use audit_rules::Rule;
use compat::host::SystemHost;

use crate::daemon;
use crate::engine::{ebpf, kernel};
use crate::exit;
use crate::listing;
use crate::options::Options;
use crate::plan::{Offer, plan};
use crate::rules_file::{self, Rules};
use crate::ruleset::RuleSet;
use crate::watchable;

/// What the kernel offers, as text for `--probe`.
pub fn probe(options: &Options) -> String {
    listing::offer(&look(options))
}

/// The plan for a rules file, as text for `--plan`, and the exit code. Changes nothing.
pub fn show_plan(options: &Options) -> Result<String, (String, u8)> {
    let path = options.config_dir.join(rules_file::NAME);
    let rules = Rules::read(&path, &SystemHost).map_err(|error| (error.to_string(), exit::CONFIG))?;
    let mut set = RuleSet::new(daemon::VALUES);
    let mut ignored = Vec::new();
    rules
        .apply(&mut set, &mut ignored, watchable::check)
        .map_err(|error| (error.to_string(), exit::CONFIG))?;
    for line in rules.ignored().chain(&ignored) {
        log::warn!("{line}");
    }
    let mut offer = look(options);
    offer.learn(set.rules());
    let listed: Vec<&Rule> = set.rules().iter().collect();
    Ok(listing::plan(&listed, &plan(set.rules(), &offer)))
}

/// Probes without changing anything.
fn look(options: &Options) -> Offer {
    let mut offer = ebpf::Engine::probe(&daemon::engine_options(options));
    offer.kernel_audit = kernel::probe().map_err(|error| error.to_string());
    offer
}
