//! Where links are kept: in a BPF filesystem of our own, which is mounted nowhere and ends with its last descriptor.
//!
//! A link that is closed is taken off while the caller waits, 130 ms each for trampolines. One that loses its last name is taken off
//! by the kernel's own workers on most kernels, so that a daemon with a hundred ends at once, however it ends. Only so many: each
//! occupies a worker until its turn has come, and what takes a trampoline off needs a free one itself.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use aya_obj::generated::bpf_cmd;
use nix::libc;
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::bpf;

const FSOPEN_CLOEXEC: u32 = 1;
const FSMOUNT_CLOEXEC: u32 = 1;
/// `FSCONFIG_CMD_CREATE`
const CREATE: u32 = 6;

/// How many links one shelf holds at most. The queue of the kernel that they all go to at the end (`system_wq`, see `bpf_link_put`)
/// runs 256 works of a CPU at a time. Full of links it never moves again, for `unregister_ftrace_direct` waits for a work of its own
/// there (`synchronize_rcu_tasks_rude`): so this leaves room for what a daemon just before has left behind, and for everybody else.
const ROOM: usize = 100;

/// The filesystem.
pub(super) struct Shelf {
    root: OwnedFd,
    /// The next name.
    next: AtomicU64,
    /// How many links are in it.
    held: AtomicUsize,
}

/// A link in it; it is let go of when this is dropped.
pub(super) struct Shelved {
    shelf: Arc<Shelf>,
    name: CString,
}

/// The descriptor that a call has made.
fn made(result: libc::c_long) -> io::Result<OwnedFd> {
    match i32::try_from(result) {
        // SAFETY: the call has just made this descriptor, and nobody else knows it.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

impl Shelf {
    /// Makes the filesystem.
    ///
    /// # Errors
    /// The kernel has no `fsopen` (before 5.2), or no filesystem for BPF objects, or refuses it.
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: the name outlives the call.
        let context = made(unsafe { libc::syscall(libc::SYS_fsopen, c"bpf".as_ptr(), FSOPEN_CLOEXEC) })?;
        let none = std::ptr::null::<libc::c_char>();
        // SAFETY: this command takes neither key nor value.
        let result = unsafe { libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), CREATE, none, none, 0) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: plain numbers.
        let root =
            made(unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), FSMOUNT_CLOEXEC, 0) })?;
        Ok(Self { root, next: AtomicU64::new(0), held: AtomicUsize::new(0) })
    }

    /// Puts a link into it; the descriptor is closed.
    ///
    /// # Errors
    /// The link, when there is no room or the kernel refuses.
    pub(super) fn put(self: &Arc<Self>, link: OwnedFd) -> Result<Shelved, OwnedFd> {
        if self.held.fetch_add(1, Ordering::Relaxed) >= ROOM {
            self.held.fetch_sub(1, Ordering::Relaxed);
            return Err(link);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let pinned = CString::new(number.to_string())
            .map_err(io::Error::from)
            .and_then(|name| self.object(bpf_cmd::BPF_OBJ_PIN, &name, link.as_raw_fd() as u32).map(|_| name));
        match pinned {
            Ok(name) => Ok(Shelved { shelf: Arc::clone(self), name }),
            Err(error) => {
                log::debug!("a link keeps its descriptor: {error}");
                self.held.fetch_sub(1, Ordering::Relaxed);
                Err(link)
            }
        }
    }

    /// One of the commands on the object of this name.
    fn object(&self, command: bpf_cmd, name: &CStr, fd: u32) -> io::Result<i32> {
        let directory = format!("/proc/self/fd/{}/", self.root.as_raw_fd());
        let path = CString::new([directory.as_bytes(), name.to_bytes()].concat())?;
        let mut attributes = bpf::attributes();
        // SAFETY: every field of the union is plain integers; this is the one that the commands read.
        let object = unsafe { &mut attributes.__bindgen_anon_4 };
        object.pathname = path.as_ptr() as u64;
        object.bpf_fd = fd;
        // SAFETY: the path is only read, and outlives the call.
        unsafe { bpf::call(command, &mut attributes) }
    }
}

impl Shelved {
    /// Takes it off before this returns: the last reference to a link is a descriptor's then, which takes it off when it is closed.
    pub(super) fn take_off(self) {
        let link = self.shelf.object(bpf_cmd::BPF_OBJ_GET, &self.name, 0).and_then(|fd| made(fd.into()));
        drop(self);
        drop(link);
    }
}

impl Drop for Shelved {
    fn drop(&mut self) {
        let gone = unlinkat(self.shelf.root.as_fd(), self.name.as_c_str(), UnlinkatFlags::NoRemoveDir);
        if let Err(error) = gone {
            log::error!("a program stays attached until the end: {error}");
        }
        self.shelf.held.fetch_sub(1, Ordering::Relaxed);
    }
}
