//! Ring records into events: finds the items of a record, joins the continuations of long argument areas, and hands both
//! to the assembler.

use std::sync::Arc;

use compat::record::{Event, Stamp};
use kern::abi::{self, ItemKind, Kind};
use nix::time::{ClockId, clock_gettime};
use zerocopy::FromBytes;

use crate::assemble::Assembler;
use crate::context::Contexts;
use crate::engine::ebpf::{Generation, Generations};
use crate::entries::Lookup;
use crate::release::Update;

/// Names that an event of the tracepoint engine can have: a script, its interpreter, the loader; and one to spare.
pub const NAMES: usize = 4;

/// A path as the kernel side wrote it.
#[derive(Clone, Copy, Debug)]
pub struct PathItem<'a> {
    /// Components, leaf first, each with its NUL.
    pub components: &'a [u8],
    /// `PATH_*`.
    pub flags: u16,
}

impl PathItem<'_> {
    /// Appends the path from its root.
    pub fn write(&self, out: &mut Vec<u8>) {
        if self.flags & abi::PATH_CUT != 0 {
            // as d_path says it for audit
            out.extend_from_slice(b"<too_long>");
            return;
        }
        let parts = self.components.strip_suffix(&[0]).unwrap_or(self.components);
        if parts.is_empty() {
            out.push(b'/');
        } else {
            for part in parts.rsplit(|&byte| byte == 0) {
                out.push(b'/');
                out.extend_from_slice(part);
            }
        }
        if self.flags & abi::PATH_DELETED != 0 {
            out.extend_from_slice(b" (deleted)");
        }
    }
}

/// A name as the kernel side wrote it.
#[derive(Clone, Copy, Debug)]
pub struct NameItem<'a> {
    /// `NAME_*`.
    pub flags: u16,
    /// What is known of the inode.
    pub inode: &'a abi::Inode,
    /// The text, if it has one of its own.
    pub text: &'a [u8],
}

/// One event of the kernel side with its items.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    /// The head.
    pub head: &'a abi::Event,
    /// All items, to go through again for those that can be many.
    pub items: &'a [u8],
    /// Terminal.
    pub tty: &'a [u8],
    /// Program.
    pub exe: Option<PathItem<'a>>,
    /// Working directory.
    pub cwd: Option<PathItem<'a>>,
    /// What the descriptor of an execveat of a script was.
    pub directory: Option<PathItem<'a>>,
    /// Argument area for PROCTITLE, and the area's length (128 at most).
    pub proctitle: (&'a [u8], u16),
    /// The hooks followed the names: what they saw is among the items.
    pub has_lookups: bool,
    /// `SELinux`'s number for the context of who acts; 0: none.
    pub subject: u32,
    /// Names in order, as far as a syscall's arguments tell them.
    pub names: [Option<NameItem<'a>>; NAMES],
    /// Socket address.
    pub sockaddr: Option<&'a [u8]>,
    /// What an exec was like.
    pub exec: Option<&'a abi::Exec>,
    /// Interpreter of a script.
    pub interpreter: Option<&'a [u8]>,
    /// The whole argument area of an exec.
    pub arguments: &'a [u8],
}

/// The items of a record, in order: kind, flags, bytes. Ends at the first that is not whole.
pub fn items(bytes: &[u8]) -> impl Iterator<Item = (ItemKind, u16, &[u8])> + Clone {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        loop {
            let (item, after) = abi::Item::ref_from_prefix(rest).ok()?;
            let length = item.len as usize;
            let body = after.get(..length)?;
            rest = after.get(length.next_multiple_of(8)..).unwrap_or_default();
            if let Some(kind) = ItemKind::from_number(item.kind) {
                return Some((kind, item.flags, body));
            }
        }
    })
}

