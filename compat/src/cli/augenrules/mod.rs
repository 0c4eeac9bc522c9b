//! `augenrules`: joins the rules files of `/etc/audit/rules.d` into `/etc/audit/audit.rules` (man page augenrules(8)).
//!
//! The original is a shell script that lives by awk, sort and cp; this behaves as that of audit 4.2, in one process. What awk
//! makes of `\s` depends on the awk that is installed; here it is white space.

mod generate;
mod install;
mod order;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::auditctl;

/// Where the pieces lie.
const SOURCE: &str = "/etc/audit/rules.d";
/// What is made of them.
const DESTINATION: &str = "/etc/audit/audit.rules";

/// How the program ends, unless `auditctl -R` decides.
mod exit {
    /// All is as it should be, or nothing can be changed.
    pub(super) const SUCCESS: u8 = 0;
    /// Wrong usage, no rules directory, or a file that cannot be read or written.
    pub(super) const FAILURE: u8 = 1;
}

/// Runs the program with these arguments. `name` is the name it was called by, which its messages begin with. Returns its
/// exit code.
#[must_use]
pub fn run(name: &[u8], words: &[Vec<u8>]) -> u8 {
    let program = Program { name: full_name(name), load: words.iter().any(|word| word == b"--load") };
    if words.iter().any(|word| word != b"--check" && word != b"--load") {
        print(&[b"Usage: ", &program.name[..], b" [--check|--load]"].concat());
        return exit::FAILURE;
    }
    program.generate(words.iter().any(|word| word == b"--check"))
}

struct Program {
    name: Vec<u8>,
    load: bool,
}

impl Program {
    fn generate(&self, check: bool) -> u8 {
        if !Path::new(SOURCE).is_dir() {
            self.say(&format!("No rules directory - {SOURCE}"));
            // The original loads what there is, and fails all the same.
            self.load();
            return exit::FAILURE;
        }
        let pieces = match pieces(Path::new(SOURCE)) {
            Ok(pieces) => pieces,
            Err(error) => {
                self.complain(&error);
                return exit::FAILURE;
            }
        };
        let text = generate::join(SOURCE, &pieces);
        let same = fs::read(DESTINATION).is_ok_and(|present| present == text);
        if same {
            self.say("No change");
        } else if check {
            self.say("Rules have changed and should be updated");
            return exit::SUCCESS;
        }
        if auditctl::rules_are_locked() {
            self.say("Audit system is in immutable mode - exiting with no changes");
            return exit::SUCCESS;
        }
        if !same && let Err(error) = install::replace(Path::new(DESTINATION), &text) {
            self.complain(&error);
            return exit::FAILURE;
        }
        self.load()
    }

    /// Loads the file if that was asked for.
    fn load(&self) -> u8 {
        if self.load {
            auditctl::run(&[b"-R".to_vec(), DESTINATION.as_bytes().to_vec()])
        } else {
            exit::SUCCESS
        }
    }

    fn say(&self, text: &str) {
        print(&[&self.name[..], b": ", text.as_bytes()].concat());
    }

    fn complain(&self, error: &install::Failure) {
        let line = [&self.name[..], b": ", error.to_string().as_bytes(), b"\n"].concat();
        let _ = io::stderr().lock().write_all(&line);
    }
}

fn print(line: &[u8]) {
    // What nobody reads is no error, as with the original.
    let _ = io::stdout().lock().write_all(&[line, b"\n"].concat());
}

/// The contents of the rules files in `directory`, in the order of their names.
fn pieces(directory: &Path) -> Result<Vec<Vec<u8>>, install::Failure> {
    let failed = |error| install::Failure::new(directory, error);
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if name.as_bytes().ends_with(b".rules") && !name.as_bytes().starts_with(b".") {
            names.push(name);
        }
    }
    names.sort_by(|a, b| order::versions(a.as_bytes(), b.as_bytes()));
    let mut pieces = Vec::new();
    for name in names {
        let path = directory.join(name);
        match fs::read(&path) {
            Ok(text) => pieces.push(text),
            // A link that leads nowhere is no rules file, to the original either.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(install::Failure::new(&path, error)),
        }
    }
    Ok(pieces)
}

/// The path by which the program was found. The kernel tells it to a script; a program is told only what was typed.
fn full_name(name: &[u8]) -> Vec<u8> {
    if name.contains(&b'/') {
        return name.to_vec();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join(OsStr::from_bytes(name)))
        .find(|path| {
            fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
        })
        .map_or_else(|| name.to_vec(), |path| path.into_os_string().as_bytes().to_vec())
}
