//! The status block.

use std::fmt::Write as _;

use crate::audit::{Features, Status};

/// The lines of the block; `interpret` gives words for some numbers.
pub(super) fn block(status: &Status, interpret: bool) -> String {
    let mut text = String::new();
    let (enabled, failure) = if interpret {
        (enabled(status.enabled).to_owned(), failure(status.failure).to_owned())
    } else {
        (status.enabled.to_string(), status.failure.to_string())
    };
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "enabled {enabled}\nfailure {failure}\npid {}\nrate_limit {}\nbacklog_limit {}\nlost {}\nbacklog {}\n\
         backlog_wait_time {}\n",
        status.pid,
        status.rate_limit,
        status.backlog_limit,
        status.lost,
        status.backlog,
        status.backlog_wait_time,
    );
    if let Some(waited) = status.backlog_wait_time_actual {
        let _ = writeln!(text, "backlog_wait_time_actual {waited}");
    }
    text
}

/// The line that only `-s` has.
pub(super) fn features(features: &Features) -> String {
    let locked = if features.loginuid_immutable_locked() { "locked" } else { "unlocked" };
    format!("loginuid_immutable {} {locked}\n", u8::from(features.loginuid_immutable()))
}

/// Of the daemon's counters those of what its programs in the kernel could not do, unless they are zero.
pub(super) fn failures(counters: &str) -> String {
    let failed = |line: &&str| line.starts_with("failed_") && !line.ends_with(" 0");
    counters.lines().filter(failed).fold(String::new(), |text, line| text + line + "\n")
}

fn enabled(number: u32) -> &'static str {
    match number {
        0 => "disable",
        1 => "enabled",
        2 => "enabled+immutable",
        _ => "unknown",
    }
}

fn failure(number: u32) -> &'static str {
    match number {
        0 => "silent",
        1 => "printk",
        2 => "panic",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_shown_when_there_are_any() {
        assert_eq!(failures("events_ebpf 9\nfailed_runs 0\nfailed_states 0\nlost 3\n"), "");
        assert_eq!(
            failures("failed_runs 10\nfailed_states 0\nfailed_names 2\n"),
            "failed_runs 10\nfailed_names 2\n"
        );
    }

    #[test]
    fn the_block_has_these_lines() {
        let status = Status { enabled: 2, failure: 0, pid: 612, lost: 7, ..Status::default() };
        assert_eq!(
            block(&status, false),
            "enabled 2\nfailure 0\npid 612\nrate_limit 0\nbacklog_limit 0\nlost 7\nbacklog 0\nbacklog_wait_time 0\n"
        );
        let status = Status { backlog_wait_time_actual: Some(3), ..status };
        let words = block(&status, true);
        assert!(words.starts_with("enabled enabled+immutable\nfailure silent\n"), "{words}");
        assert!(words.ends_with("backlog_wait_time 0\nbacklog_wait_time_actual 3\n"), "{words}");
    }

    #[test]
    fn the_feature_has_its_lock() {
        assert_eq!(features(&Features::default()), "loginuid_immutable 0 unlocked\n");
        assert_eq!(features(&Features::LOGINUID_IMMUTABLE), "loginuid_immutable 1 locked\n");
    }
}
