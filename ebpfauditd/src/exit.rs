//! Exit codes, as auditd has them (`src/auditd.c`; systemd units name 2, 4 and 6 as not worth a restart).

/// Everything went as it should.
pub const OK: u8 = 0;
/// The daemon could not start, or could not go on.
pub const FAILED: u8 = 1;
/// The command line is wrong.
pub const USAGE: u8 = 2;
/// Not enough privilege.
pub const PRIVILEGE: u8 = 4;
/// `auditd.conf` or `audit.rules` is wrong.
pub const CONFIG: u8 = 6;
