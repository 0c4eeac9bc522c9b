//! Twins: a second program right after each, which goes on into the first where the kernel has skipped that (`kern/bpf/twin.h` says
//! why it does, and how the two tell).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use aya::Ebpf;
use aya::maps::Map;
use aya_obj::generated::{
    BPF_LOCAL_STORAGE_GET_F_CREATE, bpf_attach_type, bpf_attr, bpf_cmd, bpf_func_id, bpf_insn, bpf_map_type,
};
use kern::abi;
use kern::hooks::HookKind;

use super::bpf::{
    self, CALL, COPY, EXIT, JUMP_IF, LOAD_MAP, MOVE, PSEUDO_MAP_FD, Purpose, READ_WORD, WRITE_WORD,
    instruction,
};
use super::error::{EngineError, map_error};
use super::program::Link;
use super::shelf::Shelf;
use super::stub;
use crate::release::{self, Release};

/// Where they leave word.
const WORDS: &str = "ea_twins";

/// Whether programs have twins: where the kernel preempts what runs in it and `protects` what runs within a program from that. Before
/// 7.0 a second program at a function costs the kernel a tenth of a second, and tracepoints are not preempted.
pub(super) fn are_needed(protects: bool) -> bool {
    protects && release::may_preempt() && Release::running() >= Release(7, 0)
}

/// What twins are made of.
pub(super) struct Twins {
    words: OwnedFd,
}

impl Twins {
    /// For the programs of an object that is loaded.
    pub(super) fn new(ebpf: &Ebpf) -> Result<Self, EngineError> {
        // task storage, of which aya knows no more
        let Some(Map::Unsupported(map)) = ebpf.map(WORDS) else { return Err(EngineError::no_map(WORDS)) };
        let words = map.fd().as_fd().try_clone_to_owned();
        words.map(|words| Self { words }).map_err(|error| map_error("open", WORDS)(error.into()))
    }
}

/// "If the first program has left word for this task, take it away; else leave word and go on into that program."
fn instructions(words: BorrowedFd<'_>, first: BorrowedFd<'_>) -> [bpf_insn; 23] {
    [
        instruction(COPY, 6, 1, 0, 0),
        instruction(CALL, 0, 0, 0, bpf_func_id::BPF_FUNC_get_current_task_btf as i32),
        instruction(COPY, 2, 0, 0, 0),
        instruction(LOAD_MAP, 1, PSEUDO_MAP_FD, 0, words.as_raw_fd()),
        instruction(0, 0, 0, 0, 0),
        instruction(MOVE, 3, 0, 0, 0),
        // what a task's very first program would have made, had it not been skipped
        instruction(MOVE, 4, 0, 0, BPF_LOCAL_STORAGE_GET_F_CREATE as i32),
        instruction(CALL, 0, 0, 0, bpf_func_id::BPF_FUNC_task_storage_get as i32),
        instruction(JUMP_IF, 0, 0, 12, 0),
        instruction(COPY, 7, 0, 0, 0),
        instruction(READ_WORD, 1, 7, 0, 0),
        instruction(JUMP_IF, 1, 0, 7, abi::TWIN_RAN),
        instruction(MOVE, 1, 0, 0, abi::TWIN_ASKED),
        instruction(WRITE_WORD, 7, 1, 0, 0),
        instruction(COPY, 1, 6, 0, 0),
        instruction(LOAD_MAP, 2, PSEUDO_MAP_FD, 0, first.as_raw_fd()),
        instruction(0, 0, 0, 0, 0),
        instruction(MOVE, 3, 0, 0, 0),
        // comes back only where the first program is not attached yet, or not any more
        instruction(CALL, 0, 0, 0, bpf_func_id::BPF_FUNC_tail_call as i32),
        instruction(MOVE, 1, 0, 0, 0),
        instruction(WRITE_WORD, 7, 1, 0, 0),
        instruction(MOVE, 0, 0, 0, 0),
        instruction(EXIT, 0, 0, 0, 0),
    ]
}

/// An array of one program, and none in it.
fn array() -> io::Result<OwnedFd> {
    let mut attributes = bpf::attributes();
    // SAFETY: every field of the union is plain integers; this is the one that the command reads.
    let create = unsafe { &mut attributes.__bindgen_anon_1 };
    create.map_type = bpf_map_type::BPF_MAP_TYPE_PROG_ARRAY as u32;
    create.key_size = size_of::<u32>() as u32;
    create.value_size = size_of::<u32>() as u32;
    create.max_entries = 1;
    // SAFETY: plain numbers; the command makes a descriptor.
    unsafe { bpf::descriptor(bpf_cmd::BPF_MAP_CREATE, &mut attributes) }
}

