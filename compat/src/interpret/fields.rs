//! Finds, in the text of a record, the fields that are enriched.
//!
//! auditd lets libauparse take the record apart: words between spaces, each `name=value`, where the name decides what the
//! value is. Only spaces divide: what a user program puts between quotes is taken apart as well.

use crate::record::MessageType;

/// What the value of a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A user id.
    User,
    /// A group id.
    Group,
    /// `AUDIT_ARCH_*` in hex.
    Arch,
    /// Number of a system call of that arch.
    Syscall,
    /// A socket address in hex.
    SocketAddress,
}

/// One field to be enriched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field<'a> {
    /// `NAME=`, as it stands before what the value means.
    pub(super) label: &'static [u8],
    pub(super) meaning: Meaning,
    pub(super) value: &'a [u8],
}

/// Length of the longest name below.
const LONGEST: usize = 9;

/// What a field of this name is, in a record of this type, and its label.
fn meaning(kind: MessageType, name: &[u8]) -> Option<(&'static [u8], Meaning)> {
    Some(match name {
        b"id" => match kind {
            MessageType::ADD_GROUP | MessageType::DEL_GROUP | MessageType::GRP_MGMT => {
                (b"ID=", Meaning::Group)
            }
            _ => (b"ID=", Meaning::User),
        },
        // In EXECVE whatever begins with `a` is an argument.
        b"auid" | b"arch" if kind == MessageType::EXECVE => return None,
        b"auid" => (b"AUID=", Meaning::User),
        b"uid" => (b"UID=", Meaning::User),
        b"gid" => (b"GID=", Meaning::Group),
        b"euid" => (b"EUID=", Meaning::User),
        b"suid" => (b"SUID=", Meaning::User),
        b"fsuid" => (b"FSUID=", Meaning::User),
        b"egid" => (b"EGID=", Meaning::Group),
        b"sgid" => (b"SGID=", Meaning::Group),
        b"fsgid" => (b"FSGID=", Meaning::Group),
        b"ouid" => (b"OUID=", Meaning::User),
        b"ogid" => (b"OGID=", Meaning::Group),
        b"oauid" => (b"OAUID=", Meaning::User),
        b"old-auid" => (b"OLD-AUID=", Meaning::User),
        b"iuid" => (b"IUID=", Meaning::User),
        b"igid" => (b"IGID=", Meaning::Group),
        b"sauid" => (b"SAUID=", Meaning::User),
        b"new_gid" => (b"NEW_GID=", Meaning::Group),
        b"obj_uid" => (b"OBJ_UID=", Meaning::User),
        b"obj_gid" => (b"OBJ_GID=", Meaning::Group),
        b"inode_uid" => (b"INODE_UID=", Meaning::User),
        b"inode_gid" => (b"INODE_GID=", Meaning::Group),
        b"arch" => (b"ARCH=", Meaning::Arch),
        b"syscall" => (b"SYSCALL=", Meaning::Syscall),
        b"saddr" => match kind {
            // A number of its own making in AVC, plain text in NETFILTER_PKT.
            MessageType::AVC | MessageType::NETFILTER_PKT => return None,
            _ => (b"SADDR=", Meaning::SocketAddress),
        },
        _ => return None,
    })
}

/// Whether records of this type can have such fields at all. These cannot: the kernel writes nothing into them but
/// `cwd=`, `argc=`, `aN=` and `proctitle=`, with values that hold no space.
pub(super) fn possible(kind: MessageType) -> bool {
    !matches!(kind, MessageType::CWD | MessageType::EXECVE | MessageType::PROCTITLE)
}

/// Iterator over the fields of a record that are enriched, in order.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    kind: MessageType,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(kind: MessageType, body: &'a [u8]) -> Self {
        Self { kind, rest: body }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        while !self.rest.is_empty() {
            let end = word_end(self.rest);
            let word = &self.rest[..end];
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            // The first letters of the names, of `msg='` and `(`: this leaves out most words at once.
            if !matches!(
                word.first(),
                Some(b'a' | b'e' | b'f' | b'g' | b'i' | b'm' | b'n' | b'o' | b's' | b'u' | b'(')
            ) {
                continue;
            }
            let word = word.strip_prefix(b"msg='").unwrap_or(word);
            let word = word.strip_prefix(b"(").unwrap_or(word);
            let Some(equals) = word.iter().take(LONGEST + 1).position(|&b| b == b'=') else { continue };
            let (name, value) = (&word[..equals], &word[equals + 1..]);
            if value.is_empty() {
                continue;
            }
            if let Some((label, meaning)) = meaning(self.kind, name) {
                return Some(Field { label, meaning, value });
            }
        }
        None
    }
}

/// Whether a byte ends a word: a space, or what becomes a space in the line ([`super::format`]).
pub(super) fn is_gap(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\0' | 0x1d)
}

/// Length of the word at the start of `text`.
fn word_end(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        at += up_to(text.get(at..).unwrap_or_default(), 0x21);
        match text.get(at) {
            None => return text.len(),
            Some(&b) if is_gap(b) => return at,
            Some(_) => at += 1,
        }
    }
}

