//! Rules with the fields of names: owner, kind and device of what a call met.

use anyhow::{Context, Result};
use nix::errno::Errno;

use crate::case::Case;
use crate::scene::{FINE, descriptor, directory, link, make, own_mounts, tmpfs};
use crate::stage::{NOBODY, Stage, become_nobody, refused};
use crate::{raw, syscall};

use libc::{AT_FDCWD, O_CREAT, O_PATH, O_RDONLY, O_WRONLY, SYS_fchmod, SYS_openat, SYS_rename, SYS_unlink};

/// By openat(2) where the name does not say otherwise.
pub const CASES: &[Case] = &[
    Case::file("obj_uid", &["-S openat -F obj_uid=65534"], 1, owners),
    Case::file("obj_uid-not", &["-S openat -F obj_uid!=65534"], 3, owners),
    Case::file("obj_uid-less", &["-S openat -F obj_uid<7"], 2, owners),
    Case::file("obj_gid", &["-S openat -F obj_gid=65534"], 1, owners),
    Case::file("obj_uid-and-gid", &["-S openat -F obj_uid=65534 -F obj_gid=0"], 0, owners),
    Case::file("obj_uid-of-another-name", &["-S rename,unlink -F obj_uid=65534"], 2, |stage| {
        // Any name of the call: the replaced file's, the directory's.
        files()?;
        directory("nobodys", 0o777)?;
        std::os::unix::fs::chown("nobodys", Some(NOBODY), Some(NOBODY))?;
        make("nobodys/file", 0o644)?;
        make("plain", 0o644)?;
        stage.record_all(|| {
            [
                syscall!(SYS_rename, c"root", c"nobody"),
                syscall!(SYS_unlink, c"nobodys/file"),
                syscall!(SYS_unlink, c"plain"),
            ]
        })
    }),
    Case::file("obj_uid-of-a-descriptor", &["-S fchmod -F obj_uid=65534"], 1, |stage| {
        files()?;
        let (nobody, root) = (descriptor(c"nobody")?, descriptor(c"root")?);
        stage.record_all(|| [nobody, root].map(|fd| syscall!(SYS_fchmod, fd, 0o600)))
    }),
    Case::file("compare-uid-obj_uid", &["-S openat -C uid=obj_uid"], 2, as_both),
    Case::file("compare-uid-not-obj_uid", &["-S openat -C uid!=obj_uid"], 2, as_both),
    Case::file("compare-gid-obj_gid", &["-S openat -C egid=obj_gid"], 2, as_both),
    Case::file("compare-obj_uid-denied", &["-S openat -C euid!=obj_uid -F exit=-EACCES"], 1, |stage| {
        make("private", 0o600)?;
        stage.as_nobody(|| {
            refused(open(c"private", O_RDONLY), Errno::EACCES)?;
            refused(open(c"absent", O_RDONLY), Errno::ENOENT)
        })
    }),
    Case::file("filetype-file", &["-S openat -F filetype=file"], 2, kinds),
    Case::file("filetype-directory", &["-S openat -F filetype=dir"], 2, kinds),
    Case::file("filetype-link", &["-S openat -F filetype=link"], 1, kinds),
    Case::file("filetype-character", &["-S openat -F filetype=character"], 1, kinds),
    Case::file("filetype-fifo", &["-S openat -F filetype=fifo"], 1, kinds),
    Case::file(
        "filetype-block-and-socket",
        &["-S mknod -F filetype=block", "-S mknod -F filetype=socket"],
        2,
        |stage| {
            stage.record_all(|| {
                [libc::S_IFBLK, libc::S_IFSOCK, libc::S_IFIFO]
                    .map(|kind| syscall!(libc::SYS_mknod, kind_name(kind), kind | 0o600, 0x700))
            })
        },
    ),
    Case::file("device", &["-S openat -F devmajor=$major -F devminor=$minor"], 1, devices),
    Case::file("device-not", &["-S openat -F devminor!=$minor"], 1, |stage| {
        // The field is that of the filesystem and that of a device's own number: this one has the same twice.
        own_mounts()?;
        tmpfs(c"mounted", c"mode=0755")?;
        make("mounted/file", 0o644)?;
        let here = nix::sys::stat::minor(nix::sys::stat::stat(".")?.st_dev);
        let device = nix::sys::stat::makedev(NO_MAJOR, here);
        syscall!(libc::SYS_mknod, c"device", libc::S_IFCHR | 0o600, device as u32)?;
        stage
            .outcomes(|| [(open(c"device", O_RDONLY), Errno::ENXIO), (open(c"mounted/file", O_RDONLY), FINE)])
    }),
    Case::file("device-of-proc", &["-S openat -F devmajor=0 -F filetype=file -F success=1"], 1, |stage| {
        // /proc has no device of its own; the case's directory may have none either, so it is not opened.
        stage.outcomes(|| {
            [(open(c"/proc/version", O_RDONLY), FINE), (open(c"absent", O_RDONLY), Errno::ENOENT)]
        })
    }),
    Case::file(
        "exe-and-path",
        &[
            "-S openat -F path=$work/watched -F exe=/bin/cat",
            "-S openat -F path=$work/watched -F exe=/bin/false",
        ],
        1,
        |stage| {
            stage.begin()?;
            stage.child(|_| {
                let arguments = crate::stage::words(&[b"cat", b"watched"])?;
                anyhow::bail!("execve: {}", raw::execve(c"/bin/cat", &arguments, &[]))
            })?;
            open(c"watched", O_RDONLY).context("an open")?;
            stage.end()
        },
    )
    .with(|place| Ok(std::fs::write(place.join("watched"), "")?)),
    Case::file("exe-of-opens", &["-S openat -F exe=$work/../../actor -F success=1"], 1, |stage| {
        make("file", 0o644)?;
        stage.outcomes(|| [(open(c"file", O_RDONLY), FINE), (open(c"absent", O_RDONLY), Errno::ENOENT)])
    }),
    Case::file(
        "several-fields",
        &["-S openat -F obj_uid=65534 -F filetype=file -F a2&0x1 -F success=1 -F uid=0"],
        1,
        |stage| {
            files()?;
            stage.record_all(|| [c"nobody", c"root"].map(|name| open(name, O_WRONLY)))?;
            Ok(())
        },
    ),
    Case::file("fstype-silent", &["-S openat", "-a never,filesystem -F fstype=0x858458f6"], 2, |stage| {
        // A ramfs, of which nothing is made known: the new file is not among the names.
        own_mounts()?;
        directory("ram", 0o755)?;
        syscall!(libc::SYS_mount, c"scene", c"ram", c"ramfs", 0, 0).context("a ramfs")?;
        stage.record_all(|| [c"ram/new", c"new"].map(|name| open(name, O_WRONLY | O_CREAT)))
    }),
];

