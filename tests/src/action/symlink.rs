//! symlink, symlinkat, readlink, readlinkat.

use anyhow::Result;
use nix::errno::Errno;

use crate::case::Case;
use crate::scene::{FINE, NOWHERE, descriptor, directory, link, make, opened, still};
use crate::stage::c_string;
use crate::syscall;

use libc::{AT_FDCWD, O_NOFOLLOW, O_PATH, SYS_readlink, SYS_readlinkat, SYS_symlink, SYS_symlinkat};

/// What most of these cases ask for.
const SYMLINK: &[&str] = &["-S symlink"];

/// By the call that the name tells.
pub const CASES: &[Case] = &[
    Case::file("symlink-new", SYMLINK, 1, |stage| {
        make("target", 0o644)?;
        stage.record(|| syscall!(SYS_symlink, c"target", c"new"))
    }),
    Case::file("symlink-to-nothing", SYMLINK, 2, |stage| {
        let new = stage.fresh("new")?;
        stage.record_all(|| {
            [syscall!(SYS_symlink, c"/nowhere/a b", &new), syscall!(SYS_symlink, c"..//x/", c"./other")]
        })
    }),
    Case::file("symlink-same-name", SYMLINK, 3, |stage| {
        // The target's text ends in the new name, with a prefix of the same length or of another.
        directory("one", 0o755)?;
        directory("three", 0o755)?;
        stage.record_all(|| {
            [
                syscall!(SYS_symlink, c"two/name", c"one/name"),
                syscall!(SYS_symlink, c"two/name", c"three/name"),
                syscall!(SYS_symlink, c"itself", c"itself"),
            ]
        })
    }),
    Case::file("symlink-odd-and-long-target", SYMLINK, 3, |stage| {
        let long = c_string(&b"t/".repeat(2000))?;
        stage.record_all(|| {
            [
                syscall!(SYS_symlink, c"\"\x01\xff\n", c"odd"),
                syscall!(SYS_symlink, &long, c"long"),
                syscall!(SYS_symlink, c"target", c"\xc3\xbc \""),
            ]
        })
    }),
    Case::file("symlink-eexist", SYMLINK, 2, |stage| {
        make("file", 0o644)?;
        link("absent", "link")?;
        stage
            .fail_all(Errno::EEXIST, || [c"file", c"link"].map(|name| syscall!(SYS_symlink, c"target", name)))
    }),
    Case::file("symlink-target-refused", SYMLINK, 3, |stage| {
        let long = c_string(&b"t/".repeat(2048))?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_symlink, c"", c"new"), Errno::ENOENT),
                (syscall!(SYS_symlink, &long, c"new"), Errno::ENAMETOOLONG),
                (syscall!(SYS_symlink, NOWHERE, c"new"), Errno::EFAULT),
            ]
        })
    }),
    Case::file("symlink-slash-and-dot", SYMLINK, 3, |stage| {
        directory("directory", 0o755)?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_symlink, c"target", c"new/"), Errno::ENOENT),
                (syscall!(SYS_symlink, c"target", c"directory/."), Errno::EEXIST),
                (syscall!(SYS_symlink, c"target", c"directory/"), Errno::EEXIST),
            ]
        })
    }),
    Case::file("symlink-eacces", SYMLINK, 1, |stage| {
        stage.fail_as_nobody(Errno::EACCES, || syscall!(SYS_symlink, c"target", c"new"))
    }),
    Case::file("symlink-erofs", SYMLINK, 2, |stage| {
        still()?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_symlink, c"target", c"still/new"), Errno::EROFS),
                (syscall!(SYS_symlink, c"target", c"still/file"), Errno::EEXIST),
            ]
        })
    }),
    Case::file("symlinkat-descriptor", &["-S symlinkat"], 3, |stage| {
        directory("directory", 0o755)?;
        let fd = descriptor(c"directory")?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_symlinkat, c"target", fd, c"new"), FINE),
                (syscall!(SYS_symlinkat, c"target", AT_FDCWD, c"new"), FINE),
                (syscall!(SYS_symlinkat, c"target", 77, c"new"), Errno::EBADF),
            ]
        })
    }),
    Case::file("readlink-link", &["-S readlink"], 2, |stage| {
        link("target", "link")?;
        link("link", "second")?;
        read(stage, c"link", FINE, c"second", FINE)
    }),
    Case::file("readlink-refused", &["-S readlink"], 2, |stage| {
        make("file", 0o644)?;
        read(stage, c"file", Errno::EINVAL, c"absent", Errno::ENOENT)
    }),
    Case::file("readlink-magic", &["-S readlink"], 2, |stage| {
        read(stage, c"/proc/self/cwd", FINE, c"/proc/self/exe", FINE)
    }),
    Case::file("readlinkat-descriptor", &["-S readlinkat"], 3, |stage| {
        link("target", "link")?;
        let (here, itself) = (descriptor(c".")?, opened(c"link", O_PATH | O_NOFOLLOW)?);
        let mut room = [0_u8; 64];
        stage.outcomes(|| {
            [
                (syscall!(SYS_readlinkat, here, c"link", &mut room[..], 64), FINE),
                (syscall!(SYS_readlinkat, itself, c"", &mut room[..], 64), FINE),
                (syscall!(SYS_readlinkat, AT_FDCWD, c"link", &mut room[..], 0), Errno::EINVAL),
            ]
        })
    }),
];

fn read(
    stage: &mut crate::stage::Stage,
    first: &std::ffi::CStr,
    first_due: Errno,
    second: &std::ffi::CStr,
    second_due: Errno,
) -> Result<()> {
    let mut room = [0_u8; 256];
    stage.outcomes(|| {
        [
            (syscall!(SYS_readlink, first, &mut room[..], 256), first_due),
            (syscall!(SYS_readlink, second, &mut room[..], 256), second_due),
        ]
    })
}
