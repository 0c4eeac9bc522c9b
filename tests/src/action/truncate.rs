//! truncate, ftruncate, fallocate.

use nix::errno::Errno;

use crate::case::Case;
use crate::scene::{FINE, descriptor, directory, link, make, opened, still};
use crate::syscall;

use libc::{O_RDWR, SYS_fallocate, SYS_ftruncate, SYS_truncate};

/// The last two have no names.
pub const CASES: &[Case] = &[
    Case::file("truncate-ways", &["-S truncate"], 4, |stage| {
        directory("directory", 0o755)?;
        make("directory/file", 0o640)?;
        link("directory", "middle")?;
        link("directory/file", "last")?;
        let absolute = stage.fresh("directory/./file")?;
        stage.record_all(|| {
            [absolute.as_c_str(), c"middle/file", c"last", c"directory//../directory/file"]
                .map(|name| syscall!(SYS_truncate, name, 100))
        })
    }),
    Case::file("truncate-refused", &["-S truncate"], 6, |stage| {
        still()?;
        make("file", 0o644)?;
        directory("directory", 0o755)?;
        syscall!(libc::SYS_mknod, c"fifo", libc::S_IFIFO | 0o640, 0)?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_truncate, c"absent", 0), Errno::ENOENT),
                (syscall!(SYS_truncate, c"directory", 0), Errno::EISDIR),
                (syscall!(SYS_truncate, c"fifo", 0), Errno::EINVAL),
                (syscall!(SYS_truncate, c"file", -1_i64), Errno::EINVAL),
                (syscall!(SYS_truncate, c"still/file", 0), Errno::EROFS),
                (syscall!(SYS_truncate, c"/proc/self/exe", 0), Errno::ETXTBSY),
            ]
        })
    }),
    Case::file("truncate-eacces", &["-S truncate"], 1, |stage| {
        make("file", 0o644)?;
        stage.fail_as_nobody(Errno::EACCES, || syscall!(SYS_truncate, c"file", 0))
    }),
    Case::file("ftruncate-and-fallocate", &["-S ftruncate,fallocate,truncate"], 5, |stage| {
        make("file", 0o644)?;
        let (file, read) = (opened(c"file", O_RDWR)?, descriptor(c"file")?);
        stage.outcomes(|| {
            [
                (syscall!(SYS_ftruncate, file, 10), FINE),
                (syscall!(SYS_fallocate, file, 0, 0, 4096), FINE),
                (syscall!(SYS_ftruncate, read, 10), Errno::EINVAL),
                (syscall!(SYS_fallocate, read, 0, 0, 4096), Errno::EBADF),
                (syscall!(SYS_ftruncate, 77, 10), Errno::EBADF),
            ]
        })
    }),
];
