//! A small `io_uring`: some entries are put in, handed over in one `io_uring_enter(2)`, and their results taken out.

#![allow(unsafe_code, reason = "rings that are shared with the kernel, entries that hold addresses")]

use std::ffi::CStr;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;

use crate::syscall;

/// How many entries a ring has.
const ENTRIES: u32 = 8;

/// Sizes and places of the kernel's interface (`linux/io_uring.h`).
const PARAMETERS: usize = 120;
const ENTRY: usize = 64;
const COMPLETION: usize = 16;
const OFFSET_RINGS: i64 = 0;
const OFFSET_ENTRIES: i64 = 0x1000_0000;
const GET_EVENTS: i32 = 1;

/// Which operation (`enum io_uring_op`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Operation {
    /// openat(2).
    Openat = 18,
    /// openat2(2).
    Openat2 = 28,
    /// renameat2(2).
    Renameat = 35,
    /// unlinkat(2).
    Unlinkat = 36,
    /// mkdirat(2).
    Mkdirat = 37,
    /// symlinkat(2).
    Symlinkat = 38,
    /// linkat(2).
    Linkat = 39,
}

/// One operation on names, relative to the working directory.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Which.
    pub operation: Operation,
    /// Whether a worker shall do it (`IOSQE_ASYNC`).
    pub by_worker: bool,
    /// The first name.
    pub name: &'a CStr,
    /// The second name, or the bytes of `struct open_how`.
    pub second: Option<&'a [u8]>,
    /// `len`: a mode, the second directory, or the size of `struct open_how`.
    pub length: u32,
    /// The operation's flags.
    pub flags: u32,
}

impl<'a> Entry<'a> {
    /// An operation with one name.
    pub fn new(operation: Operation, name: &'a CStr, length: u32, flags: u32) -> Self {
        Self { operation, by_worker: false, name, second: None, length, flags }
    }

    /// An operation with two names; the second is relative to the working directory, too.
    pub fn two(operation: Operation, name: &'a CStr, second: &'a CStr, flags: u32) -> Self {
        let length = libc::AT_FDCWD as u32;
        Self { second: Some(second.to_bytes_with_nul()), ..Self::new(operation, name, length, flags) }
    }

    /// The same, by a worker.
    #[must_use]
    pub fn by_worker(self) -> Self {
        Self { by_worker: true, ..self }
    }

    fn bytes(&self) -> [u8; ENTRY] {
        const ASYNC: u8 = 1 << 4;
        let mut bytes = [0_u8; ENTRY];
        bytes[0] = self.operation as u8;
        bytes[1] = if self.by_worker { ASYNC } else { 0 };
        bytes[4..8].copy_from_slice(&libc::AT_FDCWD.to_ne_bytes());
        let second = self.second.map_or(0, |second| second.as_ptr() as u64);
        bytes[8..16].copy_from_slice(&second.to_ne_bytes());
        bytes[16..24].copy_from_slice(&(self.name.as_ptr() as u64).to_ne_bytes());
        bytes[24..28].copy_from_slice(&self.length.to_ne_bytes());
        bytes[28..32].copy_from_slice(&self.flags.to_ne_bytes());
        bytes
    }
}

/// An area shared with the kernel, for as long as the process lives.
#[derive(Debug, Clone, Copy)]
struct Area(*mut u8);

impl Area {
    fn map(fd: i32, length: usize, offset: i64) -> Result<Self> {
        // SAFETY: a new mapping at a place of the kernel's choice touches nothing that is there.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_POPULATE,
                fd,
                offset,
            )
        };
        ensure!(address != libc::MAP_FAILED, "mapping the ring: {}", Errno::last());
        Ok(Self(address.cast()))
    }

    /// The counter at `offset`, which the kernel says lies inside.
    fn counter(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: the area stays mapped, the kernel aligns its counters, and both sides use them atomically.
        unsafe { AtomicU32::from_ptr(self.0.add(offset).cast()) }
    }
}

