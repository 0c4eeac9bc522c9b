//! Events of the kernel side into records, worded as the kernel words them (`kernel/auditsc.c`).

use std::ops::Range;

use compat::record::quote;
use compat::record::{Event, Id, MessageType};
use kern::abi::{self, Family, ItemKind, Record};
use zerocopy::FromBytes;

use crate::context::Contexts;
use crate::decode::{Captured, items};
use crate::engine::ebpf::Generation;
use crate::entries::{self, Algorithm, Entry};
use crate::fcaps::CapabilityRise;
use crate::files::Files;
use crate::label::Labels;
use crate::lower::is_excluded;
use crate::proctitle::title;
use crate::release::{Release, Update};
use crate::special::Special;
use crate::text::{field, group, hex, noted, signed, until_nul, user, word};

/// Targets of one `OBJ_PID` block (`AUDIT_AUX_PIDS`).
const TARGET_BLOCK: usize = 16;

/// Writes records.
#[derive(Debug)]
pub struct Assembler {
    algorithm: Algorithm,
    /// A descriptor's entry alone does not call for a CWD record (before 5.16).
    names_bring_directory: bool,
    files: Files,
    special: Special,
    rise: CapabilityRise,
    labels: Labels,
    contexts: Contexts,
}

impl Assembler {
    /// An assembler for events of this machine, which runs this kernel and has these contexts.
    pub fn new(kernel: Update, contexts: Contexts) -> Self {
        Self {
            algorithm: Algorithm::of(kernel.0),
            names_bring_directory: kernel.0 < Release(5, 16),
            files: Files::new(),
            special: Special::new(kernel),
            rise: CapabilityRise::new(),
            labels: Labels::of_this_machine(),
            contexts,
        }
    }

    /// Learns whether the contexts of before are those of now.
    pub fn synchronise(&mut self) {
        self.contexts.synchronise();
    }

    /// Writes the records of `captured` into `event`, whose stamp is set.
    pub fn assemble(&mut self, captured: &Captured<'_>, generation: &Generation, event: &mut Event) {
        self.files.begin(captured);
        self.logged_meanwhile(captured, generation, event);
        if captured.has_lookups {
            let entries = self.entries(captured, generation, usize::MAX);
            self.head(captured, generation, entries.len(), event);
            let program = entries.iter().filter_map(|entry| entry.inode.as_ref());
            self.extra(captured, program, event);
            let named =
                !self.names_bring_directory || captured.lookups().any(|lookup| lookup.facts.name != 0);
            if !entries.is_empty() && named {
                self.cwd(captured, event);
            }
            if !is_excluded(captured.head.excluded, Record::Path) {
                for (number, entry) in entries.iter().filter(|entry| !entry.hidden).enumerate() {
                    self.files.entry(captured, number, entry, &mut self.contexts, event);
                }
            }
        } else {
            self.named(captured, generation, event);
        }
        tail(captured, event);
    }

    /// An event of the tracepoint engine: its names are what could be told from the syscall's arguments.
    fn named(&mut self, captured: &Captured<'_>, generation: &Generation, event: &mut Event) {
        let names = captured.names.iter().flatten().filter(|name| !is_hidden(generation, name.inode.magic));
        let count = names.clone().count();
        let interpreter = self.files.unreached_interpreter(captured);
        self.head(captured, generation, count + usize::from(interpreter.is_some()), event);
        self.extra(captured, captured.names.iter().flatten().map(|name| name.inode), event);
        self.cwd(captured, event);
        if !is_excluded(captured.head.excluded, Record::Path) {
            for (number, name) in names.enumerate() {
                self.files.name(captured, number, name, &mut self.contexts, event);
            }
            if let Some(interpreter) = interpreter {
                self.files.interpreter(captured.head, count, &interpreter, &mut self.contexts, event);
            }
        }
    }

