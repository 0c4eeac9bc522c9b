//! Compares this crate with what the original `auditctl` said and listed (`tests/golden/rules`, made by `make.sh` there):
//! exit codes, messages and `auditctl -l` byte for byte.
//!
//! The rules files that the auditd package ships are read from where it installs them; the other inputs are checked in.

#![allow(clippy::expect_used, reason = "a test ends where its own inputs are wrong")]

mod host;
mod run;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use audit_rules::{Command, Error, Problem, Rule, parse_file, parse_words};
use host::GoldenHost;
use run::Run;

const SHIPPED: &str = "/usr/share/doc/auditd/examples/rules";

/// Lines that 4.2 takes in another way than 3.0.9, which wrote the golden file; docs/differences.md says how.
const AS_NEWEST: [&[u8]; 9] = [
    b"-a always,exclude -F sessionid=1",
    b"-a never,filesystem -F fstype=cgroup",
    b"-a always,exit -F exe!=/usr/bin/true",
    b"-a always,exit -S getpid -k x\x01y",
    b"-w /etc/shadow -k x\x01y\x01",
    b"-a never,exclude -F exe=/usr/bin/true -k k",
    b"-a always,exclude -F msgtype=CWD -F key=x",
    b"-h",
    b"--help",
];

fn golden_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/rules")
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn shorten(bytes: &[u8]) -> String {
    let lines = bytes.split(|&byte| byte == b'\n');
    let cut = |line: &[u8]| String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned();
    lines.map(cut).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_line_of_the_corpus_is_as_the_original() {
    let host = GoldenHost::new();
    let golden = read(&golden_folder().join("corpus.golden"));
    let corpus = read(&golden_folder().join("corpus.rules"));
    let mut entries = HashMap::new();
    let mut current: Option<(Vec<u8>, Vec<u8>)> = None;
    for line in golden.split_inclusive(|&byte| byte == b'\n') {
        if let Some(head) = line.strip_prefix(b"> ") {
            entries.extend(current.replace((head[..head.len() - 1].to_vec(), Vec::new())));
        } else if let Some((_, body)) = &mut current {
            body.extend_from_slice(line);
        }
    }
    entries.extend(current);
    let mut wrong = Vec::new();
    let mut tried = 0;
    for line in corpus.split(|&byte| byte == b'\n').filter(|line| !line.is_empty() && line[0] != b'#') {
        let words: Vec<Vec<u8>> = line
            .split(|&byte| byte == b' ')
            .filter(|word| !word.is_empty())
            .map(|word| if word == b"''" { Vec::new() } else { word.to_vec() })
            .collect();
        let mut run = Run::default();
        let exit = if run.line(parse_words(&words, &host), &host).is_ok() { 0 } else { 255 };
        let expected = entries.get(line).unwrap_or_else(|| panic!("no golden entry for {}", shorten(line)));
        let ours = run.golden(exit, &host);
        if (ours != *expected) != AS_NEWEST.contains(&line) {
            wrong.push(format!("{}\nours:\n{}theirs:\n{}", shorten(line), shorten(&ours), shorten(expected)));
        }
        tried += 1;
    }
    assert!(tried >= 300, "only {tried} lines in the corpus");
    assert!(wrong.is_empty(), "{} of {tried} differ:\n\n{}", wrong.len(), wrong.join("\n"));
}

/// Loads `bytes` as file `name` and returns the difference from its golden file, if there is one.
fn difference(name: &str, bytes: &[u8], golden: &Path, host: &GoldenHost) -> Option<String> {
    let mut run = Run::default();
    let exit = run.file(name, bytes, host);
    let (ours, expected) = (run.golden(exit, host), read(golden));
    let text = || format!("{}\nours:\n{}theirs:\n{}", golden.display(), shorten(&ours), shorten(&expected));
    (ours != expected).then(text)
}

fn rules_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rules"))
        .collect();
    files.sort();
    files
}

