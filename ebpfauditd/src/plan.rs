//! The planner: for each rule its engine, the hooks it needs and why, or a refusal with its reason.
//!
//! The first rule that matches decides, across the whole exit list. Rules that name a syscall in common therefore
//! share an engine: the exit list is planned by groups of rules that are connected through their syscalls.

use std::collections::BTreeSet;
use std::fmt;

use audit_rules::{Action, Arch, Comparison, Field, List, Op, Perms, Rule, table};
use kern::abi::Family;
use kern::hooks::Hook;

use crate::family::{ARCHES, Service, Services, node};

/// What the kernel offers, found by trying.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The hooks of the tracepoint engine that load here, or why none does.
    pub tracepoint: Result<BTreeSet<Hook>, String>,
    /// Whether BPF trampolines can be had; the reason if not.
    pub trampoline: Result<(), String>,
    /// Whether the kernel's audit can be used; the reason if not.
    pub kernel_audit: Result<(), String>,
    /// Whether the kernel can load modules.
    pub modules: bool,
    /// Everything that was tried, for people: what, and how it went.
    pub trials: Vec<(String, Result<String, String>)>,
}

/// Which engine serves a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EngineKind {
    /// eBPF programs on BPF trampolines: the named syscalls and the functions that carry their facts.
    Trampoline,
    /// eBPF programs on the kernel's tracepoints.
    Tracepoint,
    /// The kernel's own audit.
    KernelAudit,
    /// None: the rule is not loaded.
    Refused,
}

impl fmt::Display for EngineKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Trampoline => "trampoline",
            Self::Tracepoint => "tracepoint",
            Self::KernelAudit => "kernel audit",
            Self::Refused => "refused",
        })
    }
}

/// What becomes of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The engine that serves it.
    pub engine: EngineKind,
    /// The hooks it needs attached.
    pub hooks: Vec<Hook>,
    /// Why this engine.
    pub reason: String,
}

/// One assignment for each rule, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Plan {
    assignments: Vec<Assignment>,
}

impl Plan {
    /// The assignments, in the order of the rules.
    pub fn assignments(&self) -> &[Assignment] {
        &self.assignments
    }

    /// The rules that are refused: their index and the reason.
    pub fn refusals(&self) -> impl Iterator<Item = (usize, &str)> {
        self.assignments
            .iter()
            .enumerate()
            .filter(|(_, assignment)| assignment.engine == EngineKind::Refused)
            .map(|(index, assignment)| (index, assignment.reason.as_str()))
    }

    /// Whether a rule needs the kernel to audit syscalls, so that tasks must have an audit context.
    pub fn needs_contexts(&self, rules: &[Rule]) -> bool {
        self.assignments.iter().zip(rules).any(|(assignment, rule)| {
            assignment.engine == EngineKind::KernelAudit
                && matches!(rule.list(), List::Exit | List::Task | List::IoUring)
        })
    }

    /// Says more about the rules that need audit contexts.
    pub fn remark(&mut self, rules: &[Rule], remark: &str) {
        for (assignment, rule) in self.assignments.iter_mut().zip(rules) {
            if assignment.engine == EngineKind::KernelAudit
                && matches!(rule.list(), List::Exit | List::Task | List::IoUring)
            {
                assignment.reason.push_str("; ");
                assignment.reason.push_str(remark);
            }
        }
    }

    /// Every hook that some rule needs.
    pub fn hooks(&self) -> BTreeSet<Hook> {
        self.assignments.iter().flat_map(|assignment| assignment.hooks.iter().copied()).collect()
    }
}

/// The architectures a rule is for, as indices into [`ARCHES`].
pub fn arches(rule: &Rule) -> Vec<usize> {
    (0..ARCHES.len())
        .filter(|&index| {
            rule.conditions().iter().filter(|condition| condition.field() == Field::Arch).all(|condition| {
                let equal = condition.number() == Some(ARCHES[index].number());
                (condition.op() == Op::Eq) == equal
            })
        })
        .collect()
}

/// The syscalls on which a rule can match at all, for one architecture: its mask, narrowed by `perm=`.
pub fn syscalls(rule: &Rule, arch: Arch) -> impl Iterator<Item = u32> {
    let mut set = *rule.syscalls();
    if let Some(perms) =
        rule.condition(Field::Perm).and_then(audit_rules::Condition::number).and_then(Perms::from_number)
    {
        set = set.intersection(&table::perm::syscalls(perms, arch));
    }
    set.iter().collect::<Vec<_>>().into_iter()
}

