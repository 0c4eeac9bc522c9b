//! The roots of a `dir=` rule: the directory itself and the root of every mount below it, as `audit_add_tree_rule`
//! (`kernel/audit_tree.c`) collects them when the rule is loaded.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use crate::watch::place;

/// A mount, from its line of mountinfo, proc(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Its number.
    pub id: u64,
    /// The number of the mount that it is on.
    pub parent: u64,
    /// The super block's device, as the kernel keeps it.
    pub dev: u32,
    /// Where it is.
    pub point: PathBuf,
}

/// The mounts of this process's mount namespace.
pub fn mounts() -> io::Result<Vec<Mount>> {
    Ok(std::fs::read("/proc/self/mountinfo")?.split(|&byte| byte == b'\n').filter_map(parse).collect())
}

fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&byte| byte == b' ');
    let mut text = || fields.next().and_then(|field| std::str::from_utf8(field).ok());
    let id = text()?.parse().ok()?;
    let parent = text()?.parse().ok()?;
    let (major, minor) = text()?.split_once(':')?;
    let dev = major.parse::<u32>().ok()? << 20 | minor.parse::<u32>().ok()?;
    let point = PathBuf::from(OsString::from_vec(unescape(fields.nth(1)?)));
    Some(Mount { id, parent, dev, point })
}

/// Space, tab, newline and backslash are written as octal numbers (`seq_path`).
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let octal = |digits: &[u8]| {
            digits.iter().try_fold(0u8, |value, digit| {
                value.checked_mul(8)?.checked_add(digit.checked_sub(b'0').filter(|digit| *digit < 8)?)
            })
        };
        match (byte, after.split_at_checked(3)) {
            (b'\\', Some((digits, tail))) if octal(digits).is_some() => {
                plain.extend(octal(digits));
                rest = tail;
            }
            _ => {
                plain.push(byte);
                rest = after;
            }
        }
    }
    plain
}

/// The mounts below `top` on mount `id`, and those on them.
fn below<'a>(mounts: &'a [Mount], id: u64, top: &Path) -> Vec<&'a Mount> {
    let mut inside = HashSet::new();
    let mut found: Vec<&Mount> = Vec::new();
    loop {
        let before = found.len();
        for mount in mounts {
            let is_child = (mount.parent == id && mount.point != top && mount.point.starts_with(top))
                || inside.contains(&mount.parent);
            if is_child && mount.id != id && inside.insert(mount.id) {
                found.push(mount);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

/// A root of a tree, open, and the device of its super block where that is known already.
#[derive(Debug)]
pub struct Root {
    /// The root, opened without access.
    pub file: OwnedFd,
    /// Of a mount: from its line of mountinfo.
    pub dev: Option<u32>,
}

/// Opens the roots of the tree at `path`; the first is the tree's own. A mount that another one hides is left out: nothing in it
/// can be reached by a name.
///
/// # Errors
/// What the look-up of the path gives.
pub fn roots(path: &[u8], mounts: &[Mount]) -> Result<Vec<Root>, Errno> {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    // kern_path without LOOKUP_FOLLOW: a link in the last place is the tree itself, unless a slash follows it
    let own = open(std::ffi::OsStr::from_bytes(path), flags | OFlag::O_NOFOLLOW, Mode::empty())?;
    let errno = |error: &io::Error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
    let id = place::mount(own.as_fd()).map_err(|error| errno(&error))?;
    let top =
        std::fs::read_link(format!("/proc/self/fd/{}", own.as_raw_fd())).map_err(|error| errno(&error))?;
    let mut roots = vec![Root { file: own, dev: None }];
    for mount in below(mounts, id, &top) {
        let Ok(file) = open(&mount.point, flags, Mode::empty()) else { continue };
        if place::mount(file.as_fd()).is_ok_and(|id| id == mount.id) {
            roots.push(Root { file, dev: Some(mount.dev) });
        }
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(id: u64, parent: u64, point: &str) -> Mount {
        Mount { id, parent, dev: 0, point: point.into() }
    }

    #[test]
    fn a_line_of_mountinfo_is_read() {
        let line = br"36 35 98:5 /mnt1 /mnt\0402 rw,noatime master:1 - ext3 /dev/root rw,errors=continue";
        let expected = Mount { id: 36, parent: 35, dev: 98 << 20 | 5, point: "/mnt 2".into() };
        assert_eq!(parse(line), Some(expected));
        assert_eq!(parse(b""), None);
        assert_eq!(unescape(br"a\134b\9\04"), br"a\b\9\04");
    }

    #[test]
    fn mounts_below_are_those_in_the_directory_and_on_them() {
        let mounts = [
            mount(1, 1, "/"),
            mount(2, 1, "/srv/a"),
            mount(3, 2, "/srv/a/b"),
            mount(4, 1, "/srvx"),
            mount(5, 3, "/srv/a/b/c"),
            mount(6, 4, "/srvx/y"),
        ];
        let ids = |id, top: &str| {
            below(&mounts, id, Path::new(top)).iter().map(|mount| mount.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(1, "/srv"), [2, 3, 5]);
        assert_eq!(ids(2, "/srv/a"), [3, 5]);
        assert_eq!(ids(1, "/"), [2, 3, 4, 5, 6]);
        assert_eq!(ids(3, "/srv/a/b/d"), [0u64; 0]);
    }

    #[test]
    fn the_first_root_is_the_directory_and_proc_is_below_the_top() {
        let mounts = mounts().unwrap();
        let found = roots(b"/", &mounts).unwrap();
        assert_eq!(place::told(found[0].file.as_fd()), place::told(place::directory(b"/").unwrap().as_fd()));
        let proc = place::told(place::directory(b"/proc").unwrap().as_fd());
        assert!(found.iter().any(|root| place::told(root.file.as_fd()) == proc));
        assert_eq!(roots(b"/nowhere", &mounts).err(), Some(Errno::ENOENT));
    }

    #[test]
    fn a_link_in_the_last_place_is_the_tree_itself() {
        let at = tempfile::tempdir().unwrap();
        let (target, link) = (at.path().join("target"), at.path().join("link"));
        std::fs::create_dir(&target).unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let root =
            |path: &Path| place::told(roots(path.as_os_str().as_bytes(), &[]).unwrap()[0].file.as_fd());
        assert_ne!(root(&link), root(&target));
        assert_eq!(root(&link.join("")), root(&target));
    }
}
