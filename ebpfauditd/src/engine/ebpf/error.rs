//! Why the engine cannot do what was asked.

use std::io;

use aya::EbpfError;
use aya::maps::MapError;
use aya::programs::ProgramError;
use kern::hooks::Hook;
use nix::errno::Errno;

use crate::lower::LowerError;
use crate::syscall_function::Function;
use crate::watch::WatchError;

/// Why the engine cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The kernel describes itself not.
    #[error("cannot read the kernel's BTF from /sys/kernel/btf/vmlinux: {0}")]
    Btf(String),
    /// The object or its maps were refused.
    #[error("cannot load the eBPF object: {0}")]
    Load(#[source] EbpfError),
    /// A program was refused or cannot be attached.
    #[error("cannot attach {program} to {target}: {source}")]
    Attach {
        /// Name of the program.
        program: &'static str,
        /// What it was to hang on.
        target: &'static str,
        /// Why not.
        source: ProgramError,
    },
    /// A hook that was promising cannot be had after all.
    #[error("cannot have the hook {}: {error}", .hook.info().target())]
    Hook {
        /// Which one.
        hook: Hook,
        /// Why not.
        error: Box<EngineError>,
    },
    /// A stub was refused or cannot be attached.
    #[error("cannot attach a program to {}: {error}", .function.name)]
    Stub {
        /// The function of a syscall.
        function: Function,
        /// Why not.
        error: io::Error,
    },
    /// A map is missing or refused an access.
    #[error("cannot {act} the eBPF map {map}: {error}")]
    Map {
        /// What was being done.
        act: &'static str,
        /// The map's name.
        map: &'static str,
        /// Why it failed.
        error: String,
    },
    /// A thread or a descriptor cannot be had.
    #[error("cannot load and attach programs side by side: {0}")]
    Thread(#[source] io::Error),
    /// The kernel has not what a hook hangs on.
    #[error("this kernel has no such function")]
    Absent,
    /// What a hook reads has an address that the kernel does not tell.
    #[error("the kernel hides the addresses of its variables")]
    Hidden,
    /// A hook has no other place.
    #[error("needs BPF trampolines")]
    NoTrampolines,
    /// The rules do not fit.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// A path in a rule cannot be watched.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// No inode can be marked at all.
    #[error("cannot watch files: {}", .0.desc())]
    Inotify(Errno),
    /// More paths of rules lead to one inode than it can carry.
    #[error("too many rules watch the file {} by different names", String::from_utf8_lossy(.0))]
    Crowded(Vec<u8>),
}

/// Names the map at which an access failed.
pub(super) fn map_error(act: &'static str, map: &'static str) -> impl Fn(MapError) -> EngineError {
    move |error| EngineError::Map { act, map, error: error.to_string() }
}

impl EngineError {
    /// The object has no map of this name.
    pub(super) fn no_map(map: &'static str) -> Self {
        Self::Map { act: "find", map, error: "the object has no such map".into() }
    }

    /// What is said of it in one line: without the verifier's log.
    pub(super) fn brief(&self) -> String {
        match self {
            Self::Attach { source: ProgramError::LoadError { io_error, .. }, .. } => io_error.to_string(),
            Self::Attach { source, .. } => source.to_string(),
            other => other.to_string(),
        }
    }
}
