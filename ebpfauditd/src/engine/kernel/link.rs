//! The requests that the engine makes of the kernel, so that a test can stand in for it.

use std::io;

use compat::netlink::AuditSocket;

use crate::ruleset::Setting;

/// `struct audit_status`, as far as the engine reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelStatus {
    /// 0, 1 or 2.
    pub enabled: u32,
    /// 0, 1 or 2.
    pub failure: u32,
    /// The registered daemon, 0 if there is none.
    pub pid: u32,
    /// Records per second.
    pub rate_limit: u32,
    /// Records that may wait.
    pub backlog_limit: u32,
    /// Records lost since boot or the last reset.
    pub lost: u32,
    /// Records that wait.
    pub backlog: u32,
    /// Jiffies a task waits when the backlog is full.
    pub backlog_wait_time: u32,
    /// Jiffies tasks have waited; 0 on kernels that do not say.
    pub backlog_wait_time_actual: u32,
}

/// Requests over `NETLINK_AUDIT`, each answered before the next. Errors carry the kernel's errno.
pub trait Link {
    /// `AUDIT_GET`.
    fn status(&mut self) -> io::Result<KernelStatus>;
    /// `AUDIT_SET` of one value.
    fn set(&mut self, setting: Setting, value: u32) -> io::Result<()>;
    /// `AUDIT_LIST_RULES`.
    fn rules(&mut self) -> io::Result<Vec<Vec<u8>>>;
    /// `AUDIT_ADD_RULE`.
    fn add_rule(&mut self, rule: &[u8]) -> io::Result<()>;
    /// `AUDIT_DEL_RULE`.
    fn delete_rule(&mut self, rule: &[u8]) -> io::Result<()>;
    /// `AUDIT_SET` of the daemon's pid to 0.
    fn unregister(&mut self) -> io::Result<()>;
}
