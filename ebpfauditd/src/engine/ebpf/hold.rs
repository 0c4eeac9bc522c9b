//! Rules that other programs are about to put into the kernel: what keeps such a program from going on until the rule is in force
//! (`kern/bpf/request.bpf.h` says how), and what it is to be told.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use aya::Ebpf;
use aya::maps::{HashMap, MapData, MapError};
use aya_obj::generated::{bpf_attach_type, bpf_func_id, bpf_insn};
use kern::abi::{self, Waiting};
use nix::time::{ClockId, clock_gettime};
use zerocopy::FromBytes;

use super::Engine;
use super::bpf::{
    self, ADD, CALL, COPY, EXIT, JUMP_IF, JUMP_UNLESS_SAME, LOAD_MAP, MOVE, PSEUDO_MAP_FD, Purpose,
    READ_WORD, SHIFT_RIGHT, WRITE_WORD, instruction,
};
use super::error::{EngineError, map_error};
use super::value::WaiterValue;

/// The processes that wait.
const WAITERS: &str = "ea_waiters";
/// The rules that they have.
pub(super) const REQUESTS: &str = "ea_requests";
/// What a syscall ends with that is to be made anew: `-ERESTARTNOINTR` (`linux/errno.h`).
const ANEW: i32 = -513;
/// How long requests wait for a daemon that has not been heard of, for one that was killed leaves its programs attached for some seconds: as
/// long as a rule may take (`EA_PATIENCE_NS`), in which it is not heard of, and the second after which it is heard of else.
const TRUSTED: Duration = Duration::from_secs(6);
/// `BPF_EXIST`
const EXIST: u64 = 2;

/// A rule that a process is about to put into the kernel.
#[derive(Debug)]
pub struct Request {
    /// The process's number in the root namespace.
    pub process: u32,
    /// `struct audit_rule_data`
    pub rule: Vec<u8>,
}

/// "Let it go on, unless this very thread waits, and what it asks will be asked anew": the second is true once each time that the program
/// before this one says so.
fn instructions(waiters: BorrowedFd<'_>) -> [bpf_insn; 20] {
    const OFFSET_TID: i16 = std::mem::offset_of!(abi::Waiter, tid) as i16;
    const OFFSET_ANEW: i16 = std::mem::offset_of!(abi::Waiter, anew) as i16;
    [
        instruction(CALL, 0, 0, 0, bpf_func_id::BPF_FUNC_get_current_pid_tgid as i32),
        instruction(COPY, 6, 0, 0, 0),
        instruction(SHIFT_RIGHT, 0, 0, 0, 32),
        instruction(WRITE_WORD, 10, 0, -4, 0),
        instruction(LOAD_MAP, 1, PSEUDO_MAP_FD, 0, waiters.as_raw_fd()),
        instruction(0, 0, 0, 0, 0),
        instruction(COPY, 2, 10, 0, 0),
        instruction(ADD, 2, 0, 0, -4),
        instruction(CALL, 0, 0, 0, bpf_func_id::BPF_FUNC_map_lookup_elem as i32),
        instruction(JUMP_IF, 0, 0, 8, 0),
        instruction(READ_WORD, 1, 0, OFFSET_TID, 0),
        instruction(JUMP_UNLESS_SAME, 1, 6, 6, 0),
        instruction(READ_WORD, 1, 0, OFFSET_ANEW, 0),
        instruction(JUMP_IF, 1, 0, 4, 0),
        instruction(MOVE, 1, 0, 0, 0),
        instruction(WRITE_WORD, 0, 1, OFFSET_ANEW, 0),
        instruction(MOVE, 0, 0, 0, ANEW),
        instruction(EXIT, 0, 0, 0, 0),
        instruction(MOVE, 0, 0, 0, 0),
        instruction(EXIT, 0, 0, 0, 0),
    ]
}

/// Loads the program for the function with this BTF id. aya knows no program that answers in a function's place.
pub(super) fn load(function: u32, waiters: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let moment = bpf_attach_type::BPF_MODIFY_RETURN;
    bpf::load(Purpose::Tracing { moment, function }, b"ea_hold", &instructions(waiters))
}

/// The descriptor of the table of processes that wait.
pub(super) fn waiters(ebpf: &Ebpf) -> Result<BorrowedFd<'_>, EngineError> {
    match ebpf.map(WAITERS) {
        Some(aya::maps::Map::LruHashMap(map)) => Ok(map.fd().as_fd()),
        _ => Err(EngineError::no_map(WAITERS)),
    }
}

/// The end of the time for which a daemon that is alive now is trusted to answer, ns.
fn in_a_while() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
    (now + TRUSTED).as_nanos() as u64
}

impl Engine {
    /// From the next change of rules on, a process that is about to put a rule into the kernel waits until it is
    /// [answered](Self::answer). Where that is not to be had nobody waits.
    pub fn hold_requests(&mut self) {
        self.holds = true;
        self.config.hold_until = in_a_while();
    }

    /// Says that requests are still answered: without that nobody waits any more after some seconds.
    pub fn go_on_holding(&mut self) -> Result<(), EngineError> {
        if !self.holds {
            return Ok(());
        }
        self.config.hold_until = in_a_while();
        self.write_config()
    }

    /// Nobody waits any more, although programs may stay attached for a while.
    pub fn stop_holding(&mut self) -> Result<(), EngineError> {
        self.holds = false;
        self.config.hold_until = 0;
        self.write_config()
    }

    /// A descriptor that is readable when there are requests.
    pub fn requests(&self) -> io::Result<OwnedFd> {
        self.requests.as_fd().try_clone_to_owned()
    }

    /// The next process that waits, if there is one, with its rule.
    pub fn next_request(&mut self) -> Option<Request> {
        loop {
            let record = self.requests.next()?;
            let Ok(request) = abi::Request::ref_from_bytes(&record) else { continue };
            let Some(rule) = request.rule.get(..request.len as usize) else { continue };
            return Some(Request { process: request.tgid, rule: rule.to_vec() });
        }
    }

    /// Lets a process go on.
    pub fn answer(&mut self, process: u32) -> Result<(), EngineError> {
        let map = self.ebpf.map_mut(WAITERS).ok_or_else(|| EngineError::no_map(WAITERS))?;
        let mut waiters: HashMap<&mut MapData, u32, WaiterValue> =
            HashMap::try_from(map).map_err(map_error("open", WAITERS))?;
        match waiters.get(&process, 0) {
            Ok(mut waiter) if waiter.0.state == Waiting::Waiting as u32 => {
                waiter.0.state = Waiting::Over as u32;
                // what is under way may go on
                waiter.0.anew = 0;
                waiters.insert(process, waiter, EXIST).map_err(map_error("write", WAITERS))
            }
            // it has waited long enough, or has made room for others
            Ok(_) | Err(MapError::KeyNotFound) => Ok(()),
            Err(error) => Err(map_error("read", WAITERS)(error)),
        }
    }
}
