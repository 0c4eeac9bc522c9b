//! What the kernel says of itself, read once: its types, the functions that carry out syscalls, where they are. What programs are
//! relocated by and what they are attached to are two things, so that the first can be used while the second is still read.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::BufReader;

use aya::{Btf, Endianness};
use kern::abi::FUNCTIONS;
use kern::hooks::{HOOKS, HookKind, JUDGES, OBJECT_PROBE, Place, TRAMPOLINE_PROBE};

use super::btf::Types;
use super::error::EngineError;
use super::symbol::{self, Variables};
use super::{btf, excerpt, image, kallsyms, lookup};
use crate::family::ARCHES;
use crate::syscall_function::{self, Declaration};

/// Where the kernel describes its types.
pub(super) const PATH: &str = "/sys/kernel/btf/vmlinux";

/// What there is to know before anything is loaded.
pub(super) struct KernelTypes {
    /// The types that programs are relocated by.
    pub(super) relocation: Btf,
    /// The ids of the functions that programs call, if the kernel has them.
    pub(super) called: Option<[u32; FUNCTIONS.len()]>,
    /// Addresses of variables that programs read.
    pub(super) variables: Variables,
}

/// What programs can be attached to.
pub(super) struct Places {
    /// All of it, as aya wants it.
    pub(super) btf: Btf,
    /// The functions of syscalls that the kernel declares.
    pub(super) declared: HashMap<String, Declaration>,
    /// The functions and the types of tracepoints that hooks hang on, as far as there is one of the name.
    pub(super) hooked: HashSet<String>,
}

/// Everything that can hang somewhere.
fn places() -> impl Iterator<Item = &'static Place> {
    let hooks = HOOKS.iter().flat_map(|info| info.ways.iter().copied().flatten());
    hooks.chain(JUDGES.iter().map(|judge| &judge.place)).chain([&TRAMPOLINE_PROBE, &OBJECT_PROBE])
}

/// What the kernel's BTF calls a place's function or tracepoint.
pub(super) fn name(place: &Place) -> Cow<'static, str> {
    match place.kind {
        // a tracepoint with typed arguments is known by a type
        HookKind::BtfTracepoint => Cow::Owned(format!("btf_trace_{}", place.target)),
        HookKind::Fentry | HookKind::Fexit | HookKind::Stub | HookKind::Hold => Cow::Borrowed(place.target),
    }
}

fn bad(problem: &str) -> EngineError {
    EngineError::Btf(problem.to_owned())
}

fn parse(excerpt: Option<Vec<u8>>) -> Result<Btf, EngineError> {
    let bytes = excerpt.ok_or_else(|| bad("it is damaged"))?;
    Btf::parse(&bytes, Endianness::default()).map_err(|error| EngineError::Btf(error.to_string()))
}

/// The types that our objects speak of.
fn relocation(types: &Types<'_>) -> Result<Btf, EngineError> {
    let mut names = HashSet::new();
    for object in [kern::OBJECT, kern::LEGACY_OBJECT] {
        let section = image::section(object, b".BTF").ok_or_else(|| bad("our own objects have none"))?;
        names.extend(excerpt::type_names(section).ok_or_else(|| bad("our own objects' is damaged"))?);
    }
    parse(excerpt::of_types(types, &names))
}

/// The kernel's types, as it gives them.
pub(super) fn read() -> Result<Vec<u8>, EngineError> {
    fs::read(PATH).map_err(|error| EngineError::Btf(error.to_string()))
}

/// The same with the place of each.
pub(super) fn types(bytes: &[u8]) -> Result<Types<'_>, EngineError> {
    Types::new(bytes).ok_or_else(|| bad("it is of an unknown kind"))
}

/// What programs are attached to, alone.
pub(super) fn places_in_kernel() -> Result<Btf, EngineError> {
    let names: Vec<_> = places().map(name).collect();
    parse(excerpt::of_names(&types(&read()?)?, &names.iter().map(AsRef::as_ref).collect()))
}

/// Addresses of the symbols that are needed; none where the kernel does not tell.
pub(super) fn addresses() -> HashMap<String, u64> {
    let mut wanted: HashSet<String> = syscall_function::addressed_symbols(&ARCHES).collect();
    wanted.extend(symbol::wanted().map(str::to_owned));
    let addresses = lookup::addresses(&wanted).or_else(|error| {
        log::debug!("the list of symbols is read, for the kernel cannot be asked: {error}");
        let list = File::open("/proc/kallsyms")?;
        kallsyms::addresses(BufReader::with_capacity(1 << 16, list), &wanted)
    });
    addresses.unwrap_or_default()
}

impl KernelTypes {
    /// Of the kernel with these types and these symbols, which are waited for last.
    pub(super) fn new(
        types: &Types<'_>,
        addresses: impl FnOnce() -> HashMap<String, u64>,
    ) -> Result<(Self, HashMap<String, u64>), EngineError> {
        let relocation = relocation(types)?;
        let called = btf::ids(types, FUNCTIONS.map(|function| function.name));
        let addresses = addresses();
        let variables = Variables::of_this_kernel(&addresses);
        Ok((Self { relocation, called, variables }, addresses))
    }
}

impl Places {
    /// Of the kernel with these types.
    pub(super) fn new(types: &Types<'_>) -> Result<Self, EngineError> {
        let names: Vec<_> = places().map(name).collect();
        let names = names.iter().map(AsRef::as_ref).collect();
        let btf = parse(excerpt::of_names(types, &names))?;
        let declared = btf::functions(types, &syscall_function::symbols(&ARCHES).collect());
        let mut hooked = btf::single(types, &names);
        // of those that stand there twice one is a declaration of the same
        hooked.extend(declared.keys().cloned());
        Ok(Self { btf, declared, hooked })
    }
}