/// Whether the rule matches only syscalls that succeed.
fn wants_success(rule: &Rule) -> bool {
    rule.conditions().iter().any(|condition| {
        condition.field() == Field::Success
            && match condition.op() {
                Op::Eq => condition.number() != Some(0),
                Op::Ne => condition.number() == Some(0),
                _ => false,
            }
    })
}

/// A condition that the tracepoint engine cannot judge.
fn beyond_tracepoints(rule: &Rule) -> Option<String> {
    rule.conditions().iter().find_map(|condition| {
        let field = condition.field();
        let beyond = match field {
            Field::DevMajor
            | Field::DevMinor
            | Field::Inode
            | Field::Path
            | Field::Dir
            | Field::FileType
            | Field::ObjUid
            | Field::ObjGid
            | Field::Perm => true,
            Field::Compare => condition
                .number()
                .and_then(Comparison::from_number)
                .is_none_or(|pair| matches!(pair.fields().1, Field::ObjUid | Field::ObjGid)),
            _ => field.is_object_label() || field.is_subject_label(),
        };
        beyond.then(|| format!("{} is judged by the names that the kernel's path walk found", field.name()))
    })
}

/// Why the rule by itself cannot be served by tracepoints.
fn obstacle(rule: &Rule, services: &Services, hooks: &BTreeSet<Hook>) -> Option<String> {
    if let Some(reason) = beyond_tracepoints(rule) {
        return Some(reason);
    }
    // A rule that suppresses needs no records.
    if rule.action() == Action::Never {
        return None;
    }
    if rule.syscalls().is_all() {
        return Some(
            "it names every syscall, also those whose PATH records need the kernel's path walk".into(),
        );
    }
    let arches = arches(rule);
    for &arch in &arches {
        // A rule without arch= also names the 32-bit syscalls that happen to have its numbers. They do not decide.
        if arch != 0 && arches.contains(&0) {
            continue;
        }
        for number in rule.syscalls().iter() {
            let name = table::syscall::name(ARCHES[arch], number).unwrap_or("syscall");
            match services.get(arch, number) {
                Service::None(reason) => return Some(format!("{name}: {reason}")),
                Service::Success(_) if !wants_success(rule) => {
                    return Some(format!("{name}: only successful ones (-F success=1) are known outside"));
                }
                Service::Success(family) | Service::Full(family) => {
                    if let Some(hook) = needed(family).find(|hook| !hooks.contains(hook)) {
                        return Some(format!("{name}: this kernel has no {}", hook.info().target()));
                    }
                }
            }
        }
    }
    None
}

/// The hooks a family needs.
fn needed(family: Family) -> impl Iterator<Item = Hook> {
    let special = match family {
        Family::Exec | Family::Execveat => Some(Hook::PrepareExec),
        Family::Fork => Some(Hook::Fork),
        Family::Exit => Some(Hook::ProcessExit),
        Family::Kill | Family::Tgkill | Family::PidfdSignal => Some(Hook::SignalGenerate),
        _ => None,
    };
    let common = (family != Family::Exit).then_some(Hook::SyscallExit);
    common.into_iter().chain(special)
}

/// The hooks a rule needs.
fn hooks(rule: &Rule, services: &Services) -> Vec<Hook> {
    let mut hooks = BTreeSet::new();
    for arch in arches(rule) {
        for number in rule.syscalls().iter() {
            if let Service::Full(family) | Service::Success(family) = services.get(arch, number) {
                hooks.extend(needed(family));
            }
        }
    }
    hooks.into_iter().collect()
}

/// Sets of syscalls that rules have in common.
struct Groups(Vec<usize>);

impl Groups {
    fn new() -> Self {
        Self((0..ARCHES.len() * kern::abi::SYSCALLS).collect())
    }

