//! `struct nlmsghdr` and the acknowledgement behind it (`linux/netlink.h`).

/// Bytes of `struct nlmsghdr`.
pub const HEADER_SIZE: usize = 16;
/// `NLMSG_ERROR`: an acknowledgement, of success too.
pub(super) const ERROR: u16 = 2;
/// `NLMSG_DONE`: the end of a list.
pub(super) const DONE: u16 = 3;
/// `NLM_F_REQUEST | NLM_F_ACK`.
const REQUEST_WITH_ACK: u16 = 1 | 4;

/// `struct nlmsghdr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Length with this header, as the sender says. The kernel leaves the header out when it sends a record to the
    /// registered daemon (`audit_log_end`), so the length of the datagram is what counts for records.
    pub length: u32,
    /// Message type.
    pub kind: u16,
    /// `NLM_F_*`.
    pub flags: u16,
    /// Number of the request.
    pub sequence: u32,
    /// Port of the sender.
    pub port: u32,
}

impl Header {
    /// Reads the header of a datagram; `None` if it is shorter than one.
    pub fn decode(datagram: &[u8]) -> Option<Self> {
        let word = |at: usize| datagram.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
        let half = |at: usize| datagram.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes);
        Some(Self { length: word(0)?, kind: half(4)?, flags: half(6)?, sequence: word(8)?, port: word(12)? })
    }
}

/// A datagram that makes a request and asks for an acknowledgement.
pub(super) fn request(kind: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = HEADER_SIZE + payload.len();
    let mut datagram = Vec::with_capacity(length + 3);
    datagram.extend_from_slice(&(length as u32).to_ne_bytes());
    datagram.extend_from_slice(&kind.to_ne_bytes());
    datagram.extend_from_slice(&REQUEST_WITH_ACK.to_ne_bytes());
    datagram.extend_from_slice(&sequence.to_ne_bytes());
    datagram.extend_from_slice(&0u32.to_ne_bytes());
    datagram.extend_from_slice(payload);
    datagram.resize(length.next_multiple_of(4), 0);
    datagram
}

/// What a reply carries: the kernel pads the datagram to four bytes, its header tells the length before that.
pub(super) fn reply_payload(datagram: &[u8]) -> &[u8] {
    let said = Header::decode(datagram).map_or(0, |header| header.length as usize);
    let end = if (HEADER_SIZE..=datagram.len()).contains(&said) { said } else { datagram.len() };
    datagram.get(HEADER_SIZE..end).unwrap_or_default()
}

/// The number in an acknowledgement: a negated errno, 0, or an old value; `None` if it is cut short.
pub(super) fn acknowledged(payload: &[u8]) -> Option<i32> {
    payload.get(..4)?.try_into().ok().map(i32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_padded_and_says_its_length() {
        let datagram = request(1013, 7, b"abcde");
        assert_eq!(datagram.len(), 24);
        let header = Header::decode(&datagram).unwrap();
        assert_eq!(header, Header { length: 21, kind: 1013, flags: 5, sequence: 7, port: 0 });
        assert_eq!(reply_payload(&datagram), b"abcde");
    }

    #[test]
    fn a_length_that_cannot_be_is_not_believed() {
        let mut datagram = request(1000, 1, &[1; 8]);
        for wrong in [0u32, 15, 25, u32::MAX] {
            datagram[..4].copy_from_slice(&wrong.to_ne_bytes());
            assert_eq!(reply_payload(&datagram), [1; 8]);
        }
        assert_eq!(Header::decode(&datagram[..15]), None);
        assert_eq!(reply_payload(&datagram[..15]), b"");
        assert_eq!(acknowledged(&[1, 2, 3]), None);
        assert_eq!(acknowledged(&(-17i32).to_ne_bytes()), Some(-17));
    }
}
