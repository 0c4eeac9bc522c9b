//! Stubs are attached one after the other by a thread of its own, while the program at every syscall's exit judges what no stub has
//! yet: recording begins at once, and nobody waits for a hundred stubs.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kern::abi;
use kern::hooks::Hook;

use super::attachments::{Attached, Target};
use super::error::EngineError;
use super::program::{self, Link};
use super::shelf::Shelf;
use super::{Engine, judge_of, stub};
use crate::privilege::give_back_memory;
use crate::syscall_function::{Moment, Stub};

/// Fewer new stubs than these are attached while the change of rules waits.
const FEW: usize = 8;

/// How long the program at every syscall's exit goes on when all stubs are there, for the syscalls that were under way when theirs
/// came; and how long it then stays to take away the marks that stubs have left.
const STAY: Duration = Duration::from_secs(2);

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

impl Engine {
    /// Takes the stubs that are to be attached later out of `wanted`, if they are many: until then the program at every syscall's
    /// exit judges their syscalls.
    pub(super) fn put_off(&mut self, wanted: &mut BTreeSet<Target>) -> Vec<Stub> {
        let mut later = Vec::new();
        self.attachments.reclaim(wanted);
        for target in wanted.iter() {
            if let Target::Stub(stub) = target
                && stub.moment == Moment::Exit
                && !self.attachments.has(target)
            {
                later.push(stub.clone());
            }
        }
        if later.len() < FEW || !self.ways.contains_key(&Hook::SyscallExit) {
            return Vec::new();
        }
        wanted.retain(|target| !matches!(target, Target::Stub(stub) if later.contains(stub)));
        wanted.insert(Target::Hook(Hook::SyscallExit));
        later
    }

    /// What is under way is no more; what it has attached stays for now.
    pub(super) fn interrupt(&mut self) {
        if let Some(Takeover::Running(worker)) = self.takeover.take() {
            for (target, attached) in worker.end() {
                if let Ok(attached) = attached {
                    self.attachments.take(target, attached);
                }
            }
        }
    }

    /// Goes on with what [`apply`](Self::apply) has left for later; to be called from time to time.
    pub fn go_on(&mut self) -> Result<(), EngineError> {
        self.takeover = match self.takeover.take() {
            Some(Takeover::Waiting(stubs)) => {
                self.load_judges(stubs.iter())?;
                let stubs: Result<Vec<_>, EngineError> = stubs
                    .into_iter()
                    .map(|stub| {
                        let judges = program::judges(&self.ebpf, judge_of(&stub))?;
                        let judges = judges.try_clone_to_owned().map_err(EngineError::Thread)?;
                        Ok((stub, judges))
                    })
                    .collect();
                let worker = Worker::start(stubs?, self.shelf.clone()).map_err(EngineError::Thread)?;
                self.btf = None;
                give_back_memory();
                Some(Takeover::Running(worker))
            }
            Some(Takeover::Running(worker)) if worker.is_over() => Some(self.finish(worker)),
            Some(Takeover::Complete(since)) if since.elapsed() > STAY => {
                let live = self.live() as usize;
                self.config.flags[live] &= !abi::CONFIG_TAKEOVER;
                self.write_config()?;
                Some(Takeover::Over(Instant::now()))
            }
            Some(Takeover::Over(since)) if since.elapsed() > STAY => {
                self.attachments.drop_now(&Target::Hook(Hook::SyscallExit));
                None
            }
            other => other,
        };
        Ok(())
    }

    /// Takes what the thread has attached.
    fn finish(&mut self, worker: Worker) -> Takeover {
        let mut stuck = false;
        for (target, attached) in worker.end() {
            match attached {
                Ok(attached) => self.attachments.take(target, attached),
                Err(error) => {
                    log::warn!("a syscall is judged at the exit of all: {target}: {error}");
                    stuck = true;
                }
            }
        }
        if stuck {
            return Takeover::Stuck;
        }
        Takeover::Complete(Instant::now())
    }
}
