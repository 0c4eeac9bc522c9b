//! Puts the kernel's records together again into events.
//!
//! The kernel sends one message per record. Records with one stamp are one event: those logged while a syscall runs come
//! first, the SYSCALL set follows at its exit and ends with EOE. A task without an audit context sends the same kinds of
//! record (`LOGIN`, `CONFIG_CHANGE`, `AVC`, ...) alone and without an EOE, and nothing in such a record tells which it is. So
//! these wait a little (`kernel-audit`: sections 1.4 and 1.5 of the project's facts).

use std::time::{Duration, Instant};

use compat::record::{Event, MessageType, Stamp};

/// How long a record that may be alone waits for a SYSCALL of the same event. The set follows at the exit of the syscall
/// that logged it, so microseconds later unless that syscall sleeps.
const ALONE: Duration = Duration::from_millis(100);
/// How long a set that has begun waits for its EOE: auditd's `end_of_event_timeout`, which libauparse uses too.
const END_OF_EVENT: Duration = Duration::from_secs(2);
/// Most events that wait at once. A set is sent in one go, so as many can be open as there are CPUs, and the rest are
/// records that may be alone; more than this means that the ends were lost.
const LIMIT: usize = 256;
/// Buffers kept for the next events.
const SPARE: usize = 16;

/// Records that wait for the rest of their event.
#[derive(Debug, Default)]
pub(super) struct Pending {
    waiting: Vec<Waiting>,
    spare: Vec<Event>,
}

#[derive(Debug)]
struct Waiting {
    stamp: Stamp,
    deadline: Instant,
    event: Event,
}

impl Pending {
    /// An empty table.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Takes one message of the kernel: `audit(SECONDS.MMM:SERIAL): BODY`. Hands out the events it completes.
    /// Returns how many those were.
    pub(super) fn record(
        &mut self,
        kind: MessageType,
        text: &[u8],
        now: Instant,
        sink: &mut dyn FnMut(&mut Event),
    ) -> usize {
        let Some((stamp, body)) = split(text) else {
            // Not seen from any kernel; kept rather than lost, with the time of its arrival.
            let mut event = self.buffer(crate::clock::now());
            event.push(kind, text);
            self.finish(event, sink);
            return 1;
        };
        let at = self.waiting.iter().rposition(|waiting| waiting.stamp == stamp);
        let Some(at) = at else {
            let mut event = self.buffer(stamp);
            event.push(kind, body);
            if always_alone(kind) {
                self.finish(event, sink);
                return 1;
            }
            let mut done = 0;
            if self.waiting.len() == LIMIT {
                let oldest = self.waiting.remove(0);
                self.finish(oldest.event, sink);
                done = 1;
            }
            self.waiting.push(Waiting { stamp, deadline: now + patience(kind), event });
            return done;
        };
        let waiting = &mut self.waiting[at];
        waiting.event.push(kind, body);
        if kind == MessageType::EOE {
            let whole = self.waiting.remove(at);
            self.finish(whole.event, sink);
            return 1;
        }
        waiting.deadline = waiting.deadline.max(now + patience(kind));
        0
    }

    /// Hands out what has waited long enough, oldest first. Returns how many events those were.
    pub(super) fn expire(&mut self, now: Instant, sink: &mut dyn FnMut(&mut Event)) -> usize {
        let before = self.waiting.len();
        let mut at = 0;
        while at < self.waiting.len() {
            if self.waiting[at].deadline <= now {
                let late = self.waiting.remove(at);
                self.finish(late.event, sink);
            } else {
                at += 1;
            }
        }
        before - self.waiting.len()
    }

    /// Hands out everything: nothing more will come.
    pub(super) fn flush(&mut self, sink: &mut dyn FnMut(&mut Event)) -> usize {
        let waiting = std::mem::take(&mut self.waiting);
        let count = waiting.len();
        for waiting in waiting {
            self.finish(waiting.event, sink);
        }
        count
    }

    /// When [`expire`](Self::expire) will next have something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.waiting.iter().map(|waiting| waiting.deadline).min()
    }

    fn buffer(&mut self, stamp: Stamp) -> Event {
        let mut event = self.spare.pop().unwrap_or_default();
        event.reset(stamp);
        event
    }

    fn finish(&mut self, mut event: Event, sink: &mut dyn FnMut(&mut Event)) {
        sink(&mut event);
        if self.spare.len() < SPARE {
            self.spare.push(event);
        }
    }
}

/// Types that the kernel never logs with a task's context (`kernel/audit.c` passes NULL): messages of programs, its own
/// first record, packets; and SECCOMP, which on x86 is decided before audit sees the syscall.
fn always_alone(kind: MessageType) -> bool {
    matches!(kind.0, 1005 | 1100..=1199 | 1324 | 1326 | 2000 | 2100..=2999)
}

