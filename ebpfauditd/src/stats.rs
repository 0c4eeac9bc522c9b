//! What was written and what was lost: counted where it happens, added up here.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the recorder counts; read by the main thread, written by the recorder alone.
#[derive(Debug, Default)]
pub struct Counters {
    ebpf_events: AtomicU64,
    kernel_events: AtomicU64,
    own_events: AtomicU64,
    records: AtomicU64,
    bytes: AtomicU64,
    unwritten_events: AtomicU64,
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
    /// Log lines written.
    pub records: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Events that came this far and could not be written.
    pub unwritten_events: u64,
}

impl Totals {
    /// Events of all origins that are in the log.
    pub fn written_events(&self) -> u64 {
        (self.ebpf_events + self.kernel_events + self.own_events).saturating_sub(self.unwritten_events)
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
        bump(counter, 1);
    }

    /// Counts a batch that is in the log.
    pub fn wrote(&self, records: u64, bytes: u64) {
        bump(&self.records, records);
        bump(&self.bytes, bytes);
    }

    /// Counts events that could not be written.
    pub fn failed(&self, events: u64) {
        bump(&self.unwritten_events, events);
    }

    /// The numbers now.
    pub fn totals(&self) -> Totals {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Totals {
            ebpf_events: read(&self.ebpf_events),
            kernel_events: read(&self.kernel_events),
            own_events: read(&self.own_events),
            records: read(&self.records),
            bytes: read(&self.bytes),
            unwritten_events: read(&self.unwritten_events),
        }
    }
}

/// One thread writes, so a plain load and store do; the locked instruction of `fetch_add` would be paid per event.
fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
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
        let before = |reason: &str| self.said.iter().find(|(name, _)| *name == reason).map_or(0, |(_, count)| *count);
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
    fn what_is_taken_is_written_or_failed() {
        let counters = Counters::default();
        counters.took(Origin::Ebpf);
        counters.took(Origin::Kernel);
        counters.took(Origin::Own);
        counters.failed(1);
        counters.wrote(4, 100);
        let totals = counters.totals();
        assert_eq!(totals.written_events(), 2);
        assert_eq!((totals.records, totals.bytes), (4, 100));
    }
}
