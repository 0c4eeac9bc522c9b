//! The socket.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recvmsg, send, setsockopt,
    socket, sockopt,
};

use super::message::{self, HEADER_SIZE, Header};
use crate::audit::{Answer, Audit, Features, Part, Status, StatusField, kind};

/// The largest message: a rule with 64 strings of `PATH_MAX` bytes, with room for the headers. Records are below 16 KiB.
const BUFFER: usize = 64 * 4096 + 4096;
/// How long an answer may take. The kernel sends data from a thread of its own, which waits for its turn.
const PATIENCE: Duration = Duration::from_secs(20);
/// Receive buffer of the daemon's socket: some 8000 records wait there while the daemon is busy.
const DAEMON_BUFFER: usize = 16 << 20;

/// `AUDIT_LOGIN`, a record in spite of its number.
const LOGIN: u16 = 1006;
/// From here on all message types are records.
const FIRST_RECORD: u16 = 1100;

/// A socket to the kernel's audit. One that is [registered](Self::register) also receives every record; make other requests
/// on a second socket then, so that answers do not wait among records.
#[derive(Debug)]
pub struct AuditSocket {
    socket: OwnedFd,
    patience: Duration,
    sequence: u32,
    buffer: Vec<u8>,
    /// Records that came before the answer to a request: type and text.
    early: VecDeque<(u16, Vec<u8>)>,
}

/// What a request is answered with, besides the acknowledgement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Data {
    None,
    One,
    List,
}

impl Data {
    fn of(kind: u16) -> Self {
        match kind {
            kind::GET | kind::GET_FEATURE | kind::SIGNAL_INFO | kind::TTY_GET => Self::One,
            kind::LIST_RULES => Self::List,
            _ => Self::None,
        }
    }
}

