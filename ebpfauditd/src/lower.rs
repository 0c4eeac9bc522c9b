//! From rules to the tables of the eBPF filter: the only place that sees both.

use std::collections::HashMap;
use std::mem::offset_of;

use audit_rules::{Action, Comparison, Condition, Field, List, Op, Rule};
use kern::abi::{self, Entry, Event, Family, Record, Step};

use crate::family::{ARCHES, Service, Services, node};
use crate::plan::{EngineKind, Plan, arches};

/// What one generation of the filter consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// By [`node`].
    pub index: Vec<Entry>,
    /// The steps; the first is unused, for 0 means none, and the second is never true.
    pub steps: Vec<Step>,
    /// The files of `exe=`, by their number in the steps.
    pub exes: Vec<Vec<u8>>,
    /// `CONFIG_*`.
    pub flags: u32,
    /// First step of the task list, 0: empty.
    pub task_first: u32,
    /// First step of the exclude list, 0: empty.
    pub exclude_first: u32,
    /// The key of each rule, by the rule's number in the steps.
    pub keys: Vec<Option<Vec<u8>>>,
    /// Filesystems (magic numbers) whose names are left out of events: the filesystem list.
    pub hidden_filesystems: Vec<u32>,
}

/// Why rules cannot be lowered.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LowerError {
    /// More steps than a generation holds.
    #[error("the rules need {0} steps of the in-kernel filter, which holds {max}", max = abi::STEPS)]
    Steps(usize),
    /// More files than a generation holds.
    #[error("the rules name {0} programs (exe=), the in-kernel filter holds {max}", max = abi::EXES)]
    Exes(usize),
}

/// The index of a 32-bit word of [`Event`].
macro_rules! fact {
    ($field:ident) => {
        (offset_of!(Event, $field) / 4) as u8
    };
}

/// The low words of the arguments.
const fn argument(number: u8) -> u8 {
    fact!(args) + 2 * number
}

/// Before a step is placed: which rule it belongs to and whether it is the last are not known yet.
#[derive(Clone, Copy, Debug)]
struct Test {
    fact: u8,
    op: abi::Op,
    flags: u8,
    operand: u32,
}

impl Test {
    const fn new(fact: u8, op: abi::Op, operand: u32) -> Self {
        Self { fact, op, flags: 0, operand }
    }

    const fn constant(truth: bool) -> Self {
        Self::new(0, if truth { abi::Op::True } else { abi::Op::False }, 0)
    }

    /// False when the syscall has no return value.
    const fn of_exit(mut self) -> Self {
        self.flags = abi::STEP_EXIT;
        self
    }
}

const fn plain(op: Op) -> abi::Op {
    match op {
        Op::Eq => abi::Op::Eq,
        Op::Ne => abi::Op::Ne,
        Op::Lt => abi::Op::Lt,
        Op::Le => abi::Op::Le,
        Op::Gt => abi::Op::Gt,
        Op::Ge => abi::Op::Ge,
        Op::BitMask => abi::Op::Mask,
        Op::BitTest => abi::Op::Test,
    }
}

/// The fact of a field that is a plain number, and what has to be gathered for it.
fn number_fact(field: Field) -> Option<(u8, u16)> {
    use abi::{NEED_CREDENTIALS, NEED_LOGIN, NEED_PARENT};
    Some(match field {
        Field::Pid => (fact!(pid), 0),
        Field::Ppid => (fact!(ppid), NEED_PARENT),
        Field::Uid => (fact!(uid), NEED_CREDENTIALS),
        Field::Euid => (fact!(euid), NEED_CREDENTIALS),
        Field::Suid => (fact!(suid), NEED_CREDENTIALS),
        Field::Fsuid => (fact!(fsuid), NEED_CREDENTIALS),
        Field::Gid => (fact!(gid), NEED_CREDENTIALS),
        Field::Egid => (fact!(egid), NEED_CREDENTIALS),
        Field::Sgid => (fact!(sgid), NEED_CREDENTIALS),
        Field::Fsgid => (fact!(fsgid), NEED_CREDENTIALS),
        Field::LoginUid => (fact!(auid), NEED_LOGIN),
        Field::SessionId => (fact!(ses), NEED_LOGIN),
        Field::Pers => (fact!(personality), 0),
        Field::MsgType => (fact!(msgtype), 0),
        Field::Exit => (fact!(exit), 0),
        Field::SaddrFam => (fact!(saddr_fam), 0),
        Field::A0 => (argument(0), 0),
        Field::A1 => (argument(1), 0),
        Field::A2 => (argument(2), 0),
        Field::A3 => (argument(3), 0),
        _ => return None,
    })
}

