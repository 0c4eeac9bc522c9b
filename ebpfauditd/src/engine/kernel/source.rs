//! The kernel's records as a source of events.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Instant;

use compat::netlink::AuditSocket;
use compat::record::{Event, MessageType};
use nix::sys::eventfd::{EfdFlags, EventFd};

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
    others: Arc<EventFd>,
}

impl NetlinkSource {
    /// Takes over the socket from which the daemon was registered: the kernel sends to that one only.
    pub(super) fn new(socket: AuditSocket) -> io::Result<Self> {
        let others = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Self { socket, pending: Pending::new(), others: Arc::new(others) })
    }

    /// Counts up when a record says that the kernel's rules have changed. Our own changes are hidden from the records.
    pub(super) fn others(&self) -> Arc<EventFd> {
        Arc::clone(&self.others)
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
            if changes_rules(kind, text) {
                // A counter that cannot take one more is as good as woken.
                let _ = self.others.write(1);
            }
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

/// Whether a record tells of a rule that was added or taken out: `op=add_rule`, `op=remove_rule`, `op=autoremove_rule`.
fn changes_rules(kind: u16, text: &[u8]) -> bool {
    MessageType(kind) == MessageType::CONFIG_CHANGE
        && text.ends_with(b"res=1")
        && [&b"add_rule "[..], b"remove_rule "]
            .iter()
            .any(|op| text.windows(op.len()).any(|part| part == *op))
}

/// Whether a message is a record, and not an answer of the control protocol (below 1100 only USER and LOGIN are logged).
fn is_record(kind: u16) -> bool {
    match kind {
        1005 | 1006 => true,
        REPLACE => false,
        _ => kind >= 1100,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_tell_of_changed_rules_are_known() {
        let is = |text: &str| changes_rules(1305, text.as_bytes());
        assert!(is("audit(1.2:3): auid=0 ses=1 op=add_rule key=\"a\" list=4 res=1"));
        assert!(is("audit(1.2:3): auid=0 ses=1op=remove_rule path=\"/a\" key=(null) list=4 res=1"));
        assert!(is("audit(1.2:3): auid=0 ses=1 op=autoremove_rule path=\"/a\" key=(null) list=4 res=1"));
        assert!(!is("audit(1.2:3): auid=0 ses=1 op=add_rule key=\"a\" list=4 res=0"));
        assert!(!is("audit(1.2:3): op=set audit_enabled=1 old=1 auid=0 ses=1 res=1"));
        assert!(!changes_rules(1300, b"op=add_rule res=1"));
    }
}
