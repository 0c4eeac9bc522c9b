//! Complete log lines, as auditd 3.0.9 writes them.

use audit_rules::Arch;
use audit_rules::table::{machine, syscall};

use super::Names;
use super::fields::{
    Field, Fields, Meaning, hex_number, is_gap, number, possible, up_to, without_punctuation,
};
use super::saddr;
use crate::record::{Event, MessageType, Stamp, decimal};

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
        for (kind, body) in event.records() {
            if kind != MessageType::EOE {
                self.line(event.stamp(), kind, body, out);
                lines += 1;
            }
        }
        lines
    }

    /// Appends the line of one record, whatever its type: what a plugin is given.
    pub fn line(&mut self, stamp: Stamp, kind: MessageType, body: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        self.record(stamp, kind, body, out);
        if self.format == Format::Enriched && possible(kind) {
            if names_changed(kind) {
                self.names.flush();
            }
            self.enrich(kind, body, start + LINE_MAX, out);
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

    /// Appends 0x1D and the names behind the fields of `body`, as far as they end before `end`. The original cuts the name
    /// that does not fit; half a name is another name, so it is left out here.
    fn enrich(&mut self, kind: MessageType, body: &[u8], end: usize, out: &mut Vec<u8>) {
        let mut divider = SEPARATOR;
        let mut arch = None;
        for field in Fields::new(kind, body) {
            let before = out.len();
            out.push(divider);
            out.extend_from_slice(field.label);
            self.value(field, &mut arch, out);
            if out.len() > end {
                out.truncate(before);
            } else {
                divider = b' ';
            }
        }
    }

    /// Appends what the value of a field means. `arch` is the one the record has named so far.
    fn value(&mut self, field: Field<'_>, arch: &mut Option<Arch>, out: &mut Vec<u8>) {
        match field.meaning {
            Meaning::User => out.extend_from_slice(self.names.user(number(field.value))),
            Meaning::Group => out.extend_from_slice(self.names.group(number(field.value))),
            Meaning::Arch => {
                let value = without_punctuation(field.value);
                let known = hex_number(value).and_then(machine::from_elf);
                // For a machine that it does not know the original names the calls of the one it runs on.
                *arch = Some(known.map_or(NATIVE, machine::Machine::arch));
                match known {
                    Some(machine) => out.extend_from_slice(machine.name().as_bytes()),
                    None => unknown(out, b"unknown-elf-type(", value),
                }
            }
            Meaning::Syscall => {
                let call = number(field.value);
                if let Some(name) = arch.and_then(|arch| self.syscalls.name(arch, call)) {
                    out.extend_from_slice(name.as_bytes());
                } else {
                    out.extend_from_slice(b"unknown-syscall(");
                    // Without arch the original has no number either.
                    let call = if arch.is_some() { call as i32 } else { -1 };
                    if call < 0 {
                        out.push(b'-');
                    }
                    decimal(out, u64::from(call.unsigned_abs()));
                    out.push(b')');
                }
            }
            Meaning::SocketAddress => saddr::write(out, without_punctuation(field.value)),
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
