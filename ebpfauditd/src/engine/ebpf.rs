//! The eBPF engine: the only place that knows aya. It probes by loading, attaches the hooks that a plan needs, fills the
//! idle tables and switches to them with one write.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use audit_rules::{List, Rule};
use aya::maps::{Array, MapData, MapError, PerCpuArray, RingBuf};
use aya::programs::ProgramError;
use aya::{Btf, Ebpf, EbpfError};
use kern::abi;
use kern::hooks::{
    FENTRY, FEXIT, FEXIT_UNUSED, FORGET, HOOKS, Hook, HookKind, Judge, Place, TRAMPOLINE_PROBE,
};
use nix::errno::Errno;

use crate::decode::Decoder;
use crate::family::{ARCHES, Services};
use crate::lower::{LowerError, Tables, lower};
use crate::plan::{EngineKind, Offer, Plan, Trampoline};
use crate::syscall_function::{self, Function, Functions, Kernel, Moment, Prototype, Stub};
use crate::watch::{Inode, Lost, WatchError, Watches};

mod attachments;
mod btf;
mod follow;
mod generation;
mod kallsyms;
mod program;
mod source;
mod stub;
mod symbol;
mod value;

use attachments::{Attached, Attachments, Target};
pub use generation::{Generation, Generations};
pub use source::RingSource;
use symbol::Variables;
use value::{ConfigValue, CountersValue, EntryValue, SetValue, StepValue};

/// Least time between two switches of generations, a thousand times what a program needs: the tables that are filled next may have
/// been in use until the last switch.
const GRACE: Duration = Duration::from_millis(5);
/// Where the kernel describes itself.
const BTF: &str = "/sys/kernel/btf/vmlinux";
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
    /// A hook that was promising cannot be had after all.
    #[error("cannot have the hook {}: {error}", .hook.info().target())]
    Hook {
        /// Which one.
        hook: Hook,
        /// Why not.
        error: Box<EngineError>,
    },
    /// A stub was refused or cannot be attached.
    #[error("cannot attach a program to {}: {error}", .function.name)]
    Stub {
        /// The function of a syscall.
        function: Function,
        /// Why not.
        error: io::Error,
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
    /// The kernel has not what a hook hangs on.
    #[error("this kernel has no such function")]
    Absent,
    /// What a hook reads has an address that the kernel does not tell.
    #[error("the kernel hides the addresses of its variables")]
    Hidden,
    /// A hook has no other place.
    #[error("needs BPF trampolines")]
    NoTrampolines,
    /// The rules do not fit.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// A path in a rule cannot be watched.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// No inode can be marked at all.
    #[error("cannot watch files: {}", .0.desc())]
    Inotify(Errno),
    /// More paths of rules lead to one inode than it can carry.
    #[error("too many rules watch the file {} by different names", String::from_utf8_lossy(.0))]
    Crowded(Vec<u8>),
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
    /// Ends of syscalls that were not judged, because too many preempted each other on one CPU.
    pub lost_nested: u64,
    /// Runs of a program that the kernel skipped, because the program was already running on that CPU.
    pub missed: u64,
    /// Facts that could not be read from user memory (the event was recorded without them).
    pub unread: u64,
    /// Per-task state that could not be had (the event lacks what it would have held).
    pub no_state: u64,
    /// Names for which there was no room (the event was recorded without them).
    pub cut: u64,
    /// Watches that have come to an inode that had no room for them (they match nothing there).
    pub adrift: u64,
}

impl Counters {
    /// All that was lost.
    pub const fn lost(&self) -> u64 {
        self.lost_ring + self.lost_size + self.lost_arguments + self.lost_nested
    }
}

/// How the engine is to start.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Size of the ring, bytes; rounded up to a power of two of pages.
    pub ring_bytes: u32,
    /// Whether BPF trampolines may be used.
    pub trampolines: bool,
    /// Whether every program is loaded to find out what the kernel offers. Otherwise a function that the kernel's BTF has is taken
    /// for one that can be hooked, until a rule needs it: loading all takes the verifier long.
    pub thorough: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { ring_bytes: RING_BYTES, trampolines: true, thorough: false }
    }
}

