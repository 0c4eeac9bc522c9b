//! Events of the kernel side into records, worded as the kernel words them (`kernel/auditsc.c`).

use std::borrow::Cow;
use std::os::linux::fs::MetadataExt;

use compat::record::quote;
use compat::record::{Event, MessageType};
use kern::abi::{self, Family, ItemKind, Record};
use zerocopy::FromBytes;

use crate::decode::{Captured, NameItem, PathItem, items};
use crate::engine::ebpf::Generation;
use crate::execve;
use crate::fcaps::CapabilityRise;
use crate::late::{FileCapabilities, Late, Root};
use crate::lower::is_excluded;
use crate::names::{self, NameType};
use crate::proctitle::title;
use crate::text::{capabilities, decimal, field, hex, octal, signed, until_nul, word};

/// Targets of one `OBJ_PID` block (`AUDIT_AUX_PIDS`).
const TARGET_BLOCK: usize = 16;
/// Writes records; keeps what was looked up late, and buffers.
#[derive(Debug)]
pub struct Assembler {
    late: Late,
    own_mount_namespace: u32,
    /// Inode of the daemon's root directory.
    own_root: u64,
    exe: Vec<u8>,
    cwd: Vec<u8>,
    absolute: Vec<u8>,
    clock: Option<i64>,
    rise: CapabilityRise,
}

impl Assembler {
    /// An assembler for events of this machine.
    pub fn new() -> Self {
        Self {
            late: Late::default(),
            own_mount_namespace: own_mount_namespace(),
            own_root: std::fs::metadata("/").map_or(0, |root| root.st_ino()),
            exe: Vec::new(),
            cwd: Vec::new(),
            absolute: Vec::new(),
            clock: tai_offset(),
            rise: CapabilityRise::new(),
        }
    }

    /// Writes the records of `captured` into `event`, whose stamp is set.
    pub fn assemble(&mut self, captured: &Captured<'_>, generation: &Generation, event: &mut Event) {
        let head = captured.head;
        write_path(&mut self.exe, captured.exe);
        write_path(&mut self.cwd, captured.cwd);
        let names = captured.names.iter().flatten().filter(|name| {
            name.inode.magic == 0 || !generation.hidden_filesystems.contains(&name.inode.magic)
        });
        let count = names.clone().count();
        let interpreter = self.unreached_interpreter(captured);
        self.syscall(captured, generation, count + usize::from(interpreter.is_some()), event);
        if !is_excluded(head.excluded, Record::BprmFcaps) {
            self.bprm_fcaps(captured, event);
        }
        self.special(captured, event);
        if let Some(address) = captured.sockaddr
            && !is_excluded(head.excluded, Record::Sockaddr)
        {
            event.begin(MessageType::SOCKADDR);
            word(event.body_mut(), "saddr=");
            quote::hex(event.body_mut(), address);
        }
        if !is_excluded(head.excluded, Record::ObjPid) {
            targets(captured, event);
        }
        if captured.cwd.is_some() && !is_excluded(head.excluded, Record::Cwd) {
            event.begin(MessageType::CWD);
            word(event.body_mut(), "cwd=");
            quote::untrusted(event.body_mut(), &self.cwd);
        }
        if !is_excluded(head.excluded, Record::Path) {
            for (number, name) in names.enumerate() {
                self.path(captured, number, name, event);
            }
            if let Some(interpreter) = interpreter {
                let known = self.late_inode(self.root(head), &interpreter);
                let kind = if known.is_some() { NameType::Normal } else { NameType::Unknown };
                event.begin(MessageType::PATH);
                let out = event.body_mut();
                names::write(
                    out,
                    count,
                    Some(&interpreter),
                    known.as_ref(),
                    kind,
                    FileCapabilities::default(),
                );
            }
        }
        if !is_excluded(head.excluded, Record::Proctitle) {
            event.begin(MessageType::PROCTITLE);
            word(event.body_mut(), "proctitle=");
            quote::untrusted(event.body_mut(), title(captured.proctitle));
        }
        if !is_excluded(head.excluded, Record::Eoe) {
            event.begin(MessageType::EOE);
        }
    }

