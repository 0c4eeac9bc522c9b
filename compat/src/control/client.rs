//! The client's side.

use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

use super::batch::Fault;
use super::frame::{self, FrameError, HEADER_SIZE, Header, Role};
use crate::audit::{Answer, Audit, Part, kind};
use crate::netlink::AuditSocket;

/// How long the daemon may take for the next frame of an answer; loading thousands of rules is the longest.
const PATIENCE: Duration = Duration::from_mins(1);
/// Most bytes of one answer, so that a broken daemon cannot fill the memory of a command.
const MAX_ANSWER: usize = 256 << 20;

/// A connection to our daemon.
#[derive(Debug)]
pub struct ControlSocket {
    stream: UnixStream,
    /// A socket to the kernel's audit that goes with the first request: the daemon asks the kernel what its opener may do.
    credential: Option<AuditSocket>,
    /// A request that has been sent, whose answer is still to be read.
    ahead: Option<u16>,
}

impl ControlSocket {
    /// Connects. `NotFound` and `ConnectionRefused` mean that no daemon runs there.
    pub fn connect(path: &Path) -> io::Result<Self> {
        let mut socket = Self::over(UnixStream::connect(path)?)?;
        // The daemon knows root by itself. Without audit in the kernel there is nobody to vouch for others.
        if !nix::unistd::geteuid().is_root() {
            socket.credential = AuditSocket::open().ok();
        }
        Ok(socket)
    }

    /// Talks over a stream that is connected already.
    pub fn over(stream: UnixStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, credential: None, ahead: None })
    }

    /// Sends a request without payload whose answer is asked for later, like any other: meanwhile the daemon works on it.
    pub fn ask_ahead(&mut self, kind: u16) -> io::Result<()> {
        let request = request(kind, &[])?;
        self.ahead = Some(kind);
        self.send(&request)
    }

    /// The text that the daemon gives for [`kind::COUNTERS`] or [`kind::PLAN`].
    pub fn text(&mut self, kind: u16) -> io::Result<Vec<u8>> {
        Ok(self.request(kind, &[])?.parts.into_iter().flat_map(|part| part.payload).collect())
    }

    /// Sends a batch (see [`super::batch`]): done as a whole, or not at all, with the items at fault. `Err` is for batches as
    /// such: refused for another reason, or the conversation broke.
    pub fn batch(&mut self, batch: &[u8]) -> io::Result<Result<(), Vec<Fault>>> {
        let (answer, errno) = self.exchange(kind::BATCH, batch)?;
        let faults: Vec<Fault> = answer.parts.iter().filter_map(Fault::from_part).collect();
        match errno {
            None => Ok(Ok(())),
            Some(errno) if faults.is_empty() => Err(io::Error::from_raw_os_error(errno)),
            Some(_) => Ok(Err(faults)),
        }
    }

    /// The answer, and the errno if it ended with one.
    fn exchange(&mut self, kind: u16, payload: &[u8]) -> io::Result<(Answer, Option<i32>)> {
        if let Some(ahead) = self.ahead.take() {
            let answer = self.receive();
            if ahead == kind && payload.is_empty() {
                return answer;
            }
            answer?;
        }
        let request = request(kind, payload)?;
        let sent = self.send(&request);
        // A daemon that refuses a client says so and closes without reading, so look for its answer first.
        let received = self.receive();
        match (received, sent) {
            (Ok(done), _) => Ok(done),
            (Err(_), Err(error)) | (Err(error), Ok(())) => Err(error),
        }
    }

    fn send(&mut self, request: &[u8]) -> io::Result<()> {
        let mut sent = 0;
        if let Some(credential) = self.credential.take() {
            let descriptors = [credential.as_fd().as_raw_fd()];
            let rights = [ControlMessage::ScmRights(&descriptors)];
            let parts = [IoSlice::new(request)];
            sent = sendmsg::<()>(self.stream.as_raw_fd(), &parts, &rights, MsgFlags::MSG_NOSIGNAL, None)?;
        }
        self.stream.write_all(request.get(sent..).unwrap_or_default())
    }

    fn receive(&mut self) -> io::Result<(Answer, Option<i32>)> {
        let mut answer = Answer::default();
        let mut size = 0;
        loop {
            let mut header = [0; HEADER_SIZE];
            self.stream.read_exact(&mut header).map_err(named)?;
            let header = Header::decode(header).map_err(broken)?;
            let mut payload = vec![0; header.length];
            self.stream.read_exact(&mut payload).map_err(named)?;
            size += payload.len();
            if size > MAX_ANSWER {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the daemon's answer is too long"));
            }
            match header.role {
                Role::Part => answer.parts.push(Part { kind: header.kind, payload }),
                Role::End => {
                    let bytes: [u8; 4] =
                        payload.try_into().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
                    let number = i32::from_le_bytes(bytes);
                    return Ok(match u32::try_from(number) {
                        Ok(value) => (Answer { value, ..answer }, None),
                        Err(_) => (answer, Some(number.wrapping_neg())),
                    });
                }
                Role::Request => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "the daemon sent a request"));
                }
            }
        }
    }
}

