//! The command line of the daemon: what was typed, never what it means to the machine.
//!
//! `-f -l -n -s -c` and their long names are auditd's (`src/auditd.c` of audit-userspace); the other long options are
//! ours. Long names may be abbreviated to an unambiguous prefix, as `getopt_long` allows.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Where auditd's configuration lies unless `-c` says otherwise.
pub const CONFIG_DIR: &str = "/etc/audit";
/// Where our pid file and control socket lie unless `--run-dir` says otherwise.
pub const RUN_DIR: &str = "/run/ebpfauditd";

/// First lines of `--help`, and all that a bad command line is answered with.
pub const USAGE: &str = "Usage: ebpfauditd [-f] [-l] [-n] [-s disable|enable|nochange] [-c <config_dir>]
                  [--run-dir <dir>] [--ring-bytes <n>] [--mask-engine trampoline] [--probe | --plan]";

/// The rest of `--help`.
pub const HELP: &str = "
  -f, --foreground       stay in the foreground, write records to stdout, messages to stderr
  -l, --allow_links      follow a symbolic link in place of auditd.conf
  -n, --disable_fork     stay in the foreground, write records to the log file
  -s, --enable_state S   what to do with auditing at start: disable, enable (default) or nochange
  -c, --config_dir DIR   directory of auditd.conf and audit.rules (default /etc/audit)
      --run-dir DIR      directory of the pid file and the control socket (default /run/ebpfauditd)
      --ring-bytes N     size of the eBPF ring buffer: a power of two of at least one page
      --mask-engine E    for tests: serve rules as on a kernel without the engine E (trampoline)
      --probe            print what the kernel offers, then exit
      --plan             print for each rule of DIR/audit.rules its engine, hooks and the reason, then exit
      --help             print this
      --version          print the version";

/// What happens to `audit_enabled` at start (`-s`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Startup {
    /// Auditing is switched off.
    Disable,
    /// Auditing is switched on.
    #[default]
    Enable,
    /// Auditing stays as the kernel has it.
    NoChange,
}

impl Startup {
    /// The word on the command line and in the start-up message.
    pub fn word(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::NoChange => "nochange",
        }
    }

    /// Takes a prefix of a word, as auditd does (`strncmp` with the length of what was given).
    fn from_prefix(text: &[u8]) -> Option<Self> {
        [Self::Disable, Self::Enable, Self::NoChange]
            .into_iter()
            .find(|startup| startup.word().as_bytes().starts_with(text))
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Task {
    /// Be the daemon.
    #[default]
    Run,
    /// Print what the kernel offers.
    Probe,
    /// Print the plan for the rules file.
    Plan,
    /// Print the help.
    Help,
    /// Print the version.
    Version,
}

/// A command line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "as many as auditd's command line has")]
pub struct Options {
    /// What is to be done.
    pub task: Task,
    /// `-f`: records go to stdout.
    pub foreground: bool,
    /// `-l`: auditd.conf may be a symbolic link.
    pub allow_links: bool,
    /// `-n` (or `-f`): do not go into the background.
    pub no_fork: bool,
    /// `-s`.
    pub startup: Startup,
    /// `-c`: directory of auditd.conf and audit.rules.
    pub config_dir: PathBuf,
    /// `--run-dir`: directory of the pid file and the control socket.
    pub run_dir: PathBuf,
    /// `--ring-bytes`: size of the ring buffer in bytes; `None` leaves it to the engine.
    pub ring_bytes: Option<u32>,
    /// `--mask-engine trampoline`: no BPF trampolines are used.
    pub mask_trampolines: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            task: Task::Run,
            foreground: false,
            allow_links: false,
            no_fork: false,
            startup: Startup::Enable,
            config_dir: CONFIG_DIR.into(),
            run_dir: RUN_DIR.into(),
            ring_bytes: None,
            mask_trampolines: false,
        }
    }
}

