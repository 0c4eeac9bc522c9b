//! `struct audit_features`.

use super::word;

/// The features by their bits, as records name them (`audit_feature_names` in `kernel/audit.c`).
const NAMES: [&str; 2] = ["only_unset_loginuid", "loginuid_immutable"];
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

/// One feature that a request is about, for the record that tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureChange {
    /// Its name in records.
    pub name: &'static str,
    /// 1 if it was on.
    pub old: u32,
    /// 1 if it is to be.
    pub new: u32,
    /// 1 if it was locked.
    pub old_lock: u32,
    /// 1 if it is locked now.
    pub new_lock: u32,
}

impl FeatureChange {
    /// Whether the kernel refuses it.
    pub const fn is_refused(&self) -> bool {
        self.old_lock == 1 && self.new != self.old
    }
}

impl Features {
    /// What the kernel records of this request where the features are `present`: the first that is refused, for then nothing is done, or
    /// else each that is switched (`audit_set_feature` in `kernel/audit.c`).
    pub fn changes(&self, present: &Self) -> Vec<FeatureChange> {
        let named = NAMES.iter().enumerate().filter(|(bit, _)| self.mask >> bit & 1 == 1);
        let all: Vec<FeatureChange> = named
            .map(|(bit, &name)| {
                let is = |bits: u32| bits >> bit & 1;
                FeatureChange {
                    name,
                    old: is(present.features),
                    new: is(self.features),
                    old_lock: is(present.lock),
                    new_lock: is(present.lock | self.lock),
                }
            })
            .collect();
        match all.iter().find(|change| change.is_refused()) {
            Some(refused) => vec![*refused],
            None => all.into_iter().filter(|change| change.new != change.old).collect(),
        }
    }

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
    fn what_is_switched_is_told_and_what_is_refused_alone() {
        let off = Features::default();
        let names =
            |changes: Vec<FeatureChange>| changes.iter().map(|change| change.name).collect::<Vec<_>>();
        let done = Features::LOGINUID_IMMUTABLE.changes(&off);
        assert_eq!(
            done,
            [FeatureChange { name: "loginuid_immutable", old: 0, new: 1, old_lock: 0, new_lock: 1 }]
        );
        let on = Features::LOGINUID_IMMUTABLE;
        assert_eq!(Features::LOGINUID_IMMUTABLE.changes(&on), []);
        let both = Features { mask: 3, features: 1, ..off };
        assert_eq!(names(both.changes(&off)), ["only_unset_loginuid"]);
        let refused = both.changes(&on);
        assert_eq!(names(refused.clone()), ["loginuid_immutable"]);
        assert!(refused[0].is_refused() && !done[0].is_refused());
    }

    #[test]
    fn the_struct_comes_back() {
        let features = Features { version: 1, mask: 3, features: 2, lock: 0 };
        assert_eq!(Features::decode(&features.encode()), Some(features));
        assert!(features.loginuid_immutable() && !features.loginuid_immutable_locked());
        assert_eq!(Features::decode(&[0; 15]), None);
    }
}
