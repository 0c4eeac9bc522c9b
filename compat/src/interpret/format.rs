//! Complete log lines, as auditd 3.0.9 writes them.

use audit_rules::Arch;
use audit_rules::table::{machine, syscall};

use super::Names;
use super::fields::{Fields, Meaning, hex_number, is_gap, number, possible, up_to, without_punctuation};
use super::saddr;
use crate::record::{Event, Id, MessageType, Note, Stamp, decimal};

/// The longest line, its newline left out: readers (`ausearch`, auparse) have buffers of 8970 bytes
/// (`MAX_AUDIT_MESSAGE_LENGTH`).
const LINE_MAX: usize = 8969;

/// The longest record without `node=` and enrichment: the original keeps 32 bytes free, unless there is a node name.
const RECORD_MAX: usize = 8937;

/// Divides the record from the names: ASCII "group separator".
const SEPARATOR: u8 = 0x1d;

/// The architecture of this machine's own system calls.
#[cfg(target_arch = "x86_64")]
const NATIVE: Arch = Arch::X86_64;
/// The architecture of this machine's own system calls.
#[cfg(target_arch = "aarch64")]
const NATIVE: Arch = Arch::AARCH64;

/// How lines are written: `log_format` of auditd.conf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The record as the kernel made it.
    Raw,
    /// The record, then 0x1D and the names behind its numbers.
    Enriched,
}

/// Writes events as auditd does: `[node=NAME ]type=TYPE msg=audit(SECONDS.MMM:SERIAL): BODY[\x1dNAMES]\n`.
///
/// Nothing that a record contains can tear its line or forge names: newlines become spaces, as in the original; NUL and
/// 0x1D, which the original leaves, too. One space at the end is dropped, unless the line begins with `node=`.
#[derive(Debug)]
pub struct Formatter {
    /// `node=NAME `, or nothing.
    node: Vec<u8>,
    format: Format,
    names: Names,
    syscalls: Syscalls,
    /// ` msg=audit(SECONDS.MMM:SERIAL): ` of the event at hand.
    head: Vec<u8>,
    /// The stamp in `head`.
    stamp: Option<Stamp>,
}

impl Formatter {
    /// A formatter; `node` is the machine's name to be written first (`name_format`).
    pub fn new(node: Option<&[u8]>, format: Format) -> Self {
        Self::with_names(node, format, Names::new())
    }

    /// The same, with names from somewhere else.
    pub fn with_names(node: Option<&[u8]>, format: Format, names: Names) -> Self {
        let node = node.map(|name| [b"node=", name, b" "].concat()).unwrap_or_default();
        Self { node, format, names, syscalls: Syscalls::default(), head: Vec::with_capacity(64), stamp: None }
    }

    /// Forgets the names of users and groups. Done by itself when a record says that they changed.
    pub fn flush_names(&mut self) {
        self.names.flush();
    }

    /// Appends the lines of an event as they go to disk (EOE does not); returns how many lines that were.
    pub fn write(&mut self, event: &Event, out: &mut Vec<u8>) -> u64 {
        let mut lines = 0;
        for (at, (kind, body)) in event.records().enumerate() {
            if kind != MessageType::EOE {
                self.whole_line(event.stamp(), kind, body, event.notes(at), out);
                lines += 1;
            }
        }
        lines
    }

    /// Appends the line of one record, whatever its type: what a plugin is given.
    pub fn line(&mut self, stamp: Stamp, kind: MessageType, body: &[u8], out: &mut Vec<u8>) {
        self.whole_line(stamp, kind, body, None, out);
    }

    fn whole_line(
        &mut self,
        stamp: Stamp,
        kind: MessageType,
        body: &[u8],
        notes: Option<&[Note]>,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        self.record(stamp, kind, body, out);
        if self.format == Format::Enriched && possible(kind) {
            if names_changed(kind) {
                self.names.flush();
            }
            let mut names =
                Enrichment { formatter: self, arch: None, divider: SEPARATOR, end: start + LINE_MAX };
            match notes {
                Some(notes) => names.noted(notes, out),
                None => names.found(Fields::new(kind, body), out),
            }
        }
        out.push(b'\n');
    }

    /// Appends the line without enrichment and newline.
    fn record(&mut self, stamp: Stamp, kind: MessageType, body: &[u8], out: &mut Vec<u8>) {
        if self.stamp != Some(stamp) {
            self.head.clear();
            self.head.extend_from_slice(b" msg=audit(");
            stamp.write(&mut self.head);
            self.head.extend_from_slice(b"): ");
            self.stamp = Some(stamp);
        }
        let start = out.len();
        out.extend_from_slice(&self.node);
        out.extend_from_slice(b"type=");
        if let Some(name) = kind.name() {
            out.extend_from_slice(name.as_bytes());
        } else {
            out.extend_from_slice(b"UNKNOWN[");
            decimal(out, u64::from(kind.0));
            out.push(b']');
        }
        out.extend_from_slice(&self.head);
        let text = out.len();
        out.extend_from_slice(body);
        clean(&mut out[text..]);
        // As the original: only where no name of a node stands before.
        if self.node.is_empty() && out.last() == Some(&b' ') {
            out.pop();
        }
        out.truncate(start + if self.node.is_empty() { RECORD_MAX } else { LINE_MAX });
    }
}

