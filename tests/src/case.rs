//! The table of cases: one action, the rules that name it, and how many events it makes.

use std::path::Path;

use anyhow::Result;

use crate::action;
use crate::stage::{PERSONALITY, Stage};

/// Login uid of the first case; each case has its own, so that each rule matches one case only.
const FIRST_AUID: u32 = 41_000;

/// Login uid of the first case that is not part of the table.
const FIRST_APART: u32 = 42_000;

/// Which of our engines the plan must give a case's rules to, on a kernel without BPF trampolines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The programs on the kernel's tracepoints.
    Tracepoint,
    /// The kernel's own audit, because the records hold what only it knows.
    KernelAudit,
}

impl Engine {
    /// What a plan must say of a rule; `trampolines`: the kernel has them.
    const fn words(self, trampolines: bool) -> &'static [&'static str] {
        match (self, trampolines) {
            (Self::Tracepoint, false) => &["tracepoint"],
            (Self::Tracepoint, true) => &["tracepoint", "trampoline"],
            (Self::KernelAudit, false) => &["kernel audit"],
            (Self::KernelAudit, true) => &["trampoline"],
        }
    }
}

/// Why a case cannot be played on this kernel; `None` when it can. Found by trying.
pub type Obstacle = fn() -> Option<String>;

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
    /// Whether it plays in a directory of its own, which is empty but for what [`Case::setting`] puts there.
    pub own: bool,
    /// What has to be in that directory before the rules are loaded, because they name it.
    pub setting: Option<fn(&Path) -> Result<()>>,
    /// What may keep it from being played.
    pub obstacle: Option<Obstacle>,
}

impl Case {
    /// One line of a table.
    pub const fn new(
        name: &'static str,
        rules: &'static [&'static str],
        events: usize,
        act: fn(&mut Stage) -> Result<()>,
    ) -> Self {
        Self {
            name,
            rules,
            events,
            act,
            engine: Engine::Tracepoint,
            personal: true,
            ignored: &[],
            own: false,
            setting: None,
            obstacle: None,
        }
    }

    /// The case of an operation on files: in a directory of its own, with rules that want names.
    ///
    /// In such a case inodes and devices are compared by the names that the files have when the recording begins.
    pub const fn file(
        name: &'static str,
        rules: &'static [&'static str],
        events: usize,
        act: fn(&mut Stage) -> Result<()>,
    ) -> Self {
        Self { own: true, ..Self::new(name, rules, events, act).by_kernel_audit() }
    }

    /// The case with rules that only the kernel's audit can serve.
    #[must_use]
    pub const fn by_kernel_audit(self) -> Self {
        Self { engine: Engine::KernelAudit, ..self }
    }

    /// The case, served by tracepoints where there are no trampolines, though it has a directory of its own.
    #[must_use]
    pub const fn by_tracepoints(self) -> Self {
        Self { engine: Engine::Tracepoint, ..self }
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

    /// The case with this in its directory before the rules are loaded.
    #[must_use]
    pub const fn with(self, setting: fn(&Path) -> Result<()>) -> Self {
        Self { setting: Some(setting), ..self }
    }

    /// The case, unless the obstacle is there.
    #[must_use]
    pub const fn unless(self, obstacle: Obstacle) -> Self {
        Self { obstacle: Some(obstacle), ..self }
    }

    /// Whether its rules name every syscall. Such cases are recorded apart: they have all syscalls judged at their exit, and not by
    /// stubs.
    pub fn names_every_syscall(&self) -> bool {
        self.rules.iter().any(|rule| rule.contains("-S all"))
    }

    /// The engines that a plan may give its rules to.
    pub fn engines(&self, trampolines: bool) -> &'static [&'static str] {
        self.engine.words(trampolines)
    }

    /// Its rules as lines of `audit.rules`, for the login uid `auid`.
    ///
    /// What stands for its place (`$work`, `$inode:NAME`, ...) is filled in by [`crate::fixture::Fixture::rules`].
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
            // The list of file systems takes nothing but those.
            if rule.starts_with("-a never,filesystem") {
                return rule;
            }
            let personality =
                if self.personal { format!(" -F pers={PERSONALITY:#x}") } else { String::new() };
            format!("{rule} -F auid={auid}{personality} -k {}", self.name)
        })
    }
}

