//! How strings that a user controls are written into records, so that they cannot forge fields.
//!
//! The kernel's `audit_log_untrustedstring` and `audit_log_n_hex` (`kernel/audit.c`) are the model.

/// Upper-case digits: every string the kernel encodes in hex uses them (numbers use lower case).
const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

/// Whether the kernel would refuse to write `text` between quotes: it has a `"`, a byte below 0x21 (space included) or
/// above 0x7e.
pub fn needs_hex(text: &[u8]) -> bool {
    let is_bad = |&b: &u8| b == b'"' || !(0x21..=0x7e).contains(&b);
    // Without a way out in between the compiler compares all eight at once.
    let (chunks, rest) = text.as_chunks::<8>();
    chunks.iter().any(|chunk| chunk.iter().fold(false, |bad, b| bad | is_bad(b))) || rest.iter().any(is_bad)
}

/// Appends `text` between double quotes, or as upper-case hex without quotes if it [needs](needs_hex) that.
/// An empty text is `""`.
pub fn untrusted(out: &mut Vec<u8>, text: &[u8]) {
    if needs_hex(text) {
        hex(out, text);
    } else {
        out.reserve(text.len() + 2);
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
    }
}

/// Appends every byte of `text` as two upper-case hex digits, without quotes.
pub fn hex(out: &mut Vec<u8>, text: &[u8]) {
    let start = out.len();
    out.resize(start + text.len() * 2, 0);
    let (pairs, _) = out[start..].as_chunks_mut::<2>();
    for (pair, &b) in pairs.iter_mut().zip(text) {
        *pair = [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]];
    }
}

/// The bytes behind hex digits of either case; `None` for an odd number of digits or anything else.
pub fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks_exact(2).map(|pair| Some(nibble(pair[0])? << 4 | nibble(pair[1])?)).collect()
}

/// Value of one hex digit of either case.
pub(crate) fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        untrusted(&mut out, text);
        out
    }

    #[test]
    fn texts_as_the_kernel_writes_them() {
        assert_eq!(written(b""), b"\"\"");
        assert_eq!(written(b"/usr/bin/cat"), b"\"/usr/bin/cat\"");
        assert_eq!(written(b"it's\\~!"), b"\"it's\\~!\"");
        assert_eq!(written(b"a b"), b"612062");
        assert_eq!(written(b"a\"b"), b"612262");
        assert_eq!(written(b"\x7f"), b"7F");
        assert_eq!(written("ä".as_bytes()), b"C3A4");
        assert_eq!(written(b"k1\x01k2"), b"6B31016B32");
    }

    proptest! {
        #[test]
        fn nothing_can_break_out_and_nothing_is_lost(text: Vec<u8>) {
            let out = written(&text);
            prop_assert!(out.iter().all(|b| (0x21..=0x7e).contains(b)));
            let back = match out.strip_prefix(b"\"") {
                Some(rest) => {
                    let inner = rest.strip_suffix(b"\"").unwrap();
                    prop_assert!(!inner.contains(&b'"'));
                    inner.to_vec()
                }
                None => unhex(&out).unwrap(),
            };
            prop_assert_eq!(back, text);
        }

        #[test]
        fn unhex_takes_both_cases_and_only_hex(text: Vec<u8>) {
            let mut out = Vec::new();
            hex(&mut out, &text);
            prop_assert_eq!(unhex(&out).unwrap(), text.clone());
            prop_assert_eq!(unhex(&out.to_ascii_lowercase()).unwrap(), text);
            out.push(b'0');
            prop_assert_eq!(unhex(&out), None);
        }
    }
}
