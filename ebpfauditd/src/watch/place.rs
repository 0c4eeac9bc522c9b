//! Where a watched name is: its directory and last component, as `kern_path_parent` (`fs/namei.c`) finds them for the kernel's
//! audit, and what the name leads to at a moment.

use std::ffi::{CStr, OsStr};
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::libc;
use nix::sys::stat::{Mode, fstat};

use super::marks::Inode;

/// `NAME_MAX`.
const NAME_MAX: usize = 255;
/// `OPEN_TREE_CLONE` of `linux/mount.h`.
const OPEN_TREE_CLONE: libc::c_uint = 1;

/// A watched name in its directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The directory.
    pub dir: Inode,
    /// The last component.
    pub name: Vec<u8>,
    /// By which the directory was reached.
    pub path: Vec<u8>,
    /// What stat told of the directory then: device and number.
    pub told: (u64, u64),
}

/// A path without its last component, and the last component.
///
/// # Errors
/// `EINVAL` when it has none: a slash or dots at the end; `ENAMETOOLONG` when no name can be as long.
pub fn split(path: &[u8]) -> Result<(&[u8], &[u8]), Errno> {
    let slash = path.iter().rposition(|&byte| byte == b'/').ok_or(Errno::EINVAL)?;
    let (dir, name) = (&path[..slash], &path[slash + 1..]);
    match name {
        b"" | b"." | b".." => Err(Errno::EINVAL),
        name if name.len() > NAME_MAX => Err(Errno::ENAMETOOLONG),
        name => Ok((if dir.is_empty() { b"/" } else { dir }, name)),
    }
}

/// The directory at a path, symbolic links followed.
pub fn directory(path: &[u8]) -> Result<OwnedFd, Errno> {
    open(OsStr::from_bytes(path), OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
}

/// What stat tells of an open file: device and number.
pub fn told(file: BorrowedFd<'_>) -> Result<(u64, u64), Errno> {
    fstat(file).map(|found| (found.st_dev, found.st_ino))
}

impl Place {
    /// Opens the directory again; `None` when its path does not lead to it any more.
    pub fn open(&self) -> Option<OwnedFd> {
        let dir = directory(&self.path).ok()?;
        (told(dir.as_fd()) == Ok(self.told)).then_some(dir)
    }

    /// The number of the inode that the name has at present in `dir`, the open directory; `None` if there is no such name.
    ///
    /// A mount on top of the name does not hide it: the kernel looks for the name in the directory itself.
    pub fn look(&self, dir: BorrowedFd<'_>) -> io::Result<Option<u64>> {
        let name = OsStr::from_bytes(&self.name);
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let found = |dir: BorrowedFd<'_>| match openat(dir, name, flags, Mode::empty()) {
            Ok(file) => Ok(Some(file)),
            Err(Errno::ENOENT) => Ok(None),
            Err(error) => Err(error),
        };
        let Some(mut file) = found(dir)? else { return Ok(None) };
        if mount(file.as_fd())? != mount(dir)? {
            let alone = without_mounts(dir)?;
            match found(alone.as_fd())? {
                Some(below) => file = below,
                None => return Ok(None),
            }
        }
        number(file.as_fd()).map(Some)
    }
}

/// A copy of the mount that a directory is on, beginning there, without the mounts below.
fn without_mounts(dir: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let empty: &CStr = c"";
    let flags = OPEN_TREE_CLONE | (libc::O_CLOEXEC | libc::AT_EMPTY_PATH) as libc::c_uint;
    // SAFETY: the path ends in NUL and lives across the call, which takes no other pointer.
    let copy = unsafe { libc::syscall(libc::SYS_open_tree, dir.as_raw_fd(), empty.as_ptr(), flags) };
    let copy = Errno::result(copy)? as i32;
    // SAFETY: the kernel has just made this descriptor, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// A line of the fdinfo of an open file.
fn line(file: BorrowedFd<'_>, name: &str) -> io::Result<Option<u64>> {
    let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd()))?;
    Ok(text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()))
}

/// The number of the mount that an open file was reached through.
pub fn mount(file: BorrowedFd<'_>) -> io::Result<u64> {
    line(file, "mnt_id:")?.ok_or_else(|| io::ErrorKind::Unsupported.into())
}

/// `i_ino` of an open file. The kernel tells it since 5.14; before, what stat tells is as near as one gets: they differ where a
/// filesystem puts several others together.
pub fn number(file: BorrowedFd<'_>) -> io::Result<u64> {
    match line(file, "ino:")? {
        Some(number) => Ok(number),
        None => Ok(told(file)?.1),
    }
}

#[cfg(test)]
mod tests {
    use std::os::linux::fs::MetadataExt;
    use std::os::unix::fs::symlink;

    use super::*;

    fn place(dir: &std::path::Path, name: &str) -> Place {
        let path = dir.as_os_str().as_bytes().to_vec();
        let told = told(directory(&path).unwrap().as_fd()).unwrap();
        Place { dir: Inode { ino: told.1, dev: 0 }, name: name.into(), path, told }
    }

    #[test]
    fn a_path_has_a_directory_and_a_last_component() {
        assert_eq!(split(b"/etc/passwd"), Ok((&b"/etc"[..], &b"passwd"[..])));
        assert_eq!(split(b"/etc//passwd"), Ok((&b"/etc/"[..], &b"passwd"[..])));
        assert_eq!(split(b"/passwd"), Ok((&b"/"[..], &b"passwd"[..])));
        for bad in [&b"/etc/"[..], b"/", b"/etc/.", b"/etc/..", b"etc"] {
            assert_eq!(split(bad), Err(Errno::EINVAL));
        }
        assert_eq!(split(&[b"/".as_slice(), &[b'a'; 256]].concat()), Err(Errno::ENAMETOOLONG));
        assert!(split(&[b"/".as_slice(), &[b'a'; 255]].concat()).is_ok());
    }

    #[test]
    fn a_link_is_itself_and_what_is_missing_is_nothing() {
        let at = tempfile::tempdir().unwrap();
        let link = place(at.path(), "link");
        let dir = link.open().unwrap();
        assert_eq!(link.look(dir.as_fd()).unwrap(), None);
        symlink("/etc/passwd", at.path().join("link")).unwrap();
        let expected = fs::symlink_metadata(at.path().join("link")).unwrap().st_ino();
        assert_eq!(link.look(dir.as_fd()).unwrap(), Some(expected));
    }

    #[test]
    fn a_directory_that_is_not_where_it_was_is_not_opened() {
        let at = tempfile::tempdir().unwrap();
        let inside = at.path().join("inside");
        fs::create_dir(&inside).unwrap();
        let name = place(&inside, "name");
        assert!(name.open().is_some());
        fs::rename(&inside, at.path().join("elsewhere")).unwrap();
        assert!(name.open().is_none());
        fs::create_dir(&inside).unwrap();
        assert!(name.open().is_none());
    }

    #[test]
    fn a_mount_does_not_hide_a_name() {
        use nix::mount::{MntFlags, MsFlags, mount, umount2};
        let at = tempfile::tempdir().unwrap();
        let (below, above) = (at.path().join("below"), at.path().join("above"));
        fs::write(&below, "below").unwrap();
        fs::write(&above, "above").unwrap();
        let expected = fs::metadata(&below).unwrap().st_ino();
        mount(Some(&above), &below, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
        let name = place(at.path(), "below");
        let found = name.look(name.open().unwrap().as_fd());
        umount2(&below, MntFlags::MNT_DETACH).unwrap();
        assert_eq!(found.unwrap(), Some(expected));
    }
}
