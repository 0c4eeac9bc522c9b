//! What may keep a case from being played on a kernel, found by trying it.

use nix::errno::Errno;

use crate::ring::{Entry, Operation, Ring};
use crate::syscall;

/// `None` when the kernel knows the call, which is made so that it is refused.
fn unknown(name: &str, result: Result<i64, Errno>) -> Option<String> {
    (result == Err(Errno::ENOSYS)).then(|| format!("this kernel has no {name}"))
}

/// fchmodat2(2), since 6.6.
pub fn no_fchmodat2() -> Option<String> {
    unknown("fchmodat2", syscall!(452, -1, c"", 0, 0))
}

/// `mount_setattr(2)`, since 5.12.
pub fn no_mount_setattr() -> Option<String> {
    unknown("mount_setattr", syscall!(libc::SYS_mount_setattr, -1, c"", 0, 0, 0))
}

/// `RESOLVE_CACHED` of openat2(2), since 5.12.
pub fn no_resolve_cached() -> Option<String> {
    const RESOLVE_CACHED: u64 = 0x20;
    let how: Vec<u8> = [0, 0, RESOLVE_CACHED].iter().flat_map(|word| word.to_ne_bytes()).collect();
    let result = syscall!(libc::SYS_openat2, libc::AT_FDCWD, c"/", &how, how.len());
    (result == Err(Errno::EINVAL)).then(|| "this kernel has no RESOLVE_CACHED".to_owned())
}

/// `io_uring`, with operations on names and with auditing, since 5.16.
pub fn no_audited_ring() -> Option<String> {
    let ring = match Ring::new() {
        Ok(ring) => ring,
        Err(error) => return Some(format!("{error:#}")),
    };
    // The last operation on names came one version before the auditing.
    let entry = Entry::two(Operation::Linkat, c"/nowhere/name", c"/nowhere/other", 0);
    match ring.run(&entry) {
        Ok(Err(Errno::ENOENT)) => None,
        other => Some(format!("linkat by io_uring answers {other:?}")),
    }
}

/// Whether the kernel is older than this; nothing but the number tells.
fn older_than(version: (u32, u32)) -> Option<String> {
    let release = nix::sys::utsname::uname().ok()?.release().to_string_lossy().into_owned();
    let mut numbers = release.split('.').map_while(|number| number.parse::<u32>().ok());
    ((numbers.next()?, numbers.next()?) < version).then_some(release)
}

/// Whether the kernel itself records the names that workers of `io_uring` look up: it does from 7.0 on.
pub fn names_of_ring_workers() -> bool {
    older_than((7, 0)).is_none()
}

/// The classes of `perm=` have not known openat2 before 5.16.
pub fn no_openat2_class() -> Option<String> {
    older_than((5, 16)).map(|release| format!("perm= does not know openat2 in {release}"))
}

/// Before 5.16 the outcome of a task's last syscall stays in its context (`audit_reset_context` is not there), and what is judged
/// before the outcome of the next is known, a removal, is judged by it.
pub fn stale_outcome() -> Option<String> {
    older_than((5, 16))
        .map(|release| format!("{release} judges a removal by the outcome of the syscall before"))
}

/// The text that a security module gives for this task; none where no module gives contexts.
fn context() -> Option<String> {
    let text = std::fs::read("/proc/self/attr/current").ok()?;
    Some(String::from_utf8_lossy(&text).trim_end_matches(['\0', '\n']).to_owned())
}

fn has_apparmor() -> bool {
    let enabled = std::fs::read("/sys/module/apparmor/parameters/enabled");
    enabled.is_ok_and(|text| text.first() == Some(&b'Y'))
}

/// `AppArmor` is not active.
pub fn no_apparmor() -> Option<String> {
    (!has_apparmor()).then(|| "AppArmor is not active".to_owned())
}

/// A module that knows fields of contexts which `AppArmor` does not; or refuses them.
pub fn contexts_by_others() -> Option<String> {
    context()
        .filter(|_| !has_apparmor())
        .map(|context| format!("this task is {context}, but AppArmor is not active"))
}

/// Any module that gives contexts.
pub fn some_contexts() -> Option<String> {
    context().map(|context| format!("a security module is active, this task is {context}"))
}
