//! The object and its programs: which the kernel takes, and how each is loaded and attached.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use aya::maps::ProgramArray;
use aya::programs::kprobe::KProbeLink;
use aya::programs::{BtfTracePoint, FEntry, FExit, KProbe, Program, ProgramError};
use aya::{Btf, Ebpf, EbpfLoader};
use kern::hooks::{HookKind, Judge, Place};

use crate::release::{Release, Update};

use super::symbol::Variables;
use super::{EngineError, map_error, stub};

/// What keeps a program attached, as long as it is there.
#[expect(dead_code, reason = "held, not read")]
pub(super) enum Link {
    /// To a function or tracepoint.
    Descriptor(OwnedFd),
    /// To a breakpoint.
    Probe(KProbeLink),
}

/// Creates the object's maps; nothing is loaded yet.
pub(super) fn load_maps(
    btf: &Btf,
    ring_bytes: u32,
    object: &[u8],
    variables: &Variables,
) -> Result<Ebpf, EngineError> {
    let mut loader = EbpfLoader::new();
    let has_tai: u32 = u32::from(has_tai_clock());
    let open_prefers_cache = u32::from(Release::running() >= Release(6, 12));
    let new_name_first = u32::from(new_name_first());
    let module_early = u32::from(tells_of_early_failures());
    loader
        .btf(Some(btf))
        .allow_unsupported_maps()
        .map_max_entries("ea_events", ring_bytes)
        .override_global("ea_has_tai", &has_tai, true)
        .override_global("ea_apparmor_sizes", &variables.apparmor_sizes, true)
        .override_global("ea_ring_operations", &variables.ring_operations, true)
        .override_global("ea_open_prefers_cache", &open_prefers_cache, true)
        .override_global("ea_new_name_first", &new_name_first, true)
        .override_global("ea_module_early", &module_early, true);
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

fn program<'a>(ebpf: &'a mut Ebpf, place: &Place) -> Result<&'a mut Program, EngineError> {
    ebpf.program_mut(place.program).ok_or(ProgramError::UnexpectedProgramType).map_err(failed(place))
}

/// Loads the program of a place, so that it can be attached there; nothing if it is loaded.
pub(super) fn load(ebpf: &mut Ebpf, btf: &Btf, place: &Place) -> Result<(), EngineError> {
    let program = program(ebpf, place)?;
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
        HookKind::Kprobe | HookKind::Kretprobe => <&mut KProbe>::try_from(program).and_then(KProbe::load),
    };
    loaded.map_err(failed(place))
}

/// Finds out whether a place can be had: whether its program loads, and where that says nothing of the target, whether it can be
/// attached.
pub(super) fn probe(ebpf: &mut Ebpf, btf: &Btf, place: &Place) -> Result<(), EngineError> {
    load(ebpf, btf, place)?;
    match place.kind {
        HookKind::Kprobe | HookKind::Kretprobe => attach(ebpf, place).map(drop),
        HookKind::BtfTracepoint | HookKind::Fentry | HookKind::Fexit => Ok(()),
    }
}

/// Attaches a program that is loaded.
pub(super) fn attach(ebpf: &mut Ebpf, place: &Place) -> Result<Link, EngineError> {
    let program = program(ebpf, place)?;
    match place.kind {
        HookKind::Kprobe | HookKind::Kretprobe => {
            let probe: &mut KProbe = program.try_into().map_err(failed(place))?;
            let link = probe.attach(place.target, 0).and_then(|id| probe.take_link(id));
            link.map(Link::Probe).map_err(failed(place))
        }
        HookKind::BtfTracepoint | HookKind::Fentry | HookKind::Fexit => {
            let fd = program.fd().map_err(failed(place))?.as_fd();
            let link = stub::attach(fd).map_err(ProgramError::IOError);
            link.map(Link::Descriptor).map_err(failed(place))
        }
    }
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
    let map = ebpf.map_mut(judge.programs).ok_or(EngineError::Map {
        act: "find",
        map: judge.programs,
        error: "the object has no such map".into(),
    })?;
    let mut programs = ProgramArray::try_from(map).map_err(map_error("open", judge.programs))?;
    programs.set(0, &program, 0).map_err(map_error("write", judge.programs))
}

/// The descriptor of the map in which a judge's stubs find it.
pub(super) fn judges<'a>(ebpf: &'a Ebpf, judge: &Judge) -> Result<BorrowedFd<'a>, EngineError> {
    match ebpf.map(judge.programs) {
        Some(aya::maps::Map::ProgramArray(map)) => Ok(map.fd().as_fd()),
        _ => Err(EngineError::Map {
            act: "find",
            map: judge.programs,
            error: "the object has no such map".into(),
        }),
    }
}
