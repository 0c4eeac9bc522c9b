//! The machine's name at the beginning of a line (`name_format`).

use std::ffi::{CStr, CString};
use std::net::{IpAddr, ToSocketAddrs};
use std::ptr;

use nix::libc;

/// What `gethostname` returns.
const HOSTNAME: &str = "/proc/sys/kernel/hostname";

/// Why the machine has no such name.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Not even a host name.
    #[error("Unable to get machine name")]
    NoHostname,
    /// The host name, and what the resolver said.
    #[error("Cannot resolve hostname {0} ({1})")]
    Unresolved(String, String),
}

/// `name_format = hostname`
pub(super) fn hostname() -> Result<Vec<u8>, NodeError> {
    let name = std::fs::read(HOSTNAME).map_err(|_| NodeError::NoHostname)?;
    let name = name.trim_ascii_end();
    if name.is_empty() { Err(NodeError::NoHostname) } else { Ok(name.to_vec()) }
}

/// `name_format = numeric`: the first address behind the host name.
pub(super) fn numeric() -> Result<Vec<u8>, NodeError> {
    let name = String::from_utf8_lossy(&hostname()?).into_owned();
    let address = (name.as_str(), 0)
        .to_socket_addrs()
        .map_err(|error| NodeError::Unresolved(name.clone(), error.to_string()))?
        .map(|address| address.ip())
        .next()
        .ok_or_else(|| NodeError::Unresolved(name, "no address".to_owned()))?;
    Ok(match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => address.to_string(),
    }
    .into_bytes())
}

/// `name_format = fqd`: the canonical name behind the host name.
pub(super) fn fully_qualified() -> Result<Vec<u8>, NodeError> {
    let name = hostname()?;
    let shown = String::from_utf8_lossy(&name).into_owned();
    let name = CString::new(name).map_err(|_| NodeError::NoHostname)?;
    // SAFETY: addrinfo is a C struct of integers and pointers, for which all zeros is the documented empty hint.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_flags = libc::AI_ADDRCONFIG | libc::AI_CANONNAME;
    hints.ai_socktype = libc::SOCK_STREAM;
    let mut list: *mut libc::addrinfo = ptr::null_mut();
    // SAFETY: the name is a C string, the hints and the result are ours and outlive the call.
    let code = unsafe { libc::getaddrinfo(name.as_ptr(), ptr::null(), &raw const hints, &raw mut list) };
    if code != 0 || list.is_null() {
        // SAFETY: gai_strerror returns a static string for every code.
        let reason = unsafe { CStr::from_ptr(libc::gai_strerror(code)) };
        return Err(NodeError::Unresolved(shown, reason.to_string_lossy().into_owned()));
    }
    // SAFETY: on success list points to at least one entry; its canonical name is NULL or a C string; both live until
    // freeaddrinfo.
    let canonical = unsafe {
        let canonical = (*list).ai_canonname;
        if canonical.is_null() { None } else { Some(CStr::from_ptr(canonical).to_bytes().to_vec()) }
    };
    // SAFETY: list came from getaddrinfo and is freed once.
    unsafe { libc::freeaddrinfo(list) };
    canonical.ok_or_else(|| NodeError::Unresolved(shown, "no canonical name".to_owned()))
}
