//! Contexts of `SELinux`: mirror of `bpf/abi/context.h`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{CATEGORY_WORDS, CONTEXT_NAME};

numbered! {
    /// What is asked of `SELinux`'s contexts.
    Question: u32 {
        Policy = 0,
        Sid = 1,
        Name = 2,
        File = 3,
    }
}

numbered! {
    /// Of what in a context a name is asked for.
    Symbol: u32 {
        Role = 2,
        Type = 3,
        User = 4,
        Sensitivity = 6,
        Category = 7,
    }
}

/// An answer about `SELinux`'s contexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Context {
    /// address of the policy, 0: none is loaded
    pub policy: u64,
    /// of the policy, too
    pub serial: u32,
    /// 1: the rest is valid
    pub found: u32,
    /// 1: the policy has levels
    pub mls: u32,
    /// number of the user, from 1
    pub user: u32,
    /// number of the role
    pub role: u32,
    /// number of the type
    pub r#type: u32,
    /// bytes of the text
    pub text_len: u32,
    /// 1: there are categories beyond the last word
    pub cut: u32,
    /// numbers, of the low and the high level
    pub sensitivity: [u32; 2],
    /// identifier of a file's context, 0: none
    pub sid: u32,
    /// zero
    pub pad: u32,
    /// a bit for each, of the low and the high level; category 1 is bit 0
    pub categories: [[u64; CATEGORY_WORDS]; 2],
    /// a name; what an identifier stands for without a policy
    pub text: [u8; CONTEXT_NAME],
}
