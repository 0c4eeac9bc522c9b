//! What the fuzzers try (`tests/fuzz`), and the ordinary tests replay: any bytes may come, nothing may panic, and what was
//! understood must come back the same.

use audit_rules::{Command, NoHost, Rule, parse_file, parse_line, words};
use compat::control::batch::{Fault, Item, items, push};
use compat::control::frame::{HEADER_SIZE, Header, limit, write};

/// A fuzz target: its name, which is also that of its corpus, and what it does with its input.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 4] = [
    ("rule_line", rule_line),
    ("rules_file", rules_file),
    ("control_frame", control_frame),
    ("rule_data", rule_data),
];

/// One line of a rules file.
///
/// # Panics
/// On a finding.
pub fn rule_line(bytes: &[u8]) {
    let line = words(bytes);
    if line.is_empty() {
        return;
    }
    match parse_line(1, &line, &NoHost) {
        Ok(commands) => commands.iter().for_each(command),
        Err(error) => {
            let column = error.position.column as usize;
            assert!((1..=bytes.len().max(1)).contains(&column), "column {column} of {}", bytes.len());
            assert!(!error.to_string().is_empty());
        }
    }
}

fn command(command: &Command) {
    if let Command::Add { rule, .. } | Command::Delete(rule) = command {
        let (listed, words) = (rule.line(false, audit_rules::Arch::X86_64), rule.to_string());
        assert!(listed.starts_with(b"-") || listed.starts_with(b" -"), "{words}");
        assert_eq!(Rule::decode(&rule.draft().encode(false)).as_ref(), Ok(rule), "{words}");
    }
}

/// A whole file: every place that is named lies within it.
///
/// # Panics
/// On a finding.
pub fn rules_file(bytes: &[u8]) {
    let file = parse_file("fuzz", bytes, &NoHost);
    let lines = bytes.split(|&byte| byte == b'\n').count() + bytes.len() / audit_rules::LINE_SIZE;
    let places = file.lines.iter().map(|(position, _)| position);
    for position in places.chain(file.errors.iter().map(|error| &error.position)) {
        assert!((1..=lines).contains(&(position.line as usize)), "{position:?} of {lines} lines");
    }
    for error in &file.errors {
        assert!(error.to_string().starts_with("fuzz:"), "{error}");
    }
}

/// What a client may send to the control socket: a frame, and the items of a batch.
///
/// # Panics
/// On a finding.
pub fn control_frame(bytes: &[u8]) {
    let Some((header, payload)) = bytes.split_first_chunk::<HEADER_SIZE>() else { return };
    if let Ok(header) = Header::decode(*header) {
        assert!(header.length <= limit(header.role, header.kind));
        let payload = &payload[..payload.len().min(header.length)];
        let mut again = Vec::new();
        if write(&mut again, header.role, header.kind, payload).is_ok() {
            let (head, body) =
                again.split_first_chunk::<HEADER_SIZE>().map_or((&[0; HEADER_SIZE], &[][..]), |x| x);
            assert_eq!(Header::decode(*head), Ok(Header { length: payload.len(), ..header }));
            assert_eq!(body, payload);
        }
    }
    if let Ok(found) = items(payload) {
        let mut again = Vec::new();
        for Item { kind, payload } in &found {
            push(&mut again, *kind, payload);
            let part = compat::audit::Part { kind: *kind, payload: payload.to_vec() };
            if let Some(fault) = Fault::from_part(&part) {
                assert_eq!(fault.part(), part);
            }
        }
        assert_eq!(items(&again), Ok(found));
    }
}

/// A `struct audit_rule_data` as any program may send it.
///
/// # Panics
/// On a finding.
pub fn rule_data(bytes: &[u8]) {
    let Ok(rule) = Rule::decode(bytes) else { return };
    assert_eq!(Rule::decode(&rule.draft().encode(false)).as_ref(), Ok(&rule));
    for interpret in [false, true] {
        assert!(!rule.line(interpret, audit_rules::Arch::X86_64).is_empty());
    }
}
