//! Addresses of the kernel's variables that no BTF names.

use std::collections::HashMap;
use std::fs;

/// Addresses of variables that programs read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Variables {
    /// `apparmor_blob_sizes`; 0 where `AppArmor` does not give contexts, or the kernel hides addresses.
    pub(super) apparmor_sizes: u64,
    /// `selinux_blob_sizes`; 0 where `SELinux` is not active, or the kernel hides addresses.
    pub(super) selinux_sizes: u64,
    /// `selinux_state`, if `selinux_sizes` is known.
    pub(super) selinux_state: u64,
    /// `initial_sid_to_string`, names of contexts while no policy is loaded; 0 where the kernel does not tell it.
    pub(super) selinux_initial: u64,
    /// The table of operations of `io_uring`; 0 where audit does not see operations, or the kernel hides addresses.
    pub(super) ring_operations: u64,
    /// Audit sees operations of `io_uring`.
    pub(super) audits_rings: bool,
}

/// What the kernel's list of symbols is always asked for.
const NAMES: [&str; 4] = ["apparmor_blob_sizes", "io_issue_defs", "io_op_defs", "__audit_uring_exit"];
/// And where `SELinux` is active.
const SELINUX: [&str; 3] = ["selinux_blob_sizes", "selinux_state", "initial_sid_to_string"];

/// What the list of symbols of the kernel that runs is asked for.
pub(super) fn wanted() -> impl Iterator<Item = &'static str> {
    // its filesystem is there only if it is active
    let selinux = fs::read_to_string("/proc/filesystems").is_ok_and(|list| list.contains("selinuxfs"));
    NAMES.into_iter().chain(SELINUX.into_iter().filter(move |_| selinux))
}

impl Variables {
    /// Of the kernel that runs, by its list of symbols.
    pub(super) fn of_this_kernel(addresses: &HashMap<String, u64>) -> Self {
        let mut found = Self::of(addresses);
        let enabled = fs::read("/sys/module/apparmor/parameters/enabled");
        if !enabled.is_ok_and(|text| text.first() == Some(&b'Y')) {
            found.apparmor_sizes = 0;
        }
        found
    }

    fn of(addresses: &HashMap<String, u64>) -> Self {
        let [apparmor_sizes, new_operations, operations, ring_exit] =
            NAMES.map(|name| addresses.get(name).copied());
        let [sizes, state, initial] = SELINUX.map(|name| addresses.get(name).copied().unwrap_or(0));
        let ring_operations = ring_exit.and(new_operations.or(operations));
        Self {
            apparmor_sizes: apparmor_sizes.unwrap_or(0),
            selinux_sizes: if state == 0 { 0 } else { sizes },
            selinux_state: state,
            selinux_initial: initial,
            ring_operations: ring_operations.unwrap_or(0),
            audits_rings: ring_exit.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_that_audit_does_not_see_are_not_looked_at() {
        let address = |name: &str, address| (name.to_owned(), address);
        let mut list = HashMap::from([address("io_op_defs", 0x10), address("apparmor_blob_sizes", 0x20)]);
        let found = Variables::of(&list);
        assert_eq!((found.apparmor_sizes, found.ring_operations), (0x20, 0));
        list.insert("__audit_uring_exit".to_owned(), 0x30);
        let found = Variables::of(&list);
        assert!(found.audits_rings && found.ring_operations == 0x10);
    }
}