/// A ring.
#[derive(Debug)]
pub struct Ring {
    fd: i32,
    parameters: [u8; PARAMETERS],
    rings: Area,
    entries: Area,
}

/// Offsets in `struct io_uring_params` of the offsets in the rings.
const SUBMISSION_TAIL: usize = 44;
const SUBMISSION_MASK: usize = 48;
const SUBMISSION_ARRAY: usize = 64;
const COMPLETION_HEAD: usize = 80;
const COMPLETION_TAIL: usize = 84;
const COMPLETION_MASK: usize = 88;
const COMPLETION_ENTRIES: usize = 100;

impl Ring {
    /// A new ring.
    pub fn new() -> Result<Self> {
        let mut parameters = [0_u8; PARAMETERS];
        let fd = syscall!(libc::SYS_io_uring_setup, ENTRIES, &mut parameters[..]).context("io_uring_setup")?
            as i32;
        let word = |at: usize| word(&parameters, at);
        let submissions = word(SUBMISSION_ARRAY) + ENTRIES as usize * 4;
        let completions = word(COMPLETION_ENTRIES) + 2 * ENTRIES as usize * COMPLETION;
        let rings = Area::map(fd, submissions.max(completions), OFFSET_RINGS)?;
        let entries = Area::map(fd, ENTRIES as usize * ENTRY, OFFSET_ENTRIES)?;
        Ok(Self { fd, parameters, rings, entries })
    }

    fn at(&self, place: usize) -> &AtomicU32 {
        self.rings.counter(word(&self.parameters, place))
    }

    /// Puts an entry in, unseen by the kernel until [`Ring::enter`]; what it borrows must live until then, too.
    pub fn put(&self, entry: &Entry<'_>) {
        let tail = self.at(SUBMISSION_TAIL).load(Ordering::Acquire);
        let index = tail & self.at(SUBMISSION_MASK).load(Ordering::Relaxed);
        let bytes = entry.bytes();
        // SAFETY: the index is masked, so the entry lies in the area; the kernel reads it only after the tail has moved.
        unsafe {
            std::ptr::copy_nonoverlapping(
                bytes.as_ptr(),
                self.entries.0.add(index as usize * ENTRY),
                bytes.len(),
            );
        }
        let array = word(&self.parameters, SUBMISSION_ARRAY) + index as usize * 4;
        self.rings.counter(array).store(index, Ordering::Relaxed);
        self.at(SUBMISSION_TAIL).store(tail + 1, Ordering::Release);
    }

    /// `io_uring_enter(2)` for `count` entries; waits for as many results.
    pub fn enter(&self, count: u32) -> Result<i64, Errno> {
        syscall!(libc::SYS_io_uring_enter, self.fd, count, count, GET_EVENTS, 0, 0)
    }

    /// The next result.
    pub fn take(&self) -> Result<Result<i32, Errno>> {
        let head = self.at(COMPLETION_HEAD).load(Ordering::Relaxed);
        ensure!(head != self.at(COMPLETION_TAIL).load(Ordering::Acquire), "no result");
        let index = head & self.at(COMPLETION_MASK).load(Ordering::Relaxed);
        // The result stands behind the 8 bytes of user data.
        let at = word(&self.parameters, COMPLETION_ENTRIES) + index as usize * COMPLETION + 8;
        let result = self.rings.counter(at).load(Ordering::Relaxed) as i32;
        self.at(COMPLETION_HEAD).store(head + 1, Ordering::Release);
        Ok(if result < 0 { Err(Errno::from_raw(-result)) } else { Ok(result) })
    }

    /// One entry alone.
    pub fn run(&self, entry: &Entry<'_>) -> Result<Result<i32, Errno>> {
        self.put(entry);
        self.enter(1).context("io_uring_enter")?;
        self.take()
    }
}

fn word(parameters: &[u8; PARAMETERS], at: usize) -> usize {
    let mut bytes = [0_u8; 4];
    bytes.copy_from_slice(&parameters[at..at + 4]);
    u32::from_ne_bytes(bytes) as usize
}
