//! `auditctl` beside a daemon of our own: a stand-in that keeps rules in a list and refuses to watch below `/nowhere`.

#![allow(clippy::unwrap_used)] // a test: what cannot go on may panic

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::thread;

use audit_rules::Rule;
use compat::audit::{Features, Status, kind};
use compat::control::batch::{Fault, items};
use compat::control::frame::{HEADER_SIZE, Header};
use compat::control::{Reply, socket_path};
use nix::errno::Errno;

#[derive(Default)]
struct Daemon {
    rules: Vec<Vec<u8>>,
    requests: Vec<u16>,
}

impl Daemon {
    fn answer(&mut self, kind: u16, payload: &[u8]) -> Reply {
        self.requests.push(kind);
        match kind {
            kind::GET => {
                Reply::data(kind, Status { enabled: 1, pid: 77, lost: 5, ..Status::default() }.encode())
            }
            kind::GET_FEATURE => Reply::data(kind, Features::default().encode()),
            kind::LIST_RULES => Reply::list(kind, self.rules.clone()),
            kind::ADD_RULE | kind::DELETE_ALL | kind::SET => {
                match Self::apply(&mut self.rules, kind, payload) {
                    Ok(()) => Reply::done(),
                    Err(errno) => Reply::refused(errno),
                }
            }
            kind::BATCH => {
                let mut rules = self.rules.clone();
                let mut faults = Vec::new();
                for (index, item) in items(payload).unwrap().iter().enumerate() {
                    if let Err(errno) = Self::apply(&mut rules, item.kind, item.payload) {
                        faults.push(Fault { index: index as u32, errno: errno as i32 }.part());
                    }
                }
                if faults.is_empty() {
                    self.rules = rules;
                    return Reply::done();
                }
                Reply { parts: faults, result: Err(Errno::EINVAL) }
            }
            _ => Reply::refused(Errno::EOPNOTSUPP),
        }
    }

    fn apply(rules: &mut Vec<Vec<u8>>, kind: u16, payload: &[u8]) -> Result<(), Errno> {
        match kind {
            kind::DELETE_ALL => rules.clear(),
            kind::ADD_RULE => {
                let rule = Rule::decode(payload).map_err(|_| Errno::EINVAL)?;
                if rules.iter().any(|present| present == payload) {
                    return Err(Errno::EEXIST);
                }
                if rule.watched().is_some_and(|path| path.starts_with(b"/nowhere")) {
                    return Err(Errno::ENOENT);
                }
                rules.push(payload.to_vec());
            }
            _ => {}
        }
        Ok(())
    }

    fn serve(&mut self, mut stream: UnixStream) {
        let mut header = [0; HEADER_SIZE];
        while stream.read_exact(&mut header).is_ok() {
            let header = Header::decode(header).unwrap();
            let mut payload = vec![0; header.length];
            stream.read_exact(&mut payload).unwrap();
            let reply = self.answer(header.kind, &payload);
            stream.write_all(&reply.encode(header.kind)).unwrap();
        }
    }
}

/// Runs our `auditctl` on each of these command lines; gives back what each said and its exit code, and the daemon as it ended.
fn run(directory: &Path, lines: &[&[&str]]) -> (Vec<(String, String, Option<i32>)>, Daemon) {
    let socket = socket_path(directory);
    let _ = fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket).unwrap();
    let clients = lines.len();
    let daemon = thread::spawn(move || {
        let mut daemon = Daemon::default();
        for _ in 0..clients {
            daemon.serve(listener.accept().unwrap().0);
        }
        daemon
    });
    let said = lines
        .iter()
        .map(|words| {
            let output = Command::new(env!("CARGO_BIN_EXE_auditctl"))
                .args(*words)
                .env("EBPFAUDITD_RUN_DIR", directory)
                .output()
                .unwrap();
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            (text(output.stdout), text(output.stderr), output.status.code())
        })
        .collect();
    (said, daemon.join().unwrap())
}

