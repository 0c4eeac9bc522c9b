//! The exit list, with that of operations of `io_uring`, which are carried out in a syscall: which engine gets which group of rules, and where their syscalls are judged.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use audit_rules::{Action, Arch, Field, List, Rule, table};
use kern::abi::{self, Family};
use kern::hooks::{Fact, Hook};

use super::{Assignment, EngineKind, Offer, Scopes, Trampoline, is_for, kernel, obstacle};
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
    fn new(
        rules: &[Rule],
        roots: &[Option<usize>],
        mut obstacle: impl FnMut(usize, &Rule) -> Option<String>,
    ) -> Self {
        let mut found =
            Self { rules: vec![None; rules.len()], groups: vec![None; ARCHES.len() * abi::SYSCALLS] };
        for (index, rule) in rules.iter().enumerate().filter(|(_, rule)| is_planned(rule)) {
            found.rules[index] = obstacle(index, rule);
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
pub(super) fn plan(
    rules: &[Rule],
    offer: &Offer,
    services: &Services,
    scopes: &Scopes,
    never: &[Option<String>],
) -> ExitList {
    let whole_tasks = rules
        .iter()
        .zip(never)
        .any(|(rule, never)| rule.list() == List::Task && rule.action() == Action::Always && never.is_none());
    let rings = offer.trampoline.as_ref().is_ok_and(|trampoline| trampoline.audits_rings);
    // a kernel that does not know the list refuses its rules
    let needs_nothing =
        |index: usize, rule: &Rule| never[index].is_some() && (rule.list() == List::Exit || rings);
    let common = |rule: &Rule| {
        let whole = "a task,always rule makes the kernel record whole tasks";
        if whole_tasks { Some(whole.to_owned()) } else { offer.security.obstacle(rule) }
    };
    let roots = roots(rules.len(), scopes);
    let mut lacking: Vec<Option<Option<String>>> = vec![None; scopes.all().len()];
    let trampolines = Obstacles::new(rules, &roots, |index, rule| match &offer.trampoline {
        Err(reason) => Some(reason.clone()),
        Ok(_) if needs_nothing(index, rule) => None,
        Ok(Trampoline { hooks, .. }) => {
            common(rule).or_else(|| obstacle::of_ring(rule, rings)).or_else(|| {
                let scope = scopes.of_rule(index);
                obstacle::of_trampolines(rule, hooks, || {
                    let found = || obstacle::lacking(rule, scopes.nodes(scope), services, hooks);
                    lacking[scope].get_or_insert_with(found).clone()
                })
            })
        }
    });
    // Asked for only where trampolines do not serve all.
    let tracepoints = LazyCell::new(|| {
        Obstacles::new(rules, &roots, |index, rule| match &offer.tracepoint {
            Err(reason) => Some(reason.clone()),
            Ok(_) if needs_nothing(index, rule) => None,
            Ok(hooks) => common(rule)
                .or_else(|| obstacle::of_tracepoints(rule, scopes.nodes_of_rule(index), services, hooks)),
        })
    });

    let mut list = ExitList { assignments: vec![None; rules.len()], stubs: BTreeMap::new() };
    for (index, rule) in rules.iter().enumerate().filter(|(_, rule)| is_planned(rule)) {
        let root = roots[index];
        let why = |by_trampolines: bool| match &never[index] {
            Some(reason) => Cow::Owned(super::never(reason)),
            None => Cow::Borrowed(note(rule, services, by_trampolines)),
        };
        list.assignments[index] = Some(match trampolines.of(index, root) {
            None => Assignment::new(EngineKind::Trampoline, why(true)),
            Some(reason) => match tracepoints.of(index, root) {
                None => Assignment::new(EngineKind::Tracepoint, why(false)),
                Some(_) if offer.trampoline.is_ok() => kernel(offer, reason),
                Some(reason) => kernel(offer, reason),
            },
        });
    }
    list.attach(rules, scopes, offer, services);
    list
}

/// For each rule the group of syscalls that its own are in.
fn roots(rules: usize, scopes: &Scopes) -> Vec<Option<usize>> {
    let mut groups = Groups::new();
    for scope in scopes.all() {
        for pair in scopes.nodes(scope).windows(2) {
            groups.join(pair[0], pair[1]);
        }
    }
    let first = |scope: usize| scopes.nodes(scope).first().map(|&first| groups.root(first));
    let of_scopes: Vec<Option<usize>> = scopes.all().map(first).collect();
    (0..rules).map(|rule| of_scopes[scopes.of_rule(rule)]).collect()
}

/// Whether the rule is of a list that is planned here.
fn is_planned(rule: &Rule) -> bool {
    matches!(rule.list(), List::Exit | List::IoUring)
}

impl ExitList {
    /// Where the syscalls are judged: by stubs if all can be, else at the exit of every syscall; and what hooks the rules need.
    fn attach(&mut self, rules: &[Rule], scopes: &Scopes, offer: &Offer, services: &Services) {
        let mut judged = vec![false; ARCHES.len() * abi::SYSCALLS];
        let mut everywhere = None;
        for (index, (assignment, rule)) in self.assignments.iter().zip(rules).enumerate() {
            match assignment.as_ref().map(|assignment| assignment.engine) {
                Some(EngineKind::Trampoline) if rule.action() == Action::Always => {
                    for &node in scopes.nodes_of_rule(index) {
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
        // rules by the thousand share what they need
        let mut known: HashMap<_, (Arc<[_]>, Arc<[_]>)> = HashMap::new();
        for (index, (assignment, rule)) in self.assignments.iter_mut().zip(rules).enumerate() {
            let needs = |assignment: &&mut Assignment| {
                assignment.engine.is_ours() && !scopes.nodes_of_rule(index).is_empty()
            };
            let Some(assignment) = assignment.as_mut().filter(needs) else {
                continue;
            };
            let by_trampoline = trampoline.filter(|_| assignment.engine == EngineKind::Trampoline);
            let scope = scopes.of_rule(index);
            let nodes = scopes.nodes(scope);
            let records = rule.action() == Action::Always;
            let needed = known.entry((scope, records, by_trampoline.is_some())).or_insert_with(|| {
                let (hooks, functions) =
                    attachments(records, nodes, services, by_trampoline, everywhere.is_none());
                (hooks.into_iter().collect(), functions.into_iter().collect())
            });
            (assignment.hooks, assignment.functions) = needed.clone();
            match (&everywhere, by_trampoline) {
                (Some(reason), Some(_)) => {
                    assignment.add_reason(&format!("judged at the exit of every syscall: {reason}"));
                }
                (None, Some(trampoline)) => {
                    let absent = absent(rule, nodes, trampoline);
                    if !absent.is_empty() {
                        let absent = absent.join(", ");
                        assignment.add_reason(&format!(
                            "calls of what this kernel does not have are not seen: {absent}"
                        ));
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

/// The hooks that a rule on these syscalls needs, and the functions whose stubs judge it. `records`: it does not suppress.
fn attachments(
    records: bool,
    nodes: &[usize],
    services: &Services,
    trampoline: Option<&Trampoline>,
    by_stubs: bool,
) -> (BTreeSet<Hook>, BTreeSet<Arc<str>>) {
    let (mut hooks, mut functions) = (BTreeSet::new(), BTreeSet::new());
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
fn note(rule: &Rule, services: &Services, by_trampolines: bool) -> &'static str {
    let mut arches = (0..ARCHES.len()).filter(|&arch| is_for(rule, arch)).peekable();
    if arches.peek().is_none() {
        return "never matches: no such architecture on this machine";
    }
    let mut reads_names = || {
        arches.any(|arch| {
            rule.syscalls().iter().any(|number| matches!(services.get(arch, number), Service::Success(_)))
        })
    };
    if !by_trampolines && rule.action() == Action::Always && reads_names() {
        return "inode from the open file; the name's text is read from user memory";
    }
    "all its facts are known at the hooks"
}
