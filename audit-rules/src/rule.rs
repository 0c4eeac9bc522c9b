//! Rules: what was asked for ([`Draft`]) and what the kernel would store ([`Rule`]).

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::{
    check::{Refusal, kernel_check},
    field::{Field, Op},
    list::{Action, List},
    syscalls::SyscallSet,
    table::perm::expand_classes,
};

/// Byte between two keys of one rule (`AUDIT_KEY_SEPARATOR`).
pub const KEY_SEPARATOR: u8 = 1;
/// Longest key, separators included, in bytes (`AUDIT_MAX_KEY_LEN`).
pub const MAX_KEY: usize = 256;
/// Most fields in a rule (`AUDIT_MAX_FIELDS`); the tools stop at one less.
pub const MAX_FIELDS: usize = 64;
/// Longest text value in bytes (the kernel's `PATH_MAX`; the terminating zero is not counted by rules).
pub const PATH_MAX: usize = 4096;

/// The value of a condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// A number; negative ones (`exit=-2`) as two's complement.
    Number(u32),
    /// The text of a path, program, key or part of a security label.
    Text(Vec<u8>),
}

/// One field of a rule with its operator and value. The value's kind always fits the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    field: Field,
    op: Op,
    value: Value,
}

impl Hash for Condition {
    /// Of few large pieces: rules are looked up by the thousand, and what a hash takes is by the piece.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let head = u64::from(self.field.number()) << 40 | (self.op as u64) << 32;
        match &self.value {
            Value::Number(number) => state.write_u64(head | u64::from(*number)),
            Value::Text(text) => {
                state.write_u64(head | text.len() as u64);
                state.write(text);
            }
        }
    }
}

impl Condition {
    /// A condition; refused if the value is a number where the field takes text or the other way round, or if a
    /// text is empty, longer than [`PATH_MAX`] or holds a zero byte.
    pub fn new(field: Field, op: Op, value: Value) -> Result<Self, Refusal> {
        let fits = match &value {
            Value::Number(_) => !field.is_text(),
            Value::Text(text) => {
                field.is_text() && !text.is_empty() && text.len() <= PATH_MAX && !text.contains(&0)
            }
        };
        if fits { Ok(Self { field, op, value }) } else { Err(Refusal::Value(field)) }
    }

    /// The field that is looked at.
    pub const fn field(&self) -> Field {
        self.field
    }

    /// The operator.
    pub const fn op(&self) -> Op {
        self.op
    }

    /// What the field is compared with.
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// The value, if it is a number.
    pub const fn number(&self) -> Option<u32> {
        match self.value {
            Value::Number(number) => Some(number),
            Value::Text(_) => None,
        }
    }

    /// The value, if it is text.
    pub fn text(&self) -> Option<&[u8]> {
        match &self.value {
            Value::Number(_) => None,
            Value::Text(text) => Some(text),
        }
    }
}

/// A rule as it was asked for, before the kernel's checks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Draft {
    /// The list it is to go on.
    pub list: List,
    /// What it decides.
    pub action: Action,
    /// System calls as sent: may hold the class numbers 2032 to 2047.
    pub syscalls: SyscallSet,
    /// The conditions in the order in which they were given, the key last unless it was given as `key!=`.
    pub conditions: Vec<Condition>,
}

/// A rule as the kernel stores it and gives it back when asked for its rules.
///
/// Two rules are equal when the kernel would call them the same rule: list, action, system calls, and conditions in
/// order. Copies share what they hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule(Arc<Draft>);

impl Rule {
    /// Checks `draft` as the kernel does and stores it as the kernel does: class numbers in the mask become the calls
    /// of their classes.
    pub fn new(draft: Draft) -> Result<Self, Refusal> {
        Self::checked(draft).map_err(|refused| refused.0)
    }

    /// The same; a draft that is refused comes back.
    pub(crate) fn checked(mut draft: Draft) -> Result<Self, Box<(Refusal, Draft)>> {
        if let Err(refusal) = kernel_check(&draft) {
            return Err(Box::new((refusal, draft)));
        }
        draft.syscalls = expand_classes(&draft.syscalls);
        Ok(Self(Arc::new(draft)))
    }

    /// A number that this rule and its copies have, and no other rule that is there at the same time, equal or not.
    pub fn identity(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// The list it is on.
    pub fn list(&self) -> List {
        self.0.list
    }

    /// What it decides.
    pub fn action(&self) -> Action {
        self.0.action
    }

    /// The system calls (or `io_uring` operations) it is for. Full on lists that have none; empty on the task list.
    pub fn syscalls(&self) -> &SyscallSet {
        &self.0.syscalls
    }

    /// The conditions, in stored order, the key included.
    pub fn conditions(&self) -> &[Condition] {
        &self.0.conditions
    }

    /// The condition on `field`, the first if there are several.
    pub fn condition(&self, field: Field) -> Option<&Condition> {
        self.conditions().iter().find(|condition| condition.field == field)
    }

    /// The key as it is stored: several keys are joined with [`KEY_SEPARATOR`].
    pub fn key(&self) -> Option<&[u8]> {
        self.condition(Field::Key).and_then(Condition::text)
    }

    /// The single keys.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.key()
            .into_iter()
            .flat_map(|key| key.split(|&byte| byte == KEY_SEPARATOR))
            .filter(|key| !key.is_empty())
    }

    /// What `-l -k KEY` and `-D -k KEY` ask: whether `part` occurs in the stored key.
    pub fn key_contains(&self, part: &[u8]) -> bool {
        part.is_empty() || self.key().is_some_and(|key| key.windows(part.len()).any(|at| at == part))
    }

    /// The path of a watch: the value of `path` or `dir`.
    pub fn watched(&self) -> Option<&[u8]> {
        self.condition(Field::Path).or_else(|| self.condition(Field::Dir)).and_then(Condition::text)
    }

    /// The rule as it was sent, but for class numbers.
    pub fn draft(&self) -> &Draft {
        &self.0
    }

    /// The draft again, to change it.
    pub fn into_draft(self) -> Draft {
        Arc::unwrap_or_clone(self.0)
    }
}

impl TryFrom<Draft> for Rule {
    type Error = Refusal;

    fn try_from(draft: Draft) -> Result<Self, Refusal> {
        Self::new(draft)
    }
}
