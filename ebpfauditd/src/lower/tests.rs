//! What the in-kernel filter finds in the tables is what the rules say.

use std::mem::offset_of;

use audit_rules::{Arch, table};
use kern::abi::Event;
use proptest::prelude::*;

use super::*;
use crate::family::node;
use crate::plan::plan;
use crate::plan::tests::{offer_with_trampolines, rules};

/// The tables of these rules on a kernel that has everything.
fn tables(rules: &[Rule]) -> Tables {
    let plan = plan(rules, &offer_with_trampolines());
    let ours = plan.assignments().iter().all(|assignment| assignment.engine == EngineKind::Trampoline);
    assert!(ours || rules.iter().any(|rule| rule.list() != List::Exit), "{plan:?}");
    let mut watches = Watches::new().unwrap();
    watches.resolve(rules.iter()).unwrap();
    lower(rules, &plan, Services::of(true), &watches).unwrap()
}

fn number(name: &str) -> u32 {
    table::syscall::number(Arch::X86_64, name.as_bytes()).unwrap()
}

fn entry<'t>(tables: &'t Tables, name: &str) -> &'t Entry {
    &tables.index[node(0, number(name))]
}

/// The numbers of the rules whose steps lie in the run that begins at `first`.
fn run(tables: &Tables, first: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut at = first as usize;
    while at != 0 {
        let step = tables.steps[at];
        found.push(step.rule);
        at = step.next as usize;
    }
    found
}

/// As `filter__search` of `kern/bpf/filter.h` goes, on the words of an event: the rule that matches first, if it records.
fn search(tables: &Tables, first: u32, words: &[u32]) -> Option<u32> {
    let mut at = first as usize;
    while at != 0 {
        let step = tables.steps[at];
        let value = words[usize::from(step.fact)];
        let is = |op: abi::Op| step.op == op as u8;
        let met = is(abi::Op::True)
            || is(abi::Op::Eq) && value == step.operand
            || is(abi::Op::Ne) && value != step.operand
            || is(abi::Op::Lt) && value < step.operand
            || is(abi::Op::Ge) && value >= step.operand;
        at = match met {
            false => step.next as usize,
            true if step.flags & abi::STEP_LAST == 0 => at + 1,
            true => return (step.flags & abi::STEP_NEVER == 0).then_some(step.rule),
        };
    }
    None
}

#[test]
fn rules_stand_where_their_syscalls_lead() {
    let rules = rules(&[
        "-a always,exit -F arch=b64 -S mkdir,rmdir -F uid=1 -k a",
        "-a never,exit -F arch=b64 -S rmdir -k b",
        "-a always,exit -F arch=b64 -S mkdir,rmdir,unlink -F uid=2 -F ppid=3 -k c",
    ]);
    let tables = tables(&rules);
    assert_eq!(run(&tables, entry(&tables, "mkdir").first), [0, 2]);
    assert_eq!(run(&tables, entry(&tables, "rmdir").first), [0, 1, 2]);
    assert_eq!(run(&tables, entry(&tables, "unlink").first), [2]);
    assert_eq!(*entry(&tables, "link"), Entry { family: entry(&tables, "link").family, ..Entry::default() });
    let both = abi::NEED_CREDENTIALS | abi::NEED_PARENT | abi::NEED_NAMES;
    assert_eq!(entry(&tables, "unlink").needs, both);
    assert_eq!(tables.keys[1].as_deref(), Some(&b"b"[..]));
}

#[test]
fn equal_lists_are_placed_once() {
    let rules = rules(&["-a always,exit -F arch=b64 -S mkdir,rmdir,unlink -F uid=1 -k a"]);
    let tables = tables(&rules);
    assert_eq!(entry(&tables, "mkdir").first, entry(&tables, "unlink").first);
    // none, never, and the one of the rule
    assert_eq!(tables.steps.len(), 3);
}

