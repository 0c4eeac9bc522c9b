//! What this process may do, and the few limits it changes for itself.

use std::fs;
use std::io;

use nix::libc;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};

/// auditd's words for a caller without the privilege.
pub const NEEDED: &str = "You must be root or have capabilities to run this program.";

/// Capability number of `CAP_AUDIT_CONTROL` (`linux/capability.h`), which auditd asks for.
const AUDIT_CONTROL: u32 = 30;

/// Whether this process has `CAP_AUDIT_CONTROL`.
pub fn may_control_audit() -> io::Result<bool> {
    Ok(can_control(&fs::read_to_string("/proc/self/status")?))
}

/// Whether another process has it at this moment, and not only in a user namespace of its own, as far as we may see that. One that
/// is gone has nothing.
pub fn controls_audit(pid: u32) -> bool {
    let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/user")).ok();
    fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|status| can_control(&status))
        && namespace(&pid.to_string()).is_none_or(|theirs| Some(theirs) == namespace("self"))
}

fn can_control(status: &str) -> bool {
    effective(status).is_some_and(|set| set & (1 << AUDIT_CONTROL) != 0)
}

/// The effective set in the text of `/proc/PID/status`.
fn effective(status: &str) -> Option<u64> {
    let digits = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?.trim();
    u64::from_str_radix(digits, 16).ok()
}

/// Makes the daemon hard to stop by accident: no limit on file size and CPU time (auditd does the same), and the last to
/// be chosen when memory is short; and runs it before others, `boost` being auditd.conf's `priority_boost`. It may have as many
/// descriptors as its hard limit allows: a program that is attached takes up to four, and when rules change both the old and the new
/// are. (A program that it starts is to get the usual 1024 back, for select(2) knows no more.) What is refused is only reported:
/// the daemon works without.
pub fn harden(boost: u32) {
    for (resource, name) in [(Resource::RLIMIT_FSIZE, "file size"), (Resource::RLIMIT_CPU, "CPU time")] {
        if let Err(error) = setrlimit(resource, RLIM_INFINITY, RLIM_INFINITY) {
            log::debug!("cannot lift the limit on {name}: {error}");
        }
    }
    let descriptors = Resource::RLIMIT_NOFILE;
    if let Err(error) = getrlimit(descriptors).and_then(|(_, most)| setrlimit(descriptors, most, most)) {
        log::debug!("cannot raise the limit on descriptors: {error}");
    }
    if boost > 0 {
        // SAFETY: setpriority takes three integers and touches no memory of ours. PRIO_PROCESS with 0 is the calling thread;
        // the threads started later inherit its value.
        let result =
            unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -i32::try_from(boost.min(20)).unwrap_or(0)) };
        if result != 0 {
            log::warn!("Cannot change priority ({})", io::Error::last_os_error());
        }
    }
    if let Err(error) = fs::write("/proc/self/oom_score_adj", "-1000") {
        log::debug!("cannot set oom_score_adj: {error}");
    }
}

/// Gives the memory that only the start needed (the kernel's type information, the parsed object) back to the system, which
/// the C library's allocator would keep.
pub fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim may be called at any time and by any thread; it only returns free pages.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effective_set_is_read_from_the_status_file() {
        let status = "Name:\tx\nCapInh:\t0000000000000000\nCapEff:\t0000000040000000\n";
        assert_eq!(effective(status), Some(1 << AUDIT_CONTROL));
        assert_eq!(effective("Name:\tx\n"), None);
    }
}
