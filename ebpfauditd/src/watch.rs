//! What the paths in rules stand for: `path=` and `exe=` for a name in a directory, whatever inode it has (`kernel/audit_watch.c`,
//! `kernel/audit_fsnotify.c`), `dir=` for the roots of a tree (`kernel/audit_tree.c`).
//!
//! A path is resolved once, when the first rule with it is loaded; as long as one is in force it stands for the same directory,
//! wherever its text would lead by now. Which inode a name has is followed by the eBPF programs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};

use audit_rules::{Condition, Field, Rule};
use nix::errno::Errno;

pub mod marks;
pub mod place;

pub use marks::Inode;
use marks::{End, Fresh, Marks, Role};
pub use place::Place;

use crate::tree;

/// Why a path cannot be watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchError {
    /// The path as the rule has it.
    pub path: Vec<u8>,
    /// What the kernel answered.
    pub errno: Errno,
}

impl fmt::Display for WatchError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "cannot watch {}: {}", String::from_utf8_lossy(&self.path), self.errno.desc())
    }
}

impl std::error::Error for WatchError {}

/// What a path of a rule has lost: the directory that its name is in, or the root of its tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The path as the rule has it.
    pub path: Vec<u8>,
    /// The inode that came to its end.
    pub inode: Inode,
    /// Whether it is the path of a tree.
    pub is_tree: bool,
}

/// The paths that are resolved.
#[derive(Debug)]
pub struct Watches {
    marks: Marks,
    places: BTreeMap<Vec<u8>, Place>,
    trees: BTreeMap<Vec<u8>, Vec<Inode>>,
    /// The first path of each place.
    first: HashMap<(Inode, Vec<u8>), Vec<u8>>,
}

/// The paths of the rules that stand for names, and those that stand for trees.
fn paths<'a>(rules: impl Iterator<Item = &'a Rule>) -> (HashSet<&'a [u8]>, HashSet<&'a [u8]>) {
    let (mut names, mut trees) = (HashSet::new(), HashSet::new());
    for rule in rules {
        for condition in rule.conditions() {
            match (condition.field(), condition.text()) {
                (Field::Path | Field::Exe, Some(path)) => drop(names.insert(path)),
                (Field::Dir, Some(path)) => drop(trees.insert(path)),
                _ => {}
            }
        }
    }
    (names, trees)
}

fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

impl Watches {
    /// Nothing resolved yet.
    pub fn new() -> Result<Self, Errno> {
        Ok(Self {
            marks: Marks::new()?,
            places: BTreeMap::new(),
            trees: BTreeMap::new(),
            first: HashMap::new(),
        })
    }

