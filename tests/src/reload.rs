//! A loop of operations that rules name, each with a name or an argument of its own: `prover reload PLACE AUID`.

use std::collections::HashMap;
use std::ffi::CString;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::log::Event;
use crate::stage::c_string;
use crate::{proof, syscall};

/// The key of the loop's rules, by operation: what is named by its system call, what is watched, what fails.
pub const KEYS: [&str; 3] = ["named", "watched", "failing"];

/// The loop's rules for this directory.
pub fn rules(place: &str, auid: u32) -> [String; 3] {
    [
        format!("-a always,exit -F arch=b64 -S mkdir -F auid={auid} -k named"),
        format!("-a always,exit -F arch=b64 -S openat -F path={place}/watched -F auid={auid} -k watched"),
        format!("-a always,exit -F arch=b64 -S getpgid -F success=0 -F auid={auid} -k failing"),
    ]
}

/// Which operation an event of the loop tells of: its number stands in a register.
fn number(event: &Event, key: &str) -> Option<usize> {
    let register = match key {
        "named" => "a1",
        "watched" => "a3",
        _ => "a0",
    };
    let number = usize::from_str_radix(event.syscall(register)?, 16).ok()?;
    number.checked_sub(FIRST)
}

/// Numbers begin here, so that none looks like something else; as process ids they are of no process.
const FIRST: usize = 0x0100_0000;

/// What was missed and what was recorded twice, of `count` operations.
pub fn faults(log: &[Event], key: &str, count: usize) -> Vec<String> {
    let mut found: HashMap<usize, usize> = HashMap::new();
    for number in log.iter().filter(|event| event.has_key(key)).filter_map(|event| number(event, key)) {
        *found.entry(number).or_insert(0) += 1;
    }
    let missed: Vec<usize> = (0..count).filter(|number| !found.contains_key(number)).collect();
    let mut doubled: Vec<usize> =
        found.iter().filter(|(_, times)| **times > 1).map(|(number, _)| *number).collect();
    doubled.sort_unstable();
    let strange = found.keys().filter(|number| **number >= count).count();
    [
        ("missed", missed.len(), missed.first()),
        ("doubled", doubled.len(), doubled.first()),
        ("strange", strange, None),
    ]
    .into_iter()
    .filter(|(_, many, _)| *many > 0)
    .map(|(what, many, first)| format!("{key}: {many} of {count} {what}, first {first:?}"))
    .collect()
}

/// Who makes the operations: one of each with one number.
pub struct Operator {
    watched: CString,
    directory: CString,
}

impl Operator {
    /// In this directory, where no other makes one of this name.
    pub fn new(place: &Path, made: &str) -> Result<Self> {
        let path = |name: &str| c_string(place.join(name).as_os_str().as_bytes());
        Ok(Self { watched: path("watched")?, directory: path(made)? })
    }

    /// One of each.
    pub fn operate(&self, number: usize) -> Result<()> {
        let number = FIRST + number;
        syscall!(libc::SYS_mkdir, &self.directory, number).context("mkdir")?;
        syscall!(libc::SYS_rmdir, &self.directory).context("rmdir")?;
        let fd = syscall!(libc::SYS_openat, libc::AT_FDCWD, &self.watched, libc::O_RDONLY, number)
            .context("open")?;
        syscall!(libc::SYS_close, fd)?;
        // There is no such process; the rule wants the failure.
        let _ = syscall!(libc::SYS_getpgid, number);
        Ok(())
    }
}

/// Loops until standard input ends, and then says how often.
pub fn play(words: &[String]) -> Result<()> {
    let [place, auid] = words else { bail!("usage: prover reload PLACE AUID") };
    let operator = Operator::new(Path::new(place), "made")?;
    let mut input = std::io::stdin();
    nix::fcntl::fcntl(&input, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))?;
    proof::log_in(auid.parse().context("AUID")?)?;
    let mut count = 0;
    loop {
        operator.operate(count)?;
        count += 1;
        if matches!(input.read(&mut [0]), Ok(0)) {
            break;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    let mut out = std::io::stdout();
    writeln!(out, "{count}")?;
    Ok(out.flush()?)
}
