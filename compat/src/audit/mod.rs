//! What is asked of an audit system: the requests of `NETLINK_AUDIT` (`linux/audit.h`, `kernel/audit.c`), their payloads, and
//! the trait that the kernel and our daemon both answer to.
//!
//! Payloads are in host byte order, as the kernel has them.

mod feature;
pub mod kind;
mod status;

use std::io;

pub use feature::{FeatureChange, Features};
pub use status::{Status, StatusField};

/// One message of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Message type: that of the request for most answers.
    pub kind: u16,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// What came back for a request that was not refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The data, in order of arrival.
    pub parts: Vec<Part>,
    /// The number in the final acknowledgement: 0 but for resets, which give the old value.
    pub value: u32,
}

/// An audit system that takes requests: the kernel over netlink, or our daemon over its control socket.
///
/// Errors carry the errno with which the request was refused (`raw_os_error`), or say how the conversation broke.
pub trait Audit {
    /// Sends one request and waits for its whole answer.
    fn request(&mut self, kind: u16, payload: &[u8]) -> io::Result<Answer>;

    /// `AUDIT_GET`.
    fn status(&mut self) -> io::Result<Status> {
        let answer = self.request(kind::GET, &[])?;
        answer
            .parts
            .first()
            .and_then(|part| Status::decode(&part.payload))
            .ok_or_else(|| unreadable("status"))
    }

    /// `AUDIT_SET` of one value. Gives the number in the acknowledgement, which is the old value for the two resets.
    fn set(&mut self, field: StatusField, value: u32) -> io::Result<u32> {
        Ok(self.request(kind::SET, &Status::only(field, value).encode())?.value)
    }

    /// `AUDIT_GET_FEATURE`.
    fn features(&mut self) -> io::Result<Features> {
        let answer = self.request(kind::GET_FEATURE, &[])?;
        let part = answer.parts.first();
        part.and_then(|part| Features::decode(&part.payload)).ok_or_else(|| unreadable("features"))
    }

    /// `AUDIT_SET_FEATURE`.
    fn set_features(&mut self, features: &Features) -> io::Result<()> {
        self.request(kind::SET_FEATURE, &features.encode()).map(drop)
    }

    /// `AUDIT_LIST_RULES`: each a `struct audit_rule_data`, in the order of matching, list by list.
    fn list_rules(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let answer = self.request(kind::LIST_RULES, &[])?;
        Ok(answer
            .parts
            .into_iter()
            .filter(|part| part.kind == kind::LIST_RULES)
            .map(|part| part.payload)
            .collect())
    }

    /// `AUDIT_ADD_RULE` of a `struct audit_rule_data`.
    fn add_rule(&mut self, rule: &[u8]) -> io::Result<()> {
        self.request(kind::ADD_RULE, rule).map(drop)
    }

    /// `AUDIT_DEL_RULE` of a `struct audit_rule_data`.
    fn delete_rule(&mut self, rule: &[u8]) -> io::Result<()> {
        self.request(kind::DEL_RULE, rule).map(drop)
    }
}

fn unreadable(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the answer to the {what} request is unreadable"))
}

/// The `index`th 32-bit word of a payload.
fn word(payload: &[u8], index: usize) -> Option<u32> {
    let bytes = payload.get(index * 4..index * 4 + 4)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}
