//! What this kernel offers: the object that it takes, and the hooks that can be had.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::thread;

use aya::maps::RingBuf;
use aya::{Btf, Ebpf, EbpfLoader};
use kern::hooks::{FORGET, HOOKS, Hook, OBJECT_PROBE, Place, TRAMPOLINE_PROBE};

use super::error::{EngineError, map_error};
use super::kernel_types::{self, KernelTypes};
use super::program::Globals;
use super::{Engine, Options, RingSource, context, image, program};
use crate::plan::{Offer, Trampoline};
use crate::syscall_function::Functions;

/// The smallest ring: one page.
pub(super) const SMALLEST_RING: u32 = 4096;

/// Which way each hook can be attached.
pub(super) type Ways = BTreeMap<Hook, &'static [Place]>;

/// The object that this kernel takes, loaded but for its programs.
struct Loaded {
    ebpf: Ebpf,
    /// Whether it is the legacy one.
    legacy: bool,
    /// Whether trampolines can be used; the reason if not.
    trampoline: Result<(), String>,
}

/// Whether a kernel takes an object is seen by a small program of it.
fn load_object(loader: EbpfLoader<'_>, types: &KernelTypes, options: Options) -> Result<Loaded, EngineError> {
    let globals = Globals::find();
    let load = |loader: EbpfLoader<'_>, object: &[u8]| {
        let mut ebpf = program::load_maps(loader, types, &globals, options.ring_bytes, object)?;
        program::load(&mut ebpf, &types.btf, &OBJECT_PROBE)?;
        let trampoline = if options.trampolines {
            program::load(&mut ebpf, &types.btf, &TRAMPOLINE_PROBE).map_err(|error| error.brief())
        } else {
            Err("masked off on the command line".to_owned())
        };
        Ok::<_, EngineError>((ebpf, trampoline))
    };
    match load(loader, &image::with_functions(kern::OBJECT, types.called)) {
        Ok((ebpf, trampoline)) => Ok(Loaded { ebpf, legacy: false, trampoline }),
        Err(error) => {
            log::debug!("this kernel refuses the eBPF object: {}", error.brief());
            let (ebpf, trampoline) = load(EbpfLoader::new(), kern::LEGACY_OBJECT)?;
            Ok(Loaded { ebpf, legacy: true, trampoline })
        }
    }
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
            trials: Vec::new(),
        };
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
        let types = thread::spawn(KernelTypes::read);
        // aya reads all of the kernel's BTF here, wanted or not: beside our own reading
        let loader = EbpfLoader::new();
        let types = types.join().map_err(|_| EngineError::Btf("reading it failed".to_owned()))??;
        let (btf, variables) = (&types.btf, types.variables);
        offer.trials.push(("kernel BTF".into(), Ok(kernel_types::PATH.into())));
        let Loaded { mut ebpf, legacy, trampoline } = load_object(loader, &types, options)?;
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
                hook => promising(&mut ebpf, btf, hook, trampoline.is_ok(), &types.hooked),
            };
            let what = way_name(found.as_ref().copied().unwrap_or(info.ways[0]));
            let outcome = found.as_ref().map(|_| info.purpose.to_owned()).map_err(EngineError::brief);
            offer.trials.push((what, outcome));
            if let Ok(way) = found {
                ways.insert(info.hook, way);
            }
        }
        offer.trampoline = trampoline.map(|()| Trampoline {
            functions: Functions::new(&types.kernel),
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
        Self::new(ebpf, legacy, offer, ways, types.btf, ring, contexts)
    }
}
