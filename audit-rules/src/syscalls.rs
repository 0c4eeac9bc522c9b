//! The set of system calls of a rule: the `mask` of `struct audit_rule_data`.

use std::fmt;
use std::hash::{Hash, Hasher};

/// A set of system call numbers 0 to 2047, as the kernel keeps it: 64 words of 32 bits.
///
/// The highest 16 numbers are not system calls: in what user space *sends*, they ask the kernel to add a whole
/// class of system calls (`AUDIT_CLASS_*`); the kernel clears them when it stores the rule.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SyscallSet([u32; Self::WORDS]);

impl Hash for SyscallSet {
    /// Of one number made of the words: rules are looked up by the thousand, and a careful hash of 256 bytes takes longer than that of
    /// all the rest of a rule.
    fn hash<H: Hasher>(&self, state: &mut H) {
        /// Odd, with no order in its bits: the golden ratio's.
        const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
        let fold = |folded: u64, pair: &[u32; 2]| {
            let pair = u64::from(pair[0]) | u64::from(pair[1]) << 32;
            (folded.rotate_left(5) ^ pair).wrapping_mul(MIX)
        };
        state.write_u64(self.0.as_chunks().0.iter().fold(0, fold));
    }
}

impl SyscallSet {
    /// `AUDIT_BITMASK_SIZE`.
    pub const WORDS: usize = 64;
    /// Numbers that a set can hold: 0 to `CAPACITY - 1`.
    pub const CAPACITY: u32 = 2048;
    /// Lowest number that stands for a class, not for a system call.
    pub const FIRST_CLASS_BIT: u32 = Self::CAPACITY - 16;

    /// No system call.
    pub const fn empty() -> Self {
        Self([0; Self::WORDS])
    }

    /// Every system call, as the kernel stores it: without the class numbers.
    pub const fn all() -> Self {
        let mut words = [u32::MAX; Self::WORDS];
        words[Self::WORDS - 1] = 0x0000_FFFF;
        Self(words)
    }

    /// The set with these words, as they stand in `struct audit_rule_data`.
    pub const fn from_words(words: [u32; Self::WORDS]) -> Self {
        Self(words)
    }

    /// The words as they stand in `struct audit_rule_data`.
    pub const fn words(&self) -> &[u32; Self::WORDS] {
        &self.0
    }

    /// Whether `number` is in the set. Numbers above 2047 (x32 calls) never are, as in the kernel.
    pub const fn contains(&self, number: u32) -> bool {
        number < Self::CAPACITY && self.0[(number / 32) as usize] & (1 << (number % 32)) != 0
    }

    /// Adds `number`; `false`, and nothing done, if it does not fit.
    pub const fn insert(&mut self, number: u32) -> bool {
        if number >= Self::CAPACITY {
            return false;
        }
        self.0[(number / 32) as usize] |= 1 << (number % 32);
        true
    }

    /// Takes `number` out.
    pub const fn remove(&mut self, number: u32) {
        if number < Self::CAPACITY {
            self.0[(number / 32) as usize] &= !(1 << (number % 32));
        }
    }

    /// Whether this is what `auditctl -l` calls `all`: the first 63 words full, whatever the last one holds.
    pub fn is_all(&self) -> bool {
        self.0[..Self::WORDS - 1].iter().all(|&word| word == u32::MAX)
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    /// How many numbers are in the set.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().zip((0..).step_by(32)).flat_map(|(&word, first)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros();
                rest &= rest.checked_sub(1)?;
                Some(first + bit)
            })
        })
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] | other.0[word]))
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] & other.0[word]))
    }

    /// Whether the two have a number in common.
    pub fn intersects(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(one, two)| one & two != 0)
    }
}

impl Default for SyscallSet {
    fn default() -> Self {
        Self::empty()
    }
}

impl FromIterator<u32> for SyscallSet {
    /// Numbers that do not fit are left out.
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut set = Self::empty();
        for number in numbers {
            set.insert(number);
        }
        set
    }
}

impl fmt::Debug for SyscallSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() { out.write_str("all") } else { out.debug_set().entries(self.iter()).finish() }
    }
}

#[cfg(test)]
mod tests {
    use super::SyscallSet;

    #[test]
    fn numbers_go_in_and_come_out_ascending() {
        let set: SyscallSet = [257, 2, 2047, 31, 32, 4096].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [2, 31, 32, 257, 2047]);
        assert!(set.contains(257) && !set.contains(258) && !set.contains(2048 + 2));
    }

    #[test]
    fn all_is_judged_by_the_first_63_words() {
        let mut set = SyscallSet::all();
        assert!(set.is_all());
        set.remove(2016);
        assert!(set.is_all(), "the last word does not count");
        set.remove(2015);
        assert!(!set.is_all());
    }
}
