//! The parser of auditd.conf against the original: for every line of `tests/golden/conf/cases.txt`, what auditd 3.0.9 said.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

use std::path::{Path, PathBuf};

use compat::conf::{self, Auditd, Flush, LogFormat, Note, Problem, SizeAction, Space};
use proptest::prelude::*;

const FILE: &str = "DIR/auditd.conf";

fn group(name: &[u8]) -> Option<u32> {
    (name == b"adm").then_some(4)
}

fn parse(contents: &str) -> Result<conf::Parsed, Vec<conf::Error>> {
    conf::parse(Path::new(FILE), contents.as_bytes(), &group)
}

#[test]
fn every_line_is_judged_in_the_originals_words() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/conf/answers.txt");
    let answers = std::fs::read_to_string(golden).unwrap();
    let mut compared = 0;
    for answer in answers.split("== ").skip(1) {
        let mut lines = answer.lines();
        let case = lines.next().unwrap();
        let mut theirs: Vec<&str> = lines.collect();
        let code = theirs.pop().unwrap();
        theirs.retain(|line| !line.starts_with("Not processing any more lines"));
        let line = case.replace("\\t", "\t").replace("\\n", "\n");
        let start = "log_file = DIR/log/audit.log\nspace_left = 2\nadmin_space_left = 1\n";
        let (ours, ours_code) = match parse(&format!("{start}{line}\n")) {
            Ok(parsed) => {
                // What is ours alone: that it has no effect yet, and that a word is ignored.
                let told = parsed
                    .notes
                    .iter()
                    .filter(|note| !matches!(note, Note::NotInEffect { .. } | Note::WordIgnored { .. }));
                (told.map(ToString::to_string).collect::<Vec<_>>(), "exit 0")
            }
            Err(errors) => {
                // The place comes before the words.
                let words = |error: &conf::Error| {
                    let text = error.to_string();
                    let place = format!("{FILE}:4:{}: ", error.column);
                    text.strip_prefix(&place).unwrap().to_owned()
                };
                (errors.iter().map(words).collect(), "exit 6")
            }
        };
        assert_eq!((ours.join("\n"), ours_code), (theirs.join("\n"), code), "{case}");
        compared += 1;
    }
    assert!(compared > 100, "only {compared}");
}

#[test]
fn debians_own_file_is_understood() {
    let parsed = parse(
        "#\n# This file controls the configuration of the audit daemon\n#\n\nlocal_events = yes\nwrite_logs = yes\n\
         log_file = /var/log/audit/audit.log\nlog_group = adm\nlog_format = ENRICHED\nflush = INCREMENTAL_ASYNC\n\
         freq = 50\nmax_log_file = 8\nnum_logs = 5\npriority_boost = 4\nname_format = NONE\n##name = mydomain\n\
         max_log_file_action = ROTATE\nspace_left = 75\nspace_left_action = SYSLOG\nverify_email = yes\n",
    )
    .unwrap();
    let expected = Auditd {
        log_group: 4,
        log_format: LogFormat::Enriched,
        flush: Flush::IncrementalAsync,
        freq: 50,
        max_log_file: 8,
        num_logs: 5,
        max_log_file_action: SizeAction::Rotate,
        space_left: Space::Mebibytes(75),
        space_left_action: conf::Action::Syslog,
        ..Auditd::default()
    };
    assert_eq!(parsed.conf, expected);
    let keys = vec!["space_left", "space_left_action", "verify_email"];
    assert_eq!(parsed.notes, [Note::NotInEffect { file: PathBuf::from(FILE), keys }]);
}

#[test]
fn all_errors_are_reported_each_with_its_place() {
    let errors =
        parse("freq = x\nlog_format = raw\n  nosuch  = 1\nflush  none\nq_depth = 1 2\n").unwrap_err();
    let places: Vec<_> = errors.iter().map(|error| (error.line, error.column)).collect();
    assert_eq!(places, [(1, 8), (3, 3), (4, 8), (5, 13)]);
    assert_eq!(errors[1].problem, Problem::UnknownKeyword(b"nosuch".to_vec()));
    assert_eq!(
        errors[1].to_string(),
        "DIR/auditd.conf:3:3: Unknown keyword \"nosuch\" in line 3 of DIR/auditd.conf"
    );
}

#[test]
fn the_last_line_needs_no_newline() {
    assert_eq!(parse("freq = 5").unwrap().conf.freq, 5);
}

#[test]
fn a_line_that_is_too_long_is_named() {
    let parsed = parse(&format!("freq = 5\nname = {}\n", "x".repeat(600))).unwrap();
    assert_eq!(parsed.conf.name, None);
    assert_eq!(parsed.notes, [Note::TooLong { file: PathBuf::from(FILE), line: 2 }]);
}

#[test]
fn the_file_must_be_roots() {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auditd.conf");
    let said = |path: &Path, links| conf::load(path, links).unwrap_err().to_string();

    let missing = conf::load(&path, false).unwrap();
    assert_eq!(missing.conf, Auditd::default());
    assert_eq!(missing.notes, [Note::Missing { file: path.clone() }]);

    std::fs::write(&path, "freq = 7\nlog_group = root\n").unwrap();
    assert_eq!(conf::load(&path, false).unwrap().conf.freq, 7);

    let link = directory.path().join("link");
    symlink(&path, &link).unwrap();
    assert_eq!(said(&link, false), "Error opening config file (Too many levels of symbolic links)");
    assert_eq!(conf::load(&link, true).unwrap().conf.freq, 7);

    let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o642);
    assert_eq!(said(&path, false), format!("Error - {} is world writable", path.display()));
    mode(0o640);
    chown(&path, Some(65534), None).unwrap();
    assert_eq!(said(&path, false), format!("Error - {} isn't owned by root", path.display()));
    let inside = directory.path().join("directory");
    std::fs::create_dir(&inside).unwrap();
    assert_eq!(said(&inside, false), format!("Error - {} is not a regular file", inside.display()));
}

proptest! {
    #[test]
    fn nothing_in_a_file_can_break_the_parser(contents: Vec<u8>) {
        let _ = conf::parse(Path::new(FILE), &contents, &group);
    }

    #[test]
    fn words_and_spaces_in_any_order_are_judged(
        words in prop::collection::vec("(freq|num_logs|=|5|%|-|#|exec|/x|disk_full_action|tcp_client_ports|\n| )", 0..30)
    ) {
        if let Err(errors) = parse(&words.join(" ")) {
            prop_assert!(!errors.is_empty());
            for error in errors {
                let joined = words.join(" ");
                let line = joined.split('\n').nth(error.line - 1).unwrap();
                prop_assert!(error.column >= 1 && error.column <= line.len());
            }
        }
    }

    #[test]
    fn numbers_are_taken_whole(number: u64) {
        let parsed = parse(&format!("max_log_file = {number}\n")).unwrap();
        prop_assert_eq!(parsed.conf.max_log_file, number);
        prop_assert_eq!(parse(&format!("freq = {number}\n")).is_ok(), i32::try_from(number).is_ok());
    }
}