impl<'a> Captured<'a> {
    /// Finds the items of `record`; `arguments` replaces the argument area if it came in pieces.
    pub(crate) fn new(record: &'a [u8], arguments: Option<&'a [u8]>) -> Option<Self> {
        let (head, items_bytes) = abi::Event::ref_from_prefix(record).ok()?;
        let mut captured = Self {
            head,
            items: items_bytes,
            tty: b"",
            exe: None,
            cwd: None,
            directory: None,
            proctitle: (b"", 0),
            has_lookups: false,
            subject: 0,
            names: [None; NAMES],
            sockaddr: None,
            exec: None,
            interpreter: None,
            arguments: b"",
        };
        let mut names = captured.names.iter_mut();
        for (kind, flags, body) in items(items_bytes) {
            match kind {
                ItemKind::Tty => captured.tty = body,
                ItemKind::Exe => captured.exe = Some(PathItem { components: body, flags }),
                ItemKind::Cwd => captured.cwd = Some(PathItem { components: body, flags }),
                ItemKind::Directory => captured.directory = Some(PathItem { components: body, flags }),
                ItemKind::Proctitle => captured.proctitle = (body, flags),
                ItemKind::Name => {
                    let (inode, text) = abi::Inode::ref_from_prefix(body).ok()?;
                    if let Some(name) = names.next() {
                        *name = Some(NameItem { flags, inode, text });
                    }
                }
                ItemKind::Sockaddr => captured.sockaddr = Some(body),
                ItemKind::Exec => captured.exec = abi::Exec::ref_from_bytes(body).ok(),
                ItemKind::Interp => captured.interpreter = Some(body),
                ItemKind::Arguments => captured.arguments = body,
                ItemKind::Lookup => captured.has_lookups = true,
                ItemKind::SubjectSid => captured.subject = u32::read_from_bytes(body).unwrap_or(0),
                // gone through again by the assembler
                ItemKind::Target
                | ItemKind::FdPair
                | ItemKind::Capset
                | ItemKind::Module
                | ItemKind::Clock
                | ItemKind::Mmap
                | ItemKind::Openat2
                | ItemKind::Ipc
                | ItemKind::MqOpen
                | ItemKind::MqSendrecv
                | ItemKind::MqNotify
                | ItemKind::MqGetsetattr
                | ItemKind::Socketcall
                | ItemKind::Adjtime
                | ItemKind::Anomaly
                | ItemKind::Subject
                | ItemKind::Object
                | ItemKind::ObjectSid
                | ItemKind::Uringop
                | ItemKind::Injoffset => {}
            }
        }
        if let Some(arguments) = arguments {
            captured.arguments = arguments;
        }
        Some(captured)
    }

    /// What was done with names, in order.
    pub fn lookups(&self) -> impl Iterator<Item = Lookup<'a>> + Clone + use<'a> {
        items(self.items).filter(|(kind, ..)| *kind == ItemKind::Lookup).filter_map(|(.., body)| {
            let (facts, text) = abi::Lookup::ref_from_prefix(body).ok()?;
            Some(Lookup { facts, text })
        })
    }
}

/// An event whose argument area is not whole yet.
#[derive(Debug)]
struct Waiting {
    seq: u64,
    /// 64-bit words, so that what was aligned in the ring is aligned here.
    record: Vec<u64>,
    size: usize,
    arguments: Vec<u8>,
    whole: usize,
}

/// Turns ring records into events.
#[derive(Debug)]
pub struct Decoder {
    assembler: Assembler,
    generations: Arc<Generations>,
    current: (u32, Arc<Generation>),
    waiting: Vec<Option<Waiting>>,
    event: Event,
    /// `CLOCK_REALTIME` - `CLOCK_MONOTONIC`, ns.
    offset: i64,
}

impl Decoder {
    /// A decoder that finds keys in `generations`.
    pub fn new(generations: Arc<Generations>, contexts: Contexts) -> Self {
        let mut decoder = Self {
            assembler: Assembler::new(Update::running(), contexts),
            generations,
            current: (0, Arc::new(Generation::default())),
            waiting: Vec::new(),
            event: Event::new(),
            offset: 0,
        };
        decoder.synchronise();
        decoder
    }

    /// Learns how the kernel side's clock stands to the time of day, and whether another policy of `SELinux` is in force; to be
    /// called now and then.
    pub fn synchronise(&mut self) {
        let now =
            |clock| clock_gettime(clock).map_or(0, |time| time.tv_sec() * 1_000_000_000 + time.tv_nsec());
        self.offset = now(ClockId::CLOCK_REALTIME) - now(ClockId::CLOCK_MONOTONIC);
        self.assembler.synchronise();
    }

