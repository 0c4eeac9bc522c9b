//! Whom the program talks to.

use std::io;

use crate::audit::{Answer, Audit, kind};
use crate::control::{ControlSocket, default_socket_path};
use crate::netlink::AuditSocket;

/// Our daemon if one answers, the kernel otherwise.
#[derive(Debug)]
pub(super) enum Target {
    Daemon(ControlSocket),
    Kernel(AuditSocket),
}

impl Target {
    /// Connects.
    pub(super) fn open() -> io::Result<Self> {
        match ControlSocket::connect(&default_socket_path()) {
            Ok(socket) => Ok(Self::Daemon(socket)),
            // No socket, nobody behind it, or not ours to use: then the kernel decides what the caller may do.
            Err(_) => Ok(Self::Kernel(AuditSocket::open()?)),
        }
    }
}

impl Target {
    /// What the daemon counted, lines of `name value`; nothing without a daemon.
    pub(super) fn counters(&mut self) -> io::Result<String> {
        match self {
            Self::Daemon(socket) => {
                socket.text(kind::COUNTERS).map(|text| String::from_utf8_lossy(&text).into_owned())
            }
            Self::Kernel(_) => Ok(String::new()),
        }
    }
}

impl Audit for Target {
    fn request(&mut self, kind: u16, payload: &[u8]) -> io::Result<Answer> {
        match self {
            Self::Daemon(socket) => socket.request(kind, payload),
            Self::Kernel(socket) => socket.request(kind, payload),
        }
    }
}
