//! execve and execveat.

use std::ffi::{CStr, CString};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;

use crate::case::Case;
use crate::raw;
use crate::stage::{Stage, become_nobody, c_string, refused, words};
use crate::syscall;

/// Execs, in a child unless the name says otherwise: the child's first recorded event is then the exec.
pub const CASES: &[Case] = &[
    Case::new("exec-elf", &["-S execve"], 1, |stage| {
        child(stage, c"/bin/true", &[b"true", b"--", b"an argument"])
    }),
    Case::new("exec-in-place", &["-S execve"], 1, |stage| {
        stage.begin()?;
        run(c"/bin/true", &words(&[b"true", b"in place"])?)
    }),
    Case::new("exec-script", &["-S execve"], 1, |stage| {
        let script = stage.file("script")?;
        child(stage, &script, &[b"script", b"one", b"two"])
    }),
    Case::new("exec-script-argument", &["-S execve"], 1, |stage| {
        let script = stage.file("script-argument")?;
        child(stage, &script, &[b"script", b"one"])
    }),
    Case::new("exec-relative", &["-S execve"], 1, |stage| {
        std::env::set_current_dir(stage.files())?;
        child(stage, c"./true", &[b"./true"])
    }),
    Case::new("exec-symlink", &["-S execve"], 1, |stage| {
        let link = stage.file("true-link")?;
        child(stage, &link, &[b"link"])
    }),
    Case::new("exec-odd-name", &["-S execve"], 1, |stage| {
        let odd = stage.file("odd \"true\"\n")?;
        child(stage, &odd, &[b"odd \"true\"\n", b"\x01\xff"])
    }),
    Case::new("exec-many-arguments", &["-S execve"], 1, |stage| {
        let arguments: Vec<String> = (0..2000).map(|number| format!("argument-{number}")).collect();
        let arguments: Vec<&[u8]> = arguments.iter().map(String::as_bytes).collect();
        child(stage, c"/bin/true", &arguments)
    }),
    Case::new("exec-long-argument", &["-S execve"], 1, |stage| {
        child(stage, c"/bin/true", &[b"true", &[b'x'; 20_000], b"end"])
    }),
    Case::new("exec-long-binary-argument", &["-S execve"], 1, |stage| {
        child(stage, c"/bin/true", &[b"true", &[0xfe; 9_000], b"end"])
    }),
    Case::new("exec-room-boundary", &["-S execve"], 1, |stage| {
        // Around the 7500 bytes of one record: what just fits, what just does not, and what leaves little room.
        child(
            stage,
            c"/bin/true",
            &[&[b'a'; 7_300], &[b'b'; 90], b"c", &[b' '; 3_650], &[b'd'; 7_499], &[b'e'; 7_500]],
        )
    }),
    Case::new("exec-empty-arguments", &["-S execve"], 1, |stage| {
        child(stage, c"/bin/true", &[b"", b"", b"x", b""])
    }),
    Case::new("exec-no-arguments", &["-S execve"], 1, |stage| child(stage, c"/bin/true", &[])),
    Case::new("exec-unprivileged", &["-S execve"], 1, |stage| {
        let path = stage.file("true")?;
        unprivileged(stage, &path)
    }),
    Case::new("exec-set-user-id", &["-S execve"], 1, |stage| {
        let path = stage.file("true-setuid")?;
        unprivileged(stage, &path)
    })
    .any_personality(),
    Case::new("exec-file-capabilities", &["-S execve"], 1, |stage| {
        let path = stage.file("true-capabilities")?;
        unprivileged(stage, &path)
    })
    .any_personality(),
    Case::new("exec-by-thread", &["-S execve"], 1, |stage| {
        stage.child(|stage| {
            stage.begin_child()?;
            let thread = std::thread::spawn(|| run(c"/bin/true", &words(&[b"true", b"by a thread"])?));
            thread.join().map_err(|_| anyhow::anyhow!("the thread panicked"))?
        })
    }),
    Case::new("exec-enoent", &["-S execve"], 1, |stage| failing(stage, c"/nowhere/program", Errno::ENOENT)),
    Case::new("exec-eacces", &["-S execve"], 1, |stage| {
        let plain = stage.file("plain")?;
        failing(stage, &plain, Errno::EACCES)
    }),
    Case::new("exec-enoexec", &["-S execve"], 1, |stage| {
        let path = stage.file("not-a-program")?;
        failing(stage, &path, Errno::ENOEXEC)
    }),
    Case::new("exec-directory", &["-S execve"], 1, |stage| failing(stage, c"/tmp", Errno::EACCES)),
    Case::new("exec-missing-interpreter", &["-S execve"], 1, |stage| {
        let path = stage.file("script-missing")?;
        failing(stage, &path, Errno::ENOENT)
    }),
    Case::new("execveat-directory", &["-S execveat"], 1, |stage| {
        let directory = stage.file("")?;
        let fd = syscall!(libc::SYS_openat, libc::AT_FDCWD, &directory, libc::O_RDONLY | libc::O_DIRECTORY)?
            as i32;
        at(stage, fd, c"true", 0)
    }),
    Case::new("execveat-descriptor", &["-S execveat"], 1, |stage| {
        let fd = open(&stage.file("true")?)?;
        at(stage, fd, c"", libc::AT_EMPTY_PATH)
    }),
    Case::new("execveat-memory", &["-S execveat"], 1, |stage| {
        let fd = syscall!(libc::SYS_memfd_create, c"program", 0)? as i32;
        let program = std::fs::read("/bin/true")?;
        std::io::Write::write_all(
            &mut std::fs::File::options().write(true).open(format!("/proc/self/fd/{fd}"))?,
            &program,
        )?;
        at(stage, fd, c"", libc::AT_EMPTY_PATH)
    })
    // the memory file's own
    .ignoring(&[("PATH", "inode")]),
    Case::new("execveat-script", &["-S execveat"], 1, |stage| {
        let directory = stage.file("")?;
        let fd = syscall!(libc::SYS_openat, libc::AT_FDCWD, &directory, libc::O_RDONLY | libc::O_DIRECTORY)?
            as i32;
        at(stage, fd, c"script", 0)
    }),
    Case::new("execveat-script-descriptor", &["-S execveat"], 1, |stage| {
        let fd = open(&stage.file("script")?)?;
        at(stage, fd, c"", libc::AT_EMPTY_PATH)
    }),
    Case::new("execveat-enoent", &["-S execveat"], 1, |stage| {
        stage.begin()?;
        let errno = raw::execveat(libc::AT_FDCWD, c"nowhere", &words(&[b"nowhere"])?, &[], 0);
        stage.end()?;
        refused(Err(errno), Errno::ENOENT)
    }),
    Case::new("execveat-bad-descriptor", &["-S execveat"], 1, |stage| {
        stage.begin()?;
        let errno = raw::execveat(77, c"relative", &words(&[b"relative"])?, &[], 0);
        stage.end()?;
        refused(Err(errno), Errno::EBADF)
    }),
];

