//! Our `auditctl` and the original one, given the same arguments on the same kernel: same bytes on both streams, same exit
//! code. Needs root, a kernel with audit, Debian's auditd 3.0.9, and no audit daemon running; fails without.

#![allow(clippy::unwrap_used)] // a test: what cannot go on may panic

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use compat::audit::{Status, StatusField};
use compat::netlink::AuditSocket;
use nix::fcntl::{Flock, FlockArg};

const OURS: &str = env!("CARGO_BIN_EXE_auditctl");
const ORIGINAL: &str = "/sbin/auditctl";

/// The kernel's audit, held by this test alone; dropping it puts it back as it was.
struct Kernel {
    audit: AuditSocket,
    before: Status,
    _lock: Flock<File>,
}

impl Kernel {
    fn hold() -> io::Result<Self> {
        let file = File::create(std::env::temp_dir().join("ebpfauditd-tests.lock"))?;
        let lock = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| io::Error::from(errno))?;
        let mut audit = AuditSocket::open()?;
        let before = audit.status()?;
        if before.pid != 0 || !audit.list_rules()?.is_empty() {
            return Err(io::Error::other("an audit daemon or audit rules are there, and not by this test"));
        }
        Ok(Self { audit, before, _lock: lock })
    }

    /// No rules, the settings as found, no waiting counted.
    fn reset(&mut self) -> io::Result<()> {
        for rule in self.audit.list_rules()? {
            self.audit.delete_rule(&rule)?;
        }
        let mask = [
            StatusField::Enabled,
            StatusField::Failure,
            StatusField::RateLimit,
            StatusField::BacklogLimit,
            StatusField::BacklogWaitTime,
        ];
        let mask = mask.into_iter().fold(0, |mask, field| mask | field.bit());
        self.audit.set_status(&Status { mask, ..self.before })?;
        self.audit.set_status(&Status::only(StatusField::Lost, 0))?;
        self.audit.set_status(&Status::only(StatusField::BacklogWaitTimeActual, 0))
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        if let Err(error) = self.reset() {
            eprintln!("the kernel's audit is not as it was: {error}");
        }
    }
}

