//! A condition of a rule as tests of the in-kernel filter.

use std::mem::offset_of;

use audit_rules::{Comparison, Condition, Field, Op};
use kern::abi::{self, Event, NameFact};

use super::Builder;
use crate::role;

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
pub(super) struct Test {
    pub(super) fact: u8,
    pub(super) op: abi::Op,
    pub(super) flags: u8,
    pub(super) operand: u32,
}

impl Test {
    pub(super) const fn new(fact: u8, op: abi::Op, operand: u32) -> Self {
        Self { fact, op, flags: 0, operand }
    }

    pub(super) const fn constant(truth: bool) -> Self {
        Self::new(0, if truth { abi::Op::True } else { abi::Op::False }, 0)
    }

    /// A test of the names that the syscall looked up.
    const fn of_name(fact: NameFact, op: abi::Op, operand: u32) -> Self {
        Self { fact: fact as u8, op, flags: abi::STEP_NAME, operand }
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
pub(super) fn known_at_birth(condition: &Condition) -> bool {
    let field = condition.field();
    matches!(field, Field::Pid | Field::Pers | Field::SessionId | Field::Key | Field::SubjRole)
        || (field.is_user() && field != Field::ObjUid)
        || (field.is_group() && field != Field::ObjGid)
}

/// The fact of a name that a field asks for.
const fn name_fact(field: Field) -> Option<NameFact> {
    Some(match field {
        Field::Inode => NameFact::Inode,
        Field::DevMajor => NameFact::DevMajor,
        Field::DevMinor => NameFact::DevMinor,
        Field::ObjUid => NameFact::Uid,
        Field::ObjGid => NameFact::Gid,
        Field::FileType => NameFact::Type,
        _ => return None,
    })
}

/// Whether the condition is about the names that a syscall looks up.
pub(super) fn is_about_names(condition: &Condition) -> bool {
    let compared = || {
        let pair = condition.number().and_then(Comparison::from_number)?;
        name_fact(pair.fields().1)
    };
    match condition.field() {
        Field::Dir => true,
        Field::Compare => compared().is_some(),
        field => name_fact(field).is_some(),
    }
}

/// `-C`: two facts of the event, or one and the owner of a name.
fn compare(condition: &Condition, needs: &mut u16) -> Option<Test> {
    let op = if condition.op() == Op::Eq { abi::Op::FactEq } else { abi::Op::FactNe };
    let (one, two) = Comparison::from_number(condition.number()?)?.fields();
    let (one, need) = number_fact(one)?;
    *needs |= need;
    if let Some(fact) = name_fact(two) {
        return Some(Test::of_name(fact, op, u32::from(one)));
    }
    let (two, need) = number_fact(two)?;
    *needs |= need;
    Some(Test::new(one, op, u32::from(two)))
}

/// The tests of one condition; what they need gathered is added to `needs`.
pub(super) fn tests(builder: &mut Builder<'_>, condition: &Condition, needs: &mut u16) -> Vec<Test> {
    let field = condition.field();
    let op = condition.op();
    let value = condition.number().unwrap_or_default();
    match field {
        // decided when the index is filled, or by where the rule's steps are
        Field::Arch | Field::Key | Field::Path => Vec::new(),
        Field::Inode if op == Op::Eq => Vec::new(),
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
            let number = builder.exe(condition.text().unwrap_or_default());
            let exe = if op == Op::Eq { abi::Op::ExeEq } else { abi::Op::ExeNe };
            vec![Test::new(0, exe, number)]
        }
        // others are the kernel's alone; without AppArmor the programs know no label, and neither operator matches
        Field::SubjRole if condition.text().is_some_and(role::is_plain) => {
            *needs |= abi::NEED_ROLES;
            let number = builder.role(condition.text().unwrap_or_default());
            let role = if op == Op::Eq { abi::Op::RoleEq } else { abi::Op::RoleNe };
            vec![Test::new(0, role, number)]
        }
        Field::Dir => {
            let number = builder.tree(condition.text().unwrap_or_default());
            vec![Test { fact: 0, op: abi::Op::Tree, flags: abi::STEP_NAME, operand: number }]
        }
        // the syscalls of the classes are in the index; what is left are the flags of an open
        Field::Perm => vec![Test::new(fact!(access), abi::Op::Mask, value)],
        Field::Compare => vec![compare(condition, needs).unwrap_or(Test::constant(false))],
        // The planner sends rules with other fields elsewhere.
        _ => match (number_fact(field), name_fact(field)) {
            (Some((fact, need)), _) => {
                *needs |= need;
                vec![Test::new(fact, plain(op), value)]
            }
            (None, Some(fact)) => vec![Test::of_name(fact, plain(op), value)],
            (None, None) => vec![Test::constant(false)],
        },
    }
}
