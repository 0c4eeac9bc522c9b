//! The eBPF engine: the only place that knows aya. It probes by loading, attaches the hooks that a plan needs, fills the
//! idle tables and switches to them with one write.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use audit_rules::{List, Rule};
use aya::maps::{MapData, RingBuf};
use aya::{Btf, Ebpf};
use kern::abi;
use kern::hooks::{FENTRY, FEXIT, FEXIT_OPEN, FEXIT_UNUSED, FORGET, Hook, Judge};

use crate::context::Contexts;
use crate::decode::Decoder;
use crate::family::{ARCHES, Services};
use crate::lower::lower;
use crate::plan::{EngineKind, Offer, Plan};
use crate::syscall_function::{Moment, Prototype, Stub};
use crate::watch::{Inode, Lost, Watches};

/// Says that a test has nothing to test here, past the test harness, which keeps what a passing test prints to itself.
#[cfg(test)]
macro_rules! skipped {
    ($($words:tt)*) => {
        let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("skipped: {}\n", format_args!($($words)*)));
    };
}

mod attachments;
mod batch;
mod bpf;
mod btf;
mod context;
mod counters;
mod error;
mod excerpt;
mod follow;
mod generation;
mod hanging;
mod hold;
mod image;
mod kallsyms;
mod kernel_types;
mod lookup;
mod mark;
mod offer;
mod program;
mod role;
mod shelf;
mod source;
mod stub;
mod symbol;
mod tables;
mod takeover;
mod tally;
mod twin;
mod value;

use attachments::{Attached, Attachments, Target};
pub use counters::Counters;
pub use error::EngineError;
use error::map_error;
pub use generation::{Generation, Generations};
use hanging::Loading;
pub use hold::Request;
use offer::Ways;
use shelf::Shelf;
pub use source::RingSource;
use tables::array;
use takeover::Takeover;
pub use tally::RuleTally;
use tally::Tallies;
use twin::Twins;

/// Least time between two switches of generations, a thousand times what a program needs: the tables that are filled next may have
/// been in use until the last switch.
const GRACE: Duration = Duration::from_millis(5);
/// Default size of the ring, bytes: at 200 000 events a second of 400 bytes each, 50 ms of a consumer that stands still.
pub const RING_BYTES: u32 = 4 << 20;

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
    attachments: Attachments,
    /// Where links are kept, if the kernel has such a thing.
    shelf: Option<Arc<Shelf>>,
    /// For programs that have twins.
    twins: Option<Arc<Twins>>,
    /// Stubs that are being attached.
    takeover: Option<Takeover>,
    /// Kept until the first rules are in force and their stubs have what they go on into; read again if a program is to be loaded later.
    btf: Option<Btf>,
    config: abi::Config,
    index: Vec<Vec<abi::Entry>>,
    exes: Vec<Vec<u8>>,
    switched: Option<Instant>,
    /// Whether a generation's tables of what is followed may have something in them.
    followed: [bool; abi::GENERATIONS],
    generations: Arc<Generations>,
    services: &'static Services,
    watches: Watches,
    tallies: Tallies,
    /// Rules that other programs are about to put into the kernel.
    requests: RingBuf<MapData>,
    /// Whether they wait for us.
    holds: bool,
}

/// The judge that a stub goes on into.
fn judge_of(stub: &Stub) -> &'static Judge {
    match (stub.moment, stub.function.prototype) {
        (Moment::Entry, _) => &FENTRY,
        (Moment::Exit, Prototype::Registers) if stub.function.is_open() => &FEXIT_OPEN,
        (Moment::Exit, Prototype::Registers) => &FEXIT,
        (Moment::Exit, Prototype::Unused) => &FEXIT_UNUSED,
    }
}

