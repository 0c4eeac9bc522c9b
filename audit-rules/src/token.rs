//! Lines and words of a rules file, as the original cuts them.
//!
//! A space is the only separator; there are no quotes. `\ ` is a space and `\\` a backslash within a word, but not in the
//! first word of a line, where the original leaves the control bytes that it works with. A line whose first word starts
//! with `#` is a comment; elsewhere `#` has no meaning.

use nom::{
    IResult, Parser,
    branch::alt,
    bytes::complete::{tag, take_while},
    combinator::{map, value},
    multi::{many0, many1},
    number::complete::u8 as byte,
    sequence::preceded,
};

/// Size of the original's line buffer: a longer line is read as several, of at most one byte less than this.
pub const LINE_SIZE: usize = 6144;

/// A word and where it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Column, from 1, in bytes.
    pub column: u32,
    /// The word, escapes resolved.
    pub text: Vec<u8>,
}

/// One piece of a word.
#[derive(Clone, Copy)]
enum Piece {
    Byte(u8),
    Space,
    Backslash,
}

fn piece(input: &[u8]) -> IResult<&[u8], Piece> {
    alt((
        value(Piece::Space, tag(&b"\\ "[..])),
        value(Piece::Backslash, tag(&b"\\\\"[..])),
        map(nom::combinator::verify(byte, |&byte| byte != b' '), Piece::Byte),
    ))
    .parse(input)
}

/// Spaces and then a word, with what is left after the spaces to tell its column.
fn word(input: &[u8]) -> IResult<&[u8], (usize, Vec<Piece>)> {
    let (input, _) = take_while(|byte| byte == b' ')(input)?;
    let left = input.len();
    map(many1(piece), move |pieces| (left, pieces)).parse(input)
}

/// The words of one line, without its newline; empty for blank lines and comments. Of many short words the original keeps
/// only a third of the line's length plus one.
pub fn words(line: &[u8]) -> Vec<Word> {
    let mut words: Vec<Word> = match preceded(nom::combinator::success(()), many0(word)).parse(line) {
        Ok((_, found)) => found
            .into_iter()
            .enumerate()
            .map(|(at, (left, pieces))| Word {
                column: (line.len() - left) as u32 + 1,
                text: resolve(&pieces, at == 0),
            })
            .collect(),
        Err(_) => Vec::new(),
    };
    if words.first().is_some_and(|first| first.text.starts_with(b"#")) {
        words.clear();
    }
    words.truncate(line.len() / 3 + 1);
    words
}

fn resolve(pieces: &[Piece], is_first: bool) -> Vec<u8> {
    let mut text = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match (piece, is_first) {
            (Piece::Byte(byte), _) => text.push(*byte),
            (Piece::Space, false) => text.push(b' '),
            (Piece::Backslash, false) => text.push(b'\\'),
            (Piece::Space, true) => text.extend_from_slice(&[7, 7]),
            (Piece::Backslash, true) => text.extend_from_slice(&[4, 4]),
        }
    }
    text
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
        let newline = rest[..limit].iter().position(|&byte| byte == b'\n');
        let line = &rest[..newline.unwrap_or(limit)];
        rest = &rest[newline.map_or(limit, |at| at + 1)..];
        number += 1;
        let end = line.iter().position(|&byte| byte == 0).unwrap_or(line.len());
        Some((number, &line[..end]))
    })
}

#[cfg(test)]
mod tests {
    use super::{LINE_SIZE, lines, words};

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