/// Why a command line was refused; every kind of it is answered with [`USAGE`] and exit code 2.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UsageError {
    /// No such option.
    #[error("invalid option -- '{0}'")]
    Unknown(String),
    /// The prefix of a long option fits several.
    #[error("option '--{0}' is ambiguous")]
    Ambiguous(String),
    /// An option that needs an argument came last.
    #[error("option '{0}' requires an argument")]
    NoArgument(&'static str),
    /// An option that takes no argument was given one with `=`.
    #[error("option '{0}' doesn't allow an argument")]
    UnwantedArgument(&'static str),
    /// An option's argument is not one of those allowed.
    #[error("option '{0}': '{1}' is not {2}")]
    BadArgument(&'static str, String, &'static str),
    /// A word that belongs to no option.
    #[error("unexpected argument '{0}'")]
    Stray(String),
    /// `--probe` and `--plan` together.
    #[error("only one of --probe and --plan can be given")]
    TwoTasks,
}

/// Long name, short name (0 if none), whether it takes an argument.
const LONG: [(&str, u8, bool); 12] = [
    ("--foreground", b'f', false),
    ("--allow_links", b'l', false),
    ("--disable_fork", b'n', false),
    ("--enable_state", b's', true),
    ("--config_dir", b'c', true),
    ("--run-dir", 0, true),
    ("--ring-bytes", 0, true),
    ("--mask-engine", 0, true),
    ("--probe", 0, false),
    ("--plan", 0, false),
    ("--help", 0, false),
    ("--version", 0, false),
];

impl Options {
    /// Reads a command line without the program's name.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, UsageError> {
        let mut options = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let bytes = argument.as_bytes();
            if let Some(rest) = bytes.strip_prefix(b"--") {
                if rest.is_empty() {
                    return match arguments.next() {
                        Some(stray) => Err(UsageError::Stray(lossy(stray.as_bytes()))),
                        None => Ok(options),
                    };
                }
                let (name, glued) = match rest.iter().position(|&b| b == b'=') {
                    Some(at) => (&rest[..at], Some(rest[at + 1..].to_vec())),
                    None => (rest, None),
                };
                let (long, wants) = find_long(name)?;
                let value = match (wants, glued) {
                    (false, Some(_)) => return Err(UsageError::UnwantedArgument(long)),
                    (false, None) => Vec::new(),
                    (true, Some(value)) => value,
                    (true, None) => arguments.next().ok_or(UsageError::NoArgument(long))?.into_vec(),
                };
                options.set(long, value)?;
            } else if bytes.len() > 1 && bytes[0] == b'-' {
                let mut at = 1;
                while let Some(&letter) = bytes.get(at) {
                    at += 1;
                    let Some(&(long, _, wants)) = LONG.iter().find(|entry| entry.1 == letter && letter != 0)
                    else {
                        return Err(UsageError::Unknown(lossy(&[letter])));
                    };
                    if !wants {
                        options.set(long, Vec::new())?;
                        continue;
                    }
                    let value = if at < bytes.len() {
                        bytes[at..].to_vec()
                    } else {
                        arguments.next().ok_or(UsageError::NoArgument(long))?.into_vec()
                    };
                    options.set(long, value)?;
                    break;
                }
            } else {
                return Err(UsageError::Stray(lossy(bytes)));
            }
        }
        Ok(options)
    }

    /// The same with both directories as absolute paths, so that they mean the same after the daemon has gone to `/`. The
    /// file system is asked for nothing but the working directory.
    ///
    /// # Errors
    /// No working directory, or a directory's name is empty; the words say which.
    pub fn absolute(self) -> Result<Self, String> {
        let absolute = |option: &str, path: &Path| {
            let failed = |error| format!("option '{option}': '{}': {error}", path.display());
            // Collected anew for the slash at the end, with which a name would be followed if it is a symbolic link.
            Ok::<PathBuf, String>(std::path::absolute(path).map_err(failed)?.components().collect())
        };
        let config_dir = absolute("--config_dir", &self.config_dir)?;
        let run_dir = absolute("--run-dir", &self.run_dir)?;
        Ok(Self { config_dir, run_dir, ..self })
    }

    fn set(&mut self, long: &'static str, value: Vec<u8>) -> Result<(), UsageError> {
        match long {
            "--foreground" => (self.foreground, self.no_fork) = (true, true),
            "--allow_links" => self.allow_links = true,
            "--disable_fork" => self.no_fork = true,
            "--enable_state" => {
                self.startup = Startup::from_prefix(&value).ok_or_else(|| {
                    UsageError::BadArgument(long, lossy(&value), "disable, enable or nochange")
                })?;
            }
            "--config_dir" => self.config_dir = OsString::from_vec(value).into(),
            "--run-dir" => self.run_dir = OsString::from_vec(value).into(),
            "--ring-bytes" => self.ring_bytes = Some(ring_bytes(long, &value)?),
            "--mask-engine" if value == b"trampoline" => self.mask_trampolines = true,
            "--mask-engine" => {
                return Err(UsageError::BadArgument(
                    long,
                    lossy(&value),
                    "an engine that can be masked: trampoline",
                ));
            }
            "--probe" => self.only(Task::Probe)?,
            "--plan" => self.only(Task::Plan)?,
            "--help" => self.task = Task::Help,
            _ => self.task = Task::Version,
        }
        Ok(())
    }

    fn only(&mut self, task: Task) -> Result<(), UsageError> {
        match self.task {
            Task::Help | Task::Version => Ok(()),
            present if present == Task::Run || present == task => {
                self.task = task;
                Ok(())
            }
            _ => Err(UsageError::TwoTasks),
        }
    }
}

