//! The object and its programs: which the kernel takes, and how each is loaded.

use std::mem;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::thread;

use aya::maps::{Map, MapData, ProgramArray};
use aya::programs::{BtfTracePoint, FEntry, FExit, Program, ProgramError};
use aya::{Btf, Ebpf, EbpfLoader};
use aya_obj::btf::BtfKind;
use kern::hooks::{FILE_CALL, HookKind, Judge, Place, TRAMPOLINE_PROBE};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::chroot;

use super::error::{EngineError, map_error};
use super::hold;
use super::kernel_types::KernelTypes;
use super::shelf::{Shelf, Shelved};
use super::stub;
use crate::release::{Release, Update};
use crate::syscall_function::Moment;

/// A directory in which nothing has the name of the kernel's BTF.
const NOTHING: &str = "/proc/self/fdinfo";

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
    has_twins: u32,
    has_tai: u32,
    open_prefers_cache: u32,
    new_name_first: u32,
    module_early: u32,
}

impl Globals {
    /// Of the kernel that runs.
    pub(super) fn find(has_twins: bool) -> Self {
        Self {
            has_twins: u32::from(has_twins),
            has_tai: u32::from(has_tai_clock()),
            open_prefers_cache: u32::from(Release::running() >= Release(6, 12)),
            new_name_first: u32::from(new_name_first()),
            module_early: u32::from(tells_of_early_failures()),
        }
    }
}

/// aya's loader reads all of the kernel's BTF when it is made, wanted or not: in a thread that finds none it has nothing to read.
/// Where there is no thread, or it may not have another root than the process, it is read.
fn new_loader() -> EbpfLoader<'static> {
    let elsewhere = || {
        if unshare(CloneFlags::CLONE_FS).and_then(|()| chroot(NOTHING)).is_err() {
            log::debug!("the kernel's BTF is read twice, for a thread may not change its root");
        }
        EbpfLoader::new()
    };
    let thread = thread::Builder::new().spawn(elsewhere);
    thread.ok().and_then(|thread| thread.join().ok()).unwrap_or_default()
}

/// Creates the object's maps; nothing is loaded yet.
pub(super) fn load_maps(
    types: &KernelTypes,
    globals: &Globals,
    ring_bytes: u32,
    object: &[u8],
) -> Result<Ebpf, EngineError> {
    let mut loader: EbpfLoader<'_> = new_loader();
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
        .override_global("ea_module_early", &globals.module_early, true)
        // the legacy object has none
        .override_global("ea_has_twins", &globals.has_twins, false);
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

pub(super) fn failed(place: &Place) -> impl Fn(ProgramError) -> EngineError {
    let Place { program, target, .. } = *place;
    move |source| EngineError::Attach { program, target, source }
}

pub(super) fn no_program(place: &Place) -> EngineError {
    failed(place)(ProgramError::UnexpectedProgramType)
}

fn program<'a>(ebpf: &'a mut Ebpf, place: &Place) -> Result<&'a mut Program, EngineError> {
    ebpf.program_mut(place.program).ok_or_else(|| no_program(place))
}

/// Loads a program, so that it can be attached at a place; nothing if it is loaded.
pub(super) fn load_at(program: &mut Program, btf: &Btf, place: &Place) -> Result<(), EngineError> {
    if program.fd().is_ok() {
        return Ok(());
    }
    let loaded = match place.kind {
        HookKind::BtfTracepoint => {
            <&mut BtfTracePoint>::try_from(program).and_then(|program| program.load(place.target, btf))
        }
        HookKind::Fentry | HookKind::Stub | HookKind::Hold => {
            <&mut FEntry>::try_from(program).and_then(|program| program.load(place.target, btf))
        }
        HookKind::Fexit => {
            <&mut FExit>::try_from(program).and_then(|program| program.load(place.target, btf))
        }
    };
    loaded.map_err(failed(place))
}

/// Lets go of a loaded program.
pub(super) fn unload(program: &mut Program, place: &Place) -> Result<(), EngineError> {
    let unloaded = match place.kind {
        HookKind::BtfTracepoint => <&mut BtfTracePoint>::try_from(program).and_then(BtfTracePoint::unload),
        HookKind::Fentry | HookKind::Stub | HookKind::Hold => {
            <&mut FEntry>::try_from(program).and_then(FEntry::unload)
        }
        HookKind::Fexit => <&mut FExit>::try_from(program).and_then(FExit::unload),
    };
    unloaded.map_err(failed(place))
}

