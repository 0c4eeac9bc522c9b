//! Who runs the program, and what they may do.

use std::fs;

/// Number of `CAP_AUDIT_CONTROL` (`linux/capability.h`).
const AUDIT_CONTROL: u32 = 30;

/// Whether the caller may run these: anybody may ask for help, root may list, and the rest needs `CAP_AUDIT_CONTROL`.
pub(super) fn may_run(words: &[Vec<u8>]) -> bool {
    let lone = match words {
        [word] => &word[..],
        _ => b"",
    };
    match lone {
        b"-h" | b"--help" => true,
        b"-l" if nix::unistd::geteuid().is_root() => true,
        _ => fs::read_to_string("/proc/self/status").is_ok_and(|status| can_control(&status)),
    }
}

/// Whether the effective set in the text of `/proc/PID/status` has the capability.
fn can_control(status: &str) -> bool {
    status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok())
        .is_some_and(|set| set & (1 << AUDIT_CONTROL) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_for_everybody_and_the_rest_needs_the_capability() {
        assert!(may_run(&[b"-h".to_vec()]));
        assert!(can_control("Name:\tx\nCapEff:\t0000000040000000\n"));
        assert!(!can_control("CapPrm:\tffffffffffffffff\nCapEff:\t0000000020000000\n"));
        assert!(!can_control(""));
    }
}
