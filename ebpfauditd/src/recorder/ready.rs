//! Waiting for something to do.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::EventFd;

use super::Input;

/// Whom a wait has found ready.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    /// A command waits.
    pub(super) command: bool,
    /// Sources, a bit each by their order; there are two.
    sources: u32,
}

impl Ready {
    /// Whoever can be.
    pub(super) const ALL: Self = Self { command: true, sources: u32::MAX };

    /// Whether the source of this number is.
    pub(super) fn has_source(self, number: usize) -> bool {
        self.sources >> number & 1 != 0
    }

    /// Waits for a command, which `wake` tells of, or a source, but not beyond `limit`. Before a command all sources count as
    /// ready: it is carried out after what waits there.
    pub(super) fn wait(wake: &EventFd, inputs: &[Input], limit: Option<Instant>) -> io::Result<Self> {
        let mut fds = Vec::with_capacity(inputs.len() + 1);
        fds.push(PollFd::new(wake.as_fd(), PollFlags::POLLIN));
        fds.extend(inputs.iter().map(|input| PollFd::new(input.source.as_fd(), PollFlags::POLLIN)));
        let deadlines = inputs.iter().filter_map(|input| input.source.deadline());
        let timeout = match deadlines.chain(limit).min() {
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                // Rounded up, so that we do not wake a moment too early and turn in circles.
                PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX)
            }
            None => PollTimeout::NONE,
        };
        match poll(&mut fds, timeout) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(Self { command: false, ..Self::ALL }),
            Err(errno) => return Err(errno.into()),
        }
        let is_ready = |fd: &PollFd<'_>| fd.any().unwrap_or(true);
        if is_ready(&fds[0]) {
            // Not blocking: if another wake-up has been taken with an earlier one there is nothing to read.
            let _ = wake.read();
            return Ok(Self::ALL);
        }
        let mut sources = 0;
        for (number, (input, fd)) in inputs.iter().zip(&fds[1..]).enumerate() {
            // What is held back is due when its time has come, whether anything arrives or not.
            if is_ready(fd) || input.source.deadline().is_some() {
                sources |= 1 << number;
            }
        }
        Ok(Self { command: false, sources })
    }
}
