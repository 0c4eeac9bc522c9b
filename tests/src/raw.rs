//! System calls by number, with every register as the caller states it.
//!
//! A SYSCALL record shows the number and the raw registers. The C library chooses other calls than the one named (`open`
//! becomes `openat`, `fork` becomes `clone`) and leaves garbage in the registers that a call does not use, so the cases
//! make their calls here. This file,
//! [`crate::low`] and [`crate::ring`] are those of the crate with `unsafe`.

#![allow(unsafe_code, reason = "system calls that nix does not have, and registers that must be exact")]

use std::ffi::{CStr, CString, c_char};
use std::os::fd::RawFd;

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// One argument register of a system call.
#[derive(Debug)]
pub enum Argument<'a> {
    /// A number, sign-extended to the register.
    Number(i64),
    /// The address of a string that the kernel reads.
    Text(&'a CStr),
    /// The address of bytes that the kernel reads.
    Bytes(&'a [u8]),
    /// The address of bytes that the kernel writes.
    Room(&'a mut [u8]),
}

impl From<i64> for Argument<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<i32> for Argument<'_> {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u32> for Argument<'_> {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<usize> for Argument<'_> {
    fn from(number: usize) -> Self {
        Self::Number(number as i64)
    }
}

impl<'a> From<&'a CStr> for Argument<'a> {
    fn from(text: &'a CStr) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a CString> for Argument<'a> {
    fn from(text: &'a CString) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Argument<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Argument<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a> From<&'a mut [u8]> for Argument<'a> {
    fn from(bytes: &'a mut [u8]) -> Self {
        Self::Room(bytes)
    }
}

impl Argument<'_> {
    fn register(self) -> i64 {
        match self {
            Self::Number(number) => number,
            Self::Text(text) => text.as_ptr() as i64,
            Self::Bytes(bytes) => bytes.as_ptr() as i64,
            Self::Room(bytes) => bytes.as_mut_ptr() as i64,
        }
    }
}

/// Makes system call `number` with up to six arguments; the registers not given are zero.
///
/// Only for calls that reach memory through the arguments given: structures that hold addresses have their own functions
/// below.
pub fn call<const N: usize>(number: i64, arguments: [Argument<'_>; N]) -> Result<i64, Errno> {
    let mut registers = [0_i64; 6];
    for (register, argument) in registers.iter_mut().zip(arguments) {
        *register = argument.register();
    }
    let [first, second, third, fourth, fifth, sixth] = registers;
    // SAFETY: every address among the arguments comes from a live borrow of the right kind (`Argument`), and the callers in
    // this crate pass lengths taken from the same slices.
    Errno::result(unsafe { libc::syscall(number, first, second, third, fourth, fifth, sixth) })
}

/// `call` with each argument converted: `syscall!(libc::SYS_close, fd)`.
#[macro_export]
macro_rules! syscall {
    ($number:expr $(, $argument:expr)* $(,)?) => {
        $crate::raw::call($number, [$($crate::raw::Argument::from($argument)),*])
    };
}

/// The addresses of `texts`, ended by a null pointer, as execve(2) takes them.
fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
}

/// execve(2). Returns only when it failed.
pub fn execve(path: &CStr, argv: &[CString], envp: &[CString]) -> Errno {
    let (argv, envp) = (pointers(argv), pointers(envp));
    // SAFETY: path and both null-terminated vectors outlive the call, which reads only.
    unsafe { libc::syscall(libc::SYS_execve, path.as_ptr(), argv.as_ptr(), envp.as_ptr(), 0, 0, 0) };
    Errno::last()
}

/// execveat(2). Returns only when it failed.
pub fn execveat(dirfd: RawFd, path: &CStr, argv: &[CString], envp: &[CString], flags: i32) -> Errno {
    let (argv, envp) = (pointers(argv), pointers(envp));
    let dirfd = i64::from(dirfd);
    let flags = i64::from(flags);
    // SAFETY: path and both null-terminated vectors outlive the call, which reads only.
    unsafe {
        libc::syscall(libc::SYS_execveat, dirfd, path.as_ptr(), argv.as_ptr(), envp.as_ptr(), flags, 0)
    };
    Errno::last()
}

/// One message of sendmsg(2), sendmmsg(2), recvmsg(2): an address (may be empty) and a payload, both only borrowed.
fn header(address: &mut [u8], payload: &mut libc::iovec) -> libc::msghdr {
    // SAFETY: msghdr is plain integers and pointers, for which all zeroes is a value.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    if !address.is_empty() {
        header.msg_name = address.as_mut_ptr().cast();
        header.msg_namelen = address.len() as u32;
    }
    header.msg_iov = payload;
    header.msg_iovlen = 1;
    header
}

fn vector(payload: &mut [u8]) -> libc::iovec {
    libc::iovec { iov_base: payload.as_mut_ptr().cast(), iov_len: payload.len() }
}

/// sendmsg(2) (`libc::SYS_sendmsg`) or recvmsg(2) (`libc::SYS_recvmsg`) of one payload with an address.
pub fn message(number: i64, fd: RawFd, address: &mut [u8], payload: &mut [u8]) -> Result<i64, Errno> {
    let mut payload = vector(payload);
    let mut message = header(address, &mut payload);
    // SAFETY: the header points at the two borrowed slices, with their lengths, for the time of the call.
    Errno::result(unsafe {
        libc::syscall(number, i64::from(fd), &raw mut message, 0_i64, 0_i64, 0_i64, 0_i64)
    })
}

/// sendmmsg(2) or recvmmsg(2): one payload to (from) each address.
pub fn messages(number: i64, fd: RawFd, addresses: &mut [Vec<u8>], payload: &mut [u8]) -> Result<i64, Errno> {
    let mut payload = vector(payload);
    let mut list: Vec<libc::mmsghdr> = addresses
        .iter_mut()
        .map(|address| libc::mmsghdr { msg_hdr: header(address, &mut payload), msg_len: 0 })
        .collect();
    let (first, count) = (list.as_mut_ptr(), list.len() as i64);
    // SAFETY: each header points at borrowed memory with its length, for the time of the call.
    Errno::result(unsafe { libc::syscall(number, i64::from(fd), first, count, 0_i64, 0_i64, 0_i64) })
}

/// fork(2), by that system call. The child gets `Ok(0)`; the process must have one thread.
pub fn fork() -> Result<i32, Errno> {
    // SAFETY: the callers are single-threaded, so the child's copy of the heap and of the locks is consistent.
    Errno::result(unsafe { libc::syscall(libc::SYS_fork, 0_i64, 0_i64, 0_i64, 0_i64) }).map(|pid| pid as i32)
}

/// clone(2) without `CLONE_VM`: the child gets `Ok(0)` and a copy of everything.
pub fn clone(flags: i32) -> Result<i32, Errno> {
    debug_assert_eq!(flags & libc::CLONE_VM, 0, "a shared address space needs its own stack");
    // SAFETY: as `fork`: one thread, copied memory, the same stack.
    Errno::result(unsafe { libc::syscall(libc::SYS_clone, i64::from(flags), 0_i64, 0_i64, 0_i64, 0_i64) })
        .map(|pid| pid as i32)
}

/// clone3(2) with these flags, SIGCHLD at exit, no `CLONE_VM`.
pub fn clone3(flags: u64) -> Result<i32, Errno> {
    let arguments: [u64; 8] = [flags, 0, 0, 0, libc::SIGCHLD as u64, 0, 0, 0];
    let size = size_of_val(&arguments) as i64;
    // SAFETY: as `fork`; the kernel reads the structure, which is `struct clone_args` version 0.
    Errno::result(unsafe { libc::syscall(libc::SYS_clone3, arguments.as_ptr(), size, 0_i64, 0_i64, 0_i64) })
        .map(|pid| pid as i32)
}

/// vfork(2) whose child ends at once with status 0.
pub fn vfork_and_exit() -> Result<i32, Errno> {
    let result: i64;
    // SAFETY: the child runs on the parent's stack, so it must neither return nor call: within this block it makes
    // exit_group and nothing else; the parent resumes only after that.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "mov eax, 231",
            "xor edi, edi",
            "syscall",
            "2:",
            inlateout("rax") libc::SYS_vfork => result,
            in("rdi") 0_i64, in("rsi") 0_i64, in("rdx") 0_i64, in("r10") 0_i64,
            lateout("rcx") _, lateout("r11") _,
        );
    }
    if result < 0 { Err(Errno::from_raw(-result as i32)) } else { Ok(result as i32) }
}