    fn syscall(&self, captured: &Captured<'_>, generation: &Generation, items: usize, event: &mut Event) {
        let head = captured.head;
        event.begin(MessageType::SYSCALL);
        let out = event.body_mut();
        word(out, "arch=");
        hex(out, u64::from(head.arch));
        field(out, "syscall", head.nr);
        if head.personality != 0 {
            word(out, " per=");
            hex(out, u64::from(head.personality));
        }
        if head.has_exit != 0 {
            word(out, if head.success != 0 { " success=yes exit=" } else { " success=no exit=" });
            signed(out, head.exit);
        }
        for (name, value) in [" a0=", " a1=", " a2=", " a3="].iter().zip(head.args) {
            word(out, name);
            hex(out, value);
        }
        field(out, "items", items as u32);
        field(out, "ppid", head.ppid);
        field(out, "pid", head.pid);
        field(out, "auid", head.auid);
        field(out, "uid", head.uid);
        field(out, "gid", head.gid);
        field(out, "euid", head.euid);
        field(out, "suid", head.suid);
        field(out, "fsuid", head.fsuid);
        field(out, "egid", head.egid);
        field(out, "sgid", head.sgid);
        field(out, "fsgid", head.fsgid);
        word(out, " tty=");
        out.extend_from_slice(if captured.tty.is_empty() { b"(none)" } else { captured.tty });
        field(out, "ses", head.ses);
        word(out, " comm=");
        quote::untrusted(out, until_nul(&head.comm));
        word(out, " exe=");
        if captured.exe.is_some() {
            quote::untrusted(out, &self.exe);
        } else {
            word(out, "(null)");
        }
        word(out, " key=");
        match generation.keys.get(head.rule as usize).and_then(Option::as_deref) {
            Some(key) => quote::untrusted(out, key),
            None => word(out, "(null)"),
        }
    }

    /// The records that a family has of its own, and `FD_PAIR`.
    fn special(&mut self, captured: &Captured<'_>, event: &mut Event) {
        let head = captured.head;
        if let Some(exec) = captured.exec
            && !is_excluded(head.excluded, Record::Execve)
        {
            execve::write(event, exec.argc, captured.arguments);
        }
        for (kind, _, body) in items(captured.items) {
            match kind {
                ItemKind::FdPair if !is_excluded(head.excluded, Record::FdPair) => {
                    if let Ok(pair) = <[i32; 2]>::read_from_bytes(body) {
                        event.begin(MessageType::FD_PAIR);
                        let out = event.body_mut();
                        word(out, "fd0=");
                        signed(out, i64::from(pair[0]));
                        word(out, " fd1=");
                        signed(out, i64::from(pair[1]));
                    }
                }
                ItemKind::Capset if !is_excluded(head.excluded, Record::Capset) => {
                    if let Ok(set) = abi::Capset::read_from_bytes(body) {
                        capset(head.pid, &set, event);
                    }
                }
                ItemKind::Mmap if !is_excluded(head.excluded, Record::Mmap) => {
                    if let Ok([fd, flags]) = <[u32; 2]>::read_from_bytes(body) {
                        event.begin(MessageType::MMAP);
                        let out = event.body_mut();
                        word(out, "fd=");
                        signed(out, i64::from(fd as i32));
                        word(out, " flags=0x");
                        hex(out, u64::from(flags));
                    }
                }
                ItemKind::Module if !is_excluded(head.excluded, Record::KernModule) => {
                    event.begin(MessageType::KERN_MODULE);
                    word(event.body_mut(), "name=");
                    quote::untrusted(event.body_mut(), if body.is_empty() { b"?" } else { body });
                }
                ItemKind::Openat2 if !is_excluded(head.excluded, Record::Openat2) => {
                    if let Ok([flags, mode, resolve]) = <[u64; 3]>::read_from_bytes(body) {
                        event.begin(MessageType::OPENAT2);
                        let out = event.body_mut();
                        // "0%llo": a zero prints as 00
                        word(out, "oflag=0");
                        plain_octal(out, flags);
                        word(out, " mode=0");
                        plain_octal(out, mode);
                        word(out, " resolve=0x");
                        hex(out, resolve);
                    }
                }
                ItemKind::Clock => {
                    if let Ok(after) = i64::read_from_bytes(body) {
                        self.injected(after, head.excluded, event);
                    }
                }
                _ => {}
            }
        }
    }

    /// `TIME_INJOFFSET`: how far the clock was moved, from what it stood at before.
    fn injected(&mut self, after: i64, excluded: u32, event: &mut Event) {
        /// Smaller steps are the reading's own error: the two clocks are read one after the other.
        const NOISE: i64 = 10_000;
        let before = self.clock.replace(after);
        let Some(delta) = before.map(|before| after - before).filter(|delta| delta.abs() > NOISE) else {
            return;
        };
        if is_excluded(excluded, Record::TimeInjoffset) {
            return;
        }
        event.begin(MessageType::TIME_INJOFFSET);
        let out = event.body_mut();
        word(out, "sec=");
        signed(out, delta.div_euclid(1_000_000_000));
        word(out, " nsec=");
        signed(out, delta.rem_euclid(1_000_000_000));
    }

    fn root(&self, head: &abi::Event) -> Root {
        let own = head.mnt_ns == self.own_mount_namespace && head.root_ino == self.own_root;
        if own { Root::Own } else { Root::Process { pid: head.pid, ino: head.root_ino } }
    }

