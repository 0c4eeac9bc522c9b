//! Stubs: the smallest programs, one for each function that carries out a syscall. A stub does nothing but go on into the one
//! large program that judges (a tail call), which so has to be verified and kept only once.
//!
//! aya cannot load a program that is not in an object, nor one program for many functions; so bpf(2) is called here.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use aya_obj::generated::{
    bpf_attach_type, bpf_attr, bpf_cmd, bpf_func_id, bpf_insn, bpf_prog_info, bpf_prog_type,
};
use nix::libc;

use crate::syscall_function::Moment;

/// `BPF_LD | BPF_IMM | BPF_DW` with a map's descriptor.
const LOAD_MAP: u8 = 0x18;
const PSEUDO_MAP_FD: u8 = 1;
/// `BPF_ALU64 | BPF_MOV | BPF_K`.
const MOVE: u8 = 0xb7;
/// `BPF_JMP | BPF_CALL`.
const CALL: u8 = 0x85;
/// `BPF_JMP | BPF_EXIT`.
const EXIT: u8 = 0x95;

fn instruction(code: u8, register: u8, source: u8, imm: i32) -> bpf_insn {
    // SAFETY: plain integers and bit fields of them, for which zeroes are a value.
    let mut instruction: bpf_insn = unsafe { std::mem::zeroed() };
    instruction.code = code;
    instruction.set_dst_reg(register);
    instruction.set_src_reg(source);
    instruction.imm = imm;
    instruction
}

/// `bpf_tail_call(ctx, programs, 0); return 0`: the context is in r1 already.
fn instructions(programs: BorrowedFd<'_>) -> [bpf_insn; 6] {
    [
        instruction(LOAD_MAP, 2, PSEUDO_MAP_FD, programs.as_raw_fd()),
        instruction(0, 0, 0, 0),
        instruction(MOVE, 3, 0, 0),
        instruction(CALL, 0, 0, bpf_func_id::BPF_FUNC_tail_call as i32),
        instruction(MOVE, 0, 0, 0),
        instruction(EXIT, 0, 0, 0),
    ]
}

fn zeroed() -> bpf_attr {
    // SAFETY: a union of structs of integers, for which zeroes are a value; the kernel wants zero in what is not used.
    unsafe { std::mem::zeroed() }
}

/// Calls bpf(2) for a command that gives a descriptor.
fn descriptor(command: bpf_cmd, attributes: &bpf_attr) -> io::Result<OwnedFd> {
    // SAFETY: the attributes are as large as is said, and what they point to outlives the call.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<bpf_attr>())
    };
    let fd = i32::try_from(result).map_err(|_| io::ErrorKind::InvalidData)?;
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Loads a stub for the function with this BTF id that goes on into the first program of `programs`.
pub(super) fn load(function: u32, moment: Moment, programs: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let instructions = instructions(programs);
    let mut attributes = zeroed();
    // SAFETY: every field of the union is plain integers; this is the one that the command reads.
    let load = unsafe { &mut attributes.__bindgen_anon_3 };
    load.prog_type = bpf_prog_type::BPF_PROG_TYPE_TRACING as u32;
    load.expected_attach_type = match moment {
        Moment::Entry => bpf_attach_type::BPF_TRACE_FENTRY,
        Moment::Exit => bpf_attach_type::BPF_TRACE_FEXIT,
    } as u32;
    load.insns = instructions.as_ptr() as u64;
    load.insn_cnt = instructions.len() as u32;
    load.license = c"Dual BSD/GPL".as_ptr() as u64;
    for (to, &from) in load.prog_name.iter_mut().zip(b"ea_stub") {
        *to = from as _;
    }
    load.attach_btf_id = function;
    descriptor(bpf_cmd::BPF_PROG_LOAD, &attributes)
}

/// Hangs a tracing program on what it was loaded for, until the link is closed.
pub(super) fn attach(program: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut attributes = zeroed();
    attributes.raw_tracepoint.prog_fd = program.as_raw_fd() as u32;
    descriptor(bpf_cmd::BPF_RAW_TRACEPOINT_OPEN, &attributes)
}

/// How often the kernel skipped a program because it was already running on that CPU; `None` where the kernel does not say
/// (before 5.12).
pub(super) fn misses(program: BorrowedFd<'_>) -> Option<u64> {
    // SAFETY: plain integers and arrays of them, for which zeroes are a value.
    let mut info: bpf_prog_info = unsafe { std::mem::zeroed() };
    let mut attributes = zeroed();
    attributes.info.bpf_fd = program.as_raw_fd() as u32;
    attributes.info.info_len = size_of::<bpf_prog_info>() as u32;
    attributes.info.info = std::ptr::from_mut(&mut info) as u64;
    // SAFETY: the attributes are as large as is said, and so is what they point to, which outlives the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            bpf_cmd::BPF_OBJ_GET_INFO_BY_FD,
            std::ptr::from_mut(&mut attributes),
            size_of::<bpf_attr>(),
        )
    };
    // SAFETY: the command has this field, and the kernel has written how much of the answer it filled.
    let filled = unsafe { attributes.info.info_len } as usize;
    (result == 0 && filled >= std::mem::offset_of!(bpf_prog_info, recursion_misses) + size_of::<u64>())
        .then_some(info.recursion_misses)
}
