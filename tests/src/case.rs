//! The table of cases: one action, the rules that name it, and how many events it makes.

use anyhow::Result;

use crate::action;
use crate::stage::{PERSONALITY, Stage};

/// Login uid of the first case; each case has its own, so that each rule matches one case only.
const FIRST_AUID: u32 = 41_000;

/// Login uid of the first case that is not part of the table.
const FIRST_APART: u32 = 42_000;

/// Which of our engines the plan must give a case's rules to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The programs on the kernel's tracepoints.
    Tracepoint,
    /// The kernel's own audit, because the records hold what only it knows.
    KernelAudit,
}

/// One action, written once, that is recorded under each engine.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its name, which is also the key of its rules.
    pub name: &'static str,
    /// The parts of its rules that are its own. A text that starts with `-a` stands for a whole rule but for login uid and
    /// key; any other is put into `-a always,exit -F arch=b64 ... -F auid=N -F pers=P -k NAME`.
    pub rules: &'static [&'static str],
    /// How many events the kernel's own audit records for it.
    pub events: usize,
    /// What is done.
    pub act: fn(&mut Stage) -> Result<()>,
    /// Who records it on our side.
    pub engine: Engine,
    /// Whether its rules ask for [`PERSONALITY`], by which [`Stage::end`] ends the recording.
    pub personal: bool,
    /// Fields, by type of record and name, in which any two runs must differ, beyond what [`crate::normal`] knows.
    pub ignored: &'static [(&'static str, &'static str)],
}

impl Case {
    /// One line of a table.
    pub const fn new(
        name: &'static str,
        rules: &'static [&'static str],
        events: usize,
        act: fn(&mut Stage) -> Result<()>,
    ) -> Self {
        Self { name, rules, events, act, engine: Engine::Tracepoint, personal: true, ignored: &[] }
    }

    /// The case with rules that only the kernel's audit can serve.
    #[must_use]
    pub const fn by_kernel_audit(self) -> Self {
        Self { engine: Engine::KernelAudit, ..self }
    }

    /// The case with these fields left out of the comparison.
    #[must_use]
    pub const fn ignoring(self, ignored: &'static [(&'static str, &'static str)]) -> Self {
        Self { ignored, ..self }
    }

    /// The case with rules for any personality, because the action changes it; it must not call [`Stage::end`].
    #[must_use]
    pub const fn any_personality(self) -> Self {
        Self { personal: false, ..self }
    }

    /// Its rules as lines of `audit.rules`, for the login uid `auid`.
    pub fn rule_lines(&self, auid: u32) -> impl Iterator<Item = String> {
        self.rules.iter().map(move |rule| {
            let rule = if rule.starts_with("-a") {
                (*rule).to_owned()
            } else {
                format!("-a always,exit -F arch=b64 {rule}")
            };
            // The exclude list takes neither personality nor key.
            if rule.starts_with("-a always,exclude") {
                return format!("{rule} -F auid={auid}");
            }
            let personality =
                if self.personal { format!(" -F pers={PERSONALITY:#x}") } else { String::new() };
            format!("{rule} -F auid={auid}{personality} -k {}", self.name)
        })
    }
}

/// Every case with its login uid.
pub fn all() -> impl Iterator<Item = (u32, &'static Case)> {
    let families = [
        action::exec::CASES,
        action::network::CASES,
        action::message::CASES,
        action::signal::CASES,
        action::trace::CASES,
        action::identity::CASES,
        action::process::CASES,
        action::system::CASES,
        action::memory::CASES,
        action::file::CASES,
        action::filter::CASES,
        action::surroundings::CASES,
        action::watch::CASES,
    ];
    (FIRST_AUID..).zip(families.into_iter().flatten())
}

/// The case of this name: one of the table, or one that a test of its own looks at.
pub fn find(name: &str) -> Option<(u32, &'static Case)> {
    let apart = (FIRST_APART..).zip(action::namespace::CASES);
    all().chain(apart).find(|(_, case)| case.name == name)
}
