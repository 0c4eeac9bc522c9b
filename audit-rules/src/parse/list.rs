//! `-a`, `-A` and `-d`: a list and an action.

use nom::{
    IResult, Parser,
    bytes::complete::{tag, take_till},
    combinator::all_consuming,
    sequence::separated_pair,
};

use super::{Line, Step, Stop};
use crate::list::{Action, List};

/// What the words after `-a` come to.
enum Setup {
    Good,
    Deprecated,
    BadKeyword,
    Multiple,
}

/// Two words with one comma between them.
fn pair(input: &[u8]) -> IResult<&[u8], (&[u8], &[u8])> {
    let word = || take_till(|byte| byte == b',');
    all_consuming(separated_pair(word(), tag(&b","[..]), word())).parse(input)
}

fn action(word: &[u8]) -> Result<Action, Setup> {
    match word {
        b"always" => Ok(Action::Always),
        b"never" => Ok(Action::Never),
        b"possible" => Err(Setup::Deprecated),
        _ => Err(Setup::BadKeyword),
    }
}

/// Reads list and action in either order. `list` is the one already known (a watch was given before): then the first word
/// must be the list and takes its place.
fn setup(words: &[u8], list: &mut Option<List>, decided: &mut Option<Action>) -> Setup {
    let Ok((_, (first, second))) = pair(words) else { return Setup::BadKeyword };
    match action(first) {
        Err(Setup::BadKeyword) => match List::from_name(first) {
            Some(found) => *list = Some(found),
            None => return Setup::BadKeyword,
        },
        Ok(found) => *decided = Some(found),
        Err(_) => {}
    }
    if list.is_none() {
        *list = List::from_name(second);
    } else {
        match action(second) {
            Ok(found) => *decided = Some(found),
            Err(fault) => return fault,
        }
    }
    if list.is_some() && decided.is_some() { Setup::Good } else { Setup::BadKeyword }
}

impl Line<'_> {
    pub(super) fn append(&mut self, words: &[u8]) -> Step {
        self.add_to_list(words, false)
    }

    pub(super) fn prepend(&mut self, words: &[u8]) -> Step {
        self.add_to_list(words, true)
    }

    fn add_to_list(&mut self, words: &[u8], prepend: bool) -> Step {
        if self.has_syscalls && words.windows(4).any(|part| part == b"task") {
            let error = if prepend { "Error: syscall auditing" } else { "Syscall auditing" };
            return self.fail(format!("{error} requested for task list"));
        }
        let mut list = self.add.map(|(list, _)| list);
        let outcome = self.setup(words, &mut list);
        // A watch before this on the line has no say in where the rule goes, but -A stays -A.
        let prepend = prepend || self.add.is_some_and(|(_, prepend)| prepend);
        self.add = list.map(|list| (list, prepend));
        // One of the two texts ends with a newline of its own.
        let newline = if prepend { "" } else { "\n" };
        self.conclude(&outcome, if prepend { "Add" } else { "Append" }, "Append", newline, words)
    }

    pub(super) fn delete(&mut self, words: &[u8]) -> Step {
        let mut list = self.delete;
        let outcome = self.setup(words, &mut list);
        self.delete = list;
        self.conclude(&outcome, "Delete", "Delete", "", words)
    }

    fn setup(&mut self, words: &[u8], list: &mut Option<List>) -> Setup {
        self.operations += 1;
        if self.operations > 1 {
            return Setup::Multiple;
        }
        setup(words, list, &mut self.action)
    }

    fn conclude(
        &mut self,
        outcome: &Setup,
        verb: &str,
        deprecated: &str,
        newline: &str,
        words: &[u8],
    ) -> Step {
        match outcome {
            Setup::Good => {
                self.is_rule = true;
                Ok(())
            }
            Setup::Multiple => {
                self.fail(format!("Multiple rule insert/delete operations are not allowed{newline}"))
            }
            Setup::BadKeyword => self.fail([verb.as_bytes(), b" rule - bad keyword ", words].concat()),
            Setup::Deprecated => {
                self.say(crate::Sink::Log, format!("{deprecated} rule - possible is deprecated"));
                Err(Stop::Deprecated)
            }
        }
    }
}
