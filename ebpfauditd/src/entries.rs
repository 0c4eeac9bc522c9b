//! The kernel's list of names, made up again from the lookups that the hooks have seen: `audit_getname`, `audit_inode`,
//! `audit_file` and `audit_inode_child` of `kernel/auditsc.c`, quirks included.

use kern::abi::{self, LookupOp};

use crate::names::{NameType, parent_len};
use crate::release::Release;

/// In what the kernels' versions of the algorithm differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithm {
    /// Slashes at a name's end do not keep a child from being found in it (6.14).
    pub ends_trimmed: bool,
    /// A child's directory and its own entry are looked for at once (6.19), not one after the other.
    pub one_pass: bool,
}

impl Algorithm {
    /// That of a kernel.
    pub fn of(release: Release) -> Self {
        Self { ends_trimmed: release >= Release(6, 14), one_pass: release >= Release(6, 19) }
    }
}

/// A lookup with its text.
#[derive(Clone, Copy, Debug)]
pub struct Lookup<'a> {
    /// What was done, and what was found.
    pub facts: &'a abi::Lookup,
    /// The whole name; of a child its last component.
    pub text: &'a [u8],
}

impl Lookup<'_> {
    fn inode(&self) -> Option<&abi::Inode> {
        (self.facts.flags & abi::LOOKUP_INODE != 0).then_some(&self.facts.inode)
    }
}

/// An entry of the list (`struct audit_names`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The name that led to it; `None` for a descriptor or a directory that was never looked up.
    pub name: Option<&'a [u8]>,
    /// How much of the name is meant, `None`: all of it. Nothing of it means the working directory.
    pub name_len: Option<usize>,
    /// How it takes part.
    pub kind: NameType,
    /// What the name led to.
    pub inode: Option<abi::Inode>,
    /// Counted, not shown.
    pub hidden: bool,
    /// File capabilities were not asked for (`AUDIT_INODE_NOEVAL`).
    pub unevaluated: bool,
}

impl Entry<'_> {
    fn is_at(&self, ino: u64, dev: u32) -> bool {
        self.inode.is_some_and(|inode| inode.ino == ino && inode.dev == dev)
    }

    fn is(&self, kind: NameType) -> bool {
        // what the kernel does not know yet can become anything
        self.kind == kind || self.kind == NameType::Unknown
    }
}

/// The list after `lookups`, in order of creation. `is_hidden` says of a filesystem's magic number whether the filesystem list
/// keeps its inodes out: lookups there leave no trace but the name itself.
pub fn replay<'a>(
    lookups: &(impl Iterator<Item = Lookup<'a>> + Clone),
    algorithm: Algorithm,
    is_hidden: &impl Fn(u32) -> bool,
) -> Vec<Entry<'a>> {
    let mut list = List { entries: Vec::with_capacity(8), owners: Vec::with_capacity(8), algorithm };
    for lookup in lookups.clone() {
        let Some(op) = LookupOp::from_number(lookup.facts.op) else { continue };
        match op {
            LookupOp::Getname => {
                list.owner(lookup);
            }
            LookupOp::Normal | LookupOp::Parent | LookupOp::File => {
                let own = list.owner(lookup);
                let Some(inode) = lookup.inode().filter(|inode| !is_hidden(inode.magic)) else { continue };
                list.inode(lookup, own, *inode, op == LookupOp::Parent);
            }
            LookupOp::Delete | LookupOp::Create => {
                let directory = directory_of(lookup.facts, lookups.clone());
                let magic = lookup.inode().map_or(directory.magic, |inode| inode.magic);
                if !is_hidden(magic) {
                    let kind = if op == LookupOp::Delete { NameType::Delete } else { NameType::Create };
                    if lookup.facts.flags & abi::LOOKUP_AGAIN != 0 {
                        list.child(lookup.text, directory, kind, None);
                    }
                    list.child(lookup.text, directory, kind, lookup.inode().copied());
                }
            }
            LookupOp::Directory => {}
        }
    }
    list.entries
}

/// What is known of a child's directory: what a lookup found at its number, else what one found on its filesystem.
fn directory_of<'a>(child: &abi::Lookup, lookups: impl Iterator<Item = Lookup<'a>> + Clone) -> abi::Inode {
    let (ino, dev) = (child.dir_ino, child.dir_dev);
    let mut inodes = lookups.filter_map(|lookup| lookup.inode().copied()).filter(|inode| inode.dev == dev);
    if let Some(directory) = inodes.clone().find(|inode| inode.ino == ino) {
        return directory;
    }
    let magic = inodes.next().map_or(0, |inode| inode.magic);
    abi::Inode { ino, dev, magic, ..abi::Inode::default() }
}

struct List<'a> {
    entries: Vec<Entry<'a>>,
    /// Which entry each `struct filename` has made (`aname`), by its address; the last one counts.
    owners: Vec<(u64, usize)>,
    algorithm: Algorithm,
}

impl<'a> List<'a> {
    fn add(&mut self, name: Option<&'a [u8]>, kind: NameType) -> usize {
        let entry = Entry { name, name_len: None, kind, inode: None, hidden: false, unevaluated: false };
        self.entries.push(entry);
        self.entries.len() - 1
    }

    fn getname(&mut self, lookup: Lookup<'a>) {
        let entry = self.add(Some(lookup.text), NameType::Unknown);
        self.owners.push((lookup.facts.name, entry));
    }

