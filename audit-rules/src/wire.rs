//! `struct audit_rule_data` of `<linux/audit.h>`: a rule as it travels over netlink, in native byte order.
//!
//! ```text
//!    0  flags         list number, 0x10 to prepend
//!    4  action
//!    8  field_count
//!   12  mask[64]
//!  268  fields[64]
//!  524  values[64]      numbers; lengths of texts
//!  780  fieldflags[64]  operators
//! 1036  buflen
//! 1040  buf             texts one after the other, without separators
//! ```

use thiserror::Error;

use crate::{
    check::Refusal,
    field::{Field, Op},
    list::{Action, List, PREPEND},
    rule::{Condition, Draft, MAX_FIELDS, Rule, Value},
    syscalls::SyscallSet,
};

/// Size of the part before the texts, in bytes.
pub const HEADER_SIZE: usize = 1040;

const MASK: usize = 3;
const FIELDS: usize = MASK + SyscallSet::WORDS;
const VALUES: usize = FIELDS + MAX_FIELDS;
const OPERATORS: usize = VALUES + MAX_FIELDS;
const BUFFER_LENGTH: usize = OPERATORS + MAX_FIELDS;

/// Why bytes are not a rule. The kernel answers `EINVAL` to all of these.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WireError {
    /// Shorter than the header, or than the header says the whole is.
    #[error("a rule of {0} bytes is cut short")]
    Short(usize),
    /// No such list.
    #[error("there is no list {0}")]
    List(u32),
    /// No such action.
    #[error("there is no action {0}")]
    Action(u32),
    /// No such field.
    #[error("there is no field {0}")]
    Field(u32),
    /// No such operator.
    #[error("there is no operator {0:#x}")]
    Operator(u32),
    /// Well-formed, but the kernel would not take it.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Draft {
    /// The wire form; `prepend` asks for the front of the list. At most [`MAX_FIELDS`] conditions are written: a
    /// draft with more cannot be sent at all.
    pub fn encode(&self, prepend: bool) -> Vec<u8> {
        let mut words = [0u32; HEADER_SIZE / 4];
        words[0] = self.list.number() | if prepend { PREPEND } else { 0 };
        words[1] = self.action.number();
        words[2] = self.conditions.len().min(MAX_FIELDS) as u32;
        words[MASK..FIELDS].copy_from_slice(self.syscalls.words());
        let mut texts = Vec::new();
        for (at, condition) in self.conditions.iter().take(MAX_FIELDS).enumerate() {
            words[FIELDS + at] = condition.field().number();
            words[OPERATORS + at] = condition.op().number();
            words[VALUES + at] = match condition.value() {
                Value::Number(number) => *number,
                Value::Text(text) => {
                    texts.extend_from_slice(text);
                    text.len() as u32
                }
            };
        }
        words[BUFFER_LENGTH] = texts.len() as u32;
        let mut bytes = vec![0; HEADER_SIZE + texts.len()];
        for (to, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
            *to = word.to_ne_bytes();
        }
        bytes[HEADER_SIZE..].copy_from_slice(&texts);
        bytes
    }

    /// Reads the wire form, unchecked; the flag is whether the front of the list was asked for.
    pub fn decode(bytes: &[u8]) -> Result<(Self, bool), WireError> {
        let (words, texts) = bytes.split_at_checked(HEADER_SIZE).ok_or(WireError::Short(bytes.len()))?;
        let word = |at: usize| {
            let mut four = [0; 4];
            four.copy_from_slice(&words[at * 4..at * 4 + 4]);
            u32::from_ne_bytes(four)
        };
        let mut texts = texts.get(..word(BUFFER_LENGTH) as usize).ok_or(WireError::Short(bytes.len()))?;
        let list = word(0) & !PREPEND;
        let list = List::from_number(list).ok_or(WireError::List(list))?;
        let action = Action::from_number(word(1)).ok_or(WireError::Action(word(1)))?;
        let count = word(2) as usize;
        if count > MAX_FIELDS {
            return Err(Refusal::TooManyFields.into());
        }
        let mut conditions = Vec::with_capacity(count);
        for at in 0..count {
            let number = word(FIELDS + at);
            let field = Field::from_number(number).ok_or(WireError::Field(number))?;
            let number = word(OPERATORS + at);
            let op = Op::from_number(number).ok_or(WireError::Operator(number))?;
            let number = word(VALUES + at);
            let value = if field.is_text() {
                let (text, rest) =
                    texts.split_at_checked(number as usize).ok_or(WireError::Short(bytes.len()))?;
                texts = rest;
                Value::Text(text.to_vec())
            } else {
                Value::Number(number)
            };
            conditions.push(Condition::new(field, op, value)?);
        }
        let syscalls = SyscallSet::from_words(std::array::from_fn(|at| word(MASK + at)));
        Ok((Self { list, action, syscalls, conditions }, word(0) & PREPEND != 0))
    }
}

