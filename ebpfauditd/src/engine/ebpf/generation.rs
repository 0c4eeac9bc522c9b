//! What the recorder must know of the rules that decided an event: events of earlier generations may still be in the ring.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What decoding an event needs of the rules that decided it.
#[derive(Debug, Default)]
pub struct Generation {
    /// Key of each rule.
    pub keys: Vec<Option<Vec<u8>>>,
    /// Filesystems whose names are left out.
    pub hidden_filesystems: Vec<u32>,
}

/// Generations that are remembered. Events of as many may wait in the ring when the recorder cannot keep up and rules are added one
/// by one; what is older has its key printed as `(null)`.
const REMEMBERED: usize = 256;
/// The most keys that are remembered beyond the last two generations: rules by the thousand that are added one by one must not fill
/// the memory.
const KEYS: usize = 1 << 17;

/// The rules of recent generations, shared between the engine and the recorder's source.
#[derive(Debug, Default)]
pub struct Generations(Mutex<BTreeMap<u32, Arc<Generation>>>);

impl Generations {
    pub(super) fn add(&self, number: u32, generation: Generation) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(number, Arc::new(generation));
        let mut keys: usize = known.values().map(|generation| generation.keys.len()).sum();
        while known.len() > REMEMBERED || (known.len() > 2 && keys > KEYS) {
            keys -= known.pop_first().map_or(0, |(_, oldest)| oldest.keys.len());
        }
    }

    /// The rules of generation `number`.
    pub fn get(&self, number: u32) -> Option<Arc<Generation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
    }
}
