//! The daemon's side of the control socket ([`compat::control`]).
//!
//! Each client has a task that reads frames and writes answers; the requests themselves go through one channel to the
//! daemon's main loop, which alone decides. Nothing a client does can hold up that loop or another client: frames are
//! limited in size and time, clients in number, and each has one request under way at most.

mod client;
mod credential;
mod socket;

use compat::control::Reply;
use tokio::sync::{mpsc, oneshot};

pub use client::Limits;
pub use socket::{BindError, Server};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Process that connected (`SO_PEERCRED`), 0 if it is in no PID namespace that we can see.
    pub pid: u32,
    /// Its effective user when it connected.
    pub uid: u32,
    /// Its audit uid, all ones if unset or if the process is gone.
    pub auid: u32,
    /// Its audit session, all ones if unset or if the process is gone.
    pub ses: u32,
}

/// Decides and answers. The numbers and payloads are those of [`compat::audit::kind`].
pub trait Authority {
    /// Carries a request out, or refuses it.
    fn request(&mut self, peer: &Peer, kind: u16, payload: &[u8]) -> Reply;
}

/// A request that waits for its answer. Dropped without one, the client sees the connection closed.
#[derive(Debug)]
pub struct Request {
    peer: Peer,
    kind: u16,
    payload: Vec<u8>,
    answer: oneshot::Sender<Reply>,
}

impl Request {
    /// Lets `authority` decide and sends its answer. A client that is gone by now is no error.
    pub fn answer(self, authority: &mut impl Authority) {
        let reply = authority.request(&self.peer, self.kind, &self.payload);
        let _gone = self.answer.send(reply);
    }
}

/// The requests of all clients, in the order in which they arrived.
pub type Requests = mpsc::Receiver<Request>;

#[cfg(test)]
mod tests;
