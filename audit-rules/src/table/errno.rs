//! Error numbers: Linux `errno.h`, the same on x86, ARM and most others.

use super::errno_names::NAMES;

/// Second names of numbers that have one already.
const ALIASES: &[(u32, &str)] = &[(11, "EAGAIN"), (11, "EWOULDBLOCK"), (35, "EDEADLK"), (35, "EDEADLOCK")];

/// The name of error `number`, as `auditctl -l` prints it after `exit=-`.
pub fn name(number: u32) -> Option<&'static str> {
    super::name_of(NAMES, number)
}

/// The number of the error called `name`.
pub fn number(name: &[u8]) -> Option<u32> {
    super::number_of(NAMES, name).or_else(|| super::number_of(ALIASES, name))
}

#[cfg(test)]
mod tests {
    use super::{name, number};

    #[test]
    fn both_names_of_a_number_are_known() {
        assert_eq!(number(b"EAGAIN"), Some(11));
        assert_eq!(number(b"ewouldblock"), Some(11));
        assert_eq!(number(b"EDEADLOCK"), Some(35));
        assert_eq!((name(1), name(0)), (Some("EPERM"), None));
        assert_eq!(number(b"ENOTSUP"), None, "the original does not know it");
    }
}
