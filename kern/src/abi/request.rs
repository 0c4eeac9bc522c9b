//! Rules that other programs are about to put into the kernel: mirror of `bpf/abi/request.h`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::REQUEST_RULE;

numbered! {
    /// What is known of a process that has such a rule.
    Waiting: u32 {
        Not = 0,
        Waiting = 1,
        Over = 2,
    }
}

/// A process that waits with a rule, or has waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Waiter {
    /// ns: when it began to wait
    pub since: u64,
    /// ns that it has waited before
    pub spent: u64,
    /// which of its threads waits
    pub tid: u32,
    /// [`Waiting`]
    pub state: u32,
    /// 1: its request, which is under way, may be refused, for it will be made anew
    pub anew: u32,
    /// zero
    pub pad: u32,
}

/// One record of the ring of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Request {
    /// root namespace
    pub tgid: u32,
    /// bytes of the rule
    pub len: u32,
    /// `struct audit_rule_data`
    pub rule: [u8; REQUEST_RULE],
}