    /// The entry that the lookup's name has made, or makes now; `None`: there is no name. A name is told by its address, until that
    /// address is used for another.
    fn owner(&mut self, lookup: Lookup<'a>) -> Option<usize> {
        let address = lookup.facts.name;
        if address == 0 {
            return None;
        }
        let known = self.owners.iter().rev().find(|(owner, _)| *owner == address).map(|(_, entry)| *entry);
        // a name's text never changes: another one at the same address is another name
        let same = |&entry: &usize| self.entries[entry].name == Some(lookup.text);
        if lookup.facts.flags & abi::LOOKUP_NEW == 0
            && let Some(entry) = known.filter(same)
        {
            return Some(entry);
        }
        self.getname(lookup);
        self.owners.last().map(|(_, entry)| *entry)
    }

    /// `__audit_inode`
    fn inode(&mut self, lookup: Lookup<'a>, own: Option<usize>, inode: abi::Inode, parent: bool) {
        let fits = |entry: &Entry<'_>| {
            if parent { entry.is(NameType::Parent) } else { entry.kind != NameType::Parent }
        };
        let found = own.and_then(|own| {
            if fits(&self.entries[own]) {
                return Some(own);
            }
            self.entries.iter().rposition(|entry| entry.is_at(inode.ino, inode.dev) && fits(entry))
        });
        let name = own.map(|_| lookup.text);
        let at = found.unwrap_or_else(|| self.add(name, NameType::Unknown));
        let entry = &mut self.entries[at];
        if parent {
            entry.kind = NameType::Parent;
            entry.name_len = entry.name.map(parent_len);
            entry.hidden |= lookup.facts.flags & abi::LOOKUP_HIDDEN != 0;
        } else {
            entry.kind = NameType::Normal;
            entry.name_len = None;
        }
        entry.unevaluated |= lookup.facts.flags & abi::LOOKUP_NOEVAL != 0;
        entry.inode = Some(inode);
    }

    /// `__audit_inode_child`
    fn child(&mut self, name: &[u8], directory: abi::Inode, kind: NameType, inode: Option<abi::Inode>) {
        let (parent, child) = if self.algorithm.one_pass {
            self.find_at_once(name, &directory, kind)
        } else {
            let parent = self.take(NameType::Parent, |list, entry| list.is_parent(entry, name, &directory));
            let prefix = self.prefix(parent);
            (parent, self.take(kind, |list, entry| list.is_child(entry, name, prefix)))
        };
        if parent.is_none() {
            let anonymous = self.add(None, NameType::Parent);
            self.entries[anonymous].inode = Some(directory);
        }
        let child = child.unwrap_or_else(|| {
            let name = parent.and_then(|parent| self.entries[parent].name);
            self.add(name, kind)
        });
        self.entries[child].inode = inode;
    }

    /// The first entry of `kind`, or of none yet, that has a name and is `wanted`; it is of `kind` from now on.
    fn take(&mut self, kind: NameType, wanted: impl Fn(&Self, &Entry<'_>) -> bool) -> Option<usize> {
        let found = self.entries.iter().position(|entry| entry.is(kind) && wanted(self, entry))?;
        self.entries[found].kind = kind;
        Some(found)
    }

    /// Both entries in one pass: one that is passed over as the child's while no directory is known yet is not looked at
    /// again, and one that precedes the directory is compared by a prefix of its own.
    fn find_at_once(
        &mut self,
        name: &[u8],
        directory: &abi::Inode,
        kind: NameType,
    ) -> (Option<usize>, Option<usize>) {
        let (mut parent, mut child) = (None, None);
        for at in 0..self.entries.len() {
            let entry = &self.entries[at];
            if parent.is_none() && entry.is(NameType::Parent) && self.is_parent(entry, name, directory) {
                parent = Some(at);
                self.entries[at].kind = NameType::Parent;
            } else if child.is_none() && entry.is(kind) && self.is_child(entry, name, self.prefix(parent)) {
                child = Some(at);
                self.entries[at].kind = kind;
            }
            if parent.is_some() && child.is_some() {
                break;
            }
        }
        (parent, child)
    }

    fn prefix(&self, parent: Option<usize>) -> Option<usize> {
        parent.and_then(|parent| self.entries[parent].name_len)
    }

    fn is_parent(&self, entry: &Entry<'_>, child: &[u8], directory: &abi::Inode) -> bool {
        entry.name.is_some_and(|name| {
            entry.is_at(directory.ino, directory.dev) && self.ends_with(name, child, entry.name_len)
        })
    }

    fn is_child(&self, entry: &Entry<'_>, child: &[u8], prefix: Option<usize>) -> bool {
        entry.name.is_some_and(|name| name == child || self.ends_with(name, child, prefix))
    }

    /// Whether `name` is `last` after its first `prefix` bytes; `None`: after its directory (`audit_compare_dname_path`).
    fn ends_with(&self, name: &[u8], last: &[u8], prefix: Option<usize>) -> bool {
        let Some(mut rest) = name.get(prefix.unwrap_or_else(|| parent_len(name))..) else { return false };
        if self.algorithm.ends_trimmed {
            while let Some(trimmed) = rest.strip_suffix(b"/") {
                rest = trimmed;
            }
        }
        rest == last
    }
}

#[cfg(test)]
mod tests;
