//! Addresses of the kernel's variables that no BTF names.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};

/// Addresses of variables that programs read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Variables {
    /// `apparmor_blob_sizes`; 0 where `AppArmor` does not give contexts, or the kernel hides addresses.
    pub(super) apparmor_sizes: u64,
    /// The table of operations of `io_uring`; 0 where audit does not see operations, or the kernel hides addresses.
    pub(super) ring_operations: u64,
    /// Audit sees operations of `io_uring`.
    pub(super) audits_rings: bool,
}

impl Variables {
    /// Looks them up in `/proc/kallsyms`.
    pub(super) fn of_this_kernel() -> Self {
        let Ok(file) = File::open("/proc/kallsyms") else { return Self::default() };
        let mut found = Self::in_list(BufReader::with_capacity(1 << 16, file));
        let enabled = fs::read("/sys/module/apparmor/parameters/enabled");
        if !enabled.is_ok_and(|text| text.first() == Some(&b'Y')) {
            found.apparmor_sizes = 0;
        }
        found
    }

    fn in_list(list: impl BufRead) -> Self {
        let mut found = Self::default();
        for line in list.split(b'\n').map_while(Result::ok) {
            // address, kind, name; modules have their name behind it
            let mut words = line.split(|&byte| byte == b' ' || byte == b'\t');
            let (Some(address), Some(_), Some(name)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            let place = match name {
                b"apparmor_blob_sizes" => &mut found.apparmor_sizes,
                b"io_issue_defs" | b"io_op_defs" => &mut found.ring_operations,
                b"__audit_uring_exit" => {
                    found.audits_rings = true;
                    continue;
                }
                _ => continue,
            };
            *place = std::str::from_utf8(address)
                .ok()
                .and_then(|address| u64::from_str_radix(address, 16).ok())
                .unwrap_or_default();
        }
        if !found.audits_rings {
            found.ring_operations = 0;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_that_audit_does_not_see_are_not_looked_at() {
        let old = b"ffff000000000010 d io_op_defs\nffff000000000020 D apparmor_blob_sizes\n";
        let found = Variables::in_list(&old[..]);
        assert_eq!((found.apparmor_sizes, found.ring_operations), (0xffff_0000_0000_0020, 0));
        let new = [&old[..], b"ffff000000000030 T __audit_uring_exit\n"].concat();
        let found = Variables::in_list(&new[..]);
        assert!(found.audits_rings && found.ring_operations == 0xffff_0000_0000_0010);
    }
}
