//! The object and its programs: which the kernel takes, and how each is loaded and attached.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use aya::maps::ProgramArray;
use aya::programs::{BtfTracePoint, FEntry, FExit, Program, ProgramError};
use aya::{Btf, Ebpf, EbpfLoader};
use kern::hooks::{Hook, HookKind, Judge, Place};

use super::error::{EngineError, map_error};
use super::kernel_types::KernelTypes;
use super::shelf::{Shelf, Shelved};
use super::stub;
use crate::release::{Release, Update};

/// What keeps a program attached, as long as it is there.
pub(super) enum Link {
    /// A descriptor.
    Descriptor(OwnedFd),
    /// A name on the shelf.
    Shelved(Shelved),
}

impl Link {
    /// Puts a link on the shelf, if there is one that takes it.
    pub(super) fn new(link: OwnedFd, shelf: Option<&Arc<Shelf>>) -> Self {
        let Some(shelf) = shelf else { return Self::Descriptor(link) };
        shelf.put(link).map_or_else(Self::Descriptor, Self::Shelved)
    }

    /// Takes it off before this returns. Dropping it may leave that to the kernel's workers.
    pub(super) fn take_off(self) {
        match self {
            Self::Descriptor(link) => drop(link),
            Self::Shelved(link) => link.take_off(),
        }
    }
}

/// What the programs are told of the kernel before they are loaded.
pub(super) struct Globals {
    has_tai: u32,
    open_prefers_cache: u32,
    new_name_first: u32,
    module_early: u32,
}

impl Globals {
    /// Of the kernel that runs.
    pub(super) fn find() -> Self {
        Self {
            has_tai: u32::from(has_tai_clock()),
            open_prefers_cache: u32::from(Release::running() >= Release(6, 12)),
            new_name_first: u32::from(new_name_first()),
            module_early: u32::from(tells_of_early_failures()),
        }
    }
}

/// Creates the object's maps; nothing is loaded yet.
pub(super) fn load_maps<'a>(
    mut loader: EbpfLoader<'a>,
    types: &'a KernelTypes,
    globals: &'a Globals,
    ring_bytes: u32,
    object: &[u8],
) -> Result<Ebpf, EngineError> {
    loader
        .btf(Some(&types.relocation))
        .allow_unsupported_maps()
        .map_max_entries("ea_events", ring_bytes)
        .override_global("ea_has_tai", &globals.has_tai, true)
        .override_global("ea_apparmor_sizes", &types.variables.apparmor_sizes, true)
        .override_global("ea_selinux_sizes", &types.variables.selinux_sizes, true)
        .override_global("ea_selinux_state", &types.variables.selinux_state, true)
        .override_global("ea_selinux_initial", &types.variables.selinux_initial, true)
        .override_global("ea_ring_operations", &types.variables.ring_operations, true)
        .override_global("ea_open_prefers_cache", &globals.open_prefers_cache, true)
        .override_global("ea_new_name_first", &globals.new_name_first, true)
        .override_global("ea_module_early", &globals.module_early, true);
    loader.load(object).map_err(EngineError::Load)
}

/// `bpf_ktime_get_tai_ns` came with 6.1; a program that names a helper its kernel lacks is refused.
fn has_tai_clock() -> bool {
    aya::sys::is_helper_supported(
        aya::programs::ProgramType::RawTracePoint,
        aya_obj::generated::bpf_func_id::BPF_FUNC_ktime_get_tai_ns,
    )
    .unwrap_or(false)
}

/// Whether a rename takes its new name over first: up to 6.18 the two `getname` calls are arguments of one call, which gcc
/// evaluates from the last to the first.
fn new_name_first() -> bool {
    let by_gcc =
        std::fs::read("/proc/version").is_ok_and(|version| version.windows(3).any(|word| word == b"gcc"));
    by_gcc && Release::running() < Release(6, 19)
}

