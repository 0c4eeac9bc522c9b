//! Records that a kind of syscall has of its own (`show_special` in `kernel/auditsc.c`), and those that are logged while it
//! runs.

use compat::record::quote;
use compat::record::{Event, MessageType};
use kern::abi::{self, ItemKind, Record};
use zerocopy::FromBytes;

use crate::context::Contexts;
use crate::decode::{Captured, items};
use crate::execve;
use crate::lower::is_excluded;
use crate::release::{Release, Update};
use crate::text::{capabilities, decimal, field, hex, octal, signed, word};

/// What each of [`abi::Adjtime`]'s values is called.
const ADJUSTED: [&str; abi::NTP_VALUES] = ["offset", "freq", "status", "tai", "tick", "adjust"];

/// Writes special records; knows how the clock stood before it was set.
#[derive(Debug)]
pub struct Special {
    clock: Option<i64>,
    /// What was done to the clock is logged when it is done (before 5.18 and the stable updates of that day), not with the
    /// event.
    clock_at_once: bool,
    /// `OPENAT2` is known (5.16).
    openat2: bool,
}

impl Special {
    /// For a clock that stands as it does now, in this kernel.
    pub fn new(kernel: Update) -> Self {
        let stable = [Update(Release(5, 10), 110), Update(Release(5, 15), 33), Update(Release(5, 16), 19)];
        let with_event = kernel.0 >= Release(5, 18)
            || stable.into_iter().chain([Update(Release(5, 17), 2)]).any(|first| kernel.carries(first));
        Self { clock: tai_offset(), clock_at_once: !with_event, openat2: kernel.0 >= Release(5, 16) }
    }

    /// Records that the kernel logs while the syscall runs.
    pub fn write_at_once(&mut self, captured: &Captured<'_>, contexts: &mut Contexts, event: &mut Event) {
        if !self.clock_at_once {
            return;
        }
        // adjtimex moves the clock before it looks at anything else
        for wanted in [ItemKind::Clock, ItemKind::Injoffset, ItemKind::Adjtime] {
            for (_, _, body) in items(captured.items).filter(|(kind, ..)| *kind == wanted) {
                self.write_one(wanted, captured, body, contexts, event);
            }
        }
    }

    /// The special records of an event, and `FD_PAIR`, which follows them.
    pub fn write(&mut self, captured: &Captured<'_>, contexts: &mut Contexts, event: &mut Event) {
        let excluded = captured.head.excluded;
        if let Some(exec) = captured.exec
            && !is_excluded(excluded, Record::Execve)
        {
            execve::write(event, exec.argc, captured.arguments);
        }
        let mut pair = None;
        for (kind, _, body) in items(captured.items) {
            match kind {
                ItemKind::FdPair => pair = <[i32; 2]>::read_from_bytes(body).ok(),
                ItemKind::Clock | ItemKind::Injoffset | ItemKind::Adjtime if self.clock_at_once => {}
                ItemKind::Openat2 if !self.openat2 => {}
                _ => self.write_one(kind, captured, body, contexts, event),
            }
        }
        if let Some([first, second]) = pair
            && !is_excluded(excluded, Record::FdPair)
        {
            event.begin(MessageType::FD_PAIR);
            let out = event.body_mut();
            word(out, "fd0=");
            signed(out, i64::from(first));
            word(out, " fd1=");
            signed(out, i64::from(second));
        }
    }

    fn write_one(
        &mut self,
        kind: ItemKind,
        captured: &Captured<'_>,
        body: &[u8],
        contexts: &mut Contexts,
        event: &mut Event,
    ) {
        let excluded = captured.head.excluded;
        if kind == ItemKind::Clock {
            if let Ok(after) = i64::read_from_bytes(body) {
                self.injected(after, excluded, event);
            }
        } else if let Some(record) = record_of(kind)
            && !is_excluded(excluded, record)
        {
            // an item that is not whole tells nothing
            let _ = write_item(kind, captured, body, contexts, event);
        }
    }

    /// `TIME_INJOFFSET`: how far the clock was moved, from what it stood at before.
    fn injected(&mut self, after: i64, excluded: u32, event: &mut Event) {
        /// Smaller steps are the reading's own error: the two clocks are read one after the other.
        const NOISE: i64 = 10_000;
        let before = self.clock.replace(after);
        let Some(delta) = before.map(|before| after - before).filter(|delta| delta.abs() > NOISE) else {
            return;
        };
        if !is_excluded(excluded, Record::TimeInjoffset) {
            moved(delta.div_euclid(1_000_000_000), delta.rem_euclid(1_000_000_000), event);
        }
    }
}

