//! Stubs are attached one after the other by a thread of its own, while the program at every syscall's exit judges what no stub has
//! yet: recording begins at once, and nobody waits for a hundred stubs.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::attachments::{Attached, Target};
use super::program::Link;
use super::shelf::Shelf;
use super::stub;
use crate::syscall_function::Stub;

/// Fewer new stubs than these are attached while the change of rules waits.
pub(super) const FEW: usize = 8;

/// How long the program at every syscall's exit goes on when all stubs are there, for the syscalls that were under way when theirs
/// came; and how long it then stays to take away the marks that stubs have left.
pub(super) const STAY: Duration = Duration::from_secs(2);

/// Where a takeover stands.
pub(super) enum Takeover {
    /// Not begun: the programs that stubs go on into are not loaded.
    Waiting(Vec<Stub>),
    /// The thread is at work.
    Running(Worker),
    /// A stub could not be attached. Both judge, which costs every syscall a little.
    Stuck,
    /// All stubs are there, since then.
    Complete(Instant),
    /// They judge alone, since then.
    Over(Instant),
}

/// What became of each stub.
pub(super) type Outcome = Vec<(Target, io::Result<Attached>)>;

/// The thread.
pub(super) struct Worker {
    thread: JoinHandle<Outcome>,
    enough: Arc<AtomicBool>,
}

impl Worker {
    /// Attaches stubs; each comes with the map of the program that it goes on into.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(super) fn start(stubs: Vec<(Stub, OwnedFd)>, shelf: Option<Arc<Shelf>>) -> io::Result<Self> {
        let enough = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&enough);
        let attach_all = move || {
            let mut outcome = Outcome::with_capacity(stubs.len());
            for (stub, judges) in stubs {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let attached = attach(&stub, &judges, shelf.as_ref());
                outcome.push((Target::Stub(stub), attached));
            }
            outcome
        };
        let thread = thread::Builder::new().name("takeover".into()).spawn(attach_all)?;
        Ok(Self { thread, enough })
    }

    /// Whether it has come to its end.
    pub(super) fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends it, at the latest after the stub at hand.
    pub(super) fn end(self) -> Outcome {
        self.enough.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

/// Loads a stub that goes on into the program in `judges`, and attaches it.
pub(super) fn attach(stub: &Stub, judges: &impl AsFd, shelf: Option<&Arc<Shelf>>) -> io::Result<Attached> {
    let program = stub::load(stub.function.id, stub.moment, judges.as_fd())?;
    let link = Link::new(stub::attach(program.as_fd())?, shelf);
    Ok(Attached::new(vec![link], vec![program]))
}