/// Whether the load of a module that fails early has a `KERN_MODULE` record: from 6.17 on, and from the stable releases of that day.
fn tells_of_early_failures() -> bool {
    let stable = [Update(Release(6, 12), 43), Update(Release(6, 15), 11), Update(Release(6, 16), 2)];
    Release::running() >= Release(6, 17) || stable.into_iter().any(|first| Update::running().carries(first))
}

fn failed(place: &Place) -> impl Fn(ProgramError) -> EngineError {
    let Place { program, target, .. } = *place;
    move |source| EngineError::Attach { program, target, source }
}

fn no_program(place: &Place) -> EngineError {
    failed(place)(ProgramError::UnexpectedProgramType)
}

fn program<'a>(ebpf: &'a mut Ebpf, place: &Place) -> Result<&'a mut Program, EngineError> {
    ebpf.program_mut(place.program).ok_or_else(|| no_program(place))
}

/// Loads a program, so that it can be attached at a place; nothing if it is loaded.
fn load_at(program: &mut Program, btf: &Btf, place: &Place) -> Result<(), EngineError> {
    if program.fd().is_ok() {
        return Ok(());
    }
    let loaded = match place.kind {
        HookKind::BtfTracepoint => {
            <&mut BtfTracePoint>::try_from(program).and_then(|program| program.load(place.target, btf))
        }
        HookKind::Fentry => {
            <&mut FEntry>::try_from(program).and_then(|program| program.load(place.target, btf))
        }
        HookKind::Fexit => {
            <&mut FExit>::try_from(program).and_then(|program| program.load(place.target, btf))
        }
    };
    loaded.map_err(failed(place))
}

/// Lets go of a loaded program.
fn unload(program: &mut Program, place: &Place) -> Result<(), EngineError> {
    let unloaded = match place.kind {
        HookKind::BtfTracepoint => <&mut BtfTracePoint>::try_from(program).and_then(BtfTracePoint::unload),
        HookKind::Fentry => <&mut FEntry>::try_from(program).and_then(FEntry::unload),
        HookKind::Fexit => <&mut FExit>::try_from(program).and_then(FExit::unload),
    };
    unloaded.map_err(failed(place))
}

/// Loads the program of a place; nothing if it is loaded.
pub(super) fn load(ebpf: &mut Ebpf, btf: &Btf, place: &Place) -> Result<(), EngineError> {
    load_at(program(ebpf, place)?, btf, place)
}

/// A hook that is to be had, with its programs.
struct Wanted<'a> {
    hook: Hook,
    programs: HashMap<&'a str, &'a mut Program>,
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

    fn load_place(&mut self, place: &Place, loading: &Loading<'_>) -> Result<(), EngineError> {
        let program = self.programs.get_mut(place.program).ok_or_else(|| no_program(place))?;
        // without BTF all of them are loaded
        loading.btf.map_or(Ok(()), |btf| load_at(program, btf, place))
    }

    /// Attaches what [`load`](Self::load) has loaded; where the kernel refuses that, what the next way has.
    fn hang(&mut self, mut way: &'static [Place], loading: &Loading<'_>) -> Hung {
        loop {
            let links: Result<Vec<Link>, EngineError> = way
                .iter()
                .map(|place| Ok(Link::new(self.link(place, loading.btf)?, loading.shelf)))
                .collect();
            match links {
                Ok(links) => return Ok((way, links)),
                Err(error) => drop(self.error.get_or_insert(error)),
            }
            let Some(next) = self.load(loading) else { return Err(self.refusal()) };
            way = next;
        }
    }

    /// Why there is no way.
    fn refusal(&mut self) -> EngineError {
        self.error.take().unwrap_or(EngineError::NoTrampolines)
    }

    /// Attaches a program that is loaded. One that was attached before must be loaded anew before 5.13, which says that by `ENOENT`
    /// (`bpf_tracing_prog_attach`).
    fn link(&mut self, place: &Place, btf: Option<&Btf>) -> Result<OwnedFd, EngineError> {
        let program = self.programs.get_mut(place.program).ok_or_else(|| no_program(place))?;
        let attach = |program: &Program| -> Result<io::Result<OwnedFd>, EngineError> {
            let fd = program.fd().map_err(failed(place))?;
            Ok(stub::attach(fd.as_fd()))
        };
        let mut attached = attach(program)?;
        if let Err(error) = &attached
            && error.kind() == io::ErrorKind::NotFound
            && let Some(btf) = btf
        {
            unload(program, place)?;
            load_at(program, btf, place)?;
            attached = attach(program)?;
        }
        attached.map_err(|error| failed(place)(ProgramError::IOError(error)))
    }
}

