//! Actions that tests of their own look at: a nested PID namespace, and a flood.

use std::io::Write;

use anyhow::{Context, Result};

use crate::case::Case;
use crate::raw;
use crate::stage::{Stage, bury, exit_group};
use crate::syscall;

/// How many calls a flood makes.
pub const FLOOD: u32 = 5_000;

/// Not part of the comparison: here the engines differ on purpose, or lose on purpose.
pub const CASES: &[Case] = &[
    Case::new("nested-namespace", &["-S fork", "-S kill"], 3, |stage| {
        stage.begin()?;
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWPID).context("unshare")?;
        // Inside it is process 1, and its child process 2.
        stage.child(|_| {
            tell("one")?;
            let mut pipe = [0_u8; 8];
            syscall!(libc::SYS_pipe, &mut pipe[..]).context("pipe")?;
            let [read, write] =
                [&pipe[..4], &pipe[4..]].map(|end| i32::from_ne_bytes([end[0], end[1], end[2], end[3]]));
            let two = raw::fork().context("fork")?;
            if two == 0 {
                let told = tell("two").is_ok();
                let _ = syscall!(libc::SYS_write, write, &b"x"[..], usize::from(told));
                std::thread::sleep(std::time::Duration::from_secs(30));
                exit_group(0);
            }
            let mut byte = [0_u8; 1];
            syscall!(libc::SYS_read, read, &mut byte[..], 1).context("waiting for process 2")?;
            let result = syscall!(libc::SYS_kill, two, libc::SIGTERM);
            bury(two)?;
            result.context("kill").map(drop)
        })
    }),
    Case::new("flood", &["-S getpriority"], FLOOD as usize, |stage: &mut Stage| {
        stage.begin()?;
        for number in 1..=FLOOD {
            // Refused for its first argument, which numbers the calls.
            let _ = syscall!(libc::SYS_getpriority, number + 0x1000, 0);
        }
        stage.end()
    }),
];

/// Prints the number that this process has in the root PID namespace, which is the one that /proc was mounted in.
fn tell(name: &str) -> Result<()> {
    let number = std::fs::read_link("/proc/self").context("/proc/self")?;
    let mut out = std::io::stdout();
    writeln!(out, "{name} {}", number.display()).context("telling the number")?;
    out.flush().context("telling the number")
}
