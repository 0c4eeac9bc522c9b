//! The kernel's records as a source of events.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use compat::netlink::AuditSocket;
use compat::record::{Event, MessageType};

use super::Pending;
use crate::engine::Source;

/// Most records taken in one go, so that a flood of kernel records cannot starve the ring buffer.
const AT_ONCE: usize = 8192;
/// `AUDIT_REPLACE`: how the kernel asks a registered daemon whether it is alive. Not a record; receiving it is the answer.
const REPLACE: u16 = 1329;

/// Receives what the kernel sends to the registered audit daemon.
#[derive(Debug)]
pub struct NetlinkSource {
    socket: AuditSocket,
    pending: Pending,
}

impl NetlinkSource {
    /// Takes over the socket from which the daemon was registered: the kernel sends to that one only.
    pub(super) fn new(socket: AuditSocket) -> Self {
        Self { socket, pending: Pending::new() }
    }
}

impl Source for NetlinkSource {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn drain(&mut self, sink: &mut dyn FnMut(&mut Event)) -> io::Result<usize> {
        let now = Instant::now();
        let mut events = 0;
        for _ in 0..AT_ONCE {
            let Some((kind, text)) = self.socket.recv_record()? else {
                break;
            };
            if is_record(kind) {
                events += self.pending.record(MessageType(kind), text, now, sink);
            }
        }
        Ok(events + self.pending.expire(now, sink))
    }

    fn deadline(&self) -> Option<Instant> {
        self.pending.deadline()
    }

    fn finish(&mut self, sink: &mut dyn FnMut(&mut Event)) -> usize {
        self.pending.flush(sink)
    }
}

/// Whether a message is a record, and not an answer of the control protocol (below 1100 only USER and LOGIN are logged).
fn is_record(kind: u16) -> bool {
    match kind {
        1005 | 1006 => true,
        REPLACE => false,
        _ => kind >= 1100,
    }
}
