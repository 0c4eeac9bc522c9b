//! Where links are kept: in a BPF filesystem of our own, which is mounted nowhere and ends with its last descriptor.
//!
//! A link that is closed is taken off while the caller waits, 130 ms each for trampolines. One that loses its last name is taken off
//! by the kernel's own workers on most kernels, so that a daemon with a hundred ends at once, however it ends.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aya_obj::generated::{bpf_attr, bpf_cmd};
use nix::libc;
use nix::unistd::{UnlinkatFlags, unlinkat};

const FSOPEN_CLOEXEC: u32 = 1;
const FSMOUNT_CLOEXEC: u32 = 1;
/// `FSCONFIG_CMD_CREATE`
const CREATE: u32 = 6;

/// The filesystem.
pub(super) struct Shelf {
    root: OwnedFd,
    /// The next name.
    next: AtomicU64,
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
        Ok(Self { root, next: AtomicU64::new(0) })
    }

    /// Puts a link into it; the descriptor is closed.
    ///
    /// # Errors
    /// The link, when the kernel refuses.
    pub(super) fn put(self: &Arc<Self>, link: OwnedFd) -> Result<Shelved, OwnedFd> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let Ok(name) = CString::new(number.to_string()) else { return Err(link) };
        match self.object(bpf_cmd::BPF_OBJ_PIN, &name, link.as_raw_fd() as u32) {
            Ok(_) => Ok(Shelved { shelf: Arc::clone(self), name }),
            Err(error) => {
                log::debug!("a link keeps its descriptor: {error}");
                Err(link)
            }
        }
    }

    /// One of the commands on the object of this name.
    fn object(&self, command: bpf_cmd, name: &CStr, fd: u32) -> io::Result<libc::c_long> {
        let directory = format!("/proc/self/fd/{}/", self.root.as_raw_fd());
        let path = CString::new([directory.as_bytes(), name.to_bytes()].concat())?;
        // SAFETY: a union of structs of integers, for which zeroes are a value; the kernel wants zero in what is not used.
        let mut attributes: bpf_attr = unsafe { std::mem::zeroed() };
        // SAFETY: every field of the union is plain integers; this is the one that the commands read.
        let object = unsafe { &mut attributes.__bindgen_anon_4 };
        object.pathname = path.as_ptr() as u64;
        object.bpf_fd = fd;
        // SAFETY: the attributes are as large as is said, and the path outlives the call.
        let result = unsafe {
            libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(&attributes), size_of::<bpf_attr>())
        };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
    }
}

impl Shelved {
    /// Takes it off before this returns: the last reference to a link is a descriptor's then, which takes it off when it is closed.
    pub(super) fn take_off(self) {
        let link = self.shelf.object(bpf_cmd::BPF_OBJ_GET, &self.name, 0).and_then(made);
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
    }
}
