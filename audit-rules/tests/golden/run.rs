//! A run of `auditctl` over this crate, with a kernel that keeps rules in lists.

use audit_rules::{
    Arch, Command, Error, Field, Host, List, Listing, Problem, Rule, Sink, lines, parse_line, words,
};

use crate::host::GoldenHost;

/// A kernel's rule lists, as far as loading and listing go.
#[derive(Default)]
struct Kernel(Vec<Rule>);

impl Kernel {
    /// What the kernel finds out only with the file system at hand.
    fn check_paths(rule: &Rule, host: &GoldenHost, adding: bool) -> Result<(), &'static str> {
        const MISSING: &str = "No such file or directory";
        for condition in rule.conditions() {
            let Some(text) = condition.text() else { continue };
            let found = match condition.field() {
                Field::Exe => host.has_parent(text),
                Field::Path => !adding || host.has_parent(text),
                Field::Dir => !adding || host.is_directory(text),
                _ => true,
            };
            // The longest name that the kernel looks up has one byte less than its PATH_MAX.
            if condition.field() != Field::Key && !condition.field().is_subject_label() && text.len() >= 4096
            {
                return Err("File name too long");
            }
            if !found {
                return Err(MISSING);
            }
        }
        Ok(())
    }

    fn add(&mut self, rule: &Rule, prepend: bool, host: &GoldenHost) -> Result<(), &'static str> {
        if !prepend && self.0.contains(rule) {
            return Err("Rule exists");
        }
        Self::check_paths(rule, host, true)?;
        // Over the wire, as the original does.
        let bytes = rule.draft().encode(prepend);
        let rule = Rule::decode(&bytes).expect("a rule that was just encoded");
        let of =
            |list: List| move |other: &Rule| if prepend { other.list() < list } else { other.list() <= list };
        let at = self.0.partition_point(of(rule.list()));
        self.0.insert(at, rule);
        Ok(())
    }

    fn delete(&mut self, rule: &Rule, host: &GoldenHost) -> Result<(), &'static str> {
        Self::check_paths(rule, host, false)?;
        let at = self.0.iter().position(|other| other == rule).ok_or("No such file or directory")?;
        self.0.remove(at);
        Ok(())
    }

    fn list(&self, interpret: bool, host: &GoldenHost) -> Vec<Vec<u8>> {
        let mut listing = Listing::new(interpret, Arch::X86_64).with_names(host);
        let print = |rule: &Rule| {
            let mut line = Vec::new();
            listing.rule(rule, &mut line);
            line
        };
        self.0.iter().map(print).collect()
    }
}

/// A run of `auditctl`: exit code and standard error, line by line.
#[derive(Default)]
pub(crate) struct Run {
    kernel: Kernel,
    stderr: Vec<u8>,
    /// Messages of [`Sink::Log`] go to syslog, as at the start of `-R`.
    to_syslog: bool,
}

impl Run {
    fn say(&mut self, sink: Sink, text: &[u8]) {
        if sink == Sink::Stderr || !self.to_syslog {
            self.stderr.extend_from_slice(text);
            self.stderr.push(b'\n');
        }
    }

    fn commands(&mut self, commands: &[Command], host: &GoldenHost) -> Result<(), ()> {
        for command in commands {
            let (outcome, verb) = match command {
                Command::Say(note) => {
                    self.say(note.sink, &note.text);
                    continue;
                }
                Command::Add { rule, prepend } => (self.kernel.add(rule, *prepend, host), "add"),
                Command::Delete(rule) => (self.kernel.delete(rule, host), "delete"),
                Command::DeleteAll { key } => {
                    self.kernel.0.retain(|rule| key.as_ref().is_some_and(|key| !rule.key_contains(key)));
                    continue;
                }
                _ => continue,
            };
            self.to_syslog = false;
            if let Err(text) = outcome {
                self.say(Sink::Stderr, format!("Error sending {verb} rule data request ({text})").as_bytes());
                return Err(());
            }
        }
        Ok(())
    }

    pub(crate) fn line(&mut self, outcome: Result<Vec<Command>, Error>, host: &GoldenHost) -> Result<(), ()> {
        match outcome {
            Ok(commands) => self.commands(&commands, host),
            Err(error) => {
                self.commands(&error.before, host)?;
                if matches!(error.problem, Problem::Refused(_)) {
                    self.to_syslog = false;
                }
                for note in error.said {
                    self.say(note.sink, &note.text);
                }
                Err(())
            }
        }
    }

    /// `auditctl -R`, from [`parse_line`], as the command itself would do it.
    pub(crate) fn file(&mut self, name: &str, bytes: &[u8], host: &GoldenHost) -> u8 {
        self.to_syslog = true;
        let (mut ignore, mut go_on, mut failed) = (false, false, false);
        for (number, line) in lines(bytes) {
            let words = words(line);
            if words.is_empty() {
                continue;
            }
            let outcome = parse_line(number, &words, host);
            for command in outcome.iter().flatten() {
                ignore |= matches!(command, Command::IgnoreErrors | Command::ContinueOnErrors);
                go_on |= *command == Command::ContinueOnErrors;
            }
            if self.line(outcome, host).is_err() {
                self.say(Sink::Log, format!("There was an error in line {number} of {name}").as_bytes());
                if !ignore {
                    return 1;
                }
                failed |= go_on;
            }
        }
        u8::from(failed)
    }

    /// The entry of a golden file that this run would have made.
    pub(crate) fn golden(&self, exit: u8, host: &GoldenHost) -> Vec<u8> {
        let mut out = format!("exit {exit}\n").into_bytes();
        let mut put = |mark: &[u8], line: &[u8]| {
            out.extend_from_slice(mark);
            out.extend_from_slice(line);
            out.push(b'\n');
        };
        for line in self.stderr.split_inclusive(|&byte| byte == b'\n') {
            put(b"! ", line.strip_suffix(b"\n").unwrap_or(line));
        }
        for line in self.kernel.list(false, host) {
            put(b"| ", &line);
        }
        for line in self.kernel.list(true, host) {
            put(b"i ", &line);
        }
        out
    }
}
