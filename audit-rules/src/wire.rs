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
//!
//! Nearly all of that is zeros. Between our own programs, where rules go by the thousand, there is a *short form*: the highest bit of
//! `flags` is set, behind `field_count` comes how many words the mask has here, and the other arrays have `field_count` elements. Of the
//! mask's words the last is that of the class numbers, and the one before it stands for all that are left out between its place and that.

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

/// The bit of `flags` that says that this is the short form; the kernel knows none like it.
const SHORT: u32 = 1 << 31;

/// Where the parts are, in words.
#[derive(Clone, Copy)]
struct Layout {
    mask: usize,
    fields: usize,
    values: usize,
    operators: usize,
    buffer_length: usize,
}

impl Layout {
    const LONG: Self = Self::new(3, SyscallSet::WORDS, MAX_FIELDS);

    const fn new(mask: usize, mask_words: usize, count: usize) -> Self {
        let fields = mask + mask_words;
        let (values, operators) = (fields + count, fields + 2 * count);
        Self { mask, fields, values, operators, buffer_length: operators + count }
    }

    const fn short(mask_words: usize, count: usize) -> Self {
        Self::new(4, mask_words, count)
    }

    /// Bytes before the texts.
    const fn size(self) -> usize {
        (self.buffer_length + 1) * 4
    }
}

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
        self.write(Layout::LONG, self.syscalls.words(), prepend)
    }

    /// The short form, for our own daemon alone. [`decode`](Self::decode) takes it like the other.
    pub fn encode_short(&self, prepend: bool) -> Vec<u8> {
        let [head @ .., classes] = self.syscalls.words();
        let repeated = head.iter().rev().take_while(|&word| Some(word) == head.last()).count();
        let given = head.len() + 1 - repeated;
        let mut mask = *self.syscalls.words();
        mask[given] = *classes;
        let mask = &mask[..=given];
        let layout = Layout::short(mask.len(), self.conditions.len().min(MAX_FIELDS));
        let mut bytes = self.write(layout, mask, prepend);
        let words = bytes.as_chunks_mut().0;
        words[0] = (self.flags(prepend) | SHORT).to_ne_bytes();
        words[3] = (mask.len() as u32).to_ne_bytes();
        bytes
    }

    fn flags(&self, prepend: bool) -> u32 {
        self.list.number() | if prepend { PREPEND } else { 0 }
    }

    fn write(&self, layout: Layout, mask: &[u32], prepend: bool) -> Vec<u8> {
        let conditions = &self.conditions[..self.conditions.len().min(MAX_FIELDS)];
        let texts: usize = conditions.iter().filter_map(Condition::text).map(<[u8]>::len).sum();
        let mut bytes = Vec::with_capacity(layout.size() + texts);
        bytes.resize(layout.size(), 0);
        let words = bytes.as_chunks_mut().0;
        words[0] = self.flags(prepend).to_ne_bytes();
        words[1] = self.action.number().to_ne_bytes();
        words[2] = (conditions.len() as u32).to_ne_bytes();
        for (to, word) in words[layout.mask..].iter_mut().zip(mask) {
            *to = word.to_ne_bytes();
        }
        for (at, condition) in conditions.iter().enumerate() {
            let value = match condition.value() {
                Value::Number(number) => *number,
                Value::Text(text) => text.len() as u32,
            };
            words[layout.fields + at] = condition.field().number().to_ne_bytes();
            words[layout.values + at] = value.to_ne_bytes();
            words[layout.operators + at] = condition.op().number().to_ne_bytes();
        }
        words[layout.buffer_length] = (texts as u32).to_ne_bytes();
        for text in conditions.iter().filter_map(Condition::text) {
            bytes.extend_from_slice(text);
        }
        bytes
    }

    /// Reads either wire form, unchecked; the flag is whether the front of the list was asked for.
    pub fn decode(bytes: &[u8]) -> Result<(Self, bool), WireError> {
        let short = || WireError::Short(bytes.len());
        let all: &[[u8; 4]] = bytes.as_chunks().0;
        let word = |at: usize| all.get(at).copied().map(u32::from_ne_bytes).ok_or_else(short);
        let (flags, count) = (word(0)?, word(2)? as usize);
        let layout = if flags & SHORT == 0 {
            Layout::LONG
        } else {
            let mask_words = word(3)? as usize;
            if !(2..=SyscallSet::WORDS).contains(&mask_words) || count > MAX_FIELDS {
                return Err(short());
            }
            Layout::short(mask_words, count)
        };
        let (_, mut texts) = bytes.split_at_checked(layout.size()).ok_or_else(short)?;
        texts = texts.get(..word(layout.buffer_length)? as usize).ok_or_else(short)?;
        let list = flags & !(PREPEND | SHORT);
        let list = List::from_number(list).ok_or(WireError::List(list))?;
        let action = Action::from_number(word(1)?).ok_or(WireError::Action(word(1)?))?;
        if count > MAX_FIELDS {
            return Err(Refusal::TooManyFields.into());
        }
        let mut conditions = Vec::with_capacity(count);
        for at in 0..count {
            let number = word(layout.fields + at)?;
            let field = Field::from_number(number).ok_or(WireError::Field(number))?;
            let number = word(layout.operators + at)?;
            let op = Op::from_number(number).ok_or(WireError::Operator(number))?;
            let number = word(layout.values + at)?;
            let value = if field.is_text() {
                let (text, rest) = texts.split_at_checked(number as usize).ok_or_else(short)?;
                texts = rest;
                Value::Text(text.to_vec())
            } else {
                Value::Number(number)
            };
            conditions.push(Condition::new(field, op, value)?);
        }
        let syscalls = mask(&all[layout.mask..layout.fields]).ok_or_else(short)?;
        Ok((Self { list, action, syscalls, conditions }, flags & PREPEND != 0))
    }
}