/// What became of a hook: where it hangs, and by what.
pub(super) type Hung = Result<(&'static [Place], Vec<Link>), EngineError>;

/// How hooks are to be had.
#[derive(Clone, Copy)]
pub(super) struct Loading<'a> {
    /// The kernel's BTF; `None` if all programs are loaded and can be attached again.
    pub(super) btf: Option<&'a Btf>,
    /// Whether trampolines may be used.
    pub(super) trampolines: bool,
    /// Where links are kept.
    pub(super) shelf: Option<&'a Arc<Shelf>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Loads the programs of hooks, and attaches them. On all CPUs: one verifies while another attaches, for the kernel attaches one
/// after the other, and lets those who wait for it spin. What takes longest is to stand first in `hooks`.
pub(super) fn hang(ebpf: &mut Ebpf, loading: Loading<'_>, hooks: &[Hook]) -> Vec<(Hook, Hung)> {
    let mut programs: HashMap<&str, &mut Program> = ebpf.programs_mut().collect();
    let wanted: Vec<Wanted<'_>> = hooks
        .iter()
        .map(|&hook| {
            let ways = hook.info().ways;
            let places = ways.iter().copied().flatten();
            let programs = places.filter_map(|place| programs.remove_entry(place.program)).collect();
            Wanted { hook, programs, ways: ways.iter(), error: None }
        })
        .collect();
    let waiting = Mutex::new(wanted.into_iter());
    let loaded = Mutex::new(Vec::new());
    let done = Mutex::new(Vec::with_capacity(hooks.len()));
    let work = || {
        loop {
            let next = locked(&waiting).next();
            let over = next.is_none();
            if let Some(mut wanted) = next {
                match wanted.load(&loading) {
                    Some(way) => locked(&loaded).push((wanted, way)),
                    None => {
                        let refusal = wanted.refusal();
                        locked(&done).push((wanted.hook, Err(refusal)));
                    }
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
            scope.spawn(work);
        }
        work();
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The descriptor of a program that is loaded.
pub(super) fn descriptor<'a>(ebpf: &'a Ebpf, place: &Place) -> Option<BorrowedFd<'a>> {
    Some(ebpf.program(place.program)?.fd().ok()?.as_fd())
}

/// Loads a judge, and puts it where its stubs find it; nothing if it is there.
pub(super) fn load_judge(ebpf: &mut Ebpf, btf: &Btf, judge: &Judge) -> Result<(), EngineError> {
    load(ebpf, btf, &judge.place)?;
    let program = program(ebpf, &judge.place)?.fd().map_err(failed(&judge.place))?.try_clone();
    let program = program.map_err(ProgramError::IOError).map_err(failed(&judge.place))?;
    let map = ebpf.map_mut(judge.programs).ok_or_else(|| EngineError::no_map(judge.programs))?;
    let mut programs = ProgramArray::try_from(map).map_err(map_error("open", judge.programs))?;
    programs.set(0, &program, 0).map_err(map_error("write", judge.programs))
}

/// The descriptor of the map in which a judge's stubs find it.
pub(super) fn judges<'a>(ebpf: &'a Ebpf, judge: &Judge) -> Result<BorrowedFd<'a>, EngineError> {
    match ebpf.map(judge.programs) {
        Some(aya::maps::Map::ProgramArray(map)) => Ok(map.fd().as_fd()),
        _ => Err(EngineError::no_map(judge.programs)),
    }
}
