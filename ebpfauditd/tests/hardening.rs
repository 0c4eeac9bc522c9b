//! The real daemon where something or somebody is against it: a full disk, strange signals, many clients, a bad reload.
//!
//! Needs root and the original's `auditctl`, as the other tests of the daemon do.

#![allow(clippy::unwrap_used)] // the helpers of tests are tests too

mod site;

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::Instant;

use compat::audit::Audit;
use compat::control::batch;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use site::{Background, Daemon, PATIENCE, Site, Unmount, auditctl, ended, hold_audit, kernel_state, output};

#[test]
fn signals_without_a_meaning_do_nothing() {
    let _audit = hold_audit();
    let before = kernel_state();
    let site = Site::new("-D\n");
    let mut daemon = Daemon::start(&site);
    for signal in [Signal::SIGALRM, Signal::SIGIO, Signal::SIGQUIT, Signal::SIGPROF, Signal::SIGTTIN] {
        daemon.signal(signal);
    }
    assert!(daemon.control().unwrap().status().is_ok());
    assert_eq!(daemon.stop(), 0);
    assert_eq!(kernel_state(), before);
}

#[test]
fn records_that_a_full_disk_never_took_are_in_the_final_sum() {
    let _audit = hold_audit();
    let before = kernel_state();
    let site = Site::new("-D\n");
    let log = site.path("log");
    let mount = output(Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "none"]).arg(&log));
    assert!(mount.status.success());
    let unmount = Unmount(log);
    fs::write(site.path("log/filler"), vec![0; 48 * 1024]).unwrap();
    let mut daemon = Daemon::start(&site);
    for number in 0..150 {
        auditctl(&["-m", &format!("message-{number}-")]);
    }
    daemon.until(|daemon| daemon.said().contains("Audit daemon has no space left on logging partition"));
    assert_eq!(daemon.stop(), 0);
    let said = daemon.said();
    let number = |name: &str| -> u64 {
        let counters = said.lines().find(|line| line.contains("records_written ")).unwrap();
        let found = counters.split(", ").find_map(|entry| entry.strip_prefix(name)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("no {name} in {said}")).parse().unwrap()
    };
    let lost = number("lost_log");
    assert!(lost > 0 && number("lost") >= lost, "{said}");
    let late = format!("{lost} records could not be written to the log and are lost");
    assert!(said.contains(&late), "{said}");
    // Each of the events here is one record.
    let events = number("events_kernel") + number("events_own");
    assert_eq!(number("records_written") + lost, events, "{said}");
    let whole = site.log().matches('\n').count() as u64;
    assert_eq!(number("records_written"), whole, "{said}");
    drop(unmount);
    assert_eq!(kernel_state(), before);
}

#[test]
fn a_refused_reload_leaves_the_logs_alone() {
    let _audit = hold_audit();
    let before = kernel_state();
    let site = Site::new("-D\n");
    let mut daemon = Daemon::start(&site);
    for number in 1..5 {
        site.write(&format!("log/audit.log.{number}"), "");
    }
    let conf = fs::read_to_string(site.path("etc/auditd.conf")).unwrap();
    site.write("etc/auditd.conf", &conf.replace("num_logs = 5", "num_logs = 2"));
    site.write("etc/audit.rules", "-w relative -p w\n");
    daemon.signal(Signal::SIGHUP);
    daemon.until(|_| site.log().contains("op=reconfigure state=no-change"));
    assert!((1..5).all(|number| site.path(&format!("log/audit.log.{number}")).exists()));
    site.write("etc/audit.rules", "-D\n");
    daemon.signal(Signal::SIGHUP);
    daemon.until(|_| site.log().contains("op=reconfigure state=changed"));
    assert!((1..5).all(|number| site.path(&format!("log/audit.log.{number}")).exists() == (number < 2)));
    assert_eq!(daemon.stop(), 0);
    assert_eq!(kernel_state(), before);
}

#[test]
fn many_clients_and_many_rules_are_served() {
    let _audit = hold_audit();
    let before = kernel_state();
    let site = Site::new("-D\n");
    let mut daemon = Daemon::start(&site);
    // Forty that ask at once, far more than are served at one time.
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..40).map(|_| scope.spawn(|| daemon.control()?.status())).collect();
        for client in clients {
            client.join().unwrap().unwrap();
        }
    });
    let mut payload = Vec::new();
    let mut text = String::new();
    for number in 0..10_000 {
        writeln!(text, "-a always,exit -F arch=b64 -S kill -F a1={number} -F pid={number} -k many").unwrap();
    }
    for (_, command) in audit_rules::parse_file("many", text.as_bytes(), &audit_rules::NoHost).lines {
        let audit_rules::Command::Add { rule, .. } = command else { panic!("{command:?}") };
        batch::push(&mut payload, compat::audit::kind::ADD_RULE, &rule.encode());
    }
    let begin = Instant::now();
    daemon.control().unwrap().batch(&payload).unwrap().unwrap();
    println!("{} bytes of rules in {:?}", payload.len(), begin.elapsed());
    assert_eq!(daemon.control().unwrap().list_rules().unwrap().len(), 10_000);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(kernel_state(), before);
}

#[test]
fn relative_directories_mean_the_same_in_the_background() {
    let _audit = hold_audit();
    let before = kernel_state();
    let site = Site::new("-D\n");
    let mut command = site::daemon();
    command.args(["-c", "etc", "--run-dir", "run"]).current_dir(site.path(""));
    let (code, said) = ended(&mut command);
    assert_eq!(code, 0, "{said}");
    let pid: i32 = fs::read_to_string(site.path("run/ebpfauditd.pid")).unwrap().trim().parse().unwrap();
    let daemon = Background(Pid::from_raw(pid));
    kill(daemon.0, Signal::SIGHUP).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let until = |condition: &dyn Fn() -> bool| {
        while !condition() {
            assert!(Instant::now() < deadline, "it does not happen: {}", site.log());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    };
    until(&|| site.log().contains("op=reconfigure state=changed"));
    kill(daemon.0, Signal::SIGTERM).unwrap();
    until(&|| !daemon.runs());
    assert_eq!(fs::read_dir(site.path("run")).unwrap().count(), 0);
    assert_eq!(kernel_state(), before);
}

#[test]
fn a_run_directory_that_is_everybodys_is_refused() {
    let site = Site::new("");
    let run = site.path("run");
    fs::create_dir(&run).unwrap();
    fs::set_permissions(&run, std::os::unix::fs::PermissionsExt::from_mode(0o1777)).unwrap();
    let (code, said) = site.refused();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("cannot use run directory") && said.contains("others than its owner"), "{said}");
    assert_eq!(fs::read_dir(&run).unwrap().count(), 0);
}
