//! How much there may be of what: mirror of `bpf/abi/limits.h`.

/// `EA_GENERATIONS`
pub const GENERATIONS: usize = 2;
/// `EA_SYSCALLS`
pub const SYSCALLS: usize = 2048;
/// `EA_ARCHES`
pub const ARCHES: usize = 2;
/// `EA_STEPS`
pub const STEPS: usize = 65_536;
/// `EA_EXES`
pub const EXES: usize = 1024;
/// `EA_TREE_WORDS` words of 64 bits: the number of different directories of `dir=` rules.
pub const TREES: usize = 16 * 64;
/// `EA_TREES`: directories of `dir=` rules and mounts below them, both generations.
pub const TREE_ROOTS: usize = 4096;
/// `EA_WATCHES`: watched inodes and names, both generations.
pub const WATCHES: usize = 16_384;
/// `EA_MARKS`: marks of watched inodes, of one generation.
pub const MARKS: usize = 8192;
/// `EA_RUNS`
pub const RUNS: usize = 4;
/// `EA_WATCH_RUNS`: watched paths of one inode.
pub const WATCH_RUNS: usize = RUNS - 1;
/// `EA_TREE_WORDS`
pub const TREE_WORDS: usize = 16;
/// `EA_NAME_MAX`
pub const NAME_MAX: usize = 256;
/// `EA_REQUEST_RULE`
pub const REQUEST_RULE: usize = 8972;
/// `EA_CATEGORY_WORDS`
pub const CATEGORY_WORDS: usize = 64;
/// `EA_CONTEXT_NAME`
pub const CONTEXT_NAME: usize = 4096;
