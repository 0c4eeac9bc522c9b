//! What the rule language asks of this machine.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use audit_rules::Host;

/// This machine: its users, its groups, its files.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemHost;

impl Host for SystemHost {
    fn user(&self, name: &[u8]) -> Option<u32> {
        users::get_user_by_name(OsStr::from_bytes(name)).map(|user| user.uid())
    }

    fn group(&self, name: &[u8]) -> Option<u32> {
        users::get_group_by_name(OsStr::from_bytes(name)).map(|group| group.gid())
    }

    fn user_name(&self, user: u32) -> Option<Vec<u8>> {
        users::get_user_by_uid(user).map(|user| user.name().as_bytes().to_vec())
    }

    fn group_name(&self, group: u32) -> Option<Vec<u8>> {
        users::get_group_by_gid(group).map(|group| group.name().as_bytes().to_vec())
    }

    fn is_directory(&self, path: &[u8]) -> bool {
        fs::metadata(OsStr::from_bytes(path)).is_ok_and(|found| found.is_dir())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_root_and_directories() {
        assert_eq!(SystemHost.user(b"root"), Some(0));
        assert_eq!(SystemHost.group(b"root"), Some(0));
        assert_eq!(SystemHost.user(b"no such user"), None);
        assert_eq!(SystemHost.user_name(0), Some(b"root".to_vec()));
        assert_eq!(SystemHost.group_name(0), Some(b"root".to_vec()));
        assert!(SystemHost.is_directory(b"/") && SystemHost.is_directory(b"/proc/self/cwd"));
        assert!(!SystemHost.is_directory(b"/proc/self/exe") && !SystemHost.is_directory(b"/nowhere"));
    }
}