/// Runs a program, with no daemon of ours in sight.
fn run(program: &str, words: &[&str]) -> Output {
    Command::new(program)
        .args(words)
        .env("EBPFAUDITD_RUN_DIR", "/nowhere")
        .env("TZ", "UTC")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// What there is to compare, readable. The two numbers that the kernel counts on its own, whoever asks, are left out.
fn show(output: &Output) -> String {
    let mut text = format!("exit {:?}\n", output.status.code());
    for (name, bytes) in [("out", &output.stdout), ("err", &output.stderr)] {
        for line in String::from_utf8_lossy(bytes).split_inclusive('\n') {
            match line.split_once(' ') {
                Some((counter @ ("backlog" | "backlog_wait_time_actual"), _)) => {
                    let _ = writeln!(text, "{name}: {counter} N");
                }
                _ => {
                    let _ = write!(text, "{name}: {line}");
                }
            }
        }
    }
    text
}

/// Runs each series of command lines under both programs, each from the same state, and lists what differs: in the output, or
/// in the rules and settings that are there afterwards.
fn compare(kernel: &mut Kernel, series: &[Vec<Vec<String>>]) -> String {
    let mut differences = String::new();
    for lines in series {
        let mut seen = Vec::new();
        for program in [ORIGINAL, OURS] {
            kernel.reset().unwrap();
            let outputs: Vec<String> = lines
                .iter()
                .map(|line| {
                    let words: Vec<&str> = line.iter().map(String::as_str).collect();
                    show(&run(program, &words))
                })
                .collect();
            let rules = kernel.audit.list_rules().unwrap();
            let status = kernel.audit.status().unwrap();
            // What counts up by itself is no difference.
            let status = Status { backlog: 0, backlog_wait_time_actual: None, ..status };
            seen.push((outputs, rules, status));
        }
        for (at, line) in lines.iter().enumerate() {
            let (theirs, ours) = (&seen[0].0[at], &seen[1].0[at]);
            if theirs != ours {
                let _ = writeln!(differences, "== auditctl {line:?}\n-- original\n{theirs}\n-- ours\n{ours}");
            }
        }
        if (&seen[0].1, seen[0].2) != (&seen[1].1, seen[1].2) {
            let _ = writeln!(
                differences,
                "== after {lines:?}: rules equal: {}, status {:?}, ours {:?}",
                seen[0].1 == seen[1].1,
                seen[0].2,
                seen[1].2
            );
        }
    }
    differences
}

/// Each line a series of command lines that build on each other, divided by `;`. Words are divided by single spaces; `_` stands
/// for a space within a word.
const SERIES: &str = "\
;-h;-v;--help;-z;-R;-R a b;-i;-c;foo;-i foo;-s foo;-l foo;-- -s
-s;-s -i;-s -k;-s -i -i;-i -s
-e 0;-e 1;-e 0;-e 3;-e;-e 01;-e x
-f 0;-f 1;-f 7;-f 1 -e 0
-r 5;-r 5x;-r 0x10;-r x;-r 0;-r -1;-r 99999999999999999999
-b 8192;-b 8192abc;-b 017;-b x;-b 64 -f 1;-b
--backlog_wait_time 15000;--backlog_wait_time 99999999;--backlog_wait_time x;--backlog 100
--reset-lost;--reset-lost x;--reset;--reset_back
-t;-t x;-q /proc,/nowhere;-q /proc;-q /a,/b,/c
--signal TERM;--signal hup;--signal FOO;--signal
-m hello;-m a_b;-m a b;-m é;-m
-l;-l -i;-l -k x;-l -k;-l x;-l -i -k x;-D;-D -k x;-D x;-D -k x y
-w /etc/passwd -p wa -k one;-w /etc/passwd -p wa -k one;-l;-l -k one;-l -k on;-l -k two;-w /etc -p r -k dir;-l;-W /etc/passwd -p wa;-W /etc/passwd -p wa -k one;-W /etc/passwd -p wa -k one;-D -k dir;-l
-w relative;-w /nowhere/at/all;-w /etc/;-w /etc/passwd -p rwxaa;-w /etc/passwd -p z;-w;-p r;-k x;-w /tmp/a..b;-w /tmp/* -k star;-w /etc/shadow -S open
-a always,exit -F arch=b64 -S open,openat -F auid>=1000 -F auid!=unset -F key=acc;-l;-l -i;-d always,exit -F arch=b64 -S open,openat -F auid>=1000 -F auid!=unset -F key=acc;-l;-d always,exit -F arch=b64 -S open
-a always,exit -S open;-A always,exit -S close;-A never,exit -F arch=b32 -S write;-l;-D
-a exit,always -F arch=b64 -S all -F exit=-EPERM;-a task,never;-a never,task;-a always,user -F uid=0;-a exclude,always -F msgtype=CWD;-a never,filesystem -F fstype=tracefs;-l;-l -i;-d never,task;-D -k nope;-D
-a always,exit -S nosuch;-a always,exit -F uid=nosuch;-a always,exit -F gid=nosuch;-a always,exit -F bogus=1;-a always,exit -F uid;-a always,exit -F uid=;-a always,exit -F =1
-a possible,exit -S open;-a exit,possible -S open;-a always,entry -S open;-a always;-a always,exit,x;-a always,exit -a always,exit;-a nonsense
-S open;-F uid=0;-C uid=euid;-S open -k x;-F arch=b64 -S open
-a always,exit -F arch=b64 -S open -C uid=euid -k cmp;-a always,exit -C auid!=obj_uid;-a always,exit -C uid=gid;-a always,exit -C uid>euid;-a always,task -C uid=euid;-l
-a always,exit -F path=/etc/hosts -F perm=x -k p;-a always,exit -F dir=/etc -F perm=wa;-a always,exit -F path=relative;-a always,exit -F path=/etc/hosts -F perm=z;-a always,exit -F path=/etc/hosts -F dir=/etc;-l
-a always,exit -F exe=/bin/ls -S execve;-a always,exit -F exe=/nowhere/ls;-a always,exit -F exe=/bin/ls -F exe=/bin/cp;-l
-a always,exit -S open -F a0=1 -F a1&=2 -F a2&4 -F a3!=0x10 -k a -k b;-l;-l -i;-l -k a;-D -k b;-l
-a always,exit -F filetype=file -F success=0 -F ppid=1 -F pers=8;-a always,exit -F filetype=odd;-a always,exit -F success=yes;-a always,exit -F sessionid=unset;-a always,exit -F inode=5 -F devmajor=8 -F devminor=1;-a always,exit -F saddr_fam=2;-l;-l -i
-a always,exit -F auid<-1;-a always,exit -F uid=-1;-a always,exit -F perm=r -F perm=w;-a always,exit -F subj_user=root -F obj_role=x;-l;-b 1;-s
";

fn series(text: &str) -> Vec<Vec<Vec<String>>> {
    let words = |line: &str| -> Vec<String> {
        line.split(' ').filter(|word| !word.is_empty()).map(|word| word.replace('_', " ")).collect()
    };
    text.lines().map(|lines| lines.split(';').map(words).collect()).collect()
}

/// `_` is a space in the table above, and itself in the names that have one.
fn named(mut series: Vec<Vec<Vec<String>>>) -> Vec<Vec<Vec<String>>> {
    const NAMES: [&str; 6] = ["_wait_time", "_backlog_wait_time_actual", "_back", "_user", "_role", "_fam"];
    for word in series.iter_mut().flatten().flatten() {
        for name in NAMES {
            *word = word.replace(&name.replace('_', " "), name);
        }
        *word = word.replace("obj uid", "obj_uid");
    }
    series
}

#[test]
fn command_lines_are_answered_as_by_the_original() {
    let mut kernel = Kernel::hold().unwrap();
    let series = named(series(SERIES));
    let lines = series.iter().flatten().count();
    assert!(lines >= 150, "{lines} command lines");
    let differences = compare(&mut kernel, &series);
    assert!(differences.is_empty(), "{differences}");
}

/// Rules files, each with what `-R` is to be given for it.
const FILES: &[&str] = &[
    "",
    "# nothing\n\n",
    "-D\n-b 8192\n-f 1\n-e 0\n",
    "-D\n-w /etc/passwd -p wa -k one\n-w /nowhere/x -p w\n-w /etc/group -p wa\n",
    "-w /etc/passwd -p wa\n-a always,exit -S nosuch\n-w /etc/group -p wa\n",
    "-i\n-w /etc/passwd -p wa\n-a always,exit -F arch=b64 -S nosuch\n-w /etc/group -p wa\n",
    "-c\n-w /etc/passwd -p wa\n-F x\n-w /etc/group -p wa\n-k a\n-v\n-l\n--signal TERM\n-h\n-t\n",
    "-w /tmp/a..b\n-a exit,possible -S open\n-w /etc/group\n",
    "-w /etc/passwd -p wa\n-w /etc/passwd -p wa\n",
    "-a always,exit -F bogus=1\n",
    "-a always,exit -F path=relative\n",
    "-w /tmp/k -p wa -k z\n-l -i\n-l -k z\n-D -k z\n-D\n-D -x\n",
    "-s\n-s -i\n-i\n-b 100\n-k z\n",
    "-w /etc/passwd\n-R other\n",
    "-w /etc/passwd\n-z\n",
    "-w /etc/passwd\n\t-w /etc/group\n",
    "-w /etc/passwd\r\n",
    "-w /etc/my\\ file -k a\\ b\n-l\n",
    "--reset-lost\n--backlog_wait_time 100\n--backlog_wait_time 99999999\n",
    "-w /etc/passwd\n-m hello\n-e 5\n",
];

#[test]
fn rules_files_are_loaded_as_by_the_original() {
    let mut kernel = Kernel::hold().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut series: Vec<Vec<Vec<String>>> = Vec::new();
    let load = |path: &Path| vec![vec!["-R".to_owned(), path.display().to_string()], vec!["-l".to_owned()]];
    for (at, text) in FILES.iter().enumerate() {
        let path = directory.path().join(format!("{at}.rules"));
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        series.push(load(&path));
    }
    for unsafe_file in [world_writable(directory.path()), foreign(directory.path())] {
        series.push(load(&unsafe_file));
    }
    series.push(load(directory.path()));
    series.push(load(&directory.path().join("nowhere")));
    let differences = compare(&mut kernel, &series);
    assert!(differences.is_empty(), "{differences}");
}

fn world_writable(directory: &Path) -> PathBuf {
    let path = directory.join("open.rules");
    fs::write(&path, "-w /etc/passwd\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    path
}

fn foreign(directory: &Path) -> PathBuf {
    let path = directory.join("foreign.rules");
    fs::write(&path, "-w /etc/passwd\n").unwrap();
    chown(&path, Some(65534), None).unwrap();
    path
}

/// Anybody may ask for help; nothing else without the capability.
#[test]
fn without_privilege_there_is_only_help() {
    for words in [&["-l"][..], &["-s"], &["-v"], &["-h"], &["--help"], &["-R", "/etc/passwd"], &[]] {
        let mut seen = Vec::new();
        for program in [ORIGINAL, OURS] {
            // A copy that everybody can reach: the build may be in root's home.
            let directory = tempfile::tempdir().unwrap();
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
            let copy = directory.path().join("auditctl");
            fs::copy(program, &copy).unwrap();
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
            let output = Command::new("setpriv")
                .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"])
                .arg(&copy)
                .args(words)
                .env("EBPFAUDITD_RUN_DIR", "/nowhere")
                .output()
                .unwrap();
            seen.push(show(&output));
        }
        assert_eq!(seen[0], seen[1], "auditctl {words:?}");
    }
}
