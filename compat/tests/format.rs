//! The formatter against the original: for every record in `tests/golden/enrich/*.in`, the line that auditd 3.0.9 wrote.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use compat::interpret::{Format, Formatter, Names};
use compat::record::{Event, MessageType, Stamp};
use proptest::prelude::*;

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

fn line(node: Option<&[u8]>, kind: MessageType, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let stamp = Stamp { seconds: 1, millis: 2, serial: 3 };
    Formatter::with_names(node, Format::Enriched, names()).line(stamp, kind, body, &mut out);
    out
}

#[test]
fn a_record_cannot_forge_names() {
    // The original passes 0x1D on, and takes what follows for names.
    assert_eq!(
        line(None, MessageType::USER_AUTH, b"uid=1000 \x1dUID=\"root\"").escape_ascii().to_string(),
        "type=USER_AUTH msg=audit(1.002:3): uid=1000  UID=\\\"root\\\"\\x1dUID=\\\"al\\\"\\n"
    );
    assert_eq!(line(None, MessageType::USER, b"a\0b\nc"), b"type=USER msg=audit(1.002:3): a b c\n");
}

#[test]
fn a_name_is_written_whole_or_not_at_all() {
    // The original fills the line with as much of the name as fits.
    let head = "node=n type=USER_AUTH msg=audit(1.002:3): ".len();
    let mut seen = std::collections::HashSet::new();
    for room in 0..20 {
        let tail = b" uid=1000 gid=0";
        let filler = 8969 - room - head - tail.len();
        let body = [b"f=".to_vec(), vec![b'x'; filler - 2], tail.to_vec()].concat();
        let line = line(Some(b"n"), MessageType::USER_AUTH, &body);
        let names = line.split(|&b| b == 0x1d).nth(1).unwrap_or_default();
        let known: [&[u8]; 2] = [b"", b"UID=\"al\"\n"];
        assert!(known.contains(&names), "{room}: {}", names.escape_ascii());
        assert!(line.len() <= 8970);
        seen.insert(names.to_vec());
    }
    assert_eq!(seen.len(), 2, "both without and with a name");
}

#[test]
fn the_call_of_a_seccomp_record_is_named() {
    // The original names it only where `arch=` and `syscall=` come first: here it says unknown-syscall(-1).
    let line = line(None, MessageType::SECCOMP, b"auid=1000 sig=31 arch=c000003e syscall=1 compat=0");
    assert!(line.ends_with(b"\x1dAUID=\"al\" ARCH=x86_64 SYSCALL=write\n"), "{}", line.escape_ascii());
}

proptest! {
    #[test]
    fn any_record_is_one_line_with_one_divider(kind in 1000u16..2600, body: Vec<u8>, node in any::<bool>()) {
        let out = line(node.then_some(b"n"), MessageType(kind), &body);
        prop_assert_eq!(out.iter().position(|&b| b == b'\n'), Some(out.len() - 1));
        prop_assert!(out.split(|&b| b == 0x1d).nth(2).is_none());
        prop_assert!(!out.contains(&0));
    }
}

proptest! {
    // Long records are slow to make.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_the_fields_are_the_line_is_whole(
        words in prop::collection::vec("(uid|gid|auid|arch|syscall|saddr|id|x|msg='uid|\\(gid)=[0-9a-zA-Z,'()\"]{0,40}", 0..400)
    ) {
        let body = words.join(" ");
        let out = line(None, MessageType::SYSCALL, body.as_bytes());
        prop_assert!(out.len() <= 8970);
        let raw = out.split(|&b| b == 0x1d || b == b'\n').next().unwrap();
        let expected = format!("type=SYSCALL msg=audit(1.002:3): {body}");
        let expected = expected.strip_suffix(' ').unwrap_or(&expected);
        prop_assert!(expected.as_bytes().starts_with(raw) && raw.len() == expected.len().min(8937));
    }
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
