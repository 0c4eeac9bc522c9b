//! Whether a client may control auditing: as the kernel has it, whoever has `CAP_AUDIT_CONTROL`, now and when the conversation
//! began.
//!
//! What a connection alone tells is the user who connected. A process without the capability may connect and then become a
//! program that has it (set-user-ID, file capabilities), so what `/proc` says later is not enough. The kernel is asked instead:
//! it does over a socket of its audit only what the socket's opener may do, whoever holds it.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use compat::netlink::AuditSocket;
use nix::libc;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use tokio::io::Interest;
use tokio::net::UnixStream;

use super::Peer;
use crate::privilege;

/// How long the kernel may take to answer over a client's socket, from which the client may take the answer away.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether a client of our own user may: one without the capability is refused by the kernel as well. One that is in no PID
/// namespace of ours cannot be looked at, and stands above us.
pub(super) fn of_owner(peer: &Peer) -> bool {
    peer.pid == 0 || privilege::controls_audit(peer.pid)
}

/// Whether a client of another user may, by the socket that comes with its first request.
pub(super) async fn of_other(stream: &UnixStream, peer: &Peer) -> bool {
    let Ok(Some(socket)) = stream.async_io(Interest::READABLE, || enclosed(stream)).await else {
        return false;
    };
    let by_kernel = tokio::task::spawn_blocking(move || {
        is_of_audit(&socket) && AuditSocket::over(socket, PATIENCE).status().is_ok()
    });
    by_kernel.await.unwrap_or(false) && privilege::controls_audit(peer.pid)
}

/// The descriptor that comes with the next bytes, which stay to be read.
fn enclosed(stream: &UnixStream) -> io::Result<Option<OwnedFd>> {
    let mut byte = [0];
    let mut parts = [IoSliceMut::new(&mut byte)];
    let mut room = nix::cmsg_space!(libc::c_int);
    let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut parts, Some(&mut room), flags)?;
    let mut first = None;
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(descriptors) = control {
            for descriptor in descriptors {
                // SAFETY: the kernel has just made this descriptor for us, and nobody else knows of it.
                let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
                first.get_or_insert(descriptor);
            }
        }
    }
    Ok(first)
}

/// Whether it is a socket of the kernel's audit: over another, somebody else than the kernel could answer.
fn is_of_audit(socket: &OwnedFd) -> bool {
    option(socket, libc::SO_DOMAIN) == Some(libc::AF_NETLINK)
        && option(socket, libc::SO_PROTOCOL) == Some(libc::NETLINK_AUDIT)
}

/// A number that the kernel knows of a socket.
fn option(socket: &OwnedFd, name: libc::c_int) -> Option<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: both pointers lead to live variables, and the length is that of the first.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, name, (&raw mut value).cast(), &raw mut length)
    };
    (result == 0).then_some(value)
}
