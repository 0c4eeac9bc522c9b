//! Addresses of the kernel's variables that no BTF names.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};

/// Address of the kernel's `apparmor_blob_sizes`; 0 where `AppArmor` does not give contexts, or the kernel hides addresses.
pub(super) fn apparmor_sizes() -> u64 {
    let enabled = fs::read("/sys/module/apparmor/parameters/enabled");
    if enabled.is_ok_and(|text| text.first() == Some(&b'Y')) { address("apparmor_blob_sizes") } else { 0 }
}

/// Address of a symbol by `/proc/kallsyms`, 0: there is none.
fn address(symbol: &str) -> u64 {
    let Ok(file) = File::open("/proc/kallsyms") else { return 0 };
    let mut lines = BufReader::with_capacity(1 << 16, file).lines().map_while(Result::ok);
    let found = lines.find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let address = words.next()?.to_owned();
        (words.nth(1) == Some(symbol)).then_some(address)
    });
    found.and_then(|address| u64::from_str_radix(&address, 16).ok()).unwrap_or_default()
}