impl Engine {
    fn new(
        mut ebpf: Ebpf,
        legacy: bool,
        offer: &Offer,
        ways: Ways,
        btf: Btf,
        ring: RingBuf<MapData>,
        contexts: Contexts,
    ) -> Result<(Self, RingSource), EngineError> {
        let requests = ebpf.take_map(hold::REQUESTS).ok_or_else(|| EngineError::no_map(hold::REQUESTS))?;
        let requests = RingBuf::try_from(requests).map_err(map_error("open", hold::REQUESTS))?;
        let generations = Arc::new(Generations::default());
        let source = RingSource { ring, decoder: Decoder::new(Arc::clone(&generations), contexts) };
        let shelf = Shelf::new().inspect_err(|error| log::debug!("links keep their descriptors: {error}"));
        let engine = Self {
            ebpf,
            legacy,
            masked: offer.trampoline.is_err(),
            ways,
            attachments: Attachments::default(),
            shelf: shelf.ok().map(Arc::new),
            twins: None,
            takeover: None,
            btf: Some(btf),
            config: abi::Config { daemon: std::process::id(), ..abi::Config::default() },
            index: vec![vec![abi::Entry::default(); ARCHES.len() * abi::SYSCALLS]; abi::GENERATIONS],
            exes: Vec::new(),
            switched: None,
            followed: [false; abi::GENERATIONS],
            generations,
            services: Services::of(offer.modules),
            watches: Watches::new().map_err(EngineError::Inotify)?,
            tallies: Tallies::default(),
            requests,
            holds: false,
        };
        Ok((engine, source))
    }

    /// Waits until no program can still be at work with the tables that are filled next: a run takes microseconds. One that is
    /// preempted (`preempt.h` says where) may take longer.
    fn let_programs_end(&self) {
        if let Some(left) = self.switched.and_then(|at| GRACE.checked_sub(at.elapsed())) {
            thread::sleep(left);
        }
    }

    /// Makes the filter that `plan` gives to this engine the live one. On an error the old filter stays as it was.
    pub fn apply(&mut self, rules: &[Rule], plan: &Plan) -> Result<(), EngineError> {
        self.watches.resolve(served(rules, plan))?;
        let mut tables = lower(rules, plan, self.services, &self.watches)?;
        self.interrupt();
        let hooks = plan.hooks().into_iter().map(Target::Hook);
        let mut wanted: BTreeSet<Target> =
            hooks.chain(plan.stubs().keys().cloned().map(Target::Stub)).collect();
        if self.legacy && !wanted.is_empty() {
            wanted.insert(Target::Hook(FORGET));
        }
        if self.ways.contains_key(&Hook::Watch) && tables.are_followed() {
            wanted.insert(Target::Hook(Hook::Watch));
        }
        if self.holds && self.ways.contains_key(&Hook::Request) {
            wanted.insert(Target::Hook(Hook::Request));
        }
        let mut later = Vec::new();
        if !plan.judges_everywhere() {
            tables.flags |= abi::CONFIG_STUBS;
            later = self.put_off(&mut wanted);
            if !later.is_empty() {
                tables.flags |= abi::CONFIG_TAKEOVER;
                // in the midst of another takeover all stubs leave marks already
                if self.config.flags[self.live() as usize] & abi::CONFIG_TAKEOVER == 0 {
                    let there = plan.stubs().iter().filter(|(stub, _)| !later.contains(stub));
                    tables.leave_to_stubs(there.flat_map(|(_, nodes)| nodes).copied());
                }
            }
        }
        self.let_programs_end();
        let slot = self.idle();
        self.tallies.retire(&self.ebpf, slot as usize)?;
        if self.followed[slot as usize] {
            follow::empty(&mut self.ebpf, slot)?;
        }
        self.followed[slot as usize] = tables.are_followed();
        role::fill(&mut self.ebpf, slot, &tables.roles)?;
        self.fill(&tables)?;
        follow::fill(&mut self.ebpf, slot, &tables, &self.watches)?;
        self.attach(&wanted)?;
        follow::settle(&mut self.ebpf, slot, &tables, &self.watches, &self.exes)?;
        let known = self.tallies.known(&self.ebpf, rules, plan.scopes())?;
        self.switch(tables)?;
        // the programs that stubs go on into are loaded by it
        if later.is_empty() {
            self.btf = None;
        }
        self.takeover = (!later.is_empty()).then_some(Takeover::Waiting(later));
        self.tallies.begin(slot as usize, rules, known);
        self.watches.keep(served(rules, plan));
        self.attachments.keep_only(&wanted);
        Ok(())
    }

