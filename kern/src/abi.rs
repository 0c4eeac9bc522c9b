//! Mirror of `bpf/abi.h` and of the files that it is made of, which have the meaning of each number; a test compares the layouts.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// An enum of `abi.h` with its numbers; a variant is called as there, without the prefix.
macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident: $repr:ident { $($variant:ident = $number:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr($repr)]
        #[allow(missing_docs, reason = "abi.h has the meaning of each")]
        pub enum $name { $($variant = $number,)* }

        impl $name {
            /// Every variant.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The variant of a number.
            pub const fn from_number(number: $repr) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

mod context;
mod event;
mod filter;
mod function;
mod item;
mod limits;
mod request;
mod twin;

pub use context::*;
pub use event::*;
pub use filter::*;
pub use function::*;
pub use item::*;
pub use limits::*;
pub use request::*;
pub use twin::*;

/// `EA_CONFIG_TASK_RULES`
pub const CONFIG_TASK_RULES: u32 = 1;
/// `EA_CONFIG_EXCLUDES`
pub const CONFIG_EXCLUDES: u32 = 2;
/// `EA_CONFIG_TREES`
pub const CONFIG_TREES: u32 = 4;
/// `EA_CONFIG_INODES`
pub const CONFIG_INODES: u32 = 8;
/// `EA_CONFIG_STUBS`
pub const CONFIG_STUBS: u32 = 16;
/// `EA_CONFIG_RING`
pub const CONFIG_RING: u32 = 32;
/// `EA_CONFIG_TAKEOVER`
pub const CONFIG_TAKEOVER: u32 = 64;
/// `EA_CONFIG_ROLES`
pub const CONFIG_ROLES: u32 = 128;
/// `EA_CONFIG_WATCHED_OPENS`
pub const CONFIG_WATCHED_OPENS: u32 = 256;
/// `EA_CONFIG_WATCHED_FILES`
pub const CONFIG_WATCHED_FILES: u32 = 512;
/// `EA_CONFIG_EXEC_FILES`
pub const CONFIG_EXEC_FILES: u32 = 1024;

numbered! {
    /// Why an event was lost.
    Loss: u32 {
        Ring = 0,
        Scratch = 1,
        Arguments = 2,
        Nested = 3,
    }
}

/// Number of reasons of loss.
pub const LOSSES: usize = Loss::ALL.len();

/// What changes at run time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Config {
    /// low bit selects the tables
    pub generation: u32,
    /// 0: nothing is recorded
    pub enabled: u32,
    /// tgid that is not recorded
    pub daemon: u32,
    /// `CONFIG_*` per generation
    pub flags: [u32; GENERATIONS],
    /// first step of the task list
    pub task_first: [u32; GENERATIONS],
    /// first step of the exclude list
    pub exclude_first: [u32; GENERATIONS],
    /// zero
    pub pad: u32,
    /// operations of `io_uring` outside of syscalls
    pub ring: [Entry; GENERATIONS],
    /// ns of `CLOCK_MONOTONIC`: until then who adds a rule waits for the daemon
    pub hold_until: u64,
}

/// Per CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Counters {
    /// events that matched
    pub produced: u64,
    /// by [`Loss`]
    pub lost: [u64; LOSSES],
    /// facts that could not be read from user memory
    pub unread: u64,
    /// per-task state that could not be had
    pub no_state: u64,
    /// names for which a journal had no room
    pub cut: u64,
    /// watches for which an inode had no room
    pub adrift: u64,
    /// skipped runs that were made up for
    pub rescued: u64,
}

#[cfg(test)]
mod tests {
    use std::mem::{offset_of, size_of};

    use super::*;

    /// Sizes and offsets in the order of `bpf/layout.bpf.c`.
    macro_rules! layout {
        ($($name:ident { $($field:ident),* $(,)? })*) => {
            vec![$(size_of::<$name>() as u32, $(offset_of!($name, $field) as u32,)*)*]
        };
    }

    /// The words of a section of the object.
    fn theirs(section: &str) -> Vec<u32> {
        let object = aya_obj::Object::parse(crate::LAYOUT).unwrap();
        let bytes = object.maps[section].data();
        bytes.chunks_exact(4).map(|word| u32::from_ne_bytes(word.try_into().unwrap())).collect()
    }

    #[test]
    fn marks_the_same_inodes() {
        let inodes = [0, 8191, 8192, 0x1234_5678, 0xffff_ffff, 0xfedc_ba98_7654_3210];
        assert_eq!(inodes.map(mark).as_slice(), theirs(".rodata.marks"));
    }

    #[test]
    fn mirrors_the_c_layout() {
        let ours = layout! {
            Event { kind, cpu, seq, time, args, exit, exe_ino, root_ino, root_dev, exe_dev, success, has_exit, arch, nr, family, generation, rule, personality, ppid, pid, tid, auid, uid, gid, euid, suid, fsuid, egid, sgid, fsgid, ses, saddr_fam, msgtype, excluded, size, args_len, mnt_ns, access, comm }
            More { kind, cpu, seq, offset, len }
            Item { kind, flags, len }
            Inode { ino, ctime, ctime_nsec, dev, mode, uid, gid, rdev, magic, maybe_caps, sid, pad }
            Lookup { name, dir_ino, dir_dev, op, flags, inode }
            Profile { mode, flags, namespace_len, name_len, namespace }
            Target { pid, auid, uid, ses, comm }
            Capset { inheritable, permitted, effective, ambient }
            Exec { argc, script, before, after, before_uid, before_gid, after_uid, after_euid }
            Ipc { uid, gid, mode, has_perm, qbytes, perm_uid, perm_gid, perm_mode, sid }
            MqAttr { flags, maxmsg, msgsize, curmsgs }
            MqOpen { oflag, mode, attr }
            MqSendrecv { mqdes, prio, len, sec, nsec }
            MqNotify { mqdes, signo }
            MqGetsetattr { mqdes, pad, attr }
            Adjtime { before, after }
            Uringop { exit, op, success, has_exit, rule, lookups, uid, gid, euid, suid, fsuid, egid, sgid, fsgid, pad }
            Entry { first, needs, family, fact, spared, low, span }
            Step { fact, op, flags, pad, operand, next, rule }
            Role { generation, name }
            Exe { ino, dev, present }
            Set { words }
            Object { ino, dev, generation }
            Runs { first }
            Tags { words }
            Child { ino, dev, generation, name }
            Bound { first, dev, ino }
            End { auid, ses }
            Sheet { tallies }
            Tally { hits, last }
            Context { policy, serial, found, mls, user, role, r#type, text_len, cut, sensitivity, sid, pad, categories, text }
            Waiter { since, spent, tid, state, anew, pad }
            Request { tgid, len, rule }
            Config { generation, enabled, daemon, flags, task_first, exclude_first, pad, ring, hold_until }
            Counters { produced, lost, unread, no_state, cut, adrift, rescued }
        };
        assert_eq!(ours, theirs(".rodata.layout"));
    }
}