/// Number of bytes before the first one that is less than `limit` (at most 0x80), eight at a time.
pub(super) fn up_to(text: &[u8], limit: u8) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut at = 0;
    let mut chunks = text.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        let word = u64::from_le_bytes(word);
        // The high bit of a byte is set where the byte is less than limit; above the first such byte a borrow may set it
        // falsely, but only the first counts.
        let less = word.wrapping_sub(ONES * u64::from(limit)) & !word & (ONES << 7);
        if less != 0 {
            return at + (less.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + chunks.remainder().iter().position(|&b| b < limit).unwrap_or(chunks.remainder().len())
}

/// The value without the punctuation that the original takes off its end, one of each at most.
pub(super) fn without_punctuation(mut value: &[u8]) -> &[u8] {
    for mark in [b":", b",", b"'", b")"] {
        value = value.strip_suffix(mark).unwrap_or(value);
    }
    value
}

/// A decimal number as C's `strtoul` reads it and 32 bits keep it: sign, digits, the rest ignored; 0 if there are none.
pub(super) fn number(value: &[u8]) -> u32 {
    let (negative, digits) = match value {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, value),
    };
    let mut number: u64 = 0;
    for &b in digits {
        if !b.is_ascii_digit() {
            break;
        }
        match number.checked_mul(10).and_then(|n| n.checked_add(u64::from(b - b'0'))) {
            Some(n) => number = n,
            None => return u32::MAX, // ULONG_MAX
        }
    }
    if negative { (number as u32).wrapping_neg() } else { number as u32 }
}

/// A hex number of at most 32 bits, `0x` before it allowed; `None` if it is anything else.
pub(super) fn hex_number(value: &[u8]) -> Option<u32> {
    let digits = value.strip_prefix(b"0x").unwrap_or(value);
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    digits.iter().try_fold(0, |n, &b| Some(n << 4 | u32::from(crate::record::quote::nibble(b)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(kind: MessageType, body: &str) -> Vec<(&str, &str)> {
        let text = |b| std::str::from_utf8(b).unwrap();
        Fields::new(kind, body.as_bytes()).map(|field| (text(field.label), text(field.value))).collect()
    }

    #[test]
    fn words_are_divided_by_spaces_alone() {
        let all = |body| fields(MessageType::USER_AUTH, body);
        assert_eq!(all("pid=1 uid=0 auid=1000"), [("UID=", "0"), ("AUID=", "1000")]);
        assert_eq!(all("msg='uid=0 x=1'"), [("UID=", "0")]);
        assert_eq!(all("msg='(uid=0 x"), [("UID=", "0")]);
        assert_eq!(all("(uid=0 gid=0)"), [("UID=", "0"), ("GID=", "0)")]);
        assert_eq!(all("uid=0,gid=0"), [("UID=", "0,gid=0")]);
        assert_eq!(all("x=\"a uid=0 b\""), [("UID=", "0")]);
        assert_eq!(all("a=1\tuid=0 b=2 msg=uid=0 'uid=0' UID=0 uid uid= -uid=0 =uid=0"), []);
        assert_eq!(all("uid=1\ngid=2\u{1d}euid=3"), [("UID=", "1"), ("GID=", "2"), ("EUID=", "3")]);
        assert_eq!(all("  uid=0   gid=0  "), [("UID=", "0"), ("GID=", "0")]);
    }

    #[test]
    fn some_names_depend_on_the_type() {
        assert_eq!(meaning(MessageType::ADD_USER, b"id").map(|m| m.1), Some(Meaning::User));
        assert_eq!(meaning(MessageType::ADD_GROUP, b"id").map(|m| m.1), Some(Meaning::Group));
        assert_eq!(meaning(MessageType::SOCKADDR, b"saddr").map(|m| m.1), Some(Meaning::SocketAddress));
        assert_eq!(meaning(MessageType::AVC, b"saddr"), None);
        assert_eq!(fields(MessageType::EXECVE, "arch=1 auid=0 uid=0"), [("UID=", "0")]);
    }

    #[test]
    fn numbers_as_strtoul_reads_them() {
        let cases: [(&[u8], u32); 10] = [
            (b"0", 0),
            (b"4294967295", u32::MAX),
            (b"-1", u32::MAX),
            (b"-2", u32::MAX - 1),
            (b"+5", 5),
            (b"010", 10),
            (b"0x10", 0),
            (b"12abc", 12),
            (b"99999999999", 1_215_752_191),
            (b"99999999999999999999", u32::MAX),
        ];
        for (text, expected) in cases {
            assert_eq!(number(text), expected, "{}", text.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn the_first_small_byte_is_found(text in prop::collection::vec(any::<u8>(), 0..80), limit in 1u8..=0x80) {
            let expected = text.iter().position(|&b| b < limit).unwrap_or(text.len());
            prop_assert_eq!(up_to(&text, limit), expected);
        }

        #[test]
        fn words_end_where_a_gap_is(text: Vec<u8>) {
            let expected = text.iter().position(|&b| is_gap(b)).unwrap_or(text.len());
            prop_assert_eq!(word_end(&text), expected);
        }
    }
}
