//! Device numbers as the kernel's audit sees them: the super block's, which on btrfs and overlayfs is not the one that stat tells.

use std::ffi::CString;
use std::fs;

use nix::libc;

/// `STATX_MNT_ID` (Linux 5.8).
const STATX_MNT_ID: u32 = 0x1000;

/// `dev_t` as the kernel keeps it (20 bits of minor), from the one that stat gives.
pub fn kernel(device: u64) -> u32 {
    let major = nix::sys::stat::major(device);
    let minor = nix::sys::stat::minor(device);
    (major << 20 | minor) as u32
}

/// The super block's device of the file at `path`, by the mount it is reached through; `told`, which stat gave, where the mount
/// cannot be found.
pub fn of(path: &[u8], told: u64) -> u32 {
    // Real block devices have their own number; the others may differ.
    if nix::sys::stat::major(told) != 0 {
        return kernel(told);
    }
    mount_of(path).and_then(device_of_mount).unwrap_or_else(|| kernel(told))
}

fn mount_of(path: &[u8]) -> Option<u64> {
    let path = CString::new(path).ok()?;
    let mut found = std::mem::MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: the path ends in NUL and lives across the call; the kernel fills at most a struct statx, for which all-zero bytes
    // are a value.
    let found = unsafe {
        if libc::statx(libc::AT_FDCWD, path.as_ptr(), 0, STATX_MNT_ID, found.as_mut_ptr()) != 0 {
            return None;
        }
        found.assume_init()
    };
    (found.stx_mask & STATX_MNT_ID != 0).then_some(found.stx_mnt_id)
}

/// The third field of a line of mountinfo, proc(5).
fn device_of_mount(mount: u64) -> Option<u32> {
    let mounts = fs::read("/proc/self/mountinfo").ok()?;
    let mounts = String::from_utf8_lossy(&mounts);
    let mut fields = mounts.lines().map(|line| line.split(' ')).find_map(|mut fields| {
        let id: u64 = fields.next()?.parse().ok()?;
        (id == mount).then_some(fields)
    })?;
    let (major, minor) = fields.nth(1)?.split_once(':')?;
    Some(major.parse::<u32>().ok()? << 20 | minor.parse::<u32>().ok()?)
}

#[cfg(test)]
mod tests {
    use std::os::linux::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_mount_without_a_block_device_is_found_by_its_mount() {
        let told = fs::metadata("/proc/self").unwrap().st_dev();
        assert_eq!(nix::sys::stat::major(told), 0);
        assert!(mount_of(b"/proc/self").and_then(device_of_mount).is_some());
        assert_eq!(of(b"/proc/self", told), kernel(told));
    }

    #[test]
    fn numbers_have_twenty_bits_of_minor() {
        assert_eq!(kernel(nix::sys::stat::makedev(254, 3)), 254 << 20 | 3);
    }
}
