//! Starts a workload child and reads what it measured.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::scratch::Scratch;
use super::{interrupt, workload};

/// A child that does not outlive an error.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // Both fail only when it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the workload `words` and returns the numbers that it prints. The child is forked now, in the state that is
/// measured; that state decides whether it has an audit context.
pub(super) fn run(scratch: &Scratch, words: &[&str]) -> Result<Vec<u64>> {
    let what = || format!("workload {}", words.join(" "));
    let mut child = Guard(
        Command::new(scratch.program())
            .arg(workload::FLAG)
            .args(words)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(what)?,
    );
    let mut output = child.0.stdout.take().with_context(what)?;
    let mut text = Vec::new();
    loop {
        interrupt::check()?;
        let mut fds = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(interrupt::TICK).context("the time between two looks")?;
        match poll(&mut fds, timeout) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error).with_context(what),
        }
        let mut buffer = [0; 4096];
        match output.read(&mut buffer).with_context(what)? {
            0 => break,
            count => text.extend_from_slice(&buffer[..count]),
        }
    }
    let status = child.0.wait().with_context(what)?;
    if !status.success() {
        bail!("{} ended with {status}", what());
    }
    let text = String::from_utf8(text).with_context(what)?;
    text.split_whitespace().map(|word| word.parse().with_context(what)).collect()
}