impl Rule {
    /// The wire form, as the kernel gives it back for `AUDIT_LIST_RULES` and takes it for `AUDIT_ADD_RULE` and
    /// `AUDIT_DEL_RULE`. To prepend a rule use `rule.draft().encode(true)`.
    pub fn encode(&self) -> Vec<u8> {
        self.draft().encode(false)
    }

    /// Reads and checks the wire form. A request to prepend is not part of the rule; see [`Draft::decode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        Ok(Self::new(Draft::decode(bytes)?.0)?)
    }
}

#[cfg(test)]
mod tests {
    use super::{HEADER_SIZE, Rule, WireError};
    use crate::{Action, Condition, Draft, Field, List, Op, SyscallSet, Value};

    fn rule() -> Rule {
        let text = |text: &str| Value::Text(text.into());
        let conditions = [
            (Field::Path, Op::Eq, text("/etc/shadow")),
            (Field::Perm, Op::Eq, Value::Number(2)),
            (Field::Key, Op::Eq, text("shadow")),
        ]
        .map(|(field, op, value)| Condition::new(field, op, value).expect("fits"));
        Rule::new(Draft {
            list: List::Exit,
            action: Action::Always,
            syscalls: SyscallSet::all(),
            conditions: conditions.to_vec(),
        })
        .expect("legal")
    }

    #[test]
    fn layout_is_the_kernels() {
        let bytes = rule().encode();
        assert_eq!(bytes.len(), HEADER_SIZE + 17);
        let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four"));
        assert_eq!((word(0), word(4), word(8)), (4, 2, 3));
        assert_eq!((word(268), word(272), word(276)), (105, 106, 210));
        assert_eq!((word(524), word(528), word(532)), (11, 2, 6));
        assert_eq!(word(780), 0x4000_0000);
        assert_eq!((word(1036), &bytes[1040..]), (17, &b"/etc/shadowshadow"[..]));
        assert_eq!(Rule::decode(&bytes), Ok(rule()));
    }

    #[test]
    fn damage_is_named() {
        let bytes = rule().encode();
        assert_eq!(Rule::decode(&bytes[..100]), Err(WireError::Short(100)));
        assert_eq!(Rule::decode(&bytes[..bytes.len() - 1]), Err(WireError::Short(bytes.len() - 1)));
        let with = |at: usize, word: u32| {
            let mut bytes = bytes.clone();
            bytes[at..at + 4].copy_from_slice(&word.to_ne_bytes());
            Rule::decode(&bytes)
        };
        assert_eq!(with(0, 2), Err(WireError::List(2)));
        assert_eq!(with(4, 1), Err(WireError::Action(1)));
        assert_eq!(with(268, 24), Err(WireError::Field(24)));
        assert_eq!(with(780, 0), Err(WireError::Operator(0)));
        assert_eq!(with(524, u32::MAX), Err(WireError::Short(bytes.len())));
        assert!(with(8, 65).is_err());
    }
}
