//! Opens by openat2(2) and by handle.

use anyhow::{Context, Result};
use nix::errno::Errno;

use crate::case::Case;
use crate::obstacle;
use crate::scene::{FINE, NOWHERE, descriptor, directory, link, make, own_mounts, still, tmpfs};
use crate::stage::c_string;
use crate::syscall;

use libc::{AT_FDCWD, O_CREAT, O_NOFOLLOW, O_PATH, O_RDONLY, O_RDWR, O_TMPFILE, O_WRONLY};

/// `RESOLVE_*` of linux/openat2.h.
const NO_MOUNTS: u64 = 0x01;
const NO_MAGIC_LINKS: u64 = 0x02;
const NO_LINKS: u64 = 0x04;
const BENEATH: u64 = 0x08;
const IN_ROOT: u64 = 0x10;
const CACHED: u64 = 0x20;

/// What the first cases ask for.
const OPENAT2: &[&str] = &["-S openat2"];

/// openat2(2) makes an OPENAT2 record whatever becomes of it, if its structure could be read.
pub const CASES: &[Case] = &[
    Case::file("openat2-existing", OPENAT2, 1, |stage| {
        make("file", 0o644)?;
        stage.record(|| open(c"file", O_RDWR, 0))
    }),
    Case::file("openat2-create", OPENAT2, 2, |stage| {
        stage.record_all(|| {
            [how(c"new", O_WRONLY | O_CREAT, 0o640, 0), how(c"new", O_WRONLY | O_CREAT, 0o640, 0)]
        })
    }),
    Case::file("openat2-enoent", OPENAT2, 1, |stage| {
        stage.fail(Errno::ENOENT, || open(c"absent", O_RDONLY, 0))
    }),
    Case::file("openat2-path", OPENAT2, 1, |stage| {
        link("absent", "link")?;
        stage.record(|| open(c"link", O_PATH | O_NOFOLLOW, 0))
    }),
    Case::file("openat2-temporary", OPENAT2, 1, |stage| {
        stage.record(|| how(c".", O_RDWR | O_TMPFILE, 0o600, 0))
    }),
    Case::file("openat2-beneath-escapes", OPENAT2, 3, |stage| {
        directory("directory", 0o755)?;
        link("/", "directory/link")?;
        stage.fail_all(Errno::EXDEV, || {
            [c"..", c"/", c"directory/link/tmp"].map(|name| open(name, O_RDONLY, BENEATH))
        })
    }),
    Case::file("openat2-beneath-stays", OPENAT2, 1, |stage| {
        directory("directory", 0o755)?;
        make("directory/file", 0o644)?;
        stage.record(|| open(c"directory/../directory/file", O_RDONLY, BENEATH))
    }),
    Case::file("openat2-in-root", OPENAT2, 3, |stage| {
        directory("directory", 0o755)?;
        make("directory/file", 0o644)?;
        link("/file", "directory/link")?;
        let fd = descriptor(c"directory")?;
        stage.record_all(|| [c"/file", c"../../file", c"link"].map(|name| at(fd, name, O_RDONLY, 0, IN_ROOT)))
    }),
    Case::file("openat2-no-links", OPENAT2, 2, |stage| {
        directory("directory", 0o755)?;
        make("directory/file", 0o644)?;
        link("directory", "middle")?;
        link("directory/file", "last")?;
        stage.fail_all(Errno::ELOOP, || [c"middle/file", c"last"].map(|name| open(name, O_RDONLY, NO_LINKS)))
    }),
    Case::file("openat2-no-magic-links", OPENAT2, 1, |stage| {
        let name = c_string(format!("/proc/self/fd/{}", descriptor(c".")?).as_bytes())?;
        stage.fail(Errno::ELOOP, || open(&name, O_RDONLY, NO_MAGIC_LINKS))
    }),
    Case::file("openat2-no-mounts", OPENAT2, 1, |stage| {
        own_mounts()?;
        tmpfs(c"mounted", c"mode=0755")?;
        make("mounted/file", 0o644)?;
        stage.fail(Errno::EXDEV, || open(c"mounted/file", O_RDONLY, NO_MOUNTS))
    }),
    Case::file("openat2-cached", OPENAT2, 2, |stage| {
        own_mounts()?;
        directory("proc", 0o755)?;
        syscall!(libc::SYS_mount, c"scene", c"proc", c"proc", 0, 0).context("proc")?;
        make("file", 0o644)?;
        let _ = std::fs::read("file")?;
        stage.outcomes(|| {
            [
                (open(c"file", O_RDONLY, CACHED), FINE),
                (open(c"proc/version", O_RDONLY, CACHED), Errno::EAGAIN),
            ]
        })
    })
    .unless(obstacle::no_resolve_cached),
    Case::file("openat2-einval", OPENAT2, 4, |stage| {
        stage.fail_all(Errno::EINVAL, || {
            [
                how(c".", O_RDONLY, 0o600, 0),
                open(c".", O_RDONLY, 0x8000),
                open(c".", 1 << 30, 0),
                syscall!(libc::SYS_openat2, AT_FDCWD, c".", &[0_u8; 24][..], 8),
            ]
        })
    }),
    Case::file("openat2-e2big", OPENAT2, 1, |stage| {
        let how = [[0_u8; 24], [1_u8; 24]].concat();
        stage.fail(Errno::E2BIG, || syscall!(libc::SYS_openat2, AT_FDCWD, c".", &how, how.len()))
    }),
    Case::file("openat2-larger", OPENAT2, 1, |stage| {
        let how = [0_u8; 64];
        stage.record(|| syscall!(libc::SYS_openat2, AT_FDCWD, c".", &how[..], how.len()))
    }),
    Case::file("openat2-efault", OPENAT2, 2, |stage| {
        stage.fail_all(Errno::EFAULT, || {
            [
                syscall!(libc::SYS_openat2, AT_FDCWD, c".", NOWHERE, 24),
                syscall!(libc::SYS_openat2, AT_FDCWD, NOWHERE, &[0_u8; 24][..], 24),
            ]
        })
    }),
    Case::file("openat2-eacces-erofs", OPENAT2, 2, |stage| {
        still()?;
        make("private", 0o600)?;
        stage.begin()?;
        let write = open(c"still/file", O_WRONLY, 0);
        let outcome = stage.child(|_| {
            crate::stage::become_nobody()?;
            crate::stage::refused(open(c"private", O_RDONLY, 0), Errno::EACCES)
        });
        stage.end()?;
        outcome?;
        crate::stage::refused(write, Errno::EROFS)
    }),
    Case::file("handle-of-a-name", &["-S name_to_handle_at"], 3, |stage| {
        make("file", 0o644)?;
        link("file", "link")?;
        let fd = descriptor(c"file")?;
        stage.record_all(|| {
            [
                handle(AT_FDCWD, c"file", 0).map(|_| 0),
                handle(AT_FDCWD, c"link", libc::AT_SYMLINK_FOLLOW).map(|_| 0),
                handle(fd, c"", libc::AT_EMPTY_PATH).map(|_| 0),
            ]
        })
    }),
    Case::file("handle-too-short", &["-S name_to_handle_at"], 1, |stage| {
        make("file", 0o644)?;
        let (mut handle, mut mount) = ([0_u8; 8], [0_u8; 4]);
        stage.fail(Errno::EOVERFLOW, || {
            syscall!(libc::SYS_name_to_handle_at, AT_FDCWD, c"file", &mut handle[..], &mut mount[..], 0)
        })
    }),
    Case::file("open-by-handle", &["-S open_by_handle_at"], 2, |stage| {
        make("file", 0o644)?;
        let (file, directory) = (handle(AT_FDCWD, c"file", 0)?, handle(AT_FDCWD, c".", 0)?);
        let mount = descriptor(c".")?;
        stage.record_all(|| {
            [
                syscall!(libc::SYS_open_by_handle_at, mount, &file[..], O_RDWR),
                syscall!(libc::SYS_open_by_handle_at, mount, &directory[..], O_RDONLY),
            ]
        })
    }),
    Case::file("open-by-handle-stale", &["-S open_by_handle_at"], 1, |stage| {
        make("file", 0o644)?;
        let file = handle(AT_FDCWD, c"file", 0)?;
        std::fs::remove_file("file")?;
        let mount = descriptor(c".")?;
        stage.fail(Errno::ESTALE, || syscall!(libc::SYS_open_by_handle_at, mount, &file[..], O_RDONLY))
    }),
    Case::file("open-by-handle-refused", &["-S open_by_handle_at"], 4, |stage| {
        make("file", 0o644)?;
        let file = handle(AT_FDCWD, c"file", 0)?;
        let mount = descriptor(c".")?;
        stage.begin()?;
        let outcome = [
            (syscall!(libc::SYS_open_by_handle_at, 77, &file[..], O_RDONLY), Errno::EBADF),
            (syscall!(libc::SYS_open_by_handle_at, mount, &[0_u8; 8][..], O_RDONLY), Errno::EINVAL),
            (syscall!(libc::SYS_open_by_handle_at, mount, NOWHERE, O_RDONLY), Errno::EFAULT),
        ];
        let nobody = stage.child(|_| {
            crate::stage::become_nobody()?;
            let result = syscall!(libc::SYS_open_by_handle_at, mount, &file[..], O_RDONLY);
            crate::stage::refused(result, Errno::EPERM)
        });
        stage.end()?;
        nobody?;
        outcome.into_iter().try_for_each(|(result, due)| crate::stage::refused(result, due))
    }),
];

