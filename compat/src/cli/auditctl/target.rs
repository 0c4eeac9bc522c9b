//! Whom the program talks to.

use std::io;

use audit_rules::Rule;
use nix::errno::Errno;

use super::session::LOCKED;
use crate::audit::{Answer, Audit, Status, StatusField, kind};
use crate::control::locked::Locked;
use crate::control::{ControlSocket, batch, default_run_dir, socket_path};
use crate::netlink::AuditSocket;

/// The settings that a lock holds.
const HELD: [StatusField; 5] = [
    StatusField::Enabled,
    StatusField::Failure,
    StatusField::RateLimit,
    StatusField::BacklogLimit,
    StatusField::BacklogWaitTime,
];

/// Our daemon if one answers, the kernel otherwise.
#[derive(Debug)]
pub(super) enum Target {
    Daemon(ControlSocket),
    Kernel(AuditSocket),
    /// The kernel, while a daemon of ours that has ended had locked the rules: what it locked stays so until the next boot.
    Held(AuditSocket, Locked),
}

impl Target {
    /// Connects.
    pub(super) fn open() -> io::Result<Self> {
        let run_dir = default_run_dir();
        if let Ok(socket) = ControlSocket::connect(&socket_path(&run_dir)) {
            return Ok(Self::Daemon(socket));
        }
        // No socket, nobody behind it, or not ours to use: then the kernel decides what the caller may do.
        let kernel = AuditSocket::open()?;
        Ok(match Locked::read(&run_dir) {
            Some(locked) => Self::Held(kernel, locked),
            None => Self::Kernel(kernel),
        })
    }

    /// What the daemon counted, lines of `name value`; nothing without a daemon.
    pub(super) fn counters(&mut self) -> io::Result<String> {
        match self {
            Self::Daemon(socket) => {
                socket.text(kind::COUNTERS).map(|text| String::from_utf8_lossy(&text).into_owned())
            }
            Self::Kernel(_) | Self::Held(..) => Ok(String::new()),
        }
    }

    /// Deletes all rules, or those whose key contains the text.
    pub(super) fn delete_all(&mut self, key: Option<&[u8]>) -> io::Result<()> {
        let named = |rule: &Rule| key.is_none_or(|key| rule.key_contains(key));
        match self {
            Self::Daemon(socket) => {
                let mut items = Vec::new();
                batch::push(&mut items, kind::DELETE_ALL, key.unwrap_or_default());
                socket.batch(&items)?.map_err(|faults| first_fault(&faults))
            }
            Self::Held(_, locked) if locked.rules().iter().any(named) => Err(Errno::EPERM.into()),
            Self::Kernel(_) | Self::Held(..) => {
                let rules = self.list_rules()?;
                rules
                    .iter()
                    .filter(|bytes| key.is_none() || Rule::decode(bytes).is_ok_and(|rule| named(&rule)))
                    .try_for_each(|rule| self.delete_rule(rule))
            }
        }
    }
}

/// The errno of the first item at fault.
fn first_fault(faults: &[batch::Fault]) -> io::Error {
    io::Error::from_raw_os_error(faults.first().map_or(Errno::EIO as i32, |fault| fault.errno))
}

impl Audit for Target {
    fn request(&mut self, kind: u16, payload: &[u8]) -> io::Result<Answer> {
        match self {
            Self::Daemon(socket) => socket.request(kind, payload),
            Self::Kernel(socket) => socket.request(kind, payload),
            Self::Held(..) if is_held(kind, payload) => Err(Errno::EPERM.into()),
            Self::Held(socket, _) => {
                let mut answer = socket.request(kind, payload)?;
                for part in answer.parts.iter_mut().filter(|part| part.kind == kind::GET) {
                    if let Some(status) = Status::decode(&part.payload) {
                        part.payload = Status { enabled: LOCKED, ..status }.encode();
                    }
                }
                Ok(answer)
            }
        }
    }
}

/// Whether the kernel would refuse this request while it is locked.
fn is_held(kind: u16, payload: &[u8]) -> bool {
    match kind {
        kind::ADD_RULE | kind::DEL_RULE | kind::TRIM | kind::MAKE_EQUIV => true,
        kind::SET => {
            Status::decode(payload).is_some_and(|wanted| HELD.iter().any(|field| wanted.sets(*field)))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_holds_rules_and_settings() {
        for field in HELD {
            assert!(is_held(kind::SET, &Status::only(field, 1).encode()), "{field:?}");
        }
        for field in [StatusField::Lost, StatusField::BacklogWaitTimeActual] {
            assert!(!is_held(kind::SET, &Status::only(field, 0).encode()), "{field:?}");
        }
        assert!(is_held(kind::ADD_RULE, &[]) && is_held(kind::DEL_RULE, &[]));
        assert!(!is_held(kind::LIST_RULES, &[]) && !is_held(kind::GET, &[]));
    }
}
