//! A whole rules file.

use crate::{
    command::Command,
    error::{Error, Position},
    host::Host,
    parse::parse_line,
    token,
};

/// What a rules file asks for, and everything that is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// The commands in order, each with the place of its line's first word. Lines with an error are not among them, whole or in
    /// part.
    pub lines: Vec<(Position, Command)>,
    /// Every error, in order.
    pub errors: Vec<Error>,
}

impl File {
    /// The first error that stops the load: one that no `-i` or `-c` line came before.
    pub fn fatal(&self) -> Option<&Error> {
        self.errors.iter().find(|error| !error.ignored)
    }
}

/// Reads a rules file called `name`. Unlike the original, which stops at the first error, it goes on to the end and reports
/// all of them; [`Error::ignored`] tells those that would not have stopped the original.
pub fn parse_file(name: &str, bytes: &[u8], host: &dyn Host) -> File {
    let mut file = File::default();
    let mut ignoring = false;
    for (number, line) in token::lines(bytes) {
        let words = token::words(line);
        let Some(first) = words.first() else { continue };
        let position = Position { line: number, column: first.column };
        match parse_line(number, &words, host) {
            Ok(commands) => {
                ignoring |= commands
                    .iter()
                    .any(|command| matches!(command, Command::IgnoreErrors | Command::ContinueOnErrors));
                file.lines.extend(commands.into_iter().map(|command| (position, command)));
            }
            Err(mut error) => {
                error.file = Some(name.to_owned());
                error.ignored = ignoring;
                file.errors.push(error);
            }
        }
    }
    file
}
