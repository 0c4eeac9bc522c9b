//! The formatter against the original: for every record in `tests/golden/enrich/*.in`, the line that auditd 3.0.9 wrote.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use compat::interpret::{Format, Formatter, Names};
use compat::record::{Event, MessageType, Stamp};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/enrich").join(name)
}

/// The third field of passwd and group is the number, the first one the name.
fn ids(file: &str) -> HashMap<u32, Vec<u8>> {
    let text = std::fs::read_to_string(golden(file)).unwrap();
    let row = |line: &str| {
        let mut words = line.split(':');
        let name = words.next().unwrap().as_bytes().to_vec();
        (words.nth(1).unwrap().parse().unwrap(), name)
    };
    text.lines().map(row).collect()
}

fn names() -> Names {
    static USERS: OnceLock<HashMap<u32, Vec<u8>>> = OnceLock::new();
    static GROUPS: OnceLock<HashMap<u32, Vec<u8>>> = OnceLock::new();
    Names::with(
        |uid| USERS.get_or_init(|| ids("passwd")).get(&uid).cloned(),
        |gid| GROUPS.get_or_init(|| ids("group")).get(&gid).cloned(),
    )
}

/// What `feed.c` makes of a line.
fn decode(mut text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some((&first, rest)) = text.split_first() {
        (text, ()) = match rest {
            [b'n', rest @ ..] if first == b'\\' => (rest, out.push(b'\n')),
            [b'x', high, low, rest @ ..] if first == b'\\' => {
                let digits = [*high, *low];
                (rest, out.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()))
            }
            [b'r', rest @ ..] if first == b'\\' => {
                let brace = rest.iter().position(|&b| b == b'{').unwrap();
                let count: usize = std::str::from_utf8(&rest[..brace]).unwrap().parse().unwrap();
                (&rest[brace + 3..], out.resize(out.len() + count, rest[brace + 1]))
            }
            _ => (rest, out.push(first)),
        };
    }
    out
}

/// Type, stamp and body of every record of a file.
fn records(name: &str) -> Vec<(MessageType, Stamp, Vec<u8>)> {
    let text = std::fs::read(golden(name)).unwrap();
    let mut records = Vec::new();
    for line in text.split(|&b| b == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#")) {
        let space = line.iter().position(|&b| b == b' ').unwrap();
        let kind = std::str::from_utf8(&line[..space]).unwrap().parse().unwrap();
        let message = decode(&line[space + 1..]);
        let rest = message.strip_prefix(b"audit(").unwrap();
        let end = rest.windows(3).position(|w| w == b"): ").unwrap();
        records.push((MessageType(kind), Stamp::parse(&rest[..end]).unwrap(), rest[end + 3..].to_vec()));
    }
    records
}

fn compare(name: &str, suffix: &str, node: Option<&[u8]>, format: Format) {
    let theirs = std::fs::read(golden(&format!("{name}{suffix}"))).unwrap();
    let mut theirs = theirs.split_inclusive(|&b| b == b'\n');
    let mut formatter = Formatter::with_names(node, format, names());
    let mut event = Event::new();
    let mut ours = Vec::new();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for (kind, stamp, body) in records(&format!("{name}.in")) {
        event.reset(stamp);
        event.push(kind, &body);
        ours.clear();
        let lines = formatter.write(&event, &mut ours);
        assert_eq!(lines, u64::from(kind != MessageType::EOE));
        if lines == 1 {
            let theirs = theirs.next().unwrap_or_default();
            if theirs != ours {
                let show = |line: &[u8]| line.escape_ascii().to_string();
                wrong.push(format!("theirs {}\nours   {}", show(theirs), show(&ours)));
            }
            compared += 1;
        }
    }
    assert!(wrong.is_empty(), "{name}{suffix}: {} lines differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(theirs.next(), None, "{name}{suffix}: the original wrote more");
    assert!(compared > 4, "{name}{suffix}: only {compared} lines");
}

#[test]
fn every_field_by_type_and_value() {
    compare("fields", ".log", None, Format::Enriched);
}

#[test]
fn records_are_taken_apart_alike() {
    compare("words", ".log", None, Format::Enriched);
}

#[test]
fn socket_addresses() {
    compare("saddr", ".log", None, Format::Enriched);
}

#[test]
fn records_as_they_come() {
    compare("real", ".log", None, Format::Enriched);
    compare("real", ".raw.log", None, Format::Raw);
    compare("real", ".node.log", Some(b"host.example"), Format::Enriched);
}

#[test]
fn records_that_are_too_long() {
    compare("long", ".log", None, Format::Enriched);
    compare("long", ".raw.log", None, Format::Raw);
    compare("long", ".node.log", Some(b"host.example"), Format::Enriched);
}

/// The budget of the hot path. Run it with `cargo test --release -p compat --test format -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement; says something only in a release build on a quiet machine"]
fn an_open_takes_less_than_a_microsecond_and_a_half() {
    const ROUNDS: u32 = 200_000;
    let open: Vec<_> = records("real.in").into_iter().take(5).collect();
    let mut formatter = Formatter::new(None, Format::Enriched);
    let mut event = Event::new();
    let mut out = Vec::with_capacity(1 << 20);
    let mut bytes = 0;
    let mut best = f64::MAX;
    for _ in 0..5 {
        let start = std::time::Instant::now();
        for serial in 0..ROUNDS {
            event.reset(Stamp { serial, ..open[0].1 });
            for (kind, _, body) in &open {
                event.push(*kind, body);
            }
            if out.len() > 1 << 19 {
                bytes += out.len();
                out.clear();
            }
            formatter.write(&event, &mut out);
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(ROUNDS));
    }
    println!("{:.0} ns per open (SYSCALL, CWD, PATH, PROCTITLE, EOE), {bytes} bytes", best * 1e9);
    assert!(best < 1.5e-6, "{best} s");
}
