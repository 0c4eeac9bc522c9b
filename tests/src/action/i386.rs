//! The calls of the 32-bit table, by `int 0x80`: other numbers, other registers, other structures.

use nix::errno::Errno;

use crate::case::Case;
use crate::low::Low;
use crate::scene::{FINE, descriptor, directory, link, make, own_mounts};
use crate::stage::unix;
use crate::{syscall, syscall32};

use libc::{AT_FDCWD, O_CREAT, O_RDONLY, O_WRONLY};

/// A rule for 32-bit calls.
macro_rules! rule {
    ($calls:literal) => {
        &[concat!("-a always,exit -F arch=b32 -S ", $calls)]
    };
}

/// What an unmapped address is for such a call.
const NOWHERE: u32 = 8;

/// By the call that the name tells.
pub const CASES: &[Case] = &[
    Case::file("i386-open", rule!("open"), 5, |stage| {
        make("file", 0o644)?;
        let names = [Low::text("file")?, Low::text("absent")?, Low::text("new")?, Low::text("file/x")?];
        stage.outcomes(|| {
            [
                (syscall32!(5, &names[0], O_RDONLY, 0), FINE),
                (syscall32!(5, &names[1], O_RDONLY, 0), Errno::ENOENT),
                (syscall32!(5, &names[2], O_WRONLY | O_CREAT, 0o640), FINE),
                (syscall32!(5, &names[3], O_RDONLY, 0), Errno::ENOTDIR),
                (syscall32!(5, NOWHERE, O_RDONLY, 0), Errno::EFAULT),
            ]
        })
    }),
    Case::file("i386-openat", rule!("openat"), 3, |stage| {
        directory("directory", 0o755)?;
        make("directory/file", 0o644)?;
        let fd = descriptor(c"directory")?;
        let (name, new) = (Low::text("file")?, Low::text("./new")?);
        stage.outcomes(|| {
            [
                (syscall32!(295, fd, &name, O_RDONLY, 0), FINE),
                (syscall32!(295, AT_FDCWD, &new, O_WRONLY | O_CREAT, 0o600), FINE),
                (syscall32!(295, 77, &name, O_RDONLY, 0), Errno::EBADF),
            ]
        })
    }),
    Case::file("i386-openat2", rule!("openat2"), 1, |stage| {
        make("file", 0o644)?;
        let (name, how) = (Low::text("file")?, Low::new(&[0; 24])?);
        stage.record(|| syscall32!(437, AT_FDCWD, &name, &how, 24))
    }),
    Case::file("i386-creat", rule!("creat"), 1, |stage| {
        let name = Low::text("new")?;
        stage.record(|| syscall32!(8, &name, 0o640))
    }),
    Case::file("i386-open_by_handle_at", rule!("name_to_handle_at,open_by_handle_at"), 2, |stage| {
        make("file", 0o644)?;
        let (name, handle, mount) = (Low::text("file")?, Low::new(&128_u32.to_ne_bytes())?, Low::new(&[])?);
        let fd = descriptor(c".")?;
        stage.record_all(|| {
            [syscall32!(341, AT_FDCWD, &name, &handle, &mount, 0), syscall32!(342, fd, &handle, O_RDONLY)]
        })
    }),
    Case::file("i386-unlink", rule!("unlink,rmdir,unlinkat"), 4, |stage| {
        make("file", 0o644)?;
        make("other", 0o644)?;
        directory("directory", 0o755)?;
        let names = [Low::text("file")?, Low::text("directory")?, Low::text("other")?];
        stage.outcomes(|| {
            [
                (syscall32!(10, &names[0]), FINE),
                (syscall32!(10, &names[0]), Errno::ENOENT),
                (syscall32!(40, &names[1]), FINE),
                (syscall32!(301, AT_FDCWD, &names[2], 0), FINE),
            ]
        })
    }),
    Case::file("i386-rename", rule!("rename,renameat,renameat2"), 4, |stage| {
        make("one", 0o644)?;
        make("four", 0o600)?;
        let [one, two, three, four] =
            [Low::text("one")?, Low::text("./two")?, Low::text("three")?, Low::text("four")?];
        stage.outcomes(|| {
            [
                (syscall32!(38, &one, &two), FINE),
                (syscall32!(302, AT_FDCWD, &two, AT_FDCWD, &three), FINE),
                (syscall32!(353, AT_FDCWD, &three, AT_FDCWD, &four, 2), FINE),
                (syscall32!(38, &one, &two), Errno::ENOENT),
            ]
        })
    }),
    Case::file("i386-link", rule!("link,linkat,symlink,symlinkat"), 5, |stage| {
        make("file", 0o644)?;
        let names = [
            Low::text("file")?,
            Low::text("link")?,
            Low::text("linkat")?,
            Low::text("symlink")?,
            Low::text("symlinkat")?,
        ];
        stage.outcomes(|| {
            [
                (syscall32!(9, &names[0], &names[1]), FINE),
                (syscall32!(303, AT_FDCWD, &names[0], AT_FDCWD, &names[2], 0), FINE),
                (syscall32!(83, &names[0], &names[3]), FINE),
                (syscall32!(304, &names[0], AT_FDCWD, &names[4]), FINE),
                (syscall32!(9, &names[0], &names[1]), Errno::EEXIST),
            ]
        })
    }),
    Case::file("i386-mkdir-mknod", rule!("mkdir,mkdirat,mknod,mknodat"), 4, |stage| {
        let names = [Low::text("one")?, Low::text("two")?, Low::text("three")?, Low::text("four")?];
        let fifo = libc::S_IFIFO | 0o600;
        stage.record_all(|| {
            [
                syscall32!(39, &names[0], 0o755),
                syscall32!(296, AT_FDCWD, &names[1], 0o755),
                syscall32!(14, &names[2], fifo, 0),
                syscall32!(297, AT_FDCWD, &names[3], fifo, 0),
            ]
        })
    }),
    Case::file("i386-chmod", rule!("chmod,fchmod,fchmodat"), 3, |stage| {
        make("file", 0o644)?;
        let (name, fd) = (Low::text("file")?, descriptor(c"file")?);
        stage.record_all(|| {
            [syscall32!(15, &name, 0o600), syscall32!(94, fd, 0o640), syscall32!(306, AT_FDCWD, &name, 0o644)]
        })
    }),
    Case::file("i386-chown", rule!("chown,chown32,lchown,lchown32,fchown,fchown32,fchownat"), 7, |stage| {
        make("file", 0o644)?;
        link("file", "link")?;
        let (name, link, fd) = (Low::text("file")?, Low::text("link")?, descriptor(c"file")?);
        stage.record_all(|| {
            [
                syscall32!(182, &name, 1, 1),
                syscall32!(212, &name, 2, 2),
                syscall32!(16, &link, 1, 1),
                syscall32!(198, &link, 2, 2),
                syscall32!(95, fd, 1, 1),
                syscall32!(207, fd, 2, 2),
                syscall32!(298, AT_FDCWD, &link, 3, 3, 0),
            ]
        })
    }),
    Case::file("i386-utime", rule!("utime,utimes,utimensat"), 3, |stage| {
        make("file", 0o644)?;
        let name = Low::text("file")?;
        stage.record_all(|| {
            [syscall32!(30, &name, 0), syscall32!(271, &name, 0), syscall32!(320, AT_FDCWD, &name, 0, 0)]
        })
    }),
    Case::file("i386-truncate", rule!("truncate,truncate64,ftruncate"), 3, |stage| {
        make("file", 0o644)?;
        let (name, fd) = (Low::text("file")?, crate::scene::opened(c"file", O_WRONLY)?);
        stage.record_all(|| [syscall32!(92, &name, 10), syscall32!(193, &name, 5, 0), syscall32!(93, fd, 3)])
    }),
    Case::file("i386-xattr", rule!("setxattr,getxattr,listxattr,removexattr"), 4, |stage| {
        make("file", 0o644)?;
        let (name, attribute, value) = (Low::text("file")?, Low::text("trusted.test")?, Low::text("value")?);
        stage.record_all(|| {
            [
                syscall32!(226, &name, &attribute, &value, 5, 0),
                syscall32!(229, &name, &attribute, &value, 5),
                syscall32!(232, &name, &value, 100),
                syscall32!(235, &name, &attribute),
            ]
        })
    }),
    Case::file("i386-stat", rule!("stat64,lstat64,fstatat64,access,readlink,statx"), 6, |stage| {
        make("file", 0o644)?;
        link("file", "link")?;
        let (name, link, room) = (Low::text("file")?, Low::text("link")?, Low::new(&[])?);
        stage.record_all(|| {
            [
                syscall32!(195, &link, &room),
                syscall32!(196, &link, &room),
                syscall32!(300, AT_FDCWD, &name, &room, 0),
                syscall32!(33, &name, libc::R_OK),
                syscall32!(85, &link, &room, 64),
                syscall32!(383, AT_FDCWD, &name, 0, 0x7ff, &room),
            ]
        })
    }),
    Case::file("i386-chdir", rule!("chdir,chroot"), 3, |stage| {
        directory("directory", 0o755)?;
        let (name, absent) = (Low::text("directory")?, Low::text("absent")?);
        stage.outcomes(|| {
            [
                (syscall32!(12, &absent), Errno::ENOENT),
                (syscall32!(12, &name), FINE),
                (syscall32!(61, &absent), Errno::ENOENT),
            ]
        })
    }),
    Case::file("i386-mount", rule!("mount,umount2"), 3, |stage| {
        own_mounts()?;
        directory("directory", 0o755)?;
        let (source, target, kind) = (Low::text("scene")?, Low::text("directory")?, Low::text("tmpfs")?);
        stage.outcomes(|| {
            [
                (syscall32!(21, &source, &target, &kind, 0, 0), FINE),
                (syscall32!(52, &target, 0), FINE),
                (syscall32!(52, &target, 0), Errno::EINVAL),
            ]
        })
    }),
    Case::file("i386-execve", rule!("execve,mkdirat"), 2, |stage| {
        let (program, absent) = (Low::text("/bin/true")?, Low::text("absent")?);
        let arguments = Low::new(&[program.address().to_ne_bytes(), [0; 4]].concat())?;
        stage.begin()?;
        let failed = syscall32!(11, &absent, &arguments, 0);
        let ran = stage.child(|_| {
            let error = syscall32!(11, &program, &arguments, 0);
            anyhow::bail!("execve: {error:?}")
        });
        stage.end()?;
        ran?;
        crate::stage::refused(failed, Errno::ENOENT)
    }),
    Case::file("i386-socketcall", rule!("socketcall"), 3, |stage| {
        let fd = crate::stage::socket(libc::AF_UNIX, libc::SOCK_STREAM)?;
        let (own, absent) = (unix(b"socket"), unix(b"absent"));
        let (own_low, absent_low) = (Low::new(&own)?, Low::new(&absent)?);
        let list = |words: [u32; 3]| Low::new(&words.map(u32::to_ne_bytes).concat());
        let bind = list([fd as u32, own_low.address(), own.len() as u32])?;
        let connect = list([fd as u32, absent_low.address(), absent.len() as u32])?;
        let socket = list([libc::AF_UNIX as u32, libc::SOCK_STREAM as u32, 0])?;
        stage.outcomes(|| {
            [
                (syscall32!(102, 2, &bind), FINE),
                (syscall32!(102, 3, &connect), Errno::ENOENT),
                (syscall32!(102, 1, &socket), FINE),
            ]
        })
    }),
    Case::file("i386-bind-connect", rule!("bind,connect,mkdirat"), 2, |stage| {
        let fd = crate::stage::socket(libc::AF_UNIX, libc::SOCK_STREAM)?;
        let (own, absent) = (unix(b"socket"), unix(b"absent"));
        let (own_low, absent_low) = (Low::new(&own)?, Low::new(&absent)?);
        stage.outcomes(|| {
            [
                (syscall32!(361, fd, &own_low, own.len() as u32), FINE),
                (syscall32!(362, fd, &absent_low, absent.len() as u32), Errno::ENOENT),
            ]
        })
    }),
    Case::file("i386-ipc", rule!("ipc"), 2, |stage| {
        syscall!(libc::SYS_unshare, libc::CLONE_NEWIPC)?;
        // SHMGET, then SHMCTL with IPC_RMID.
        stage.record_all(|| {
            [
                syscall32!(117, 23, 0x6562, 4096, libc::IPC_CREAT | 0o600, 0),
                syscall32!(117, 24, 0, libc::IPC_RMID, 0, 0),
            ]
        })
    }),
    Case::file("i386-queue", rule!("mq_open,mq_unlink"), 3, |stage| {
        syscall!(libc::SYS_unshare, libc::CLONE_NEWIPC)?;
        let name = Low::text("queue")?;
        stage.outcomes(|| {
            [
                (syscall32!(277, &name, libc::O_RDWR | O_CREAT, 0o600, 0), FINE),
                (syscall32!(278, &name), FINE),
                (syscall32!(278, &name), Errno::ENOENT),
            ]
        })
    }),
    Case::file("i386-path-rule", &["-a always,exit -F path=$work/watched -F perm=wa"], 3, |stage| {
        let (name, other) = (Low::text("watched")?, Low::text("other")?);
        stage.record_all(|| {
            [
                syscall32!(15, &name, 0o600),
                syscall32!(5, &name, O_RDONLY, 0),
                syscall32!(5, &name, O_WRONLY, 0),
                syscall32!(38, &name, &other),
            ]
        })
    })
    .with(|place| Ok(std::fs::write(place.join("watched"), "text")?)),
];