impl AuditSocket {
    /// Opens a socket; needs no privilege. `EPROTONOSUPPORT` means that the kernel has no audit.
    pub fn open() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkAudit)?;
        Ok(Self::over(socket, PATIENCE))
    }

    /// Talks over a socket of `NETLINK_AUDIT` that is open already, perhaps by somebody else: the kernel does nothing over it that
    /// whoever opened it may not do. An answer may take as long as `patience`, because others may take it away.
    pub fn over(socket: OwnedFd, patience: Duration) -> Self {
        Self { socket, patience, sequence: 0, buffer: vec![0; BUFFER], early: VecDeque::new() }
    }

    /// Registers this process as the audit daemon: from now on this socket receives every record. `EEXIST` means that
    /// another daemon is alive.
    pub fn register(&mut self) -> io::Result<()> {
        self.set_receive_buffer(DAEMON_BUFFER)?;
        Audit::set(self, StatusField::Pid, std::process::id()).map(drop)
    }

    /// Ends the registration. The kernel also ends it when it finds the socket closed.
    pub fn unregister(&mut self) -> io::Result<()> {
        Audit::set(self, StatusField::Pid, 0).map(drop)
    }

    /// Asks for a receive buffer of so many bytes: beyond `net.core.rmem_max` with `CAP_NET_ADMIN`, up to it without.
    pub fn set_receive_buffer(&self, bytes: usize) -> io::Result<()> {
        setsockopt(&self.socket, sockopt::RcvBufForce, &bytes)
            .or_else(|_| setsockopt(&self.socket, sockopt::RcvBuf, &bytes))
            .map_err(io::Error::from)
    }

    /// Sends a message as a program that is not the daemon would: `kind` is its record type, `text` ends up in
    /// `msg='...'`. Answered when the kernel has taken it, even if auditing is off and nothing is recorded.
    pub fn send_user(&mut self, kind: u16, text: &[u8]) -> io::Result<()> {
        // The kernel overwrites the last byte with a zero.
        let payload = [text, b"\0"].concat();
        self.request(kind, &payload).map(drop)
    }

    /// The next record, if one is there: its type and text (`audit(SECONDS.MILLIS:SERIAL): ...`). Answers that nobody waited
    /// for come this way too, with types below 1100 other than 1005 and 1006.
    ///
    /// An overrun of the receive buffer is no error here: the kernel keeps what did not fit and sends it again, and counts
    /// what it has to drop in [`Status::lost`].
    pub fn recv_record(&mut self) -> io::Result<Option<(u16, &[u8])>> {
        if let Some((kind, text)) = self.early.pop_front() {
            let buffer = self.buffer.get_mut(..text.len()).ok_or(Errno::EMSGSIZE)?;
            buffer.copy_from_slice(&text);
            return Ok(Some((kind, buffer)));
        }
        Ok(self.receive()?.map(|(header, length)| (header.kind, &self.buffer[HEADER_SIZE..length])))
    }

    /// `AUDIT_GET`.
    pub fn status(&mut self) -> io::Result<Status> {
        Audit::status(self)
    }

    /// `AUDIT_SET` of everything in the mask.
    pub fn set_status(&mut self, status: &Status) -> io::Result<()> {
        self.request(kind::SET, &status.encode()).map(drop)
    }

    /// `AUDIT_GET_FEATURE`.
    pub fn features(&mut self) -> io::Result<Features> {
        Audit::features(self)
    }

    /// `AUDIT_LIST_RULES`, each a `struct audit_rule_data`.
    pub fn list_rules(&mut self) -> io::Result<Vec<Vec<u8>>> {
        Audit::list_rules(self)
    }

    /// `AUDIT_ADD_RULE`.
    pub fn add_rule(&mut self, rule: &[u8]) -> io::Result<()> {
        Audit::add_rule(self, rule)
    }

    /// `AUDIT_DEL_RULE`.
    pub fn delete_rule(&mut self, rule: &[u8]) -> io::Result<()> {
        Audit::delete_rule(self, rule)
    }

    /// The next datagram of the kernel into the buffer, with its length; `None` if there is none now.
    fn receive(&mut self) -> io::Result<Option<(Header, usize)>> {
        let room = self.buffer.len();
        loop {
            let mut parts = [IoSliceMut::new(&mut self.buffer)];
            // Whoever else holds the socket cannot make us wait.
            let flags = MsgFlags::MSG_DONTWAIT;
            let received = recvmsg::<NetlinkAddr>(self.socket.as_raw_fd(), &mut parts, None, flags);
            match received.map(|message| (message.bytes, message.address)) {
                Ok((length, _)) if length == room => return Err(Errno::EMSGSIZE.into()),
                // Anyone with CAP_NET_ADMIN can send to this socket; only the kernel has port 0.
                Ok((length, Some(from))) if from.pid() == 0 => {
                    if let Some(header) = Header::decode(&self.buffer[..length]) {
                        return Ok(Some((header, length)));
                    }
                }
                Ok(_) | Err(Errno::EINTR | Errno::ENOBUFS) => {}
                Err(Errno::EAGAIN) => return Ok(None),
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Waits for the next datagram until `deadline`.
    fn wait(&mut self, deadline: Instant) -> io::Result<(Header, usize)> {
        loop {
            if let Some(received) = self.receive()? {
                return Ok(received);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the kernel's audit does not answer"));
            }
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn send(&mut self, kind: u16, payload: &[u8]) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1).max(1);
        let datagram = message::request(kind, self.sequence, payload);
        loop {
            // To the kernel, which is where a socket leads that is connected to nobody. With an address the kernel would not ask
            // what the socket's opener may do (`netlink_ns_capable`).
            match send(self.socket.as_raw_fd(), &datagram, MsgFlags::empty()) {
                Ok(sent) if sent == datagram.len() => return Ok(()),
                Ok(_) => return Err(Errno::EMSGSIZE.into()),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl Audit for AuditSocket {
    fn request(&mut self, kind: u16, payload: &[u8]) -> io::Result<Answer> {
        self.send(kind, payload)?;
        let deadline = Instant::now() + self.patience;
        let mut answer = Answer::default();
        let mut acknowledged = false;
        let mut complete = Data::of(kind) == Data::None;
        // The data comes from a thread of the kernel's and may well be there before the acknowledgement.
        while !(acknowledged && complete) {
            let (header, length) = self.wait(deadline)?;
            let ours = header.sequence == self.sequence;
            match header.kind {
                message::ERROR if ours => {
                    let number = message::acknowledged(message::reply_payload(&self.buffer[..length]))
                        .ok_or(io::ErrorKind::InvalidData)?;
                    match u32::try_from(number) {
                        Ok(value) => answer.value = value,
                        Err(_) => return Err(io::Error::from_raw_os_error(number.wrapping_neg())),
                    }
                    acknowledged = true;
                }
                message::DONE if ours => complete = true,
                _ if ours && header.kind == kind && Data::of(kind) != Data::None => {
                    let payload = message::reply_payload(&self.buffer[..length]).to_vec();
                    answer.parts.push(Part { kind, payload });
                    complete |= Data::of(kind) == Data::One;
                }
                record if is_record(record) => {
                    self.early.push_back((record, self.buffer[HEADER_SIZE..length].to_vec()));
                }
                // Late answers to a request that was given up.
                _ => {}
            }
        }
        Ok(answer)
    }
}

/// Whether a message type is that of a record: below 1100 there are requests and answers, but for two.
fn is_record(kind: u16) -> bool {
    kind == kind::USER || kind == LOGIN || kind >= FIRST_RECORD
}

impl AsFd for AuditSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
