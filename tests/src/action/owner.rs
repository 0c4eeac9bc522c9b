//! chown, lchown, fchown, fchownat.

use nix::errno::Errno;

use crate::case::Case;
use crate::scene::{FINE, descriptor, directory, link, make, opened, still};
use crate::stage::NOBODY;
use crate::syscall;

use libc::{
    AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_PATH, SYS_chown, SYS_fchown, SYS_fchownat, SYS_lchown,
};

/// Owner and mode in the record are those before the call.
pub const CASES: &[Case] = &[
    Case::file("chown-file", &["-S chown"], 3, |stage| {
        make("file", 0o6755)?;
        stage.record_all(|| {
            [
                syscall!(SYS_chown, c"file", NOBODY, -1),
                syscall!(SYS_chown, c"file", -1, NOBODY),
                syscall!(SYS_chown, c"file", -1, -1),
            ]
        })
    }),
    Case::file("chown-ways", &["-S chown"], 4, |stage| {
        directory("directory", 0o755)?;
        make("directory/file", 0o640)?;
        link("directory", "middle")?;
        link("directory/file", "last")?;
        let absolute = stage.fresh("directory/file")?;
        stage.record_all(|| {
            [absolute.as_c_str(), c"middle//file", c"last", c"./directory/../directory/"]
                .map(|name| syscall!(SYS_chown, name, 1, 2))
        })
    }),
    Case::file("chown-refused", &["-S chown"], 3, |stage| {
        still()?;
        link("absent", "link")?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_chown, c"absent", 1, 1), Errno::ENOENT),
                (syscall!(SYS_chown, c"link", 1, 1), Errno::ENOENT),
                (syscall!(SYS_chown, c"still/file", 1, 1), Errno::EROFS),
            ]
        })
    }),
    Case::file("chown-eperm", &["-S chown"], 1, |stage| {
        make("file", 0o666)?;
        stage.fail_as_nobody(Errno::EPERM, || syscall!(SYS_chown, c"file", NOBODY, NOBODY))
    }),
    Case::file("lchown-link", &["-S lchown"], 3, |stage| {
        make("file", 0o640)?;
        link("file", "link")?;
        link("absent", "dangling")?;
        stage.record_all(|| {
            [c"link", c"dangling", c"file"].map(|name| syscall!(SYS_lchown, name, NOBODY, NOBODY))
        })
    }),
    Case::file("lchown-refused", &["-S lchown"], 2, |stage| {
        still()?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_lchown, c"still/link", 1, 1), Errno::EROFS),
                (syscall!(SYS_lchown, c"absent", 1, 1), Errno::ENOENT),
            ]
        })
    }),
    Case::file("fchown-file", &["-S fchown"], 3, |stage| {
        make("file", 0o640)?;
        directory("directory", 0o755)?;
        let (file, directory) = (descriptor(c"file")?, descriptor(c"directory")?);
        stage.outcomes(|| {
            [
                (syscall!(SYS_fchown, file, 1, 2), FINE),
                (syscall!(SYS_fchown, directory, 1, 2), FINE),
                (syscall!(SYS_fchown, 77, 1, 2), Errno::EBADF),
            ]
        })
    }),
    Case::file("fchown-eperm-erofs", &["-S fchown"], 2, |stage| {
        still()?;
        make("file", 0o640)?;
        let (file, still) = (descriptor(c"file")?, descriptor(c"still/file")?);
        stage.begin()?;
        let read_only = syscall!(SYS_fchown, still, 1, 2);
        let nobody = stage.child(|_| {
            crate::stage::become_nobody()?;
            crate::stage::refused(syscall!(SYS_fchown, file, NOBODY, NOBODY), Errno::EPERM)
        });
        stage.end()?;
        nobody?;
        crate::stage::refused(read_only, Errno::EROFS)
    }),
    Case::file("fchownat-flags", &["-S fchownat"], 6, |stage| {
        directory("directory", 0o755)?;
        make("directory/file", 0o640)?;
        link("directory/file", "link")?;
        let (fd, path) = (descriptor(c"directory")?, opened(c"directory/file", O_PATH)?);
        stage.outcomes(|| {
            [
                (syscall!(SYS_fchownat, fd, c"file", 1, 2, 0), FINE),
                (syscall!(SYS_fchownat, AT_FDCWD, c"link", 3, 4, 0), FINE),
                (syscall!(SYS_fchownat, AT_FDCWD, c"link", 5, 6, AT_SYMLINK_NOFOLLOW), FINE),
                (syscall!(SYS_fchownat, path, c"", 7, 8, AT_EMPTY_PATH), FINE),
                (syscall!(SYS_fchownat, 77, c"file", 1, 2, 0), Errno::EBADF),
                (syscall!(SYS_fchownat, AT_FDCWD, c"link", 1, 2, 0x8000), Errno::EINVAL),
            ]
        })
    }),
];