/// Cases that belong together.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Its name, which is also the file's.
    pub name: &'static str,
    /// Its cases.
    pub cases: &'static [Case],
}

/// The table's families.
pub const FAMILIES: &[Family] = &[
    Family { name: "exec", cases: action::exec::CASES },
    Family { name: "network", cases: action::network::CASES },
    Family { name: "message", cases: action::message::CASES },
    Family { name: "signal", cases: action::signal::CASES },
    Family { name: "trace", cases: action::trace::CASES },
    Family { name: "identity", cases: action::identity::CASES },
    Family { name: "process", cases: action::process::CASES },
    Family { name: "system", cases: action::system::CASES },
    Family { name: "memory", cases: action::memory::CASES },
    Family { name: "file", cases: action::file::CASES },
    Family { name: "filter", cases: action::filter::CASES },
    Family { name: "surroundings", cases: action::surroundings::CASES },
    Family { name: "watch", cases: action::watch::CASES },
    Family { name: "lost", cases: action::lost::CASES },
    Family { name: "open", cases: action::open::CASES },
    Family { name: "create", cases: action::create::CASES },
    Family { name: "resolve", cases: action::resolve::CASES },
    Family { name: "unlink", cases: action::unlink::CASES },
    Family { name: "rename", cases: action::rename::CASES },
    Family { name: "link", cases: action::link::CASES },
    Family { name: "symlink", cases: action::symlink::CASES },
    Family { name: "directory", cases: action::directory::CASES },
    Family { name: "mode", cases: action::mode::CASES },
    Family { name: "owner", cases: action::owner::CASES },
    Family { name: "time", cases: action::time::CASES },
    Family { name: "truncate", cases: action::truncate::CASES },
    Family { name: "xattr", cases: action::xattr::CASES },
    Family { name: "stat", cases: action::stat::CASES },
    Family { name: "chdir", cases: action::chdir::CASES },
    Family { name: "mount", cases: action::mount::CASES },
    Family { name: "special", cases: action::special::CASES },
    Family { name: "queue", cases: action::queue::CASES },
    Family { name: "ipc", cases: action::ipc::CASES },
    Family { name: "socket_file", cases: action::socket_file::CASES },
    Family { name: "ring", cases: action::ring::CASES },
    Family { name: "every", cases: action::every::CASES },
    Family { name: "i386", cases: action::i386::CASES },
    Family { name: "program", cases: action::program::CASES },
    Family { name: "path_rule", cases: action::path_rule::CASES },
    Family { name: "perm_rule", cases: action::perm_rule::CASES },
    Family { name: "tree_rule", cases: action::tree_rule::CASES },
    Family { name: "field_rule", cases: action::field_rule::CASES },
    Family { name: "context_rule", cases: action::context_rule::CASES },
    Family { name: "role_rule", cases: action::role_rule::CASES },
];

/// Every case with its login uid.
pub fn all() -> impl Iterator<Item = (u32, &'static Case)> {
    (FIRST_AUID..).zip(FAMILIES.iter().flat_map(|family| family.cases))
}

/// The family of the table to which the case of this name belongs; empty for another.
pub fn family(name: &str) -> &'static str {
    let holds = |family: &&Family| family.cases.iter().any(|case| case.name == name);
    FAMILIES.iter().find(holds).map_or("", |family| family.name)
}

/// The case of this name: one of the table, or one that a test of its own looks at.
pub fn find(name: &str) -> Option<(u32, &'static Case)> {
    let apart = (FIRST_APART..).zip(action::namespace::CASES);
    all().chain(apart).find(|(_, case)| case.name == name)
}
