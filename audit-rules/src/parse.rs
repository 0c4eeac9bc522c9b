//! One command line: options in order, as the original walks through them.
//!
//! The original keeps a rule in the making beside a handful of flags, and acts on control options the moment it meets
//! them. [`Line`] is that state; each option is a step that changes it or ends the line. What is acted upon is collected
//! as [`Command`]s.

mod control;
mod field;
mod list;
mod syscall;
#[cfg(test)]
mod tests;
mod watch;

use crate::{
    arch::Arch,
    command::{Command, Note},
    error::{Error, Position, Problem, Refused, Sink},
    getopt::{Long, Opt, Options},
    host::Host,
    list::{Action, List},
    rule::{Condition, Draft, KEY_SEPARATOR, MAX_KEY, Rule},
    syscalls::SyscallSet,
    token::Word,
};

/// The original's limit: one less than the kernel's.
const MAX_CONDITIONS: usize = crate::MAX_FIELDS - 1;

/// How a step ends when it does not simply go on.
enum Stop {
    /// An error was said (or passed over in silence): the line has failed.
    Failed,
    /// As `Failed`, and what follows the options is not looked at either.
    FailedAtOnce,
    /// As `FailedAtOnce`: no signal has this name.
    NoSignal,
    /// The line is done and nothing is to be sent; stray words are still an error.
    Done,
    /// The line is done; stray words are not looked at.
    DoneAtOnce,
    /// A deprecated action was met: the line is passed over.
    Deprecated,
}

type Step = Result<(), Stop>;

/// A line in the making.
struct Line<'a> {
    host: &'a dyn Host,
    /// The line's number, for two of the messages; 0 on the command line.
    number: u32,
    options: Options<'a>,
    commands: Vec<Command>,
    said: Vec<Note>,
    add: Option<(List, bool)>,
    delete: Option<List>,
    action: Option<Action>,
    /// How often `-a`, `-A` and `-d` were met.
    operations: u32,
    /// `-S` was met, or `-w`, `-W`.
    has_syscalls: bool,
    /// A permission, path, directory, program or file system type was met: something else to put a key on.
    has_subject: bool,
    arch: Option<Arch>,
    syscalls: SyscallSet,
    conditions: Vec<Condition>,
    key: Vec<u8>,
    /// Something is to be sent: a rule.
    is_rule: bool,
}

