//! What this kernel offers: the object that it takes, and the hooks that can be had.

use std::collections::{BTreeMap, HashSet};
use std::mem;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use aya::maps::RingBuf;
use aya::{Btf, Ebpf};
use kern::hooks::{FORGET, HOOKS, Hook, OBJECT_PROBE, Place, TRAMPOLINE_PROBE};

use super::error::{EngineError, map_error};
use super::kernel_types::{self, KernelTypes, Places};
use super::program::Globals;
use super::symbol::Variables;
use super::twin::{self, Twins};
use super::{Engine, Options, RingSource, context, image, program};
use crate::family::ARCHES;
use crate::plan::{Offer, Trampoline};
use crate::security_module::SecurityModule;
use crate::syscall_function::{self, Functions, Kernel};

/// The smallest ring: one page.
pub(super) const SMALLEST_RING: u32 = 4096;

/// Which way each hook can be attached.
pub(super) type Ways = BTreeMap<Hook, &'static [Place]>;

/// The object that this kernel takes, loaded but for its programs.
struct Loaded {
    ebpf: Ebpf,
    /// Whether it is the legacy one.
    legacy: bool,
    /// For programs that have twins.
    twins: Option<Twins>,
    /// Whether trampolines can be used; the reason if not.
    trampoline: Result<(), String>,
}

/// Whether a kernel takes an object is seen by a small program of it. `places` is waited for when the maps are there.
fn load_object(
    types: &KernelTypes,
    options: Options,
    places: impl FnOnce() -> Result<Places, EngineError>,
) -> Result<(Loaded, Places), EngineError> {
    let has_twins = twin::are_needed(types.called.is_some());
    let globals = Globals::find(has_twins);
    let maps = |object: &[u8]| program::load_maps(types, &globals, options.ring_bytes, object);
    let modern = maps(&image::with_functions(kern::OBJECT, types.called));
    let places = places()?;
    let probe = |mut ebpf: Ebpf| {
        program::load(&mut ebpf, &places.btf, &OBJECT_PROBE)?;
        let trampoline = if options.trampolines {
            program::load(&mut ebpf, &places.btf, &TRAMPOLINE_PROBE).map_err(|error| error.brief())
        } else {
            Err("masked off on the command line".to_owned())
        };
        Ok::<_, EngineError>((ebpf, trampoline))
    };
    let loaded = match modern.and_then(probe) {
        Ok((ebpf, trampoline)) => {
            let twins = has_twins.then(|| Twins::new(&ebpf)).transpose()?;
            Loaded { ebpf, legacy: false, twins, trampoline }
        }
        Err(error) => {
            log::debug!("this kernel refuses the eBPF object: {}", error.brief());
            let (ebpf, trampoline) = maps(kern::LEGACY_OBJECT).and_then(probe)?;
            Loaded { ebpf, legacy: true, twins: None, trampoline }
        }
    };
    Ok((loaded, places))
}

/// All that is needed is read and loaded.
fn load_all(options: Options) -> Result<(Loaded, Variables, Places, Kernel), EngineError> {
    let addresses = thread::Builder::new().spawn(kernel_types::addresses).map_err(EngineError::Thread)?;
    let bytes = kernel_types::read()?;
    let types = kernel_types::types(&bytes)?;
    thread::scope(|scope| {
        let places = thread::Builder::new().spawn_scoped(scope, || Places::new(&types));
        let places = places.map_err(EngineError::Thread)?;
        let (known, mut addresses) = KernelTypes::new(&types, || addresses.join().unwrap_or_default())?;
        let places = || places.join().map_err(|_| EngineError::Btf("reading it failed".to_owned()))?;
        let (loaded, mut places) = load_object(&known, options, places)?;
        let syscalls: HashSet<String> = syscall_function::symbols(&ARCHES).collect();
        addresses.retain(|name, _| syscalls.contains(name));
        let declared = mem::take(&mut places.declared);
        Ok((loaded, known.variables, places, Kernel { declared, addresses }))
    })
}

/// Loads a hook's programs for the first of its ways that can be had. The error is that of the first.
fn load_hook(
    ebpf: &mut Ebpf,
    btf: &Btf,
    hook: Hook,
    trampolines: bool,
) -> Result<&'static [Place], EngineError> {
    let mut first = None;
    for &way in hook.info().ways {
        if !trampolines && way.iter().any(|place| place.kind.is_trampoline()) {
            continue;
        }
        match way.iter().try_for_each(|place| program::load(ebpf, btf, place)) {
            Ok(()) => return Ok(way),
            Err(error) => drop(first.get_or_insert(error)),
        }
    }
    Err(first.unwrap_or(EngineError::NoTrampolines))
}

