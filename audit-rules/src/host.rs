//! What the rule language has to ask of the machine it runs on.

use crate::arch::Arch;

/// The architecture that this program is built for.
pub(crate) const NATIVE: Arch = if cfg!(target_arch = "aarch64") { Arch::AARCH64 } else { Arch::X86_64 };

/// The machine's own facts: names of users and groups, which paths are directories, the native architecture.
/// The caller implements it, so that this crate does no I/O.
pub trait Host {
    /// The id of the user called `name`.
    fn user(&self, name: &[u8]) -> Option<u32>;
    /// The id of the group called `name`.
    fn group(&self, name: &[u8]) -> Option<u32>;
    /// Whether `path` is a directory now; symbolic links are followed. A watch on a directory is recursive.
    fn is_directory(&self, path: &[u8]) -> bool;
    /// The name of the user with this id, for `-l -i`.
    fn user_name(&self, _user: u32) -> Option<Vec<u8>> {
        None
    }
    /// The name of the group with this id, for `-l -i`.
    fn group_name(&self, _group: u32) -> Option<Vec<u8>> {
        None
    }
    /// The architecture of system calls without `-F arch=`.
    fn native_arch(&self) -> Arch {
        NATIVE
    }
}

/// A host without users other than root, without groups other than root, and with `/` as its only directory.
/// For tests and for reading rules where names must not matter.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHost;

impl Host for NoHost {
    fn user(&self, name: &[u8]) -> Option<u32> {
        (name == b"root").then_some(0)
    }

    fn group(&self, name: &[u8]) -> Option<u32> {
        (name == b"root").then_some(0)
    }

    fn is_directory(&self, path: &[u8]) -> bool {
        path == b"/"
    }
}
