//! Marks on inodes: they make the kernel tell of an inode's children and of its end, keep its number from being given to another,
//! and say which number and device it has for the kernel's audit.
//!
//! The eBPF programs hang on `inotify_handle_inode_event`, which the kernel calls for marked inodes alone: so nothing else on
//! the machine pays for following watches. There are two instances: the queue of one fills with what happens to names and may
//! overflow without harm, for the programs have seen it all; the other one is read.

use std::collections::HashMap;
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::inotify::{InitFlags, Inotify};
use nix::unistd::read;

/// Bytes that are read from a queue at once.
const QUEUE_READ: usize = 16 << 10;
/// Bytes of a `struct inotify_event` before its name.
const EVENT: usize = 16;

/// An inode as the kernel's audit numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Inode {
    /// `i_ino`.
    pub ino: u64,
    /// `s_dev` of its super block, in the kernel's own form.
    pub dev: u32,
}

/// What befell a marked inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It does not exist any more, or its filesystem is not mounted any more.
    Gone,
    /// It has another name or directory.
    Moved,
}

/// What a mark is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Its children are followed.
    Directory,
    /// Only its end is of interest.
    Root,
}

/// The marks that are set.
#[derive(Debug)]
pub struct Marks {
    names: Inotify,
    ends: Inotify,
    /// By descriptor among `ends`.
    marked: HashMap<i32, Inode>,
    /// Descriptors among `names` and `ends`.
    descriptors: HashMap<Inode, (Option<i32>, i32)>,
}

/// An inode that is being marked: which one it is comes out when all are.
#[derive(Clone, Copy, Debug)]
pub struct Fresh {
    name: Option<i32>,
    end: i32,
}

impl Marks {
    /// Two instances of inotify without marks.
    pub fn new() -> Result<Self, Errno> {
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        Ok(Self {
            names: Inotify::init(flags)?,
            ends: Inotify::init(flags)?,
            marked: HashMap::new(),
            descriptors: HashMap::new(),
        })
    }

    /// Marks what an open file is.
    ///
    /// # Errors
    /// `ENOSPC` when root may not mark so many (`fs.inotify.max_user_watches`); what a filesystem that bars root answers.
    pub fn add(&self, file: BorrowedFd<'_>, role: Role) -> Result<Fresh, Errno> {
        let name = match role {
            Role::Directory => {
                let changes = libc::IN_CREATE | libc::IN_DELETE | libc::IN_MOVE;
                Some(add(&self.names, file, changes)?)
            }
            Role::Root => None,
        };
        let end = add(&self.ends, file, libc::IN_DELETE_SELF | libc::IN_MOVE_SELF)?;
        Ok(Fresh { name, end })
    }

    /// Which inodes were marked.
    pub fn inodes(&mut self, fresh: &[Fresh]) -> io::Result<Vec<Inode>> {
        if fresh.iter().any(|mark| !self.marked.contains_key(&mark.end)) {
            let path = format!("/proc/self/fdinfo/{}", self.ends.as_fd().as_raw_fd());
            self.marked = numbers(&fs::read_to_string(path)?);
        }
        fresh
            .iter()
            .map(|mark| {
                let gone = || io::Error::from_raw_os_error(libc::ENOENT);
                let inode = self.marked.get(&mark.end).copied().ok_or_else(gone)?;
                let known = self.descriptors.entry(inode).or_insert((None, mark.end));
                known.0 = known.0.or(mark.name);
                known.1 = mark.end;
                Ok(inode)
            })
            .collect()
    }

    /// Takes the marks off all inodes but those for which `role` gives one.
    pub fn keep(&mut self, role: impl Fn(Inode) -> Option<Role>) {
        let (names, ends, marked) = (&self.names, &self.ends, &mut self.marked);
        self.descriptors.retain(|&inode, (name, end)| {
            let role = role(inode);
            if role != Some(Role::Directory)
                && let Some(name) = name.take()
            {
                remove(names, name);
            }
            if role.is_none() {
                remove(ends, *end);
                marked.remove(end);
            }
            role.is_some()
        });
    }

    /// The descriptor that is readable when an inode has come to its end.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.ends.as_fd()
    }

    /// The inodes that came to their ends since the last time.
    pub fn ends(&mut self) -> Result<Vec<(Inode, End)>, Errno> {
        let mut found = Vec::new();
        drain(&self.ends, |descriptor, mask| {
            let end = if mask & (libc::IN_DELETE_SELF | libc::IN_UNMOUNT | libc::IN_IGNORED) != 0 {
                End::Gone
            } else {
                End::Moved
            };
            if let Some(&inode) = self.marked.get(&descriptor) {
                found.push((inode, end));
            }
            if mask & libc::IN_IGNORED != 0
                && let Some(inode) = self.marked.remove(&descriptor)
            {
                self.descriptors.remove(&inode);
            }
        })?;
        Ok(found)
    }

    /// Empties the queue that nobody reads.
    pub fn tidy(&self) -> Result<(), Errno> {
        drain(&self.names, |_, _| {})
    }
}

