//! Who may control auditing: whoever has `CAP_AUDIT_CONTROL`, and nobody else, be it root; with the originals' words.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use compat::audit::Audit as _;
use compat::control::{ControlSocket, RUN_DIR_VARIABLE, socket_path};
use nix::errno::Errno;
use nix::libc;
use tests::kernel::Audit;
use tests::program::{original, ours, run};
use tests::side::{Daemon, Side};
use tests::syscall;

const LIMIT: Duration = Duration::from_secs(20);

/// Who asks: the words of `setpriv`.
const CALLERS: [(&str, &[&str]); 4] = [
    ("root", &[]),
    (
        "a user with CAP_AUDIT_CONTROL",
        &[
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--inh-caps=+audit_control",
            "--ambient-caps=+audit_control",
        ],
    ),
    ("a user", &["--reuid=65534", "--regid=65534", "--clear-groups"]),
    ("root without CAP_AUDIT_CONTROL", &["--inh-caps=-audit_control", "--bounding-set=-audit_control"]),
];

/// What they ask, one after the other.
const REQUESTS: [&str; 18] = [
    "-l",
    "-s -i",
    "-a always,exit -F arch=b64 -S getsid -F a0=11259375 -k one",
    "-a always,exit -F arch=b64 -S getsid -F a0=11259375 -k one",
    "-l",
    "-l -k one",
    "-d always,exit -F arch=b64 -S getsid -F a0=11259375 -k one",
    "-d always,exit -F arch=b64 -S getsid -F a0=11259375 -k one",
    "-R RULES",
    "-l",
    "-D",
    "-f 1",
    "-b 8192",
    "-t",
    "-q /proc,/sys",
    "--reset-lost",
    "-v",
    "-h",
];

/// A copy of a program that everybody may run, wherever the project lies.
fn published(program: &Path, directory: &Path, name: &str) -> Result<PathBuf> {
    let path = directory.join(name);
    fs::copy(program, &path).with_context(|| program.display().to_string())?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

/// Who the daemon is, and what waits in the kernel's queue.
fn is_of_the_moment(line: &str) -> bool {
    ["pid ", "backlog ", "backlog_wait_time_actual "].iter().any(|start| line.starts_with(start))
}

/// What a caller hears, request after request. What the version and the help print is not compared here.
fn hear(auditctl: &Path, caller: &[&str], run_directory: &Path, rules: &str) -> Result<Vec<String>> {
    let mut heard = Vec::new();
    for request in REQUESTS {
        let mut command = Command::new("setpriv");
        command.args(caller).arg("--").arg(auditctl).env(RUN_DIR_VARIABLE, run_directory);
        command.args(request.split(' ').map(|word| if word == "RULES" { rules } else { word }));
        let said = run(&mut command, LIMIT)?;
        let stdout: Vec<&str> = said.stdout.lines().filter(|line| !is_of_the_moment(line)).collect();
        let stderr: Vec<&str> =
            said.stderr.lines().filter(|line| !line.starts_with("There was an error while")).collect();
        heard.push(match request {
            "-v" | "-h" => format!("{request}: {stderr:?}"),
            _ => format!("{request}: {:?} {stdout:#?} {stderr:?}", said.status.code()),
        });
    }
    Ok(heard)
}

/// What all callers hear of one side.
fn hear_all(side: Side, audit: &Audit, with_daemon: bool, place: &Path) -> Result<Vec<Vec<String>>> {
    let auditctl = match side {
        Side::Theirs => PathBuf::from(original::AUDITCTL),
        Side::Ours => published(&ours("auditctl")?, place, "auditctl")?,
    };
    let rules = place.join("asked.rules");
    fs::write(&rules, "-w /etc/hostname -p w -k file\n")?;
    let daemon = if with_daemon { Some(Daemon::start(side, audit, &[], &[])?) } else { None };
    let run_directory = match &daemon {
        Some(daemon) => {
            fs::set_permissions(daemon.directory(), fs::Permissions::from_mode(0o755))?;
            daemon.directory().join("run")
        }
        None => "/nowhere".into(),
    };
    let rules = rules.to_str().context("a place that is not UTF-8")?;
    let all = CALLERS
        .iter()
        .map(|(name, caller)| hear(&auditctl, caller, &run_directory, rules).context(*name))
        .collect::<Result<_>>()?;
    if let Some(daemon) = daemon {
        daemon.stop()?;
    }
    audit.restore()?;
    Ok(all)
}

#[test]
fn the_capability_decides_and_the_words_are_the_originals() -> Result<()> {
    let audit = Audit::hold()?;
    let place = tempfile::tempdir()?;
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755))?;
    let mut wrong = Vec::new();
    for with_daemon in [false, true] {
        let theirs = hear_all(Side::Theirs, &audit, with_daemon, place.path())?;
        let ours = hear_all(Side::Ours, &audit, with_daemon, place.path())?;
        for (((name, _), theirs), ours) in CALLERS.iter().zip(&theirs).zip(&ours) {
            let allowed = theirs.iter().filter(|said| said.contains("Some(0)")).count();
            ensure!(
                (allowed > 8) == (*name == "root" || name.contains(" with CAP_AUDIT_CONTROL")),
                "{name} is allowed {allowed} things by the original: {theirs:#?}"
            );
            for (theirs, ours) in theirs.iter().zip(ours) {
                if theirs != ours {
                    wrong.push(format!("{name}, daemon {with_daemon}:\ntheirs {theirs}\nours {ours}"));
                }
            }
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Does something as another user, without any capability; back come the descriptors that were made so.
fn as_a_user<T: Send + 'static>(make: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let thread = std::thread::spawn(move || {
        // Of this thread alone, which ends with it; its process stays root's.
        syscall!(libc::SYS_setresuid, -1, 65534, -1)?;
        make()
    });
    thread.join().map_err(|_| anyhow::anyhow!("the thread of another user"))?
}

fn refused<T>(answer: std::io::Result<T>) -> Result<()> {
    let error = answer.err().context("it is served")?;
    ensure!(error.raw_os_error() == Some(Errno::EPERM as i32), "refused with {error:?}");
    Ok(())
}

/// Whoever connects without the capability is not served when the process has it later: it might have become another program.
#[test]
fn a_capability_that_comes_after_the_connection_does_not_count() -> Result<()> {
    let audit = Audit::hold()?;
    let daemon = Daemon::start(Side::Ours, &audit, &[], &[])?;
    fs::set_permissions(daemon.directory(), fs::Permissions::from_mode(0o755))?;
    let path = socket_path(&daemon.directory().join("run"));

    let connect = path.clone();
    let mut with_credential = as_a_user(move || Ok(ControlSocket::connect(&connect)?))?;
    refused(with_credential.list_rules()).context("with its socket of audit")?;

    let connect = path.clone();
    let without = as_a_user(move || Ok(UnixStream::connect(&connect)?))?;
    refused(ControlSocket::over(without)?.list_rules()).context("without one")?;

    // However many wait to be turned away, root is served.
    let connect = path.clone();
    let crowd = as_a_user(move || Ok((0..40).map(|_| UnixStream::connect(&connect)).collect::<Vec<_>>()))?;
    let begin = Instant::now();
    ControlSocket::connect(&path)?.list_rules()?;
    ensure!(begin.elapsed() < Duration::from_secs(5), "root waited for {:?}", begin.elapsed());
    drop(crowd);
    daemon.stop()?;
    Ok(())
}
