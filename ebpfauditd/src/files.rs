//! The files that an event speaks of: their names as PATH records print them, and what is looked up of them afterwards.

use std::borrow::Cow;
use std::os::linux::fs::MetadataExt;

use compat::record::Event;
use kern::abi::{self, Family};

use crate::context::Contexts;
use crate::decode::{Captured, NameItem, PathItem};
use crate::entries::Entry;
use crate::late::{FileCapabilities, Late, Root};
use crate::names::{self, NameType};

/// Writes PATH records; keeps what was looked up late, and the paths of the event at hand.
#[derive(Debug)]
pub struct Files {
    late: Late,
    own_mount_namespace: u32,
    /// Inode of the daemon's root directory.
    own_root: u64,
    exe: Vec<u8>,
    cwd: Vec<u8>,
    absolute: Vec<u8>,
}

impl Files {
    /// For events of this machine.
    pub fn new() -> Self {
        Self {
            late: Late::default(),
            own_mount_namespace: own_mount_namespace(),
            own_root: std::fs::metadata("/").map_or(0, |root| root.st_ino()),
            exe: Vec::new(),
            cwd: Vec::new(),
            absolute: Vec::new(),
        }
    }

    /// Takes the paths of another event.
    pub fn begin(&mut self, captured: &Captured<'_>) {
        write_path(&mut self.exe, captured.exe);
        write_path(&mut self.cwd, captured.cwd);
    }

    /// The event's program.
    pub fn exe(&self) -> &[u8] {
        &self.exe
    }

    /// The event's working directory.
    pub fn cwd(&self) -> &[u8] {
        &self.cwd
    }

    /// A PATH record of an entry of the kernel's list; `number` counts those that are shown.
    pub fn entry(
        &mut self,
        captured: &Captured<'_>,
        number: usize,
        entry: &Entry<'_>,
        contexts: &mut Contexts,
        event: &mut Event,
    ) {
        let file = (!entry.unevaluated).then(|| self.entry_capabilities(captured, entry));
        let shown = entry.name.map(|name| match entry.name_len {
            Some(0) => &self.cwd,
            Some(length) => &name[..length],
            None => name,
        });
        names::write(event, number, shown, entry.inode.as_ref(), entry.kind, file, contexts);
    }

    fn entry_capabilities(&mut self, captured: &Captured<'_>, entry: &Entry<'_>) -> FileCapabilities {
        let Some(inode) = &entry.inode else { return FileCapabilities::default() };
        let root = self.root(captured.head);
        // an exec's program may have been named in a way that only the kernel can follow
        if captured.exec.is_some() && inode.ino == captured.head.exe_ino {
            return self.late.capabilities(inode, root, &self.exe);
        }
        match entry.name {
            Some(name) => self.make_absolute(name),
            None => self.absolute.clear(),
        }
        self.late.capabilities(inode, root, &self.absolute)
    }

    /// A PATH record of a name of the tracepoint engine.
    pub fn name(
        &mut self,
        captured: &Captured<'_>,
        number: usize,
        name: &NameItem<'_>,
        contexts: &mut Contexts,
        event: &mut Event,
    ) {
        let head = captured.head;
        let root = self.root(head);
        let text = self.name_text(captured, number, name);
        let mut known = (name.flags & abi::NAME_NO_INODE == 0).then_some(*name.inode);
        let kind = if name.flags & abi::NAME_PARENT != 0 {
            NameType::Parent
        } else if name.flags & abi::NAME_CREATE != 0 {
            NameType::Create
        } else {
            NameType::Normal
        };
        let shown = match text {
            Some(text) if kind == NameType::Parent => Some(match names::parent_len(&text) {
                0 => Cow::Owned(self.cwd.clone()),
                length => Cow::Owned(text[..length].to_vec()),
            }),
            text => text,
        };
        if let Some(shown) = &shown {
            if known.is_none() && !shown.is_empty() {
                known = self
                    .descriptor_inode(captured, name, contexts)
                    .or_else(|| self.late_inode(root, shown, contexts));
            } else {
                self.make_absolute(shown);
            }
        }
        let file_capabilities = match &known {
            Some(inode) if kind == NameType::Normal => {
                // an exec's program may have been named in a way that only the kernel can follow
                let path = if captured.exec.is_some() && inode.ino == head.exe_ino {
                    &self.exe
                } else {
                    &self.absolute
                };
                self.late.capabilities(inode, root, path)
            }
            _ => FileCapabilities::default(),
        };
        let kind = if known.is_none() && kind == NameType::Normal { NameType::Unknown } else { kind };
        names::write(
            event,
            number,
            shown.as_deref(),
            known.as_ref(),
            kind,
            Some(file_capabilities),
            contexts,
        );
    }

