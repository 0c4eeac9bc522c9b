//! Extended attributes: set, get, list and remove, by name, by a link's name, by descriptor.

use anyhow::{Context, Result};
use nix::errno::Errno;

use crate::case::Case;
use crate::scene::{FINE, NOWHERE, descriptor, directory, link, make, opened, still};
use crate::syscall;

use libc::{
    O_PATH, SYS_fgetxattr, SYS_flistxattr, SYS_fremovexattr, SYS_fsetxattr, SYS_getxattr, SYS_lgetxattr,
    SYS_listxattr, SYS_llistxattr, SYS_lremovexattr, SYS_lsetxattr, SYS_removexattr, SYS_setxattr,
};

/// An attribute that every file system of the matrix has, for root.
const NAME: &std::ffi::CStr = c"trusted.test";

/// By the call that the name tells.
pub const CASES: &[Case] = &[
    Case::file("setxattr-ways", &["-S setxattr"], 4, |stage| {
        scene()?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_setxattr, c"directory/file", NAME, &b"value"[..], 5, 0), FINE),
                (syscall!(SYS_setxattr, c"link", NAME, &b"value"[..], 5, 0), FINE),
                (syscall!(SYS_setxattr, c"directory/", NAME, &b"value"[..], 5, libc::XATTR_CREATE), FINE),
                (
                    syscall!(SYS_setxattr, c"directory", NAME, &b"value"[..], 5, libc::XATTR_CREATE),
                    Errno::EEXIST,
                ),
            ]
        })
    }),
    Case::file("setxattr-refused", &["-S setxattr"], 5, |stage| {
        still()?;
        make("file", 0o644)?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_setxattr, c"file", NAME, &b""[..], 0, libc::XATTR_REPLACE), Errno::ENODATA),
                (syscall!(SYS_setxattr, c"file", c"nowhere.test", &b""[..], 0, 0), Errno::EOPNOTSUPP),
                (syscall!(SYS_setxattr, c"file", c"", &b""[..], 0, 0), Errno::ERANGE),
                (syscall!(SYS_setxattr, c"file", NAME, NOWHERE, 5, 0), Errno::EFAULT),
                (syscall!(SYS_setxattr, c"still/file", NAME, &b""[..], 0, 0), Errno::EROFS),
            ]
        })
    }),
    Case::file("setxattr-eperm", &["-S setxattr"], 1, |stage| {
        make("file", 0o666)?;
        stage.fail_as_nobody(Errno::EPERM, || syscall!(SYS_setxattr, c"file", NAME, &b""[..], 0, 0))
    }),
    Case::file("setxattr-capability", &["-S setxattr,getxattr"], 2, |stage| {
        make("file", 0o755)?;
        // Nothing permitted; revision 2 (struct vfs_cap_data).
        let capability: Vec<u8> =
            [0x0200_0001_u32, 1 << 13, 0, 0, 0].iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut room = [0_u8; 64];
        stage.record_all(|| {
            [
                syscall!(SYS_setxattr, c"file", c"security.capability", &capability, capability.len(), 0),
                syscall!(SYS_getxattr, c"file", c"security.capability", &mut room[..], 64),
            ]
        })
    }),
    Case::file("lsetxattr-link", &["-S lsetxattr"], 2, |stage| {
        scene()?;
        stage.record_all(|| {
            [c"link", c"directory/file"].map(|name| syscall!(SYS_lsetxattr, name, NAME, &b"value"[..], 5, 0))
        })
    }),
    Case::file("fsetxattr-file", &["-S fsetxattr"], 3, |stage| {
        scene()?;
        let (fd, path) = (descriptor(c"directory/file")?, opened(c"directory/file", O_PATH)?);
        stage.outcomes(|| {
            [
                (syscall!(SYS_fsetxattr, fd, NAME, &b"value"[..], 5, 0), FINE),
                (syscall!(SYS_fsetxattr, path, NAME, &b"value"[..], 5, 0), Errno::EBADF),
                (syscall!(SYS_fsetxattr, 77, NAME, &b"value"[..], 5, 0), Errno::EBADF),
            ]
        })
    }),
    Case::file("getxattr-forms", &["-S getxattr,lgetxattr,fgetxattr"], 6, |stage| {
        scene()?;
        let fd = descriptor(c"directory/file")?;
        syscall!(SYS_setxattr, c"directory/file", NAME, &b"value"[..], 5, 0).context("setxattr")?;
        let mut room = [0_u8; 64];
        stage.outcomes(|| {
            [
                (syscall!(SYS_getxattr, c"link", NAME, &mut room[..], 64), FINE),
                (syscall!(SYS_lgetxattr, c"link", NAME, &mut room[..], 64), Errno::ENODATA),
                (syscall!(SYS_lgetxattr, c"directory/file", NAME, &mut room[..], 2), Errno::ERANGE),
                (syscall!(SYS_fgetxattr, fd, NAME, &mut room[..], 64), FINE),
                (syscall!(SYS_fgetxattr, 77, NAME, &mut room[..], 64), Errno::EBADF),
                (syscall!(SYS_getxattr, c"absent", NAME, &mut room[..], 64), Errno::ENOENT),
            ]
        })
    }),
    Case::file("listxattr-forms", &["-S listxattr,llistxattr,flistxattr"], 5, |stage| {
        scene()?;
        let fd = descriptor(c"directory/file")?;
        let mut room = [0_u8; 256];
        stage.outcomes(|| {
            [
                (syscall!(SYS_listxattr, c"link", &mut room[..], 256), FINE),
                (syscall!(SYS_llistxattr, c"link", &mut room[..], 256), FINE),
                (syscall!(SYS_flistxattr, fd, &mut room[..], 256), FINE),
                (syscall!(SYS_flistxattr, 77, &mut room[..], 256), Errno::EBADF),
                (syscall!(SYS_llistxattr, c"absent", &mut room[..], 256), Errno::ENOENT),
            ]
        })
    }),
    Case::file("removexattr-forms", &["-S removexattr,lremovexattr,fremovexattr"], 6, |stage| {
        scene()?;
        let fd = descriptor(c"directory/file")?;
        for name in [c"trusted.test", c"trusted.two"] {
            syscall!(SYS_setxattr, c"directory/file", name, &b"value"[..], 5, 0).context("setxattr")?;
        }
        stage.outcomes(|| {
            [
                (syscall!(SYS_removexattr, c"link", NAME), FINE),
                (syscall!(SYS_lremovexattr, c"link", NAME), Errno::ENODATA),
                (syscall!(SYS_fremovexattr, fd, c"trusted.two"), FINE),
                (syscall!(SYS_fremovexattr, fd, c"trusted.two"), Errno::ENODATA),
                (syscall!(SYS_fremovexattr, 77, NAME), Errno::EBADF),
                (syscall!(SYS_removexattr, c"absent", NAME), Errno::ENOENT),
            ]
        })
    }),
];

fn scene() -> Result<()> {
    directory("directory", 0o755)?;
    make("directory/file", 0o640)?;
    link("directory/file", "link")
}
