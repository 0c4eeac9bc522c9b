//! The options that do not build a rule: settings, status, lists, messages.

use super::{Line, Long, Step, Stop};
use crate::{
    command::{Command, Signal},
    error::Sink,
    number,
};

impl Line<'_> {
    pub(super) fn control(&mut self, letter: u8, argument: &[u8]) -> Step {
        match letter {
            b'h' => self.done(Command::Usage),
            b'i' => self.done(Command::IgnoreErrors),
            b'c' => self.done(Command::ContinueOnErrors),
            b'v' => self.done(Command::Version),
            b's' => self.status(),
            b'l' => self.list_rules(),
            b'D' => self.delete_all(),
            b't' => self.done_at_once(Command::TrimSubtrees),
            b'q' => self.make_equivalent(argument),
            b'm' => self.message(argument),
            b'e' => self.three_way(argument, "Enable", Command::Enable),
            b'f' => self.three_way(argument, "Failure", Command::Failure),
            b'r' => self.numeric(argument, "Rate", "rate", Command::RateLimit),
            b'b' => self.numeric(argument, "Backlog", "backlog", Command::BacklogLimit),
            b'R' => self.fail("Error - nested rule files not supported"),
            _ => self.bad_option(),
        }
    }

    pub(super) fn long(&mut self, option: Long, argument: &[u8]) -> Step {
        match option {
            Long::LoginuidImmutable => self.done_at_once(Command::LoginuidImmutable),
            Long::ResetLost => self.done(Command::ResetLost),
            Long::Help => self.done(Command::Usage),
            Long::ResetBacklogWaitTimeActual => self.done_at_once(Command::ResetBacklogWaitTimeActual),
            Long::BacklogWaitTime => {
                self.numeric(argument, "Backlog_wait_time", "backlog_wait_time", Command::BacklogWaitTime)
            }
            Long::Signal => {
                let Some(signal) = Signal::from_name(argument) else {
                    self.say(Sink::Log, [argument, b" is an unsupported signal"].concat());
                    return Err(Stop::NoSignal);
                };
                self.done(Command::Signal(signal))
            }
        }
    }

    /// Ends the line with `command`; stray words are an error after it.
    fn done(&mut self, command: Command) -> Step {
        self.commands.push(command);
        Err(Stop::Done)
    }

    /// Ends the line with `command`; nobody looks at stray words.
    fn done_at_once(&mut self, command: Command) -> Step {
        self.commands.push(command);
        Err(Stop::DoneAtOnce)
    }

    /// `-e` and `-f`.
    fn three_way(&mut self, argument: &[u8], name: &str, command: fn(u32) -> Command) -> Step {
        let [digit @ b'0'..=b'2'] = argument else {
            return self.fail([name.as_bytes(), b" must be 0, 1, or 2 was ", argument].concat());
        };
        self.commands.push(command(u32::from(digit - b'0')));
        Ok(())
    }

    /// `-r`, `-b` and `--backlog_wait_time`: only the first character must be a digit.
    fn numeric(&mut self, argument: &[u8], name: &str, noun: &str, command: fn(u32) -> Command) -> Step {
        if !number::starts_with_digit(argument) {
            return self.fail([name.as_bytes(), b" must be a numeric value was ", argument].concat());
        }
        let value = number::read(argument);
        if value.is_out_of_range() {
            return self.fail_at_once(format!("Error converting {noun}"));
        }
        self.commands.push(command(value.unsigned()));
        Ok(())
    }

    fn status(&mut self) -> Step {
        let mut interpret = false;
        if self.options.count() > 3 {
            return self.fail("Too many options for status command");
        }
        if self.options.at == 2 && self.options.count() == 3 {
            if self.options.word(2) != Some(b"-i") {
                return self.fail("Only -i option is allowed");
            }
            interpret = true;
            self.options.drop_last(1);
        }
        self.done(Command::Status { interpret })
    }

    fn list_rules(&mut self) -> Step {
        let (mut interpret, mut key) = (false, None);
        match self.options.count() {
            0..=2 => {}
            3 if self.options.word(self.options.at) == Some(b"-i") => {
                interpret = true;
                self.options.drop_last(1);
            }
            4 if self.options.word(self.options.at) == Some(b"-k") => {
                key = self.options.word(3).map(|word| word[..word.len().min(crate::MAX_KEY)].to_vec());
                self.options.drop_last(2);
            }
            3 | 4 => return self.fail("Only -k or -i options are allowed"),
            _ => return self.fail("Wrong number of options for list request"),
        }
        self.done(Command::List { interpret, key })
    }

    fn delete_all(&mut self) -> Step {
        let mut key = None;
        match self.options.count() {
            0..=2 => {}
            4 if self.options.word(self.options.at) == Some(b"-k") => {
                key = self.options.word(3).map(|word| word[..word.len().min(crate::MAX_KEY)].to_vec());
                self.options.drop_last(2);
            }
            4 => return self.fail("Only the -k option is allowed"),
            _ => return self.fail("Wrong number of options for Delete all request"),
        }
        self.done(Command::DeleteAll { key })
    }

    fn message(&mut self, text: &[u8]) -> Step {
        if self.options.count() > 3 {
            return self.fail("The -m option must be only the only option and takes 1 parameter");
        }
        // Characters are signed on x86: every byte above 127 is "below 32" too.
        if text.iter().any(|&byte| byte.cast_signed() < 32) {
            return self.fail_at_once("Illegal character in audit event");
        }
        self.done_at_once(Command::Message(text.to_vec()))
    }
}
