//! chmod, fchmod, fchmodat, fchmodat2.

use nix::errno::Errno;

use crate::case::Case;
use crate::obstacle;
use crate::scene::{FINE, descriptor, directory, link, make, opened, still};
use crate::stage::c_string;
use crate::syscall;

use libc::{AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_PATH, SYS_chmod, SYS_fchmod, SYS_fchmodat};

/// fchmodat2(2), which is newer than the tables of the original auditctl.
const SYS_FCHMODAT2: i64 = 452;

/// The mode in the record is the one before the call.
pub const CASES: &[Case] = &[
    Case::file("chmod-file", &["-S chmod"], 2, |stage| {
        make("file", 0o640)?;
        stage.record_all(|| [0o4755, 0o600].map(|mode| syscall!(SYS_chmod, c"file", mode)))
    }),
    Case::file("chmod-ways", &["-S chmod"], 5, |stage| {
        directory("directory", 0o755)?;
        make("directory/file", 0o640)?;
        link("directory", "middle")?;
        link("directory/file", "last")?;
        let absolute = stage.fresh("directory//file")?;
        stage.record_all(|| {
            [absolute.as_c_str(), c"middle/file", c"last", c"middle/../directory/./file", c"directory/"]
                .map(|name| syscall!(SYS_chmod, name, 0o700))
        })
    }),
    Case::file("chmod-odd-and-long-names", &["-S chmod"], 3, |stage| {
        make("a \"b\"", 0o640)?;
        make("\u{1}\u{fc}", 0o640)?;
        make("n".repeat(200), 0o640)?;
        let long = c_string(&[b'n'; 200])?;
        stage.record_all(|| {
            [c"a \"b\"", c"\x01\xc3\xbc", long.as_c_str()].map(|name| syscall!(SYS_chmod, name, 0o600))
        })
    }),
    Case::file("chmod-special-files", &["-S chmod"], 2, |stage| {
        syscall!(libc::SYS_mknod, c"fifo", libc::S_IFIFO | 0o640, 0)?;
        syscall!(libc::SYS_mknod, c"device", libc::S_IFCHR | 0o640, 0x103)?;
        stage.record_all(|| [c"fifo", c"device"].map(|name| syscall!(SYS_chmod, name, 0o600)))
    }),
    Case::file("chmod-refused", &["-S chmod"], 4, |stage| {
        make("file", 0o644)?;
        link("absent", "link")?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_chmod, c"absent", 0o600), Errno::ENOENT),
                (syscall!(SYS_chmod, c"link", 0o600), Errno::ENOENT),
                (syscall!(SYS_chmod, c"file/", 0o600), Errno::ENOTDIR),
                (syscall!(SYS_chmod, c"", 0o600), Errno::ENOENT),
            ]
        })
    }),
    Case::file("chmod-eperm", &["-S chmod"], 1, |stage| {
        make("file", 0o644)?;
        stage.fail_as_nobody(Errno::EPERM, || syscall!(SYS_chmod, c"file", 0o666))
    }),
    Case::file("chmod-erofs", &["-S chmod"], 1, |stage| {
        still()?;
        stage.fail(Errno::EROFS, || syscall!(SYS_chmod, c"still/file", 0o666))
    }),
    Case::file("fchmod-file", &["-S fchmod"], 2, |stage| {
        make("file", 0o640)?;
        directory("directory", 0o755)?;
        let (file, directory) = (descriptor(c"file")?, descriptor(c"directory")?);
        stage.record_all(|| [file, directory].map(|fd| syscall!(SYS_fchmod, fd, 0o700)))
    }),
    Case::file("fchmod-removed-file", &["-S fchmod"], 1, |stage| {
        make("file", 0o640)?;
        let fd = descriptor(c"file")?;
        stage.tell_inodes()?;
        std::fs::remove_file("file")?;
        stage.record(|| syscall!(SYS_fchmod, fd, 0o600))
    }),
    Case::file("fchmod-refused", &["-S fchmod"], 3, |stage| {
        still()?;
        make("file", 0o644)?;
        let (path, still) = (opened(c"file", O_PATH)?, descriptor(c"still/file")?);
        stage.outcomes(|| {
            [
                (syscall!(SYS_fchmod, 77, 0o600), Errno::EBADF),
                (syscall!(SYS_fchmod, path, 0o600), Errno::EBADF),
                (syscall!(SYS_fchmod, still, 0o600), Errno::EROFS),
            ]
        })
    }),
    Case::file("fchmod-eperm", &["-S fchmod"], 1, |stage| {
        make("file", 0o644)?;
        let fd = descriptor(c"file")?;
        stage.fail_as_nobody(Errno::EPERM, || syscall!(SYS_fchmod, fd, 0o666))
    }),
    Case::file("fchmodat-descriptor", &["-S fchmodat"], 4, |stage| {
        directory("directory", 0o755)?;
        make("directory/file", 0o640)?;
        make("file", 0o600)?;
        let fd = descriptor(c"directory")?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_fchmodat, fd, c"file", 0o700), FINE),
                (syscall!(SYS_fchmodat, fd, c"../file", 0o700), FINE),
                (syscall!(SYS_fchmodat, 77, c"file", 0o700), Errno::EBADF),
                (syscall!(SYS_fchmodat, fd, c"absent", 0o700), Errno::ENOENT),
            ]
        })
    }),
    Case::file("fchmodat2-flags", &["-S 452"], 5, |stage| {
        make("file", 0o640)?;
        link("file", "link")?;
        let fd = opened(c"file", O_PATH)?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_FCHMODAT2, AT_FDCWD, c"link", 0o700, 0), FINE),
                (syscall!(SYS_FCHMODAT2, AT_FDCWD, c"link", 0o700, AT_SYMLINK_NOFOLLOW), Errno::EOPNOTSUPP),
                (syscall!(SYS_FCHMODAT2, AT_FDCWD, c"file", 0o600, AT_SYMLINK_NOFOLLOW), FINE),
                (syscall!(SYS_FCHMODAT2, fd, c"", 0o640, AT_EMPTY_PATH), FINE),
                (syscall!(SYS_FCHMODAT2, AT_FDCWD, c"file", 0o600, 0x8000), Errno::EINVAL),
            ]
        })
    })
    // names-of-syscalls: the original's tables are older
    .ignoring(&[("SYSCALL", "SYSCALL")])
    .unless(obstacle::no_fchmodat2),
];