impl Line<'_> {
    /// Ends the line with a message of the kind that may go to syslog.
    fn fail(&mut self, text: impl AsRef<[u8]>) -> Step {
        self.say(Sink::Log, text);
        Err(Stop::Failed)
    }

    /// As [`Self::fail`], before anything else is looked at.
    fn fail_at_once(&mut self, text: impl AsRef<[u8]>) -> Step {
        self.say(Sink::Log, text);
        Err(Stop::FailedAtOnce)
    }

    /// Ends the line with a message of the field table, which goes to standard error.
    fn refuse(&mut self, text: impl AsRef<[u8]>) -> Step {
        self.say(Sink::Stderr, text);
        Err(Stop::Failed)
    }

    fn say(&mut self, sink: Sink, text: impl AsRef<[u8]>) {
        self.said.push(Note { sink, text: text.as_ref().to_vec() });
    }

    /// A message that does not end the line.
    fn warn(&mut self, text: impl AsRef<[u8]>) {
        let note = Note { sink: Sink::Log, text: text.as_ref().to_vec() };
        self.commands.push(Command::Say(note));
    }

    /// The list that fields are checked against: that of the rule to add, else to delete.
    fn list(&self) -> Option<List> {
        self.add.map(|(list, _)| list).or(self.delete)
    }

    fn option(&mut self, option: Opt, argument: &[u8]) -> Step {
        match option {
            Opt::Short(b'a') => self.append(argument),
            Opt::Short(b'A') => self.prepend(argument),
            Opt::Short(b'd') => self.delete(argument),
            Opt::Short(b'S') => self.syscall(argument),
            Opt::Short(b'F') => self.field_option(argument),
            Opt::Short(b'C') => self.comparison(argument),
            Opt::Short(b'w') => self.watch(argument),
            Opt::Short(b'W') => self.unwatch(argument),
            Opt::Short(b'p') => self.perms(argument),
            Opt::Short(b'k') => self.key_option(argument),
            Opt::Short(letter) => self.control(letter, argument),
            Opt::Long(long) => self.long(long, argument),
            Opt::Bad => self.bad_option(),
        }
    }

    fn bad_option(&mut self) -> Step {
        let mut text = b"Option ".to_vec();
        let word = if self.options.at >= 2 { self.options.word(self.options.at - 1) } else { None };
        text.extend_from_slice(word.unwrap_or(b" "));
        if self.number != 0 {
            text.extend_from_slice(format!(" on line {}", self.number).as_bytes());
        }
        text.extend_from_slice(b" is invalid");
        self.fail(text)
    }

    fn key_option(&mut self, key: &[u8]) -> Step {
        let has_subject = self.has_syscalls || self.has_subject;
        if !has_subject || self.list().is_none() {
            return self.fail("key option needs a watch or syscall given prior to it");
        }
        self.add_key(key)
    }

    /// Takes a key; it joins the rule at the end of the line.
    fn add_key(&mut self, key: &[u8]) -> Step {
        if key.len() + self.key.len() + usize::from(!self.key.is_empty()) > MAX_KEY {
            return self.fail("key option exceeds size limit");
        }
        if key.contains(&KEY_SEPARATOR) {
            return self.fail([b"key ", key, b" has illegal character"].concat());
        }
        if !self.key.is_empty() {
            self.key.push(KEY_SEPARATOR);
        }
        self.key.extend_from_slice(key);
        Ok(())
    }

    /// Walks through the options and what follows them. `Ok(true)` if the line is done, `Ok(false)` if a reply is due or a rule
    /// is to be sent.
    fn walk(&mut self) -> Result<bool, Stop> {
        let mut ended = Ok(false);
        while let Some((option, argument)) = self.options.next() {
            match self.option(option, argument) {
                Ok(()) => {}
                Err(stop @ (Stop::FailedAtOnce | Stop::NoSignal | Stop::Deprecated)) => return Err(stop),
                Err(Stop::DoneAtOnce) => return Ok(true),
                Err(Stop::Done) => {
                    ended = Ok(true);
                    break;
                }
                Err(Stop::Failed) => {
                    ended = Err(Stop::Failed);
                    break;
                }
            }
        }
        if self.options.at == 1 {
            ended = Err(Stop::Failed);
        } else if self.options.at < self.options.count() && ended.is_ok() {
            self.options.current = self.options.origin(self.options.at);
            ended = self.fail("parameter passed without an option given").map(|()| false);
        }
        let listed = self.commands.iter().any(|command| matches!(command, Command::List { .. }));
        if !self.key.is_empty() && !listed {
            // The original builds `-F key=…` out of the keys and reads it like any other field, so that an operator
            // within a key breaks it.
            let pair = [b"key=", &self.key[..]].concat();
            self.field(&pair, self.list()).or_else(|stop| {
                ended = Err(stop);
                Ok(())
            })?;
        }
        ended
    }

    /// What is to be sent at the end of a line without errors.
    fn finish(&mut self) -> Result<(), (Stop, Option<Problem>)> {
        if !self.is_rule {
            if self.has_syscalls {
                self.say(Sink::Log, "Error - no list specified");
                return Err((Stop::Failed, None));
            }
            self.commands.push(Command::ShowSettings);
            return Ok(());
        }
        let (list, prepend) = match (self.add, self.delete) {
            (Some(add), _) => add,
            (None, Some(list)) => (list, false),
            (None, None) => return Ok(()),
        };
        if list != List::Task && !self.has_syscalls {
            self.syscalls = SyscallSet::from_words([u32::MAX; SyscallSet::WORDS]);
        }
        let draft = Draft {
            list,
            action: self.action.unwrap_or(Action::Always),
            syscalls: self.syscalls,
            conditions: std::mem::take(&mut self.conditions),
        };
        let delete = self.add.is_none();
        match Rule::checked(draft) {
            Ok(rule) if delete => self.commands.push(Command::Delete(rule)),
            Ok(rule) => self.commands.push(Command::Add { rule, prepend }),
            Err(refused) => {
                let (refusal, draft) = *refused;
                let verb = if delete { "delete" } else { "add" };
                self.say(Sink::Stderr, format!("Error sending {verb} rule data request (Invalid argument)"));
                let request = draft.encode(prepend);
                return Err((
                    Stop::Failed,
                    Some(Problem::Refused(Box::new(Refused { refusal, request, delete }))),
                ));
            }
        }
        Ok(())
    }
}

/// Reads one command line of `auditctl`, without the program's name, into what it asks for.
///
/// On error the original has already done what [`Error::before`] holds.
pub fn parse_words(words: &[Vec<u8>], host: &dyn Host) -> Result<Vec<Command>, Error> {
    let mut column = 1;
    let words: Vec<Word<'_>> = words
        .iter()
        .map(|word| {
            let placed = Word { column, text: word.into() };
            column += word.len() as u32 + 1;
            placed
        })
        .collect();
    parse_line(0, &words, host)
}

/// Reads one line of a rules file, cut into words by [`crate::words`]; `number` is the line's number, 0 on the command line.
/// Blank lines and comments, which have no words, are not for this function: the original would call them an error.
pub fn parse_line(number: u32, words: &[Word<'_>], host: &dyn Host) -> Result<Vec<Command>, Error> {
    let mut line = Line {
        host,
        number,
        options: Options::new(words.iter().map(|word| &word.text[..])),
        commands: Vec::new(),
        said: Vec::new(),
        add: None,
        delete: None,
        action: None,
        operations: 0,
        has_syscalls: false,
        has_subject: false,
        arch: None,
        syscalls: SyscallSet::empty(),
        conditions: Vec::new(),
        key: Vec::new(),
        is_rule: false,
    };
    let ended = match line.walk() {
        Ok(true) => Ok(()),
        Ok(false) => line.finish(),
        Err(stop) => Err((stop, None)),
    };
    match ended {
        Ok(()) => Ok(line.commands),
        Err((Stop::Deprecated, _)) => {
            line.commands.extend(line.said.into_iter().map(Command::Say));
            Ok(line.commands)
        }
        Err((stop, problem)) => {
            let syntax = if matches!(stop, Stop::NoSignal) { Problem::NoSignal } else { Problem::Syntax };
            let column = words.get(line.options.current).map_or(1, |word| word.column);
            Err(Error {
                file: None,
                position: Position { line: number, column },
                is_rule: line.list().is_some(),
                problem: problem.unwrap_or(syntax),
                said: line.said,
                before: line.commands,
                ignored: false,
            })
        }
    }
}