fn open(name: &std::ffi::CStr, flags: i32) -> Result<i64, Errno> {
    syscall!(SYS_openat, AT_FDCWD, name, flags, 0o640)
}

fn files() -> Result<()> {
    for (name, owner) in [("root", 0), ("nobody", NOBODY), ("seven", 7)] {
        make(name, 0o644)?;
        std::os::unix::fs::chown(name, Some(owner), Some(owner)).context(name)?;
    }
    Ok(())
}

/// Opens of files of three owners, and of nothing.
fn owners(stage: &mut Stage) -> Result<()> {
    files()?;
    stage.outcomes(|| {
        [
            (open(c"root", O_RDONLY), FINE),
            (open(c"nobody", O_RDONLY), FINE),
            (open(c"seven", O_RDONLY), FINE),
            (open(c"absent", O_RDONLY), Errno::ENOENT),
        ]
    })
}

/// Root and nobody open a file of either.
fn as_both(stage: &mut Stage) -> Result<()> {
    files()?;
    let both = || [c"root", c"nobody"].map(|name| open(name, O_RDONLY));
    stage.begin()?;
    let root = both();
    let nobody = stage.child(|_| {
        become_nobody()?;
        Ok(both().into_iter().try_for_each(|one| one.map(drop))?)
    });
    stage.end()?;
    root.into_iter().try_for_each(|one| one.map(drop))?;
    nobody
}

/// Opens of one file of each kind, of a new one, and of nothing.
fn kinds(stage: &mut Stage) -> Result<()> {
    make("file", 0o644)?;
    directory("directory", 0o755)?;
    link("file", "link")?;
    syscall!(libc::SYS_mknod, c"fifo", libc::S_IFIFO | 0o600, 0).context("mknod")?;
    stage.outcomes(|| {
        [
            (open(c"file", O_RDONLY), FINE),
            (open(c"directory", O_RDONLY), FINE),
            (open(c"link", O_PATH | libc::O_NOFOLLOW), FINE),
            (open(c"fifo", O_RDONLY | libc::O_NONBLOCK), FINE),
            (open(c"/dev/null", O_RDONLY), FINE),
            (open(c"new", O_WRONLY | O_CREAT), FINE),
            (open(c"absent", O_RDONLY), Errno::ENOENT),
        ]
    })
}

fn kind_name(kind: u32) -> &'static std::ffi::CStr {
    match kind {
        libc::S_IFBLK => c"blocks",
        libc::S_IFSOCK => c"socket",
        _ => c"fifo",
    }
}

/// An open of a file here, and of one on another file system.
/// No driver has this number.
const NO_MAJOR: u64 = 4000;

fn devices(stage: &mut Stage) -> Result<()> {
    own_mounts()?;
    tmpfs(c"mounted", c"mode=0755")?;
    make("mounted/file", 0o644)?;
    make("file", 0o644)?;
    stage.record_all(|| [c"file", c"mounted/file"].map(|name| open(name, O_RDONLY)))
}
