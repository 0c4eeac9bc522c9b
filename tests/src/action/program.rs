//! Programs in files of the case's own: which names an exec walks.

use std::ffi::CStr;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;

use crate::case::Case;
use crate::raw;
use crate::scene::{descriptor, directory, link, make, opened, own_mounts, tmpfs};
use crate::stage::{Stage, become_nobody, refused, words};
use crate::syscall;

use libc::{AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_CLOEXEC, O_PATH, O_RDONLY};

/// With a call beside it that no tracepoint can serve: the engine of the path walk serves both, and nothing is left out.
const EXECVE: &[&str] = &["-S execve,mkdirat"];
const EXECVEAT: &[&str] = &["-S execveat,mkdirat"];

/// By execve(2) where the name does not say otherwise.
pub const CASES: &[Case] = &[
    Case::file("program-copy", EXECVE, 1, |stage| {
        copy("program")?;
        run(stage, c"program")
    }),
    Case::file("program-ways", EXECVE, 3, |stage| {
        directory("directory", 0o755)?;
        copy("directory/program")?;
        link("directory", "middle")?;
        link("directory/program", "last")?;
        stage.begin()?;
        for name in [c"middle/program", c"last", c".//directory/../directory/program"] {
            stage.child(|_| exec(name))?;
        }
        stage.end()
    }),
    Case::file("program-odd-name", EXECVE, 1, |stage| {
        copy("a \"b\" \u{1}\u{fc}")?;
        run(stage, c"a \"b\" \x01\xc3\xbc")
    }),
    Case::file("program-script", EXECVE, 1, |stage| {
        script("script", "/bin/sh -e")?;
        run(stage, c"script")
    }),
    Case::file("program-script-of-a-script", EXECVE, 1, |stage| {
        script("inner", "/bin/sh")?;
        script("outer", "./inner")?;
        run(stage, c"outer")
    }),
    Case::file("program-script-through-links", EXECVE, 1, |stage| {
        link("/bin/sh", "interpreter")?;
        script("script", "./interpreter")?;
        link("script", "link")?;
        run(stage, c"link")
    }),
    Case::file("program-static", EXECVE, 1, |stage| {
        let program = smallest();
        make("static", 0o755)?;
        std::fs::write("static", program).context("a program")?;
        run(stage, c"static")
    }),
    Case::file("program-without-permission", EXECVE, 2, |stage| {
        copy("program")?;
        syscall!(libc::SYS_chmod, c"program", 0o744)?;
        directory("locked", 0o700)?;
        copy("locked/program")?;
        stage.as_nobody(|| {
            refused(Err(failing(c"program")?), Errno::EACCES)?;
            refused(Err(failing(c"locked/program")?), Errno::EACCES)
        })
    }),
    Case::file("program-on-noexec", EXECVE, 1, |stage| {
        own_mounts()?;
        tmpfs(c"mounted", c"mode=0755")?;
        copy("mounted/program")?;
        let flags = libc::MS_REMOUNT | libc::MS_NOEXEC;
        syscall!(libc::SYS_mount, c"scene", c"mounted", c"tmpfs", flags as i64, 0)?;
        fail(stage, c"mounted/program", Errno::EACCES)
    }),
    Case::file("program-absent", EXECVE, 3, |stage| {
        make("file", 0o644)?;
        link("loop", "loop")?;
        stage.begin()?;
        let outcome = [
            (failing(c"absent")?, Errno::ENOENT),
            (failing(c"file/program")?, Errno::ENOTDIR),
            (failing(c"loop")?, Errno::ELOOP),
        ];
        stage.end()?;
        outcome.into_iter().try_for_each(|(error, due)| refused(Err(error), due))
    }),
    Case::file("program-empty-name", EXECVE, 1, |stage| fail(stage, c"", Errno::ENOENT)),
    Case::file("program-interpreter-absent", EXECVE, 2, |stage| {
        script("script", "/nowhere/interpreter")?;
        script("below", "./script/below")?;
        stage.begin()?;
        let outcome = [(failing(c"script")?, Errno::ENOENT), (failing(c"below")?, Errno::ENOTDIR)];
        stage.end()?;
        outcome.into_iter().try_for_each(|(error, due)| refused(Err(error), due))
    }),
    Case::file("program-interpreter-forbidden", EXECVE, 1, |stage| {
        make("interpreter", 0o644)?;
        script("script", "./interpreter")?;
        fail(stage, c"script", Errno::EACCES)
    }),
    Case::file("program-circle-of-scripts", EXECVE, 1, |stage| {
        script("script", "./script")?;
        fail(stage, c"script", Errno::ELOOP)
    }),
    Case::file("program-empty-and-text", EXECVE, 2, |stage| {
        make("empty", 0o755)?;
        std::fs::write("empty", "").context("an empty program")?;
        make("text", 0o755)?;
        stage.begin()?;
        let outcome = [failing(c"empty")?, failing(c"text")?];
        stage.end()?;
        outcome.into_iter().try_for_each(|error| refused(Err(error), Errno::ENOEXEC))
    }),
    Case::file("program-being-written", EXECVE, 1, |stage| {
        copy("program")?;
        opened(c"program", libc::O_WRONLY)?;
        fail(stage, c"program", Errno::ETXTBSY)
    }),
    Case::file("program-of-descriptor", EXECVEAT, 3, |stage| {
        directory("directory", 0o755)?;
        copy("directory/program")?;
        let (below, itself) = (descriptor(c"directory")?, opened(c"directory/program", O_PATH | O_CLOEXEC)?);
        stage.begin()?;
        for (fd, name, flags) in
            [(below, c"program", 0), (itself, c"", AT_EMPTY_PATH), (AT_FDCWD, c"directory/program", 0)]
        {
            stage.child(|_| {
                bail!("execveat: {}", raw::execveat(fd, name, &words(&[b"program"])?, &[], flags))
            })?;
        }
        stage.end()
    }),
    Case::file("program-of-descriptor-refused", EXECVEAT, 4, |stage| {
        copy("program")?;
        link("program", "link")?;
        script("script", "/bin/sh")?;
        let closing = opened(c"script", O_RDONLY | O_CLOEXEC)?;
        let arguments = words(&[b"program"])?;
        let at = |fd, name: &CStr, flags| raw::execveat(fd, name, &arguments, &[], flags);
        stage.begin()?;
        let outcome = [
            (at(AT_FDCWD, c"link", AT_SYMLINK_NOFOLLOW), Errno::ELOOP),
            (at(77, c"program", 0), Errno::EBADF),
            (at(AT_FDCWD, c"program", 0x8000), Errno::EINVAL),
            // The interpreter could not open the script.
            (at(closing, c"", AT_EMPTY_PATH), Errno::ENOENT),
        ];
        stage.end()?;
        outcome.into_iter().try_for_each(|(error, due)| refused(Err(error), due))
    }),
    Case::file("program-set-user-id", EXECVE, 1, |stage| {
        copy("program")?;
        syscall!(libc::SYS_chmod, c"program", 0o6755)?;
        stage.begin()?;
        stage.child(|_| {
            become_nobody()?;
            exec(c"program")
        })?;
        stage.end()
    })
    .any_personality(),
    Case::file("program-removed-while-it-runs", EXECVE, 1, |stage| {
        copy("program")?;
        let fd = descriptor(c"program")?;
        stage.tell_inodes()?;
        std::fs::remove_file("program")?;
        let name = crate::stage::c_string(format!("/proc/self/fd/{fd}").as_bytes())?;
        run(stage, &name)
    }),
];

