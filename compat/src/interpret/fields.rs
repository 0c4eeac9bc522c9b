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
    body: &'a [u8],
    /// Where names end: the places of `=` that are still to be looked at.
    equals: Equals<'a>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(kind: MessageType, body: &'a [u8]) -> Self {
        Self { kind, body, equals: Equals { text: body, at: 0, found: 0 } }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        loop {
            let equals = self.equals.next()?;
            let Some(name) = name_before(&self.body[..equals]) else { continue };
            let Some((label, meaning)) = meaning(self.kind, name) else { continue };
            let value = &self.body[equals + 1..];
            let value = &value[..word_end(value)];
            if !value.is_empty() {
                return Some(Field { label, meaning, value });
            }
        }
    }
}

/// The places of `=` in a text, eight bytes at a time: they stand so near to each other that a search for one after the
/// other costs more.
#[derive(Clone, Debug)]
struct Equals<'a> {
    text: &'a [u8],
    /// What is before this is looked at.
    at: usize,
    /// The high bits of those of the last eight bytes that are still to be told of.
    found: u64,
}

impl Iterator for Equals<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
            let chunk = rest.first_chunk().copied().unwrap_or_else(|| {
                let mut chunk = [0; 8];
                chunk[..rest.len()].copy_from_slice(rest);
                chunk
            });
            // Zero where a byte is `=`; a sum of seven bits leaves the high bit clear only of what is zero.
            let other = u64::from_le_bytes(chunk) ^ (ONES * u64::from(b'='));
            self.found = !(((other & !HIGH) + (HIGH - ONES)) | other) & HIGH;
            self.at += 8;
        }
        let place = self.at - 8 + (self.found.trailing_zeros() / 8) as usize;
        self.found &= self.found - 1;
        Some(place)
    }
}

/// The name at the end of `text`, which an `=` follows, if it may be one of those above: a word begins with it, or with
/// `msg='` or `(` or both before it.
fn name_before(text: &[u8]) -> Option<&[u8]> {
    // How the names end: this leaves out most at once.
    if !matches!(text, [.., b'i', b'd'] | [.., b'c', b'h'] | [.., b'l', b'l'] | [.., b'd', b'r']) {
        return None;
    }
    let longest = &text[text.len().saturating_sub(LONGEST)..];
    let is_letter = |b: &u8| b.is_ascii_lowercase() || matches!(b, b'_' | b'-');
    let length = longest.iter().rev().take_while(|b| is_letter(b)).count();
    let (before, name) = text.split_at(text.len() - length);
    let before = before.strip_suffix(b"(").unwrap_or(before);
    let before = before.strip_suffix(b"msg='").unwrap_or(before);
    before.last().is_none_or(|&b| is_gap(b)).then_some(name)
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

/// The low bit of each of eight bytes.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The high bit of each of eight bytes.
const HIGH: u64 = ONES << 7;

/// Number of bytes before the first one that is less than `limit` (at most 0x80), eight at a time.
pub(super) fn up_to(text: &[u8], limit: u8) -> usize {
    let mut at = 0;
    let mut chunks = text.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        let word = u64::from_le_bytes(word);
        // The high bit of a byte is set where the byte is less than limit; above the first such byte a borrow may set it
        // falsely, but only the first counts.
        let less = word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGH;
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

    /// Word by word, as the original goes.
    fn slowly(kind: MessageType, body: &[u8]) -> Vec<Field<'_>> {
        let field = |word| {
            let word = <[u8]>::strip_prefix(word, b"msg='").unwrap_or(word);
            let word = word.strip_prefix(b"(").unwrap_or(word);
            let equals = word.iter().position(|&b| b == b'=')?;
            let (label, meaning) = meaning(kind, &word[..equals])?;
            let value = &word[equals + 1..];
            (!value.is_empty()).then_some(Field { label, meaning, value })
        };
        body.split(|&b| is_gap(b)).filter_map(field).collect()
    }

    /// What records are made of, and what may be taken for it.
    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        const PIECES: [&str; 24] = [
            " ",
            " ",
            " ",
            "\n",
            "\u{1d}",
            "\0",
            "=",
            "=0",
            "=1000",
            "'",
            "(",
            "msg='",
            "msg=",
            "id",
            "uid",
            "auid",
            "old-auid",
            "obj_gid",
            "inode_uid",
            "arch",
            "syscall",
            "saddr",
            "x",
            "A",
        ];
        prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40)
            .prop_map(|pieces| pieces.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn all_fields_are_found(body in pieces(), kind in prop::sample::select(vec![1300u16, 1309, 1100, 1116, 1400])) {
            let kind = MessageType(kind);
            prop_assert_eq!(Fields::new(kind, &body).collect::<Vec<_>>(), slowly(kind, &body));
        }

        #[test]
        fn every_equals_sign_is_found(text in prop::collection::vec(prop::sample::select(b"=<>\xbdx\0".to_vec()), 0..40)) {
            let expected: Vec<usize> = (0..text.len()).filter(|&at| text[at] == b'=').collect();
            let equals = Equals { text: &text, at: 0, found: 0 };
            prop_assert_eq!(equals.collect::<Vec<_>>(), expected);
        }

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
