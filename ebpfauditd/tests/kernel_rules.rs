//! Rules in the kernel that the daemon shares with others: it takes them over, loses them, and finds those of a daemon that
//! was killed.

#![allow(clippy::unwrap_used)] // the helpers of tests are tests too

mod site;

use std::fs;
use std::process::Command;

use compat::audit::{Audit, kind};
use nix::sys::signal::Signal;

use site::{Daemon, Site, auditctl, hold_audit, kernel_state, output};

/// Puts what tests have loaded into the kernel out of it again.
struct Rules(Vec<Vec<String>>);

impl Drop for Rules {
    fn drop(&mut self) {
        for words in &self.0 {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            auditctl(&words);
        }
    }
}

#[test]
fn without_its_file_what_a_killed_daemon_left_does_not_make_rules_ineffective() {
    let _audit = hold_audit();
    let before = kernel_state();
    let site = Site::new("-D\n");
    let mut daemon = Daemon::start(&site);
    let pid = daemon.child.id();
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
    // Settings stay as the killed one had them: nobody knows what was before.
    let settings = auditctl(&["-s"]);
    assert!(settings.contains("enabled 1"), "{settings}");
    fs::remove_dir_all(site.path("run")).unwrap();
    let watched = site.path("watched");
    fs::write(&watched, "x").unwrap();
    site.write("etc/audit.rules", &format!("-w {} -p wa -k watched\n", watched.display()));
    let mut next = Daemon::start(&site);
    assert!(next.said().contains("what it found in the kernel is not known"), "{}", next.said());
    let rules = auditctl(&["-l"]);
    assert!(!rules.contains(&format!("pid={pid}")) && !rules.contains("never,task"), "{rules}");
    let write = format!("echo y >> {}", watched.display());
    assert!(output(Command::new("bash").args(["-c", &write])).status.success());
    next.until(|_| site.log().contains("key=\"watched\"") && site.log().contains("type=SYSCALL"));
    assert_eq!(next.stop(), 0);
    for (option, name) in [("-e", "enabled"), ("-b", "backlog_limit")] {
        let line = before.lines().find(|line| line.starts_with(name)).unwrap();
        auditctl(&[option, line.split(' ').nth(1).unwrap()]);
    }
    assert_eq!(kernel_state(), before);
}

#[test]
fn a_rule_whose_directory_was_removed_can_be_loaded_again() {
    let _audit = hold_audit();
    let before = kernel_state();
    let site = Site::new("-D\n");
    let watched = site.path("watched");
    fs::create_dir(&watched).unwrap();
    let line = format!("-w {} -p wa -k watched", watched.display());
    site.write("etc/audit.rules", &format!("-D\n{line}\n-w /etc/passwd -p wa -k other\n"));
    let mut daemon = Daemon::start(&site);
    let rules = daemon.control().unwrap().list_rules().unwrap();
    let lose = |daemon: &mut Daemon| {
        fs::remove_dir(&watched).unwrap();
        daemon.until(|_| !auditctl(&["-l"]).contains(&line));
    };

    // By a client: while the directory is missing other changes are made, later the rule is taken again.
    lose(&mut daemon);
    daemon.control().unwrap().delete_rule(&rules[1]).unwrap();
    assert_eq!(daemon.control().unwrap().list_rules().unwrap(), Vec::<Vec<u8>>::new());
    fs::create_dir(&watched).unwrap();
    daemon.control().unwrap().add_rule(&rules[0]).unwrap();
    assert!(auditctl(&["-l"]).contains(&line));
    // By a reload.
    lose(&mut daemon);
    fs::create_dir(&watched).unwrap();
    daemon.signal(Signal::SIGHUP);
    daemon.until(|_| site.log().contains("op=reconfigure state=changed"));
    let listed = auditctl(&["-l"]);
    assert!(listed.contains(&line) && listed.contains("-k other"), "{listed}");
    assert_eq!(listed.matches("-a always,exclude").count(), 1, "{listed}");
    assert_eq!(daemon.control().unwrap().list_rules().unwrap(), rules);

    assert_eq!(daemon.stop(), 0);
    assert_eq!(kernel_state(), before);
}

#[test]
fn a_watch_that_comes_after_the_start_says_whom_it_does_not_see() {
    let _audit = hold_audit();
    let before = kernel_state();
    let site = Site::new("-D\n-w /etc/passwd -p wa -k first\n");
    let mut daemon = Daemon::start(&site);
    let late = "processes that were running before it was added are not seen";
    let plan =
        |daemon: &Daemon| String::from_utf8(daemon.control().unwrap().text(kind::PLAN).unwrap()).unwrap();
    let rules = daemon.control().unwrap().list_rules().unwrap();
    assert!(!plan(&daemon).contains(late) && !daemon.said().contains(late));
    daemon.control().unwrap().delete_rule(&rules[0]).unwrap();
    assert!(auditctl(&["-l"]).contains("-a never,task"));
    assert!(!daemon.said().contains(late));
    daemon.control().unwrap().add_rule(&rules[0]).unwrap();
    assert!(!auditctl(&["-l"]).contains("-a never,task"));
    assert!(daemon.said().contains(late), "{}", daemon.said());
    assert!(plan(&daemon).contains(late), "{}", plan(&daemon));
    assert_eq!(daemon.stop(), 0);
    assert_eq!(kernel_state(), before);
}

#[test]
fn a_rule_that_is_in_the_kernel_twice_is_no_reason_not_to_start() {
    let _audit = hold_audit();
    let before = kernel_state();
    let rule = ["exit,always", "-F", "path=/etc/hostname", "-F", "perm=w", "-F", "key=twice"];
    let words = |option: &str| -> Vec<String> {
        [&[option][..], &rule].concat().iter().map(|word| (*word).to_owned()).collect()
    };
    let removed = Rules(vec![words("-d"), words("-d")]);
    for option in ["-a", "-A"] {
        auditctl(&[&[option][..], &rule].concat());
    }
    let with_both = kernel_state();
    assert_eq!(with_both.matches("-k twice").count(), 2, "{with_both}");
    let site = Site::new("");
    let mut daemon = Daemon::start(&site);
    assert_eq!(daemon.control().unwrap().list_rules().unwrap().len(), 1);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(kernel_state(), with_both);
    drop(removed);
    assert_eq!(kernel_state(), before);
}

#[test]
fn rules_that_others_load_after_a_daemon_was_killed_stay() {
    let _audit = hold_audit();
    let before = kernel_state();
    let site = Site::new("-D\n-w /etc/passwd -p wa -k killed\n");
    let mut daemon = Daemon::start(&site);
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
    let removed = Rules(vec![["-W", "/etc/hostname", "-p", "w", "-k", "others"].map(str::to_owned).to_vec()]);
    auditctl(&["-w", "/etc/hostname", "-p", "w", "-k", "others"]);
    let mut next = Daemon::start(&site);
    assert_eq!(next.stop(), 0);
    let rules = auditctl(&["-l"]);
    assert_eq!(rules.trim(), "-w /etc/hostname -p w -k others");
    drop(removed);
    assert_eq!(kernel_state(), before);
}