    /// Takes one record of the ring; an event if it completes one.
    pub fn record(&mut self, record: &[u8]) -> Option<&mut Event> {
        let (kind, _) = u32::ref_from_prefix(record).ok()?;
        match Kind::from_number(*kind)? {
            Kind::Syscall => self.syscall(record),
            Kind::Arguments => self.more(record),
        }
    }

    fn syscall(&mut self, record: &[u8]) -> Option<&mut Event> {
        let captured = Captured::new(record, None)?;
        let cpu = captured.head.cpu as usize;
        // The pieces of an event follow it on its CPU, but for whole events that preempted it: another one with pieces says
        // that the rest was lost, which the kernel side has counted.
        if captured.arguments.len() < captured.head.args_len as usize {
            self.wait(cpu, record, &captured);
            return None;
        }
        self.assemble(&captured);
        Some(&mut self.event)
    }

    fn wait(&mut self, cpu: usize, record: &[u8], captured: &Captured<'_>) {
        let mut words = vec![0u64; record.len().div_ceil(8)];
        zerocopy::IntoBytes::as_mut_bytes(words.as_mut_slice())[..record.len()].copy_from_slice(record);
        if self.waiting.len() <= cpu {
            self.waiting.resize_with(cpu + 1, || None);
        }
        self.waiting[cpu] = Some(Waiting {
            seq: captured.head.seq,
            record: words,
            size: record.len(),
            arguments: captured.arguments.to_vec(),
            whole: captured.head.args_len as usize,
        });
    }

    fn more(&mut self, record: &[u8]) -> Option<&mut Event> {
        let (more, bytes) = abi::More::ref_from_prefix(record).ok()?;
        let bytes = bytes.get(..more.len as usize)?;
        let place = self.waiting.get_mut(more.cpu as usize)?;
        let waiting = place.as_mut()?;
        if waiting.seq != more.seq || waiting.arguments.len() != more.offset as usize {
            *place = None;
            return None;
        }
        waiting.arguments.extend_from_slice(bytes);
        if waiting.arguments.len() < waiting.whole {
            return None;
        }
        let waiting = place.take()?;
        let record = zerocopy::IntoBytes::as_bytes(waiting.record.as_slice()).get(..waiting.size)?;
        let captured = Captured::new(record, Some(&waiting.arguments))?;
        self.assemble(&captured);
        Some(&mut self.event)
    }

    fn assemble(&mut self, captured: &Captured<'_>) {
        let generation = captured.head.generation;
        if self.current.0 != generation {
            // Rules that are forgotten must not lend their neighbours' keys to an event.
            let found = self.generations.get(generation).unwrap_or_default();
            self.current = (generation, found);
        }
        let time = (captured.head.time as i64 + self.offset).max(0) as u64;
        self.event.reset(Stamp {
            seconds: time / 1_000_000_000,
            millis: (time / 1_000_000 % 1000) as u16,
            serial: 0,
        });
        self.assembler.assemble(captured, &self.current.1, &mut self.event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_turned_around() {
        let write = |components: &[u8], flags| {
            let mut out = Vec::new();
            PathItem { components, flags }.write(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(write(b"", 0), "/");
        assert_eq!(write(b"cat\0bin\0usr\0", 0), "/usr/bin/cat");
        assert_eq!(write(b"x\0tmp\0", abi::PATH_DELETED), "/tmp/x (deleted)");
    }

    #[test]
    fn items_end_at_the_first_that_is_cut() {
        let mut words = [0u64; 4];
        let bytes = zerocopy::IntoBytes::as_mut_bytes(&mut words);
        let item = abi::Item { kind: ItemKind::Tty as u16, flags: 0, len: 4 };
        bytes[..8].copy_from_slice(zerocopy::IntoBytes::as_bytes(&item));
        bytes[8..12].copy_from_slice(b"pts0");
        let cut = abi::Item { kind: ItemKind::Exe as u16, flags: 0, len: 400 };
        bytes[16..24].copy_from_slice(zerocopy::IntoBytes::as_bytes(&cut));
        let found: Vec<_> = items(zerocopy::IntoBytes::as_bytes(&words)).collect();
        assert_eq!(found, [(ItemKind::Tty, 0, &b"pts0"[..])]);
    }
}