fn environment() -> Result<Vec<CString>> {
    words(&[b"PATH=/usr/bin:/bin"])
}

/// Execs; only a failure comes back.
fn run(path: &CStr, arguments: &[CString]) -> Result<()> {
    let errno = raw::execve(path, arguments, &environment()?);
    bail!("execve {path:?}: {errno}")
}

fn child(stage: &mut Stage, path: &CStr, arguments: &[&[u8]]) -> Result<()> {
    let arguments = words(arguments)?;
    stage.begin()?;
    stage.child(|_| run(path, &arguments))
}

fn unprivileged(stage: &mut Stage, path: &CStr) -> Result<()> {
    let path = c_string(path.to_bytes())?;
    let arguments = words(&[b"true"])?;
    stage.begin()?;
    stage.child(move |_| {
        become_nobody()?;
        run(&path, &arguments)
    })
}

fn failing(stage: &mut Stage, path: &CStr, expected: Errno) -> Result<()> {
    let (arguments, environment) = (words(&[b"program", b"argument"])?, environment()?);
    stage.begin()?;
    let errno = raw::execve(path, &arguments, &environment);
    stage.end()?;
    refused(Err(errno), expected)
}

fn open(path: &CStr) -> Result<i32> {
    Ok(syscall!(libc::SYS_openat, libc::AT_FDCWD, path, libc::O_RDONLY).context("openat")? as i32)
}

fn at(stage: &mut Stage, fd: i32, path: &CStr, flags: i32) -> Result<()> {
    let (arguments, environment) = (words(&[b"program", b"argument"])?, environment()?);
    stage.begin()?;
    stage.child(|_| {
        let errno = raw::execveat(fd, path, &arguments, &environment, flags);
        bail!("execveat {path:?}: {errno}")
    })
}
