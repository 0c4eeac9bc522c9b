//! Record types: `AUDIT_*` of `<linux/audit.h>` and of the audit user space.

use super::message_type_names::NAMES;

/// The name of a record type, as it stands after `type=` in the log; `None` where the original writes
/// `UNKNOWN[n]`.
pub fn name(number: u16) -> Option<&'static str> {
    super::name_of(NAMES, number)
}

/// The number of the record type called `name`.
pub fn number(name: &[u8]) -> Option<u16> {
    super::number_of(NAMES, name)
}

/// All record types that have a name, ascending.
pub fn all() -> impl Iterator<Item = (u16, &'static str)> {
    NAMES.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::{name, number};

    #[test]
    fn names_and_numbers_agree() {
        for (known, text) in super::all() {
            assert_eq!((name(known), number(text.as_bytes())), (Some(text), Some(known)));
        }
        assert_eq!(number(b"syscall"), Some(1300), "case does not matter");
    }
}
