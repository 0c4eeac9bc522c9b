//! `struct audit_features`.

use super::word;

/// Bit of the feature that the audit uid, once set, cannot be changed (`AUDIT_FEATURE_LOGINUID_IMMUTABLE`).
const LOGINUID_IMMUTABLE: u32 = 1 << 1;
/// `AUDIT_FEATURE_VERSION`.
const VERSION: u32 = 1;

/// Switches of an audit system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Version of the struct, 1.
    pub version: u32,
    /// Bits that a request is about.
    pub mask: u32,
    /// Bits that are on, or to be switched on.
    pub features: u32,
    /// Bits that cannot be changed any more, or are to be locked.
    pub lock: u32,
}

impl Features {
    /// The request of `auditctl --loginuid-immutable`: on, and locked.
    pub const LOGINUID_IMMUTABLE: Self = Self {
        version: VERSION,
        mask: LOGINUID_IMMUTABLE,
        features: LOGINUID_IMMUTABLE,
        lock: LOGINUID_IMMUTABLE,
    };

    /// Whether the audit uid is immutable once set.
    pub fn loginuid_immutable(&self) -> bool {
        self.features & LOGINUID_IMMUTABLE != 0
    }

    /// Whether that can no longer be changed.
    pub fn loginuid_immutable_locked(&self) -> bool {
        self.lock & LOGINUID_IMMUTABLE != 0
    }

    /// The struct.
    pub fn encode(&self) -> Vec<u8> {
        [self.version, self.mask, self.features, self.lock].into_iter().flat_map(u32::to_ne_bytes).collect()
    }

    /// Reads the struct; `None` if it is cut short.
    pub fn decode(payload: &[u8]) -> Option<Self> {
        Some(Self {
            version: word(payload, 0)?,
            mask: word(payload, 1)?,
            features: word(payload, 2)?,
            lock: word(payload, 3)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_struct_comes_back() {
        let features = Features { version: 1, mask: 3, features: 2, lock: 0 };
        assert_eq!(Features::decode(&features.encode()), Some(features));
        assert!(features.loginuid_immutable() && !features.loginuid_immutable_locked());
        assert_eq!(Features::decode(&[0; 15]), None);
    }
}
