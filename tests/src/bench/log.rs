//! Counting what a daemon wrote.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::interrupt;
use super::rules::KEY;

/// What is in a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// SYSCALL records that carry the key of the matching rules.
    pub(super) events: u64,
    /// Records of the types that follow such a SYSCALL record: EXECVE, CWD, PATH, PROCTITLE.
    pub(super) details: u64,
}

/// Reads the whole log.
pub(super) fn count(path: &Path) -> Result<Count> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    count_in(BufReader::with_capacity(1 << 20, file)).with_context(|| format!("reading {}", path.display()))
}

fn count_in(mut input: impl BufRead) -> Result<Count> {
    let key = format!("key=\"{KEY}\"");
    let mut count = Count::default();
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        if line.starts_with(b"type=SYSCALL ") {
            let found = line.windows(key.len()).any(|window| window == key.as_bytes());
            count.events += u64::from(found);
        } else {
            let detail = [&b"type=PATH "[..], b"type=CWD ", b"type=PROCTITLE ", b"type=EXECVE "];
            count.details += u64::from(detail.iter().any(|prefix| line.starts_with(prefix)));
        }
        line.clear();
    }
    Ok(count)
}

/// Waits until the log has not grown for a while. Gives the time of its last change, since the epoch.
pub(super) fn settle(path: &Path) -> Result<Duration> {
    const QUIET: Duration = Duration::from_millis(400);
    let mut last = None;
    loop {
        let data = std::fs::metadata(path).with_context(|| format!("looking at {}", path.display()))?;
        let seen = (data.size(), data.mtime(), data.mtime_nsec());
        if last == Some(seen) {
            return Ok(Duration::new(data.mtime() as u64, data.mtime_nsec() as u32));
        }
        last = Some(seen);
        interrupt::sleep(QUIET)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_details() {
        let log = b"type=DAEMON_START msg=audit(1.000:1): op=start\n\
            type=SYSCALL msg=audit(1.000:2): syscall=257 key=\"bench-matched\"\x1dARCH=x86_64\n\
            type=CWD msg=audit(1.000:2): cwd=\"/\"\n\
            type=PATH msg=audit(1.000:2): item=0\n\
            type=PROCTITLE msg=audit(1.000:2): proctitle=00\n\
            type=SYSCALL msg=audit(1.000:3): syscall=257 key=\"other\"\n";
        assert_eq!(count_in(&log[..]).unwrap(), Count { events: 1, details: 3 });
    }
}
