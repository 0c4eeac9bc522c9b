//! Hooks that are to be had: their programs are loaded on all CPUs at once, and attached.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use aya::programs::{Program, ProgramError};
use aya::{Btf, Ebpf};
use kern::hooks::{FILE_CALL, Hook, HookKind, Place};

use super::attachments::Attached;
use super::error::EngineError;
use super::hold;
use super::program::{failed, judges, load_at, load_hold, load_program_of, load_stub, no_program, unload};
use super::shelf::Shelf;
use super::twin::{self, Hanging, Twins};

/// The program that several hooks' stubs go on into.
struct FileCall<'a> {
    program: Mutex<&'a mut Program>,
    /// Where the stubs find it.
    judges: OwnedFd,
}

impl FileCall<'_> {
    /// Loads it; nothing if that is done. Others wait meanwhile.
    fn load(&self, btf: &Btf) -> Result<(), EngineError> {
        let judges = self.judges.try_clone().map_err(EngineError::Thread)?;
        load_program_of(&FILE_CALL, &mut locked(&self.program), btf, judges)
    }
}

/// A hook that is to be had, with its programs.
struct Wanted<'a> {
    hook: Hook,
    programs: HashMap<&'a str, &'a mut Program>,
    /// What its stubs go on into.
    shared: Option<&'a FileCall<'a>>,
    /// Whom it keeps from going on.
    waiters: Option<BorrowedFd<'a>>,
    /// What is made and loaded, by its function.
    made: HashMap<&'static str, OwnedFd>,
    /// The ways that are left, best first.
    ways: slice::Iter<'static, &'static [Place]>,
    /// Why the best way cannot be had.
    error: Option<EngineError>,
}

impl Wanted<'_> {
    /// Loads the programs of the first way for which the kernel takes them: some functions can be named by a program and yet not be
    /// hooked (before 6.6 those of more than six arguments). `None`: no way is left.
    fn load(&mut self, loading: &Loading<'_>) -> Option<&'static [Place]> {
        while let Some(&way) = self.ways.next() {
            if !loading.trampolines && way.iter().any(|place| place.kind.is_trampoline()) {
                continue;
            }
            match way.iter().try_for_each(|place| self.load_place(place, loading)) {
                Ok(()) => return Some(way),
                Err(error) => drop(self.error.get_or_insert(error)),
            }
        }
        None
    }

    fn load_place(&mut self, place: &'static Place, loading: &Loading<'_>) -> Result<(), EngineError> {
        // without BTF all of them are loaded
        let Some(btf) = loading.btf else { return Ok(()) };
        let made = match place.kind {
            HookKind::Stub => {
                let shared = self.shared.ok_or_else(|| no_program(place))?;
                shared.load(btf)?;
                if self.made.contains_key(place.target) {
                    return Ok(());
                }
                load_stub(place, btf, shared.judges.as_fd())?
            }
            HookKind::Hold => load_hold(place, btf, self.waiters.ok_or_else(|| no_program(place))?)?,
            HookKind::BtfTracepoint | HookKind::Fentry | HookKind::Fexit => {
                let program = self.programs.get_mut(place.program).ok_or_else(|| no_program(place))?;
                return load_at(program, btf, place);
            }
        };
        self.made.insert(place.target, made);
        Ok(())
    }

    /// Attaches what [`load`](Self::load) has loaded; where the kernel refuses that, what the next way has.
    fn hang(&mut self, mut way: &'static [Place], loading: &Loading<'_>) -> Hung {
        loop {
            match self.attach(way, loading) {
                Ok(attached) => return Ok((way, attached)),
                Err(error) => drop(self.error.get_or_insert(error)),
            }
            let Some(next) = self.load(loading) else { return Err(self.refusal()) };
            way = next;
        }
    }

    fn attach(&mut self, way: &[Place], loading: &Loading<'_>) -> Result<Attached, EngineError> {
        let mut programs = Vec::with_capacity(way.len());
        for place in way {
            programs.push(if place.kind.is_made() {
                let program = self.made.remove(place.target).ok_or_else(|| no_program(place))?;
                self.attach_program(program, place, loading).map_err(refused(place))?
            } else {
                self.attach_loaded(place, loading)?
            });
        }
        Ok(Attached::new(programs))
    }

    fn attach_program(&self, program: OwnedFd, place: &Place, loading: &Loading<'_>) -> io::Result<Hanging> {
        let twins = loading.twins.filter(|_| !self.hook.is_alone());
        twin::attach(program, place.kind, twins, loading.shelf)
    }

    /// Why there is no way.
    fn refusal(&mut self) -> EngineError {
        self.error.take().unwrap_or(EngineError::NoTrampolines)
    }

    /// Attaches a program that is loaded. One that was attached before must be loaded anew before 5.13, which says that by `ENOENT`
    /// (`bpf_tracing_prog_attach`).
    fn attach_loaded(&mut self, place: &Place, loading: &Loading<'_>) -> Result<Hanging, EngineError> {
        let attach = |this: &Self| -> Result<io::Result<Hanging>, EngineError> {
            let program = this.programs.get(place.program).ok_or_else(|| no_program(place))?;
            let program = program.fd().map_err(failed(place))?.as_fd().try_clone_to_owned();
            Ok(program.and_then(|program| this.attach_program(program, place, loading)))
        };
        let mut attached = attach(self)?;
        if let Err(error) = &attached
            && error.kind() == io::ErrorKind::NotFound
            && let Some(btf) = loading.btf
        {
            let program = self.programs.get_mut(place.program).ok_or_else(|| no_program(place))?;
            unload(program, place)?;
            load_at(program, btf, place)?;
            attached = attach(self)?;
        }
        attached.map_err(refused(place))
    }
}