#[test]
fn each_watched_name_has_its_own_run() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().canonicalize().unwrap().join(name).display().to_string();
    let (one, two) = (path("one"), path("two"));
    let lines = [
        format!("-w {one} -p w -k a"),
        format!("-w {two} -p wa -k b"),
        format!("-a always,exit -F arch=b64 -S rmdir -F path={one} -F uid=1 -k c"),
        "-a always,exit -F arch=b64 -S mkdir -k d".to_owned(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let tables = tables(&rules(&lines));
    let of = |path: &str| run(&tables, tables.watches[&Watched::Path(path.as_bytes().to_vec())]);
    // a rule's steps are several: its syscalls, what they ask of an open, its fields
    let of = |path: &str| of(path).into_iter().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(of(&one), [0, 2].into());
    assert_eq!(of(&two), [1].into());
    for &first in tables.watches.values() {
        assert_eq!(tables.steps[first as usize].op, abi::Op::Named as u8);
    }
    // the watches are not among a syscall's own steps, and an open that hits none leaves nothing behind
    let open = entry(&tables, "openat");
    assert_eq!(open.first, 0);
    assert_ne!(tables.flags & abi::CONFIG_WATCHED_OPENS, 0);
    // mkdir is not judged by watches alone
    assert_eq!(tables.flags & abi::CONFIG_WATCHED_FILES, 0);
    assert_eq!(open.needs & (abi::NEED_WATCH | abi::NEED_HIT), abi::NEED_WATCH | abi::NEED_HIT);
    // what makes or removes names is noted whole
    let mkdir = entry(&tables, "mkdir");
    assert_eq!(run(&tables, mkdir.first), [3]);
    assert_eq!(mkdir.needs & (abi::NEED_WATCH | abi::NEED_HIT), abi::NEED_WATCH);
}

#[test]
fn a_call_that_one_rule_wants_whole_is_noted_whole() {
    let directory = tempfile::tempdir().unwrap();
    let tree =
        format!("-a always,exit -F arch=b64 -S openat -F dir={} -F perm=r -k t", directory.path().display());
    let alone = tables(&rules(&[&tree]));
    assert_eq!(entry(&alone, "openat").needs, abi::NEED_NAMES | abi::NEED_HIT);
    assert_ne!(alone.flags & abi::CONFIG_TREES, 0);
    assert_eq!(alone.flags & abi::CONFIG_WATCHED_OPENS, 0);
    let beside = tables(&rules(&[&tree, "-a always,exit -F arch=b64 -S openat -F exit=-EACCES -k d"]));
    assert_eq!(entry(&beside, "openat").needs, abi::NEED_NAMES);
}

#[test]
fn files_that_are_watched_by_classes_alone_are_known_as_such() {
    let directory = tempfile::tempdir().unwrap();
    let watch = format!("-w {}/one -p rwxa -k w", directory.path().display());
    let alone = |more: &[&str]| {
        let lines: Vec<&str> = [watch.as_str()].into_iter().chain(more.iter().copied()).collect();
        tables(&rules(&lines)).flags & abi::CONFIG_WATCHED_FILES != 0
    };
    assert!(alone(&[]));
    assert!(alone(&["-a always,exit -F arch=b64 -S kill -k k", "-a always,exit -F arch=b64 -S execve -k e"]));
    assert!(!alone(&["-a always,exit -F arch=b64 -S openat -F exit=-EACCES -k d"]));
    // it opens a file, and its record has whatever file that is
    assert!(!alone(&["-a always,exit -F arch=b64 -S acct -k a"]));
    // of the syscalls that this names some open files beside what they look up
    let all = format!("-a always,exit -F path={}/two -k p", directory.path().display());
    assert!(!alone(&[&all]));
}

#[test]
fn where_only_execs_have_names_no_other_open_is_looked_at() {
    let only_execs = |lines: &[&str]| tables(&rules(lines)).flags & abi::CONFIG_EXEC_FILES != 0;
    let exec = "-a always,exit -F arch=b64 -S execve -S execveat -k e";
    assert!(only_execs(&[exec]));
    assert!(only_execs(&[exec, "-a always,exit -F arch=b64 -S kill -S setuid -k k"]));
    assert!(!only_execs(&[exec, "-a always,exit -F arch=b64 -S acct -k a"]));
    assert!(!only_execs(&[exec, "-a always,exit -F arch=b32 -S open -k o"]));
    let directory = tempfile::tempdir().unwrap();
    assert!(!only_execs(&[exec, &format!("-w {}/one -p w -k w", directory.path().display())]));
}

#[test]
fn an_exec_is_looked_at_as_whatever_it_becomes() {
    let tables = tables(&rules(&["-a always,exit -F arch=b64 -S execve -k x"]));
    assert_eq!(run(&tables, entry(&tables, "execve").first), [0]);
    assert_eq!(entry(&tables, "execveat").first, abi::STEP_FALSE);
    assert_eq!(tables.steps[abi::STEP_FALSE as usize].op, abi::Op::False as u8);
}

#[test]
fn more_than_a_table_holds_is_refused() {
    let directories: Vec<_> = (0..=abi::TREES).map(|_| tempfile::tempdir().unwrap()).collect();
    let lines: Vec<String> = directories
        .iter()
        .map(|directory| {
            format!("-a always,exit -F arch=b64 -S openat -F dir={}", directory.path().display())
        })
        .collect();
    let rules = rules(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let plan = plan(&rules, &offer_with_trampolines());
    let lowered = lower(&rules, &plan, Services::of(true), &Watches::new().unwrap());
    assert_eq!(lowered, Err(LowerError::Trees(abi::TREES + 1)));
}

/// A rule of number fields: whether it records, its syscalls, and its conditions.
type Drawn = (bool, Vec<&'static str>, Vec<(usize, &'static str, u32)>);

/// Fields, and the words of an event that they ask for.
const FIELDS: [(&str, usize); 4] = [
    ("uid", offset_of!(Event, uid) / 4),
    ("pid", offset_of!(Event, pid) / 4),
    ("a1", offset_of!(Event, args) / 4 + 2),
    ("sessionid", offset_of!(Event, ses) / 4),
];
const CALLS: [&str; 3] = ["mkdir", "rmdir", "setuid"];

fn drawn() -> impl Strategy<Value = Drawn> {
    let condition = (0..FIELDS.len(), prop::sample::select(vec!["=", "!=", "<", ">="]), 0u32..3);
    let calls = prop::sample::subsequence(CALLS.to_vec(), 1..=CALLS.len());
    (any::<bool>(), calls, prop::collection::vec(condition, 0..4))
}

fn line((records, calls, conditions): &Drawn, number: usize) -> String {
    let action = if *records { "always" } else { "never" };
    let fields: String = conditions
        .iter()
        .fold(String::new(), |text, (field, op, value)| format!("{text} -F {}{op}{value}", FIELDS[*field].0));
    format!("-a {action},exit -F arch=b64 -S {}{fields} -k rule-{number}", calls.join(","))
}

fn holds(conditions: &[(usize, &'static str, u32)], words: &[u32]) -> bool {
    conditions.iter().all(|&(field, op, wanted)| {
        let value = words[FIELDS[field].1];
        match op {
            "=" => value == wanted,
            "!=" => value != wanted,
            "<" => value < wanted,
            _ => value >= wanted,
        }
    })
}

proptest! {
    #[test]
    fn the_first_rule_that_holds_decides(
        drawn in prop::collection::vec(drawn(), 1..8),
        values in prop::array::uniform4(0u32..3),
    ) {
        let lines: Vec<String> = drawn.iter().enumerate().map(|(number, rule)| line(rule, number)).collect();
        let rules = rules(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let tables = tables(&rules);
        let mut words = [0; size_of::<Event>() / 4];
        for ((_, word), value) in FIELDS.into_iter().zip(values) {
            words[word] = value;
        }
        for call in CALLS {
            let decides = drawn.iter().position(|(_, calls, conditions)| {
                calls.contains(&call) && holds(conditions, &words)
            });
            let due = decides.filter(|&rule| drawn[rule].0).map(|rule| rule as u32);
            prop_assert_eq!(search(&tables, entry(&tables, call).first, &words), due, "{}: {:?}", call, lines);
        }
    }
}

#[test]
fn operations_outside_of_syscalls_have_their_own_entry() {
    let of = |lines: &[&str]| tables(&rules(lines));
    let none = of(&["-a always,exit -F arch=b64 -S mkdir -k a"]);
    assert_eq!((none.ring, none.flags & abi::CONFIG_RING), (Entry::default(), 0));
    let list = of(&["-a always,io_uring -S openat -F uid=1 -k u"]);
    assert_eq!(run(&list, list.ring.first), [0]);
    assert!(list.flags & abi::CONFIG_RING != 0 && list.ring.needs & abi::NEED_NAMES != 0);
    // the syscall is judged, too, though no rule names it
    assert_eq!(entry(&list, "io_uring_enter").first, abi::STEP_FALSE);
    let set = list.sets[0].words;
    assert!(set[0] == set[abi::ARCHES] && set[1] == set[0] && set[0] != [0; abi::SYSCALLS / 32]);
    // a watch is on what workers do, unless it asks for what they do not have
    let watch = |line| of(&[line]).ring.needs & abi::NEED_WATCH != 0;
    assert!(watch("-a always,exit -S all -F path=/etc/passwd"));
    assert!(!watch("-a always,exit -F arch=b64 -S all -F path=/etc/passwd"));
    assert!(!watch("-w /etc/passwd -p wa"));
}
