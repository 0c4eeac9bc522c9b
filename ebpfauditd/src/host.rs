//! What the rule language asks of this machine.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use audit_rules::Host;

/// This machine: its user and group databases and its file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemHost;

impl Host for SystemHost {
    fn user(&self, name: &[u8]) -> Option<u32> {
        users::get_user_by_name(OsStr::from_bytes(name)).map(|user| user.uid())
    }

    fn group(&self, name: &[u8]) -> Option<u32> {
        users::get_group_by_name(OsStr::from_bytes(name)).map(|group| group.gid())
    }

    fn is_directory(&self, path: &[u8]) -> bool {
        fs::metadata(Path::new(OsStr::from_bytes(path))).is_ok_and(|found| found.is_dir())
    }
}
