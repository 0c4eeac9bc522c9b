//! What auditd looks like from outside: records, log lines, configuration, the control socket, netlink and the commands.
//!
//! Synchronous, and without eBPF: everything here can be used by a tool that only reads logs or talks to the daemon.

#![forbid(unsafe_code)]

pub mod audit;
pub mod boot_file;
pub mod cli;
pub mod conf;
pub mod control;
pub mod host;
pub mod interpret;
pub mod netlink;
pub mod record;
