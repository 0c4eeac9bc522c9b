//! The ways to a watched file, each with what should be recorded of it.

use std::fs;
use std::io::Write;
use std::os::fd::{AsRawFd, IntoRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg,
    socketpair,
};

use crate::ring::{Entry, Operation, Ring};
use crate::stage::{c_string, leave, reap};
use crate::{elf, raw, syscall};

use super::access::Reach;
use super::preparation as prepare;

use libc::{AT_FDCWD, AT_SYMLINK_FOLLOW, O_EXCL, O_RDONLY, O_TMPFILE, O_TRUNC, O_WRONLY};

/// Why an access is not recorded that should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// On either side, for this reason.
    Both(&'static str),
    /// By the kernel's audit; ours records it, as documented under this name.
    Theirs(&'static str),
}

/// One way.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    /// Its name.
    pub name: &'static str,
    /// The watched name, in the way's directory.
    pub watched: &'static str,
    /// Makes what is there before the watch is.
    pub prepare: fn(&Path) -> Result<()>,
    /// Goes the way: what it does besides may be recorded too.
    pub go: fn(&Path) -> Result<Reach>,
    /// Whether the way leads to the watched file.
    pub hits: bool,
    /// What going it should leave, by the watch's permission.
    pub besides: &'static [(char, &'static [&'static str])],
    /// What is not recorded, by the watch's permission.
    pub lacks: &'static [(char, Lack)],
}

impl Way {
    const fn new(
        name: &'static str,
        prepare: fn(&Path) -> Result<()>,
        go: fn(&Path) -> Result<Reach>,
    ) -> Self {
        Self { name, watched: "target", prepare, go, hits: true, besides: &[], lacks: &[] }
    }

    const fn besides(self, besides: &'static [(char, &'static [&'static str])]) -> Self {
        Self { besides, ..self }
    }

    const fn astray(self) -> Self {
        Self { hits: false, ..self }
    }

    const fn watching(self, watched: &'static str) -> Self {
        Self { watched, ..self }
    }

    const fn lacking(self, lacks: &'static [(char, Lack)]) -> Self {
        Self { lacks, ..self }
    }

    /// The words that a watch with this permission should leave.
    pub fn due(&self, kind: char) -> Vec<&'static str> {
        let besides =
            self.besides.iter().filter(|(of, _)| *of == kind).flat_map(|(_, words)| words.iter().copied());
        let by_handle = self.name == "open by handle";
        let access = match kind {
            'r' if by_handle => &["handle-r", "handle-r", "handle-r"][..],
            'w' if by_handle => &["handle-w"],
            'r' => &["r"],
            'w' => &["w"],
            'x' => &["x"],
            _ => &["a"],
        };
        besides.chain(access.iter().copied().filter(|_| self.hits)).collect()
    }
}

const HANDLE: Lack = Lack::Both("open_by_handle_at is in none of the classes of perm=");
const RING: Lack = Lack::Both("operations of io_uring are matched by the rules of the io_uring list alone");
const LAYER: Lack = Lack::Both("the overlay's file is an object of its own, to the kernel's audit, too");

/// All of them.
pub const WAYS: &[Way] = &[
    Way::new("its name", prepare::file, |place| Ok(Reach::Name(place.join("target")))),
    Way::new("another file", prepare::two, |place| Ok(Reach::Name(place.join("other")))).astray(),
    Way::new("hard link", prepare::hard_link, |place| Ok(Reach::Name(place.join("link")))),
    Way::new("bind mount", prepare::bind, |place| Ok(Reach::Name(place.join("mounted/target")))),
    Way::new("relative name", prepare::file, |place| {
        std::env::set_current_dir(place)?;
        let directory = place.file_name().context("the root")?;
        Ok(Reach::Name(Path::new("..").join(directory).join("target")))
    }),
    Way::new("symlink", prepare::symbolic_link, |place| Ok(Reach::Name(place.join("link")))),
    Way::new("mount namespace", prepare::file, |place| {
        unshare(CloneFlags::CLONE_NEWNS).context("unshare")?;
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
        Ok(Reach::Name(place.join("target")))
    }),
    Way::new("chroot", prepare::file, |place| {
        nix::unistd::chroot(place).context("chroot")?;
        std::env::set_current_dir("/")?;
        Ok(Reach::Name("/target".into()))
    }),
    Way::new("rename over", prepare::two, |place| {
        renamed(place, "other", "target", 0)?;
        Ok(Reach::Name(place.join("target")))
    })
    .besides(&[('w', &["rename"])]),
    Way::new("save in place", prepare::file, |place| {
        let mut file = fs::OpenOptions::new().read(true).write(true).open(place.join("target"))?;
        file.write_all(&elf::quiet())?;
        Ok(Reach::Name(place.join("target")))
    })
    .besides(&[('r', &["rw"]), ('w', &["rw"])]),
    Way::new("save by temporary", prepare::file, |place| {
        prepare::program(&place.join("temporary"), O_EXCL)?;
        renamed(place, "temporary", "target", 0)?;
        Ok(Reach::Name(place.join("target")))
    })
    .besides(&[('w', &["rename"])]),
    Way::new("save by backup", prepare::file, |place| {
        renamed(place, "target", "target~", 0)?;
        prepare::program(&place.join("target"), O_EXCL)?;
        fs::remove_file(place.join("target~"))?;
        Ok(Reach::Name(place.join("target")))
    })
    .besides(&[('w', &["rename", "w"])]),
    Way::new("save by link", prepare::file, |place| {
        fs::hard_link(place.join("target"), place.join("target~"))?;
        prepare::program(&place.join("temporary"), O_EXCL)?;
        renamed(place, "temporary", "target", 0)?;
        fs::remove_file(place.join("target~"))?;
        Ok(Reach::Name(place.join("target")))
    })
    .besides(&[('w', &["link", "rename"]), ('a', &["link"])]),
    Way::new("save by truncation", prepare::file, |place| {
        prepare::program(&place.join("target"), O_TRUNC)?;
        Ok(Reach::Name(place.join("target")))
    })
    .besides(&[('w', &["w"])]),
    Way::new("not yet there", prepare::nothing, |place| {
        prepare::program(&place.join("target"), O_EXCL)?;
        Ok(Reach::Name(place.join("target")))
    })
    .besides(&[('w', &["w"])]),
    Way::new("made again", prepare::file, |place| {
        fs::remove_file(place.join("target"))?;
        prepare::program(&place.join("target"), O_EXCL)?;
        Ok(Reach::Name(place.join("target")))
    })
    .besides(&[('w', &["unlink", "w"])]),
    Way::new("overlay: lower", prepare::overlay_lower, |place| Ok(Reach::Name(place.join("merged/target"))))
        .watching("merged/target"),
    Way::new("overlay: upper", prepare::overlay_upper, |place| Ok(Reach::Name(place.join("merged/target"))))
        .watching("merged/target"),
    Way::new("overlay: copied up", prepare::overlay_lower, |place| {
        // A change of the times copies it up, and is in none of the classes.
        let path = c_string(place.join("merged/target").as_os_str().as_bytes())?;
        syscall!(libc::SYS_utime, &path, 0).context("utime")?;
        ensure!(place.join("upper/target").exists(), "it was not copied up");
        Ok(Reach::Name(place.join("merged/target")))
    })
    .watching("merged/target"),
    Way::new("overlay: layer watched", prepare::overlay_upper, |place| {
        Ok(Reach::Name(place.join("merged/target")))
    })
    .watching("upper/target")
    .lacking(&[('r', LAYER), ('w', LAYER), ('x', LAYER), ('a', LAYER)]),
    Way::new("tmpfs", prepare::tmpfs, |place| Ok(Reach::Name(place.join("mounted/target"))))
        .watching("mounted/target"),
    Way::new("passed descriptor", prepare::file, |place| Ok(Reach::Descriptor(passed(place)?)))
        .besides(&[('r', &["r"])]),
    Way::new("O_TMPFILE, linkat", prepare::nothing, |place| {
        let directory = c_string(place.as_os_str().as_bytes())?;
        let fd = syscall!(libc::SYS_openat, AT_FDCWD, &directory, O_TMPFILE | O_WRONLY, 0o755)
            .context("O_TMPFILE")?;
        let program = elf::quiet();
        syscall!(libc::SYS_write, fd, &program, program.len()).context("write")?;
        let (from, to) = (
            c_string(format!("/proc/self/fd/{fd}").as_bytes())?,
            c_string(place.join("target").as_os_str().as_bytes())?,
        );
        syscall!(libc::SYS_linkat, AT_FDCWD, &from, AT_FDCWD, &to, AT_SYMLINK_FOLLOW).context("linkat")?;
        syscall!(libc::SYS_close, fd)?;
        Ok(Reach::Name(place.join("target")))
    })
    .besides(&[('w', &["link"]), ('a', &["link"])]),
    Way::new("exchanged", prepare::two, |place| {
        renamed(place, "target", "other", libc::RENAME_EXCHANGE)?;
        Ok(Reach::Name(place.join("target")))
    })
    .besides(&[('w', &["rename"])]),
    Way::new("exchanged away", prepare::two, |place| {
        renamed(place, "target", "other", libc::RENAME_EXCHANGE)?;
        Ok(Reach::Name(place.join("other")))
    })
    .besides(&[('w', &["rename"])])
    .astray(),
    Way::new("open by handle", prepare::file, |place| {
        let path = c_string(place.join("target").as_os_str().as_bytes())?;
        // struct file_handle: room for so many bytes, then its type, then the bytes.
        let mut handle = vec![0; 8 + 128];
        handle[..4].copy_from_slice(&128_u32.to_ne_bytes());
        let mut mount = [0; 4];
        syscall!(libc::SYS_name_to_handle_at, AT_FDCWD, &path, &mut handle[..], &mut mount[..], 0)
            .context("name_to_handle_at")?;
        let directory = fs::File::open(place)?;
        Ok(Reach::Handle(directory.into_raw_fd(), handle))
    })
    .lacking(&[('r', HANDLE), ('w', HANDLE)]),
    // A ring can only open; what follows goes to another file.
    Way::new("io_uring open", prepare::two_for_a_ring, |place| {
        let (path, ring) = (c_string(place.join("target").as_os_str().as_bytes())?, Ring::new()?);
        for flags in [O_RDONLY, O_WRONLY] {
            let fd = ring.run(&Entry::new(Operation::Openat, &path, 0, flags as u32))?.context("an open")?;
            syscall!(libc::SYS_close, fd)?;
        }
        Ok(Reach::Name(place.join("other")))
    })
    .besides(&[('r', &["uring"]), ('w', &["uring"])])
    .lacking(&[('r', RING), ('w', RING)])
    .astray(),
    Way::new("fexecve", prepare::file, |place| {
        let file = fs::File::open(place.join("target"))?;
        Ok(Reach::Descriptor(file.into_raw_fd()))
    })
    .besides(&[('r', &["r"])]),
    Way::new("memfd", prepare::file, |place| {
        let program = fs::read(place.join("target"))?;
        let fd = syscall!(libc::SYS_memfd_create, c"target", 0).context("memfd_create")?;
        syscall!(libc::SYS_write, fd, &program, program.len()).context("write")?;
        // Nobody may execute what is open for writing.
        let path = c_string(format!("/proc/self/fd/{fd}").as_bytes())?;
        let reading = syscall!(libc::SYS_openat, AT_FDCWD, &path, O_RDONLY).context("opening it again")?;
        syscall!(libc::SYS_close, fd)?;
        Ok(Reach::Descriptor(reading as i32))
    })
    .besides(&[('r', &["r"])])
    .astray(),
];

fn renamed(place: &Path, from: &str, to: &str, flags: u32) -> Result<()> {
    let path = |name: &str| c_string(place.join(name).as_os_str().as_bytes());
    let (from, to) = (path(from)?, path(to)?);
    syscall!(libc::SYS_renameat2, AT_FDCWD, &from, AT_FDCWD, &to, flags).context("renameat2").map(drop)
}

/// A descriptor of the file that another process opened.
fn passed(place: &Path) -> Result<i32> {
    let (here, there) =
        socketpair(AddressFamily::Unix, SockType::Datagram, None, SockFlag::empty()).context("socketpair")?;
    let pid = raw::fork().context("fork")?;
    if pid == 0 {
        leave(send(place, there.as_raw_fd()));
    }
    let mut room = nix::cmsg_space!([i32; 1]);
    let mut byte = [0];
    let mut buffers = [std::io::IoSliceMut::new(&mut byte)];
    let message = recvmsg::<()>(here.as_raw_fd(), &mut buffers, Some(&mut room), MsgFlags::empty())?;
    let fd = message.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::ScmRights(fds) => fds.first().copied(),
        _ => None,
    });
    reap(pid)?;
    fd.context("no descriptor came")
}

fn send(place: &Path, socket: i32) -> Result<()> {
    let file = fs::File::open(place.join("target"))?;
    let fds = [file.as_raw_fd()];
    let payload = [std::io::IoSlice::new(b"x")];
    sendmsg::<()>(socket, &payload, &[ControlMessage::ScmRights(&fds)], MsgFlags::empty(), None)?;
    Ok(())
}
