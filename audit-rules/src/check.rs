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

#[cfg(test)]
mod tests {
    use super::{Field, List, Refusal, kernel_check};
    use crate::{Action, Condition, Draft, Op, SyscallSet, Value};

    fn check(list: List, conditions: &[(Field, Op, Value)]) -> Result<(), Refusal> {
        let conditions = conditions.iter().cloned();
        kernel_check(&Draft {
            list,
            action: Action::Always,
            syscalls: SyscallSet::all(),
            conditions: conditions
                .map(|(field, op, value)| Condition::new(field, op, value).expect("fits"))
                .collect(),
        })
    }

    #[test]
    fn each_refusal_has_its_reason() {
        let number = Value::Number;
        let text = |text: &str| Value::Text(text.into());
        let exit = |field, op, value| check(List::Exit, &[(field, op, value)]);
        assert_eq!(exit(Field::Pid, Op::BitMask, number(1)), Err(Refusal::Operator(Field::Pid, "&")));
        assert_eq!(exit(Field::A0, Op::BitMask, number(1)), Ok(()));
        assert_eq!(exit(Field::Uid, Op::Eq, number(u32::MAX)), Err(Refusal::Value(Field::Uid)));
        assert_eq!(exit(Field::LoginUid, Op::Ne, number(u32::MAX)), Ok(()));
        assert_eq!(
            exit(Field::LoginUid, Op::Gt, number(u32::MAX)),
            Err(Refusal::Operator(Field::LoginUid, ">"))
        );
        assert_eq!(exit(Field::Perm, Op::Eq, number(16)), Err(Refusal::Value(Field::Perm)));
        assert_eq!(exit(Field::SaddrFam, Op::Eq, number(46)), Err(Refusal::Value(Field::SaddrFam)));
        assert_eq!(exit(Field::Path, Op::Eq, text("x")), Err(Refusal::Path(Field::Path)));
        assert_eq!(exit(Field::Path, Op::Eq, text("/x/")), Err(Refusal::Path(Field::Path)));
        assert_eq!(exit(Field::Dir, Op::Eq, text("/x/")), Ok(()));
        assert_eq!(exit(Field::Key, Op::Eq, text(&"k".repeat(257))), Err(Refusal::Value(Field::Key)));
        assert_eq!(exit(Field::MsgType, Op::Eq, number(1)), Err(Refusal::List(Field::MsgType, List::Exit)));
        let inode = (Field::Inode, Op::Ne, number(1));
        let dir = (Field::Dir, Op::Eq, text("/x"));
        assert_eq!(check(List::Exit, &[inode.clone(), dir.clone()]), Err(Refusal::Twice(Field::Dir)));
        assert_eq!(check(List::Task, std::slice::from_ref(&dir)), Err(Refusal::List(Field::Dir, List::Task)));
        assert_eq!(check(List::IoUring, &[dir]), Ok(()));
        let perm = (Field::Perm, Op::Eq, number(1));
        assert_eq!(check(List::IoUring, &[perm]), Err(Refusal::List(Field::Perm, List::IoUring)));
        let many = vec![(Field::Pid, Op::Ne, number(1)); 65];
        assert_eq!(check(List::Exit, &many[..64]), Ok(()));
        assert_eq!(check(List::Exit, &many), Err(Refusal::TooManyFields));
        assert_eq!(Refusal::TooManyFields.errno(), 22);
    }

    #[test]
    fn a_value_must_be_of_the_fields_kind() {
        for (field, value) in [
            (Field::Uid, Value::Text(b"root".to_vec())),
            (Field::Key, Value::Number(1)),
            (Field::Key, Value::Text(Vec::new())),
            (Field::Path, Value::Text(b"/a\0b".to_vec())),
            (Field::Path, Value::Text(vec![b'/'; 4097])),
        ] {
            assert_eq!(Condition::new(field, Op::Eq, value), Err(Refusal::Value(field)));
        }
    }
}
