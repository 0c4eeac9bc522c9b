//! The control socket of our daemon: a unix stream socket that carries the requests of `NETLINK_AUDIT`, with the same numbers
//! and payloads ([`crate::audit`]), and a few that the kernel does not have.
//!
//! A client sends one request frame at a time. The daemon answers with any number of part frames and one end frame, which
//! carries a negated errno or a number. See [`frame`] for the bytes.
//!
//! Whoever has `CAP_AUDIT_CONTROL` may ask, as with the kernel. A client that is not root sends a socket of `NETLINK_AUDIT` along
//! with its first request (`SCM_RIGHTS`), so that the daemon can ask the kernel what the socket's opener may do.

pub mod batch;
mod client;
pub mod frame;
pub mod locked;
mod reply;

use std::path::{Path, PathBuf};

pub use client::ControlSocket;
pub use reply::Reply;

/// Directory of the socket unless said otherwise.
pub const RUN_DIR: &str = "/run/ebpfauditd";
/// Environment variable that names another directory.
pub const RUN_DIR_VARIABLE: &str = "EBPFAUDITD_RUN_DIR";

/// The socket in a run directory.
pub fn socket_path(run_dir: &Path) -> PathBuf {
    run_dir.join("control")
}

/// The directory where commands look for the daemon: the one that the environment names, or the usual one.
pub fn default_run_dir() -> PathBuf {
    std::env::var_os(RUN_DIR_VARIABLE).unwrap_or_else(|| RUN_DIR.into()).into()
}
