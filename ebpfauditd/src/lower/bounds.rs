//! The bounds of a run of steps: numbers of one fact that every rule of the run asks for. Outside of them none matches, and the run
//! is not gone through.

use std::mem::offset_of;

use kern::abi::{self, Entry, Event, Family};

use super::condition::Test;

/// The index of a 32-bit word of [`Event`].
macro_rules! fact {
    ($field:ident) => {
        (offset_of!(Event, $field) / 4) as u8
    };
}

/// Facts that no syscall with names changes: known before its names are looked up.
const LASTING: [u8; 2] = [fact!(auid), fact!(ses)];

/// Facts that may have bounds, the ones that spare most first.
const FACTS: [u8; 10] = [
    LASTING[0],
    LASTING[1],
    fact!(uid),
    fact!(euid),
    fact!(gid),
    fact!(suid),
    fact!(fsuid),
    fact!(egid),
    fact!(sgid),
    fact!(fsgid),
];

/// The numbers from the first to the second.
type Range = (u32, u32);

const ALL: Range = (0, u32::MAX);

/// What of a range a comparison leaves; `None`: nothing. What is taken out in the middle stays.
fn narrowed((low, high): Range, test: Test) -> Option<Range> {
    let operand = test.operand;
    let (low, high) = match test.op {
        abi::Op::Eq => (low.max(operand), high.min(operand)),
        abi::Op::Lt => (low, high.min(operand.checked_sub(1)?)),
        abi::Op::Le => (low, high.min(operand)),
        abi::Op::Gt => (low.max(operand.checked_add(1)?), high),
        abi::Op::Ge => (low.max(operand), high),
        abi::Op::Ne if low == operand => (low.checked_add(1)?, high),
        abi::Op::Ne if high == operand => (low, high.checked_sub(1)?),
        _ => (low, high),
    };
    (low <= high).then_some((low, high))
}

/// The numbers of a fact for which a rule may match; `None`: it never does.
fn of_rule(fact: u8, tests: &[Test]) -> Option<Range> {
    let mine = || tests.iter().copied().filter(|test| test.fact == fact && test.flags & abi::STEP_NAME == 0);
    let is_hole = |test: &Test| test.op == abi::Op::Ne;
    // what takes one number out comes last: it may lie at an end of what the others leave
    let mut ordered = mine().filter(|test| !is_hole(test)).chain(mine().filter(is_hole));
    ordered.try_fold(ALL, narrowed)
}

/// The fact on which the rules of a run have bounds, and these.
fn of_run<'a>(run: &(impl Iterator<Item = &'a [Test]> + Clone)) -> Option<(u8, Range)> {
    let around = |fact: u8| {
        let ranges = run.clone().filter_map(|tests| of_rule(fact, tests));
        ranges.reduce(|one, two| (one.0.min(two.0), one.1.max(two.1))).filter(|&range| range != ALL)
    };
    FACTS.into_iter().find_map(|fact| Some((fact, around(fact)?)))
}

/// Gives an entry the bounds of its run. `spared` is what it needs without the run.
pub(super) fn set<'a>(entry: &mut Entry, spared: u16, run: &(impl Iterator<Item = &'a [Test]> + Clone)) {
    // these are judged at moments or of registers of their own
    let apart = [Family::Exit, Family::Return];
    if apart.iter().any(|&family| entry.family == family as u16) {
        return;
    }
    if let Some((fact, (low, high))) = of_run(run) {
        entry.fact = u16::from(fact);
        entry.low = low;
        entry.span = high - low;
        entry.spared = if LASTING.contains(&fact) { spared } else { entry.needs };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(fact: u8, op: abi::Op, operand: u32) -> Test {
        Test::new(fact, op, operand)
    }

    fn bounds(run: &[Vec<Test>]) -> Option<(u8, Range)> {
        of_run(&run.iter().map(Vec::as_slice))
    }

    #[test]
    fn a_login_that_is_set() {
        let set = [test(fact!(auid), abi::Op::Ne, u32::MAX), test(fact!(auid), abi::Op::Ge, 1000)];
        assert_eq!(bounds(&[set.to_vec()]), Some((fact!(auid), (1000, u32::MAX - 1))));
    }

    #[test]
    fn all_rules_lie_within() {
        let users = [7, 3, 5].map(|uid| vec![test(fact!(uid), abi::Op::Eq, uid)]);
        assert_eq!(bounds(&users), Some((fact!(uid), (3, 7))));
        let mut others = users.to_vec();
        others.push(vec![test(fact!(gid), abi::Op::Eq, 1)]);
        assert_eq!(bounds(&others), None);
    }

    #[test]
    fn a_rule_that_never_matches_has_no_say() {
        let never = vec![test(fact!(uid), abi::Op::Lt, 0)];
        let one = vec![test(fact!(uid), abi::Op::Eq, 1)];
        assert_eq!(bounds(&[never.clone(), one]), Some((fact!(uid), (1, 1))));
        assert_eq!(bounds(&[never]), None);
    }

    #[test]
    fn holes_in_the_middle_do_not_count() {
        let hole = vec![test(fact!(uid), abi::Op::Ne, 5)];
        assert_eq!(bounds(&[hole]), None);
        let edge = vec![test(fact!(uid), abi::Op::Ne, 0)];
        assert_eq!(bounds(&[edge]), Some((fact!(uid), (1, u32::MAX))));
    }

    #[test]
    fn a_name_is_not_a_fact_of_the_event() {
        let owner = Test { flags: abi::STEP_NAME, ..test(fact!(uid), abi::Op::Eq, 5) };
        assert_eq!(bounds(&[vec![owner]]), None);
    }
}