/// The attributes of a command on the one element of an array.
fn element(array: BorrowedFd<'_>, key: &u32) -> bpf_attr {
    let mut attributes = bpf::attributes();
    // SAFETY: every field of the union is plain integers; this is the one that the commands read.
    let element = unsafe { &mut attributes.__bindgen_anon_2 };
    element.map_fd = array.as_raw_fd() as u32;
    element.key = std::ptr::from_ref(key) as u64;
    attributes
}

fn put(array: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    let (key, value) = (0_u32, program.as_raw_fd());
    let mut attributes = element(array, &key);
    attributes.__bindgen_anon_2.__bindgen_anon_1.value = std::ptr::from_ref(&value) as u64;
    // SAFETY: key and value are as large as the array's, are only read, and outlive the call.
    unsafe { bpf::call(bpf_cmd::BPF_MAP_UPDATE_ELEM, &mut attributes) }.map(drop)
}

/// At once; the kernel empties an array whose last descriptor is closed some time later.
fn take_out(array: BorrowedFd<'_>) -> io::Result<()> {
    let key = 0_u32;
    let mut attributes = element(array, &key);
    // SAFETY: the key is as large as the array's, is only read, and outlives the call.
    unsafe { bpf::call(bpf_cmd::BPF_MAP_DELETE_ELEM, &mut attributes) }.map(drop)
}

/// A program that hangs, with its twin if it has one.
pub(super) struct Hanging {
    program: OwnedFd,
    /// How often the kernel had skipped it by then.
    before: u64,
    /// Where the twin finds it: a twin does nothing without this.
    array: Option<OwnedFd>,
    /// What keeps the two attached.
    links: Vec<Link>,
}

impl Hanging {
    /// How often the kernel has skipped the program since its twin has found it, or since it hangs if it has none. Twins' are not
    /// among them: the first program has run then.
    pub(super) fn skipped(&self) -> u64 {
        let all = stub::misses(self.program.as_fd());
        all.map_or(0, |all| all.saturating_sub(self.before))
    }

    /// Takes the program away from its twin, which would find no word where the program is off already.
    pub(super) fn part(&mut self) {
        if let Some(array) = self.array.take()
            && let Err(error) = take_out(array.as_fd())
        {
            log::debug!("a program stays with its twin: {error}");
        }
    }

    /// Takes both off. When this returns they do not run any more.
    pub(super) fn take_off(mut self) {
        self.part();
        self.links.into_iter().for_each(Link::take_off);
    }
}

/// Hangs a program on what it was loaded for, and after it its twin, if it is to have one.
pub(super) fn attach(
    program: OwnedFd,
    kind: HookKind,
    twins: Option<&Twins>,
    shelf: Option<&Arc<Shelf>>,
) -> io::Result<Hanging> {
    let link = |program: BorrowedFd<'_>| stub::attach(program).map(|link| Link::new(link, shelf));
    let misses = || stub::misses(program.as_fd()).unwrap_or_default();
    let Some(twins) = twins else {
        let before = misses();
        let links = vec![link(program.as_fd())?];
        return Ok(Hanging { program, before, array: None, links });
    };
    let moment = match kind {
        HookKind::BtfTracepoint => bpf_attach_type::BPF_TRACE_RAW_TP,
        HookKind::Fentry | HookKind::Stub | HookKind::Hold => bpf_attach_type::BPF_TRACE_FENTRY,
        HookKind::Fexit => bpf_attach_type::BPF_TRACE_FEXIT,
    };
    let array = array()?;
    let purpose = Purpose::Tracing { moment, function: stub::function(program.as_fd())? };
    let twin = bpf::load(purpose, b"ea_twin", &instructions(twins.words.as_fd(), array.as_fd()))?;
    // A trampoline calls first what came last (`__bpf_trampoline_link_prog`), a tracepoint what came first (`func_add`).
    let links = if kind.is_trampoline() {
        let twin = link(twin.as_fd())?;
        vec![link(program.as_fd())?, twin]
    } else {
        vec![link(program.as_fd())?, link(twin.as_fd())?]
    };
    // What was skipped until now nobody could make up for, and no rule needs. Rather one too many than one too few.
    let before = misses();
    // Not before: the twin alone would find no word.
    put(array.as_fd(), program.as_fd())?;
    Ok(Hanging { program, before, array: Some(array), links })
}
