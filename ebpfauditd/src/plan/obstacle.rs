//! Why an engine cannot serve a rule.

use std::collections::BTreeSet;

use audit_rules::{Action, Comparison, Field, List, Op, Rule, table};
use kern::abi::{self, Family};
use kern::hooks::{Fact, HOOKS, Hook};

use super::is_for;
use crate::family::{ARCHES, Service, Services};

/// The hooks that have a part in a fact.
pub(super) fn hooks_of(fact: Fact) -> impl Iterator<Item = Hook> {
    HOOKS.iter().filter(move |info| info.facts.contains(&fact)).map(|info| info.hook)
}

/// Whether tracepoints give the fact. What the tracepoint engine's records need of others it takes from the arguments.
pub(super) const fn is_by_tracepoint(fact: Fact) -> bool {
    matches!(fact, Fact::Exec | Fact::Fork | Fact::Signal)
}

/// Why a fact cannot be had with these hooks.
fn lack(fact: Fact, hooks: &BTreeSet<Hook>) -> Option<String> {
    let mut needed = hooks_of(fact).peekable();
    if needed.peek().is_none() {
        return Some(format!("no hook gives the {}", fact.words()));
    }
    let missing = needed.find(|hook| !hooks.contains(hook))?;
    Some(format!("this kernel has no {}", missing.info().target()))
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

/// A condition on a name or tree, where it cannot be followed what becomes of that.
fn beyond_sight(rule: &Rule, hooks: &BTreeSet<Hook>) -> Option<String> {
    let watched = [Field::Path, Field::Dir].into_iter().find(|&field| rule.condition(field).is_some())?;
    let target = Hook::Watch.info().target();
    (!hooks.contains(&Hook::Watch)).then(|| {
        format!("{}: this kernel has no {target}, which tells what becomes of names", watched.name())
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
            _ => false,
        };
        beyond.then(|| format!("{} is judged by the names that the kernel's path walk found", field.name()))
    })
}

/// The syscalls that decide which engine serves the rule: architecture's index and number. `nodes` are those on which it can match.
///
/// A rule without `arch=` also names the 32-bit syscalls that happen to have its numbers. They do not decide.
fn deciding<'a>(rule: &Rule, nodes: &'a [usize]) -> impl Iterator<Item = (usize, u32)> + use<'a> {
    let native = is_for(rule, 0);
    let all = nodes.iter().map(|node| (node / abi::SYSCALLS, (node % abi::SYSCALLS) as u32));
    all.filter(move |&(arch, _)| arch == 0 || !native)
}

fn name(arch: usize, number: u32) -> &'static str {
    table::syscall::name(ARCHES[arch], number).unwrap_or("syscall")
}

/// Why a rule on operations of `io_uring` cannot be served by programs. `audited`: the kernel's audit sees those operations.
pub(super) fn of_ring(rule: &Rule, audited: bool) -> Option<String> {
    if rule.list() != List::IoUring {
        return None;
    }
    if !audited {
        return Some("this kernel does not audit operations of io_uring".into());
    }
    let watched = [Field::Path, Field::Inode].into_iter().find(|&field| rule.condition(field).is_some())?;
    // the kernel compares the operations' numbers with that of the syscall
    Some(format!("{} on the io_uring list is judged by the kernel alone", watched.name()))
}

/// Why the rule by itself cannot be served by trampolines. `lacking` says what the records of its syscalls lack ([`lacking`]): rules
/// with the same ones share the answer.
pub(super) fn of_trampolines(
    rule: &Rule,
    hooks: &BTreeSet<Hook>,
    lacking: impl FnOnce() -> Option<String>,
) -> Option<String> {
    if let Some(reason) = beyond_sight(rule, hooks) {
        return Some(reason);
    }
    // A rule that suppresses needs no records; what it is judged by, the rules that record need too.
    if rule.action() == Action::Never {
        return None;
    }
    lacking()
}

/// Which fact the records of a rule's syscalls lack with these hooks, by the syscalls alone.
pub(super) fn lacking(
    rule: &Rule,
    nodes: &[usize],
    services: &Services,
    hooks: &BTreeSet<Hook>,
) -> Option<String> {
    deciding(rule, nodes).find_map(|(arch, number)| {
        services
            .facts(arch, number)
            .iter()
            .find_map(|&fact| lack(fact, hooks))
            .map(|reason| format!("{}: {reason}", name(arch, number)))
    })
}

/// Why the rule by itself cannot be served by tracepoints.
pub(super) fn of_tracepoints(
    rule: &Rule,
    nodes: &[usize],
    services: &Services,
    hooks: &BTreeSet<Hook>,
) -> Option<String> {
    if let Some(reason) = beyond_tracepoints(rule) {
        return Some(reason);
    }
    if rule.list() == List::IoUring {
        return Some("operations of io_uring are known only inside the kernel".into());
    }
    if rule.action() == Action::Never {
        return None;
    }
    if rule.syscalls().is_all() {
        return Some(
            "it names every syscall, also those whose PATH records need the kernel's path walk".into(),
        );
    }
    let name = |arch: usize, number: u32, reason: &str| format!("{}: {reason}", name(arch, number));
    deciding(rule, nodes).find_map(|(arch, number)| match services.get(arch, number) {
        Service::None(reason) => Some(name(arch, number, reason)),
        Service::Success(_) if !wants_success(rule) => {
            Some(name(arch, number, "only successful ones (-F success=1) are known outside"))
        }
        Service::Success(_) => None,
        Service::Full(Family::Exit) if !hooks.contains(&Hook::ProcessExit) => {
            Some(name(arch, number, "it never returns, and this kernel's sched_process_exit comes too late"))
        }
        Service::Full(_) => services
            .facts(arch, number)
            .iter()
            .filter(|&&fact| is_by_tracepoint(fact))
            .find_map(|&fact| lack(fact, hooks))
            .map(|reason| name(arch, number, &reason)),
    })
}
