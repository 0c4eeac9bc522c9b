//! bpf(2), called where aya has no call for something: programs that are in no object, programs that are run for an answer, many
//! elements of a map at once, names in a BPF filesystem.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use aya_obj::generated::{bpf_attach_type, bpf_attr, bpf_cmd, bpf_insn, bpf_prog_type};
use nix::libc;

/// `BPF_LD | BPF_IMM | BPF_DW` with a map's descriptor; takes two instructions.
pub(super) const LOAD_MAP: u8 = 0x18;
/// Source register of [`LOAD_MAP`].
pub(super) const PSEUDO_MAP_FD: u8 = 1;
/// `BPF_LDX | BPF_MEM | BPF_DW`.
pub(super) const READ: u8 = 0x79;
/// `BPF_STX | BPF_MEM | BPF_DW`.
pub(super) const WRITE: u8 = 0x7b;
/// `BPF_ALU64 | BPF_MOV | BPF_K`.
pub(super) const MOVE: u8 = 0xb7;
/// `BPF_ALU64 | BPF_MOV | BPF_X`.
pub(super) const COPY: u8 = 0xbf;
/// `BPF_ALU64 | BPF_ADD | BPF_K`.
pub(super) const ADD: u8 = 0x07;
/// `BPF_ALU64 | BPF_AND | BPF_K`.
pub(super) const AND: u8 = 0x57;
/// `BPF_ALU64 | BPF_RSH | BPF_K`.
pub(super) const SHIFT_RIGHT: u8 = 0x77;
/// `BPF_LDX | BPF_MEM | BPF_W`.
pub(super) const READ_WORD: u8 = 0x61;
/// `BPF_STX | BPF_MEM | BPF_W`.
pub(super) const WRITE_WORD: u8 = 0x63;
/// `BPF_JMP | BPF_JEQ | BPF_K`.
pub(super) const JUMP_IF: u8 = 0x15;
/// `BPF_JMP32 | BPF_JNE | BPF_X`.
pub(super) const JUMP_UNLESS_SAME: u8 = 0x5e;
/// `BPF_JMP | BPF_CALL`.
pub(super) const CALL: u8 = 0x85;
/// `BPF_JMP | BPF_EXIT`.
pub(super) const EXIT: u8 = 0x95;

/// One instruction of a program.
pub(super) fn instruction(code: u8, to: u8, from: u8, offset: i16, number: i32) -> bpf_insn {
    // SAFETY: plain integers and bit fields of them, for which zeroes are a value.
    let mut instruction: bpf_insn = unsafe { std::mem::zeroed() };
    instruction.code = code;
    instruction.set_dst_reg(to);
    instruction.set_src_reg(from);
    instruction.off = offset;
    instruction.imm = number;
    instruction
}

/// The attributes of a command, all zero.
pub(super) fn attributes() -> bpf_attr {
    // SAFETY: a union of structs of integers, for which zeroes are a value; the kernel wants zero in what is not used.
    unsafe { std::mem::zeroed() }
}

/// Carries out a command.
///
/// # Safety
/// What the attributes point to is as large as they say, may be written where the command writes, and outlives the call.
pub(super) unsafe fn call(command: bpf_cmd, attributes: &mut bpf_attr) -> io::Result<i32> {
    // SAFETY: the attributes are as large as is said; the caller answers for what they point to.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), size_of::<bpf_attr>())
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    i32::try_from(result).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Carries out a command that makes a descriptor.
///
/// # Safety
/// As for [`call`], and the command is one that makes a descriptor.
pub(super) unsafe fn descriptor(command: bpf_cmd, attributes: &mut bpf_attr) -> io::Result<OwnedFd> {
    // SAFETY: the caller answers for the attributes.
    let descriptor = unsafe { call(command, attributes) }?;
    // SAFETY: the call has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// What a program is loaded for.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    /// It hangs on the function with this BTF id.
    Tracing { moment: bpf_attach_type, function: u32 },
    /// It is run for an answer ([`run`]).
    Answer,
}

/// Loads a program.
pub(super) fn load(purpose: Purpose, name: &[u8], instructions: &[bpf_insn]) -> io::Result<OwnedFd> {
    /// `BPF_F_SLEEPABLE`: all programs of type `BPF_PROG_TYPE_SYSCALL` are.
    const SLEEPABLE: u32 = 1 << 4;
    let mut attributes = attributes();
    // SAFETY: every field of the union is plain integers; this is the one that the command reads.
    let load = unsafe { &mut attributes.__bindgen_anon_3 };
    match purpose {
        Purpose::Tracing { moment, function } => {
            load.prog_type = bpf_prog_type::BPF_PROG_TYPE_TRACING as u32;
            load.expected_attach_type = moment as u32;
            load.attach_btf_id = function;
        }
        Purpose::Answer => {
            load.prog_type = bpf_prog_type::BPF_PROG_TYPE_SYSCALL as u32;
            load.prog_flags = SLEEPABLE;
        }
    }
    load.insns = instructions.as_ptr() as u64;
    load.insn_cnt = instructions.len() as u32;
    load.license = c"Dual BSD/GPL".as_ptr() as u64;
    for (to, &from) in load.prog_name.iter_mut().zip(name) {
        *to = from as _;
    }
    // SAFETY: instructions and license are as large as is said, are only read, and outlive the call.
    unsafe { descriptor(bpf_cmd::BPF_PROG_LOAD, &mut attributes) }
}

/// Runs a program that hangs on nothing once (5.10 and later). One that is loaded for answers may write to its context.
pub(super) fn run(program: BorrowedFd<'_>, context: &mut [u64]) -> io::Result<()> {
    let mut attributes = attributes();
    // SAFETY: every field of the union is plain integers; this is the one that the command reads.
    let test = unsafe { &mut attributes.test };
    test.prog_fd = program.as_raw_fd() as u32;
    test.ctx_in = context.as_mut_ptr() as u64;
    test.ctx_size_in = size_of_val(context) as u32;
    // SAFETY: the context is as large as is said, may be written, and outlives the call.
    unsafe { call(bpf_cmd::BPF_PROG_TEST_RUN, &mut attributes) }.map(drop)
}
