//! A daemon with directories of its own, for the tests that run the real one.

#![allow(dead_code)] // each file of tests uses what it needs

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use compat::audit::Audit;
use compat::control::{ControlSocket, socket_path};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub(crate) const DAEMON: &str = env!("CARGO_BIN_EXE_ebpfauditd");
/// Longest wait for anything. Loading the programs takes a second on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The daemon, on every kernel as on one without trampolines: what these tests are about is how it deals with the kernel's
/// audit, to which trampolines would leave none of the rules here. What it does with those has tests in the package `tests`.
pub(crate) fn daemon() -> Command {
    let mut command = Command::new(DAEMON);
    command.args(["--mask-engine", "trampoline"]);
    command
}

/// Held by every test, of this crate and of others, that changes the kernel's audit.
pub(crate) fn hold_audit() -> Flock<File> {
    assert!(nix::unistd::geteuid().is_root(), "this test needs root: it registers an audit daemon");
    let lock = File::create(std::env::temp_dir().join("ebpfauditd-tests.lock")).unwrap();
    Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, errno)| errno).unwrap()
}

/// Directories of one daemon.
pub(crate) struct Site {
    root: tempfile::TempDir,
}

impl Site {
    pub(crate) fn new(rules: &str) -> Self {
        let site = Self { root: tempfile::tempdir().unwrap() };
        for name in ["etc", "log"] {
            fs::create_dir(site.path(name)).unwrap();
        }
        site.write("etc/auditd.conf", &format!("log_file = {}\nlog_format = ENRICHED\nfreq = 50\nflush = INCREMENTAL_ASYNC\nnum_logs = 5\nmax_log_file = 8\nmax_log_file_action = ROTATE\nspace_left = 75\nadmin_space_left = 50\n", site.path("log/audit.log").display()));
        site.write("etc/audit.rules", rules);
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The log as it is now; empty for the moment in which it is rotated.
    pub(crate) fn log(&self) -> String {
        match fs::read_to_string(self.path("log/audit.log")) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            log => log.unwrap(),
        }
    }

    pub(crate) fn command(&self, run: &str) -> Command {
        let mut command = daemon();
        command.arg("-n").arg("-c").arg(self.path("etc")).arg("--run-dir").arg(self.path(run));
        command
    }

    /// Runs a daemon that is to end by itself; gives its exit code and what it said.
    pub(crate) fn refused(&self) -> (i32, String) {
        ended(&mut self.command("run"))
    }

    /// `ausearch` over this site's log.
    pub(crate) fn search(&self, arguments: &[&str]) -> String {
        let out = output(Command::new("ausearch").arg("-if").arg(self.path("log/audit.log")).args(arguments));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }
}

pub(crate) fn output(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

pub(crate) fn ended(command: &mut Command) -> (i32, String) {
    let out = output(command.stdout(Stdio::null()));
    (out.status.code().unwrap_or(-1), String::from_utf8_lossy(&out.stderr).into_owned())
}

pub(crate) fn auditctl(arguments: &[&str]) -> String {
    let out = output(Command::new("/sbin/auditctl").args(arguments));
    String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
}

/// The kernel's settings and rules, without what counts by itself.
pub(crate) fn kernel_state() -> String {
    let status = auditctl(&["-s"]);
    let kept = status
        .lines()
        .filter(|line| !line.starts_with("lost") && !line.starts_with("backlog_wait_time_actual"));
    kept.collect::<Vec<_>>().join("\n") + "\n" + &auditctl(&["-l"])
}

/// A daemon in the foreground. Killed, if a test fails before it ends it.
pub(crate) struct Daemon {
    pub(crate) child: Child,
    messages: PathBuf,
    pub(crate) run: PathBuf,
}

impl Daemon {
    pub(crate) fn start(site: &Site) -> Self {
        Self::spawn(site, &mut site.command("run"))
    }

    pub(crate) fn spawn(site: &Site, command: &mut Command) -> Self {
        let messages = site.path("messages");
        let child = command.stdin(Stdio::null()).stderr(File::create(&messages).unwrap()).spawn().unwrap();
        let mut daemon = Self { child, messages, run: site.path("run") };
        daemon.until(|daemon| {
            if let Some(status) = daemon.child.try_wait().unwrap() {
                panic!("the daemon ended with {status}: {}", daemon.said());
            }
            daemon.control().is_ok_and(|mut control| control.status().is_ok())
        });
        daemon
    }

    pub(crate) fn control(&self) -> std::io::Result<ControlSocket> {
        ControlSocket::connect(&socket_path(&self.run))
    }

    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.messages).unwrap()
    }

    pub(crate) fn until(&mut self, mut condition: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(Instant::now() < deadline, "it did not happen; the daemon said: {}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Ends it and gives its exit code.
    pub(crate) fn stop(&mut self) -> i32 {
        self.signal(Signal::SIGTERM);
        self.until(|daemon| daemon.child.try_wait().unwrap().is_some());
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            // First the signal with which it puts everything back.
            self.signal(Signal::SIGTERM);
            let deadline = Instant::now() + PATIENCE;
            while self.child.try_wait().is_ok_and(|ended| ended.is_none()) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A daemon in the background. Ended with the signal with which it puts everything back, if a test fails before that.
pub(crate) struct Background(pub(crate) Pid);

impl Background {
    /// Whether it runs; the process that would wait for it is not us.
    pub(crate) fn runs(&self) -> bool {
        fs::read_to_string(format!("/proc/{}/stat", self.0)).is_ok_and(|stat| !stat.contains(") Z "))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if self.runs() {
            let _ = kill(self.0, Signal::SIGTERM);
            let deadline = Instant::now() + PATIENCE;
            while self.runs() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// Unmounts when it goes.
pub(crate) struct Unmount(pub(crate) PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
