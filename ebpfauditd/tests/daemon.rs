//! The real daemon against the real kernel: it starts, records, is asked and told, ends, and leaves the machine as it was.
//!
//! Needs root and the original's `auditctl` and `ausearch`. The kernel's audit is one for the whole machine, so tests that
//! touch it hold a lock; those whose daemon must refuse before it touches anything do not.

#![allow(clippy::unwrap_used)] // the helpers of tests are tests too

mod site;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use compat::audit::{Audit, kind};
use compat::control::socket_path;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use site::{
    Background, DAEMON, Daemon, PATIENCE, Site, Unmount, auditctl, ended, hold_audit, kernel_state, output,
};

/// Stamps of the lines of a log, each once: two events never share one.
fn stamps(log: &str) -> Vec<&str> {
    let mut stamps: Vec<&str> =
        log.lines().map(|line| line.split("audit(").nth(1).unwrap().split(')').next().unwrap()).collect();
    stamps.dedup();
    stamps
}

#[test]
fn it_records_what_rules_and_programs_ask_for_and_leaves_no_trace() {
    let _audit = hold_audit();
    let before = kernel_state();
    let site = Site::new("-D\n-b 4096\n");
    let watched = site.path("watched");
    fs::write(&watched, "x").unwrap();
    site.write("etc/audit.rules", &format!("-D\n-b 4096\n-w {} -p wa -k watched\n", watched.display()));
    let mut daemon = Daemon::start(&site);
    assert!(auditctl(&["-s"]).contains("backlog_limit 4096"));

    auditctl(&["-m", "hello-from-a-program"]);
    let write = format!("echo y >> {}", watched.display());
    assert!(output(Command::new("bash").args(["-c", &write])).status.success());
    daemon.until(|_| site.log().contains("type=PROCTITLE"));
    assert_eq!(daemon.stop(), 0);

    assert!(site.search(&["-m", "USER", "-i"]).contains("text=hello-from-a-program"));
    let found = site.search(&["-k", "watched", "-i", "-sc", "openat"]);
    assert!(found.contains(&format!("name={}", watched.display())) && found.contains("comm=bash"), "{found}");
    let log = site.log();
    assert!(log.starts_with("type=DAEMON_START "), "{log}");
    assert!(log.lines().last().unwrap().starts_with("type=DAEMON_END "), "{log}");
    let last = log.lines().last().unwrap();
    assert!(
        last.contains(&format!(" pid={} ", std::process::id())) && last.contains(" res=success"),
        "{log}"
    );
    assert!(log.contains("op=set audit_backlog_limit=4096 old="), "{log}");
    assert!(log.contains("op=add_rule key=\"watched\" list=4 res=1"), "{log}");
    let mut unique = stamps(&log);
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), stamps(&log).len(), "{log}");
    assert!(daemon.said().contains("lost 0"), "{}", daemon.said());
    assert_eq!(kernel_state(), before);
    assert_eq!(fs::read_dir(site.path("run")).unwrap().count(), 0, "the run directory is left empty");
}

