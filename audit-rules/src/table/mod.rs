//! The names of the rule language, one source each. Names are compared without regard to case (ASCII), as the
//! original's tables do.

pub mod errno;
pub mod filetype;
pub mod fstype;
pub mod machine;
pub mod message_type;
pub mod perm;
pub mod syscall;
pub mod uring_op;

pub(crate) mod argument_names;
mod errno_names;
mod message_type_names;
mod syscall_aarch64;
mod syscall_arm;
mod syscall_i386;
mod syscall_ppc;
mod syscall_s390;
mod syscall_s390x;
mod syscall_x86_64;

/// The number that `name` has in `table`, whatever its case.
fn number_of<N: Copy>(table: &[(N, &str)], name: &[u8]) -> Option<N> {
    table.iter().find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(name)).map(|&(number, _)| number)
}

/// The name that `number` has in `table`, which ascends by number.
fn name_of<N: Copy + Ord>(table: &[(N, &'static str)], number: N) -> Option<&'static str> {
    table.binary_search_by_key(&number, |&(number, _)| number).ok().map(|at| table[at].1)
}
