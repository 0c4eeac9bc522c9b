//! The stamp that ties the records of one event together.

use std::fmt;

/// Time and serial number of an event, as in `audit(1700000000.123:100)`.
///
/// Two records with the same stamp belong to the same event; readers rely on nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// Seconds since the epoch, realtime clock.
    pub seconds: u64,
    /// Milliseconds of the second, 0 to 999.
    pub millis: u16,
    /// Number of the event.
    pub serial: u32,
}

impl Stamp {
    /// Appends `SECONDS.MMM:SERIAL`: three digits of milliseconds, nothing else padded (`audit_log_start` in
    /// `kernel/audit.c`).
    pub fn write(&self, out: &mut Vec<u8>) {
        decimal(out, self.seconds);
        let millis = self.millis;
        let digit = |n: u16| b'0' + (n % 10) as u8;
        out.extend_from_slice(&[b'.', digit(millis / 100), digit(millis / 10), digit(millis), b':']);
        decimal(out, u64::from(self.serial));
    }

    /// Reads `SECONDS.MMM:SERIAL`; `None` for anything else, with one exception: as auditd's own records may
    /// have it, fewer than three digits of milliseconds are taken as a number (`.7` is 7 ms).
    pub fn parse(text: &[u8]) -> Option<Self> {
        let dot = text.iter().position(|&b| b == b'.')?;
        let colon = dot + text[dot..].iter().position(|&b| b == b':')?;
        let millis = number(&text[dot + 1..colon])?;
        if millis > 999 {
            return None;
        }
        let serial = u32::try_from(number(&text[colon + 1..])?).ok()?;
        Some(Self { seconds: number(&text[..dot])?, millis: millis as u16, serial })
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}:{}", self.seconds, self.millis, self.serial)
    }
}

/// The decimal digits of the numbers below 100, two each.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

/// Appends `n` in decimal. Hand-made because `write!` costs several times as much and this is done some forty times for
/// every event.
pub fn decimal(out: &mut Vec<u8>, mut n: u64) {
    if n < 10 {
        out.push(b'0' + n as u8);
        return;
    }
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    while n >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[(n % 100) as usize]);
        n /= 100;
    }
    if n > 0 {
        at -= 1;
        digits[at] = b'0' + n as u8;
    }
    out.extend_from_slice(&digits[at..]);
}

/// Reads a non-empty run of decimal digits that fits 64 bits.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |n, &b| match b {
        b'0'..=b'9' => n.checked_mul(10)?.checked_add(u64::from(b - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn milliseconds_have_three_digits() {
        let mut out = Vec::new();
        Stamp { seconds: 1_700_000_000, millis: 7, serial: 42 }.write(&mut out);
        assert_eq!(out, b"1700000000.007:42");
    }

    #[test]
    fn malformed_stamps_are_refused() {
        for bad in ["", "1.2", "1:2", ".1:2", "1.:2", "1.1000:2", "1.1:", "1.1:4294967296", "x.1:2", "1.1:2 "]
        {
            assert_eq!(Stamp::parse(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn numbers_of_every_length() {
        for power in 0..20 {
            for n in [10u64.pow(power) - 1, 10u64.pow(power), 10u64.pow(power) / 20 * 21] {
                let mut out = Vec::new();
                decimal(&mut out, n);
                assert_eq!(std::str::from_utf8(&out).unwrap(), n.to_string());
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(seconds: u64, millis in 0u16..1000, serial: u32) {
            let stamp = Stamp { seconds, millis, serial };
            let mut out = Vec::new();
            stamp.write(&mut out);
            prop_assert_eq!(std::str::from_utf8(&out).unwrap(), stamp.to_string());
            prop_assert_eq!(Stamp::parse(&out), Some(stamp));
        }
    }
}
