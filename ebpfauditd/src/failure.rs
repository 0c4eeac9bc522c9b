//! What happens when events are lost, by `-f`, as in the kernel (`audit_log_lost` and `audit_panic` in `kernel/audit.c`), which does
//! it for its own losses. The log says in any case what was lost.

use std::fs::OpenOptions;
use std::io::{self, Write};

use crate::ruleset::Settings;

/// `-f 0`: nobody is told.
const SILENT: u32 = 0;
/// `-f 2`: a machine that cannot record is to stop.
const PANIC: u32 = 2;
/// The kernel's log.
const KMSG: &str = "/dev/kmsg";
/// What it takes for a key of the system request.
const SYSRQ: &str = "/proc/sysrq-trigger";
/// The key that lets the kernel crash, and with that dump its memory or boot anew, as it is set up to.
const CRASH: &[u8] = b"c";

/// Events were lost: `news` says what, `total` how many altogether. Does not come back from `-f 2`, but where the kernel has no
/// system request.
pub fn lost(news: &str, total: u64, settings: Settings) {
    if settings.failure == SILENT {
        return;
    }
    log::warn!("events were lost: {news}");
    let lines = [
        format!(
            "<4>audit: audit_lost={total} audit_rate_limit={} audit_backlog_limit={}\n",
            settings.rate_limit, settings.backlog_limit
        ),
        format!("<3>audit: events were lost: {news}\n"),
    ];
    for line in lines {
        if let Err(error) = append(KMSG, line.as_bytes()) {
            log::debug!("cannot write to {KMSG}: {error}");
        }
    }
    if settings.failure == PANIC {
        log::error!("events were lost and the failure mode is 2 (panic): stopping the machine");
        if let Err(error) = append(SYSRQ, CRASH) {
            log::error!("cannot stop the machine through {SYSRQ}: {error}");
        }
    }
}

/// One write: each is a line of its own to the kernel.
fn append(path: &str, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write_all(bytes)
}
