//! What the kernel says of itself, read once: its types, the functions that carry out syscalls, where they are.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::BufReader;

use aya::{Btf, Endianness};
use kern::hooks::{HOOKS, HookKind, JUDGES, OBJECT_PROBE, Place, TRAMPOLINE_PROBE};

use super::error::EngineError;
use super::symbol::{self, Variables};
use super::{btf, excerpt, image, kallsyms};
use crate::family::ARCHES;
use crate::syscall_function::{self, Kernel};

/// Where the kernel describes its types.
pub(super) const PATH: &str = "/sys/kernel/btf/vmlinux";

/// What there is to know before anything is loaded.
pub(super) struct KernelTypes {
    /// What the programs need of the kernel's BTF.
    pub(super) btf: Btf,
    /// The functions of syscalls.
    pub(super) kernel: Kernel,
    /// The functions that hooks hang on, as far as there is one of the name.
    pub(super) hooked: HashSet<String>,
    /// Addresses of variables that programs read.
    pub(super) variables: Variables,
}

/// Everything that can hang somewhere.
fn places() -> impl Iterator<Item = &'static Place> {
    let hooks = HOOKS.iter().flat_map(|info| info.ways.iter().copied().flatten());
    hooks.chain(JUDGES.iter().map(|judge| &judge.place)).chain([&TRAMPOLINE_PROBE, &OBJECT_PROBE])
}

fn bad(problem: &str) -> EngineError {
    EngineError::Btf(problem.to_owned())
}

/// The excerpt of the kernel's BTF that programs are loaded with.
fn part(bytes: &[u8]) -> Result<Btf, EngineError> {
    let mut types = HashSet::new();
    for object in [kern::OBJECT, kern::LEGACY_OBJECT] {
        let section = image::section(object, b".BTF").ok_or_else(|| bad("our own objects have none"))?;
        types.extend(excerpt::type_names(section).ok_or_else(|| bad("our own objects' is damaged"))?);
    }
    // a tracepoint with typed arguments is known by a type
    let tracepoints: Vec<String> = places()
        .filter(|place| place.kind == HookKind::BtfTracepoint)
        .map(|place| format!("btf_trace_{}", place.target))
        .collect();
    types.extend(tracepoints.iter().map(String::as_str));
    let functions = places().map(|place| place.target).collect();
    let bytes = excerpt::excerpt(bytes, &types, &functions).ok_or_else(|| bad("it is of an unknown kind"))?;
    Btf::parse(&bytes, Endianness::default()).map_err(|error| EngineError::Btf(error.to_string()))
}

fn read() -> Result<Vec<u8>, EngineError> {
    fs::read(PATH).map_err(|error| EngineError::Btf(error.to_string()))
}

/// The excerpt of the kernel's BTF alone.
pub(super) fn excerpt_of_kernel() -> Result<Btf, EngineError> {
    part(&read()?)
}

impl KernelTypes {
    /// Reads all of it.
    pub(super) fn read() -> Result<Self, EngineError> {
        let bytes = read()?;
        let syscalls: HashSet<String> = syscall_function::symbols(&ARCHES).collect();
        let targets = places().map(|place| place.target).collect();
        let mut wanted = syscalls.clone();
        wanted.extend(symbol::wanted().map(str::to_owned));
        let list = File::open("/proc/kallsyms");
        let addresses =
            list.and_then(|list| kallsyms::addresses(BufReader::with_capacity(1 << 16, list), &wanted));
        let mut addresses: HashMap<String, u64> = addresses.unwrap_or_default();
        let variables = Variables::of_this_kernel(&addresses);
        addresses.retain(|name, _| syscalls.contains(name));
        let declared = btf::functions(&bytes, &syscalls).unwrap_or_default();
        let mut hooked = btf::single(&bytes, &targets).unwrap_or_default();
        // of those that stand there twice one is a declaration of the same
        hooked.extend(declared.keys().cloned());
        Ok(Self { btf: part(&bytes)?, kernel: Kernel { declared, addresses }, hooked, variables })
    }
}
