//! Opens that succeed: the rules ask for those only.

use std::ffi::CStr;

use anyhow::{Context, Result};

use crate::case::Case;
use crate::stage::Stage;
use crate::syscall;

use libc::{
    AT_FDCWD, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_RDONLY, O_RDWR, O_TMPFILE, O_TRUNC,
    O_WRONLY,
};

/// By openat(2) where the name does not say otherwise.
pub const CASES: &[Case] = &[
    Case::new("open-read", OPENAT, 1, |stage| shared(stage, "plain", O_RDONLY)),
    Case::new("open-write", OPENAT, 1, |stage| shared(stage, "plain", O_WRONLY)),
    Case::new("open-read-write", OPENAT, 1, |stage| shared(stage, "plain", O_RDWR)),
    Case::new("open-truncate", OPENAT, 1, |stage| shared(stage, "empty", O_WRONLY | O_TRUNC)),
    Case::new("open-mode", OPENAT, 1, |stage| shared(stage, "owned-by-nobody", O_RDONLY)),
    Case::new("open-device", OPENAT, 1, |stage| openat(stage, AT_FDCWD, c"/dev/null", O_RDWR)),
    Case::new("open-proc", OPENAT, 1, |stage| openat(stage, AT_FDCWD, c"/proc/version", O_RDONLY)),
    Case::new("open-create", OPENAT, 1, |stage| fresh(stage, "open-create", O_WRONLY | O_CREAT)),
    Case::new("open-create-exclusive", OPENAT, 1, |stage| {
        fresh(stage, "open-create-exclusive", O_WRONLY | O_CREAT | O_EXCL)
    }),
    Case::new("open-create-relative", OPENAT, 1, |stage| {
        openat(stage, AT_FDCWD, c"open-create-relative", O_WRONLY | O_CREAT)
    }),
    Case::new("open-create-existing", OPENAT, 1, |stage| shared(stage, "plain", O_WRONLY | O_CREAT)),
    Case::new("open-temporary", OPENAT, 1, |stage| fresh(stage, "", O_WRONLY | O_TMPFILE))
        .ignoring(&[("PATH", "inode")]),
    Case::new("open-path", OPENAT, 1, |stage| shared(stage, "plain", O_PATH)),
    Case::new("open-path-symlink", OPENAT, 1, |stage| shared(stage, "link", O_PATH | O_NOFOLLOW)),
    Case::new("open-symlink", OPENAT, 1, |stage| shared(stage, "link", O_RDONLY)),
    Case::new("open-directory", OPENAT, 1, |stage| shared(stage, "", O_RDONLY | O_DIRECTORY)),
    Case::new("open-relative", OPENAT, 1, |stage| {
        std::env::set_current_dir(stage.files())?;
        openat(stage, AT_FDCWD, c"plain", O_RDONLY)
    }),
    Case::new("open-dot-dot", OPENAT, 1, |stage| openat(stage, AT_FDCWD, c"..//files/./plain", O_RDONLY)),
    Case::new("open-under-directory", OPENAT, 1, |stage| {
        let directory = stage.file("")?;
        let fd = syscall!(libc::SYS_openat, AT_FDCWD, &directory, O_RDONLY | O_DIRECTORY)? as i32;
        openat(stage, fd, c"plain", O_RDONLY)
    }),
    Case::new("open-odd-name", OPENAT, 1, |stage| shared(stage, "odd \"true\"\n", O_RDONLY)),
    Case::new("open-long-name", OPENAT, 1, |stage| {
        let path = format!("{}plain", "./".repeat(1500));
        std::env::set_current_dir(stage.files())?;
        let path = crate::stage::c_string(path.as_bytes())?;
        openat(stage, AT_FDCWD, &path, O_RDONLY)
    }),
    Case::new("open-with-capabilities", OPENAT, 1, |stage| shared(stage, "true-capabilities", O_RDONLY)),
    Case::new("open-failing-is-not-asked-for", OPENAT, 0, |stage| {
        stage.begin()?;
        let result = syscall!(libc::SYS_openat, AT_FDCWD, c"/nowhere/file", O_RDONLY);
        stage.end()?;
        anyhow::ensure!(result.is_err(), "the open was allowed");
        Ok(())
    }),
    Case::new("openat2", &["-S openat2 -F success=1"], 1, |stage| {
        let (path, how) = (stage.file("plain")?, how(O_RDONLY, 0));
        one(stage, || syscall!(libc::SYS_openat2, AT_FDCWD, &path, &how, how.len()))
    }),
    Case::new("openat2-beneath", &["-S openat2 -F success=1"], 1, |stage| {
        const RESOLVE_BENEATH: u64 = 8;
        std::env::set_current_dir(stage.files())?;
        let how = how(O_RDWR, RESOLVE_BENEATH);
        one(stage, || syscall!(libc::SYS_openat2, AT_FDCWD, c"plain", &how, how.len()))
    }),
    Case::new("open-by-open", &["-S open -F success=1"], 1, |stage| {
        let path = stage.file("plain")?;
        one(stage, || syscall!(libc::SYS_open, &path, O_RDONLY, 0))
    }),
    Case::new("creat", &["-S creat -F success=1"], 1, |stage| {
        let path = stage.fresh("creat")?;
        one(stage, || syscall!(libc::SYS_creat, &path, 0o640))
    }),
];

/// The rule of most cases here.
const OPENAT: &[&str] = &["-S openat -F success=1"];

fn shared(stage: &mut Stage, name: &str, flags: i32) -> Result<()> {
    let path = stage.file(name)?;
    openat(stage, AT_FDCWD, &path, flags)
}

fn fresh(stage: &mut Stage, name: &str, flags: i32) -> Result<()> {
    let path = stage.fresh(name)?;
    openat(stage, AT_FDCWD, &path, flags)
}

fn openat(stage: &mut Stage, directory: i32, path: &CStr, flags: i32) -> Result<()> {
    one(stage, || syscall!(libc::SYS_openat, directory, path, flags, 0o640))
}

fn one(stage: &mut Stage, call: impl FnOnce() -> Result<i64, nix::errno::Errno>) -> Result<()> {
    stage.begin()?;
    let result = call();
    stage.end()?;
    result.context("the open").map(drop)
}

/// `struct open_how`: flags, mode, resolve.
fn how(flags: i32, resolve: u64) -> Vec<u8> {
    [flags as u64, 0, resolve].iter().flat_map(|word| word.to_ne_bytes()).collect()
}
