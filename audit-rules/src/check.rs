//! The checks that the kernel makes on a rule's content: `audit_data_to_entry` and what it calls
//! (`kernel/auditfilter.c`, `kernel/audit_watch.c`, `kernel/audit_tree.c`, Linux 6.18).
//!
//! Checks that need the machine (does the parent directory exist, is an equal rule loaded) are the loader's.

use thiserror::Error;

use crate::{
    field::Field,
    list::List,
    rule::{Condition, Draft, MAX_FIELDS, MAX_KEY},
};

/// `AF_MAX` of Linux 6.18.
pub(crate) const AF_MAX: u32 = 46;
/// `EINVAL`.
const EINVAL: i32 = 22;
/// An unset user or group id.
const UNSET: u32 = u32::MAX;

/// Why the kernel would refuse a rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
pub enum Refusal {
    /// The value cannot be a value of this field.
    #[error("the value does not fit field {}", .0.name())]
    Value(Field),
    /// The operator cannot be used with this field.
    #[error("field {} does not take operator {}", .0.name(), .1)]
    Operator(Field, &'static str),
    /// The field cannot be used on this list.
    #[error("field {} cannot be used on the {} list", .0.name(), .1)]
    List(Field, List),
    /// A path is not absolute or ends with a slash.
    #[error("{} needs an absolute path without a slash at its end", .0.name())]
    Path(Field),
    /// A field that a rule can have once was given again.
    #[error("field {} was given twice, or beside another of path, dir and inode", .0.name())]
    Twice(Field),
    /// More fields than [`MAX_FIELDS`].
    #[error("more than {MAX_FIELDS} fields")]
    TooManyFields,
}

impl Refusal {
    /// What the kernel answers: always `EINVAL` for what is checked here.
    #[allow(clippy::unused_self, reason = "the answer belongs to the refusal, whichever it is")]
    pub const fn errno(&self) -> i32 {
        EINVAL
    }
}

/// Checks a rule's content as the kernel does when it is added or deleted. The first fault in the order of the
/// rule's fields is reported.
pub fn kernel_check(draft: &Draft) -> Result<(), Refusal> {
    if draft.conditions.len() > MAX_FIELDS {
        return Err(Refusal::TooManyFields);
    }
    let mut object = false;
    let mut exe = false;
    let mut key = false;
    for condition in &draft.conditions {
        let field = condition.field();
        check_list(draft.list, field)?;
        check_operator(condition)?;
        check_value(condition)?;
        let taken = match field {
            Field::Path | Field::Dir | Field::Inode => &mut object,
            Field::Exe => &mut exe,
            Field::Key => &mut key,
            _ => continue,
        };
        if std::mem::replace(taken, true) {
            return Err(Refusal::Twice(field));
        }
    }
    Ok(())
}

fn check_list(list: List, field: Field) -> Result<(), Refusal> {
    let allowed = match field {
        Field::MsgType => matches!(list, List::Exclude | List::User),
        Field::FsType => list == List::Filesystem,
        Field::Path | Field::Dir | Field::Inode => matches!(list, List::Exit | List::IoUring),
        Field::Perm => list != List::IoUring && list != List::Filesystem,
        Field::Key => true,
        _ => list != List::Filesystem,
    };
    if allowed { Ok(()) } else { Err(Refusal::List(field, list)) }
}

fn check_operator(condition: &Condition) -> Result<(), Refusal> {
    let (field, op) = (condition.field(), condition.op());
    let allowed = match field {
        Field::Pers | Field::DevMinor => true,
        field if field.is_argument() => true,
        // A watch or tree cannot be negated (audit_to_watch, audit_make_tree).
        Field::Path | Field::Dir => op == crate::Op::Eq,
        Field::SubjUser
        | Field::SubjRole
        | Field::SubjType
        | Field::ObjUser
        | Field::ObjRole
        | Field::ObjType
        | Field::Key
        | Field::Arch
        | Field::FsType
        | Field::Perm
        | Field::FileType
        | Field::Compare
        | Field::Exe
        | Field::Inode => op.is_equality(),
        // An unset login user is asked for by "is it set?", which has no order (AUDIT_LOGINUID_SET).
        Field::LoginUid if condition.number() == Some(UNSET) => op.is_equality(),
        _ => !op.is_bitwise(),
    };
    if allowed { Ok(()) } else { Err(Refusal::Operator(field, op.symbol())) }
}

fn check_value(condition: &Condition) -> Result<(), Refusal> {
    let field = condition.field();
    if let Some(text) = condition.text() {
        let slash_at_end = text.last() == Some(&b'/');
        return match field {
            Field::Path | Field::Exe if text[0] != b'/' || slash_at_end => Err(Refusal::Path(field)),
            Field::Dir if text[0] != b'/' => Err(Refusal::Path(field)),
            Field::Key if text.len() > MAX_KEY => Err(Refusal::Value(field)),
            _ => Ok(()),
        };
    }
    let number = condition.number().unwrap_or_default();
    let allowed = match field {
        Field::LoginUid => true,
        field if field.is_user() || field.is_group() => number != UNSET,
        Field::Perm => number & !15 == 0,
        Field::FileType => number & !0o170_000 == 0,
        Field::SaddrFam => number < AF_MAX,
        _ => true,
    };
    if allowed { Ok(()) } else { Err(Refusal::Value(field)) }
}
