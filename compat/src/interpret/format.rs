//! Complete log lines.

use super::Names;
use crate::record::{Event, MessageType, Stamp};

/// How lines are written: `log_format` of auditd.conf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The record as the kernel made it.
    Raw,
    /// The record, then 0x1D and the names behind its numbers.
    Enriched,
}

/// Writes events as auditd does: `[node=NAME ]type=TYPE msg=audit(SECONDS.MMM:SERIAL): BODY[\x1d NAMES]\n`.
#[derive(Debug)]
pub struct Formatter {
    node: Option<Box<[u8]>>,
    format: Format,
    names: Names,
}

impl Formatter {
    /// A formatter; `node` is the machine's name to be written first (`name_format`).
    pub fn new(node: Option<&[u8]>, format: Format) -> Self {
        Self { node: node.map(Box::from), format, names: Names::new() }
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
        if let Some(node) = &self.node {
            out.extend_from_slice(b"node=");
            out.extend_from_slice(node);
            out.push(b' ');
        }
        out.extend_from_slice(b"type=");
        match kind.name() {
            Some(name) => out.extend_from_slice(name.as_bytes()),
            None => out.extend_from_slice(kind.to_string().as_bytes()),
        }
        out.extend_from_slice(b" msg=audit(");
        stamp.write(out);
        out.extend_from_slice(b"): ");
        out.extend_from_slice(body);
        out.push(b'\n');
    }
}
