//! The answer to a request, on the daemon's side.

use nix::errno::Errno;

use super::frame::{self, MAX_PAYLOAD, Role};
use crate::audit::Part;

/// What the daemon answers: data, then a number or an errno.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The data, in order. May come with an errno too.
    pub parts: Vec<Part>,
    /// The number in the end frame, or why the request was refused.
    pub result: Result<u32, Errno>,
}

impl Reply {
    /// Done, and nothing to say.
    pub fn done() -> Self {
        Self::value(0)
    }

    /// Done; the number is the old value for the resets (`AUDIT_STATUS_LOST`).
    pub fn value(value: u32) -> Self {
        Self { parts: Vec::new(), result: Ok(value) }
    }

    /// Refused.
    pub fn refused(errno: Errno) -> Self {
        Self { parts: Vec::new(), result: Err(errno) }
    }

    /// One message of data.
    pub fn data(kind: u16, payload: Vec<u8>) -> Self {
        Self::list(kind, [payload])
    }

    /// Any number of messages of data.
    pub fn list(kind: u16, payloads: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self { parts: payloads.into_iter().map(|payload| Part { kind, payload }).collect(), result: Ok(0) }
    }

    /// Text of any length: the client puts the parts together again.
    pub fn text(kind: u16, text: &[u8]) -> Self {
        Self::list(kind, text.chunks(MAX_PAYLOAD).map(<[u8]>::to_vec))
    }

    /// The frames of the answer to a request of this kind. Data that no frame can hold turns it into `EMSGSIZE`.
    pub fn encode(&self, kind: u16) -> Vec<u8> {
        let mut out = Vec::new();
        let mut number = match self.result {
            // Above that it would read as an errno; the old values are 32 bits wide in the kernel, with the same limit.
            Ok(value) => value.min(i32::MAX as u32) as i32,
            Err(errno) => -(errno as i32),
        };
        for part in &self.parts {
            if frame::write(&mut out, Role::Part, part.kind, &part.payload).is_err() {
                out.clear();
                number = -(Errno::EMSGSIZE as i32);
                break;
            }
        }
        end(&mut out, kind, number);
        out
    }
}

/// Appends an end frame: four bytes always fit.
fn end(out: &mut Vec<u8>, kind: u16, number: i32) {
    let written = frame::write(out, Role::End, kind, &number.to_le_bytes());
    debug_assert!(written.is_ok());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_with_its_number() {
        assert_eq!(Reply::done().encode(1000), [4, 0, 0, 0, 0xe8, 3, 1, 2, 0, 0, 0, 0]);
        assert_eq!(Reply::value(u32::MAX).encode(1)[8..], i32::MAX.to_le_bytes());
        assert_eq!(Reply::refused(Errno::EPERM).encode(1)[8..], (-1i32).to_le_bytes());
    }

    #[test]
    fn data_that_no_frame_holds_is_an_error() {
        let reply = Reply::data(1013, vec![0; MAX_PAYLOAD + 1]);
        assert_eq!(reply.encode(1013), Reply::refused(Errno::EMSGSIZE).encode(1013));
        assert_eq!(Reply::text(1, &vec![0; MAX_PAYLOAD + 1]).parts.len(), 2);
    }
}