fn rules_file(directory: &Path, text: &str) -> String {
    let path = directory.join("test.rules");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    path.display().to_string()
}

#[test]
fn commands_go_to_the_daemon() {
    let directory = tempfile::tempdir().unwrap();
    let lines: [&[&str]; 4] = [&["-s"], &["-w", "/etc/passwd", "-k", "x"], &["-l"], &["-D"]];
    let (said, daemon) = run(directory.path(), &lines);
    assert!(said[0].0.starts_with("enabled 1\nfailure 0\npid 77\n"), "{}", said[0].0);
    assert!(said[0].0.contains("\nlost 5\n") && said[0].0.ends_with("loginuid_immutable 0 unlocked\n"));
    assert_eq!(said[1], (String::new(), String::new(), Some(0)));
    assert_eq!(said[2].0, "-w /etc/passwd -p rwxa -k x\n");
    assert_eq!(said[3], ("No rules\n".to_owned(), String::new(), Some(0)));
    assert!(daemon.rules.is_empty());
}

#[test]
fn a_rules_file_is_one_change() {
    let directory = tempfile::tempdir().unwrap();
    let name = rules_file(directory.path(), "-D\n-b 4096\n-w /etc/passwd -p w\n-w /etc/group -p w\n");
    let (said, daemon) = run(directory.path(), &[&["-R", &name]]);
    assert_eq!((said[0].1.as_str(), said[0].2), ("", Some(0)));
    assert!(said[0].0.starts_with("No rules\nenabled 1\n"), "{}", said[0].0);
    assert!(said[0].0.contains("\nbacklog_limit 4096\n"), "{}", said[0].0);
    assert_eq!(daemon.rules.len(), 2);
    assert_eq!(daemon.requests.iter().filter(|kind| **kind == kind::BATCH).count(), 1);
    assert!(!daemon.requests.contains(&kind::ADD_RULE));
}

#[test]
fn all_errors_of_a_file_are_said_and_nothing_is_applied() {
    let directory = tempfile::tempdir().unwrap();
    let name = rules_file(directory.path(), "-w /etc/passwd -p w\n-a always,exit -S nosuch\n# x\n-z\n");
    let (said, daemon) = run(directory.path(), &[&["-R", &name]]);
    let expected = format!(
        "{name}:2:16: Syscall name unknown: nosuch\nThere was an error in line 2 of {name}\n\
         {name}:4:1: Option -z on line 4 is invalid\nThere was an error in line 4 of {name}\n"
    );
    assert_eq!(said[0], (String::new(), expected, Some(1)));
    assert!(daemon.rules.is_empty() && !daemon.requests.contains(&kind::BATCH));

    let text = "-w /etc/passwd -p w\n-w /nowhere/x -p w\n-w /etc/passwd -p w\n";
    let name = rules_file(directory.path(), text);
    let (said, daemon) = run(directory.path(), &[&["-R", &name]]);
    let expected = format!(
        "{name}:2:1: Error sending add rule data request (No such file or directory)\n\
         There was an error in line 2 of {name}\n\
         {name}:3:1: Error sending add rule data request (Rule exists)\n\
         There was an error in line 3 of {name}\n"
    );
    assert_eq!(said[0], (String::new(), expected, Some(1)));
    assert!(daemon.rules.is_empty());
}

#[test]
fn a_file_that_passes_errors_over_is_loaded_line_by_line() {
    let directory = tempfile::tempdir().unwrap();
    for (option, code) in [("-i", 0), ("-c", 1)] {
        let text = format!("{option}\n-w /etc/passwd -p w\n-w /nowhere/x -p w\n-w /etc/group -p w\n");
        let name = rules_file(directory.path(), &text);
        let (said, daemon) = run(directory.path(), &[&["-R", &name]]);
        let expected = format!(
            "Error sending add rule data request (No such file or directory)\nThere was an error in line 3 of {name}\n"
        );
        assert_eq!(said[0], (String::new(), expected, Some(code)));
        assert_eq!(daemon.rules.len(), 2);
    }
}
