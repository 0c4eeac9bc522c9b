//! Addresses of the kernel's symbols, asked for one by one: a program that hangs on nothing is run for each name. Most of
//! `/proc/kallsyms` is written for nobody, which takes a slow machine half a second.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use aya_obj::generated::{bpf_func_id, bpf_insn};
use nix::errno::Errno;

use super::bpf::{self, ADD, AND, CALL, COPY, EXIT, MOVE, Purpose, READ, WRITE, instruction};
use crate::release::Release;

/// The kernel finds a name by halves since then; before, it reads its list from the beginning for each.
const BY_HALVES: Release = Release(6, 2);
/// Bytes of a name with the zero at its end: a power of two. Names of syscalls' functions have 50.
const NAME: usize = 128;
const WORDS: usize = NAME / size_of::<u64>();
/// The context: the answer, the address, the length of the name, the name.
const CONTEXT: usize = 3 + WORDS;
const ANSWER: i16 = 0;
const ADDRESS: i16 = 8;
const LENGTH: i16 = 16;
const TEXT: i16 = 24;
/// On the stack, whose end is register 10.
const FOUND: i16 = -8;
const ON_STACK: i16 = FOUND - NAME as i16;

/// `answer = bpf_kallsyms_lookup_name(name, length, 0, &address)`. Helpers take no pointers into a context, so it goes by the stack.
fn instructions() -> Vec<bpf_insn> {
    let mut all = vec![
        instruction(COPY, 6, 1, 0, 0),
        instruction(MOVE, 1, 0, 0, 0),
        instruction(WRITE, 10, 1, FOUND, 0),
    ];
    for at in (0..NAME as i16).step_by(size_of::<u64>()) {
        all.extend([instruction(READ, 1, 6, TEXT + at, 0), instruction(WRITE, 10, 1, ON_STACK + at, 0)]);
    }
    all.extend([
        instruction(COPY, 1, 10, 0, 0),
        instruction(ADD, 1, 0, 0, ON_STACK.into()),
        instruction(READ, 2, 6, LENGTH, 0),
        // shows the verifier a bound
        instruction(AND, 2, 0, 0, NAME as i32 - 1),
        instruction(MOVE, 3, 0, 0, 0),
        instruction(COPY, 4, 10, 0, 0),
        instruction(ADD, 4, 0, 0, FOUND.into()),
        instruction(CALL, 0, 0, 0, bpf_func_id::BPF_FUNC_kallsyms_lookup_name as i32),
        instruction(WRITE, 6, 0, ANSWER, 0),
        instruction(READ, 1, 10, FOUND, 0),
        instruction(WRITE, 6, 1, ADDRESS, 0),
        instruction(MOVE, 0, 0, 0, 0),
        instruction(EXIT, 0, 0, 0, 0),
    ]);
    all
}

/// The address of one symbol; `None` if the kernel has none of the name.
fn address(program: &OwnedFd, name: &str) -> io::Result<Option<u64>> {
    let mut bytes = [0; NAME];
    let length = name.len() + 1;
    if length >= NAME {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    let mut context = [0; CONTEXT];
    context[2] = length as u64;
    for (word, bytes) in context[3..].iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_ne_bytes(*bytes);
    }
    bpf::run(program.as_fd(), &mut context)?;
    match (context[0].cast_signed(), context[1]) {
        (0, address) => Ok(Some(address)),
        (error, _) if error == -i64::from(Errno::ENOENT as i32) => Ok(None),
        (error, _) => Err(io::Error::from_raw_os_error(i32::try_from(-error).unwrap_or(Errno::EIO as i32))),
    }
}

/// Addresses of those of the wanted symbols that the kernel has.
///
/// # Errors
/// The kernel does not tell, or would be slow to.
pub(super) fn addresses(wanted: &HashSet<String>) -> io::Result<HashMap<String, u64>> {
    if Release::running() < BY_HALVES {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let program = bpf::load(Purpose::Answer, b"ea_lookup", &instructions())?;
    let found = wanted
        .iter()
        .filter_map(|name| address(&program, name).map(|address| Some((name.clone(), address?))).transpose());
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the list that people read.
    #[test]
    fn the_kernel_answers_as_its_list_says() {
        let wanted = ["__x64_sys_openat", "__ia32_compat_sys_execve", "vfs_open", "no_such_symbol"];
        let wanted = wanted.map(str::to_owned).into();
        if Release::running() < BY_HALVES {
            skipped!("this kernel is not asked");
            return;
        }
        let found = addresses(&wanted).unwrap();
        let list = std::fs::read("/proc/kallsyms").unwrap();
        assert_eq!(found, super::super::kallsyms::addresses(&list[..], &wanted).unwrap());
        assert!(found.len() == 3 || found.len() == 2 && !found.contains_key("__ia32_compat_sys_execve"));
    }
}
