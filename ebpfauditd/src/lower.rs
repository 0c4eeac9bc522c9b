//! From rules to the tables of the eBPF filter: the only place that sees both.

use std::collections::{BTreeMap, HashMap};

use audit_rules::{Action, Condition, Field, List, Op, Rule};
use kern::abi::{self, Entry, Family, Record, Step};

use crate::family::{ARCHES, Lookups, Services};
use crate::plan::{EngineKind, Plan, ring_node};
use crate::watch::Watches;

mod bounds;
mod condition;
mod opens;
mod set;

use condition::{Test, is_about_names, known_at_birth};
use opens::is_exec;

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
    /// What is asked of operations of `io_uring` outside of syscalls; its first step is also that of the `io_uring` list.
    pub ring: Entry,
    /// The sets of syscalls that steps ask for.
    pub sets: Vec<abi::Set>,
    /// What `path=` and `inode=` rules watch, and the run of steps of each.
    pub watches: BTreeMap<Watched, u32>,
    /// The labels of `subj_role=`, by their number in the steps.
    pub roles: Vec<Vec<u8>>,
    /// The directories of `dir=`, by their number in the steps.
    pub trees: Vec<Vec<u8>>,
    /// The key of each rule, by the rule's number in the steps.
    pub keys: Vec<Option<Vec<u8>>>,
    /// Filesystems (magic numbers) whose names are left out of events: the filesystem list.
    pub hidden_filesystems: Vec<u32>,
}

impl Tables {
    /// Whether there is anything whose name, tree or inode the programs follow.
    pub fn are_followed(&self) -> bool {
        !(self.exes.is_empty() && self.watches.is_empty() && self.trees.is_empty())
    }

    /// Leaves these syscalls (by [`node`]) to their stubs, where the program at every syscall's exit judges others.
    pub fn leave_to_stubs(&mut self, nodes: impl Iterator<Item = usize>) {
        for node in nodes {
            self.index[node].needs |= abi::HAS_STUB;
        }
    }
}

/// What a rule of the second phase watches (`audit_filter_inodes` in `kernel/auditsc.c`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watched {
    /// `path=`, `-w`: whatever inode has this name at present. Of several paths to one name it is the canonical one.
    Path(Vec<u8>),
    /// `inode=`: any inode with these low 32 bits, on any device.
    Inode(u32),
}

impl Watched {
    fn of(rule: &Rule, watches: &Watches) -> Option<Self> {
        if let Some(path) = rule.condition(Field::Path).and_then(Condition::text) {
            return Some(Self::Path(watches.canonical(path).to_vec()));
        }
        let inode = rule.condition(Field::Inode).filter(|condition| condition.op() == Op::Eq)?;
        inode.number().map(Self::Inode)
    }
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
    /// More labels than a generation holds.
    #[error("the rules name {0} labels (subj_role=), the in-kernel filter holds {max}", max = abi::ROLES)]
    Roles(usize),
    /// More sets of syscalls than a generation holds.
    #[error("the watches name {0} different sets of syscalls, the in-kernel filter holds {max}", max = abi::SETS)]
    Sets(usize),
    /// More watched files than a generation holds.
    #[error("the rules watch {0} files, the in-kernel filter holds {max}", max = abi::WATCHES / abi::GENERATIONS)]
    Watches(usize),
    /// More directories than a generation holds.
    #[error("the rules name {0} directories (dir=), the in-kernel filter holds {max}", max = abi::TREES)]
    Trees(usize),
}

/// The number of a path or label in a list that holds each once.
fn number_of(numbers: &mut HashMap<Vec<u8>, u32>, list: &mut Vec<Vec<u8>>, path: &[u8]) -> u32 {
    if let Some(&number) = numbers.get(path) {
        return number;
    }
    let number = list.len() as u32;
    list.push(path.to_vec());
    numbers.insert(path.to_vec(), number);
    number
}

/// What rules that trampolines serve ask of the names of one syscall.
fn name_needs(first_phase: &[usize], watched: bool, rules: &[Rule], plan: &Plan, lookups: Lookups) -> u16 {
    if lookups == Lookups::None && !watched {
        return 0;
    }
    let mut needs = 0;
    let mut only_hits = lookups == Lookups::One;
    let served = |rule: &&usize| plan.assignments()[**rule].engine == EngineKind::Trampoline;
    for rule in first_phase.iter().filter(served).map(|&rule| &rules[rule]) {
        let by_directory = rule.condition(Field::Dir).is_some();
        let judges = rule.conditions().iter().any(is_about_names);
        if judges || rule.action() == Action::Always {
            needs |= abi::NEED_NAMES;
            only_hits &= by_directory;
        }
    }
    if watched {
        needs |= abi::NEED_WATCH;
    }
    if needs != 0 && only_hits {
        needs |= abi::NEED_HIT;
    }
    needs
}

