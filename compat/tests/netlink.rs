//! The audit socket against the kernel of this machine. Needs root and a kernel with audit; fails without.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use compat::audit::{Audit, StatusField, kind};
use compat::netlink::AuditSocket;
use nix::fcntl::{Flock, FlockArg};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The kernel's audit is one for the whole machine: all tests that change it take turns at this file.
fn alone() -> io::Result<Flock<File>> {
    let file = File::create(std::env::temp_dir().join("ebpfauditd-tests.lock"))?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| errno.into())
}

/// `-a always,exit -S 39 -F key=KEY`, as bytes.
fn rule(key: &[u8]) -> Vec<u8> {
    let mut words = [0u32; 3 + 64 * 4 + 1];
    words[0] = 4;
    words[1] = 2;
    words[2] = 1;
    words[3 + 1] = 1 << (39 - 32);
    words[3 + 64] = 210;
    words[3 + 128] = key.len() as u32;
    words[3 + 192] = 0x4000_0000;
    words[3 + 256] = key.len() as u32;
    words.into_iter().flat_map(u32::to_ne_bytes).chain(key.iter().copied()).collect()
}

#[test]
fn status_and_features_are_read_and_values_set() {
    let _alone = alone().unwrap();
    let mut audit = AuditSocket::open().unwrap();
    let before = audit.status().unwrap();
    assert!(before.backlog_wait_time_actual.is_some());
    assert_eq!(audit.features().unwrap().version, 1);
    audit.set(StatusField::BacklogLimit, 4321).unwrap();
    assert_eq!(audit.status().unwrap().backlog_limit, 4321);
    audit.set(StatusField::BacklogLimit, before.backlog_limit).unwrap();
    assert_eq!(audit.status().unwrap().backlog_limit, before.backlog_limit);
    let error = audit.set(StatusField::Failure, 3).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(22));
}

#[test]
fn rules_come_back_as_they_went() {
    let _alone = alone().unwrap();
    let mut audit = AuditSocket::open().unwrap();
    let before = audit.list_rules().unwrap();
    for key in [&b"k"[..], b"ke", b"key", b"keys"] {
        let rule = rule(key);
        audit.add_rule(&rule).unwrap();
        assert_eq!(audit.add_rule(&rule).unwrap_err().raw_os_error(), Some(17));
        let present = audit.list_rules().unwrap();
        audit.delete_rule(&rule).unwrap();
        assert!(present.contains(&rule), "{key:?}");
        assert_eq!(present.len(), before.len() + 1);
        assert_eq!(audit.delete_rule(&rule).unwrap_err().raw_os_error(), Some(2));
    }
    assert_eq!(audit.add_rule(&[0; 12]).unwrap_err().raw_os_error(), Some(22));
    assert_eq!(audit.list_rules().unwrap(), before);
}

#[test]
fn a_registered_socket_receives_records() {
    let _alone = alone().unwrap();
    let mut audit = AuditSocket::open().unwrap();
    let before = audit.status().unwrap();
    assert_eq!(before.pid, 0, "another audit daemon is running");
    let mut daemon = AuditSocket::open().unwrap();
    daemon.register().unwrap();
    audit.set(StatusField::Enabled, 1).unwrap();
    let sent = audit.send_user(1105, b"op=test text-of-ours");
    let received = sent.and_then(|()| find(&mut daemon, 1105, b"op=test text-of-ours"));
    let registered = audit.status().unwrap().pid;
    daemon.unregister().unwrap();
    audit.set(StatusField::Enabled, before.enabled).unwrap();
    assert_eq!(registered, std::process::id());
    let text = received.unwrap();
    assert!(text.starts_with(b"audit("), "{}", String::from_utf8_lossy(&text));
    assert!(text.ends_with(b"msg='op=test text-of-ours'"), "{}", String::from_utf8_lossy(&text));
    assert_eq!(audit.status().unwrap().pid, 0);
}

/// Receives until a record of this type contains `words`.
fn find(daemon: &mut AuditSocket, wanted: u16, words: &[u8]) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        while let Some((found, text)) = daemon.recv_record()? {
            assert!(
                text.starts_with(b"audit(") || found < 1100 && found != kind::USER || found == 1329,
                "{found}"
            );
            if found == wanted && text.windows(words.len()).any(|window| window == words) {
                return Ok(text.to_vec());
            }
        }
        let mut fds = [PollFd::new(daemon.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::from(500u16))?;
    }
    Err(io::ErrorKind::TimedOut.into())
}