/// The record type that an item stands for, if it is a special one.
const fn record_of(kind: ItemKind) -> Option<Record> {
    Some(match kind {
        ItemKind::Capset => Record::Capset,
        ItemKind::Mmap => Record::Mmap,
        ItemKind::Module => Record::KernModule,
        ItemKind::Openat2 => Record::Openat2,
        ItemKind::Ipc => Record::Ipc,
        ItemKind::MqOpen => Record::MqOpen,
        ItemKind::MqSendrecv => Record::MqSendrecv,
        ItemKind::MqNotify => Record::MqNotify,
        ItemKind::MqGetsetattr => Record::MqGetsetattr,
        ItemKind::Socketcall => Record::Socketcall,
        ItemKind::Adjtime => Record::TimeAdjntpval,
        ItemKind::Injoffset => Record::TimeInjoffset,
        _ => return None,
    })
}

/// The records of one item; `None`: it has not the size of its kind.
fn write_item(
    kind: ItemKind,
    captured: &Captured<'_>,
    body: &[u8],
    contexts: &mut Contexts,
    event: &mut Event,
) -> Option<()> {
    match kind {
        ItemKind::Capset => {
            capset(captured.head.pid, &abi::Capset::read_from_bytes(body).ok()?, event);
        }
        ItemKind::Mmap => {
            let [fd, flags] = <[u32; 2]>::read_from_bytes(body).ok()?;
            event.begin(MessageType::MMAP);
            let out = event.body_mut();
            word(out, "fd=");
            signed(out, i64::from(fd as i32));
            word(out, " flags=0x");
            hex(out, u64::from(flags));
        }
        ItemKind::Module => {
            event.begin(MessageType::KERN_MODULE);
            word(event.body_mut(), "name=");
            quote::untrusted(event.body_mut(), if body.is_empty() { b"?" } else { body });
        }
        ItemKind::Openat2 => {
            let [flags, mode, resolve] = <[u64; 3]>::read_from_bytes(body).ok()?;
            event.begin(MessageType::OPENAT2);
            let out = event.body_mut();
            // "0%llo": a zero prints as 00
            word(out, "oflag=0");
            plain_octal(out, flags);
            word(out, " mode=0");
            plain_octal(out, mode);
            word(out, " resolve=0x");
            hex(out, resolve);
        }
        ItemKind::Ipc => ipc(&abi::Ipc::read_from_bytes(body).ok()?, captured.head.excluded, contexts, event),
        ItemKind::MqOpen => {
            let open = abi::MqOpen::read_from_bytes(body).ok()?;
            event.begin(MessageType::MQ_OPEN);
            let out = event.body_mut();
            word(out, "oflag=0x");
            hex(out, u64::from(open.oflag));
            word(out, " mode=");
            octal(out, u64::from(open.mode as u16));
            queue(out, &open.attr);
        }
        ItemKind::MqSendrecv => {
            let message = abi::MqSendrecv::read_from_bytes(body).ok()?;
            event.begin(MessageType::MQ_SENDRECV);
            let out = event.body_mut();
            word(out, "mqdes=");
            signed(out, i64::from(message.mqdes));
            word(out, " msg_len=");
            signed(out, message.len as i64);
            field(out, " msg_prio=", message.prio);
            word(out, " abs_timeout_sec=");
            signed(out, message.sec);
            word(out, " abs_timeout_nsec=");
            signed(out, message.nsec);
        }
        ItemKind::MqNotify => {
            let notify = abi::MqNotify::read_from_bytes(body).ok()?;
            event.begin(MessageType::MQ_NOTIFY);
            let out = event.body_mut();
            word(out, "mqdes=");
            signed(out, i64::from(notify.mqdes));
            word(out, " sigev_signo=");
            signed(out, i64::from(notify.signo));
        }
        ItemKind::MqGetsetattr => {
            let set = abi::MqGetsetattr::read_from_bytes(body).ok()?;
            event.begin(MessageType::MQ_GETSETATTR);
            let out = event.body_mut();
            word(out, "mqdes=");
            signed(out, i64::from(set.mqdes));
            queue(out, &set.attr);
            out.push(b' ');
        }
        ItemKind::Socketcall => {
            let arguments = <[u64]>::ref_from_bytes(body).ok()?;
            event.begin(MessageType::SOCKETCALL);
            let out = event.body_mut();
            word(out, "nargs=");
            decimal(out, arguments.len() as u64);
            for (number, argument) in arguments.iter().enumerate() {
                word(out, " a");
                decimal(out, number as u64);
                out.push(b'=');
                hex(out, *argument);
            }
        }
        ItemKind::Adjtime => {
            let values = abi::Adjtime::read_from_bytes(body).ok()?;
            let changes = values.before.into_iter().zip(values.after);
            for (name, (before, after)) in ADJUSTED.iter().zip(changes) {
                if before != after {
                    event.begin(MessageType::TIME_ADJNTPVAL);
                    let out = event.body_mut();
                    word(out, "op=");
                    word(out, name);
                    word(out, " old=");
                    signed(out, before);
                    word(out, " new=");
                    signed(out, after);
                }
            }
        }
        ItemKind::Injoffset => {
            let [seconds, nanoseconds] = <[i64; 2]>::read_from_bytes(body).ok()?;
            moved(seconds, nanoseconds, event);
        }
        _ => {}
    }
    Some(())
}

