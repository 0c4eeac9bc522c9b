//! audit.log, read back: events, records, fields. Written apart from the product's own reader, so that a mistake in one is
//! not hidden by the same mistake in the other.

use anyhow::{Context, Result, bail};

/// The bodies of the records of control (`CONFIG_CHANGE`, `FEATURE_CHANGE`) in a log, in order, without what was added to them and
/// without process numbers.
pub fn changes(log: &str) -> Vec<String> {
    let is_change = |line: &&str| {
        ["type=CONFIG_CHANGE ", "type=FEATURE_CHANGE "].iter().any(|kind| line.starts_with(kind))
    };
    log.lines()
        .filter(is_change)
        .filter_map(|line| line.split_once("): "))
        .map(|(_, body)| {
            let body = body.split('\u{1d}').next().unwrap_or_default();
            let kept = body.split(' ').map(|field| if field.starts_with("pid=") { "pid=N" } else { field });
            kept.collect::<Vec<_>>().join(" ")
        })
        .collect()
}

/// One field: `name=value` as it stands, quotes and all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Left of the `=`. What is in upper case was added by the daemon (ENRICHED).
    pub name: String,
    /// Right of it.
    pub value: String,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its type's name.
    pub kind: String,
    /// Its fields in order.
    pub fields: Vec<Field>,
}

/// The records of one stamp, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `SECONDS.MILLIS:SERIAL`.
    pub stamp: String,
    /// Never empty.
    pub records: Vec<Record>,
}

impl Record {
    /// The value of the first field of this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.name == name).map(|field| field.value.as_str())
    }
}

impl Event {
    /// The first record of this type.
    pub fn record(&self, kind: &str) -> Option<&Record> {
        self.records.iter().find(|record| record.kind == kind)
    }

    /// A field of the SYSCALL record.
    pub fn syscall(&self, name: &str) -> Option<&str> {
        self.record("SYSCALL").and_then(|record| record.value(name))
    }

    /// Whether the event carries this key, alone or among others.
    pub fn has_key(&self, key: &str) -> bool {
        let record = self.record("SYSCALL").or_else(|| self.record("URINGOP"));
        let Some(value) = record.and_then(|record| record.value("key")) else { return false };
        // As `ausearch -i` prints it.
        if value == key {
            return true;
        }
        if let Some(text) = value.strip_prefix('"') {
            return text.strip_suffix('"') == Some(key);
        }
        // Several keys are joined by byte 1, which makes them hex.
        unhex(value).is_some_and(|bytes| bytes.split(|byte| *byte == 1).any(|part| part == key.as_bytes()))
    }
}

/// The bytes of a hex string.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

/// An event's lines are close together; looking back over the whole log would take quadratic time.
const NEAR: usize = 64;

/// Reads a log: each line belongs to the event of its stamp, which stands where its first line stands.
pub fn parse(text: &str) -> Result<Vec<Event>> {
    let mut events: Vec<Event> = Vec::new();
    for line in text.lines() {
        let (stamp, record) = parse_line(line).with_context(|| format!("in the line {line}"))?;
        match events.iter_mut().rev().take(NEAR).find(|event| event.stamp == stamp) {
            Some(event) => event.records.push(record),
            None => events.push(Event { stamp, records: vec![record] }),
        }
    }
    Ok(events)
}

fn parse_line(line: &str) -> Result<(String, Record)> {
    let line = match line.split_once(' ') {
        Some((first, rest)) if first.starts_with("node=") => rest,
        _ => line,
    };
    let (kind, rest) =
        line.strip_prefix("type=").and_then(|rest| rest.split_once(' ')).context("no type=")?;
    let (stamp, body) = rest
        .strip_prefix("msg=audit(")
        .and_then(|rest| rest.split_once(')'))
        .and_then(|(stamp, rest)| Some((stamp, rest.trim_start_matches(' ').strip_prefix(':')?)))
        .context("no msg=audit(...):")?;
    Ok((stamp.to_owned(), Record { kind: kind.to_owned(), fields: fields(body)? }))
}

/// Splits a body into fields. A value may stand in quotes; a word without `=` is a field without a value.
fn fields(body: &str) -> Result<Vec<Field>> {
    let mut fields = Vec::new();
    let mut rest = body.trim_start_matches([' ', '\x1d']);
    while !rest.is_empty() {
        let end = value_end(rest)?;
        let (word, after) = rest.split_at(end);
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        fields.push(Field { name: name.to_owned(), value: value.to_owned() });
        rest = after.trim_start_matches([' ', '\x1d']);
    }
    Ok(fields)
}

fn value_end(text: &str) -> Result<usize> {
    let mut quote = None;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (None, ' ' | '\x1d') => return Ok(at),
            // A quote opens only right after the `=`: elsewhere it is part of the value.
            (None, '"' | '\'') if text[..at].ends_with('=') => quote = Some(letter),
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
    }
    if let Some(quote) = quote {
        bail!("a {quote} is never closed");
    }
    Ok(text.len())
}
