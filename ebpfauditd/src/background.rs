//! Going into the background, so that the command that started the daemon returns when it records, or says why not.

use std::fs::OpenOptions;
use std::io::{self, PipeReader, PipeWriter, Read, Write};

use nix::unistd::{ForkResult, dup2_stderr, dup2_stdin, dup2_stdout, fork, setsid};

/// Exit code of the parent when the child died without a word.
const START_FAILED: u8 = 1;

/// Which of the two processes this is after [`detach`].
#[derive(Debug)]
pub enum Side {
    /// The child, which is to become the daemon.
    Daemon(Readiness),
    /// The process that was started by hand, and the code with which it is to exit.
    Parent(u8),
}

/// The child's word to its parent, given once.
#[derive(Debug)]
pub struct Readiness(Option<PipeWriter>);

impl Readiness {
    /// For a daemon that stays in the foreground: nobody waits.
    pub fn nobody_waits() -> Self {
        Self(None)
    }

    /// Whether a parent waits, so whether this is a daemon in the background.
    pub fn is_background(&self) -> bool {
        self.0.is_some()
    }

    /// The daemon records: the parent may go with exit code 0, and the terminal is let go of.
    pub fn ready(self) -> io::Result<()> {
        if self.is_background() {
            let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
            dup2_stdin(&null)?;
            dup2_stdout(&null)?;
            dup2_stderr(&null)?;
        }
        self.tell(0);
        Ok(())
    }

    /// The daemon could not start: the parent goes with this exit code.
    pub fn failed(self, code: u8) {
        self.tell(code);
    }

    fn tell(self, code: u8) {
        if let Some(mut pipe) = self.0 {
            // A parent that was killed while it waited does not need the answer.
            let _ = pipe.write_all(&[code]);
        }
    }
}

/// Splits in two. The parent waits here until the child is [ready](Readiness::ready), has
/// [failed](Readiness::failed), or is gone.
pub fn detach() -> io::Result<Side> {
    let (reader, writer) = io::pipe()?;
    // SAFETY: no thread has been started yet (the daemon's first one comes after its configuration is read), so the child
    // is a whole copy of this process and no lock can be held by a thread that it does not have.
    match unsafe { fork() }? {
        ForkResult::Parent { .. } => {
            drop(writer);
            Ok(Side::Parent(wait(reader)))
        }
        ForkResult::Child => {
            drop(reader);
            setsid()?;
            std::env::set_current_dir("/")?;
            Ok(Side::Daemon(Readiness(Some(writer))))
        }
    }
}

fn wait(mut reader: PipeReader) -> u8 {
    let mut code = [START_FAILED];
    match reader.read_exact(&mut code) {
        Ok(()) => code[0],
        Err(_) => START_FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_takes_the_childs_code_and_fails_when_the_child_dies() {
        let (reader, writer) = io::pipe().unwrap();
        Readiness(Some(writer)).failed(6);
        assert_eq!(wait(reader), 6);
        let (reader, writer) = io::pipe().unwrap();
        drop(writer);
        assert_eq!(wait(reader), START_FAILED);
    }
}
