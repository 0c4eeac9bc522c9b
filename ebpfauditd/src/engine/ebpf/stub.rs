//! Stubs: the smallest programs, one for each function that carries out a syscall. A stub does nothing but go on into the one
//! large program that judges (a tail call), which so has to be verified and kept only once.
//!
//! aya cannot load a program that is not in an object, nor one program for many functions.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use aya_obj::generated::{bpf_attach_type, bpf_cmd, bpf_func_id, bpf_insn, bpf_prog_info};

use super::bpf::{self, CALL, EXIT, LOAD_MAP, MOVE, PSEUDO_MAP_FD, Purpose, instruction};
use crate::syscall_function::Moment;

/// `bpf_tail_call(ctx, programs, 0); return 0`: the context is in r1 already.
fn instructions(programs: BorrowedFd<'_>) -> [bpf_insn; 6] {
    [
        instruction(LOAD_MAP, 2, PSEUDO_MAP_FD, 0, programs.as_raw_fd()),
        instruction(0, 0, 0, 0, 0),
        instruction(MOVE, 3, 0, 0, 0),
        instruction(CALL, 0, 0, 0, bpf_func_id::BPF_FUNC_tail_call as i32),
        instruction(MOVE, 0, 0, 0, 0),
        instruction(EXIT, 0, 0, 0, 0),
    ]
}

/// Loads a stub for the function with this BTF id that goes on into the first program of `programs`.
pub(super) fn load(function: u32, moment: Moment, programs: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let moment = match moment {
        Moment::Entry => bpf_attach_type::BPF_TRACE_FENTRY,
        Moment::Exit => bpf_attach_type::BPF_TRACE_FEXIT,
    };
    bpf::load(Purpose::Tracing { moment, function }, b"ea_stub", &instructions(programs))
}

/// Hangs a tracing program on what it was loaded for, until the link is closed.
pub(super) fn attach(program: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut attributes = bpf::attributes();
    attributes.raw_tracepoint.prog_fd = program.as_raw_fd() as u32;
    // SAFETY: plain numbers; the command makes a descriptor.
    unsafe { bpf::descriptor(bpf_cmd::BPF_RAW_TRACEPOINT_OPEN, &mut attributes) }
}

/// What the kernel knows of a program, and how many bytes of that it has filled.
fn info(program: BorrowedFd<'_>) -> io::Result<(bpf_prog_info, usize)> {
    // SAFETY: plain integers and arrays of them, for which zeroes are a value.
    let mut info: bpf_prog_info = unsafe { std::mem::zeroed() };
    let mut attributes = bpf::attributes();
    attributes.info.bpf_fd = program.as_raw_fd() as u32;
    attributes.info.info_len = size_of::<bpf_prog_info>() as u32;
    attributes.info.info = std::ptr::from_mut(&mut info) as u64;
    // SAFETY: what the attributes point to is as large as they say, may be written, and outlives the call.
    unsafe { bpf::call(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &mut attributes) }?;
    // SAFETY: the command has this field, and the kernel has written how much of the answer it filled.
    let filled = unsafe { attributes.info.info_len } as usize;
    Ok((info, filled))
}

/// How often the kernel skipped a program because it was already running on that CPU; `None` where the kernel does not say
/// (before 5.12).
pub(super) fn misses(program: BorrowedFd<'_>) -> Option<u64> {
    let (info, filled) = info(program).ok()?;
    (filled >= std::mem::offset_of!(bpf_prog_info, recursion_misses) + size_of::<u64>())
        .then_some(info.recursion_misses)
}

/// The BTF id of what a program was loaded for (6.0 and later).
pub(super) fn function(program: BorrowedFd<'_>) -> io::Result<u32> {
    let (info, filled) = info(program)?;
    if filled < std::mem::offset_of!(bpf_prog_info, attach_btf_id) + size_of::<u32>() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    Ok(info.attach_btf_id)
}
