//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// What `--help` prints.
pub(super) const HELP: &str = "\
usage: bench [--quick] [--rounds N] [--minutes N] [--only NAME[,NAME...]] [--without-ours] [--dir DIR] [--write FILE]
             [--section]

Measures nothing, the original auditd and ours in turns. Needs root; takes over the kernel's audit while it
runs and puts back what it found.

  --quick         fewer rounds and shorter loops
  --rounds N      rounds of every measurement (default 7, quick 3)
  --minutes N     end with the round (not before the third) after which another would not fit into this time
  --only NAME     null, named, open, watches, exec, sustained, start, stig, change; several with commas; the last counts
  --without-ours  compare nothing and the original only
  --dir DIR       where the scratch directory with the logs goes (default /var/tmp)
  --write FILE    write the result as Markdown, e.g. docs/performance.md; its sections on virtual machines stay
  --section       print it as such a section, too

Environment: EBPFAUDITD and AUDITCTL name our two programs (default: beside bench, else target/release).
";

/// One thing that can be measured on its own with `--only`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A null syscall that no rule names.
    Null,
    /// A syscall that 30 rules name and none matches.
    Named,
    /// open and close, unmatched.
    Open,
    /// open and close of one file while others are watched.
    Watches,
    /// The execl loop under an exec rule.
    Exec,
    /// Matched events to disk: rate, daemon CPU, memory.
    Sustained,
    /// Start-up and reload.
    Start,
    /// Start-up with the STIG's rules.
    Stig,
    /// Rules that are loaded, listed, added and deleted.
    Change,
}

impl Part {
    const ALL: [(&'static str, Self); 9] = [
        ("null", Self::Null),
        ("named", Self::Named),
        ("open", Self::Open),
        ("watches", Self::Watches),
        ("exec", Self::Exec),
        ("sustained", Self::Sustained),
        ("start", Self::Start),
        ("stig", Self::Stig),
        ("change", Self::Change),
    ];
}

/// A checked command line.
#[derive(Debug)]
pub(super) struct Options {
    /// Rounds of every measurement.
    pub(super) rounds: usize,
    /// How long all of it may take.
    pub(super) limit: Option<Duration>,
    /// Short loops.
    pub(super) quick: bool,
    /// What to measure.
    pub(super) parts: Vec<Part>,
    /// Our daemon and our auditctl; none with `--without-ours`.
    pub(super) ours: Option<Programs>,
    /// Compare with ours; `--without-ours` says no.
    pub(super) with_ours: bool,
    /// Parent of the scratch directory.
    pub(super) directory: PathBuf,
    /// Where to write the Markdown report.
    pub(super) write: Option<PathBuf>,
    /// Print the section for a virtual machine.
    pub(super) section: bool,
}

/// The two programs of ours that are needed.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    /// `ebpfauditd`.
    pub(super) daemon: PathBuf,
    /// Our `auditctl`.
    pub(super) control: PathBuf,
}

/// What the command line asks for.
#[derive(Debug)]
pub(super) enum Invocation {
    /// Print the help.
    Help,
    /// Measure.
    Run(Options),
}

impl Options {
    /// Whether `part` is asked for.
    pub(super) fn wants(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    /// Finds our two programs, unless they are not wanted.
    pub(super) fn find_ours(&mut self) -> Result<()> {
        if self.with_ours {
            self.ours = Some(Programs {
                daemon: ours("EBPFAUDITD", "ebpfauditd")?,
                control: ours("AUDITCTL", "auditctl")?,
            });
        }
        Ok(())
    }
}

/// Parses the arguments after the program's name.
pub(super) fn parse(words: &[OsString]) -> Result<Invocation> {
    let mut options = Options {
        rounds: 0,
        limit: None,
        quick: false,
        parts: Vec::new(),
        ours: None,
        with_ours: true,
        directory: PathBuf::from("/var/tmp"),
        write: None,
        section: false,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{} needs a value", word.display()));
        match word.to_str() {
            Some("--help" | "-h") => return Ok(Invocation::Help),
            Some("--quick") => options.quick = true,
            Some("--without-ours") => options.with_ours = false,
            Some("--rounds") => {
                options.rounds = value()?
                    .to_str()
                    .and_then(|text| text.parse().ok())
                    .filter(|rounds| *rounds > 0)
                    .context("--rounds needs a number above 0")?;
            }
            Some("--minutes") => {
                let minutes = value()?.to_str().and_then(|text| text.parse().ok());
                options.limit = Some(Duration::from_mins(minutes.context("--minutes needs a number")?));
            }
            Some("--section") => options.section = true,
            Some("--only") => {
                // The last one counts: what is measured in a virtual machine can be narrowed down.
                options.parts.clear();
                for name in value()?.to_string_lossy().split(',') {
                    let part = Part::ALL.iter().find(|(known, _)| *known == name);
                    options.parts.push(part.with_context(|| format!("--only: nothing is called {name}"))?.1);
                }
            }
            Some("--dir") => options.directory = PathBuf::from(value()?),
            Some("--write") => options.write = Some(PathBuf::from(value()?)),
            _ => bail!("unknown argument {}", word.display()),
        }
    }
    if options.parts.is_empty() {
        options.parts = Part::ALL.iter().map(|(_, part)| *part).collect();
    }
    if options.rounds == 0 {
        options.rounds = if options.quick { 3 } else { 7 };
    }
    Ok(Invocation::Run(options))
}

/// One of our programs: as the environment says, or beside this one, or in `target/release`.
fn ours(variable: &str, name: &str) -> Result<PathBuf> {
    let found = if let Some(path) = std::env::var_os(variable) {
        PathBuf::from(path)
    } else {
        let beside = std::env::current_exe().context("finding this program")?.with_file_name(name);
        if beside.exists() { beside } else { PathBuf::from("target/release").join(name) }
    };
    found.canonicalize().with_context(|| {
        format!("{} is not there; run `make build`, or give --without-ours", found.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn parts_and_rounds() {
        let Invocation::Run(options) =
            parse(&words("--only open --without-ours --quick --only null,exec --rounds 2")).unwrap()
        else {
            panic!("no help asked for")
        };
        assert_eq!(options.parts, [Part::Null, Part::Exec]);
        assert_eq!(options.rounds, 2);
        assert!(options.ours.is_none());
    }

    #[test]
    fn mistakes_are_named() {
        for (line, text) in [
            ("--only nul --without-ours", "nothing is called nul"),
            ("--rounds 0 --without-ours", "--rounds"),
            ("--rounds", "needs a value"),
            ("--fast", "--fast"),
        ] {
            let error = format!("{:#}", parse(&words(line)).unwrap_err());
            assert!(error.contains(text), "{line}: {error}");
        }
    }
}