/// `success`: the kernel compares 1 (yes) and 2 (no) with 1 for any non-zero value and 2 for zero.
fn success(op: Op, wants_yes: bool) -> Test {
    let yes = |truth: u32| Test::new(fact!(success), abi::Op::Eq, truth).of_exit();
    let any = Test::constant(true).of_exit();
    let none = Test::constant(false);
    match (op, wants_yes) {
        (Op::Eq | Op::Le, true) | (Op::Ne | Op::Lt, false) => yes(1),
        (Op::Ne | Op::Gt, true) | (Op::Eq | Op::Ge, false) => yes(0),
        (Op::Ge, true) | (Op::Le, false) => any,
        (Op::Lt | Op::BitMask | Op::BitTest, true) | (Op::Gt | Op::BitMask | Op::BitTest, false) => none,
    }
}

/// Whether a task that is being born has what the condition asks for: it has no syscall yet, and the kernel never finds a
/// program equal there (`audit_filter_task`).
fn known_at_birth(condition: &Condition) -> bool {
    let field = condition.field();
    matches!(field, Field::Pid | Field::Pers | Field::SessionId | Field::Key)
        || (field.is_user() && field != Field::ObjUid)
        || (field.is_group() && field != Field::ObjGid)
}

#[derive(Default)]
struct Builder {
    tables: Tables,
    exe_numbers: HashMap<Vec<u8>, u32>,
    placed: HashMap<Vec<usize>, u32>,
}

impl Builder {
    fn exe(&mut self, path: &[u8]) -> u32 {
        if let Some(&number) = self.exe_numbers.get(path) {
            return number;
        }
        let number = self.tables.exes.len() as u32;
        self.tables.exes.push(path.to_vec());
        self.exe_numbers.insert(path.to_vec(), number);
        number
    }

    /// The tests of one condition, and what they need gathered.
    fn tests(&mut self, condition: &Condition, needs: &mut u16) -> Vec<Test> {
        let field = condition.field();
        let op = condition.op();
        let value = condition.number().unwrap_or_default();
        match field {
            // decided when the index is filled
            Field::Arch | Field::Key => Vec::new(),
            Field::Success => vec![success(op, value != 0)],
            Field::Exit => vec![Test::new(fact!(exit), plain(op), value).of_exit()],
            Field::SaddrFam => vec![
                Test::new(fact!(saddr_fam), abi::Op::Ne, abi::NO_FAMILY),
                Test::new(fact!(saddr_fam), plain(op), value),
            ],
            Field::Gid | Field::Egid if op.is_equality() => {
                *needs |= abi::NEED_CREDENTIALS;
                let group = if op == Op::Eq { abi::Op::GroupEq } else { abi::Op::GroupNe };
                let fact = if field == Field::Gid { fact!(gid) } else { fact!(egid) };
                vec![Test::new(fact, group, value)]
            }
            Field::Exe => {
                *needs |= abi::NEED_EXE;
                let number = self.exe(condition.text().unwrap_or_default());
                let exe = if op == Op::Eq { abi::Op::ExeEq } else { abi::Op::ExeNe };
                vec![Test::new(0, exe, number)]
            }
            Field::Compare => {
                let facts = Comparison::from_number(value).map(Comparison::fields);
                let facts = facts.and_then(|(one, two)| Some((number_fact(one)?, number_fact(two)?)));
                let Some(((one, need_one), (two, need_two))) = facts else {
                    return vec![Test::constant(false)];
                };
                *needs |= need_one | need_two;
                let compare = if op == Op::Eq { abi::Op::FactEq } else { abi::Op::FactNe };
                vec![Test::new(one, compare, u32::from(two))]
            }
            // The planner sends rules with other fields elsewhere; subj_* never match without such an LSM.
            _ => match number_fact(field) {
                Some((fact, need)) => {
                    *needs |= need;
                    vec![Test::new(fact, plain(op), value)]
                }
                None => vec![Test::constant(false)],
            },
        }
    }