    /// Resolves the paths of rules that are not resolved yet. Those of earlier rules stay until [`keep`](Self::keep).
    pub fn resolve<'a>(&mut self, rules: impl Iterator<Item = &'a Rule>) -> Result<(), WatchError> {
        let (names, trees) = paths(rules);
        let mut fresh = Vec::new();
        let mut places = Vec::new();
        for path in names.into_iter().filter(|path| !self.places.contains_key(*path)) {
            let failed = |errno| WatchError { path: path.to_vec(), errno };
            let (mark, place) = self.place_at(path).map_err(failed)?;
            fresh.push(mark);
            places.push((path.to_vec(), place));
        }
        let mut grown = Vec::new();
        let mounts = if trees.is_empty() { Vec::new() } else { tree::mounts().unwrap_or_default() };
        for path in trees.into_iter().filter(|path| !self.trees.contains_key(*path)) {
            let failed = |errno| WatchError { path: path.to_vec(), errno };
            let (marks, unmarked) = self.tree_at(path, &mounts).map_err(failed)?;
            grown.push((path.to_vec(), marks.len(), unmarked));
            fresh.extend(marks);
        }
        let inodes = self
            .marks
            .inodes(&fresh)
            .map_err(|error| WatchError { path: b"/proc/self/fdinfo".to_vec(), errno: errno(&error) })?;
        let mut inodes = inodes.into_iter();
        for ((path, mut place), dir) in places.into_iter().zip(inodes.by_ref()) {
            place.dir = dir;
            self.places.insert(path, place);
        }
        for (path, marked, unmarked) in grown {
            let roots = inodes.by_ref().take(marked).chain(unmarked).collect();
            self.trees.insert(path, roots);
        }
        self.find_first();
        Ok(())
    }

    /// Marks the directory of a name. Which inode it is comes out later.
    fn place_at(&self, path: &[u8]) -> Result<(Fresh, Place), Errno> {
        let (parent, name) = place::split(path)?;
        let dir = place::directory(parent)?;
        let mark = self.marks.add(dir.as_fd(), Role::Directory)?;
        let told = place::told(dir.as_fd())?;
        let dir = Inode { ino: 0, dev: 0 };
        Ok((mark, Place { dir, name: name.to_vec(), path: parent.to_vec(), told }))
    }

    /// Marks the roots of a tree; what cannot be marked below it is known by its numbers alone.
    fn tree_at(&self, path: &[u8], mounts: &[tree::Mount]) -> Result<(Vec<Fresh>, Vec<Inode>), Errno> {
        let (mut marked, mut unmarked) = (Vec::new(), Vec::new());
        for root in tree::roots(path, mounts)? {
            match (self.marks.add(root.file.as_fd(), Role::Root), root.dev) {
                (Ok(mark), _) => marked.push(mark),
                (Err(errno), None) => return Err(errno),
                (Err(_), Some(dev)) => {
                    let ino = place::number(root.file.as_fd()).map_err(|error| errno(&error))?;
                    unmarked.push(Inode { ino, dev });
                }
            }
        }
        Ok((marked, unmarked))
    }

    fn find_first(&mut self) {
        self.first.clear();
        for (path, place) in &self.places {
            self.first.entry((place.dir, place.name.clone())).or_insert_with(|| path.clone());
        }
    }

    /// The one path that stands for all that lead to the same name in the same directory: `/bin/su` and `/usr/bin/su`, say.
    pub fn canonical<'a>(&'a self, path: &'a [u8]) -> &'a [u8] {
        self.places
            .get(path)
            .and_then(|place| self.first.get(&(place.dir, place.name.clone())))
            .map_or(path, Vec::as_slice)
    }

    /// Where the name of a `path=` or `exe=` rule is.
    pub fn place(&self, path: &[u8]) -> Option<&Place> {
        self.places.get(path)
    }

    /// The roots of the tree of a `dir=` rule, its own first.
    pub fn roots(&self, path: &[u8]) -> &[Inode] {
        self.trees.get(path).map_or(&[], Vec::as_slice)
    }

    /// Forgets all paths but those of `rules`, so that the others are resolved anew. What they stood for is still marked: tables
    /// that are in use may know of it.
    pub fn release<'a>(&mut self, rules: impl Iterator<Item = &'a Rule>) {
        let (names, trees) = paths(rules);
        self.places.retain(|path, _| names.contains(path.as_slice()));
        self.trees.retain(|path, _| trees.contains(path.as_slice()));
        self.find_first();
    }

    /// Forgets all paths but those of `rules`, which are in force now.
    pub fn keep<'a>(&mut self, rules: impl Iterator<Item = &'a Rule>) {
        self.release(rules);
        self.unmark();
    }

    /// Takes off the marks that nothing resolved needs.
    fn unmark(&mut self) {
        let directories: HashSet<Inode> = self.places.values().map(|place| place.dir).collect();
        let roots: HashSet<Inode> = self.trees.values().flatten().copied().collect();
        self.marks.keep(|inode| match (directories.contains(&inode), roots.contains(&inode)) {
            (true, _) => Some(Role::Directory),
            (false, true) => Some(Role::Root),
            (false, false) => None,
        });
    }

    /// The descriptor that is readable when [`lost`](Self::lost) has something to say.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.marks.as_fd()
    }

    /// The paths that have lost what they stood for since the last time. The kernel removes their rules. They are forgotten: a
    /// rule with such a path that is added again is resolved anew.
    pub fn lost(&mut self) -> Result<Vec<Lost>, Errno> {
        let mut lost = Vec::new();
        for (inode, end) in self.marks.ends()? {
            self.places.retain(|path, place| {
                let is_lost = place.dir == inode;
                if is_lost {
                    lost.push(Lost { path: path.clone(), inode, is_tree: false });
                }
                !is_lost
            });
            if end == End::Moved {
                continue;
            }
            self.trees.retain(|path, roots| {
                let is_lost = roots.first() == Some(&inode);
                if is_lost {
                    lost.push(Lost { path: path.clone(), inode, is_tree: true });
                }
                roots.retain(|&root| root != inode);
                !is_lost
            });
        }
        if !lost.is_empty() {
            self.find_first();
            self.unmark();
        }
        Ok(lost)
    }

    /// What has to be done from time to time: the queue of events that the eBPF programs have seen already is emptied.
    pub fn tidy(&self) -> Result<(), Errno> {
        self.marks.tidy()
    }
}

/// Whether a rule has a path that is resolved.
pub fn has_path(rule: &Rule) -> bool {
    rule.conditions()
        .iter()
        .any(|condition| matches!(condition.field(), Field::Path | Field::Exe | Field::Dir))
}

/// The path of a rule's `path=`, `exe=` or `dir=` condition.
pub fn path_of(rule: &Rule, field: Field) -> Option<&[u8]> {
    rule.condition(field).and_then(Condition::text)
}

#[cfg(test)]
mod tests;