/// The loaded object, its attachments, and which generation is live.
pub struct Engine {
    ebpf: Ebpf,
    legacy: bool,
    /// Whether trampolines must not be used, or cannot be.
    masked: bool,
    /// Which way each hook can be attached here.
    ways: Ways,
    /// How many of a hook's ways turned out not to be attachable.
    refused: BTreeMap<Hook, usize>,
    attachments: Attachments,
    /// Kept until the first rules are in force; read again if a program is to be loaded later.
    btf: Option<Btf>,
    config: abi::Config,
    index: Vec<Vec<abi::Entry>>,
    exes: Vec<Vec<u8>>,
    switched: Option<Instant>,
    generations: Arc<Generations>,
    services: Services,
    watches: Watches,
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

/// Which way each hook can be attached.
type Ways = BTreeMap<Hook, &'static [Place]>;

/// The object that this kernel takes, and whether it is the legacy one. Whether a kernel takes it is seen by the largest program,
/// which is loaded then.
fn load_object(
    btf: &Btf,
    options: Options,
    variables: &Variables,
    trampoline: &mut Result<(), String>,
) -> Result<(Ebpf, bool), EngineError> {
    let mut load = |object: &[u8]| {
        let mut ebpf = program::load_maps(btf, options.ring_bytes, object, variables)?;
        if options.trampolines {
            *trampoline = program::load(&mut ebpf, btf, &TRAMPOLINE_PROBE).map_err(|error| brief(&error));
        }
        if trampoline.is_ok() {
            program::load_judge(&mut ebpf, btf, &FEXIT)?;
        } else {
            load_hook(&mut ebpf, btf, Hook::SyscallExit.info().ways, false)?;
        }
        Ok::<_, EngineError>(ebpf)
    };
    match load(kern::OBJECT) {
        Ok(ebpf) => Ok((ebpf, false)),
        Err(error) => {
            log::debug!("this kernel refuses the eBPF object: {}", brief(&error));
            let mut ebpf = load(kern::LEGACY_OBJECT)?;
            load_hook(&mut ebpf, btf, FORGET.info().ways, false)?;
            Ok((ebpf, true))
        }
    }
}

/// Loads a hook's programs for the first of its `ways` that can be had. The error is that of the first.
fn load_hook(
    ebpf: &mut Ebpf,
    btf: &Btf,
    ways: &[&'static [Place]],
    trampolines: bool,
) -> Result<&'static [Place], EngineError> {
    let mut first = None;
    for &way in ways {
        let by_trampoline = |place: &Place| matches!(place.kind, HookKind::Fentry | HookKind::Fexit);
        if !trampolines && way.iter().any(by_trampoline) {
            continue;
        }
        match way.iter().try_for_each(|place| program::probe(ebpf, btf, place)) {
            Ok(()) => return Ok(way),
            Err(error) => drop(first.get_or_insert(error)),
        }
    }
    Err(first.unwrap_or(EngineError::NoTrampolines))
}

/// The first of a hook's ways whose functions the kernel has (`None`: no trampolines); tracepoints have small programs, which
/// are loaded.
fn promising(
    ebpf: &mut Ebpf,
    btf: &Btf,
    hook: Hook,
    functions: Option<&HashSet<String>>,
) -> Result<&'static [Place], EngineError> {
    let mut place_is_there = |place: &Place| match place.kind {
        HookKind::Fentry | HookKind::Fexit => {
            functions.is_some_and(|functions| functions.contains(place.target))
        }
        HookKind::BtfTracepoint | HookKind::Kprobe | HookKind::Kretprobe => {
            program::probe(ebpf, btf, place).is_ok()
        }
    };
    let way = hook.info().ways.iter().find(|way| way.iter().all(&mut place_is_there));
    way.copied().ok_or(EngineError::Absent)
}

/// A way for a person who reads what the kernel offers.
fn way_name(way: &[Place]) -> String {
    let names: Vec<String> =
        way.iter().map(|place| format!("{} {}", place.kind.word(), place.target)).collect();
    names.join(", ")
}

/// The judge that a stub goes on into.
fn judge_of(stub: &Stub) -> &'static Judge {
    match (stub.moment, stub.function.prototype) {
        (Moment::Entry, _) => &FENTRY,
        (Moment::Exit, Prototype::Registers) => &FEXIT,
        (Moment::Exit, Prototype::Unused) => &FEXIT_UNUSED,
    }
}