/// Loads the program of a place; nothing if it is loaded. What user space makes is tried, and does not stay.
pub(super) fn load(ebpf: &mut Ebpf, btf: &Btf, place: &Place) -> Result<(), EngineError> {
    match place.kind {
        HookKind::Stub => {
            load_judge(ebpf, btf, &FILE_CALL)?;
            load_stub(place, btf, judges(ebpf, &FILE_CALL)?).map(drop)
        }
        HookKind::Hold => load_hold(place, btf, hold::waiters(ebpf)?).map(drop),
        HookKind::BtfTracepoint | HookKind::Fentry | HookKind::Fexit => {
            load_at(program(ebpf, place)?, btf, place)
        }
    }
}

fn function_id(place: &Place, btf: &Btf) -> Result<u32, EngineError> {
    let function = btf.id_by_type_name_kind(place.target, BtfKind::Func);
    function.map_err(ProgramError::Btf).map_err(failed(place))
}

/// Loads a place's stub, which goes on into the program in `judges`.
pub(super) fn load_stub(place: &Place, btf: &Btf, judges: BorrowedFd<'_>) -> Result<OwnedFd, EngineError> {
    let stub = stub::load(function_id(place, btf)?, Moment::Entry, judges);
    stub.map_err(ProgramError::IOError).map_err(failed(place))
}

/// Loads what keeps the processes in `waiters` from going on.
pub(super) fn load_hold(place: &Place, btf: &Btf, waiters: BorrowedFd<'_>) -> Result<OwnedFd, EngineError> {
    let hold = hold::load(function_id(place, btf)?, waiters);
    hold.map_err(ProgramError::IOError).map_err(failed(place))
}

/// The descriptor of a program that is loaded.
pub(super) fn descriptor<'a>(ebpf: &'a Ebpf, place: &Place) -> Option<BorrowedFd<'a>> {
    Some(ebpf.program(place.program)?.fd().ok()?.as_fd())
}

/// Loads a judge, and puts it where its stubs find it; nothing if it is there.
pub(super) fn load_judge(ebpf: &mut Ebpf, btf: &Btf, judge: &Judge) -> Result<(), EngineError> {
    let judges = judges(ebpf, judge)?.try_clone_to_owned().map_err(EngineError::Thread)?;
    load_program_of(judge, program(ebpf, &judge.place)?, btf, judges)
}

/// Loads a judge's program, and puts it into the map in which its stubs find it; nothing if it is loaded.
pub(super) fn load_program_of(
    judge: &Judge,
    program: &mut Program,
    btf: &Btf,
    judges: OwnedFd,
) -> Result<(), EngineError> {
    if program.fd().is_ok() {
        return Ok(());
    }
    load_at(program, btf, &judge.place)?;
    let mut map = Map::ProgramArray(MapData::from_fd(judges).map_err(map_error("open", judge.programs))?);
    let mut programs = ProgramArray::try_from(&mut map).map_err(map_error("open", judge.programs))?;
    let program = program.fd().map_err(failed(&judge.place))?;
    programs.set(0, program, 0).map_err(map_error("write", judge.programs))
}

/// Takes a judge's program out of the object, so that a thread can load it while the object is used. Until it is [given
/// back](give_back) there stands, under its name, a program that does nothing.
pub(super) fn take_out(ebpf: &mut Ebpf, judge: &Judge) -> Result<Program, EngineError> {
    let failed = failed(&judge.place);
    let idle = ebpf.program(TRAMPOLINE_PROBE.program).ok_or(ProgramError::UnexpectedProgramType);
    let idle = idle.and_then(<&FEntry>::try_from).and_then(FEntry::info).map_err(&failed)?;
    // SAFETY: it is one of this type; aya has loaded it as such.
    let idle = unsafe { FEntry::from_program_info(idle, judge.place.program.into()) }.map_err(failed)?;
    Ok(mem::replace(program(ebpf, &judge.place)?, Program::FEntry(idle)))
}

/// Puts a judge's program back into the object.
pub(super) fn give_back(ebpf: &mut Ebpf, judge: &Judge, taken: Program) {
    if let Some(place) = ebpf.program_mut(judge.place.program) {
        *place = taken;
    }
}

/// The descriptor of the map in which a judge's stubs find it.
pub(super) fn judges<'a>(ebpf: &'a Ebpf, judge: &Judge) -> Result<BorrowedFd<'a>, EngineError> {
    match ebpf.map(judge.programs) {
        Some(aya::maps::Map::ProgramArray(map)) => Ok(map.fd().as_fd()),
        _ => Err(EngineError::no_map(judge.programs)),
    }
}