fn refused(place: &Place) -> impl Fn(io::Error) -> EngineError {
    let failed = failed(place);
    move |error| failed(ProgramError::IOError(error))
}

/// What became of a hook: where it hangs, and by what.
pub(super) type Hung = Result<(&'static [Place], Attached), EngineError>;

/// How hooks are to be had.
#[derive(Clone, Copy)]
pub(super) struct Loading<'a> {
    /// The kernel's BTF; `None` if all programs are loaded and can be attached again, and there are no stubs.
    pub(super) btf: Option<&'a Btf>,
    /// Whether trampolines may be used.
    pub(super) trampolines: bool,
    /// Where links are kept.
    pub(super) shelf: Option<&'a Arc<Shelf>>,
    /// For programs that have twins.
    pub(super) twins: Option<&'a Twins>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Loads the programs of hooks, and attaches them. On all CPUs: one verifies while another attaches, for the kernel attaches one
/// after the other, and lets those who wait for it spin.
pub(super) fn hang(ebpf: &mut Ebpf, loading: Loading<'_>, hooks: &[Hook]) -> Vec<(Hook, Hung)> {
    let judges = judges(ebpf, &FILE_CALL).ok().and_then(|judges| judges.try_clone_to_owned().ok());
    let waiters = hold::waiters(ebpf).ok().and_then(|waiters| waiters.try_clone_to_owned().ok());
    let mut programs: HashMap<&str, &mut Program> = ebpf.programs_mut().collect();
    let shared = programs
        .remove(FILE_CALL.place.program)
        .zip(judges)
        .map(|(program, judges)| FileCall { program: Mutex::new(program), judges });
    let mut wanted: Vec<Wanted<'_>> = hooks
        .iter()
        .map(|&hook| {
            let ways = hook.info().ways;
            let places = ways.iter().copied().flatten();
            let programs = places.filter_map(|place| programs.remove_entry(place.program)).collect();
            Wanted {
                hook,
                programs,
                shared: shared.as_ref(),
                waiters: waiters.as_ref().map(AsFd::as_fd),
                made: HashMap::new(),
                ways: ways.iter(),
                error: None,
            }
        })
        .collect();
    // What takes longest goes first, then what several wait for.
    wanted.sort_by_key(|wanted| {
        let has_stubs =
            wanted.ways.clone().flat_map(|way| way.iter()).any(|place| place.kind == HookKind::Stub);
        (wanted.hook != Hook::SyscallExit, !has_stubs)
    });
    let waiting = Mutex::new(wanted.into_iter());
    let loaded = Mutex::new(Vec::new());
    let done = Mutex::new(Vec::with_capacity(hooks.len()));
    let work = || {
        loop {
            let next = locked(&waiting).next();
            let over = next.is_none();
            if let Some(mut wanted) = next {
                if let Some(way) = wanted.load(&loading) {
                    locked(&loaded).push((wanted, way));
                } else {
                    let refusal = wanted.refusal();
                    locked(&done).push((wanted.hook, Err(refusal)));
                }
            }
            let one_at_a_time = if over { Some(locked(&done)) } else { done.try_lock().ok() };
            if let Some(mut done) = one_at_a_time {
                loop {
                    let next = locked(&loaded).pop();
                    let Some((mut wanted, way)) = next else { break };
                    let hung = wanted.hang(way, &loading);
                    done.push((wanted.hook, hung));
                }
            }
            if over {
                return;
            }
        }
    };
    thread::scope(|scope| {
        let others = thread::available_parallelism().map_or(0, |all| all.get() - 1).min(hooks.len());
        for _ in 0..others {
            // one that cannot be had leaves more to the others
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}
