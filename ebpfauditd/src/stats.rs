//! What was written and what was lost: counted where it happens, added up here.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sink::Counts;

/// What the recorder counts; read by the main thread, written by the recorder alone.
#[derive(Debug, Default)]
pub struct Counters {
    ebpf_events: AtomicU64,
    kernel_events: AtomicU64,
    own_events: AtomicU64,
    written: AtomicU64,
    bytes: AtomicU64,
    waiting: AtomicU64,
    lost: AtomicU64,
    discarded: AtomicU64,
}

/// Where an event came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Our eBPF programs, through the ring buffer.
    Ebpf,
    /// The kernel's own audit, through netlink.
    Kernel,
    /// The daemon itself: `DAEMON_*`, `CONFIG_CHANGE`.
    Own,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Events taken from the ring buffer.
    pub ebpf_events: u64,
    /// Events put together from kernel records.
    pub kernel_events: u64,
    /// Events the daemon made itself.
    pub own_events: u64,
    /// What became of the lines.
    pub lines: Counts,
}

impl Totals {
    /// Events of all origins.
    pub fn events(&self) -> u64 {
        self.ebpf_events + self.kernel_events + self.own_events
    }
}

impl Counters {
    /// Counts an event that was taken.
    pub fn took(&self, origin: Origin) {
        let counter = match origin {
            Origin::Ebpf => &self.ebpf_events,
            Origin::Kernel => &self.kernel_events,
            Origin::Own => &self.own_events,
        };
        // One thread writes, so a plain load and store do; the locked instruction of `fetch_add` would be paid per event.
        counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Publishes what the log has counted.
    pub fn lines(&self, counts: Counts) {
        self.written.store(counts.written, Ordering::Relaxed);
        self.bytes.store(counts.bytes, Ordering::Relaxed);
        self.waiting.store(counts.waiting, Ordering::Relaxed);
        self.lost.store(counts.lost, Ordering::Relaxed);
        self.discarded.store(counts.discarded, Ordering::Relaxed);
    }

    /// The numbers now.
    pub fn totals(&self) -> Totals {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Totals {
            ebpf_events: read(&self.ebpf_events),
            kernel_events: read(&self.kernel_events),
            own_events: read(&self.own_events),
            lines: Counts {
                written: read(&self.written),
                bytes: read(&self.bytes),
                waiting: read(&self.waiting),
                lost: read(&self.lost),
                discarded: read(&self.discarded),
            },
        }
    }
}

/// What was lost, by reason, since the daemon started. The reasons are words that can be field names of a record.
pub type Lost = Vec<(&'static str, u64)>;

/// Sum over all reasons.
pub fn total(lost: &[(&'static str, u64)]) -> u64 {
    lost.iter().map(|(_, count)| count).sum()
}

/// Remembers which losses have been said in the log.
#[derive(Debug, Default)]
pub struct LossNotice {
    said: Lost,
}

impl LossNotice {
    /// The fields that say what was lost since the last call: `lost=5 total=9 ring-full=3 disk=2`; `None` if nothing was.
    /// `lost` counts since the last record, `total` since the start, then each reason since the last record.
    pub fn news(&mut self, lost: &[(&'static str, u64)]) -> Option<String> {
        let before =
            |reason: &str| self.said.iter().find(|(name, _)| *name == reason).map_or(0, |(_, count)| *count);
        let mut reasons = String::new();
        let mut fresh = 0;
        for (reason, count) in lost {
            let more = count.saturating_sub(before(reason));
            if more > 0 {
                fresh += more;
                // Writing to a String cannot fail.
                let _ = write!(reasons, " {reason}={more}");
            }
        }
        if fresh == 0 {
            return None;
        }
        self.said = lost.to_vec();
        Some(format!("lost={fresh} total={}{reasons}", total(lost)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_said_once_with_its_reasons() {
        let mut notice = LossNotice::default();
        assert_eq!(notice.news(&[("ring-full", 0)]), None);
        assert_eq!(
            notice.news(&[("ring-full", 3), ("disk", 2), ("x", 0)]).as_deref(),
            Some("lost=5 total=5 ring-full=3 disk=2")
        );
        assert_eq!(notice.news(&[("ring-full", 3), ("disk", 2)]), None);
        assert_eq!(
            notice.news(&[("ring-full", 7), ("disk", 2)]).as_deref(),
            Some("lost=4 total=9 ring-full=4")
        );
    }

    #[test]
    fn events_are_counted_by_origin() {
        let counters = Counters::default();
        counters.took(Origin::Ebpf);
        counters.took(Origin::Ebpf);
        counters.took(Origin::Kernel);
        counters.took(Origin::Own);
        let lines = Counts { written: 4, bytes: 100, waiting: 1, lost: 2, discarded: 3 };
        counters.lines(lines);
        let totals = counters.totals();
        assert_eq!((totals.ebpf_events, totals.kernel_events, totals.own_events), (2, 1, 1));
        assert_eq!((totals.events(), totals.lines), (4, lines));
    }
}