    /// Leaves `name` in `absolute`, seen from the event's working directory.
    fn make_absolute(&mut self, name: &[u8]) {
        self.absolute.clear();
        if name.first() != Some(&b'/') {
            self.absolute.extend_from_slice(&self.cwd);
            self.absolute.push(b'/');
        }
        self.absolute.extend_from_slice(name);
    }

    fn late_inode(&mut self, root: Root, name: &[u8], contexts: &mut Contexts) -> Option<abi::Inode> {
        self.make_absolute(name);
        Late::inode(root, &self.absolute, contexts)
    }

    /// What an execveat of a script found from its descriptor.
    fn descriptor_inode(
        &mut self,
        captured: &Captured<'_>,
        name: &NameItem<'_>,
        contexts: &mut Contexts,
    ) -> Option<abi::Inode> {
        let directory = captured.directory?;
        let below = names::execveat_name(name.text, captured.head.args[0] as i32);
        if below.first() == Some(&b'/') {
            return None;
        }
        self.absolute.clear();
        directory.write(&mut self.absolute);
        if !below.is_empty() {
            self.absolute.push(b'/');
            self.absolute.extend_from_slice(below);
        }
        Late::inode(self.root(captured.head), &self.absolute, contexts)
    }

    /// The interpreter of a script whose exec failed: the kernel looked for it too.
    pub fn unreached_interpreter(&mut self, captured: &Captured<'_>) -> Option<Vec<u8>> {
        let head = captured.head;
        let is_exec = [Family::Exec as u32, Family::Execveat as u32].contains(&head.family);
        if !is_exec || head.success != 0 {
            return None;
        }
        let script = captured.names[0].filter(|name| name.flags & abi::NAME_NO_TEXT == 0)?;
        self.make_absolute(script.text);
        Late::script_interpreter(self.root(head), &self.absolute)
    }

    /// The text of a name: its own, or the one that an exec implies.
    fn name_text<'a>(
        &mut self,
        captured: &Captured<'a>,
        number: usize,
        name: &NameItem<'a>,
    ) -> Option<Cow<'a, [u8]>> {
        let head = captured.head;
        if name.flags & abi::NAME_LOADER != 0 {
            let program = captured.names.iter().flatten().rfind(|name| name.inode.ino == head.exe_ino)?;
            let root = self.root(head);
            let name = self.late.interpreter(program.inode, name.inode, root, &self.exe, head.pid)?;
            return Some(Cow::Owned(name));
        }
        if let Some(interpreter) = captured.interpreter
            && number == 1
        {
            return Some(Cow::Borrowed(interpreter));
        }
        if name.flags & abi::NAME_NO_TEXT != 0 {
            return None;
        }
        if head.family == Family::Execveat as u32 && captured.exec.is_some() {
            return Some(Cow::Borrowed(names::execveat_name(name.text, head.args[0] as i32)));
        }
        Some(Cow::Borrowed(name.text))
    }

    /// A PATH record of an interpreter that no hook has seen.
    pub fn interpreter(
        &mut self,
        head: &abi::Event,
        number: usize,
        interpreter: &[u8],
        contexts: &mut Contexts,
        event: &mut Event,
    ) {
        let known = self.late_inode(self.root(head), interpreter, contexts);
        let kind = if known.is_some() { NameType::Normal } else { NameType::Unknown };
        let file = Some(FileCapabilities::default());
        names::write(event, number, Some(interpreter), known.as_ref(), kind, file, contexts);
    }

    /// Capabilities of the program's file, `inode`.
    pub fn program_capabilities(&mut self, head: &abi::Event, inode: &abi::Inode) -> FileCapabilities {
        self.late.capabilities(inode, self.root(head), &self.exe)
    }

    fn root(&self, head: &abi::Event) -> Root {
        let own = head.mnt_ns == self.own_mount_namespace && head.root_ino == self.own_root;
        if own { Root::Own } else { Root::Process { pid: head.pid, ino: head.root_ino } }
    }
}

impl Default for Files {
    fn default() -> Self {
        Self::new()
    }
}

fn own_mount_namespace() -> u32 {
    std::fs::read_link("/proc/self/ns/mnt")
        .ok()
        .and_then(|link| link.to_str()?.strip_prefix("mnt:[")?.strip_suffix(']')?.parse().ok())
        .unwrap_or(0)
}

fn write_path(out: &mut Vec<u8>, path: Option<PathItem<'_>>) {
    out.clear();
    if let Some(path) = path {
        path.write(out);
    }
}
