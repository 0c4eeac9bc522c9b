//! The planner: for each rule its engine, the hooks it needs and why, or a refusal with its reason.
//!
//! The first rule that matches decides, across the whole exit list. Rules that name a syscall in common therefore
//! share an engine: the exit list is planned by groups of rules that are connected through their syscalls.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use audit_rules::{Action, Comparison, Field, List, Op, Perms, Rule, SyscallSet, table};
use kern::hooks::Hook;

use crate::family::{ARCHES, Services, node, with_names};
use crate::security_module::SecurityModule;
use crate::syscall_function::{Function, Functions, Stub};

mod exit_list;
mod obstacle;
mod scope;

pub use scope::Scopes;

/// What the kernel offers, found by trying.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The hooks that can be attached without trampolines, or why there is no eBPF at all.
    pub tracepoint: Result<BTreeSet<Hook>, String>,
    /// What trampolines can be used for; the reason if there are none.
    pub trampoline: Result<Trampoline, String>,
    /// Whether the kernel's audit can be used; the reason if not.
    pub kernel_audit: Result<(), String>,
    /// Whether the kernel can load modules.
    pub modules: bool,
    /// Who judges contexts (`subj_*`, `obj_*`).
    pub security: SecurityModule,
    /// Everything that was tried, for people: what, and how it went.
    pub trials: Vec<(String, Result<String, String>)>,
}

/// What BPF trampolines can be used for.
#[derive(Clone, Debug)]
pub struct Trampoline {
    /// The functions that carry out syscalls.
    pub functions: Functions,
    /// Every hook that can be attached, those that need no trampoline among them.
    pub hooks: BTreeSet<Hook>,
    /// Whether the kernel's audit sees operations of `io_uring` (5.16 and later).
    pub audits_rings: bool,
}

impl Offer {
    /// A stub cannot be attached to this function, as has turned out. Gives whether that is news.
    pub fn refuse(&mut self, function: &Function) -> bool {
        self.trampoline.as_mut().is_ok_and(|trampoline| trampoline.functions.refuse(function))
    }

    /// Finds out what rules name that is not known of the kernel yet; to be called before they are planned.
    pub fn learn(&mut self, rules: &[Rule]) {
        if let SecurityModule::AppArmor(roles) = &mut self.security {
            roles.learn(rules);
        }
    }

    /// A hook cannot be had, as has turned out. Gives whether that is news.
    pub fn refuse_hook(&mut self, hook: Hook) -> bool {
        let by_tracepoint = self.tracepoint.as_mut().is_ok_and(|hooks| hooks.remove(&hook));
        self.trampoline.as_mut().is_ok_and(|trampoline| trampoline.hooks.remove(&hook)) || by_tracepoint
    }
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

impl EngineKind {
    /// Whether our own programs serve it.
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::Trampoline | Self::Tracepoint)
    }
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
    pub hooks: Arc<[Hook]>,
    /// The functions whose stubs judge it.
    pub functions: Arc<[Arc<str>]>,
    /// Why this engine.
    pub reason: Cow<'static, str>,
    /// Why the rule can never match on this kernel, if that is so.
    pub never: Option<String>,
}

impl Assignment {
    fn new(engine: EngineKind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { engine, hooks: Arc::default(), functions: Arc::default(), reason: reason.into(), never: None }
    }

    /// Says more.
    fn add_reason(&mut self, more: &str) {
        let reason = self.reason.to_mut();
        reason.push_str("; ");
        reason.push_str(more);
    }
}

/// One assignment for each rule, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Plan {
    assignments: Vec<Assignment>,
    scopes: Scopes,
    stubs: BTreeMap<Stub, Vec<usize>>,
}

impl Plan {
    /// The syscalls on which the rules can match.
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

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
            .map(|(index, assignment)| (index, assignment.reason.as_ref()))
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
                assignment.add_reason(remark);
            }
        }
    }

    /// The stubs that judge syscalls, each with those that its function carries out (by [`node`](crate::family::node)).
    pub fn stubs(&self) -> &BTreeMap<Stub, Vec<usize>> {
        &self.stubs
    }

    /// Whether syscalls are judged at the exit of each, and not by stubs.
    pub fn judges_everywhere(&self) -> bool {
        self.assignments.iter().any(|assignment| assignment.hooks.contains(&Hook::SyscallExit))
    }

    /// Every hook that some rule needs.
    pub fn hooks(&self) -> BTreeSet<Hook> {
        self.assignments.iter().flat_map(|assignment| assignment.hooks.iter().copied()).collect()
    }
}

/// The architectures a rule is for, as indices into [`ARCHES`].
pub fn arches(rule: &Rule) -> Vec<usize> {
    (0..ARCHES.len()).filter(|&index| is_for(rule, index)).collect()
}

/// Whether a rule is for an architecture, by its index.
fn is_for(rule: &Rule, arch: usize) -> bool {
    rule.conditions().iter().filter(|condition| condition.field() == Field::Arch).all(|condition| {
        let equal = condition.number() == Some(ARCHES[arch].number());
        (condition.op() == Op::Eq) == equal
    })
}

