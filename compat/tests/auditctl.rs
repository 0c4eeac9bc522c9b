//! Our `auditctl` and the original one without privilege: same bytes on both streams, same exit code. What they do with it is compared
//! in the package `tests` (`compliance`). Needs root, to give it up, and Debian's auditd.

#![allow(clippy::unwrap_used)] // a test: what cannot go on may panic

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

const OURS: &str = env!("CARGO_BIN_EXE_auditctl");
const ORIGINAL: &str = "/sbin/auditctl";

/// Runs a copy of the program that everybody can reach, for the build may be in root's home, as somebody else.
fn unprivileged(program: &str, words: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = directory.path().join("auditctl");
    fs::copy(program, &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"])
        .arg(&copy)
        .args(words)
        .env("EBPFAUDITD_RUN_DIR", "/nowhere")
        .output()
        .unwrap()
}

#[test]
fn without_privilege_there_is_only_help() {
    for words in [&["-l"][..], &["-s"], &["-v"], &["-R", "/etc/passwd"], &[]] {
        let (theirs, ours) = (unprivileged(ORIGINAL, words), unprivileged(OURS, words));
        assert_eq!(theirs, ours, "auditctl {words:?}");
    }
    for words in [["-h"], ["--help"]] {
        let output = unprivileged(OURS, &words);
        assert!(
            output.status.success() && output.stdout.starts_with(b"usage: auditctl [options]\n"),
            "{output:?}"
        );
    }
}