    /// The kernel's list of names after the first `count` lookups.
    fn entries<'a>(&self, captured: &Captured<'a>, generation: &Generation, count: usize) -> Vec<Entry<'a>> {
        let hidden = |magic| is_hidden(generation, magic);
        entries::replay(&captured.lookups().take(count), self.algorithm, &hidden)
    }

    /// Records that the kernel logs before the event's own: denied links, operations of `io_uring`, and in old kernels what was
    /// done to the clock.
    fn logged_meanwhile(&mut self, captured: &Captured<'_>, generation: &Generation, event: &mut Event) {
        let head = captured.head;
        self.special.write_at_once(captured, &mut self.contexts, event);
        for (kind, flags, body) in items(captured.items) {
            match kind {
                ItemKind::Anomaly => {
                    let (record, message) = if flags == abi::ANOMALY_LINK {
                        (Record::AnomLink, MessageType::ANOM_LINK)
                    } else {
                        (Record::AnomCreat, MessageType::ANOM_CREAT)
                    };
                    if is_excluded(head.excluded, record) {
                        continue;
                    }
                    event.begin(message);
                    word(event.body_mut(), "op=");
                    event.body_mut().extend_from_slice(body);
                    self.task(captured, event);
                    word(event.body_mut(), " res=0");
                }
                ItemKind::Uringop if head.family != Family::Uring as u32 => {
                    if let Ok(operation) = abi::Uringop::read_from_bytes(body)
                        && !is_excluded(head.excluded, Record::Uringop)
                    {
                        let names = self.entries(captured, generation, operation.lookups as usize).len();
                        self.uring_operation(captured, &operation, generation, names, event);
                    }
                }
                _ => {}
            }
        }
    }

    /// The record that stands for the event: SYSCALL, or URINGOP of a worker.
    fn head(&mut self, captured: &Captured<'_>, generation: &Generation, names: usize, event: &mut Event) {
        if captured.head.family != Family::Uring as u32 {
            self.syscall(captured, generation, names, event);
            return;
        }
        let operation = items(captured.items)
            .find(|(kind, ..)| *kind == ItemKind::Uringop)
            .and_then(|(.., body)| abi::Uringop::read_from_bytes(body).ok());
        if let Some(operation) = operation {
            self.uring_operation(captured, &operation, generation, names, event);
        }
    }

    fn syscall(&mut self, captured: &Captured<'_>, generation: &Generation, names: usize, event: &mut Event) {
        let head = captured.head;
        event.begin(MessageType::SYSCALL);
        let out = event.body_mut();
        word(out, "arch=");
        hex(out, u64::from(head.arch));
        event.note(" arch=", Id::Arch(head.arch));
        field(event.body_mut(), " syscall=", head.nr);
        event.note(" syscall=", Id::Syscall(head.nr));
        let out = event.body_mut();
        if head.personality != 0 {
            word(out, " per=");
            hex(out, u64::from(head.personality));
        }
        if head.has_exit != 0 {
            outcome(out, head.success, head.exit);
        }
        for (name, value) in [" a0=", " a1=", " a2=", " a3="].iter().zip(head.args) {
            word(out, name);
            hex(out, value);
        }
        field(out, " items=", names as u32);
        let context = self.task(captured, event);
        key(event.body_mut(), generation, head.rule);
        noted(event, context);
    }

    /// `audit_log_task_info`; where the context stands that ends it.
    fn task(&mut self, captured: &Captured<'_>, event: &mut Event) -> Range<usize> {
        let head = captured.head;
        field(event.body_mut(), " ppid=", head.ppid);
        field(event.body_mut(), " pid=", head.pid);
        user(event, " auid=", head.auid);
        user(event, " uid=", head.uid);
        group(event, " gid=", head.gid);
        user(event, " euid=", head.euid);
        user(event, " suid=", head.suid);
        user(event, " fsuid=", head.fsuid);
        group(event, " egid=", head.egid);
        group(event, " sgid=", head.sgid);
        group(event, " fsgid=", head.fsgid);
        let out = event.body_mut();
        word(out, " tty=");
        out.extend_from_slice(if captured.tty.is_empty() { b"(none)" } else { captured.tty });
        field(out, " ses=", head.ses);
        word(out, " comm=");
        quote::untrusted(out, until_nul(&head.comm));
        word(out, " exe=");
        if captured.exe.is_some() {
            quote::untrusted(out, self.files.exe());
        } else {
            word(out, "(null)");
        }
        let context = out.len();
        self.subject(captured, out);
        context..out.len()
    }

    /// `audit_log_task_context`
    fn subject(&mut self, captured: &Captured<'_>, out: &mut Vec<u8>) {
        self.labels.write(out, " subj=", profiles(captured, ItemKind::Subject));
        self.contexts.write_subject(out, captured.subject);
    }

    /// `audit_log_uring`
    fn uring_operation(
        &mut self,
        captured: &Captured<'_>,
        operation: &abi::Uringop,
        generation: &Generation,
        names: usize,
        event: &mut Event,
    ) {
        let head = captured.head;
        event.begin(MessageType::URINGOP);
        let out = event.body_mut();
        word(out, "uring_op=");
        signed(out, i64::from(operation.op));
        if operation.has_exit != 0 {
            outcome(out, operation.success, operation.exit);
        }
        field(out, " items=", names as u32);
        field(out, " ppid=", head.ppid);
        field(out, " pid=", head.pid);
        field(out, " uid=", operation.uid);
        field(out, " gid=", operation.gid);
        field(out, " euid=", operation.euid);
        field(out, " suid=", operation.suid);
        field(out, " fsuid=", operation.fsuid);
        field(out, " egid=", operation.egid);
        field(out, " sgid=", operation.sgid);
        field(out, " fsgid=", operation.fsgid);
        self.subject(captured, out);
        key(out, generation, operation.rule);
    }

    /// What follows SYSCALL up to CWD; `inodes`: those of the event's names.
    fn extra<'i>(
        &mut self,
        captured: &Captured<'_>,
        mut inodes: impl Iterator<Item = &'i abi::Inode>,
        event: &mut Event,
    ) {
        let head = captured.head;
        if let Some(exec) = captured.exec
            && !is_excluded(head.excluded, Record::BprmFcaps)
        {
            let program = inodes.find(|inode| inode.ino == head.exe_ino);
            let file = program.map(|inode| self.files.program_capabilities(head, inode)).unwrap_or_default();
            self.rise.write(exec, &file, event);
        }
        self.special.write(captured, &mut self.contexts, event);
        if let Some(address) = captured.sockaddr
            && !is_excluded(head.excluded, Record::Sockaddr)
        {
            event.begin(MessageType::SOCKADDR);
            word(event.body_mut(), "saddr=");
            quote::hex(event.body_mut(), address);
        }
        if !is_excluded(head.excluded, Record::ObjPid) {
            self.targets(captured, event);
        }
    }

    /// `OBJ_PID` records: the kernel keeps the first target apart and prints it last; the others in blocks of 16, the
    /// newest block first.
    fn targets(&mut self, captured: &Captured<'_>, event: &mut Event) {
        let mut all: Vec<(abi::Target, Vec<&[u8]>, u32)> = Vec::new();
        for (kind, _, body) in items(captured.items) {
            if kind == ItemKind::Target {
                all.extend(abi::Target::read_from_bytes(body).map(|target| (target, Vec::new(), 0)));
            } else if let Some((_, label, sid)) = all.last_mut() {
                match kind {
                    ItemKind::Object => label.push(body),
                    ItemKind::ObjectSid => *sid = u32::read_from_bytes(body).unwrap_or(0),
                    _ => {}
                }
            }
        }
        let Some((first, others)) = all.split_first() else { return };
        for (target, label, sid) in others.chunks(TARGET_BLOCK).rev().flatten().chain([first]) {
            event.begin(MessageType::OBJ_PID);
            let out = event.body_mut();
            for (name, value) in [
                ("opid=", target.pid),
                (" oauid=", target.auid),
                (" ouid=", target.uid),
                (" oses=", target.ses),
            ] {
                word(out, name);
                signed(out, i64::from(value as i32));
            }
            self.labels.write(out, " obj=", label.iter().copied());
            self.contexts.write_target(out, *sid);
            word(out, " ocomm=");
            quote::untrusted(out, until_nul(&target.comm));
        }
    }

    fn cwd(&self, captured: &Captured<'_>, event: &mut Event) {
        if captured.cwd.is_some() && !is_excluded(captured.head.excluded, Record::Cwd) {
            event.begin(MessageType::CWD);
            word(event.body_mut(), "cwd=");
            quote::untrusted(event.body_mut(), self.files.cwd());
        }
    }
}

