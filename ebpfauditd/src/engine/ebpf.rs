//! The eBPF engine: the only place that knows aya. It probes by loading, attaches the hooks that a plan needs, fills the
//! idle tables and switches to them with one write.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::os::linux::fs::MetadataExt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use audit_rules::Rule;
use aya::maps::{Array, MapData, MapError, PerCpuArray, RingBuf};
use aya::programs::{FEntry, ProgramError};
use aya::{Btf, Ebpf, EbpfError, EbpfLoader};
use kern::abi;
use kern::hooks::{FORGET, HOOKS, Hook, HookKind, Place, TRAMPOLINE_PROBE};

use crate::decode::Decoder;
use crate::device;
use crate::family::{ARCHES, Services};
use crate::lower::{LowerError, Tables, lower};
use crate::plan::{Offer, Plan};

mod generation;
mod hook;
mod source;
mod symbol;
mod value;

pub use generation::{Generation, Generations};
use hook::Attached;
pub use source::RingSource;
use value::{ConfigValue, CountersValue, EntryValue, ExeValue, StepValue};

/// Least time between two switches of generations, a thousand times what a program needs: the tables that are filled next may have
/// been in use until the last switch.
const GRACE: Duration = Duration::from_millis(5);
/// The smallest ring: one page.
const SMALLEST_RING: u32 = 4096;
/// Default size of the ring, bytes: at 200 000 events a second of 400 bytes each, 50 ms of a consumer that stands still.
pub const RING_BYTES: u32 = 4 << 20;

/// Why the engine cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The kernel describes itself not.
    #[error("cannot read the kernel's BTF from /sys/kernel/btf/vmlinux: {0}")]
    Btf(String),
    /// The object or its maps were refused.
    #[error("cannot load the eBPF object: {0}")]
    Load(#[source] EbpfError),
    /// A program was refused or cannot be attached.
    #[error("cannot attach {program} to {target}: {source}")]
    Attach {
        /// Name of the program.
        program: &'static str,
        /// What it was to hang on.
        target: &'static str,
        /// Why not.
        source: ProgramError,
    },
    /// A map is missing or refused an access.
    #[error("cannot {act} the eBPF map {map}: {error}")]
    Map {
        /// What was being done.
        act: &'static str,
        /// The map's name.
        map: &'static str,
        /// Why it failed.
        error: String,
    },
    /// The rules do not fit.
    #[error(transparent)]
    Lower(#[from] LowerError),
}

/// What the programs counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Events that matched a rule, lost ones included.
    pub produced: u64,
    /// Lost for want of room in the ring.
    pub lost_ring: u64,
    /// Lost because the event was larger than the buffer.
    pub lost_size: u64,
    /// Lost for want of room for their arguments.
    pub lost_arguments: u64,
    /// Runs of a program that the kernel skipped, because the program was already running on that CPU.
    pub missed: u64,
    /// Facts that could not be read from user memory (the event was recorded without them).
    pub unread: u64,
    /// Per-task state that could not be had (the event lacks what it would have held).
    pub no_state: u64,
}

impl Counters {
    /// All that was lost.
    pub const fn lost(&self) -> u64 {
        self.lost_ring + self.lost_size + self.lost_arguments
    }
}

/// How the engine is to start.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Size of the ring, bytes; rounded up to a power of two of pages.
    pub ring_bytes: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { ring_bytes: RING_BYTES }
    }
}

/// The loaded object, its attachments, and which generation is live.
pub struct Engine {
    ebpf: Ebpf,
    legacy: bool,
    ways: Ways,
    attached: BTreeMap<Hook, Attached>,
    config: abi::Config,
    index: Vec<Vec<abi::Entry>>,
    exes: Vec<Vec<u8>>,
    switched: Option<Instant>,
    generations: Arc<Generations>,
    services: Services,
}

fn map_error(act: &'static str, map: &'static str) -> impl Fn(MapError) -> EngineError {
    move |error| EngineError::Map { act, map, error: error.to_string() }
}

fn array<'a, V: aya::Pod>(
    ebpf: &'a mut Ebpf,
    map: &'static str,
) -> Result<Array<&'a mut MapData, V>, EngineError> {
    let found = ebpf.map_mut(map).ok_or(EngineError::Map {
        act: "find",
        map,
        error: "the object has no such map".into(),
    })?;
    Array::try_from(found).map_err(map_error("open", map))
}

/// Which way each loaded hook hangs.
type Ways = BTreeMap<Hook, &'static [Place]>;