    /// Attaches what is not attached, after loading the programs that were not needed before.
    fn attach(&mut self, wanted: &BTreeSet<Target>) -> Result<(), EngineError> {
        let Self { attachments, .. } = self;
        let mut attachments = std::mem::take(attachments);
        let result = attachments.add(wanted, |new| self.attach_new(new));
        self.attachments = attachments;
        result
    }

    fn attach_new(&mut self, new: Vec<Target>) -> Vec<(Target, Result<Attached, EngineError>)> {
        let (mut hooks, mut stubs) = (Vec::new(), Vec::new());
        for target in new {
            match target {
                Target::Hook(hook) => hooks.push(hook),
                Target::Stub(stub) => stubs.push(stub),
            }
        }
        let mut places = hooks.iter().flat_map(|hook| self.ways.get(hook).copied().into_iter().flatten());
        // Old kernels want a program that was attached before to be loaded again.
        let loaded = !self.legacy
            && places.all(|place| {
                // what is made is loaded for each time
                !place.kind.is_made() && program::descriptor(&self.ebpf, place).is_some()
            });
        let ready = if loaded { Ok(()) } else { self.need_btf() };
        let ready = ready.and_then(|()| self.load_judges(stubs.iter()));
        if let Err(error) = ready {
            let first = hooks.first().map(|&hook| Target::Hook(hook));
            return first
                .or_else(|| stubs.pop().map(Target::Stub))
                .map(|first| (first, Err(error)))
                .into_iter()
                .collect();
        }
        let btf = self.btf.as_ref().filter(|_| !loaded);
        let mut done = Vec::with_capacity(hooks.len() + stubs.len());
        let twins = self.twins.as_deref();
        let loading = Loading { btf, trampolines: !self.masked, shelf: self.shelf.as_ref(), twins };
        for (hook, hung) in hanging::hang(&mut self.ebpf, loading, &hooks) {
            let attached = match hung {
                Ok((way, attached)) => {
                    self.ways.insert(hook, way);
                    Ok(attached)
                }
                Err(error) => {
                    self.ways.remove(&hook);
                    Err(EngineError::Hook { hook, error: Box::new(error) })
                }
            };
            done.push((Target::Hook(hook), attached));
        }
        for stub in stubs {
            let attached = program::judges(&self.ebpf, judge_of(&stub)).and_then(|judges| {
                takeover::attach(&stub, &judges, self.shelf.as_ref(), self.twins.as_deref())
                    .map_err(|error| EngineError::Stub { function: stub.function.clone(), error })
            });
            done.push((Target::Stub(stub), attached));
        }
        done
    }

    fn need_btf(&mut self) -> Result<(), EngineError> {
        if self.btf.is_none() {
            self.btf = Some(kernel_types::places_in_kernel()?);
        }
        Ok(())
    }

    /// The judges of stubs that are not loaded, each after the one that it goes on into.
    fn missing_judges<'a>(&self, stubs: impl Iterator<Item = &'a Stub>) -> Vec<&'static Judge> {
        let mut judges = Vec::new();
        for judge in stubs.map(judge_of).flat_map(|judge| judge.behind.into_iter().chain([judge])) {
            if !judges.contains(&judge) && program::descriptor(&self.ebpf, &judge.place).is_none() {
                judges.push(judge);
            }
        }
        judges
    }

    /// Loads the judges of stubs that are not loaded.
    fn load_judges<'a>(&mut self, stubs: impl Iterator<Item = &'a Stub>) -> Result<(), EngineError> {
        for judge in self.missing_judges(stubs) {
            self.need_btf()?;
            if let Some(btf) = &self.btf {
                program::load_judge(&mut self.ebpf, btf, judge)?;
            }
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
}

/// The rules whose paths the programs must know: those planned for them, and those that drop records of theirs.
fn served<'a>(rules: &'a [Rule], plan: &'a Plan) -> impl Iterator<Item = &'a Rule> {
    rules.iter().zip(plan.assignments()).filter_map(|(rule, assignment)| {
        let ours = matches!(assignment.engine, EngineKind::Tracepoint | EngineKind::Trampoline)
            || rule.list() == List::Exclude;
        ours.then_some(rule)
    })
}