/// The profiles that items of this kind are, in order.
fn profiles<'a>(captured: &Captured<'a>, kind: ItemKind) -> impl Iterator<Item = &'a [u8]> {
    items(captured.items).filter(move |(found, ..)| *found == kind).map(|(.., body)| body)
}

/// Whether the filesystem list keeps a filesystem's inodes out of the names.
fn is_hidden(generation: &Generation, magic: u32) -> bool {
    magic != 0 && generation.hidden_filesystems.contains(&magic)
}

fn outcome(out: &mut Vec<u8>, success: u32, exit: i64) {
    word(out, if success != 0 { " success=yes exit=" } else { " success=no exit=" });
    signed(out, exit);
}

fn key(out: &mut Vec<u8>, generation: &Generation, rule: u32) {
    word(out, " key=");
    match generation.keys.get(rule as usize).and_then(Option::as_deref) {
        Some(key) => quote::untrusted(out, key),
        None => word(out, "(null)"),
    }
}

/// The records that end an event.
fn tail(captured: &Captured<'_>, event: &mut Event) {
    let head = captured.head;
    if head.family != Family::Uring as u32 && !is_excluded(head.excluded, Record::Proctitle) {
        event.begin(MessageType::PROCTITLE);
        word(event.body_mut(), "proctitle=");
        quote::untrusted(event.body_mut(), title(captured.proctitle));
    }
    if !is_excluded(head.excluded, Record::Eoe) {
        event.begin(MessageType::EOE);
    }
}

#[cfg(test)]
mod tests;
