//! Several requests in one ([`crate::audit::kind::BATCH`]): all of them take effect, or none.
//!
//! The payload is a row of items: kind (2 bytes), 2 zero bytes, length (4 bytes), payload, all little-endian. If the batch is
//! refused, the answer's parts are of kind `BATCH` too and name the items at fault: index (4 bytes), errno (4 bytes).

use crate::audit::Part;
use crate::audit::kind::BATCH;

/// Bytes before the payload of an item.
const ITEM_HEADER: usize = 8;

/// One request of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// Message type: `ADD_RULE`, `DEL_RULE`, `SET`, `DELETE_ALL`, ...
    pub kind: u16,
    /// Its payload.
    pub payload: &'a [u8],
}

/// The item that made a batch fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Index of the item, from 0.
    pub index: u32,
    /// Why it was refused, as an errno.
    pub errno: i32,
}

/// A batch that ends within an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("batch is cut short at byte {0}")]
pub struct CutShort(pub usize);

/// Appends an item to a batch.
pub fn push(batch: &mut Vec<u8>, kind: u16, payload: &[u8]) {
    batch.extend_from_slice(&kind.to_le_bytes());
    batch.extend_from_slice(&[0, 0]);
    batch.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    batch.extend_from_slice(payload);
}

/// The items of a batch.
pub fn items(batch: &[u8]) -> Result<Vec<Item<'_>>, CutShort> {
    let mut items = Vec::new();
    let mut rest = batch;
    while let Some((header, after)) = rest.split_first_chunk::<ITEM_HEADER>() {
        let [k0, k1, _, _, l0, l1, l2, l3] = *header;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let (payload, after) = after.split_at_checked(length).ok_or(CutShort(batch.len() - rest.len()))?;
        items.push(Item { kind: u16::from_le_bytes([k0, k1]), payload });
        rest = after;
    }
    if rest.is_empty() { Ok(items) } else { Err(CutShort(batch.len() - rest.len())) }
}

impl Fault {
    /// The part that says so.
    pub fn part(self) -> Part {
        let mut payload = self.index.to_le_bytes().to_vec();
        payload.extend_from_slice(&self.errno.to_le_bytes());
        Part { kind: BATCH, payload }
    }

    /// Reads a part; `None` if it is not one of these.
    pub fn from_part(part: &Part) -> Option<Self> {
        let (index, errno) = part.payload.split_first_chunk::<4>()?;
        let errno: [u8; 4] = errno.try_into().ok()?;
        (part.kind == BATCH)
            .then_some(Self { index: u32::from_le_bytes(*index), errno: i32::from_le_bytes(errno) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn items_come_back_and_a_cut_is_seen() {
        let mut batch = Vec::new();
        push(&mut batch, 1011, b"rule");
        push(&mut batch, 1001, b"");
        let expected = [Item { kind: 1011, payload: b"rule" }, Item { kind: 1001, payload: b"" }];
        assert_eq!(items(&batch).unwrap(), expected);
        for end in 0..batch.len() {
            assert_eq!(items(&batch[..end]).is_ok(), end == 0 || end == 12, "{end}");
        }
    }

    #[test]
    fn a_fault_comes_back() {
        let fault = Fault { index: 3, errno: 22 };
        assert_eq!(Fault::from_part(&fault.part()), Some(fault));
        assert_eq!(Fault::from_part(&Part { kind: BATCH, payload: vec![0; 7] }), None);
    }

    proptest! {
        #[test]
        fn garbage_is_no_panic(bytes: Vec<u8>) {
            let _ = items(&bytes);
        }
    }
}