/// Whether the rule can match only a syscall that has names.
fn wants_names(rule: &Rule) -> bool {
    rule.conditions().iter().any(|condition| match condition.field() {
        Field::Path | Field::Inode | Field::DevMajor | Field::DevMinor | Field::ObjUid | Field::ObjGid => {
            true
        }
        // what is not among no names is there without names as well
        Field::Dir | Field::FileType => condition.op() == Op::Eq,
        Field::Compare => condition
            .number()
            .and_then(Comparison::from_number)
            .is_some_and(|pair| matches!(pair.fields().1, Field::ObjUid | Field::ObjGid)),
        _ => false,
    })
}

/// The syscalls on which a rule of the exit list can match at all, for one architecture, by its index: its mask, narrowed by
/// `perm=` and by what rules on names are about.
pub fn syscalls(rule: &Rule, arch: usize) -> impl Iterator<Item = u32> {
    let set = set_of(rule, arch);
    (0..SyscallSet::CAPACITY).filter(move |&number| set.contains(number))
}

fn set_of(rule: &Rule, arch: usize) -> SyscallSet {
    let mut set = *rule.syscalls();
    if wants_names(rule) {
        set = set.intersection(with_names(arch));
    }
    match perms(rule) {
        Some(perms) => set.intersection(&table::perm::syscalls(perms, ARCHES[arch])),
        None => set,
    }
}

/// What `perm=` asks for.
fn perms(rule: &Rule) -> Option<Perms> {
    rule.condition(Field::Perm).and_then(audit_rules::Condition::number).and_then(Perms::from_number)
}

/// The syscalls that are judged by a rule, as [`node`]s. Of a rule on operations of `io_uring` it is the one in which they can be
/// carried out.
pub fn nodes(rule: &Rule) -> Vec<usize> {
    let mut nodes = Vec::new();
    for arch in (0..ARCHES.len()).filter(|&arch| is_for(rule, arch)) {
        match rule.list() {
            List::Exit => nodes.extend(set_of(rule, arch).iter().map(|number| node(arch, number))),
            List::IoUring => nodes.extend(ring_node(arch)),
            _ => {}
        }
    }
    nodes
}

/// The [`node`] of `io_uring_enter`.
pub fn ring_node(arch: usize) -> Option<usize> {
    table::syscall::number(ARCHES[arch], b"io_uring_enter").map(|number| node(arch, number))
}

/// Plans `rules` for a kernel that offers `offer`.
pub fn plan(rules: &[Rule], offer: &Offer) -> Plan {
    let never: Vec<Option<String>> = rules.iter().map(|rule| offer.security.never_matches(rule)).collect();
    let scopes = Scopes::of(rules, &never);
    let exit = exit_list::plan(rules, offer, Services::of(offer.modules), &scopes, &never);
    let assignments = rules
        .iter()
        .zip(exit.assignments)
        .zip(never)
        .map(|((rule, exit), never)| {
            let assignment = match rule.list() {
                List::Exit | List::IoUring => {
                    exit.unwrap_or_else(|| kernel(offer, "it is planned by itself"))
                }
                List::Task => task(rule, offer),
                List::Exclude | List::Filesystem => both(offer),
                List::User => kernel(offer, "the kernel filters what programs send"),
            };
            Assignment { never, ..assignment }
        })
        .collect();
    Plan { assignments, scopes, stubs: exit.stubs }
}

/// A rule that the kernel's audit gets, or nobody.
fn kernel(offer: &Offer, reason: impl Into<Cow<'static, str>>) -> Assignment {
    let reason = reason.into();
    match &offer.kernel_audit {
        Ok(()) => Assignment::new(EngineKind::KernelAudit, reason),
        Err(refusal) => Assignment::new(EngineKind::Refused, format!("{reason}; {refusal}")),
    }
}

/// What the plan says of a rule that needs nothing, as it never matches.
fn never(reason: &str) -> String {
    format!("never matches: {reason}")
}

/// A rule that drops records, wherever they come from.
fn both(offer: &Offer) -> Assignment {
    let mut assignment = kernel(offer, "drops records of the kernel's audit, and of ours alike");
    if assignment.engine == EngineKind::Refused && offer.tracepoint.is_ok() {
        assignment.engine = EngineKind::Tracepoint;
        assignment.reason = "drops our records".into();
    }
    assignment
}

fn task(rule: &Rule, offer: &Offer) -> Assignment {
    if let (Some(reason), Ok(_)) = (offer.security.never_matches(rule), &offer.tracepoint) {
        return Assignment::new(EngineKind::Tracepoint, never(&reason));
    }
    if let Some(reason) = offer.security.obstacle(rule) {
        return kernel(offer, reason);
    }
    let fork = offer.tracepoint.as_ref().is_ok_and(|hooks| hooks.contains(&Hook::Fork));
    match rule.action() {
        Action::Never if fork => {
            let reason = "judged when a task is born; the kernel's audit gets it too";
            Assignment { hooks: Arc::new([Hook::Fork]), ..Assignment::new(EngineKind::Tracepoint, reason) }
        }
        _ => kernel(offer, "it records every syscall of a task, PATH records included"),
    }
}

#[cfg(test)]
pub(crate) mod tests;