/// The first of a hook's ways whose functions and tracepoints the kernel has, where there are trampolines. Where there are none,
/// little is left, and it is loaded.
fn promising(
    ebpf: &mut Ebpf,
    btf: &Btf,
    hook: Hook,
    trampolines: bool,
    hooked: &HashSet<String>,
) -> Result<&'static [Place], EngineError> {
    // a large program, which every kernel takes that takes the object
    if !trampolines && hook != Hook::SyscallExit {
        return load_hook(ebpf, btf, hook, trampolines);
    }
    let place_is_there = |place: &Place| {
        (trampolines || !place.kind.is_trampoline()) && hooked.contains(kernel_types::name(place).as_ref())
    };
    let way = hook.info().ways.iter().find(|way| way.iter().all(place_is_there));
    way.copied().ok_or(EngineError::Absent)
}

/// A way for a person who reads what the kernel offers.
fn way_name(way: &[Place]) -> String {
    let names: Vec<String> =
        way.iter().map(|place| format!("{} {}", place.kind.word(), place.target)).collect();
    names.join(", ")
}

impl Engine {
    /// Finds out what this kernel offers, by loading every program. Nothing is attached and nothing stays.
    pub fn probe(options: &Options) -> Offer {
        Self::start(&Options { ring_bytes: SMALLEST_RING, thorough: true, ..*options }).0
    }

    /// Says what this kernel offers; the engine, if it is enough to serve rules. Nothing is attached, and only small programs are
    /// loaded, until [`apply`](Self::apply) needs them.
    pub fn start(options: &Options) -> (Offer, Option<(Self, RingSource)>) {
        let mut offer = Offer {
            tracepoint: Err(String::new()),
            trampoline: Err("the eBPF object does not load".to_owned()),
            kernel_audit: Ok(()),
            modules: Path::new("/proc/modules").exists(),
            security: SecurityModule::find(),
            trials: Vec::new(),
        };
        offer.trials.push(("security contexts".into(), offer.security.name()));
        let engine = Self::load(*options, &mut offer);
        let reason = match engine {
            Ok(engine) => return (offer, Some(engine)),
            Err(error) => error.to_string(),
        };
        offer.trials.push(("eBPF".into(), Err(reason.clone())));
        offer.tracepoint = Err(reason);
        (offer, None)
    }

    fn load(options: Options, offer: &mut Offer) -> Result<(Self, RingSource), EngineError> {
        let (loaded, variables, places, kernel) = load_all(options)?;
        let Loaded { mut ebpf, legacy, twins, trampoline } = loaded;
        if let SecurityModule::AppArmor(roles) = &mut offer.security {
            roles.set_legible(variables.apparmor_sizes != 0);
        }
        let btf = &places.btf;
        offer.trials.push(("kernel BTF".into(), Ok(kernel_types::PATH.into())));
        let state = if legacy { "ring buffer, hash of tasks" } else { "ring buffer, task storage" };
        offer.trials.push(("eBPF object and maps".into(), Ok(state.into())));
        let outcome = trampoline.clone().map(|()| TRAMPOLINE_PROBE.program.to_owned());
        offer.trials.push(("BPF trampolines".into(), outcome));
        let mut ways = Ways::new();
        for info in HOOKS.iter().filter(|info| info.hook != FORGET || legacy) {
            let found = match info.hook {
                Hook::RingOperation if variables.audits_rings && variables.ring_operations == 0 => {
                    Err(EngineError::Hidden)
                }
                hook if options.thorough => load_hook(&mut ebpf, btf, hook, trampoline.is_ok()),
                hook => promising(&mut ebpf, btf, hook, trampoline.is_ok(), &places.hooked),
            };
            let what = way_name(found.as_ref().copied().unwrap_or(info.ways[0]));
            let outcome = found.as_ref().map(|_| info.purpose.to_owned()).map_err(EngineError::brief);
            offer.trials.push((what, outcome));
            if let Ok(way) = found {
                ways.insert(info.hook, way);
            }
        }
        offer.trampoline = trampoline.map(|()| Trampoline {
            functions: Functions::new(&kernel),
            hooks: ways.keys().copied().collect(),
            audits_rings: variables.audits_rings,
        });
        if let Ok(Trampoline { functions, .. }) = &offer.trampoline {
            let missing: Vec<String> = functions
                .missing()
                .map(|(arch, name, missing)| format!("{:#x} {name}: {missing}", arch.number()))
                .collect();
            let missing = if missing.is_empty() { "none missing".to_owned() } else { missing.join("; ") };
            let words = format!("{} found, {missing}", functions.len());
            offer.trials.push(("functions of syscalls".into(), Ok(words)));
        }
        offer.tracepoint = Ok(ways.keys().copied().collect());
        let map = ebpf.take_map("ea_events").ok_or_else(|| EngineError::no_map("ea_events"))?;
        let ring = RingBuf::try_from(map).map_err(map_error("open", "ea_events"))?;
        let contexts = context::contexts(&mut ebpf, &variables);
        let (mut engine, source) = Self::new(ebpf, legacy, offer, ways, places.btf, ring, contexts)?;
        engine.twins = twins.map(Arc::new);
        Ok((engine, source))
    }
}