/// What the kernel says of the functions that carry out syscalls, and which functions of hooks it has.
fn kernel_functions() -> (Kernel, HashSet<String>) {
    let wanted: HashSet<String> = syscall_function::symbols(&ARCHES).collect();
    let hooked = HOOKS.iter().flat_map(|info| info.ways.iter().copied().flatten()).map(|place| place.target);
    let bytes = fs::read(BTF).unwrap_or_default();
    let declared = btf::functions(&bytes, &wanted).unwrap_or_default();
    let mut hooked = btf::single(&bytes, &hooked.collect()).unwrap_or_default();
    // of those that stand there twice one is a declaration of the same
    hooked.extend(declared.keys().cloned());
    let list = File::open("/proc/kallsyms");
    let addresses =
        list.and_then(|list| kallsyms::addresses(BufReader::with_capacity(1 << 16, list), &wanted));
    (Kernel { declared, addresses: addresses.unwrap_or_default() }, hooked)
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
    /// Finds out what this kernel offers, by loading every program. Nothing is attached and nothing stays.
    pub fn probe(options: &Options) -> Offer {
        Self::start(&Options { ring_bytes: SMALLEST_RING, thorough: true, ..*options }).0
    }

    /// Says what this kernel offers; the engine, if it is enough to serve rules. Nothing is attached, and few programs are loaded,
    /// until [`apply`](Self::apply) needs them. Of those that judge one is loaded now: the others have the same body.
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
        // beside the verifier's work, which takes as long
        let functions = options.trampolines.then(|| thread::spawn(kernel_functions));
        let btf = Btf::from_sys_fs().map_err(|error| EngineError::Btf(error.to_string()))?;
        offer.trials.push(("kernel BTF".into(), Ok(BTF.into())));
        let variables = Variables::of_this_kernel();
        let mut trampoline = Err("masked off on the command line".to_owned());
        let (mut ebpf, legacy) = load_object(&btf, options, &variables, &mut trampoline)?;
        let state = if legacy { "ring buffer, hash of tasks" } else { "ring buffer, task storage" };
        offer.trials.push(("eBPF object and maps".into(), Ok(state.into())));
        let outcome = trampoline.clone().map(|()| FEXIT.place.program.to_owned());
        offer.trials.push(("BPF trampolines".into(), outcome));
        let (kernel, hooked) = functions.and_then(|thread| thread.join().ok()).unwrap_or_default();
        let mut ways = Ways::new();
        for info in HOOKS.iter().filter(|info| info.hook != FORGET || legacy) {
            let found = match info.hook {
                // the body of the judge that has been loaded
                Hook::SyscallExit => Ok(info.ways[0]),
                Hook::RingOperation if variables.audits_rings && variables.ring_operations == 0 => {
                    Err(EngineError::Hidden)
                }
                _ if options.thorough => load_hook(&mut ebpf, &btf, info.ways, trampoline.is_ok()),
                hook => promising(&mut ebpf, &btf, hook, trampoline.is_ok().then_some(&hooked)),
            };
            let what = way_name(found.as_ref().copied().unwrap_or(info.ways[0]));
            let outcome = found.as_ref().map(|_| info.purpose.to_owned()).map_err(brief);
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
            masked: offer.trampoline.is_err(),
            ways,
            refused: BTreeMap::new(),
            attachments: Attachments::default(),
            btf: Some(btf),
            config: abi::Config { daemon: std::process::id(), ..abi::Config::default() },
            index: vec![vec![abi::Entry::default(); ARCHES.len() * abi::SYSCALLS]; abi::GENERATIONS],
            exes: Vec::new(),
            switched: None,
            generations,
            services: Services::new(offer.modules),
            watches: Watches::new().map_err(EngineError::Inotify)?,
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
        self.watches.resolve(served(rules, plan))?;
        let mut tables = lower(rules, plan, &self.services, &self.watches)?;
        if !plan.judges_everywhere() {
            tables.flags |= abi::CONFIG_STUBS;
        }
        let hooks = plan.hooks().into_iter().map(Target::Hook);
        let mut wanted: BTreeSet<Target> =
            hooks.chain(plan.stubs().iter().cloned().map(Target::Stub)).collect();
        if self.legacy && !wanted.is_empty() {
            wanted.insert(Target::Hook(FORGET));
        }
        if self.ways.contains_key(&Hook::Watch)
            && (tables.exes.len() + tables.watches.len() + tables.trees.len()) > 0
        {
            wanted.insert(Target::Hook(Hook::Watch));
        }
        self.load_programs(&wanted)?;
        self.let_programs_end();
        let slot = self.idle();
        follow::empty(&mut self.ebpf, slot)?;
        self.fill(&tables)?;
        follow::fill(&mut self.ebpf, slot, &tables, &self.watches)?;
        self.attach(&wanted)?;
        follow::settle(&mut self.ebpf, slot, &tables, &self.watches, &self.exes)?;
        self.switch(tables)?;
        self.watches.keep(served(rules, plan));
        self.attachments.keep_only(&wanted);
        self.btf = None;
        Ok(())
    }

    /// Attaches what is not attached yet. Some functions can be named by a program and yet not be hooked (before 6.6 those of more
    /// than six arguments): then the hook's next way is tried.
    fn attach(&mut self, wanted: &BTreeSet<Target>) -> Result<(), EngineError> {
        loop {
            let (ebpf, ways) = (&mut self.ebpf, &self.ways);
            match self.attachments.add(wanted, |target| attach(ebpf, ways, target)) {
                Err(EngineError::Hook { hook, error }) => {
                    let all = hook.info().ways;
                    let tried = all.iter().position(|way| self.ways.get(&hook) == Some(way));
                    let next = tried.map_or(all.len(), |tried| tried + 1);
                    let Some(&way) = all.get(next) else { return Err(EngineError::Hook { hook, error }) };
                    log::debug!("{error}: the hook's next way is tried");
                    self.refused.insert(hook, next);
                    self.ways.insert(hook, way);
                    self.load_programs(wanted)?;
                }
                outcome => return outcome,
            }
        }
    }

    /// The ways of a hook that were not refused when they were to be attached.
    fn ways_left(&self, hook: Hook) -> &'static [&'static [Place]] {
        let refused = self.refused.get(&hook).copied().unwrap_or(0);
        hook.info().ways.get(refused..).unwrap_or_default()
    }

    /// Loads the programs that were not loaded at the start.
    fn load_programs(&mut self, wanted: &BTreeSet<Target>) -> Result<(), EngineError> {
        let mut hooks: Vec<Hook> = Vec::new();
        let mut judges: Vec<&Judge> = Vec::new();
        for target in wanted {
            match target {
                Target::Hook(hook) => hooks.push(*hook),
                Target::Stub(stub) if !judges.contains(&judge_of(stub)) => judges.push(judge_of(stub)),
                Target::Stub(_) => {}
            }
        }
        hooks.retain(|hook| {
            let mut places = self.ways.get(hook).copied().into_iter().flatten();
            places.any(|place| program::descriptor(&self.ebpf, place).is_none())
        });
        judges.retain(|judge| program::descriptor(&self.ebpf, &judge.place).is_none());
        if hooks.is_empty() && judges.is_empty() {
            return Ok(());
        }
        let btf = match self.btf.take() {
            Some(btf) => btf,
            None => Btf::from_sys_fs().map_err(|error| EngineError::Btf(error.to_string()))?,
        };
        for hook in hooks {
            let trampolines = !self.masked;
            let left = self.ways_left(hook);
            match load_hook(&mut self.ebpf, &btf, left, trampolines) {
                Ok(way) => drop(self.ways.insert(hook, way)),
                Err(error) => {
                    self.ways.remove(&hook);
                    return Err(EngineError::Hook { hook, error: Box::new(error) });
                }
            }
        }
        for judge in judges {
            program::load_judge(&mut self.ebpf, &btf, judge)?;
        }
        self.btf = Some(btf);
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
        self.attachments.hooks()
    }

    /// The files that `exe=` rules name. They are looked up again by [`refresh_exes`](Self::refresh_exes).
    pub fn exes(&self) -> &[Vec<u8>] {
        &self.exes
    }

    /// Looks the files of `exe=` rules up again, for one may have been replaced where no program follows them.
    pub fn refresh_exes(&mut self) -> Result<(), EngineError> {
        if self.ways.contains_key(&Hook::Watch) {
            return Ok(());
        }
        let slot = self.live();
        follow::refresh(&mut self.ebpf, slot, &self.exes, &self.watches)
    }

    /// The resolved paths of the rules in force.
    pub fn watches(&self) -> &Watches {
        &self.watches
    }

    /// Lets go of all resolved paths but those of `kept` rules: a rule that was deleted and added again has its paths resolved anew.
    pub fn release<'a>(&mut self, kept: impl Iterator<Item = &'a Rule>) {
        self.watches.release(kept);
    }

    /// The paths of rules that have lost the directory or tree they stood for since the last time, each with who did it, if the
    /// programs saw that. They match nothing any more; their rules are to be taken out.
    pub fn lost(&mut self) -> Result<Vec<(Lost, Option<abi::End>)>, EngineError> {
        let lost = self.watches.lost().map_err(EngineError::Inotify)?;
        let mut ends: HashMap<Inode, Option<abi::End>> = HashMap::new();
        let mut told = Vec::with_capacity(lost.len());
        for lost in lost {
            // several paths may have stood on one inode
            let by = match ends.entry(lost.inode) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => *new.insert(follow::ended_by(&mut self.ebpf, lost.inode)?),
            };
            told.push((lost, by));
        }
        Ok(told)
    }

    /// What has to be done from time to time for the marks on watched directories.
    pub fn tidy(&self) -> Result<(), EngineError> {
        self.watches.tidy().map_err(EngineError::Inotify)
    }

    /// Slot of the live generation's tables.
    const fn live(&self) -> u32 {
        self.config.generation % abi::GENERATIONS as u32
    }

    /// Slot of the tables that are filled next.
    const fn idle(&self) -> u32 {
        self.config.generation.wrapping_add(1) % abi::GENERATIONS as u32
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
            sum.lost_nested += cpu.lost[abi::Loss::Nested as usize];
            sum.unread += cpu.unread;
            sum.no_state += cpu.no_state;
            sum.cut += cpu.cut;
            sum.adrift += cpu.adrift;
        }
        let places = self.ways.values().copied().flatten();
        let programs = places.filter_map(|place| program::descriptor(&self.ebpf, place));
        sum.missed = programs.filter_map(stub::misses).sum::<u64>() + self.attachments.misses();
        Ok(sum)
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
        let mut sets: Array<_, SetValue> = array(&mut self.ebpf, "ea_sets")?;
        for (at, &set) in tables.sets.iter().enumerate() {
            sets.set((slot * abi::SETS + at) as u32, SetValue(set), 0)
                .map_err(map_error("write", "ea_sets"))?;
        }
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

    /// The one write that makes the idle generation the live one.
    fn switch(&mut self, tables: Tables) -> Result<(), EngineError> {
        let before = self.config;
        let next = before.generation.wrapping_add(1);
        let slot = next as usize % abi::GENERATIONS;
        self.config.flags[slot] = tables.flags;
        self.config.task_first[slot] = tables.task_first;
        self.config.exclude_first[slot] = tables.exclude_first;
        self.config.ring[slot] = tables.ring;
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

/// The rules whose paths the programs must know: those planned for them, and those that drop records of theirs.
fn served<'a>(rules: &'a [Rule], plan: &'a Plan) -> impl Iterator<Item = &'a Rule> {
    rules.iter().zip(plan.assignments()).filter_map(|(rule, assignment)| {
        let ours = matches!(assignment.engine, EngineKind::Tracepoint | EngineKind::Trampoline)
            || rule.list() == List::Exclude;
        ours.then_some(rule)
    })
}

/// Attaches a hook or a stub whose programs are loaded.
fn attach(ebpf: &mut Ebpf, ways: &Ways, target: &Target) -> Result<Attached, EngineError> {
    match target {
        Target::Hook(hook) => {
            let way = ways.get(hook).copied().unwrap_or_default();
            let links: Result<_, _> = way.iter().map(|place| program::attach(ebpf, place)).collect();
            links
                .map(Attached::hook)
                .map_err(|error| EngineError::Hook { hook: *hook, error: Box::new(error) })
        }
        Target::Stub(stub) => {
            let judges = program::judges(ebpf, judge_of(stub))?;
            let failed = |error| EngineError::Stub { function: stub.function.clone(), error };
            let program = stub::load(stub.function.id, stub.moment, judges).map_err(failed)?;
            let link = stub::attach(program.as_fd()).map_err(failed)?;
            Ok(Attached::stub(link, program))
        }
    }
}
