//! Memory shared with a process that rewrites it all the time.

#![allow(unsafe_code, reason = "memory that two processes write")]

use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::{Result, ensure};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use crate::raw::{self, Argument};

const LENGTH: usize = 4096;
/// The byte that changes with every round of the process that rewrites.
const TICK: usize = 4000;

/// One page, shared with every child. It lives as long as the process.
#[derive(Debug, Clone, Copy)]
pub struct Shared(*mut u8);

impl Shared {
    /// A page of zeroes.
    pub fn new() -> Result<Self> {
        // SAFETY: a new mapping at a place of the kernel's choice touches nothing that is there.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                LENGTH,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        ensure!(address != libc::MAP_FAILED, "a shared page: {}", Errno::last());
        Ok(Self(address.cast()))
    }

    /// The byte at `at`.
    fn byte(&self, at: usize) -> &AtomicU8 {
        assert!(at < LENGTH, "{at} lies behind the page");
        // SAFETY: the page stays mapped, the place lies in it, and every access by this program is atomic.
        unsafe { AtomicU8::from_ptr(self.0.add(at)) }
    }

    /// Puts bytes there.
    pub fn put(&self, at: usize, bytes: &[u8]) {
        for (offset, byte) in bytes.iter().enumerate() {
            self.byte(at + offset).store(*byte, Ordering::Relaxed);
        }
    }

    /// The address of what lies at `at`, for a register.
    pub fn address(&self, at: usize) -> Argument<'static> {
        Argument::Number(self.byte(at).as_ptr() as i64)
    }

    /// execve(2) of the name at `path` with the words at `words` as arguments. Returns only when it failed.
    pub fn execute(&self, path: usize, words: &[usize]) -> Errno {
        let mut list: Vec<*const u8> = words.iter().map(|at| self.byte(*at).as_ptr().cast_const()).collect();
        list.push(std::ptr::null());
        let environment = [std::ptr::null::<u8>()];
        // SAFETY: every text ends within the page, whose last byte nobody writes, and the lists end with null pointers.
        unsafe {
            libc::syscall(libc::SYS_execve, self.byte(path).as_ptr(), list.as_ptr(), environment.as_ptr())
        };
        Errno::last()
    }

    /// Waits until the process that rewrites has done so again: on a busy machine it may not have run for long.
    pub fn await_flip(&self) {
        let tick = self.byte(TICK).load(Ordering::Relaxed);
        while self.byte(TICK).load(Ordering::Relaxed) == tick {
            std::thread::yield_now();
        }
    }

    /// Starts the process that flips the lowest bit of the bytes at these places until it is stopped.
    pub fn race(&self, places: &[usize]) -> Result<Racer> {
        let pid = raw::fork()?;
        if pid != 0 {
            return Ok(Racer(Pid::from_raw(pid)));
        }
        // It must not outlive who started it.
        let _ = raw::call(libc::SYS_prctl, [libc::PR_SET_PDEATHSIG.into(), (Signal::SIGKILL as i32).into()]);
        let mut dice = crate::random::dice::Dice::new(1);
        loop {
            for place in places {
                self.byte(*place).fetch_xor(1, Ordering::Relaxed);
            }
            self.byte(TICK).fetch_add(1, Ordering::Relaxed);
            for _ in 0..dice.below(200) {
                std::hint::spin_loop();
            }
        }
    }
}

/// The process that rewrites; stopped when dropped.
#[derive(Debug)]
pub struct Racer(Pid);

impl Drop for Racer {
    fn drop(&mut self) {
        // It runs until then, so neither can fail but by a mistake of this program; there is nobody to tell.
        let _ = kill(self.0, Signal::SIGKILL);
        let _ = waitpid(self.0, None);
    }
}
