//! The object and its programs: which the kernel takes, and how each is loaded and attached.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use aya::maps::{Map, MapData, ProgramArray};
use aya::programs::{BtfTracePoint, FEntry, FExit, Program, ProgramError, ProgramFd};
use aya::{Btf, Ebpf, EbpfLoader};
use aya_obj::btf::BtfKind;
use kern::hooks::{FILE_CALL, Hook, HookKind, Judge, Place};

use super::attachments::Attached;
use super::error::{EngineError, map_error};
use super::kernel_types::KernelTypes;
use super::shelf::{Shelf, Shelved};
use super::stub;
use crate::release::{Release, Update};
use crate::syscall_function::Moment;

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
        HookKind::Fentry | HookKind::Stub => {
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
        HookKind::Fentry | HookKind::Stub => <&mut FEntry>::try_from(program).and_then(FEntry::unload),
        HookKind::Fexit => <&mut FExit>::try_from(program).and_then(FExit::unload),
    };
    unloaded.map_err(failed(place))
}

/// Loads the program of a place; nothing if it is loaded. A stub is tried, and does not stay.
pub(super) fn load(ebpf: &mut Ebpf, btf: &Btf, place: &Place) -> Result<(), EngineError> {
    if place.kind != HookKind::Stub {
        return load_at(program(ebpf, place)?, btf, place);
    }
    load_judge(ebpf, btf, &FILE_CALL)?;
    load_stub(place, btf, judges(ebpf, &FILE_CALL)?).map(drop)
}

/// Loads a place's stub, which goes on into the program in `judges`.
fn load_stub(place: &Place, btf: &Btf, judges: BorrowedFd<'_>) -> Result<OwnedFd, EngineError> {
    let function = btf.id_by_type_name_kind(place.target, BtfKind::Func);
    let function = function.map_err(ProgramError::Btf).map_err(failed(place))?;
    stub::load(function, Moment::Entry, judges).map_err(ProgramError::IOError).map_err(failed(place))
}

/// The program that several hooks' stubs go on into.
struct FileCall<'a> {
    program: Mutex<&'a mut Program>,
    /// Where the stubs find it.
    judges: OwnedFd,
}

impl FileCall<'_> {
    /// Loads it; nothing if that is done. Others wait meanwhile.
    fn load(&self, btf: &Btf) -> Result<(), EngineError> {
        let mut program = locked(&self.program);
        if program.fd().is_ok() {
            return Ok(());
        }
        load_at(&mut program, btf, &FILE_CALL.place)?;
        let judges = self.judges.try_clone().map_err(EngineError::Thread)?;
        let map = MapData::from_fd(judges).map_err(map_error("open", FILE_CALL.programs))?;
        let program = program.fd().map_err(failed(&FILE_CALL.place))?;
        enter(&mut Map::ProgramArray(map), &FILE_CALL, program)
    }
}

/// A hook that is to be had, with its programs.
struct Wanted<'a> {
    hook: Hook,
    programs: HashMap<&'a str, &'a mut Program>,
    /// What its stubs go on into.
    shared: Option<&'a FileCall<'a>>,
    /// The stubs that are loaded, by their functions.
    stubs: HashMap<&'static str, OwnedFd>,
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
        if place.kind == HookKind::Stub {
            let shared = self.shared.ok_or_else(|| no_program(place))?;
            shared.load(btf)?;
            if !self.stubs.contains_key(place.target) {
                self.stubs.insert(place.target, load_stub(place, btf, shared.judges.as_fd())?);
            }
            return Ok(());
        }
        let program = self.programs.get_mut(place.program).ok_or_else(|| no_program(place))?;
        load_at(program, btf, place)
    }

    /// Attaches what [`load`](Self::load) has loaded; where the kernel refuses that, what the next way has.
    fn hang(&mut self, mut way: &'static [Place], loading: &Loading<'_>) -> Hung {
        loop {
            match self.links(way, loading) {
                Ok(attached) => return Ok((way, attached)),
                Err(error) => drop(self.error.get_or_insert(error)),
            }
            let Some(next) = self.load(loading) else { return Err(self.refusal()) };
            way = next;
        }
    }

    fn links(&mut self, way: &[Place], loading: &Loading<'_>) -> Result<Attached, EngineError> {
        let (mut links, mut stubs) = (Vec::with_capacity(way.len()), Vec::new());
        for place in way {
            let link = if place.kind == HookKind::Stub {
                let stub = self.stubs.remove(place.target).ok_or_else(|| no_program(place))?;
                let link = stub::attach(stub.as_fd());
                stubs.push(stub);
                link.map_err(ProgramError::IOError).map_err(failed(place))?
            } else {
                self.link(place, loading.btf)?
            };
            links.push(Link::new(link, loading.shelf));
        }
        Ok(Attached::new(links, stubs))
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
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Loads the programs of hooks, and attaches them. On all CPUs: one verifies while another attaches, for the kernel attaches one
/// after the other, and lets those who wait for it spin.
pub(super) fn hang(ebpf: &mut Ebpf, loading: Loading<'_>, hooks: &[Hook]) -> Vec<(Hook, Hung)> {
    let judges = judges(ebpf, &FILE_CALL).ok().and_then(|judges| judges.try_clone_to_owned().ok());
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
            let stubs = HashMap::new();
            Wanted { hook, programs, shared: shared.as_ref(), stubs, ways: ways.iter(), error: None }
        })
        .collect();
    // What takes longest goes first, then what several wait for.
    wanted.sort_by_key(|wanted| {
        let shares = wanted.ways.clone().flat_map(|way| way.iter()).any(|place| place.kind == HookKind::Stub);
        (wanted.hook != Hook::SyscallExit, !shares)
    });
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
    enter(map, judge, &program)
}

/// Puts a judge where its stubs find it.
fn enter(map: &mut Map, judge: &Judge, program: &ProgramFd) -> Result<(), EngineError> {
    let mut programs = ProgramArray::try_from(map).map_err(map_error("open", judge.programs))?;
    programs.set(0, program, 0).map_err(map_error("write", judge.programs))
}

/// The descriptor of the map in which a judge's stubs find it.
pub(super) fn judges<'a>(ebpf: &'a Ebpf, judge: &Judge) -> Result<BorrowedFd<'a>, EngineError> {
    match ebpf.map(judge.programs) {
        Some(aya::maps::Map::ProgramArray(map)) => Ok(map.fd().as_fd()),
        _ => Err(EngineError::no_map(judge.programs)),
    }
}