/// IPC, and `IPC_SET_PERM`, which the kernel does not come to when IPC is excluded.
fn ipc(ipc: &abi::Ipc, excluded: u32, contexts: &mut Contexts, event: &mut Event) {
    event.begin(MessageType::IPC);
    let out = event.body_mut();
    word(out, "ouid=");
    decimal(out, u64::from(ipc.uid));
    field(out, " ogid=", ipc.gid);
    word(out, " mode=");
    octal(out, u64::from(ipc.mode as u16));
    contexts.write_object(out, ipc.sid);
    if ipc.has_perm == 0 || is_excluded(excluded, Record::IpcSetPerm) {
        return;
    }
    event.begin(MessageType::IPC_SET_PERM);
    let out = event.body_mut();
    word(out, "qbytes=");
    hex(out, ipc.qbytes);
    field(out, " ouid=", ipc.perm_uid);
    field(out, " ogid=", ipc.perm_gid);
    word(out, " mode=");
    octal(out, u64::from(ipc.perm_mode as u16));
}

/// `TIME_INJOFFSET`
fn moved(seconds: i64, nanoseconds: i64, event: &mut Event) {
    event.begin(MessageType::TIME_INJOFFSET);
    let out = event.body_mut();
    word(out, "sec=");
    signed(out, seconds);
    word(out, " nsec=");
    signed(out, nanoseconds);
}

fn queue(out: &mut Vec<u8>, attributes: &abi::MqAttr) {
    word(out, " mq_flags=0x");
    hex(out, attributes.flags as u64);
    for (name, value) in [
        (" mq_maxmsg=", attributes.maxmsg),
        (" mq_msgsize=", attributes.msgsize),
        (" mq_curmsgs=", attributes.curmsgs),
    ] {
        word(out, name);
        signed(out, value);
    }
}

fn capset(pid: u32, set: &abi::Capset, event: &mut Event) {
    event.begin(MessageType::CAPSET);
    let out = event.body_mut();
    word(out, "pid=");
    decimal(out, u64::from(pid));
    for (name, bits) in [
        (" cap_pi=", set.inheritable),
        (" cap_pp=", set.permitted),
        (" cap_pe=", set.effective),
        (" cap_pa=", set.ambient),
    ] {
        word(out, name);
        capabilities(out, bits);
    }
}

fn plain_octal(out: &mut Vec<u8>, value: u64) {
    if value == 0 {
        out.push(b'0');
        return;
    }
    let start = out.len();
    octal(out, value);
    // `octal` writes the leading zero of "%#o"
    out.remove(start);
}

/// `CLOCK_TAI` - `CLOCK_MONOTONIC`, ns, as the kernel side measures it after a clock was set.
fn tai_offset() -> Option<i64> {
    use nix::libc::CLOCK_TAI;
    use nix::time::{ClockId, clock_gettime};
    let read = |clock| clock_gettime(clock).ok().map(|time| time.tv_sec() * 1_000_000_000 + time.tv_nsec());
    let before = read(ClockId::CLOCK_MONOTONIC)?;
    let tai = read(ClockId::from_raw(CLOCK_TAI))?;
    let after = read(ClockId::CLOCK_MONOTONIC)?;
    Some(tai - before.midpoint(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_how_prints_its_zeros() {
        let mut out = Vec::new();
        plain_octal(&mut out, 0);
        plain_octal(&mut out, 0o100_002);
        assert_eq!(out, b"0100002");
    }
}