/// The end of a line: 0x1D and the names behind its fields, as far as they end before `end`. The original cuts the name that
/// does not fit; half a name is another name, so it is left out here.
struct Enrichment<'a> {
    formatter: &'a mut Formatter,
    /// The one that the record has named so far.
    arch: Option<Arch>,
    /// What comes before the next name.
    divider: u8,
    end: usize,
}

impl Enrichment<'_> {
    /// The names of what the record's writer has noted.
    fn noted(&mut self, notes: &[Note], out: &mut Vec<u8>) {
        for note in notes {
            let before = out.len();
            out.push(self.divider);
            let label = note.label.as_bytes().get(1..).unwrap_or_default();
            out.extend(label.iter().map(u8::to_ascii_uppercase));
            match note.id {
                Id::User(id) => out.extend_from_slice(self.formatter.names.user(id)),
                Id::Group(id) => out.extend_from_slice(self.formatter.names.group(id)),
                Id::Arch(elf) => match machine::from_elf(elf) {
                    None => self.machine(None, format!("{elf:x}").as_bytes(), out),
                    known => self.machine(known, b"", out),
                },
                Id::Syscall(number) => self.syscall(number, out),
            }
            self.fit(before, out);
        }
    }

    /// The names of what is found in the record's text.
    fn found(&mut self, fields: Fields<'_>, out: &mut Vec<u8>) {
        for field in fields {
            let before = out.len();
            out.push(self.divider);
            out.extend_from_slice(field.label);
            match field.meaning {
                Meaning::User => out.extend_from_slice(self.formatter.names.user(number(field.value))),
                Meaning::Group => out.extend_from_slice(self.formatter.names.group(number(field.value))),
                Meaning::Arch => {
                    let value = without_punctuation(field.value);
                    self.machine(hex_number(value).and_then(machine::from_elf), value, out);
                }
                Meaning::Syscall => self.syscall(number(field.value), out),
                Meaning::SocketAddress => saddr::write(out, without_punctuation(field.value)),
            }
            self.fit(before, out);
        }
    }

    /// Takes the name from `before` on back if it is too much.
    fn fit(&mut self, before: usize, out: &mut Vec<u8>) {
        if out.len() > self.end {
            out.truncate(before);
        } else {
            self.divider = b' ';
        }
    }

    /// The machine that `text` stands for.
    fn machine(&mut self, known: Option<machine::Machine>, text: &[u8], out: &mut Vec<u8>) {
        // For a machine that it does not know the original names the calls of the one it runs on.
        self.arch = Some(known.map_or(NATIVE, machine::Machine::arch));
        match known {
            Some(machine) => out.extend_from_slice(machine.name().as_bytes()),
            None => unknown(out, b"unknown-elf-type(", text),
        }
    }

    fn syscall(&mut self, call: u32, out: &mut Vec<u8>) {
        if let Some(name) = self.arch.and_then(|arch| self.formatter.syscalls.name(arch, call)) {
            out.extend_from_slice(name.as_bytes());
        } else {
            out.extend_from_slice(b"unknown-syscall(");
            // Without arch the original has no number either.
            let call = if self.arch.is_some() { call as i32 } else { -1 };
            if call < 0 {
                out.push(b'-');
            }
            decimal(out, u64::from(call.unsigned_abs()));
            out.push(b')');
        }
    }
}

fn unknown(out: &mut Vec<u8>, what: &[u8], value: &[u8]) {
    out.extend_from_slice(what);
    out.extend_from_slice(value);
    out.push(b')');
}

/// Whether a record of this type says that users or groups have changed.
fn names_changed(kind: MessageType) -> bool {
    matches!(
        kind,
        MessageType::ADD_USER
            | MessageType::DEL_USER
            | MessageType::USER_MGMT
            | MessageType::ADD_GROUP
            | MessageType::DEL_GROUP
            | MessageType::GRP_MGMT
    )
}

/// Replaces by a space what would end the line, the string or the record early.
fn clean(text: &mut [u8]) {
    let mut at = 0;
    loop {
        at += up_to(&text[at..], 0x20);
        let Some(byte) = text.get_mut(at) else { return };
        if is_gap(*byte) {
            *byte = b' ';
        }
        at += 1;
    }
}

/// Names of the native system calls by number, because finding them in the table would be the slowest part of a SYSCALL
/// record.
#[derive(Debug)]
struct Syscalls {
    native: Vec<Option<&'static str>>,
}

impl Syscalls {
    fn name(&self, arch: Arch, number: u32) -> Option<&'static str> {
        if arch == NATIVE {
            self.native.get(number as usize).copied().flatten()
        } else {
            syscall::name(arch, number)
        }
    }
}

impl Default for Syscalls {
    fn default() -> Self {
        let last = syscall::all(NATIVE).map(|(number, _)| number).max().unwrap_or(0);
        Self { native: (0..=last).map(|number| syscall::name(NATIVE, number)).collect() }
    }
}