    fn root(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    fn join(&mut self, one: usize, two: usize) {
        let (one, two) = (self.root(one), self.root(two));
        self.0[one] = two;
    }
}

/// Plans `rules` for a kernel that offers `offer`.
pub fn plan(rules: &[Rule], offer: &Offer) -> Plan {
    let services = Services::new(offer.modules);
    let exit = exit_list(rules, offer, &services);
    let assignments = rules
        .iter()
        .zip(exit)
        .map(|(rule, exit)| match rule.list() {
            List::Exit => exit.unwrap_or_else(|| kernel(offer, "it is planned by itself".into())),
            List::Task => task(rule, offer),
            List::Exclude | List::Filesystem => both(offer),
            List::User => kernel(offer, "the kernel filters what programs send".into()),
            List::IoUring => kernel(offer, "io_uring operations are not syscalls".into()),
        })
        .collect();
    Plan { assignments }
}

/// A rule that the kernel's audit gets, or nobody.
fn kernel(offer: &Offer, reason: String) -> Assignment {
    match &offer.kernel_audit {
        Ok(()) => Assignment { engine: EngineKind::KernelAudit, hooks: Vec::new(), reason },
        Err(refusal) => Assignment {
            engine: EngineKind::Refused,
            hooks: Vec::new(),
            reason: format!("{reason}; {refusal}"),
        },
    }
}

/// A rule that drops records, wherever they come from.
fn both(offer: &Offer) -> Assignment {
    let mut assignment = kernel(offer, "drops records of the kernel's audit, and of ours alike".into());
    if assignment.engine == EngineKind::Refused && offer.tracepoint.is_ok() {
        assignment.engine = EngineKind::Tracepoint;
        "drops our records".clone_into(&mut assignment.reason);
    }
    assignment
}

fn task(rule: &Rule, offer: &Offer) -> Assignment {
    let fork = offer.tracepoint.as_ref().is_ok_and(|hooks| hooks.contains(&Hook::Fork));
    match rule.action() {
        Action::Never if fork => Assignment {
            engine: EngineKind::Tracepoint,
            hooks: vec![Hook::Fork],
            reason: "judged when a task is born; the kernel's audit gets it too".into(),
        },
        _ => kernel(offer, "it records every syscall of a task, PATH records included".into()),
    }
}

/// The assignments of the exit list; `None` for rules of other lists.
fn exit_list(rules: &[Rule], offer: &Offer, services: &Services) -> Vec<Option<Assignment>> {
    let nothing = BTreeSet::new();
    let available = offer.tracepoint.as_ref().unwrap_or(&nothing);
    let whole_tasks = rules.iter().any(|rule| rule.list() == List::Task && rule.action() == Action::Always);
    let mut groups = Groups::new();
    let mut nodes: Vec<Vec<usize>> = Vec::with_capacity(rules.len());
    for rule in rules {
        let mut mine = Vec::new();
        if rule.list() == List::Exit {
            for arch in arches(rule) {
                mine.extend(syscalls(rule, ARCHES[arch]).map(|number| node(arch, number)));
            }
            for pair in mine.windows(2) {
                groups.join(pair[0], pair[1]);
            }
        }
        nodes.push(mine);
    }
    // which groups must go to the kernel's audit, because of which rule
    let mut forced: Vec<Option<usize>> = vec![None; ARCHES.len() * kern::abi::SYSCALLS];
    let mut obstacles = vec![None; rules.len()];
    for (index, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.list() == List::Exit) {
        obstacles[index] = match &offer.tracepoint {
            Err(reason) => Some(reason.clone()),
            Ok(_) if whole_tasks => Some("a task,always rule makes the kernel record whole tasks".into()),
            Ok(_) => obstacle(rule, services, available),
        };
        if let (Some(_), Some(&first)) = (&obstacles[index], nodes[index].first()) {
            let root = groups.root(first);
            forced[root].get_or_insert(index);
        }
    }
    rules
        .iter()
        .enumerate()
        .map(|(index, rule)| {
            if rule.list() != List::Exit {
                return None;
            }
            if let Some(reason) = obstacles[index].take() {
                return Some(kernel(offer, reason));
            }
            let root = nodes[index].first().map(|&first| groups.root(first));
            if let Some(other) = root.and_then(|root| forced[root]) {
                let reason = format!("shares a syscall with rule {}, and the first match decides", other + 1);
                return Some(kernel(offer, reason));
            }
            Some(Assignment {
                engine: EngineKind::Tracepoint,
                hooks: hooks(rule, services),
                reason: note(rule, services),
            })
        })
        .collect()
}

/// What a reader of the plan should know of a rule that tracepoints serve.
fn note(rule: &Rule, services: &Services) -> String {
    let arches = arches(rule);
    if arches.is_empty() {
        return "never matches: no such architecture on this machine".into();
    }
    let reads_names = arches.iter().any(|&arch| {
        rule.syscalls().iter().any(|number| matches!(services.get(arch, number), Service::Success(_)))
    });
    if rule.action() == Action::Always && reads_names {
        return "inode from the open file; the name's text is read from user memory".into();
    }
    "all its facts are known at the hooks".into()
}

#[cfg(test)]
mod tests;
