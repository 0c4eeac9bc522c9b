//! Stubs, and the programs that they go on into, are loaded and attached by a thread of its own, while the program at every
//! syscall's exit judges what no stub has yet: recording begins at once, and nobody waits for a hundred stubs.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use aya::programs::Program;
use aya::{Btf, Ebpf};
use kern::abi;
use kern::hooks::{Hook, HookKind, Judge};

use super::attachments::{Attached, Target};
use super::error::EngineError;
use super::program;
use super::shelf::Shelf;
use super::twin::{self, Twins};
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
    /// Not begun.
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

/// What is to be done.
struct Work {
    /// Judges that are not loaded, with their programs, taken out of the object, and the maps for these.
    judges: Vec<(&'static Judge, Program, OwnedFd)>,
    /// What they are loaded by.
    btf: Option<Btf>,
    /// Each with the map of the program that it goes on into.
    stubs: Vec<(Stub, OwnedFd)>,
    shelf: Option<Arc<Shelf>>,
    twins: Option<Arc<Twins>>,
}

/// What became of it.
#[derive(Default)]
struct Outcome {
    /// To be given back.
    judges: Vec<(&'static Judge, Program)>,
    attached: Vec<(Target, Attached)>,
    refused: Vec<EngineError>,
}

impl Work {
    /// Loads and attaches, and looks in between whether that is enough. Stubs without their judge would judge nothing: none is
    /// attached if one is refused.
    fn carry_out(self, enough: &AtomicBool) -> Outcome {
        let mut outcome = Outcome::default();
        for (judge, mut program, judges) in self.judges {
            if enough.load(Ordering::Relaxed) {
                outcome.judges.push((judge, program));
                continue;
            }
            let loaded = self.btf.as_ref().ok_or_else(|| program::no_program(&judge.place));
            let loaded = loaded.and_then(|btf| program::load_program_of(judge, &mut program, btf, judges));
            outcome.refused.extend(loaded.err());
            outcome.judges.push((judge, program));
        }
        drop(self.btf);
        give_back_memory();
        if !outcome.refused.is_empty() {
            return outcome;
        }
        for (stub, judges) in self.stubs {
            if enough.load(Ordering::Relaxed) {
                break;
            }
            match attach(&stub, &judges, self.shelf.as_ref(), self.twins.as_deref()) {
                Ok(attached) => outcome.attached.push((Target::Stub(stub), attached)),
                Err(error) => outcome.refused.push(EngineError::Stub { function: stub.function, error }),
            }
        }
        outcome
    }
}

/// The thread.
pub(super) struct Worker {
    thread: JoinHandle<Outcome>,
    enough: Arc<AtomicBool>,
}

impl Worker {
    /// It is there before its work is, which must not get lost with a thread that cannot be had.
    fn start() -> io::Result<(Self, Sender<Work>)> {
        let enough = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&enough);
        let (sender, receiver) = mpsc::channel::<Work>();
        let work = move || receiver.recv().map(|work| work.carry_out(&stop)).unwrap_or_default();
        let thread = thread::Builder::new().name("takeover".into()).spawn(work)?;
        Ok((Self { thread, enough }, sender))
    }

    /// Whether it has come to its end.
    pub(super) fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends it, at the latest after the program at hand; the programs are in the object again. The second is what was refused.
    fn end(self, ebpf: &mut Ebpf) -> (Vec<(Target, Attached)>, Vec<EngineError>) {
        self.enough.store(true, Ordering::Relaxed);
        let outcome = self.thread.join().unwrap_or_default();
        for (judge, program) in outcome.judges {
            program::give_back(ebpf, judge, program);
        }
        (outcome.attached, outcome.refused)
    }
}

/// Loads a stub that goes on into the program in `judges`, and attaches it.
pub(super) fn attach(
    stub: &Stub,
    judges: &impl AsFd,
    shelf: Option<&Arc<Shelf>>,
    twins: Option<&Twins>,
) -> io::Result<Attached> {
    let program = stub::load(stub.function.id, stub.moment, judges.as_fd())?;
    let kind = match stub.moment {
        Moment::Entry => HookKind::Fentry,
        Moment::Exit => HookKind::Fexit,
    };
    Ok(Attached::new(vec![twin::attach(program, kind, twins, shelf)?]))
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
            for (target, attached) in worker.end(&mut self.ebpf).0 {
                self.attachments.take(target, attached);
            }
        }
    }

    /// Goes on with what [`apply`](Self::apply) has left for later; to be called from time to time.
    pub fn go_on(&mut self) -> Result<(), EngineError> {
        self.takeover = match self.takeover.take() {
            Some(Takeover::Waiting(stubs)) => {
                let (worker, sender) = Worker::start().map_err(EngineError::Thread)?;
                let work = self.work(stubs)?;
                // it waits for nothing else, and so is there
                let _ = sender.send(work);
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

    /// What a takeover by these stubs is to do.
    fn work(&mut self, stubs: Vec<Stub>) -> Result<Work, EngineError> {
        let missing = self.missing_judges(stubs.iter());
        if !missing.is_empty() {
            self.need_btf()?;
        }
        let owned = |judges: BorrowedFd<'_>| judges.try_clone_to_owned().map_err(EngineError::Thread);
        let stubs = stubs.into_iter().map(|stub| {
            let judges = owned(program::judges(&self.ebpf, judge_of(&stub))?)?;
            Ok((stub, judges))
        });
        let stubs = stubs.collect::<Result<Vec<_>, EngineError>>()?;
        let maps = missing.iter().map(|judge| owned(program::judges(&self.ebpf, judge)?));
        let maps = maps.collect::<Result<Vec<_>, EngineError>>()?;
        let mut work = Work {
            judges: Vec::new(),
            btf: self.btf.take(),
            stubs,
            shelf: self.shelf.clone(),
            twins: self.twins.clone(),
        };
        for (judge, map) in missing.into_iter().zip(maps) {
            match program::take_out(&mut self.ebpf, judge) {
                Ok(program) => work.judges.push((judge, program, map)),
                Err(error) => {
                    for (judge, program, _) in work.judges {
                        program::give_back(&mut self.ebpf, judge, program);
                    }
                    return Err(error);
                }
            }
        }
        Ok(work)
    }

    /// Takes what the thread has attached.
    fn finish(&mut self, worker: Worker) -> Takeover {
        let (attached, refused) = worker.end(&mut self.ebpf);
        for (target, attached) in attached {
            self.attachments.take(target, attached);
        }
        for error in &refused {
            log::warn!("a syscall is judged at the exit of all: {error}");
        }
        if refused.is_empty() { Takeover::Complete(Instant::now()) } else { Takeover::Stuck }
    }
}
