//! utime, utimes, futimesat, utimensat.

use nix::errno::Errno;

use crate::case::Case;
use crate::scene::{FINE, NOWHERE, descriptor, directory, link, make, opened, still};
use crate::syscall;

use libc::{
    AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_PATH, SYS_futimesat, SYS_utime, SYS_utimensat, SYS_utimes,
};

/// By the call that the name tells.
pub const CASES: &[Case] = &[
    Case::file("utime-file", &["-S utime"], 3, |stage| {
        make("file", 0o644)?;
        link("file", "link")?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_utime, c"file", 0), FINE),
                (syscall!(SYS_utime, c"link", &[0_u8; 16][..]), FINE),
                (syscall!(SYS_utime, c"absent", 0), Errno::ENOENT),
            ]
        })
    }),
    Case::file("utimes-file", &["-S utimes"], 3, |stage| {
        make("file", 0o644)?;
        directory("directory", 0o755)?;
        let wrong = [[0_u8; 8], [0xff; 8], [0; 8], [0; 8]].concat();
        stage.outcomes(|| {
            [
                (syscall!(SYS_utimes, c"./directory/..//file", &[0_u8; 32][..]), FINE),
                (syscall!(SYS_utimes, c"file", &wrong), Errno::EINVAL),
                (syscall!(SYS_utimes, c"file", NOWHERE), Errno::EFAULT),
            ]
        })
    }),
    Case::file("futimesat-file", &["-S futimesat"], 4, |stage| {
        directory("directory", 0o755)?;
        make("directory/file", 0o644)?;
        let (fd, file) = (descriptor(c"directory")?, descriptor(c"directory/file")?);
        stage.outcomes(|| {
            [
                (syscall!(SYS_futimesat, fd, c"file", 0), FINE),
                (syscall!(SYS_futimesat, AT_FDCWD, c"directory", 0), FINE),
                (syscall!(SYS_futimesat, file, 0, 0), FINE),
                (syscall!(SYS_futimesat, 77, c"file", 0), Errno::EBADF),
            ]
        })
    }),
    Case::file("utimensat-ways", &["-S utimensat"], 6, |stage| {
        directory("directory", 0o755)?;
        make("directory/file", 0o644)?;
        link("directory/file", "link")?;
        let (fd, path) = (descriptor(c"directory")?, opened(c"directory/file", O_PATH)?);
        let file = descriptor(c"directory/file")?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_utimensat, fd, c"file", 0, 0), FINE),
                (syscall!(SYS_utimensat, AT_FDCWD, c"link", 0, 0), FINE),
                (syscall!(SYS_utimensat, AT_FDCWD, c"link", 0, AT_SYMLINK_NOFOLLOW), FINE),
                (syscall!(SYS_utimensat, file, 0, 0, 0), FINE),
                (syscall!(SYS_utimensat, path, c"", 0, AT_EMPTY_PATH), FINE),
                (syscall!(SYS_utimensat, 77, c"file", 0, 0), Errno::EBADF),
            ]
        })
    }),
    Case::file("utimensat-omit", &["-S utimensat"], 2, |stage| {
        const UTIME_OMIT: i64 = (1 << 30) - 2;
        make("file", 0o644)?;
        let both: Vec<u8> =
            [0, UTIME_OMIT, 0, UTIME_OMIT].iter().flat_map(|word| word.to_ne_bytes()).collect();
        // Nothing is to be done: the name is not even looked at.
        stage
            .record_all(|| [c"file", c"absent"].map(|name| syscall!(SYS_utimensat, AT_FDCWD, name, &both, 0)))
    }),
    Case::file("utimensat-eacces", &["-S utimensat"], 1, |stage| {
        make("file", 0o644)?;
        stage.fail_as_nobody(Errno::EACCES, || syscall!(SYS_utimensat, AT_FDCWD, c"file", 0, 0))
    }),
    Case::file("utimensat-eperm", &["-S utimensat"], 1, |stage| {
        make("file", 0o666)?;
        stage.fail_as_nobody(Errno::EPERM, || syscall!(SYS_utimensat, AT_FDCWD, c"file", &[0_u8; 32][..], 0))
    }),
    Case::file("utimensat-refused", &["-S utimensat"], 3, |stage| {
        still()?;
        make("file", 0o644)?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_utimensat, AT_FDCWD, c"still/file", 0, 0), Errno::EROFS),
                (syscall!(SYS_utimensat, AT_FDCWD, c"still/link", 0, AT_SYMLINK_NOFOLLOW), Errno::EROFS),
                (syscall!(SYS_utimensat, AT_FDCWD, c"file", 0, 0x8000), Errno::EINVAL),
            ]
        })
    }),
];
