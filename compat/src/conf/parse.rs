//! From the bytes of the file to settings.

use std::path::Path;

use super::auditd::Auditd;
use super::error::{Error, Note, Problem};
use super::keys::{self, Effect};
use super::value::Given;

/// The longest line, its newline left out. 3.0.9 takes 158 bytes, 4.x 510.
const LINE_MAX: usize = 510;

/// What a file says, if nothing in it is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The settings.
    pub conf: Auditd,
    /// What the administrator should know.
    pub notes: Vec<Note>,
}

/// Reads the contents of `file`. `group` looks up the number of a group by name.
///
/// Unlike the original, which stops at the first, all errors of the file are returned. A last line without its newline
/// counts (the original leaves it out).
pub fn parse(
    file: &Path,
    contents: &[u8],
    group: &dyn Fn(&[u8]) -> Option<u32>,
) -> Result<Parsed, Vec<Error>> {
    let mut conf = Auditd::default();
    let mut notes = Vec::new();
    let mut errors = Vec::new();
    let mut without_effect = Vec::new();
    for (index, line) in contents.split(|&b| b == b'\n').enumerate() {
        let number = index + 1;
        if line.len() > LINE_MAX {
            notes.push(Note::TooLong { file: file.to_owned(), line: number });
            continue;
        }
        let words = words(line);
        match words.first() {
            None => continue,
            Some((_, word)) if word.starts_with(b"#") => continue,
            Some(_) => {}
        }
        let mut wrong = |column: usize, problem| {
            errors.push(Error { file: file.to_owned(), line: number, column: column + 1, problem });
        };
        let (name, value, option) = match words[..] {
            [name, (_, b"="), value] => (name, value, None),
            [name, (_, b"="), value, option] => (name, value, Some(option)),
            [_, (column, _), _] | [_, (column, _), _, _] => {
                wrong(column, Problem::MissingEqual);
                continue;
            }
            [.., (column, _)] => {
                wrong(column, Problem::WrongNumberOfArguments);
                continue;
            }
            [] => continue,
        };
        let Some(key) = keys::find(name.1) else {
            wrong(name.0, Problem::UnknownKeyword(name.1.to_vec()));
            continue;
        };
        if let Some((column, option)) = option
            && !key.option
        {
            wrong(column, Problem::InvalidOption(key.name, option.to_vec()));
            continue;
        }
        let given = Given { key: key.name, value: value.1, option: option.map(|(_, word)| word), group };
        if let Err(problem) = (key.set)(&mut conf, &given) {
            wrong(value.0, problem);
            continue;
        }
        notes.extend(keys::note(key, &given, number, &conf));
        match key.effect {
            Effect::Yes => {}
            Effect::NotYet if without_effect.contains(&key.name) => {}
            Effect::NotYet => without_effect.push(key.name),
            Effect::Deprecated => notes.push(Note::Deprecated { key: key.name, line: number }),
        }
    }
    if !without_effect.is_empty() {
        notes.push(Note::NotInEffect { file: file.to_owned(), keys: without_effect });
    }
    if errors.is_empty() { Ok(Parsed { conf, notes }) } else { Err(errors) }
}

/// The words of a line with their columns, from 0. Only spaces divide them.
fn words(line: &[u8]) -> Vec<(usize, &[u8])> {
    let mut words = Vec::new();
    let mut column = 0;
    for word in line.split(|&b| b == b' ') {
        if !word.is_empty() {
            words.push((column, word));
        }
        column += word.len() + 1;
    }
    words
}