/// The set of a mask in either form; `None` if it has too few words or too many.
fn mask(words: &[[u8; 4]]) -> Option<SyscallSet> {
    let [given @ .., classes] = words else { return None };
    let mut mask = [u32::from_ne_bytes(*given.last()?); SyscallSet::WORDS];
    for (to, word) in mask.get_mut(..given.len())?.iter_mut().zip(given) {
        *to = u32::from_ne_bytes(*word);
    }
    mask[SyscallSet::WORDS - 1] = u32::from_ne_bytes(*classes);
    Some(SyscallSet::from_words(mask))
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
    fn the_short_form_leaves_out_what_is_zero_or_repeated() {
        let bytes = rule().draft().encode_short(true);
        assert_eq!(bytes.len(), 4 * (4 + 2 + 3 * 3 + 1) + 17);
        assert_eq!(Draft::decode(&bytes), Ok((rule().into_draft(), true)));
        let one = Draft { syscalls: [2, 40].into_iter().collect(), ..rule().into_draft() };
        let bytes = one.encode_short(false);
        assert_eq!(bytes.len(), 4 * (4 + 4 + 3 * 3 + 1) + 17);
        assert_eq!(Draft::decode(&bytes), Ok((one, false)));
        for end in 0..bytes.len() {
            assert_eq!(Draft::decode(&bytes[..end]), Err(WireError::Short(end)));
        }
        let with = |at: usize, word: u32| {
            let mut bytes = bytes.clone();
            bytes[at..at + 4].copy_from_slice(&word.to_ne_bytes());
            Draft::decode(&bytes)
        };
        for (at, word) in [(8, 4), (8, u32::MAX), (12, 1), (12, 65), (12, u32::MAX)] {
            assert!(with(at, word).is_err(), "{word} at {at}");
        }
        let words: [u32; 64] = std::array::from_fn(|at| at as u32);
        let long = Draft { syscalls: SyscallSet::from_words(words), ..rule().into_draft() };
        assert_eq!(Draft::decode(&long.encode_short(false)), Ok((long, false)));
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
