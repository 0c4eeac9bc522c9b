//! The process that plays sequences: `prover random ROOT AUID SEQUENCE...`.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::{Context, Result, bail};

use crate::stage::{become_nobody, c_string, leave, reap};
use crate::{proof, raw, syscall};

use super::name::OPEN;
use super::sequence::Sequence;

/// Seconds that a call may block before a signal ends it.
const PATIENCE: i64 = 2;

/// Plays each sequence in the tree `ROOT/NUMBER`, by a child with the login uid `AUID + NUMBER`; says what each call answered.
pub fn play(words: &[String]) -> Result<()> {
    let [root, auid, sequences @ ..] = words else { bail!("usage: prover random ROOT AUID SEQUENCE...") };
    let auid: u32 = auid.parse().context("AUID")?;
    for (number, text) in sequences.iter().enumerate() {
        let sequence: Sequence = text.parse().with_context(|| format!("the sequence {text}"))?;
        let pid = raw::fork().context("fork")?;
        if pid == 0 {
            leave(one(&format!("{root}/{number}"), auid + number as u32, number, &sequence));
        }
        reap(pid).with_context(|| format!("sequence {number}"))?;
    }
    Ok(())
}

fn one(root: &str, auid: u32, number: usize, sequence: &Sequence) -> Result<()> {
    std::env::set_current_dir(root).with_context(|| root.to_owned())?;
    let mut open = Vec::new();
    for name in OPEN {
        let path = c_string(format!("{root}/{name}").as_bytes())?;
        let flags = libc::O_RDONLY | libc::O_DIRECTORY;
        open.push(syscall!(libc::SYS_openat, libc::AT_FDCWD, &path, flags).context("a directory")?);
    }
    let calls = sequence.calls(root)?;
    let mut answers = Vec::with_capacity(calls.len());
    let mut space = vec![0; 256];
    proof::log_in(auid)?;
    if sequence.unprivileged() {
        become_nobody()?;
    }
    raw::catch(libc::SIGALRM).context("SIGALRM")?;
    for call in &calls {
        if call.may_block() {
            syscall!(libc::SYS_alarm, PATIENCE).context("alarm")?;
        }
        let answer = call.make(&open, &mut space);
        if call.may_block() {
            syscall!(libc::SYS_alarm, 0).context("alarm")?;
        }
        if let (Ok(descriptor), true) = (answer, call.opens()) {
            syscall!(libc::SYS_close, descriptor).context("close")?;
        }
        answers.push(answer);
    }
    let mut text = String::new();
    for (call, answer) in calls.iter().zip(answers) {
        match answer {
            Ok(value) => writeln!(text, "{number}: {call} = {value}")?,
            Err(errno) => writeln!(text, "{number}: {call} = {errno:?}")?,
        }
    }
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
