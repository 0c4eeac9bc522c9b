//! The control socket of our daemon: a unix stream socket that carries the requests of `NETLINK_AUDIT`, with the same numbers
//! and payloads ([`crate::audit`]), and a few that the kernel does not have.
//!
//! A client sends one request frame at a time. The daemon answers with any number of part frames and one end frame, which
//! carries a negated errno or a number. See [`frame`] for the bytes.

pub mod batch;
mod client;
pub mod frame;
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

/// The socket that commands talk to: in the directory that the environment names, or in the usual one.
pub fn default_socket_path() -> PathBuf {
    socket_path(Path::new(&std::env::var_os(RUN_DIR_VARIABLE).unwrap_or_else(|| RUN_DIR.into())))
}