/// A copy of true(1).
fn copy(name: &str) -> Result<()> {
    std::fs::copy("/bin/true", name).with_context(|| name.to_owned())?;
    Ok(())
}

fn script(name: &str, interpreter: &str) -> Result<()> {
    make(name, 0o755)?;
    std::fs::write(name, format!("#!{interpreter}\nexit 0\n")).context("a script")
}

/// A program that asks for no interpreter: an ELF header, one segment, and `exit_group(0)`.
fn smallest() -> Vec<u8> {
    const BASE: u64 = 0x40_0000;
    const CODE: &[u8] = &[0xb8, 231, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05]; // mov eax, 231; xor edi, edi; syscall
    let size = 120 + CODE.len() as u64;
    let mut program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    for word in [BASE + 120, 64, 0] {
        program.extend(word.to_ne_bytes());
    }
    // Flags, sizes of the header and of one entry, one entry, no sections; then that entry: PT_LOAD, readable, executable.
    program.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 64, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0]);
    for word in [0, BASE, BASE, size, size, 0x1000] {
        program.extend(word.to_ne_bytes());
    }
    program.extend(CODE);
    program
}

/// Execs; only a failure comes back.
fn exec(name: &CStr) -> Result<()> {
    bail!("execve {name:?}: {}", failing(name)?)
}

fn failing(name: &CStr) -> Result<Errno> {
    Ok(raw::execve(name, &words(&[b"program", b"argument"])?, &words(&[b"PATH=/bin"])?))
}

fn run(stage: &mut Stage, name: &CStr) -> Result<()> {
    stage.begin()?;
    stage.child(|_| exec(name))?;
    stage.end()
}

fn fail(stage: &mut Stage, name: &CStr, due: Errno) -> Result<()> {
    stage.begin()?;
    let error = failing(name)?;
    stage.end()?;
    refused(Err(error), due)
}
