//! What each rule has decided, and how often the syscalls that it names were judged.
//!
//! The programs count by the number that a rule has in a generation. When the tables of a generation are to be filled anew, its counts
//! go over to the rules, by identity: one that was deleted and added again begins at 0.

use std::collections::HashMap;

use audit_rules::{List, Rule};
use aya::Ebpf;
use aya::maps::PerCpuArray;
use kern::abi;

use super::error::{EngineError, map_error};
use super::value::SheetValue;
use super::{Engine, batch};
use crate::plan::{Scopes, nodes};

const TALLIES: &str = "ea_tallies";
/// Elements of a generation's tallies.
const SHEETS: usize = abi::TALLIES / abi::SHEET;
const BLANK: SheetValue = SheetValue(abi::Sheet { tallies: [abi::Tally { hits: 0, last: 0 }; abi::SHEET] });
const EVALUATIONS: &str = "ea_evaluations";

/// What is known of one rule since it was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleTally {
    /// How often it decided.
    pub hits: u64,
    /// When it did last, `CLOCK_MONOTONIC` in ns; 0: never.
    pub last: u64,
    /// How often a syscall that it names was judged.
    pub evaluations: u64,
}

/// The counts that are not in the programs' tables any more.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    /// The rules of each generation's tables, by their numbers.
    slots: [Vec<Rule>; abi::GENERATIONS],
    /// By identity. `evaluations` is what the syscalls were judged before the rule was loaded.
    past: HashMap<usize, RuleTally>,
}

impl Tallies {
    /// Takes over what the tables of a generation have, which is not in use any more.
    pub(super) fn retire(&mut self, ebpf: &Ebpf, slot: usize) -> Result<(), EngineError> {
        let sheets = read(ebpf, slot, self.slots[slot].len())?;
        for (rule, tally) in self.slots[slot].iter().zip(tallies(&sheets)).filter(|(_, tally)| tally.hits > 0)
        {
            // A rule that is not in force any more is not there either.
            if let Some(past) = self.past.get_mut(&rule.identity()) {
                add(past, *tally);
            }
        }
        batch::write(ebpf, TALLIES, slot * SHEETS, &vec![BLANK; sheets.len()])
    }

    /// What these rules, whose scopes are those, begin with when they become live: what they have decided already, if they are known.
    pub(super) fn known(
        &self,
        ebpf: &Ebpf,
        rules: &[Rule],
        scopes: &Scopes,
    ) -> Result<HashMap<usize, RuleTally>, EngineError> {
        let mut evaluations = Evaluations::open(ebpf)?;
        let mut of_scopes = vec![None; scopes.all().len()];
        let mut past = HashMap::with_capacity(rules.len());
        for (index, rule) in rules.iter().enumerate() {
            let before = if let Some(before) = self.past.get(&rule.identity()) {
                *before
            } else {
                let scope = scopes.of_rule(index);
                let evaluations = match of_scopes[scope] {
                    Some(count) => count,
                    None => evaluations.of(rule, scopes.nodes(scope))?,
                };
                of_scopes[scope] = Some(evaluations);
                RuleTally { evaluations, ..RuleTally::default() }
            };
            past.insert(rule.identity(), before);
        }
        Ok(past)
    }

    /// These rules are those of the generation that is live now; `known` is what they begin with.
    pub(super) fn begin(&mut self, slot: usize, rules: &[Rule], known: HashMap<usize, RuleTally>) {
        self.past = known;
        self.slots[slot] = rules.to_vec();
    }

    /// What the rules of the live generation have decided, in their order.
    pub(super) fn of_live(&self, ebpf: &Ebpf, live: usize) -> Result<Vec<RuleTally>, EngineError> {
        let mut sums = self.past.clone();
        for (slot, rules) in self.slots.iter().enumerate() {
            let sheets = read(ebpf, slot, rules.len())?;
            for (rule, tally) in rules.iter().zip(tallies(&sheets)) {
                if let Some(sum) = sums.get_mut(&rule.identity()) {
                    add(sum, *tally);
                }
            }
        }
        let mut evaluations = Evaluations::open(ebpf)?;
        let mut tallies = Vec::with_capacity(self.slots[live].len());
        for rule in &self.slots[live] {
            let sum = sums.get(&rule.identity()).copied().unwrap_or_default();
            let evaluations = evaluations.of(rule, &nodes(rule))?.saturating_sub(sum.evaluations);
            tallies.push(RuleTally { evaluations, ..sum });
        }
        Ok(tallies)
    }
}

impl Engine {
    /// What the rules in force have decided since each was loaded, in their order.
    pub fn tallies(&self) -> Result<Vec<RuleTally>, EngineError> {
        self.tallies.of_live(&self.ebpf, self.live() as usize)
    }
}

fn add(sum: &mut RuleTally, tally: abi::Tally) {
    sum.hits += tally.hits;
    sum.last = sum.last.max(tally.last);
}

/// The sheets of so many rules of a generation, or of as many as are counted.
fn read(ebpf: &Ebpf, slot: usize, rules: usize) -> Result<Vec<SheetValue>, EngineError> {
    batch::read(ebpf, TALLIES, slot * SHEETS, BLANK, rules.div_ceil(abi::SHEET).min(SHEETS))
}

fn tallies(sheets: &[SheetValue]) -> impl Iterator<Item = &abi::Tally> {
    sheets.iter().flat_map(|sheet| &sheet.0.tallies)
}

/// How often syscalls were judged, each asked for once.
struct Evaluations<'a> {
    map: PerCpuArray<&'a aya::maps::MapData, u64>,
    known: HashMap<usize, u64>,
}

impl<'a> Evaluations<'a> {
    fn open(ebpf: &'a Ebpf) -> Result<Self, EngineError> {
        let found = ebpf.map(EVALUATIONS).ok_or_else(|| EngineError::no_map(EVALUATIONS))?;
        let map = PerCpuArray::try_from(found).map_err(map_error("open", EVALUATIONS))?;
        Ok(Self { map, known: HashMap::new() })
    }

    /// The sum over the syscalls that a rule of the exit list names: `nodes`.
    fn of(&mut self, rule: &Rule, nodes: &[usize]) -> Result<u64, EngineError> {
        if rule.list() != List::Exit {
            return Ok(0);
        }
        let mut sum = 0;
        for &node in nodes {
            let known = self.known.get(&node).copied();
            sum += if let Some(count) = known {
                count
            } else {
                let counts = self.map.get(&(node as u32), 0).map_err(map_error("read", EVALUATIONS))?;
                let count = counts.iter().sum();
                self.known.insert(node, count);
                count
            };
        }
        Ok(sum)
    }
}
