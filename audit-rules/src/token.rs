//! Lines and words of a rules file, as the original cuts them.
//!
//! A space is the only separator; there are no quotes. `\ ` is a space and `\\` a backslash within a word, but not in the
//! first word of a line, where the original leaves the control bytes that it works with. A line whose first word starts
//! with `#` is a comment; elsewhere `#` has no meaning.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter};
use nom::{
    IResult, Parser,
    branch::alt,
    bytes::complete::{tag, take_while, take_while1},
    combinator::{map, value},
    multi::fold_many1,
};

/// Size of the original's line buffer: a longer line is read as several, of at most one byte less than this.
pub const LINE_SIZE: usize = 6144;

/// How many words a line usually has at most.
const USUAL: usize = 16;

/// A word and where it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// Column, from 1, in bytes.
    pub column: u32,
    /// The word, escapes resolved.
    pub text: Cow<'a, [u8]>,
}

/// One piece of a word.
#[derive(Clone, Copy)]
enum Piece<'a> {
    Text(&'a [u8]),
    Space,
    Backslash,
}

fn piece(input: &[u8]) -> IResult<&[u8], Piece<'_>> {
    alt((
        map(take_while1(|byte| byte != b' ' && byte != b'\\'), Piece::Text),
        value(Piece::Space, tag(&b"\\ "[..])),
        value(Piece::Backslash, tag(&b"\\\\"[..])),
        map(tag(&b"\\"[..]), Piece::Text),
    ))
    .parse(input)
}

/// A word, escapes resolved as in the first of a line or in the others.
fn word(is_first: bool) -> impl Fn(&[u8]) -> IResult<&[u8], Cow<'_, [u8]>> {
    move |input| {
        // Most words are as they stand.
        if let Ok((rest, Piece::Text(text))) = piece(input)
            && matches!(rest, [] | [b' ', ..])
        {
            return Ok((rest, Cow::Borrowed(text)));
        }
        let add = |mut text: Vec<u8>, piece| {
            text.extend_from_slice(match (piece, is_first) {
                (Piece::Text(bytes), _) => bytes,
                (Piece::Space, false) => b" ",
                (Piece::Backslash, false) => b"\\",
                (Piece::Space, true) => &[7, 7],
                (Piece::Backslash, true) => &[4, 4],
            });
            text
        };
        map(fold_many1(piece, Vec::new, add), Cow::Owned).parse(input)
    }
}

fn spaces(input: &[u8]) -> IResult<&[u8], &[u8]> {
    take_while(|byte| byte == b' ')(input)
}

/// The words of a line in which nothing is escaped, as nearly all are.
fn plain_words(line: &[u8]) -> Vec<Word<'_>> {
    let mut words = Vec::with_capacity(USUAL);
    let mut start = 0;
    for end in memchr_iter(b' ', line).chain([line.len()]) {
        if start < end {
            words.push(Word { column: start as u32 + 1, text: Cow::Borrowed(&line[start..end]) });
        }
        start = end + 1;
    }
    words
}

/// The words of any line.
fn escaped_words(line: &[u8]) -> Vec<Word<'_>> {
    let mut words: Vec<Word<'_>> = Vec::with_capacity(USUAL);
    let mut rest = line;
    while let Ok((start, _)) = spaces(rest)
        && let Ok((after, text)) = word(words.is_empty())(start)
    {
        words.push(Word { column: (line.len() - start.len()) as u32 + 1, text });
        rest = after;
    }
    words
}

/// The words of one line, without its newline; empty for blank lines and comments. Of many short words the original keeps
/// only a third of the line's length plus one.
pub fn words(line: &[u8]) -> Vec<Word<'_>> {
    let mut words = if memchr(b'\\', line).is_none() { plain_words(line) } else { escaped_words(line) };
    if words.first().is_some_and(|first| first.text.starts_with(b"#")) {
        words.clear();
    }
    words.truncate(line.len() / 3 + 1);
    words
}

/// The lines of a file as the original reads them, numbered from 1: cut at newlines and at [`LINE_SIZE`], and what follows
/// a zero byte is lost.
pub fn lines(file: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut rest = file;
    let mut number = 0;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let limit = rest.len().min(LINE_SIZE - 1);
        let newline = memchr(b'\n', &rest[..limit]);
        let line = &rest[..newline.unwrap_or(limit)];
        rest = &rest[newline.map_or(limit, |at| at + 1)..];
        number += 1;
        let end = memchr(0, line).unwrap_or(line.len());
        Some((number, &line[..end]))
    })
}

#[cfg(test)]
mod tests {
    use super::{LINE_SIZE, escaped_words, lines, plain_words, words};

    fn texts(line: &str) -> Vec<String> {
        words(line.as_bytes())
            .into_iter()
            .map(|word| String::from_utf8_lossy(&word.text).into_owned())
            .collect()
    }

    #[test]
    fn a_space_is_the_only_separator() {
        assert_eq!(texts("  -w   /a\tb -k \"x y\""), ["-w", "/a\tb", "-k", "\"x", "y\""]);
        assert_eq!(words(b"  -w   /x").iter().map(|word| word.column).collect::<Vec<_>>(), [3, 8]);
        assert!(texts("   ").is_empty() && texts("").is_empty());
    }

    #[test]
    fn nothing_escaped_is_nothing_special() {
        for line in ["", " ", "-D", "  -w   /x -k a ", " # -D", "a b c d e f", "-a  always,exit"] {
            assert_eq!(plain_words(line.as_bytes()), escaped_words(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn escapes_work_in_all_words_but_the_first() {
        assert_eq!(texts(r"-w /a\ b -k c\\d\e\"), ["-w", "/a b", "-k", r"c\d\e\"]);
        assert_eq!(texts(r"-w\ x"), ["-w\u{7}\u{7}x"]);
        assert_eq!(texts(r"-w a\\ b"), ["-w", r"a\", "b"]);
    }

    #[test]
    fn comments_are_lines() {
        assert!(texts("  # -D").is_empty());
        assert_eq!(texts("-D # x"), ["-D", "#", "x"]);
    }

    #[test]
    fn surplus_words_are_dropped() {
        assert_eq!(texts("a b c d e f").len(), 4);
    }

    #[test]
    fn long_lines_are_cut() {
        let mut file = vec![b'x'; LINE_SIZE + 10];
        file.extend_from_slice(b"\ny\n\nz");
        let found: Vec<_> = lines(&file).map(|(number, line)| (number, line.len())).collect();
        assert_eq!(found, [(1, LINE_SIZE - 1), (2, 11), (3, 1), (4, 0), (5, 1)]);
        assert_eq!(lines(b"a\0b\nc").map(|(_, line)| line).collect::<Vec<_>>(), [b"a", b"c"]);
    }
}
