//! What user space writes for the filter: mirror of `bpf/abi/filter.h`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{ARCHES, MARKS, NAME_MAX, RUNS, SYSCALLS, TREE_WORDS};

/// `EA_SETS`
pub const SETS: usize = 512;
/// `EA_CHILD_EXE`: in a child's generation, that it is the name of a program.
pub const CHILD_EXE: u32 = 2;
/// `EA_ANY_DEV`
pub const ANY_DEV: u32 = 0xffff_ffff;
/// `EA_TALLIES`: rules of one generation whose matches are counted.
pub const TALLIES: usize = 16_384;
/// `EA_SHEET`: tallies in one element of their map.
pub const SHEET: usize = 64;
/// `EA_STEP_FALSE`: the step that is never true.
pub const STEP_FALSE: u32 = 1;
/// `EA_STEP_LAST`
pub const STEP_LAST: u8 = 1;
/// `EA_STEP_NEVER`
pub const STEP_NEVER: u8 = 2;
/// `EA_STEP_EXIT`
pub const STEP_EXIT: u8 = 4;
/// `EA_STEP_NAME`
pub const STEP_NAME: u8 = 8;
/// `EA_NEED_CREDENTIALS`
pub const NEED_CREDENTIALS: u16 = 1;
/// `EA_NEED_PARENT`
pub const NEED_PARENT: u16 = 2;
/// `EA_NEED_EXE`
pub const NEED_EXE: u16 = 4;
/// `EA_NEED_LOGIN`
pub const NEED_LOGIN: u16 = 16;
/// `EA_NEED_NAMES`
pub const NEED_NAMES: u16 = 32;
/// `EA_NEED_WATCH`
pub const NEED_WATCH: u16 = 64;
/// `EA_NEED_ADDRESS`
pub const NEED_ADDRESS: u16 = 256;
/// `EA_NEED_HIT`
pub const NEED_HIT: u16 = 128;
/// `EA_HAS_STUB`
pub const HAS_STUB: u16 = 512;
/// `EA_NEED_ROLES`
pub const NEED_ROLES: u16 = 1024;
/// `EA_ROLES`: labels of `subj_role=` rules of one generation.
pub const ROLES: usize = 64;
/// `EA_ROLE_NAME`: the longest name of such a label, its NUL included.
pub const ROLE_NAME: usize = 252;

/// `EA_MARK`: which mark an inode has in its generation.
pub const fn mark(ino: u64) -> u32 {
    let ino = ino as u32;
    (ino ^ ino >> 16) % MARKS as u32
}

numbered! {
    /// Test of a step.
    Op: u8 {
        Eq = 0,
        Ne = 1,
        Lt = 2,
        Le = 3,
        Gt = 4,
        Ge = 5,
        Mask = 6,
        Test = 7,
        FactEq = 8,
        FactNe = 9,
        ExeEq = 10,
        ExeNe = 11,
        GroupEq = 12,
        GroupNe = 13,
        True = 14,
        False = 15,
        Tree = 16,
        Named = 17,
        RoleEq = 18,
        RoleNe = 19,
    }
}

numbered! {
    /// Fact of a name, for steps with [`STEP_NAME`].
    NameFact: u8 {
        Inode = 0,
        DevMajor = 1,
        DevMinor = 2,
        Uid = 3,
        Gid = 4,
        Type = 5,
    }
}

/// Value of the index, per generation, architecture and syscall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Entry {
    /// first step, 0: none
    pub first: u32,
    /// `NEED_*`
    pub needs: u16,
    /// [`Family`]
    pub family: u16,
    /// index of a 32-bit word of [`Event`] whose bounds no rule of the run is met outside of; 0: the run has no bounds
    pub fact: u16,
    /// `NEED_*` without the run: outside of its bounds, where no syscall changes the fact
    pub spared: u16,
    /// the smallest number within the bounds
    pub low: u32,
    /// the largest is so much larger
    pub span: u32,
}

/// One test of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Step {
    /// index of a 32-bit word of [`Event`]
    pub fact: u8,
    /// [`Op`]
    pub op: u8,
    /// `STEP_*`
    pub flags: u8,
    /// zero
    pub pad: u8,
    /// value, fact or table index
    pub operand: u32,
    /// where a false test goes on, 0: no match
    pub next: u32,
    /// the rule it belongs to
    pub rule: u32,
}

/// The label of `subj_role=` rules, a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Role {
    /// 0 or 1
    pub generation: u32,
    /// the profile's name, filled up with zeros
    pub name: [u8; ROLE_NAME],
}

/// A file of `exe=` rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Exe {
    /// inode
    pub ino: u64,
    /// device, kernel-internal
    pub dev: u32,
    /// 0: nothing is equal to it
    pub present: u32,
}

/// A set of syscalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Set {
    /// bit per number, by architecture index; behind the architectures: of operations of `io_uring` outside of syscalls
    pub words: [[u32; SYSCALLS / 32]; ARCHES + 1],
}

/// An object of a generation: key of the watches and of the trees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Object {
    /// `i_ino`
    pub ino: u64,
    /// `s_dev`, kernel-internal number, or [`ANY_DEV`]
    pub dev: u32,
    /// 0 or 1
    pub generation: u32,
}

/// The runs of the watches on an inode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Runs {
    /// first steps, 0: none
    pub first: [u32; RUNS],
}

/// The trees that a directory is a root of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Tags {
    /// a bit for each, by its number
    pub words: [u64; TREE_WORDS],
}

/// A watched name in its directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Child {
    /// `i_ino` of the directory
    pub ino: u64,
    /// its `s_dev`
    pub dev: u32,
    /// 0 or 1
    pub generation: u32,
    /// last component, filled up with zeros
    pub name: [u8; NAME_MAX],
}

/// What a watched name leads to at present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Bound {
    /// first step of the watch's run
    pub first: u32,
    /// `s_dev`
    pub dev: u32,
    /// `i_ino`, 0: nothing
    pub ino: u64,
}

/// What a rule has decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Tally {
    /// how often
    pub hits: u64,
    /// when last, `CLOCK_MONOTONIC` in ns
    pub last: u64,
}

/// Tallies that are one element of their map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Sheet {
    /// rules one after the other
    pub tallies: [Tally; SHEET],
}

/// Who ended a directory or tree that rules stood on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct End {
    /// login uid
    pub auid: u32,
    /// session
    pub ses: u32,
}
