//! Numbers into record bodies, as the kernel's formats print them, without the machinery of `format!`: the hot path.

pub use compat::record::decimal;
use compat::record::{Event, Id};
use nix::libc;

/// Appends a signed decimal.
pub fn signed(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    decimal(out, value.unsigned_abs());
}

/// Lower-case digits: numbers use them.
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends lower-case hex without leading zeros (`%lx`).
pub fn hex(out: &mut Vec<u8>, value: u64) {
    hex_padded(out, value, 1);
}

/// Appends lower-case hex of at least `width` digits, which are 16 at most.
pub fn hex_padded(out: &mut Vec<u8>, value: u64, width: usize) {
    let used = (64 - value.leading_zeros() as usize).div_ceil(4).max(width);
    let mut digits = [b'0'; 16];
    let mut rest = value;
    for digit in digits.iter_mut().rev().take(used) {
        *digit = HEX[rest as usize & 15];
        rest >>= 4;
    }
    out.extend_from_slice(&digits[digits.len().saturating_sub(used)..]);
}

/// Appends octal with a leading zero (`%#o`); zero is `0`.
pub fn octal(out: &mut Vec<u8>, value: u64) {
    out.push(b'0');
    let digits = (64 - value.leading_zeros() as usize).div_ceil(3);
    for place in (0..digits).rev() {
        out.push(b'0' + (value >> (3 * place)) as u8 % 8);
    }
}

/// Appends a device as `%02x:%02x` of its major and minor; `device` is the kernel's own number (20 bits of minor).
pub fn device(out: &mut Vec<u8>, device: u32) {
    let (major, minor) = (device >> 20, device & 0xf_ffff);
    if major < 0x100 && minor < 0x100 {
        let digit = |value: u32| HEX[value as usize & 15];
        out.extend_from_slice(&[digit(major >> 4), digit(major), b':', digit(minor >> 4), digit(minor)]);
        return;
    }
    hex_padded(out, u64::from(major), 2);
    out.push(b':');
    hex_padded(out, u64::from(minor), 2);
}

/// Appends a capability set: 16 digits, or `0` for the empty one (`audit_log_cap`).
pub fn capabilities(out: &mut Vec<u8>, set: u64) {
    if set == 0 {
        out.push(b'0');
    } else {
        hex_padded(out, set, 16);
    }
}

/// Appends a label like ` uid=` and an unsigned decimal.
#[inline]
pub fn field(out: &mut Vec<u8>, label: &'static str, value: u32) {
    word(out, label);
    decimal(out, u64::from(value));
}

/// Appends a label like ` uid=` and a user, and notes it.
#[inline]
pub fn user(event: &mut Event, label: &'static str, uid: u32) {
    field(event.body_mut(), label, uid);
    event.note(label, Id::User(uid));
}

/// Appends a label like ` gid=` and a group, and notes it.
#[inline]
pub fn group(event: &mut Event, label: &'static str, gid: u32) {
    field(event.body_mut(), label, gid);
    event.note(label, Id::Group(gid));
}

/// Says that all of the record is noted, unless in `foreign`, of which others choose the words, there is more than the `=` behind
/// its own label: a context may have what looks like another field.
pub fn noted(event: &mut Event, foreign: std::ops::Range<usize>) {
    let text = event.body_mut().get(foreign).unwrap_or_default();
    if memchr::memchr_iter(b'=', text).count() <= 1 {
        event.set_noted();
    }
}

/// Appends text that is not from outside.
#[inline]
pub fn word(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// Bytes up to the first NUL.
pub fn until_nul(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    &bytes[..end]
}

/// `AT_FDCWD` as it stands in an argument register.
pub const AT_FDCWD: i32 = libc::AT_FDCWD;

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_print_as_the_kernel_prints_them() {
        for value in [0u64, 1, 9, 10, 4_294_967_295, u64::MAX] {
            assert_eq!(written(|out| decimal(out, value)), value.to_string());
            assert_eq!(written(|out| hex(out, value)), format!("{value:x}"));
        }
        for value in [0i64, -1, i64::MIN, i64::MAX] {
            assert_eq!(written(|out| signed(out, value)), value.to_string());
        }
        assert_eq!(written(|out| octal(out, 0)), "0");
        assert_eq!(written(|out| octal(out, 0o100_644)), "0100644");
        assert_eq!(written(|out| octal(out, 0o40_755)), "040755");
        assert_eq!(written(|out| device(out, 0xfe << 20)), "fe:00");
        assert_eq!(written(|out| device(out, 8 << 20 | 0x123)), "08:123");
        assert_eq!(written(|out| device(out, 0x1a << 20 | 0xf)), "1a:0f");
        assert_eq!(written(|out| device(out, 0x100 << 20)), "100:00");
        assert_eq!(written(|out| capabilities(out, 0)), "0");
        assert_eq!(written(|out| capabilities(out, 0x3400)), "0000000000003400");
    }
}