struct Builder<'w> {
    watches: &'w Watches,
    tables: Tables,
    exe_numbers: HashMap<Vec<u8>, u32>,
    role_numbers: HashMap<Vec<u8>, u32>,
    tree_numbers: HashMap<Vec<u8>, u32>,
    set_numbers: HashMap<abi::Set, u32>,
    placed: HashMap<Vec<usize>, u32>,
}

impl<'w> Builder<'w> {
    fn new(watches: &'w Watches) -> Self {
        Self {
            watches,
            tables: Tables::default(),
            exe_numbers: HashMap::new(),
            role_numbers: HashMap::new(),
            tree_numbers: HashMap::new(),
            set_numbers: HashMap::new(),
            placed: HashMap::new(),
        }
    }

    fn exe(&mut self, path: &[u8]) -> u32 {
        number_of(&mut self.exe_numbers, &mut self.tables.exes, self.watches.canonical(path))
    }

    fn role(&mut self, name: &[u8]) -> u32 {
        number_of(&mut self.role_numbers, &mut self.tables.roles, name)
    }

    fn tree(&mut self, path: &[u8]) -> u32 {
        number_of(&mut self.tree_numbers, &mut self.tables.trees, path)
    }

    /// The number of a set.
    fn set(&mut self, set: &abi::Set) -> u32 {
        if let Some(&number) = self.set_numbers.get(set) {
            return number;
        }
        let number = self.tables.sets.len() as u32;
        self.tables.sets.push(*set);
        self.set_numbers.insert(*set, number);
        number
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

/// Lowers the rules that `plan` gives to eBPF programs, and the lists that concern its records. `resolved` has their paths.
pub fn lower(
    rules: &[Rule],
    plan: &Plan,
    services: &Services,
    resolved: &Watches,
) -> Result<Tables, LowerError> {
    let mut builder = Builder::new(resolved);
    builder.tables.steps.push(Step::default());
    builder.tables.steps.push(Step { op: abi::Op::False as u8, ..Step::default() });
    builder.tables.keys = rules.iter().map(|rule| rule.key().map(<[u8]>::to_vec)).collect();
    let mut needs = vec![0u16; rules.len()];
    let mut tests = Vec::with_capacity(rules.len());
    let mut by_syscall: Vec<Vec<usize>> = vec![Vec::new(); ARCHES.len() * abi::SYSCALLS];
    let mut watched: Vec<Option<u16>> = vec![None; ARCHES.len() * abi::SYSCALLS];
    // what watches name otherwise than by a class of `perm=`
    let mut watched_by_number = vec![false; ARCHES.len() * abi::SYSCALLS];
    let mut by_watched: BTreeMap<Watched, Vec<usize>> = BTreeMap::new();
    let (mut task, mut exclude, mut ring) = (Vec::new(), Vec::new(), Vec::new());
    let mut watches_outside = 0;
    for (index, (rule, assignment)) in rules.iter().zip(plan.assignments()).enumerate() {
        // what never matches has its number and its key, and no steps
        let ours = assignment.engine.is_ours() && assignment.never.is_none();
        let object = if ours && rule.list() == List::Exit { Watched::of(rule, resolved) } else { None };
        let nodes = if ours { plan.scopes().nodes_of_rule(index) } else { &[] };
        let mut mine = Vec::new();
        if object.is_some() {
            let set = set::of_watch(rule, nodes);
            if set.words[abi::ARCHES] != [0; abi::SYSCALLS / 32] {
                watches_outside |= abi::NEED_NAMES | abi::NEED_WATCH;
            }
            mine.push(Test::new(0, abi::Op::Named, builder.set(&set)));
        }
        if ours && rule.list() == List::IoUring {
            mine.push(Test::new(0, abi::Op::Named, builder.set(&set::of_operations(rule))));
        }
        if assignment.never.is_some() {
            mine = vec![Test::constant(false)];
        } else if ours || rule.list() == List::Exclude {
            for condition in rule.conditions() {
                if rule.list() == List::Task && !known_at_birth(condition) {
                    mine.push(Test::constant(false));
                } else {
                    mine.extend(condition::tests(&mut builder, condition, &mut needs[index]));
                }
            }
        }
        tests.push(mine);
        match rule.list() {
            List::Exit if ours => match object {
                Some(object) => {
                    for &at in nodes {
                        *watched[at].get_or_insert(0) |= needs[index];
                        watched_by_number[at] |= rule.condition(Field::Perm).is_none();
                    }
                    by_watched.entry(object).or_default().push(index);
                }
                None => nodes.iter().for_each(|&at| by_syscall[at].push(index)),
            },
            List::Task if ours => task.push(index),
            List::IoUring if ours => ring.push(index),
            // the kernel never matches a rule without fields on this list
            List::Exclude if !rule.conditions().is_empty() => exclude.push(index),
            List::Filesystem => {
                let magic = rule.condition(Field::FsType).and_then(Condition::number);
                builder.tables.hidden_filesystems.extend(magic);
            }
            _ => {}
        }
    }
    let ring_nodes: Vec<usize> = (0..ARCHES.len()).filter_map(ring_node).collect();
    let mut index = vec![Entry::default(); ARCHES.len() * abi::SYSCALLS];
    for (at, list) in by_syscall.into_iter().enumerate() {
        let (arch, number) = (at / abi::SYSCALLS, (at % abi::SYSCALLS) as u32);
        let lookups = services.lookups(arch, number);
        let names = name_needs(&list, watched[at].is_some(), rules, plan, lookups);
        let family = services.get(arch, number).family();
        let is_by_trampolines = |&rule: &usize| plan.assignments()[rule].engine == EngineKind::Trampoline;
        let by_trampolines = watched[at].is_some() || list.iter().any(is_by_trampolines);
        let address = if by_trampolines && family.has_address() { abi::NEED_ADDRESS } else { 0 };
        let by_watch = watched[at].unwrap_or_default() | address;
        let names_of_watches = name_needs(&[], watched[at].is_some(), rules, plan, lookups);
        let (first, needs) = builder.place(list.clone(), rules, &needs, &tests);
        let mut entry =
            Entry { first, needs: needs | names | by_watch, family: family as u16, ..Entry::default() };
        // operations of a ring are judged with credentials of their own
        if !ring_nodes.contains(&at) {
            let run = list.iter().map(|&rule| tests[rule].as_slice());
            bounds::set(&mut entry, names_of_watches | by_watch, &run);
        }
        index[at] = entry;
    }
    if index.iter().any(|entry| is_exec(entry) && (entry.first != 0 || entry.needs != 0)) {
        for entry in index.iter_mut().filter(|entry| is_exec(entry) && entry.first == 0) {
            entry.first = abi::STEP_FALSE;
        }
    }
    if !ring.is_empty() {
        builder.tables.ring.needs = abi::NEED_NAMES;
        // what is found out of the operations is told at the syscall's exit
        for &at in &ring_nodes {
            index[at].needs |= abi::NEED_NAMES;
            index[at].family = Family::Ring as u16;
            if index[at].first == 0 {
                index[at].first = abi::STEP_FALSE;
            }
        }
        builder.tables.ring.first = builder.place(ring, rules, &needs, &tests).0;
    }
    builder.tables.ring.needs |= watches_outside;
    if ring_nodes.iter().any(|&at| index[at].first != 0 || index[at].needs != 0) {
        builder.tables.flags |= abi::CONFIG_RING;
    }
    builder.tables.flags |= opens::flags(&index, &watched_by_number);
    builder.tables.index = index;
    for (object, list) in by_watched {
        if matches!(object, Watched::Inode(_)) {
            builder.tables.flags |= abi::CONFIG_INODES;
        }
        let (first, _) = builder.place(list, rules, &needs, &tests);
        builder.tables.watches.insert(object, first);
    }
    if !builder.tables.trees.is_empty() {
        builder.tables.flags |= abi::CONFIG_TREES;
    }
    if !builder.tables.roles.is_empty() {
        builder.tables.flags |= abi::CONFIG_ROLES;
    }
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
    if tables.roles.len() > abi::ROLES {
        return Err(LowerError::Roles(tables.roles.len()));
    }
    if tables.sets.len() > abi::SETS {
        return Err(LowerError::Sets(tables.sets.len()));
    }
    if tables.watches.len() > abi::WATCHES / abi::GENERATIONS {
        return Err(LowerError::Watches(tables.watches.len()));
    }
    if tables.trees.len() > abi::TREES {
        return Err(LowerError::Trees(tables.trees.len()));
    }
    Ok(tables)
}

/// Whether the exclude list dropped records of this type from an event.
pub const fn is_excluded(excluded: u32, record: Record) -> bool {
    excluded & (1 << record as u32) != 0
}

#[cfg(test)]
mod tests;