#[test]
fn it_obeys_signals_and_clients_and_bears_the_others() {
    let _audit = hold_audit();
    let before = kernel_state();
    let site = Site::new("-D\n-w /etc/passwd -p wa -k first\n");
    let mut daemon = Daemon::start(&site);
    let listed = |daemon: &Daemon| daemon.control().unwrap().list_rules().unwrap();
    assert_eq!(listed(&daemon).len(), 1);

    // A second one of ours: refused by the lock; one with another run directory: refused by the kernel.
    let pid = daemon.child.id();
    let (code, said) = ended(&mut site.command("run"));
    assert_eq!(code, 1);
    assert!(said.contains(&format!("another ebpfauditd (pid {pid}) is running in ")), "{said}");
    let (code, said) = ended(&mut site.command("elsewhere"));
    assert_eq!(code, 1);
    let expected = format!("another audit daemon is registered with the kernel (pid {pid})");
    assert!(said.contains(&expected), "{said}");
    assert!(auditctl(&["-s"]).contains(&format!("pid {pid}")));

    // Garbage on the control socket costs nobody else anything.
    let mut garbage = UnixStream::connect(socket_path(&daemon.run)).unwrap();
    garbage.set_read_timeout(Some(PATIENCE)).unwrap();
    garbage.write_all(&[0xff; 64]).unwrap();
    let mut answer = Vec::new();
    let _ = garbage.read_to_end(&mut answer);
    assert_eq!(listed(&daemon).len(), 1);

    // Rotation: DAEMON_ROTATE is the first record of the new log.
    daemon.signal(Signal::SIGUSR1);
    daemon.until(|_| site.path("log/audit.log.1").exists() && site.log().starts_with("type=DAEMON_ROTATE "));

    // A reload with errors names each and changes nothing; a good one replaces the rules.
    site.write(
        "etc/audit.rules",
        "-D\n-w relative -p w\n-a always,exit -S nosuchcall\n-w /etc/group -p wa -k second\n",
    );
    daemon.signal(Signal::SIGHUP);
    daemon.until(|_| site.log().contains("op=reconfigure state=no-change"));
    let said = daemon.said();
    for place in ["audit.rules:2:", "audit.rules:3:"] {
        assert!(said.contains(place), "{said}");
    }
    assert_eq!(listed(&daemon).len(), 1);
    site.write("etc/audit.rules", "-D\n-w /etc/group -p wa -k second\n-w /etc/shadow -p wa -k third\n");
    daemon.signal(Signal::SIGHUP);
    daemon.until(|_| site.log().contains("op=reconfigure state=changed"));
    assert_eq!(listed(&daemon).len(), 2);
    assert!(auditctl(&["-l"]).contains("-w /etc/shadow -p wa -k third"));
    assert!(site.log().contains("op=remove_rule key=\"first\" list=4 res=1"));

    // Requests of a client: what the kernel would refuse is refused with its errno, and nothing changes.
    let mut control = daemon.control().unwrap();
    let rules = listed(&daemon);
    assert_eq!(control.add_rule(&rules[0]).unwrap_err().raw_os_error(), Some(nix::libc::EEXIST));
    control.delete_rule(&rules[0]).unwrap();
    assert_eq!(control.delete_rule(&rules[0]).unwrap_err().raw_os_error(), Some(nix::libc::ENOENT));
    assert_eq!(control.add_rule(b"garbage").unwrap_err().raw_os_error(), Some(nix::libc::EINVAL));
    control.add_rule(&rules[0]).unwrap();
    assert_eq!(control.request(60000, b"").unwrap_err().raw_os_error(), Some(nix::libc::EINVAL));
    let plan = String::from_utf8(control.text(kind::PLAN).unwrap()).unwrap();
    assert!(plan.contains("-w /etc/group -p wa -k second\n      engine: kernel audit;"), "{plan}");
    let status = control.status().unwrap();
    assert_eq!((status.enabled, status.pid, status.lost), (1, pid, 0));

    assert_eq!(daemon.stop(), 0);
    assert_eq!(kernel_state(), before);
}