/// A system call of the 32-bit table, by `int 0x80`, with numbers only.
pub fn call32(number: u32, a: u32, b: u32, c: u32) -> Result<i64, Errno> {
    let result: i64;
    // SAFETY: the callers pass numbers, never addresses; rbx belongs to the compiler and is put back.
    unsafe {
        std::arch::asm!(
            "xchg rbx, {first}",
            "int 0x80",
            "xchg rbx, {first}",
            first = inout(reg) i64::from(a) => _,
            inlateout("rax") i64::from(number) => result,
            in("rcx") i64::from(b), in("rdx") i64::from(c), in("rsi") 0_i64, in("rdi") 0_i64,
            lateout("r8") _, lateout("r9") _, lateout("r10") _, lateout("r11") _,
        );
    }
    let result = i64::from(result as i32);
    if result < 0 { Err(Errno::from_raw(-result as i32)) } else { Ok(result) }
}

/// Has the signal caught by a handler that does nothing.
pub fn catch(signal: i32) -> Result<(), Errno> {
    extern "C" fn nothing(_: i32) {}
    let handler = SigHandler::Handler(nothing);
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing, which is safe at any time.
    unsafe { sigaction(Signal::try_from(signal)?, &action) }.map(drop)
}

/// Installs a seccomp filter that answers system call `number` with `EPERM` and lets the others pass.
pub fn refuse(number: u32) -> Result<i64, Errno> {
    const LOAD_NUMBER: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
    const JUMP_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
    const RETURN: u16 = 0x06; // BPF_RET | BPF_K
    const REFUSE: u32 = 0x0005_0000 | libc::EPERM as u32; // SECCOMP_RET_ERRNO
    const ALLOW: u32 = 0x7fff_0000; // SECCOMP_RET_ALLOW
    let mut filter = [
        libc::sock_filter { code: LOAD_NUMBER, jt: 0, jf: 0, k: 0 },
        libc::sock_filter { code: JUMP_EQUAL, jt: 0, jf: 1, k: number },
        libc::sock_filter { code: RETURN, jt: 0, jf: 0, k: REFUSE },
        libc::sock_filter { code: RETURN, jt: 0, jf: 0, k: ALLOW },
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: prctl reads the program and its instructions, both alive here.
    Errno::result(unsafe {
        libc::syscall(
            libc::SYS_prctl,
            libc::PR_SET_SECCOMP as i64,
            libc::SECCOMP_MODE_FILTER as i64,
            &raw const program,
        )
    })
}
