//! Calls that only look: the stat family, access, statfs.

use nix::errno::Errno;

use crate::case::Case;
use crate::scene::{FINE, NOWHERE, descriptor, directory, link, make, opened, still};
use crate::syscall;

use libc::{
    AT_EACCESS, AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_PATH, R_OK, STATX_ALL, SYS_access,
    SYS_faccessat, SYS_faccessat2, SYS_fstat, SYS_fstatfs, SYS_lstat, SYS_newfstatat, SYS_stat, SYS_statfs,
    SYS_statx, W_OK, X_OK,
};

/// Sizes of `struct stat`, `struct statx`, `struct statfs`.
const STAT: usize = 144;
const STATX: usize = 256;
const STATFS: usize = 120;

/// By the call that the name tells.
pub const CASES: &[Case] = &[
    Case::file("stat-ways", &["-S stat"], 5, |stage| {
        directory("directory", 0o755)?;
        make("directory/file", 0o640)?;
        link("directory", "middle")?;
        link("directory/file", "last")?;
        let absolute = stage.fresh("directory/file")?;
        let mut room = [0_u8; STAT];
        stage.record_all(|| {
            [absolute.as_c_str(), c"middle//file", c"last", c"directory/../.", c"middle/"]
                .map(|name| syscall!(SYS_stat, name, &mut room[..]))
        })
    }),
    Case::file("lstat-link", &["-S lstat"], 3, |stage| {
        directory("directory", 0o755)?;
        link("directory", "link")?;
        link("absent", "dangling")?;
        let mut room = [0_u8; STAT];
        stage.record_all(|| {
            [c"link", c"link/", c"dangling"].map(|name| syscall!(SYS_lstat, name, &mut room[..]))
        })
    }),
    Case::file("stat-refused", &["-S stat"], 4, |stage| {
        make("file", 0o644)?;
        link("absent", "dangling")?;
        let mut room = [0_u8; STAT];
        stage.outcomes(|| {
            [
                (syscall!(SYS_stat, c"absent", &mut room[..]), Errno::ENOENT),
                (syscall!(SYS_stat, c"dangling", &mut room[..]), Errno::ENOENT),
                (syscall!(SYS_stat, c"file/", &mut room[..]), Errno::ENOTDIR),
                (syscall!(SYS_stat, c"file", NOWHERE), Errno::EFAULT),
            ]
        })
    }),
    Case::file("fstat-has-no-name", &["-S fstat,stat"], 2, |stage| {
        make("file", 0o644)?;
        let fd = descriptor(c"file")?;
        let mut room = [0_u8; STAT];
        stage.outcomes(|| {
            [
                (syscall!(SYS_fstat, fd, &mut room[..]), FINE),
                (syscall!(SYS_fstat, 77, &mut room[..]), Errno::EBADF),
            ]
        })
    }),
    Case::file("newfstatat-flags", &["-S newfstatat"], 6, |stage| {
        directory("directory", 0o755)?;
        make("directory/file", 0o640)?;
        link("directory/file", "link")?;
        let (fd, path) = (descriptor(c"directory")?, opened(c"directory/file", O_PATH)?);
        let mut room = [0_u8; STAT];
        stage.outcomes(|| {
            [
                (syscall!(SYS_newfstatat, fd, c"file", &mut room[..], 0), FINE),
                (syscall!(SYS_newfstatat, AT_FDCWD, c"link", &mut room[..], AT_SYMLINK_NOFOLLOW), FINE),
                (syscall!(SYS_newfstatat, path, c"", &mut room[..], AT_EMPTY_PATH), FINE),
                (syscall!(SYS_newfstatat, AT_FDCWD, c"", &mut room[..], AT_EMPTY_PATH), FINE),
                (syscall!(SYS_newfstatat, 77, c"file", &mut room[..], 0), Errno::EBADF),
                (syscall!(SYS_newfstatat, path, c"", &mut room[..], 0), Errno::ENOENT),
            ]
        })
    }),
    Case::file("statx-flags", &["-S statx"], 5, |stage| {
        directory("directory", 0o755)?;
        make("directory/file", 0o640)?;
        link("directory/file", "link")?;
        let (fd, path) = (descriptor(c"directory")?, opened(c"directory/file", O_PATH)?);
        let mut room = [0_u8; STATX];
        stage.outcomes(|| {
            [
                (syscall!(SYS_statx, fd, c"file", 0, STATX_ALL, &mut room[..]), FINE),
                (syscall!(SYS_statx, AT_FDCWD, c"link", AT_SYMLINK_NOFOLLOW, STATX_ALL, &mut room[..]), FINE),
                (syscall!(SYS_statx, path, c"", AT_EMPTY_PATH, STATX_ALL, &mut room[..]), FINE),
                (syscall!(SYS_statx, 77, c"file", 0, STATX_ALL, &mut room[..]), Errno::EBADF),
                (syscall!(SYS_statx, AT_FDCWD, c"link", 0, 0x8000_0000_u32, &mut room[..]), Errno::EINVAL),
            ]
        })
    }),
    Case::file("access-modes", &["-S access"], 4, |stage| {
        still()?;
        make("file", 0o644)?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_access, c"file", R_OK | W_OK), FINE),
                (syscall!(SYS_access, c"file", X_OK), Errno::EACCES),
                (syscall!(SYS_access, c"still/file", W_OK), Errno::EROFS),
                (syscall!(SYS_access, c"file", 0o10), Errno::EINVAL),
            ]
        })
    }),
    Case::file("access-eacces", &["-S access"], 2, |stage| {
        make("file", 0o640)?;
        directory("locked", 0o700)?;
        stage.as_nobody(|| {
            crate::stage::refused(syscall!(SYS_access, c"file", R_OK), Errno::EACCES)?;
            crate::stage::refused(syscall!(SYS_access, c"locked/file", R_OK), Errno::EACCES)
        })
    }),
    Case::file("faccessat-forms", &["-S faccessat,faccessat2"], 5, |stage| {
        directory("directory", 0o755)?;
        make("directory/file", 0o640)?;
        link("absent", "directory/link")?;
        let fd = descriptor(c"directory")?;
        let path = opened(c"directory/file", O_PATH)?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_faccessat, fd, c"file", R_OK), FINE),
                (syscall!(SYS_faccessat, 77, c"file", R_OK), Errno::EBADF),
                (syscall!(SYS_faccessat2, fd, c"link", 0, AT_SYMLINK_NOFOLLOW), FINE),
                (syscall!(SYS_faccessat2, path, c"", R_OK, AT_EMPTY_PATH | AT_EACCESS), FINE),
                (syscall!(SYS_faccessat2, fd, c"file", R_OK, 0x8000), Errno::EINVAL),
            ]
        })
    }),
    Case::file("statfs-forms", &["-S statfs,fstatfs"], 5, |stage| {
        make("file", 0o640)?;
        link("file", "link")?;
        let fd = descriptor(c"file")?;
        let mut room = [0_u8; STATFS];
        stage.outcomes(|| {
            [
                (syscall!(SYS_statfs, c"link", &mut room[..]), FINE),
                (syscall!(SYS_statfs, c"/", &mut room[..]), FINE),
                (syscall!(SYS_statfs, c"absent", &mut room[..]), Errno::ENOENT),
                (syscall!(SYS_fstatfs, fd, &mut room[..]), FINE),
                (syscall!(SYS_fstatfs, 77, &mut room[..]), Errno::EBADF),
            ]
        })
    }),
];