/// How long an event waits after a record of this type.
fn patience(kind: MessageType) -> Duration {
    match kind.0 {
        // What is only ever sent as part of a set: SYSCALL to EXECVE but for CONFIG_CHANGE, and the later ones.
        1300..=1304 | 1306..=1318 | 1320..=1323 | 1327 | 1330 | 1333 | 1336 | 1337 => END_OF_EVENT,
        _ => ALONE,
    }
}

/// Splits a message into stamp and body.
fn split(text: &[u8]) -> Option<(Stamp, &[u8])> {
    let rest = text.strip_prefix(b"audit(")?;
    let end = rest.windows(2).take(48).position(|pair| pair == b"):")?;
    let stamp = Stamp::parse(&rest[..end])?;
    let body = &rest[end + 2..];
    Some((stamp, body.strip_prefix(b" ").unwrap_or(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "audit(1700000000.123:";

    /// Feeds records, returns each finished event as its serial and record types.
    fn feed(pending: &mut Pending, records: &[(u16, u32)], now: Instant) -> Vec<(u32, Vec<u16>)> {
        let mut out = Vec::new();
        for (kind, serial) in records {
            let text = format!("{AT}{serial}): body");
            pending.record(MessageType(*kind), text.as_bytes(), now, &mut |event| out.push(summary(event)));
        }
        out
    }

    fn summary(event: &Event) -> (u32, Vec<u16>) {
        (event.stamp().serial, event.records().map(|(kind, _)| kind.0).collect())
    }

    #[test]
    fn interleaved_sets_end_with_their_eoe() {
        let mut pending = Pending::new();
        let records = [
            (1300, 5),
            (1300, 6),
            (1307, 5),
            (1302, 6),
            (1302, 5),
            (1327, 5),
            (1320, 5),
            (1327, 6),
            (1320, 6),
        ];
        let done = feed(&mut pending, &records, Instant::now());
        assert_eq!(done, [(5, vec![1300, 1307, 1302, 1327, 1320]), (6, vec![1300, 1302, 1327, 1320])]);
        assert_eq!(pending.deadline(), None);
    }

    #[test]
    fn messages_of_programs_do_not_wait() {
        let mut pending = Pending::new();
        let done = feed(&mut pending, &[(1300, 1), (1112, 2), (1005, 3), (2404, 4)], Instant::now());
        assert_eq!(done.iter().map(|event| event.0).collect::<Vec<_>>(), [2, 3, 4]);
    }

    #[test]
    fn a_record_that_may_be_alone_waits_for_its_syscall() {
        let mut pending = Pending::new();
        let now = Instant::now();
        let done = feed(&mut pending, &[(1006, 1), (1006, 2), (1300, 1), (1320, 1)], now);
        assert_eq!(done, [(1, vec![1006, 1300, 1320])]);
        let mut late = Vec::new();
        assert_eq!(pending.expire(now, &mut |event| late.push(summary(event))), 0);
        assert_eq!(pending.deadline(), Some(now + ALONE));
        assert_eq!(pending.expire(now + ALONE, &mut |event| late.push(summary(event))), 1);
        assert_eq!(late, [(2, vec![1006])]);
    }

    #[test]
    fn a_set_whose_end_was_lost_is_handed_out_late_and_the_table_stays_bounded() {
        let mut pending = Pending::new();
        let now = Instant::now();
        let records: Vec<(u16, u32)> = (1..=LIMIT as u32 + 1).map(|serial| (1300, serial)).collect();
        assert_eq!(feed(&mut pending, &records, now), [(1, vec![1300])]);
        let mut late = 0;
        assert_eq!(pending.expire(now + END_OF_EVENT, &mut |_| late += 1), LIMIT);
        assert_eq!(late, LIMIT);
    }

    #[test]
    fn an_unreadable_stamp_loses_nothing() {
        let mut pending = Pending::new();
        let mut bodies = Vec::new();
        for text in [&b"nonsense"[..], b"audit(1.2.3:4): x", b""] {
            pending.record(MessageType(1300), text, Instant::now(), &mut |event| {
                bodies.push(event.records().next().map(|(_, body)| body.to_vec()).unwrap());
            });
        }
        assert_eq!(bodies, [b"nonsense".to_vec(), b"audit(1.2.3:4): x".to_vec(), Vec::new()]);
    }

    #[test]
    fn the_end_hands_out_what_waits() {
        let mut pending = Pending::new();
        feed(&mut pending, &[(1300, 1), (1006, 2)], Instant::now());
        let mut out = Vec::new();
        assert_eq!(pending.flush(&mut |event| out.push(event.stamp().serial)), 2);
        assert_eq!(out, [1, 2]);
    }
}