/// The kernel takes powers of two that are multiples of the page size.
fn ring_bytes(long: &'static str, value: &[u8]) -> Result<u32, UsageError> {
    std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse::<u32>().ok())
        .filter(|n| n.is_power_of_two() && *n >= 4096)
        .ok_or_else(|| UsageError::BadArgument(long, lossy(value), "a power of two of at least 4096"))
}

fn find_long(name: &[u8]) -> Result<(&'static str, bool), UsageError> {
    let fits = |entry: &&(&'static str, u8, bool)| entry.0.as_bytes()[2..].starts_with(name);
    if let Some(&(long, _, wants)) = LONG.iter().find(|entry| &entry.0.as_bytes()[2..] == name) {
        return Ok((long, wants));
    }
    let mut found = LONG.iter().filter(fits);
    match (found.next(), found.next()) {
        (Some(&(long, _, wants)), None) => Ok((long, wants)),
        (None, _) => Err(UsageError::Unknown(lossy(name))),
        _ => Err(UsageError::Ambiguous(lossy(name))),
    }
}

fn lossy(bytes: &[u8]) -> String {
    OsStr::from_bytes(bytes).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options, UsageError> {
        Options::parse(words.iter().map(OsString::from))
    }

    #[test]
    fn auditds_options_are_taken_short_glued_and_long() {
        let options = parse(&["-fl", "-sdis", "-c", "/tmp/x"]).unwrap();
        assert!(options.foreground && options.no_fork && options.allow_links);
        assert_eq!(options.startup, Startup::Disable);
        assert_eq!(options.config_dir, PathBuf::from("/tmp/x"));
        let options = parse(&["--disable_fork", "--config_dir=/a", "--run-dir", "/b"]).unwrap();
        assert!(options.no_fork && !options.foreground);
        assert_eq!(options.config_dir, PathBuf::from("/a"));
        assert_eq!(options.run_dir, PathBuf::from("/b"));
    }

    #[test]
    fn directories_are_made_absolute_before_the_working_directory_changes() {
        let here = std::env::current_dir().unwrap();
        let options = parse(&["-c", "etc/", "--run-dir", "./run/."]).unwrap().absolute().unwrap();
        assert_eq!(options.config_dir.as_os_str(), here.join("etc").as_os_str());
        assert_eq!(options.run_dir.as_os_str(), here.join("run").as_os_str());
        let options = Options::default();
        assert_eq!(options.clone().absolute(), Ok(options));
        let refused = parse(&["-c", ""]).unwrap().absolute().unwrap_err();
        assert!(refused.starts_with("option '--config_dir': '': "), "{refused}");
    }

    #[test]
    fn long_names_may_be_abbreviated_until_they_are_ambiguous() {
        assert_eq!(parse(&["--prob"]).unwrap().task, Task::Probe);
        assert_eq!(parse(&["--p"]), Err(UsageError::Ambiguous("p".into())));
    }

    #[test]
    fn bad_command_lines_are_refused() {
        for bad in [
            &["-x"][..],
            &["extra"],
            &["-c"],
            &["-s", "maybe"],
            &["--ring-bytes", "5000"],
            &["--ring-bytes=0"],
            &["--mask-engine", "all"],
            &["--probe=1"],
            &["--probe", "--plan"],
            &["--", "x"],
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
