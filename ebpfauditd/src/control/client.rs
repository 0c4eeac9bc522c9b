//! One client.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use compat::control::Reply;
use compat::control::frame::{HEADER_SIZE, Header, Role};
use log::Level;
use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::{Peer, Request, credential};

/// Memory for a request grows in steps of this, as its bytes arrive: a header alone cannot make us take megabytes.
const STEP: usize = 64 << 10;
/// An id that is not set.
const UNSET: u32 = u32::MAX;

/// What clients are allowed.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The user who is known by the connection alone; others are asked for a socket of the kernel's audit.
    pub user: u32,
    /// Clients served at one time; more wait until one of them leaves.
    pub clients: usize,
    /// How many of them may be other users; more are turned away, so that they cannot take all places.
    pub others: usize,
    /// Time to send a request, counted from the connection or the last answer; and time to take an answer.
    pub time: Duration,
}

impl Default for Limits {
    /// root; 16 clients, four of them not root; ten seconds.
    fn default() -> Self {
        Self { user: 0, clients: 16, others: 4, time: Duration::from_secs(10) }
    }
}

/// The end frame of an answer that is nothing but a refusal, to no request in particular.
fn refusal(errno: Errno) -> Vec<u8> {
    Reply::refused(errno).encode(0)
}

/// Serves a client until it leaves, breaks the rules or is too slow.
pub(super) async fn serve(
    mut stream: UnixStream,
    requests: &mpsc::Sender<Request>,
    limits: Limits,
    others: &Semaphore,
) {
    let peer = match peer(&stream) {
        Ok(peer) => peer,
        Err(error) => {
            log::warn!("cannot tell who connected to the control socket: {error}");
            return;
        }
    };
    let is_other = peer.uid != limits.user;
    // Held until the client leaves.
    let place = is_other.then(|| others.try_acquire());
    let refused = match &place {
        Some(Err(_)) => Some(Errno::EBUSY),
        Some(Ok(_)) => {
            let may_control = timeout(limits.time, credential::of_other(&stream, &peer)).await;
            (!may_control.unwrap_or(false)).then_some(Errno::EPERM)
        }
        None => (!credential::of_owner(&peer)).then_some(Errno::EPERM),
    };
    if let Some(errno) = refused {
        // Anybody can connect, and shall not fill the system's log.
        let level = if is_first_of_its_second() { Level::Warn } else { Level::Debug };
        log::log!(level, "user {} (pid {}) may not use the control socket: {errno}", peer.uid, peer.pid);
        let _gone = timeout(limits.time, stream.write_all(&refusal(errno))).await;
        return;
    }
    if let Err(error) = converse(&mut stream, peer, requests, limits).await {
        log::warn!("control client (pid {}): {error}", peer.pid);
    }
}

/// Whether nobody else was turned away in this second.
fn is_first_of_its_second() -> bool {
    static LAST: AtomicI64 = AtomicI64::new(-1);
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |now| now.tv_sec());
    LAST.swap(now, Ordering::Relaxed) != now
}

/// Why a conversation ended before the client wanted it.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Frame(#[from] compat::control::frame::FrameError),
    #[error("sent an answer where a request belongs")]
    NotARequest,
    #[error("left in the middle of a frame")]
    Cut,
    #[error("sent no whole request for {0:?}")]
    Slow(Duration),
    #[error("did not take its answer for {0:?}")]
    Deaf(Duration),
    #[error(transparent)]
    Io(#[from] io::Error),
}

async fn converse(
    stream: &mut UnixStream,
    peer: Peer,
    requests: &mpsc::Sender<Request>,
    limits: Limits,
) -> Result<(), Broken> {
    loop {
        let read = timeout(limits.time, read(stream)).await.map_err(|_| Broken::Slow(limits.time))?;
        let (kind, payload) = match read {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(()),
            Err(broken) => {
                // Whoever speaks another version should hear that much.
                let _gone = timeout(limits.time, stream.write_all(&refusal(Errno::EPROTO))).await;
                return Err(broken);
            }
        };
        let (answer, reply) = oneshot::channel();
        if requests.send(Request { peer, kind, payload, answer }).await.is_err() {
            return Ok(());
        }
        let Ok(reply) = reply.await else {
            return Ok(());
        };
        timeout(limits.time, stream.write_all(&reply.encode(kind)))
            .await
            .map_err(|_| Broken::Deaf(limits.time))??;
    }
}

/// The next request; `None` if the client has left between two.
async fn read(stream: &mut UnixStream) -> Result<Option<(u16, Vec<u8>)>, Broken> {
    let mut header = [0; HEADER_SIZE];
    let mut have = 0;
    while have < HEADER_SIZE {
        match stream.read(&mut header[have..]).await? {
            0 if have == 0 => return Ok(None),
            0 => return Err(Broken::Cut),
            more => have += more,
        }
    }
    let header = Header::decode(header)?;
    if header.role != Role::Request {
        return Err(Broken::NotARequest);
    }
    let mut payload = Vec::new();
    while payload.len() < header.length {
        let step = STEP.min(header.length - payload.len());
        payload.reserve(step);
        let mut rest = (&mut *stream).take(step as u64);
        if rest.read_buf(&mut payload).await? == 0 {
            return Err(Broken::Cut);
        }
    }
    Ok(Some((header.kind, payload)))
}

fn peer(stream: &UnixStream) -> io::Result<Peer> {
    let credentials = stream.peer_cred()?;
    let pid = credentials.pid().and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0);
    Ok(Peer { pid, uid: credentials.uid(), auid: id(pid, "loginuid"), ses: id(pid, "sessionid") })
}

/// A number from a file of a process's directory in `/proc`.
fn id(pid: u32, name: &str) -> u32 {
    fs::read_to_string(format!("/proc/{pid}/{name}"))
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(UNSET)
}