    fn path(&mut self, captured: &Captured<'_>, number: usize, name: &NameItem<'_>, event: &mut Event) {
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
            Some(text) if kind == NameType::Parent => Some(match names::directory_part(&text) {
                Some(directory) => Cow::Owned(directory.to_vec()),
                None => Cow::Owned(self.cwd.clone()),
            }),
            text => text,
        };
        if let Some(shown) = &shown {
            if known.is_none() && !shown.is_empty() {
                known = self.descriptor_inode(captured, name).or_else(|| self.late_inode(root, shown));
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
        event.begin(MessageType::PATH);
        names::write(event.body_mut(), number, shown.as_deref(), known.as_ref(), kind, file_capabilities);
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

    fn late_inode(&mut self, root: Root, name: &[u8]) -> Option<abi::Inode> {
        self.make_absolute(name);
        Late::inode(root, &self.absolute)
    }

    /// What an execveat of a script found from its descriptor.
    fn descriptor_inode(&mut self, captured: &Captured<'_>, name: &NameItem<'_>) -> Option<abi::Inode> {
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
        Late::inode(self.root(captured.head), &self.absolute)
    }

    /// The interpreter of a script whose exec failed: the kernel looked for it too.
    fn unreached_interpreter(&mut self, captured: &Captured<'_>) -> Option<Vec<u8>> {
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

    fn bprm_fcaps(&mut self, captured: &Captured<'_>, event: &mut Event) {
        let Some(exec) = captured.exec else { return };
        let root = self.root(captured.head);
        let program = captured.names.iter().flatten().find(|name| name.inode.ino == captured.head.exe_ino);
        let file =
            program.map(|name| self.late.capabilities(name.inode, root, &self.exe)).unwrap_or_default();
        self.rise.write(exec, &file, event);
    }
}

impl Default for Assembler {
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

/// `CLOCK_TAI` - `CLOCK_MONOTONIC`, ns, as the kernel side measures it after a clock was set.
fn tai_offset() -> Option<i64> {
    use nix::libc::CLOCK_TAI;
    use nix::time::{ClockId, clock_gettime};
    let read = |clock| clock_gettime(clock).ok().map(|time| time.tv_sec() * 1_000_000_000 + time.tv_nsec());
    let before = read(ClockId::CLOCK_MONOTONIC)?;
    let tai = read(ClockId::from_raw(CLOCK_TAI))?;
    let after = read(ClockId::CLOCK_MONOTONIC)?;
    Some(tai - before.midpoint(after))
}

fn write_path(out: &mut Vec<u8>, path: Option<PathItem<'_>>) {
    out.clear();
    if let Some(path) = path {
        path.write(out);
    }
}

fn plain_octal(out: &mut Vec<u8>, value: u64) {
    if value == 0 {
        out.push(b'0');
        return;
    }
    let start = out.len();
    octal(out, value);
    // `octal` writes the leading zero of "%#o"
    out.remove(start);
}

fn capset(pid: u32, set: &abi::Capset, event: &mut Event) {
    event.begin(MessageType::CAPSET);
    let out = event.body_mut();
    word(out, "pid=");
    decimal(out, u64::from(pid));
    for (name, bits) in [
        (" cap_pi=", set.inheritable),
        (" cap_pp=", set.permitted),
        (" cap_pe=", set.effective),
        (" cap_pa=", set.ambient),
    ] {
        word(out, name);
        capabilities(out, bits);
    }
}

/// `OBJ_PID` records: the kernel keeps the first target apart and prints it last; the others in blocks of 16, the newest
/// block first.
fn targets(captured: &Captured<'_>, event: &mut Event) {
    let mut all = items(captured.items)
        .filter(|(kind, ..)| *kind == ItemKind::Target)
        .filter_map(|(.., body)| abi::Target::read_from_bytes(body).ok());
    let Some(first) = all.next() else { return };
    let others: Vec<abi::Target> = all.collect();
    for target in others.chunks(TARGET_BLOCK).rev().flatten().chain([&first]) {
        event.begin(MessageType::OBJ_PID);
        let out = event.body_mut();
        for (name, value) in
            [("opid=", target.pid), (" oauid=", target.auid), (" ouid=", target.uid), (" oses=", target.ses)]
        {
            word(out, name);
            signed(out, i64::from(value as i32));
        }
        word(out, " ocomm=");
        quote::untrusted(out, until_nul(&target.comm));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_how_prints_its_zeros() {
        let mut out = Vec::new();
        plain_octal(&mut out, 0);
        plain_octal(&mut out, 0o100_002);
        assert_eq!(out, b"0100002");
    }
}
