//! Numbers as C's `strtoul(text, NULL, 0)` and `strtol` read them: leading white space, a sign, a base told by its prefix,
//! and anything after the digits ignored.

use nom::{
    IResult, Parser,
    branch::alt,
    bytes::complete::{tag, take_while},
    character::complete::{char, one_of},
    combinator::{map, opt, peek, value, verify},
    sequence::preceded,
};

/// What was read: a magnitude, saturated at 64 bits, and its sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    negative: bool,
    magnitude: u64,
    /// Whether the magnitude did not fit in 64 bits.
    overflow: bool,
}

impl Number {
    /// As `strtoul`, stored in 32 bits.
    pub(crate) const fn unsigned(self) -> u32 {
        if self.overflow {
            return u32::MAX;
        }
        let word = self.magnitude as u32;
        if self.negative { word.wrapping_neg() } else { word }
    }

    /// As `strtol`, stored in 32 bits.
    pub(crate) const fn signed(self) -> u32 {
        const LOWEST: u64 = 1 << 63;
        match (self.negative, self.overflow) {
            (true, _) if self.overflow || self.magnitude >= LOWEST => 0,
            (false, _) if self.overflow || self.magnitude >= LOWEST => u32::MAX,
            _ => self.unsigned(),
        }
    }

    /// Whether `strtoul` would report `ERANGE`.
    pub(crate) const fn is_out_of_range(self) -> bool {
        self.overflow
    }
}

fn digits(base: u32) -> impl Fn(&[u8]) -> IResult<&[u8], (u64, bool)> {
    move |input| {
        map(take_while(move |byte| (byte as char).is_digit(base)), move |digits: &[u8]| {
            let mut sum = (0u64, false);
            for &digit in digits {
                let digit = u64::from((digit as char).to_digit(base).unwrap_or_default());
                let next = sum.0.checked_mul(u64::from(base)).and_then(|high| high.checked_add(digit));
                sum = next.map_or((u64::MAX, true), |low| (low, sum.1));
            }
            sum
        })
        .parse(input)
    }
}

/// `0x` counts as a prefix only before a digit; otherwise the number is the zero.
fn hex_prefix(input: &[u8]) -> IResult<&[u8], ()> {
    value(
        (),
        (
            char('0'),
            one_of("xX"),
            peek(verify(take_while(|b: u8| b.is_ascii_hexdigit()), |d: &[u8]| !d.is_empty())),
        ),
    )
    .parse(input)
}

fn number(base: Option<u32>) -> impl Fn(&[u8]) -> IResult<&[u8], Number> {
    move |input| {
        let space = take_while(|byte: u8| byte.is_ascii_whitespace() || byte == 0x0B);
        let (input, sign) = preceded(space, opt(one_of("+-"))).parse(input)?;
        let (rest, (magnitude, overflow)) = match base {
            Some(16) => alt((preceded(hex_prefix, digits(16)), digits(16))).parse(input)?,
            _ => {
                alt((preceded(hex_prefix, digits(16)), preceded(peek(tag(&b"0"[..])), digits(8)), digits(10)))
                    .parse(input)?
            }
        };
        Ok((rest, Number { negative: sign == Some('-'), magnitude, overflow }))
    }
}

/// Reads `text` with the base that its prefix tells; no digits read as 0.
pub(crate) fn read(text: &[u8]) -> Number {
    number(None)(text).map_or(Number { negative: false, magnitude: 0, overflow: false }, |(_, number)| number)
}

/// Reads `text` as hexadecimal, with or without `0x`.
pub(crate) fn read_hex(text: &[u8]) -> Number {
    number(Some(16))(text)
        .map_or(Number { negative: false, magnitude: 0, overflow: false }, |(_, number)| number)
}

/// Whether `text` starts with a digit: what the original asks before it takes a word for a number.
pub(crate) fn starts_with_digit(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_digit)
}

/// Whether `text` is a minus and then a digit.
pub(crate) fn starts_negative(text: &[u8]) -> bool {
    matches!(text, [b'-', digit, ..] if digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::{read, read_hex};

    #[test]
    fn reads_as_c_does() {
        for (text, expected) in [
            ("0", 0),
            ("10", 10),
            ("010", 8),
            ("08", 0),
            ("0x10", 16),
            ("0X1fz", 31),
            ("0x", 0),
            ("0xg", 0),
            ("8192abc", 8192),
            ("-1", u32::MAX),
            ("+7", 7),
            (" \t-2", u32::MAX - 1),
            ("", 0),
            ("abc", 0),
            ("4294967295", u32::MAX),
            ("4294967296", 0),
            ("99999999999999999999", u32::MAX),
        ] {
            assert_eq!(read(text.as_bytes()).unsigned(), expected, "{text}");
        }
        assert_eq!(read(b"9223372036854775808").signed(), u32::MAX);
        assert_eq!(read(b"9223372036854775808").unsigned(), 0);
        assert_eq!(read(b"-99999999999999999999").signed(), 0);
        assert!(read(b"18446744073709551616").is_out_of_range());
        assert_eq!(read_hex(b"c000003e").unsigned(), 0xC000_003E);
        assert_eq!(read_hex(b"0x14").unsigned(), 0x14);
        assert_eq!(read_hex(b"zork").unsigned(), 0);
    }
}
