//! Numbers into record bodies, as the kernel's formats print them, without the machinery of `format!`: the hot path.

pub use compat::record::decimal;
use nix::libc;

/// Appends a signed decimal.
pub fn signed(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    decimal(out, value.unsigned_abs());
}

/// Appends lower-case hex without leading zeros (`%lx`).
pub fn hex(out: &mut Vec<u8>, value: u64) {
    hex_padded(out, value, 1);
}

/// Appends lower-case hex of at least `width` digits.
pub fn hex_padded(out: &mut Vec<u8>, value: u64, width: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let used = (64 - value.leading_zeros() as usize).div_ceil(4).max(width);
    let start = out.len();
    out.resize(start + used, 0);
    let mut rest = value;
    for digit in out[start..].iter_mut().rev() {
        *digit = DIGITS[rest as usize & 15];
        rest >>= 4;
    }
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
    hex_padded(out, u64::from(device >> 20), 2);
    out.push(b':');
    hex_padded(out, u64::from(device & 0xf_ffff), 2);
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
        assert_eq!(written(|out| capabilities(out, 0)), "0");
        assert_eq!(written(|out| capabilities(out, 0x3400)), "0000000000003400");
    }
}