#[test]
fn it_goes_into_the_background_when_it_records_and_says_when_it_cannot() {
    let _audit = hold_audit();
    let before = kernel_state();
    let site = Site::new("-D\n-w /etc/passwd -p wa -k background\n");
    let mut command = site::daemon();
    command.arg("-c").arg(site.path("etc")).arg("--run-dir").arg(site.path("run"));
    let (code, said) = ended(&mut command);
    assert_eq!(code, 0, "{said}");
    let pid: i32 = fs::read_to_string(site.path("run/ebpfauditd.pid")).unwrap().trim().parse().unwrap();
    let background = Background(Pid::from_raw(pid));
    assert!(auditctl(&["-l"]).contains("-k background"));
    assert!(site.log().starts_with("type=DAEMON_START "));
    // The parent of the second hears the same as everybody else.
    let (code, said) = ended(&mut command);
    assert_eq!(code, 1);
    assert!(said.contains(&format!("another ebpfauditd (pid {pid})")), "{said}");
    kill(background.0, Signal::SIGTERM).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while site.path("run/ebpfauditd.pid").exists() {
        assert!(Instant::now() < deadline, "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(kernel_state(), before);
}

/// A number out of the daemon's counters.
fn counter(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

#[test]
fn every_event_of_a_flood_is_written_or_counted_as_lost() {
    let _audit = hold_audit();
    let before = kernel_state();
    let us = Pid::this();
    for round in 0..20 {
        let site = Site::new("-D\n-a always,exit -F arch=b64 -S kill -F a1=0 -k flood\n");
        let mut daemon = Daemon::spawn(&site, site.command("run").args(["--ring-bytes", "4096"]));
        for _ in 0..5000 {
            kill(us, None).unwrap();
        }
        daemon.until(|_| site.log().contains("type=DAEMON_ERR"));
        let text = String::from_utf8(daemon.control().unwrap().text(kind::COUNTERS).unwrap()).unwrap();
        let lost = counter(&text, "lost");
        assert_eq!(u64::from(daemon.control().unwrap().status().unwrap().lost), lost, "round {round}");
        assert_eq!(daemon.stop(), 0);
        let log = site.log();
        let written = log.lines().filter(|line| line.starts_with("type=SYSCALL ")).count() as u64;
        let produced = counter(&text, "produced_ebpf");
        assert!(produced >= 5000 && lost > 0, "round {round}: {text}");
        assert_eq!(produced, written + lost, "round {round}: {text}");
        let said: u64 = log
            .lines()
            .filter(|line| line.starts_with("type=DAEMON_ERR "))
            .map(|line| {
                line.split(" lost=").nth(1).unwrap().split(' ').next().unwrap().parse::<u64>().unwrap()
            })
            .sum();
        assert_eq!(said, lost, "round {round}: {log}");
        // The real tools read the record that says so.
        assert!(site.search(&["-m", "DAEMON_ERR", "-i"]).contains("op=lost-events"));
    }
    assert_eq!(kernel_state(), before);
}

#[test]
fn the_next_daemon_puts_back_what_a_killed_one_could_not() {
    let _audit = hold_audit();
    let before = kernel_state();
    let site = Site::new("-D\n-b 4096\n-w /etc/passwd -p wa -k killed\n");
    let mut daemon = Daemon::start(&site);
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
    assert!(auditctl(&["-l"]).contains("-k killed"), "a killed daemon leaves its rules in the kernel");
    let mut next = Daemon::start(&site);
    assert!(next.said().contains("a daemon before this one was killed"), "{}", next.said());
    assert_eq!(next.stop(), 0);
    assert_eq!(kernel_state(), before);
}

#[test]
fn without_btf_the_kernels_audit_serves_every_rule() {
    let _audit = hold_audit();
    let before = kernel_state();
    let site = Site::new("-D\n-a always,exit -F arch=b64 -S execve -F exe=/usr/bin/true -k ran\n");
    let mut command = Command::new("unshare");
    command.args([
        "-m",
        "sh",
        "-c",
        "mount -t tmpfs none /sys/kernel/btf && exec \"$@\"",
        "sh",
        DAEMON,
        "-n",
        "-c",
    ]);
    command.arg(site.path("etc")).arg("--run-dir").arg(site.path("run"));
    let mut daemon = Daemon::spawn(&site, &mut command);
    assert!(
        daemon.said().contains("no eBPF on this kernel, the kernel's audit serves every rule"),
        "{}",
        daemon.said()
    );
    // A shell of its own, so that the program's parent was born after auditing was enabled.
    assert!(output(Command::new("sh").args(["-c", "/usr/bin/true; exit $?"])).status.success());
    daemon.until(|_| site.log().contains("key=\"ran\"") && site.log().contains("type=EXECVE"));
    assert_eq!(daemon.stop(), 0);
    assert_eq!(kernel_state(), before);
}

#[test]
fn a_full_log_is_said_once_and_loses_nothing_that_fits_into_memory() {
    let _audit = hold_audit();
    let before = kernel_state();
    let site = Site::new("-D\n");
    // A file system of 64 KiB for the log, most of it taken.
    let log = site.path("log");
    assert!(
        output(Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "none"]).arg(&log))
            .status
            .success()
    );
    let unmount = Unmount(log.clone());
    let filler = site.path("log/filler");
    fs::write(&filler, vec![0; 48 * 1024]).unwrap();
    let mut daemon = Daemon::start(&site);
    // Each message is one line of some 200 bytes.
    let sent = 150;
    for number in 0..sent {
        auditctl(&["-m", &format!("message-{number}-")]);
    }
    daemon.until(|daemon| daemon.said().contains("Audit daemon has no space left on logging partition"));
    fs::remove_file(&filler).unwrap();
    daemon.until(|daemon| daemon.said().contains("the log can be written again"));
    assert_eq!(daemon.stop(), 0);
    let text = site.log();
    for number in 0..sent {
        assert_eq!(text.matches(&format!("message-{number}-")).count(), 1, "message {number} of {text}");
    }
    assert!(text.ends_with('\n') && text.lines().all(|line| line.starts_with("type=")), "{text}");
    assert_eq!(daemon.said().matches("has no space left").count(), 1, "{}", daemon.said());
    drop(unmount);
    assert_eq!(kernel_state(), before);
}

/// One message, this exit code, and the rules file's fault is named with its place.
#[track_caller]
fn refuses(site: &Site, code: i32, expected: &[&str]) {
    let (ended_with, said) = site.refused();
    // A note on the configuration, which is not about what is wrong here.
    let said = said
        .lines()
        .filter(|line| !line.contains("without effect in this version"))
        .collect::<Vec<_>>()
        .join("\n");
    assert_eq!(ended_with, code, "{said}");
    assert_eq!(said.lines().count(), expected.len(), "{said}");
    for (line, part) in said.lines().zip(expected) {
        assert!(line.contains(part), "{line:?} does not say {part:?}");
    }
    assert!(!site.path("log/audit.log").exists(), "nothing is written by a daemon that does not start");
    assert!(!Path::new(&site.path("run/ebpfauditd.pid")).exists());
}

#[test]
fn bad_rules_are_refused_whole_with_every_error() {
    refuses(
        &Site::new("-D\n-a always,exit -S nosuchcall\n-w relative -p w\n-Z\n"),
        6,
        &["audit.rules:2:", "audit.rules:3:", "audit.rules:4:"],
    );
    refuses(&Site::new("-a always,exit -S open -F auid=no-such-user\n"), 6, &["audit.rules:1:"]);
    refuses(
        &Site::new("-w /no/such/directory/file -p w\n"),
        6,
        &["audit.rules:1:1: Error sending add rule data request (No such file or directory)"],
    );
    let site = Site::new("");
    fs::remove_file(site.path("etc/audit.rules")).unwrap();
    fs::create_dir(site.path("etc/audit.rules")).unwrap();
    refuses(&site, 6, &["audit.rules is not a regular file"]);
}

#[test]
fn bad_configuration_is_refused() {
    let site = Site::new("");
    site.write("etc/auditd.conf", "no_such_key = 5\n");
    refuses(&site, 6, &["no_such_key"]);
    site.write("etc/auditd.conf", "log_file\n");
    refuses(&site, 6, &["auditd.conf"]);
    fs::remove_file(site.path("etc/auditd.conf")).unwrap();
    fs::create_dir(site.path("etc/auditd.conf")).unwrap();
    refuses(&site, 6, &["auditd.conf"]);
    let site = Site::new("");
    fs::remove_dir(site.path("log")).unwrap();
    refuses(&site, 6, &["Could not open dir"]);
}

#[test]
fn a_bad_command_line_is_answered_with_the_usage() {
    let (code, said) = ended(Command::new(DAEMON).arg("-x"));
    assert_eq!(code, 2);
    assert!(said.starts_with("ebpfauditd: invalid option -- 'x'\nUsage: ebpfauditd "), "{said}");
}

#[test]
fn without_privilege_it_says_so() {
    let site = Site::new("");
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--clear-groups", DAEMON, "-n", "-c"]).arg(site.path("etc"));
    let (code, said) = ended(command.arg("--run-dir").arg(site.path("run")));
    assert_eq!(
        (code, said.trim()),
        (4, "ebpfauditd: You must be root or have capabilities to run this program.")
    );
}

/// In a user namespace of its own root has every capability, and the kernel's audit answers as if it were switched off.
#[test]
fn without_the_kernels_audit_and_without_ebpf_it_says_so() {
    let site = Site::new("");
    let mut command = Command::new("unshare");
    command
        .args(["-U", "-r", DAEMON, "-n", "-c"])
        .arg(site.path("etc"))
        .arg("--run-dir")
        .arg(site.path("run"));
    let (code, said) = ended(&mut command);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("the kernel's audit system is disabled"), "{said}");
}
