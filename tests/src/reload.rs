//! A loop of operations that rules name, each with a name or an argument of its own: `prover reload PLACE AUID`.

use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

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
pub fn number(event: &crate::log::Event, key: &str) -> Option<usize> {
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

/// Loops until standard input ends, and then says how often.
pub fn play(words: &[String]) -> Result<()> {
    let [place, auid] = words else { bail!("usage: prover reload PLACE AUID") };
    let place = Path::new(place);
    let watched = c_string(place.join("watched").as_os_str().as_bytes())?;
    let directory = c_string(place.join("made").as_os_str().as_bytes())?;
    let mut input = std::io::stdin();
    nix::fcntl::fcntl(&input, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))?;
    proof::log_in(auid.parse().context("AUID")?)?;
    let mut count = 0;
    loop {
        let number = FIRST + count;
        syscall!(libc::SYS_mkdir, &directory, number).context("mkdir")?;
        syscall!(libc::SYS_rmdir, &directory).context("rmdir")?;
        let fd =
            syscall!(libc::SYS_openat, libc::AT_FDCWD, &watched, libc::O_RDONLY, number).context("open")?;
        syscall!(libc::SYS_close, fd)?;
        // There is no such process; the rule wants the failure.
        let _ = syscall!(libc::SYS_getpgid, number);
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
