//! One frame: eight bytes of header, then the payload.
//!
//! | bytes | meaning |
//! |---|---|
//! | 0-3 | length of the payload, little-endian |
//! | 4-5 | kind: the message type, little-endian |
//! | 6 | version of the protocol, 1 |
//! | 7 | role: 0 request, 1 part of an answer, 2 end of an answer |

use crate::audit::kind;

/// Version that this program speaks. Another one is refused, because the length could not be trusted.
pub const VERSION: u8 = 1;
/// Bytes of the header.
pub const HEADER_SIZE: usize = 8;
/// Most bytes of a payload: a rule with 64 strings of `PATH_MAX` bytes fits.
pub const MAX_PAYLOAD: usize = 272 << 10;
/// Most bytes of a [`kind::BATCH`]: some 60 000 rules, several times what the largest rule files have.
pub const MAX_BATCH: usize = 64 << 20;

/// What a frame is in the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// From the client.
    Request = 0,
    /// Data of an answer.
    Part = 1,
    /// The last frame of an answer: a 32-bit little-endian number, an errno if negative.
    End = 2,
}

/// Why a header cannot be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The peer speaks another version, or no such protocol at all.
    #[error("control frame of version {0}, where {VERSION} is spoken")]
    Version(u8),
    /// A role that does not exist.
    #[error("control frame of unknown role {0}")]
    Role(u8),
    /// The payload is larger than its kind may be.
    #[error("control frame of kind {kind} with {length} bytes, where {limit} are the most")]
    TooLong {
        /// Kind of the frame.
        kind: u16,
        /// Length that it claims.
        length: usize,
        /// Length that it may have.
        limit: usize,
    },
}

/// A header that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the frame is.
    pub role: Role,
    /// Message type.
    pub kind: u16,
    /// Bytes that follow.
    pub length: usize,
}

impl Header {
    /// Reads a header and checks it.
    pub fn decode(bytes: [u8; HEADER_SIZE]) -> Result<Self, FrameError> {
        let [l0, l1, l2, l3, k0, k1, version, role] = bytes;
        if version != VERSION {
            return Err(FrameError::Version(version));
        }
        let role = match role {
            0 => Role::Request,
            1 => Role::Part,
            2 => Role::End,
            other => return Err(FrameError::Role(other)),
        };
        let kind = u16::from_le_bytes([k0, k1]);
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let limit = limit(role, kind);
        if length > limit {
            return Err(FrameError::TooLong { kind, length, limit });
        }
        Ok(Self { role, kind, length })
    }
}

/// Most bytes that the payload of such a frame may have.
pub fn limit(role: Role, kind: u16) -> usize {
    match (role, kind) {
        (Role::End, _) => 4,
        (Role::Request, kind::BATCH) => MAX_BATCH,
        _ => MAX_PAYLOAD,
    }
}

/// Appends a frame.
///
/// # Errors
/// [`FrameError::TooLong`], and `out` is as it was.
pub fn write(out: &mut Vec<u8>, role: Role, kind: u16, payload: &[u8]) -> Result<(), FrameError> {
    let limit = limit(role, kind);
    if payload.len() > limit {
        return Err(FrameError::TooLong { kind, length: payload.len(), limit });
    }
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&[VERSION, role as u8]);
    out.extend_from_slice(payload);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_frame_has_these_bytes() {
        let mut out = Vec::new();
        write(&mut out, Role::Request, 1013, b"ab").unwrap();
        assert_eq!(out, [2, 0, 0, 0, 0xf5, 3, 1, 0, b'a', b'b']);
        let header = Header::decode(out[..HEADER_SIZE].try_into().unwrap()).unwrap();
        assert_eq!(header, Header { role: Role::Request, kind: 1013, length: 2 });
    }

    #[test]
    fn what_is_too_long_is_neither_written_nor_read() {
        let mut out = Vec::new();
        let payload = vec![0; MAX_PAYLOAD + 1];
        assert!(write(&mut out, Role::Request, 1013, &payload).is_err());
        assert!(write(&mut out, Role::End, 1013, &[0; 5]).is_err());
        assert!(out.is_empty());
        assert!(write(&mut out, Role::Request, kind::BATCH, &payload).is_ok());
        assert_eq!(
            Header::decode([1, 0, 0, 4, 2, 0xeb, 1, 0]),
            Err(FrameError::TooLong { kind: kind::BATCH, length: MAX_BATCH + 1, limit: MAX_BATCH })
        );
        assert_eq!(Header::decode([0, 0, 0, 0, 0, 0, 2, 0]), Err(FrameError::Version(2)));
        assert_eq!(Header::decode([0, 0, 0, 0, 0, 0, 1, 3]), Err(FrameError::Role(3)));
    }

    proptest! {
        #[test]
        fn any_header_is_refused_or_within_its_limit(bytes: [u8; HEADER_SIZE]) {
            if let Ok(header) = Header::decode(bytes) {
                prop_assert!(header.length <= limit(header.role, header.kind));
            }
        }
    }
}
