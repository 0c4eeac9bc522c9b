//! The same calls in odd surroundings: threads, orphans, terminals, namespaces, files that are gone, interrupted calls.

use std::fs;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use crate::case::Case;
use crate::raw;
use crate::stage::{Stage, bury, c_string, exit_group, refused, socket, unix, victim, words};
use crate::syscall;

/// getpriority(2) with an odd first argument is the call that is recorded, where no other is of interest.
pub const CASES: &[Case] = &[
    Case::new("in-a-thread", &["-S getpriority"], 1, |stage| {
        stage.begin_child()?;
        let thread = std::thread::spawn(mark);
        thread.join().map_err(|_| anyhow::anyhow!("the thread panicked"))?
    }),
    Case::new("in-a-named-thread", &["-S getpriority"], 1, |stage| {
        stage.begin_child()?;
        let thread =
            std::thread::Builder::new().name("named thread".to_owned()).spawn(mark).context("a thread")?;
        thread.join().map_err(|_| anyhow::anyhow!("the thread panicked"))?
    }),
    Case::new("as-an-orphan", &["-S getpriority"], 1, |stage| {
        stage.begin()?;
        let mut pipe = [0_u8; 8];
        syscall!(libc::SYS_pipe, &mut pipe[..]).context("pipe")?;
        let [read, write] =
            [&pipe[..4], &pipe[4..]].map(|end| i32::from_ne_bytes([end[0], end[1], end[2], end[3]]));
        stage.child(|_| {
            let own = std::process::id();
            if raw::fork()? == 0 {
                syscall!(libc::SYS_close, read)?;
                while u32::try_from(syscall!(libc::SYS_getppid)?) == Ok(own) {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                let status = i32::from(mark().is_err());
                syscall!(libc::SYS_write, write, &b"x"[..], 1)?;
                exit_group(status);
            }
            Ok(())
        })?;
        let mut byte = [0_u8; 1];
        syscall!(libc::SYS_read, read, &mut byte[..], 1).context("waiting for the orphan").map(drop)
    }),
    Case::new("with-a-terminal", &["-S getpriority"], 1, |stage| {
        stage.begin()?;
        stage.child(|_| {
            syscall!(libc::SYS_setsid).context("setsid")?;
            let flags = libc::O_RDWR | libc::O_NOCTTY;
            let main =
                syscall!(libc::SYS_openat, libc::AT_FDCWD, c"/dev/ptmx", flags).context("/dev/ptmx")?;
            syscall!(libc::SYS_ioctl, main, libc::TIOCSPTLCK as i64, &0_u32.to_ne_bytes()[..])
                .context("unlockpt")?;
            let terminal =
                syscall!(libc::SYS_ioctl, main, libc::TIOCGPTPEER as i64, flags).context("TIOCGPTPEER")?;
            syscall!(libc::SYS_ioctl, terminal, libc::TIOCSCTTY as i64, 0).context("TIOCSCTTY")?;
            mark()
        })
    }),
    Case::new("in-a-user-namespace", &["-S getpriority"], 1, |stage| {
        stage.begin()?;
        stage.child(|_| {
            syscall!(libc::SYS_setresuid, 1000, 1000, 1000).context("setresuid")?;
            syscall!(libc::SYS_unshare, libc::CLONE_NEWUSER).context("unshare")?;
            mark()
        })
    }),
    Case::new("in-a-changed-root", &["-S execve"], 1, |stage| {
        let root = c_string(stage.files().as_os_str().to_str().context("a path")?.as_bytes())?;
        stage.begin()?;
        stage.child(|_| {
            syscall!(libc::SYS_chroot, &root).context("chroot")?;
            syscall!(libc::SYS_chdir, c"/").context("chdir")?;
            let errno = raw::execve(c"/plain", &words(&[b"plain"])?, &[]);
            refused(Err(errno), Errno::EACCES)
        })
    }),
    Case::new("exe-is-deleted", &["-S getpriority"], 1, |stage| {
        let (own, copy) = (std::env::current_exe()?, stage.work().join("copy-of-actor"));
        if own != copy {
            fs::copy(&own, &copy).context("copying the actor")?;
            let arguments: Vec<_> = std::env::args().collect();
            let arguments = words(&arguments.iter().map(String::as_bytes).collect::<Vec<_>>())?;
            let program = c_string(copy.as_os_str().to_str().context("a path")?.as_bytes())?;
            bail!("execve: {}", raw::execve(&program, &arguments, &[]));
        }
        fs::remove_file(&copy).context("removing the running program")?;
        marked(stage)
    }),
    Case::new("directory-is-deleted", &["-S execve"], 1, |stage| {
        let gone = stage.work().join("gone");
        fs::create_dir(&gone).context("a directory")?;
        std::env::set_current_dir(&gone)?;
        fs::remove_dir(&gone).context("removing it")?;
        stage.begin()?;
        let errno = raw::execve(c"nothing", &words(&[b"nothing"])?, &[]);
        stage.end()?;
        refused(Err(errno), Errno::ENOENT)
    }),
    Case::new("stopped-and-continued", &["-S pause"], 2, |stage| {
        stage.begin()?;
        let target = paused()?;
        let pid = Pid::from_raw(target);
        kill(pid, Signal::SIGSTOP).context("stopping it")?;
        waitpid(pid, Some(WaitPidFlag::WUNTRACED)).context("waiting for the stop")?;
        kill(pid, Signal::SIGCONT).context("continuing it")?;
        await_pause(target)?;
        bury(target)
    }),
    Case::new("killed-while-blocked", &["-S pause"], 1, |stage| {
        stage.begin()?;
        let target = paused()?;
        bury(target)
    }),
    Case::new("kill-own-group", &["-S kill"], 1, |stage| {
        syscall!(libc::SYS_setpgid, 0, 0).context("setpgid")?;
        stage.begin()?;
        let result = syscall!(libc::SYS_kill, 0, libc::SIGCONT);
        stage.end()?;
        result.context("kill").map(drop)
    }),
    Case::new("kill-many", &["-S kill"], 1, |stage| {
        let first = victim()?;
        syscall!(libc::SYS_setpgid, first, first).context("setpgid")?;
        let mut targets = vec![first];
        for _ in 0..19 {
            let target = victim()?;
            syscall!(libc::SYS_setpgid, target, first).context("setpgid")?;
            targets.push(target);
        }
        stage.begin()?;
        let result = syscall!(libc::SYS_kill, -first, libc::SIGTERM);
        stage.end()?;
        for target in targets {
            bury(target)?;
        }
        result.context("kill").map(drop)
    }),
    Case::new("netlink-bind", &["-S bind"], 1, |stage| {
        let fd = socket(libc::AF_NETLINK, libc::SOCK_RAW)?;
        let mut address = [0_u8; 12];
        address[..2].copy_from_slice(&(libc::AF_NETLINK as u16).to_ne_bytes());
        stage.begin()?;
        let result = syscall!(libc::SYS_bind, fd, &address[..], address.len());
        stage.end()?;
        result.context("bind").map(drop)
    }),
    Case::new("unix-accept-unnamed", &["-S accept"], 1, |stage| {
        let address = unix(b"\0ebpfauditd-unnamed");
        let server = super::network::listener(libc::AF_UNIX, &address)?;
        let client = socket(libc::AF_UNIX, libc::SOCK_STREAM)?;
        super::network::connect_quietly(client, &address)?;
        let (mut peer, mut length) = ([0_u8; 110], 110_u32.to_ne_bytes());
        stage.begin()?;
        let result = syscall!(libc::SYS_accept, server, &mut peer[..], &mut length[..]);
        stage.end()?;
        result.context("accept").map(drop)
    }),
    Case::new("open-elsewhere", &["-S openat -F success=1"], 1, |stage| {
        let path = c"/dev/shm";
        stage.begin()?;
        let result = syscall!(libc::SYS_openat, libc::AT_FDCWD, path, libc::O_RDONLY | libc::O_DIRECTORY);
        stage.end()?;
        result.context("openat").map(drop)
    }),
    Case::new("exec-nested-script", &["-S execve"], 1, |stage| {
        let script = stage.file("script-nested")?;
        let arguments = words(&[b"nested", b"x"])?;
        stage.begin()?;
        stage.child(|_| bail!("execve: {}", raw::execve(&script, &arguments, &[])))
    }),
    Case::new("exec-failure-only", &["-S execve -F success=0"], 1, |stage| {
        stage.begin()?;
        stage.child(|_| {
            let arguments = words(&[b"true"])?;
            let errno = raw::execve(c"/nowhere/at/all", &arguments, &[]);
            if errno != Errno::ENOENT {
                bail!("execve: {errno}");
            }
            bail!("execve: {}", raw::execve(c"/bin/true", &arguments, &[]))
        })
    }),
    Case::new("filter-ppid", &["-S getpriority -F ppid!=1 -F pid!=1 -F ppid>2"], 1, marked),
    Case::new("filter-session", &["-S getpriority -F sessionid!=4294967295 -F auid!=unset"], 1, marked),
    Case::new("filter-session-unset", &["-S getpriority -F sessionid=4294967295"], 0, marked),
    // Every comparison is of unsigned numbers: nothing is below zero.
    Case::new("filter-negative-exit", &["-S getpriority -F exit<0"], 0, marked),
    Case::new("filter-positive-exit", &["-S getpriority -F exit>0 -F exit<40"], 0, marked),
    Case::new("filter-a1-a2-a3", &["-S getpriority -F a1=7 -F a2=8 -F a3=9"], 1, |stage| {
        stage.begin()?;
        for third in [8, 7] {
            let result = syscall!(libc::SYS_getpriority, 0x4321, 7, third, 9);
            refused(result, Errno::EINVAL)?;
        }
        stage.end()
    }),
    Case::new("filter-compare-auid", &["-S getpriority -C auid!=uid -C gid=egid -C euid=suid"], 1, marked),
    Case::new("filter-arch-not", &["-a always,exit -F arch!=b32 -S 140"], 1, marked),
    Case::new(
        "filter-groups",
        &["-S getpriority -F gid=0 -F egid=0 -F sgid=0 -F suid=0 -F fsuid=0"],
        1,
        marked,
    ),
];

/// A child that is blocked in pause(2).
fn paused() -> Result<i32> {
    let target = raw::fork().context("fork")?;
    if target == 0 {
        let _ = syscall!(libc::SYS_pause);
        exit_group(0);
    }
    await_pause(target)?;
    Ok(target)
}

/// Waits until the process sleeps in pause(2), which has number 34.
fn await_pause(target: i32) -> Result<()> {
    let read =
        |name: &str| fs::read_to_string(format!("/proc/{target}/{name}")).context("looking at the child");
    while !(read("stat")?.contains(") S ") && read("syscall")?.starts_with("34 ")) {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    Ok(())
}

/// The call that is recorded.
fn mark() -> Result<()> {
    refused(syscall!(libc::SYS_getpriority, 0x4321, 0), Errno::EINVAL)
}

fn marked(stage: &mut Stage) -> Result<()> {
    stage.begin()?;
    mark()?;
    stage.end()
}
