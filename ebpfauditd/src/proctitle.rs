//! The title of a process, from the bytes of its argument area.

use crate::text::until_nul;

/// The longest title (`MAX_PROCTITLE_AUDIT_LEN` in `kernel/auditsc.c`).
const LONGEST: usize = 128;

/// `get_cmdline` (mm/util.c) and `audit_proctitle_rtrim`: `area` is the length of the argument area, 128 at most.
pub fn title((bytes, area): (&[u8], u16)) -> &[u8] {
    let area = usize::from(area).min(bytes.len());
    let mut title = &bytes[..area];
    if area < LONGEST && title.last().is_some_and(|&last| last != 0) {
        // the title was written over the arguments, perhaps on into the environment
        title = if title.contains(&0) { until_nul(title) } else { until_nul(bytes) };
    }
    // isprint of the kernel's Latin-1 table
    let printable = |byte: &u8| (0x20..=0x7e).contains(byte) || *byte >= 0xa0;
    let end = title.iter().rposition(printable).map_or(0, |last| last + 1);
    if end == 0 { b"(null)" } else { &title[..end] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_ends_where_the_kernel_ends_it() {
        assert_eq!(title((b"ls\0-l\0", 6)), b"ls\0-l");
        assert_eq!(title((b"", 0)), b"(null)");
        assert_eq!(title((b"\0\0", 2)), b"(null)");
        // overwritten: sshd-like titles
        assert_eq!(title((b"sshd: x\0zz", 10)), b"sshd: x");
        assert_eq!(title((b"abcdefENV=1\0", 6)), b"abcdefENV=1");
    }
}