    /// Places the rules' steps one after the other; the number of the first, 0 if there is no rule. Equal lists of rules are
    /// placed once.
    fn place(&mut self, list: Vec<usize>, rules: &[Rule], needs: &[u16], tests: &[Vec<Test>]) -> (u32, u16) {
        let need = list.iter().fold(0, |need, &rule| need | needs[rule]);
        if list.is_empty() {
            return (0, 0);
        }
        if let Some(&first) = self.placed.get(&list) {
            return (first, need);
        }
        let steps = &mut self.tables.steps;
        let first = steps.len() as u32;
        for (at, &rule) in list.iter().enumerate() {
            let always = [Test::constant(true)];
            let mine: &[Test] = if tests[rule].is_empty() { &always } else { &tests[rule] };
            let after = steps.len() as u32 + mine.len() as u32;
            let next = if at + 1 == list.len() { 0 } else { after };
            for (number, test) in mine.iter().enumerate() {
                let mut flags = test.flags;
                if number + 1 == mine.len() {
                    flags |= abi::STEP_LAST;
                    if rules[rule].action() == Action::Never {
                        flags |= abi::STEP_NEVER;
                    }
                }
                steps.push(Step {
                    fact: test.fact,
                    op: test.op as u8,
                    flags,
                    pad: 0,
                    operand: test.operand,
                    next,
                    rule: rule as u32,
                });
            }
        }
        self.placed.insert(list, first);
        (first, need)
    }
}

/// Lowers the rules that `plan` gives to the tracepoint engine, and the lists that concern its records.
pub fn lower(rules: &[Rule], plan: &Plan, services: &Services) -> Result<Tables, LowerError> {
    let mut builder = Builder::default();
    builder.tables.steps.push(Step::default());
    builder.tables.steps.push(Step { op: abi::Op::False as u8, ..Step::default() });
    builder.tables.keys = rules.iter().map(|rule| rule.key().map(<[u8]>::to_vec)).collect();
    let mut needs = vec![0u16; rules.len()];
    let mut tests = Vec::with_capacity(rules.len());
    let mut by_syscall: Vec<Vec<usize>> = vec![Vec::new(); ARCHES.len() * abi::SYSCALLS];
    let (mut task, mut exclude) = (Vec::new(), Vec::new());
    for (index, (rule, assignment)) in rules.iter().zip(plan.assignments()).enumerate() {
        let ours = assignment.engine == EngineKind::Tracepoint;
        let mut mine = Vec::new();
        if ours || rule.list() == List::Exclude {
            for condition in rule.conditions() {
                if rule.list() == List::Task && !known_at_birth(condition) {
                    mine.push(Test::constant(false));
                } else {
                    mine.extend(builder.tests(condition, &mut needs[index]));
                }
            }
        }
        tests.push(mine);
        match rule.list() {
            List::Exit if ours => {
                for arch in arches(rule) {
                    for number in rule.syscalls().iter() {
                        by_syscall[node(arch, number)].push(index);
                    }
                }
            }
            List::Task if ours => task.push(index),
            // the kernel never matches a rule without fields on this list
            List::Exclude if !rule.conditions().is_empty() => exclude.push(index),
            List::Filesystem => {
                let magic = rule.condition(Field::FsType).and_then(Condition::number);
                builder.tables.hidden_filesystems.extend(magic);
            }
            _ => {}
        }
    }
    let mut index = vec![Entry::default(); ARCHES.len() * abi::SYSCALLS];
    for (at, list) in by_syscall.into_iter().enumerate() {
        let (first, needs) = builder.place(list, rules, &needs, &tests);
        let (arch, number) = (at / abi::SYSCALLS, (at % abi::SYSCALLS) as u32);
        let family = match services.get(arch, number) {
            Service::Full(family) | Service::Success(family) => family,
            Service::None(_) => Family::Plain,
        };
        index[at] = Entry { first, needs, family: family as u16 };
    }
    let is_exec =
        |entry: &Entry| entry.family == Family::Exec as u16 || entry.family == Family::Execveat as u16;
    if index.iter().any(|entry| is_exec(entry) && entry.first != 0) {
        for entry in index.iter_mut().filter(|entry| is_exec(entry) && entry.first == 0) {
            entry.first = abi::STEP_FALSE;
        }
    }
    builder.tables.index = index;
    if !task.is_empty() {
        builder.tables.flags |= abi::CONFIG_TASK_RULES;
        builder.tables.task_first = builder.place(task, rules, &needs, &tests).0;
    }
    if !exclude.is_empty() {
        builder.tables.flags |= abi::CONFIG_EXCLUDES;
        builder.tables.exclude_first = builder.place(exclude, rules, &needs, &tests).0;
    }
    let tables = builder.tables;
    if tables.steps.len() > abi::STEPS {
        return Err(LowerError::Steps(tables.steps.len()));
    }
    if tables.exes.len() > abi::EXES {
        return Err(LowerError::Exes(tables.exes.len()));
    }
    Ok(tables)
}

/// Whether the exclude list dropped records of this type from an event.
pub const fn is_excluded(excluded: u32, record: Record) -> bool {
    excluded & (1 << record as u32) != 0
}
