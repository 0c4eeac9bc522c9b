//! The one sequence of event numbers.

use std::hash::{BuildHasher, RandomState};

/// Upper bound of the first number.
const FIRST_BELOW: u64 = 10_000;

/// Gives every event of the log its number, whatever engine it came from.
///
/// The kernel's numbers are not used: they start at one at boot and know nothing of events made by eBPF, so two events
/// of one millisecond could share a stamp. The first number is random, as auditd's is, so that the events of a restarted
/// daemon do not repeat the stamps of the one before it.
#[derive(Debug)]
pub struct Serial(u32);

impl Serial {
    /// A sequence with a random beginning between 1 and 10 000.
    pub fn random() -> Self {
        // RandomState takes its seed from the operating system's generator.
        Self((RandomState::new().hash_one(0u8) % FIRST_BELOW) as u32)
    }

    /// The next number. Wraps after 2^32 events, as the kernel's does, and leaves out 0.
    pub fn advance(&mut self) -> u32 {
        self.0 = self.0.checked_add(1).unwrap_or(1);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_zero_is_left_out_when_they_wrap() {
        let mut serial = Serial(u32::MAX - 1);
        assert_eq!([serial.advance(), serial.advance(), serial.advance()], [u32::MAX, 1, 2]);
    }

    #[test]
    fn the_first_number_is_small_and_not_zero() {
        let first = Serial::random().advance();
        assert!((1..=10_000).contains(&first), "{first}");
    }
}