impl Audit for ControlSocket {
    fn request(&mut self, kind: u16, payload: &[u8]) -> io::Result<Answer> {
        match self.exchange(kind, payload)? {
            (answer, None) => Ok(answer),
            (_, Some(errno)) => Err(io::Error::from_raw_os_error(errno)),
        }
    }
}

/// The frame of a request.
fn request(kind: u16, payload: &[u8]) -> io::Result<Vec<u8>> {
    let mut frame = Vec::with_capacity(HEADER_SIZE + payload.len());
    frame::write(&mut frame, Role::Request, kind, payload).map_err(broken)?;
    Ok(frame)
}

fn broken(error: FrameError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// A read that timed out says `WouldBlock`, which would read as "try again".
fn named(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::Error::new(io::ErrorKind::TimedOut, "the daemon does not answer"),
        io::ErrorKind::UnexpectedEof => io::Error::new(error.kind(), "the daemon closed the connection"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Status, StatusField};
    use crate::control::{Reply, batch};
    use nix::errno::Errno;
    use std::thread::{self, JoinHandle};

    /// A daemon that answers one request with these bytes; gives back the bytes of the request.
    fn daemon(answer: Vec<u8>) -> (ControlSocket, JoinHandle<Vec<u8>>) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let thread = thread::spawn(move || {
            let mut header = [0; HEADER_SIZE];
            theirs.read_exact(&mut header).unwrap();
            let mut request = vec![0; Header::decode(header).unwrap().length];
            theirs.read_exact(&mut request).unwrap();
            theirs.write_all(&answer).unwrap();
            request
        });
        (ControlSocket::over(ours).unwrap(), thread)
    }

    #[test]
    fn values_are_asked_for_and_set() {
        let status = Status { enabled: 1, lost: 5, backlog_wait_time_actual: Some(0), ..Status::default() };
        let (mut socket, thread) = daemon(Reply::data(kind::GET, status.encode()).encode(kind::GET));
        assert_eq!(socket.status().unwrap(), status);
        assert_eq!(thread.join().unwrap(), b"");
        let (mut socket, thread) = daemon(Reply::value(5).encode(kind::SET));
        assert_eq!(socket.set(StatusField::Lost, 0).unwrap(), 5);
        assert_eq!(thread.join().unwrap(), Status::only(StatusField::Lost, 0).encode());
    }

    #[test]
    fn what_was_asked_ahead_is_answered_in_its_turn() {
        let status = Status { enabled: 1, lost: 5, backlog_wait_time_actual: Some(0), ..Status::default() };
        let (mut socket, thread) = daemon(Reply::data(kind::GET, status.encode()).encode(kind::GET));
        socket.ask_ahead(kind::GET).unwrap();
        thread.join().unwrap();
        assert_eq!(socket.status().unwrap(), status);
        let both =
            [Reply::data(kind::GET, status.encode()).encode(kind::GET), Reply::value(5).encode(kind::SET)];
        let (mut socket, _thread) = daemon(both.concat());
        socket.ask_ahead(kind::GET).unwrap();
        assert_eq!(socket.set(StatusField::Lost, 0).unwrap(), 5);
    }

    #[test]
    fn a_refusal_is_an_errno() {
        let (mut socket, _thread) = daemon(Reply::refused(Errno::EEXIST).encode(kind::ADD_RULE));
        assert_eq!(socket.add_rule(b"rule").unwrap_err().raw_os_error(), Some(17));
    }

    #[test]
    fn a_batch_names_its_faults() {
        let fault = Fault { index: 1, errno: 2 };
        let reply = Reply { parts: vec![fault.part()], result: Err(Errno::ENOENT) };
        let (mut socket, thread) = daemon(reply.encode(kind::BATCH));
        let mut payload = Vec::new();
        batch::push(&mut payload, kind::ADD_RULE, b"x");
        assert_eq!(socket.batch(&payload).unwrap(), Err(vec![fault]));
        assert_eq!(thread.join().unwrap(), payload);
        let (mut socket, _thread) = daemon(Reply::refused(Errno::EPERM).encode(kind::BATCH));
        assert_eq!(socket.batch(&payload).unwrap_err().raw_os_error(), Some(1));
    }

    #[test]
    fn broken_answers_are_errors() {
        for answer in [&b""[..], b"abc", b"HTTP/1.1 400 Bad Request", &[4, 0, 0, 0, 0, 0, 1, 2, 0], &[0; 8]] {
            let (mut socket, thread) = daemon(answer.to_vec());
            let error = socket.status().unwrap_err();
            assert!(error.raw_os_error().is_none(), "{answer:?}: {error}");
            thread.join().unwrap();
        }
    }
}
