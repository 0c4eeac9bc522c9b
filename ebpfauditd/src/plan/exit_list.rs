//! The exit list, with that of operations of `io_uring`, which are carried out in a syscall: which engine gets which group of rules, and where their syscalls are judged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use audit_rules::{Action, Arch, Field, List, Rule, table};
use kern::abi::{self, Family};
use kern::hooks::{Fact, Hook};

use super::{Assignment, EngineKind, Offer, Trampoline, arches, kernel, obstacle};
use crate::family::{ARCHES, Service, Services};
use crate::syscall_function::{Missing, Moment, Stub};

/// The most functions that get a stub of their own: attaching a hundred takes half a second, and detaching them 13 s on some
/// kernels. With more a program at the exit of all syscalls serves better.
const MOST_STUBS: usize = 250;

/// Sets of syscalls that rules have in common.
struct Groups(Vec<usize>);

impl Groups {
    fn new() -> Self {
        Self((0..ARCHES.len() * abi::SYSCALLS).collect())
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

/// What stands in the way of one engine: by rule, and by group the first rule that has an obstacle.
struct Obstacles {
    rules: Vec<Option<String>>,
    groups: Vec<Option<usize>>,
}

impl Obstacles {
    fn new(rules: &[Rule], roots: &[Option<usize>], obstacle: impl Fn(&Rule) -> Option<String>) -> Self {
        let mut found =
            Self { rules: vec![None; rules.len()], groups: vec![None; ARCHES.len() * abi::SYSCALLS] };
        for (index, rule) in rules.iter().enumerate().filter(|(_, rule)| is_planned(rule)) {
            found.rules[index] = obstacle(rule);
            if let (Some(_), Some(root)) = (&found.rules[index], roots[index]) {
                found.groups[root].get_or_insert(index);
            }
        }
        found
    }

    /// Why the engine cannot serve rule `index`, itself or for another's sake.
    fn of(&self, index: usize, root: Option<usize>) -> Option<String> {
        self.rules[index].clone().or_else(|| {
            let other = self.groups[root?]?;
            Some(format!("shares a syscall with rule {}, and the first match decides", other + 1))
        })
    }
}

/// The plan of the exit list.
#[derive(Debug, Default)]
pub(super) struct ExitList {
    /// By rule; `None` for rules of other lists.
    pub(super) assignments: Vec<Option<Assignment>>,
    /// The stubs that judge, each with its syscalls.
    pub(super) stubs: BTreeMap<Stub, Vec<usize>>,
}

/// Plans the exit list.
pub(super) fn plan(rules: &[Rule], offer: &Offer, services: &Services) -> ExitList {
    let never: Vec<Option<String>> = rules.iter().map(|rule| offer.security.never_matches(rule)).collect();
    let whole_tasks = rules
        .iter()
        .zip(&never)
        .any(|(rule, never)| rule.list() == List::Task && rule.action() == Action::Always && never.is_none());
    let mut groups = Groups::new();
    let mut nodes: Vec<Vec<usize>> = Vec::with_capacity(rules.len());
    for (rule, never) in rules.iter().zip(&never) {
        // what never matches is in nobody's way, and needs nothing
        let mine = if never.is_some() { Vec::new() } else { super::nodes(rule) };
        for pair in mine.windows(2) {
            groups.join(pair[0], pair[1]);
        }
        nodes.push(mine);
    }
    let roots: Vec<Option<usize>> =
        nodes.iter().map(|nodes| nodes.first().map(|&first| groups.root(first))).collect();
    let rings = offer.trampoline.as_ref().is_ok_and(|trampoline| trampoline.audits_rings);
    // a kernel that does not know the list refuses its rules
    let needs_nothing =
        |rule: &Rule| (rule.list() == List::Exit || rings) && offer.security.never_matches(rule).is_some();
    let common = |rule: &Rule, hooks: Result<&BTreeSet<Hook>, &String>, obstacle: Judged<'_>| match hooks {
        Err(reason) => Some(reason.clone()),
        Ok(_) if needs_nothing(rule) => None,
        Ok(_) if whole_tasks => Some("a task,always rule makes the kernel record whole tasks".into()),
        Ok(hooks) => offer.security.obstacle(rule).or_else(|| obstacle(rule, services, hooks)),
    };
    let trampoline = offer.trampoline.as_ref().map(|trampoline| &trampoline.hooks);
    let of_trampolines = |rule: &Rule, services: &Services, hooks: &BTreeSet<Hook>| {
        obstacle::of_ring(rule, rings).or_else(|| obstacle::of_trampolines(rule, services, hooks))
    };
    let trampolines = Obstacles::new(rules, &roots, |rule| common(rule, trampoline, &of_trampolines));
    let tracepoint = offer.tracepoint.as_ref();
    let tracepoints =
        Obstacles::new(rules, &roots, |rule| common(rule, tracepoint, &obstacle::of_tracepoints));

    let mut list = ExitList { assignments: vec![None; rules.len()], stubs: BTreeMap::new() };
    for (index, rule) in rules.iter().enumerate().filter(|(_, rule)| is_planned(rule)) {
        let root = roots[index];
        let why = |by_trampolines: bool| match &never[index] {
            Some(reason) => super::never(reason),
            None => note(rule, services, by_trampolines),
        };
        let assignment = match (trampolines.of(index, root), tracepoints.of(index, root)) {
            (None, _) => Assignment::new(EngineKind::Trampoline, why(true)),
            (Some(_), None) => Assignment::new(EngineKind::Tracepoint, why(false)),
            (Some(reason), Some(_)) if offer.trampoline.is_ok() => kernel(offer, reason),
            (_, Some(reason)) => kernel(offer, reason),
        };
        list.assignments[index] = Some(assignment);
    }
    list.attach(rules, &nodes, offer, services);
    list
}

type Judged<'a> = &'a dyn Fn(&Rule, &Services, &BTreeSet<Hook>) -> Option<String>;

/// Whether the rule is of a list that is planned here.
fn is_planned(rule: &Rule) -> bool {
    matches!(rule.list(), List::Exit | List::IoUring)
}

impl ExitList {
    /// Where the syscalls are judged: by stubs if all can be, else at the exit of every syscall; and what hooks the rules need.
    fn attach(&mut self, rules: &[Rule], nodes: &[Vec<usize>], offer: &Offer, services: &Services) {
        let mut judged = vec![false; ARCHES.len() * abi::SYSCALLS];
        let mut everywhere = None;
        for ((assignment, rule), nodes) in self.assignments.iter().zip(rules).zip(nodes) {
            match assignment.as_ref().map(|assignment| assignment.engine) {
                Some(EngineKind::Trampoline) if rule.action() == Action::Always => {
                    for &node in nodes {
                        judged[node] = true;
                    }
                }
                Some(EngineKind::Tracepoint) => everywhere = Some("other rules need it".to_owned()),
                _ => {}
            }
        }
        let trampoline = offer.trampoline.as_ref().ok();
        if judged.iter().filter(|&&judged| judged).count() > abi::SYSCALLS / 2 {
            everywhere.get_or_insert_with(|| "rules name every syscall".to_owned());
        }
        if let Some(trampoline) = trampoline {
            let wanted = (0..judged.len()).filter(|&node| judged[node]);
            for node in wanted {
                let (arch, number) = (node / abi::SYSCALLS, (node % abi::SYSCALLS) as u32);
                match stub(trampoline, services, arch, number) {
                    Ok(stub) => self.stubs.entry(stub).or_default().push(node),
                    // the plan says so; it would be out of proportion to judge every syscall for these
                    Err(Missing::Absent) => {}
                    Err(missing) => {
                        everywhere
                            .get_or_insert_with(|| format!("{}: {missing}", title(ARCHES[arch], number)));
                    }
                }
            }
        }
        if self.stubs.len() > MOST_STUBS {
            everywhere.get_or_insert_with(|| format!("rules name {} functions", self.stubs.len()));
        }
        if everywhere.is_some() {
            self.stubs.retain(|stub, _| stub.moment == Moment::Entry);
        }
        for ((assignment, rule), nodes) in self.assignments.iter_mut().zip(rules).zip(nodes) {
            let ours = |assignment: &&mut Assignment| assignment.engine.is_ours() && !nodes.is_empty();
            let Some(assignment) = assignment.as_mut().filter(ours) else {
                continue;
            };
            let by_trampoline = trampoline.filter(|_| assignment.engine == EngineKind::Trampoline);
            let (hooks, functions) = attachments(rule, nodes, services, by_trampoline, everywhere.is_none());
            assignment.hooks = hooks.into_iter().collect();
            assignment.functions = functions.into_iter().collect();
            match (&everywhere, by_trampoline) {
                (Some(reason), Some(_)) => {
                    assignment.reason.push_str("; judged at the exit of every syscall: ");
                    assignment.reason.push_str(reason);
                }
                (None, Some(trampoline)) => {
                    let absent = absent(rule, nodes, trampoline);
                    if !absent.is_empty() {
                        assignment
                            .reason
                            .push_str("; calls of what this kernel does not have are not seen: ");
                        assignment.reason.push_str(&absent.join(", "));
                    }
                }
                _ => {}
            }
        }
    }
}

fn stub(trampoline: &Trampoline, services: &Services, arch: usize, number: u32) -> Result<Stub, Missing> {
    let ends = services.get(arch, number) == Service::Full(Family::Exit);
    let moment = if ends { Moment::Entry } else { Moment::Exit };
    trampoline.functions.get(arch, number).map(|function| Stub { function: function.clone(), moment })
}

/// The syscalls that a rule names by name and that the kernel does not have. Classes (`perm=`) are the kernel's own.
fn absent(rule: &Rule, nodes: &[usize], trampoline: &Trampoline) -> Vec<String> {
    if rule.condition(Field::Perm).is_some() || rule.syscalls().is_all() {
        return Vec::new();
    }
    let named = nodes.iter().map(|node| (node / abi::SYSCALLS, (node % abi::SYSCALLS) as u32));
    named
        .filter(|&(arch, number)| trampoline.functions.get(arch, number) == Err(Missing::Absent))
        .map(|(arch, number)| title(ARCHES[arch], number))
        .collect()
}

fn title(arch: Arch, number: u32) -> String {
    let bits = if arch == Arch::I386 { "32-bit " } else { "" };
    match table::syscall::name(arch, number) {
        Some(name) => format!("{bits}{name}"),
        None => format!("{bits}syscall {number}"),
    }
}

/// The hooks that a rule needs, and the functions whose stubs judge it.
fn attachments(
    rule: &Rule,
    nodes: &[usize],
    services: &Services,
    trampoline: Option<&Trampoline>,
    by_stubs: bool,
) -> (BTreeSet<Hook>, BTreeSet<Arc<str>>) {
    let (mut hooks, mut functions) = (BTreeSet::new(), BTreeSet::new());
    let records = rule.action() == Action::Always;
    for (arch, number) in nodes.iter().map(|node| (node / abi::SYSCALLS, (node % abi::SYSCALLS) as u32)) {
        let service = services.get(arch, number);
        let ends = service == Service::Full(Family::Exit);
        match trampoline {
            Some(trampoline) if by_stubs || ends => {
                if let Ok(function) = trampoline.functions.get(arch, number)
                    && records
                {
                    functions.insert(Arc::clone(&function.name));
                }
            }
            _ if ends => drop(hooks.insert(Hook::ProcessExit)),
            None if matches!(service, Service::None(_)) => {}
            _ => drop(hooks.insert(Hook::SyscallExit)),
        }
        if !records {
            continue;
        }
        let ours = |fact: &&Fact| trampoline.is_some() || obstacle::is_by_tracepoint(**fact);
        let facts = services.facts(arch, number).iter().filter(ours);
        let given = facts.flat_map(|&fact| obstacle::hooks_of(fact));
        match (trampoline, service) {
            // the facts of a 32-bit syscall that only happens to have the number may not be to be had
            (Some(trampoline), _) => hooks.extend(given.filter(|hook| trampoline.hooks.contains(hook))),
            (None, Service::Full(_)) => hooks.extend(given),
            (None, _) => {}
        }
    }
    (hooks, functions)
}

/// What a reader of the plan should know of a rule that eBPF programs serve.
fn note(rule: &Rule, services: &Services, by_trampolines: bool) -> String {
    let arches = arches(rule);
    if arches.is_empty() {
        return "never matches: no such architecture on this machine".into();
    }
    let reads_names = arches.iter().any(|&arch| {
        rule.syscalls().iter().any(|number| matches!(services.get(arch, number), Service::Success(_)))
    });
    if !by_trampolines && rule.action() == Action::Always && reads_names {
        return "inode from the open file; the name's text is read from user memory".into();
    }
    "all its facts are known at the hooks".into()
}
