//! Hooks: their programs loaded, attached and taken off, of whichever kind they are.

use aya::programs::fentry::FEntryLinkId;
use aya::programs::fexit::FExitLinkId;
use aya::programs::tp_btf::BtfTracePointLinkId;
use aya::programs::{BtfTracePoint, FEntry, FExit, Program, ProgramError};
use aya::{Btf, Ebpf};
use kern::hooks::{Hook, HookKind, Place};

use super::EngineError;

/// An attachment.
enum Link {
    Tracepoint(BtfTracePointLinkId),
    Entry(FEntryLinkId),
    Exit(FExitLinkId),
}

/// A hook whose programs are attached.
pub(super) struct Attached(Vec<(Place, Link)>);

fn failed(place: Place) -> impl Fn(ProgramError) -> EngineError {
    move |source| EngineError::Attach { program: place.program, target: place.target, source }
}

fn program<'a, P>(ebpf: &'a mut Ebpf, place: Place) -> Result<&'a mut P, EngineError>
where
    &'a mut P: TryFrom<&'a mut Program, Error = ProgramError>,
{
    let program =
        ebpf.program_mut(place.program).ok_or(ProgramError::UnexpectedProgramType).map_err(failed(place))?;
    program.try_into().map_err(failed(place))
}

fn load_place(ebpf: &mut Ebpf, btf: &Btf, place: Place) -> Result<(), EngineError> {
    let loaded = match place.kind {
        HookKind::BtfTracepoint => program::<BtfTracePoint>(ebpf, place)?.load(place.target, btf),
        HookKind::Fentry => program::<FEntry>(ebpf, place)?.load(place.target, btf),
        HookKind::Fexit => program::<FExit>(ebpf, place)?.load(place.target, btf),
    };
    match loaded {
        // by another way
        Err(ProgramError::AlreadyLoaded) => Ok(()),
        other => other.map_err(failed(place)),
    }
}

/// Loads the programs of the first of the hook's ways that this kernel takes. The error is that of the first way.
pub(super) fn load(ebpf: &mut Ebpf, btf: &Btf, hook: Hook) -> Result<&'static [Place], EngineError> {
    let mut first = None;
    for way in hook.info().ways {
        match way.iter().try_for_each(|&place| load_place(ebpf, btf, place)) {
            Ok(()) => return Ok(way),
            Err(error) => drop(first.get_or_insert(error)),
        }
    }
    // the table has a way for each hook; a test holds it to that
    first.map_or(Ok(&[]), Err)
}

fn attach_place(ebpf: &mut Ebpf, place: Place) -> Result<Link, EngineError> {
    match place.kind {
        HookKind::BtfTracepoint => program::<BtfTracePoint>(ebpf, place)?.attach().map(Link::Tracepoint),
        HookKind::Fentry => program::<FEntry>(ebpf, place)?.attach().map(Link::Entry),
        HookKind::Fexit => program::<FExit>(ebpf, place)?.attach().map(Link::Exit),
    }
    .map_err(failed(place))
}

/// Attaches the programs of a way, all or none.
pub(super) fn attach(ebpf: &mut Ebpf, way: &[Place]) -> Result<Attached, EngineError> {
    let mut attached = Attached(Vec::with_capacity(way.len()));
    for &place in way {
        match attach_place(ebpf, place) {
            Ok(link) => attached.0.push((place, link)),
            Err(error) => {
                detach(ebpf, attached);
                return Err(error);
            }
        }
    }
    Ok(attached)
}

/// Takes the programs off again.
pub(super) fn detach(ebpf: &mut Ebpf, attached: Attached) {
    for (place, link) in attached.0 {
        let result = match link {
            Link::Tracepoint(link) => program::<BtfTracePoint>(ebpf, place).map(|it| it.detach(link)),
            Link::Entry(link) => program::<FEntry>(ebpf, place).map(|it| it.detach(link)),
            Link::Exit(link) => program::<FExit>(ebpf, place).map(|it| it.detach(link)),
        };
        if let Ok(Err(error)) = result {
            log::warn!("cannot detach {} from {}: {error}", place.program, place.target);
        }
    }
}

impl Attached {
    /// Names of the programs.
    pub(super) fn programs(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.iter().map(|(place, _)| place.program)
    }
}
