//! Numbers of requests and answers (`linux/audit.h`), and those that only our daemon knows.

/// Ask for the status.
pub const GET: u16 = 1000;
/// Set values of the status, or register as the daemon.
pub const SET: u16 = 1001;
/// A message from `auditctl -m`, and its record.
pub const USER: u16 = 1005;
/// Ask who sent the daemon a signal.
pub const SIGNAL_INFO: u16 = 1010;
/// Add a rule.
pub const ADD_RULE: u16 = 1011;
/// Delete a rule.
pub const DEL_RULE: u16 = 1012;
/// List the rules.
pub const LIST_RULES: u16 = 1013;
/// Forget the marks of mounts that went away.
pub const TRIM: u16 = 1014;
/// Treat one directory as part of another.
pub const MAKE_EQUIV: u16 = 1015;
/// Ask whether the terminal input of the sender is recorded.
pub const TTY_GET: u16 = 1016;
/// Switch the recording of terminal input for the sender.
pub const TTY_SET: u16 = 1017;
/// Switch or lock a feature.
pub const SET_FEATURE: u16 = 1018;
/// Ask for the features.
pub const GET_FEATURE: u16 = 1019;

/// First number of what only our daemon answers; far above every audit message type.
pub const FIRST_OWN: u16 = 0xEB00;
/// Ask for the daemon's counters. Each part is text, lines of `name value`.
pub const COUNTERS: u16 = 0xEB00;
/// Ask for the plan. Each part is text, the lines of `ebpfauditd --plan`.
pub const PLAN: u16 = 0xEB01;
/// Several requests that take effect together or not at all; see [`crate::control::batch`].
pub const BATCH: u16 = 0xEB02;
/// Delete all rules, or those whose joined key contains the payload, if there is one.
pub const DELETE_ALL: u16 = 0xEB03;
/// Ask for each rule's engine and what it did. Each part is text.
pub const RULES_STATUS: u16 = 0xEB04;
/// Ask which rule would record what the payload names: a path or system calls, a zero byte between two. Each part is text.
pub const EXPLAIN: u16 = 0xEB05;