/// The object that this kernel takes, with the program that every rule needs loaded; and whether it is the legacy one.
fn load_object(btf: &Btf, ring_bytes: u32) -> Result<(Ebpf, Ways, bool), EngineError> {
    let load = |object, hooks: &[Hook]| {
        let mut ebpf = load_maps(btf, ring_bytes, object)?;
        let ways: Result<Ways, EngineError> =
            hooks.iter().map(|&hook| Ok((hook, hook::load(&mut ebpf, btf, hook)?))).collect();
        ways.map(|ways| (ebpf, ways))
    };
    load(kern::OBJECT, &[Hook::SyscallExit]).map(|(ebpf, ways)| (ebpf, ways, false)).or_else(|error| {
        log::debug!("this kernel refuses the eBPF object: {}", brief(&error));
        load(kern::LEGACY_OBJECT, &[Hook::SyscallExit, FORGET.hook]).map(|(ebpf, ways)| (ebpf, ways, true))
    })
}

fn load_maps(btf: &Btf, ring_bytes: u32, object: &[u8]) -> Result<Ebpf, EngineError> {
    let mut loader = EbpfLoader::new();
    let has_tai: u32 = u32::from(has_tai_clock());
    let apparmor_sizes = symbol::apparmor_sizes();
    loader
        .btf(Some(btf))
        .allow_unsupported_maps()
        .map_max_entries("ea_events", ring_bytes)
        .override_global("ea_has_tai", &has_tai, true)
        .override_global("ea_apparmor_sizes", &apparmor_sizes, true);
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

/// A way for a person who reads what the kernel offers.
fn way_name(way: &[Place]) -> String {
    let kind = match way.first().map(|place| place.kind) {
        Some(HookKind::Fentry) => "entry of",
        Some(HookKind::Fexit) => "exit of",
        _ => "tracepoint",
    };
    let targets: Vec<&str> = way.iter().map(|place| place.target).collect();
    format!("{kind} {}", targets.join(", "))
}

/// Why the kernel refused a program, without the verifier's log.
fn reason(error: &ProgramError) -> String {
    match error {
        ProgramError::LoadError { io_error, .. } => io_error.to_string(),
        other => other.to_string(),
    }
}

/// The same for an error of ours.
fn brief(error: &EngineError) -> String {
    match error {
        EngineError::Attach { source, .. } => reason(source),
        other => other.to_string(),
    }
}

impl Engine {
    /// Finds out what this kernel offers, by loading each program once. Nothing is attached and nothing stays.
    pub fn probe() -> Offer {
        Self::start(&Options { ring_bytes: SMALLEST_RING }).0
    }

    /// Loads whatever this kernel takes, and says what that is; the engine, if it is enough to serve rules. Nothing is
    /// attached until [`apply`](Self::apply) needs it. All programs are loaded now, so that the kernel's BTF, which they are
    /// relocated against and which is large, need not be kept.
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
        offer.trials.push(("tracepoint engine".into(), Err(reason.clone())));
        offer.tracepoint = Err(reason);
        (offer, None)
    }

    fn load(options: Options, offer: &mut Offer) -> Result<(Self, RingSource), EngineError> {
        let btf = Btf::from_sys_fs().map_err(|error| EngineError::Btf(error.to_string()))?;
        offer.trials.push(("kernel BTF".into(), Ok("/sys/kernel/btf/vmlinux".into())));
        let (mut ebpf, mut ways, legacy) = load_object(&btf, options.ring_bytes)?;
        let state = if legacy { "ring buffer, hash of tasks" } else { "ring buffer, task storage" };
        offer.trials.push(("eBPF object and maps".into(), Ok(state.into())));
        for info in HOOKS {
            let trial = match ways.get(&info.hook) {
                Some(way) => Ok(*way), // came with the object
                None => hook::load(&mut ebpf, &btf, info.hook),
            };
            let outcome = trial.as_ref().map(|_| info.purpose.to_owned()).map_err(brief);
            let way = trial.as_ref().copied().unwrap_or(info.ways[0]);
            offer.trials.push((way_name(way), outcome));
            if let Ok(way) = trial {
                ways.insert(info.hook, way);
            }
        }
        offer.trampoline = probe_trampoline(&mut ebpf, &btf);
        let trampoline = offer.trampoline.clone().map(|()| "available; not used yet".to_owned());
        offer.trials.push(("BPF trampolines (fentry)".into(), trampoline));
        offer.tracepoint =
            Ok(HOOKS.iter().map(|info| info.hook).filter(|hook| ways.contains_key(hook)).collect());
        let map = ebpf.take_map("ea_events").ok_or(EngineError::Map {
            act: "find",
            map: "ea_events",
            error: "the object has no such map".into(),
        })?;
        let ring = RingBuf::try_from(map).map_err(map_error("open", "ea_events"))?;
        let generations = Arc::new(Generations::default());
        let source = RingSource { ring, decoder: Decoder::new(Arc::clone(&generations)) };
        let engine = Self {
            ebpf,
            legacy,
            ways,
            attached: BTreeMap::new(),
            config: abi::Config { daemon: std::process::id(), ..abi::Config::default() },
            index: vec![vec![abi::Entry::default(); ARCHES.len() * abi::SYSCALLS]; abi::GENERATIONS],
            exes: Vec::new(),
            switched: None,
            generations,
            services: Services::new(offer.modules),
        };
        Ok((engine, source))
    }

    /// Waits until no program can still be at work with the tables that are filled next: a run takes microseconds, and cannot be
    /// preempted.
    fn let_programs_end(&self) {
        if let Some(left) = self.switched.and_then(|at| GRACE.checked_sub(at.elapsed())) {
            thread::sleep(left);
        }
    }

    /// Makes the filter that `plan` gives to this engine the live one. On an error the old filter stays as it was.
    pub fn apply(&mut self, rules: &[Rule], plan: &Plan) -> Result<(), EngineError> {
        let tables = lower(rules, plan, &self.services)?;
        let mut wanted = plan.hooks();
        if self.legacy && !wanted.is_empty() {
            wanted.insert(FORGET.hook);
        }
        let new: Vec<Hook> =
            wanted.iter().copied().filter(|hook| !self.attached.contains_key(hook)).collect();
        self.let_programs_end();
        self.fill(&tables)?;
        for (done, &hook) in new.iter().enumerate() {
            if let Err(error) = self.attach(hook) {
                for &hook in &new[..done] {
                    self.detach(hook);
                }
                return Err(error);
            }
        }
        self.switch(tables)?;
        let unused: Vec<Hook> = self.attached.keys().copied().filter(|hook| !wanted.contains(hook)).collect();
        for hook in unused {
            self.detach(hook);
        }
        Ok(())
    }

    /// Starts or stops recording at once, whatever is attached.
    pub fn set_enabled(&mut self, enabled: bool) -> Result<(), EngineError> {
        let before = self.config;
        self.config.enabled = u32::from(enabled);
        self.write_config().inspect_err(|_| self.config = before)
    }

    /// The hooks that are attached now.
    pub fn attached(&self) -> impl Iterator<Item = Hook> + '_ {
        self.attached.keys().copied()
    }

    /// The files that `exe=` rules name. They are looked up again by [`refresh_exes`](Self::refresh_exes).
    pub fn exes(&self) -> &[Vec<u8>] {
        &self.exes
    }

    /// Looks the files of `exe=` rules up again, for one may have been replaced.
    pub fn refresh_exes(&mut self) -> Result<(), EngineError> {
        let exes = std::mem::take(&mut self.exes);
        let result = self.fill_exes(&exes, self.config.generation);
        self.exes = exes;
        result
    }

    /// What the programs counted so far.
    pub fn counters(&self) -> Result<Counters, EngineError> {
        let map = self.ebpf.map("ea_counters").ok_or(EngineError::Map {
            act: "find",
            map: "ea_counters",
            error: "the object has no such map".into(),
        })?;
        let map: PerCpuArray<_, CountersValue> =
            PerCpuArray::try_from(map).map_err(map_error("open", "ea_counters"))?;
        let values = map.get(&0, 0).map_err(map_error("read", "ea_counters"))?;
        let mut sum = Counters::default();
        for CountersValue(cpu) in values.iter() {
            sum.produced += cpu.produced;
            sum.lost_ring += cpu.lost[abi::Loss::Ring as usize];
            sum.lost_size += cpu.lost[abi::Loss::Scratch as usize];
            sum.lost_arguments += cpu.lost[abi::Loss::Arguments as usize];
            sum.unread += cpu.unread;
            sum.no_state += cpu.no_state;
        }
        let programs = self.attached.values().flat_map(Attached::programs);
        sum.missed = programs.filter_map(|program| self.missed(program)).sum();
        Ok(sum)
    }

    /// How often the kernel skipped the program because it was already running on that CPU; `None` where the kernel does
    /// not say (before 5.12).
    fn missed(&self, program: &str) -> Option<u64> {
        let fd = self.ebpf.program(program)?.fd().ok()?.as_fd().as_raw_fd();
        let text = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("recursion_misses:"))?;
        line.trim().parse().ok()
    }

    fn attach(&mut self, hook: Hook) -> Result<(), EngineError> {
        let way = self.ways.get(&hook).copied().unwrap_or_default();
        let attached = hook::attach(&mut self.ebpf, way)?;
        self.attached.insert(hook, attached);
        Ok(())
    }

    fn detach(&mut self, hook: Hook) {
        if let Some(attached) = self.attached.remove(&hook) {
            hook::detach(&mut self.ebpf, attached);
        }
    }

    /// Writes the idle generation's tables.
    fn fill(&mut self, tables: &Tables) -> Result<(), EngineError> {
        let next = self.config.generation.wrapping_add(1);
        let slot = next as usize % abi::GENERATIONS;
        let mut steps: Array<_, StepValue> = array(&mut self.ebpf, "ea_steps")?;
        for (at, &step) in tables.steps.iter().enumerate() {
            steps
                .set((slot * abi::STEPS + at) as u32, StepValue(step), 0)
                .map_err(map_error("write", "ea_steps"))?;
        }
        self.fill_exes(&tables.exes, next)?;
        let mut index: Array<_, EntryValue> = array(&mut self.ebpf, "ea_index")?;
        let base = slot * ARCHES.len() * abi::SYSCALLS;
        for (at, (&entry, known)) in tables.index.iter().zip(&mut self.index[slot]).enumerate() {
            if entry != *known {
                index
                    .set((base + at) as u32, EntryValue(entry), 0)
                    .map_err(map_error("write", "ea_index"))?;
                *known = entry;
            }
        }
        Ok(())
    }

    fn fill_exes(&mut self, exes: &[Vec<u8>], generation: u32) -> Result<(), EngineError> {
        let slot = generation as usize % abi::GENERATIONS;
        let mut map: Array<_, ExeValue> = array(&mut self.ebpf, "ea_exes")?;
        for (at, path) in exes.iter().enumerate() {
            map.set((slot * abi::EXES + at) as u32, ExeValue(identity(path)), 0)
                .map_err(map_error("write", "ea_exes"))?;
        }
        Ok(())
    }

    /// The one write that makes the idle generation the live one.
    fn switch(&mut self, tables: Tables) -> Result<(), EngineError> {
        let before = self.config;
        let next = before.generation.wrapping_add(1);
        let slot = next as usize % abi::GENERATIONS;
        self.config.flags[slot] = tables.flags;
        self.config.task_first[slot] = tables.task_first;
        self.config.exclude_first[slot] = tables.exclude_first;
        let generation = Generation { keys: tables.keys, hidden_filesystems: tables.hidden_filesystems };
        self.generations.add(next, generation);
        // First what belongs to the idle generation, then the number that makes it live.
        self.write_config().inspect_err(|_| self.config = before)?;
        self.config.generation = next;
        self.write_config().inspect_err(|_| self.config = before)?;
        self.exes = tables.exes;
        self.switched = Some(Instant::now());
        Ok(())
    }

    fn write_config(&mut self) -> Result<(), EngineError> {
        let config = self.config;
        let mut map: Array<_, ConfigValue> = array(&mut self.ebpf, ".data.config")?;
        map.set(0, ConfigValue(config), 0).map_err(map_error("write", ".data.config"))
    }
}

/// Which file `path` is now, as the kernel numbers devices.
fn identity(path: &[u8]) -> abi::Exe {
    fs::metadata(std::ffi::OsStr::from_bytes(path)).map_or(abi::Exe::default(), |file| abi::Exe {
        ino: file.st_ino(),
        dev: device::of(path, file.st_dev()),
        present: 1,
    })
}

/// Loads the smallest program that needs a trampoline.
fn probe_trampoline(ebpf: &mut Ebpf, btf: &Btf) -> Result<(), String> {
    let (name, target) = TRAMPOLINE_PROBE;
    let program: &mut FEntry = ebpf
        .program_mut(name)
        .ok_or_else(|| "the object has no such program".to_owned())?
        .try_into()
        .map_err(|error: ProgramError| error.to_string())?;
    program.load(target, btf).map_err(|error| reason(&error))
}