fn add(instance: &Inotify, file: BorrowedFd<'_>, mask: u32) -> Result<i32, Errno> {
    let path = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the descriptor is open for as long as the instance is borrowed, and the path ends in NUL and lives across the call.
    let descriptor = unsafe { libc::inotify_add_watch(instance.as_fd().as_raw_fd(), path.as_ptr(), mask) };
    Errno::result(descriptor)
}

fn remove(instance: &Inotify, descriptor: i32) {
    // It may be gone already, with its inode.
    // SAFETY: the descriptor of the instance is open for as long as it is borrowed; the call takes no pointer.
    let _ = unsafe { libc::inotify_rm_watch(instance.as_fd().as_raw_fd(), descriptor) };
}

/// Reads a queue until it is empty; gives each event's descriptor and mask.
fn drain(instance: &Inotify, mut take: impl FnMut(i32, u32)) -> Result<(), Errno> {
    let mut buffer = vec![0u8; QUEUE_READ];
    loop {
        let length = match read(instance.as_fd(), &mut buffer) {
            Ok(0) | Err(Errno::EAGAIN) => return Ok(()),
            Ok(length) => length,
            Err(Errno::EINTR) => continue,
            Err(error) => return Err(error),
        };
        let mut rest = &buffer[..length];
        while let Some((event, after)) = rest.split_at_checked(EVENT) {
            let word = |at: usize| event[at..at + 4].try_into().map(u32::from_ne_bytes).unwrap_or_default();
            take(word(0) as i32, word(4));
            rest = after.get(word(12) as usize..).unwrap_or_default();
        }
    }
}

/// The marks of an instance, from its fdinfo (`fs/notify/fdinfo.c` `inotify_fdinfo`).
fn numbers(fdinfo: &str) -> HashMap<i32, Inode> {
    let field = |line: &str, name: &str| {
        let word = line.split(' ').find_map(|word| word.strip_prefix(name))?;
        u64::from_str_radix(word, 16).ok()
    };
    fdinfo
        .lines()
        .filter(|line| line.starts_with("inotify "))
        .filter_map(|line| {
            let inode = Inode { ino: field(line, "ino:")?, dev: field(line, "sdev:")? as u32 };
            Some((field(line, "wd:")? as i32, inode))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::linux::fs::MetadataExt;

    use super::*;
    use crate::device;

    fn marked(marks: &mut Marks, path: &std::path::Path, role: Role) -> Inode {
        let fresh = marks.add(File::open(path).unwrap().as_fd(), role).unwrap();
        marks.inodes(&[fresh]).unwrap()[0]
    }

    #[test]
    fn the_numbers_are_the_kernels() {
        let text = "pos:\t0\nflags:\t02004000\ninotify wd:a ino:b0f sdev:fd00001 mask:ce ignored_mask:0 fhandle-bytes:8\n";
        assert_eq!(numbers(text), HashMap::from([(10, Inode { ino: 0xb0f, dev: 0xfd0_0001 })]));
        let mut marks = Marks::new().unwrap();
        let at = std::path::Path::new("/proc/self");
        let told = std::fs::metadata(at).unwrap();
        let expected = Inode { ino: told.st_ino(), dev: device::kernel(told.st_dev()) };
        assert_eq!(marked(&mut marks, at, Role::Root), expected);
    }

    #[test]
    fn ends_are_told_once_and_others_are_not() {
        let place = tempfile::tempdir().unwrap();
        let (one, two) = (place.path().join("one"), place.path().join("two"));
        std::fs::create_dir(&one).unwrap();
        std::fs::create_dir(&two).unwrap();
        let mut marks = Marks::new().unwrap();
        let first = marked(&mut marks, &one, Role::Directory);
        let second = marked(&mut marks, &two, Role::Root);
        File::create(one.join("file")).unwrap();
        std::fs::remove_file(one.join("file")).unwrap();
        assert_eq!(marks.ends().unwrap(), []);
        marks.tidy().unwrap();
        std::fs::rename(&one, place.path().join("three")).unwrap();
        std::fs::remove_dir(&two).unwrap();
        let ends = marks.ends().unwrap();
        assert_eq!(ends[0], (first, End::Moved));
        assert!(ends[1..].iter().all(|&end| end == (second, End::Gone)) && ends.len() > 1);
        assert_eq!(marks.ends().unwrap(), []);
    }

    #[test]
    fn a_mark_is_kept_for_its_role_only() {
        let place = tempfile::tempdir().unwrap();
        let mut marks = Marks::new().unwrap();
        let inode = marked(&mut marks, place.path(), Role::Directory);
        marks.keep(|_| Some(Role::Root));
        assert_eq!(marks.descriptors[&inode].0, None);
        assert_eq!(marked(&mut marks, place.path(), Role::Directory), inode);
        assert!(marks.descriptors[&inode].0.is_some());
        marks.keep(|_| None);
        assert!(marks.descriptors.is_empty() && marks.marked.is_empty());
    }
}
