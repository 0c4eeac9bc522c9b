//! The tables: plain text, one command a line.
//!
//! ```text
//! # A comment.
//! == name of a series [alone|daemon|ends]
//! ! a shell command that sets the scene, in the scratch directory
//! auditctl -l -k 'two words'  %% old:entry new/daemon:entry
//! ```
//!
//! A series begins without rules and with the settings of a fresh boot; its commands build on each other. Words are those of a shell with
//! single quotes; `$D` is the scratch directory, `\xNN` a byte, `{x*N}` N times x. Behind `%%` stand the differences on purpose:
//! from which original (3.0.9 is `old`, the newest Debian's is `new`), in which state if only in one, and by which entry of
//! docs/differences.md.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// Which original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Original {
    /// Debian 12's 3.0.9.
    Old,
    /// The newest Debian's.
    New,
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The kernel: no daemon runs.
    Alone,
    /// The original daemon with the kernel, or ours.
    Daemon,
}

impl State {
    /// Its name in the tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::Daemon => "daemon",
        }
    }
}

/// A difference on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// From which original.
    pub from: Original,
    /// In which state; `None`: in both.
    pub state: Option<State>,
    /// The heading in docs/differences.md.
    pub entry: String,
}

/// One line of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A shell command.
    Set(String),
    /// A command whose answers are compared: its words, the program's name left out.
    Ask(Ask),
}

/// A command, and how its answers may differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Its place, for the report.
    pub line: usize,
    /// What was written, for the report.
    pub text: String,
    /// The words; may be anything but UTF-8.
    pub words: Vec<Vec<u8>>,
    /// What may differ.
    pub allowed: Vec<Allowed>,
}

/// Commands that build on each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// What it is about.
    pub name: String,
    /// In which state it makes sense; `None`: in both.
    pub state: Option<State>,
    /// Whether the daemon ends with it (`ends`).
    pub ends: bool,
    /// Its lines.
    pub steps: Vec<Step>,
}

impl Series {
    /// Whether it is to be played in this state.
    pub fn is_for(&self, state: State) -> bool {
        self.state.is_none_or(|only| only == state)
    }

    /// Its commands.
    pub fn asks(&self) -> impl Iterator<Item = &Ask> {
        self.steps.iter().filter_map(|step| match step {
            Step::Ask(ask) => Some(ask),
            Step::Set(_) => None,
        })
    }
}

/// Reads a table; `scratch` is what `$D` stands for.
///
/// # Errors
/// The line that cannot be read.
pub fn parse(text: &str, scratch: &Path) -> Result<Vec<Series>> {
    let scratch = scratch.to_str().context("a scratch directory that is not UTF-8")?;
    let mut table: Vec<Series> = Vec::new();
    for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line)) {
        let at = || format!("line {number} of the table: {line}");
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(head) = line.strip_prefix("== ") {
            table.push(series(head));
            continue;
        }
        let steps = &mut table.last_mut().with_context(at)?.steps;
        if let Some(command) = line.strip_prefix("! ") {
            steps.push(Step::Set(command.to_owned()));
        } else {
            steps.push(Step::Ask(ask(number, line, scratch).with_context(at)?));
        }
    }
    Ok(table)
}

fn series(head: &str) -> Series {
    let (name, state) = match head.rsplit_once(' ') {
        Some((name, "alone")) => (name, Some(State::Alone)),
        Some((name, "daemon" | "ends")) => (name, Some(State::Daemon)),
        _ => (head, None),
    };
    Series { name: name.to_owned(), state, ends: head.ends_with(" ends"), steps: Vec::new() }
}

fn ask(line: usize, text: &str, scratch: &str) -> Result<Ask> {
    let (command, marks) = text.split_once("%%").unwrap_or((text, ""));
    let command = command.trim_end();
    let (program, words) = command.split_once(' ').unwrap_or((command, ""));
    ensure!(program == "auditctl", "{program} is not a program of this table");
    let allowed = marks.split_whitespace().map(allowed).collect::<Result<_>>()?;
    Ok(Ask { line, text: command.to_owned(), words: cut(&expand(words)?, scratch)?, allowed })
}

fn allowed(mark: &str) -> Result<Allowed> {
    let (place, entry) = mark.split_once(':').context("a mark is old:ENTRY or new:ENTRY")?;
    let (from, state) = place.split_once('/').map_or((place, None), |(from, state)| (from, Some(state)));
    let from = match from {
        "old" => Original::Old,
        "new" => Original::New,
        other => bail!("no original is called {other}"),
    };
    let state = match state {
        None => None,
        Some("alone") => Some(State::Alone),
        Some("daemon") => Some(State::Daemon),
        Some(other) => bail!("no state is called {other}"),
    };
    Ok(Allowed { from, state, entry: entry.to_owned() })
}

/// Writes out what is to be repeated.
fn expand(line: &str) -> Result<String> {
    let Some((before, rest)) = line.split_once('{') else { return Ok(line.to_owned()) };
    let (inner, after) = rest.split_once('}').context("} is missing")?;
    let (text, times) = inner.rsplit_once('*').context("{TEXT*TIMES}")?;
    let times: usize = times.parse().context("how many times")?;
    Ok(format!("{before}{}{}", text.repeat(times), expand(after)?))
}

/// Cuts a line into words.
fn cut(line: &str, scratch: &str) -> Result<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quoted = false;
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        if letter == '\'' {
            quoted = !quoted;
            word.get_or_insert_default();
        } else if letter == ' ' && !quoted {
            words.extend(word.take());
        } else if letter == '$' && rest.starts_with('D') {
            rest = &rest[1..];
            word.get_or_insert_default().extend_from_slice(scratch.as_bytes());
        } else if letter == '\\' && rest.starts_with('x') {
            let digits = rest.get(1..3).context("two digits follow \\x")?;
            word.get_or_insert_default().push(u8::from_str_radix(digits, 16).context("a byte")?);
            rest = &rest[3..];
        } else {
            word.get_or_insert_default().extend_from_slice(letter.to_string().as_bytes());
        }
    }
    ensure!(!quoted, "a quote is open");
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read() {
        let text = "# no\n== keys daemon\n! touch a\nauditctl -k 'a b' $D/x{y*3}\\x01 ''  %% old:one new/alone:two\n";
        let table = parse(text, Path::new("/s")).unwrap();
        assert_eq!((table.len(), table[0].name.as_str(), table[0].state), (1, "keys", Some(State::Daemon)));
        assert_eq!(table[0].steps[0], Step::Set("touch a".to_owned()));
        let ask = table[0].asks().next().unwrap();
        assert_eq!(ask.words, [&b"-k"[..], b"a b", b"/s/xyyy\x01", b""]);
        let expected = [(Original::Old, None, "one"), (Original::New, Some(State::Alone), "two")]
            .map(|(from, state, entry)| Allowed { from, state, entry: entry.to_owned() });
        assert_eq!(ask.allowed, expected);
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for line in
            ["auditctl -s", "== a\nauditctl 'x", "== a\nls", "== a\nauditctl %% x:y", "== a\nauditctl {a"]
        {
            assert!(parse(line, Path::new("/s")).is_err(), "{line}");
        }
    }
}