fn open(name: &std::ffi::CStr, flags: i32, resolve: u64) -> Result<i64, Errno> {
    how(name, flags, 0, resolve)
}

fn how(name: &std::ffi::CStr, flags: i32, mode: u64, resolve: u64) -> Result<i64, Errno> {
    at(AT_FDCWD, name, flags, mode, resolve)
}

/// `struct open_how` on the stack: flags, mode, resolve.
fn at(fd: i32, name: &std::ffi::CStr, flags: i32, mode: u64, resolve: u64) -> Result<i64, Errno> {
    let mut how = [0_u8; 24];
    for (place, word) in how.chunks_exact_mut(8).zip([u64::from(flags as u32), mode, resolve]) {
        place.copy_from_slice(&word.to_ne_bytes());
    }
    syscall!(libc::SYS_openat2, fd, name, &how[..], how.len())
}

/// `struct file_handle`: length, type, and up to 128 bytes.
fn handle(fd: i32, name: &std::ffi::CStr, flags: i32) -> Result<[u8; 136], Errno> {
    let (mut handle, mut mount) = ([0_u8; 136], [0_u8; 4]);
    handle[..4].copy_from_slice(&128_u32.to_ne_bytes());
    syscall!(libc::SYS_name_to_handle_at, fd, name, &mut handle[..], &mut mount[..], flags)?;
    Ok(handle)
}