/// Makes comments of the lines that `make.sh` keeps from the kernel.
fn harmless(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_start_matches(' ');
        let two = |option: &str| {
            text.strip_prefix(option)
                .is_some_and(|rest| rest.starts_with(' ') && rest.trim_start_matches(' ').starts_with('2'))
        };
        if two("-e") || two("-f") || text.starts_with("--loginuid-immutable") {
            out.push(b'#');
        }
        out.extend_from_slice(line);
    }
    out
}

#[test]
fn every_file_is_as_the_original() {
    let host = GoldenHost::new();
    let files = rules_files(&golden_folder().join("files"));
    assert!(files.len() >= 10);
    let differences: Vec<_> = files
        .iter()
        .filter_map(|file| {
            let name = file.file_name().expect("a name").to_string_lossy();
            difference(&name, &harmless(&read(file)), &file.with_extension("golden"), &host)
        })
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn every_shipped_file_is_as_the_original() {
    let host = GoldenHost::new();
    let files = rules_files(Path::new(SHIPPED));
    assert!(files.len() >= 30, "the auditd package is not installed");
    let mut differences = Vec::new();
    for file in &files {
        let stem = file.file_stem().expect("a name").to_string_lossy();
        let name = format!("{stem}.rules");
        let bytes = harmless(&read(file));
        let folder = golden_folder().join("examples");
        differences.extend(difference(&name, &bytes, &folder.join(format!("{stem}.golden")), &host));
        let all = [b"-i\n", &bytes[..]].concat();
        differences.extend(difference(&name, &all, &folder.join(format!("{stem}.all.golden")), &host));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn all_errors_of_a_file_are_reported_with_their_place() {
    let host = GoldenHost::new();
    let bytes = b"-w /etc/passwd -p wa\n  -a always,exit -S nosuch\n\n-b x\n-i\n-a always,exit -F arch=b64 -F foo=1 -S open\n";
    let file = parse_file("x.rules", bytes, &host);
    let said: Vec<_> = file.errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "x.rules:2:18: Syscall name unknown: nosuch",
            "x.rules:4:1: Backlog must be a numeric value was x",
            "x.rules:6:28: -F unknown field: foo",
        ]
    );
    assert_eq!(file.errors.iter().map(|error| error.ignored).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(file.lines.len(), 2);
    assert_eq!(file.fatal().map(|error| error.position.line), Some(2));
}

#[test]
fn requests_are_the_bytes_that_the_original_sends() {
    let host = GoldenHost::new();
    let golden = String::from_utf8(read(&golden_folder().join("wire.golden"))).expect("ASCII");
    let mut tried = 0;
    let mut lines = golden.lines();
    while let (Some(line), Some(sent)) = (lines.next(), lines.next()) {
        let line = line.strip_prefix("> ").expect("a command line");
        let (request, payload) = sent.split_once(' ').expect("request and payload");
        let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        let (kind, bytes) = match parse_words(&words, &host) {
            Ok(commands) => match commands.iter().find(|command| !matches!(command, Command::Say(_))) {
                Some(Command::Add { rule, prepend }) => ("ADD", rule.draft().encode(*prepend)),
                Some(Command::Delete(rule)) => ("DEL", rule.encode()),
                other => panic!("{line}: {other:?}"),
            },
            Err(Error { problem: Problem::Refused(refused), .. }) => {
                (if refused.delete { "DEL" } else { "ADD" }, refused.request)
            }
            Err(error) => panic!("{line}: {error}"),
        };
        let mut theirs: Vec<u8> = (0..payload.len() / 2)
            .map(|at| u8::from_str_radix(&payload[at * 2..at * 2 + 2], 16).expect("hexadecimal"))
            .collect();
        // Class numbers are expanded when a rule is made, as the kernel does it; the request may hold them.
        let expanded = audit_rules::Draft::decode(&theirs)
            .ok()
            .and_then(|(draft, prepend)| Rule::new(draft).ok().map(|rule| rule.draft().encode(prepend)));
        // The original pads requests to four bytes.
        let padding = theirs.split_off(bytes.len());
        assert!(padding.len() < 4 && padding.iter().all(|&byte| byte == 0), "{line}");
        assert_eq!(kind, request, "{line}");
        assert_eq!(bytes, expanded.unwrap_or(theirs), "{line}");
        tried += 1;
    }
    assert_eq!(tried, 30);
}
