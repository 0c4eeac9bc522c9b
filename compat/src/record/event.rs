//! A reusable buffer that holds one event.

use super::{MessageType, Stamp};

/// One event: a stamp and its records in order.
///
/// The buffer is made once and [`reset`](Event::reset) for each event, so that no record costs an allocation: all bodies
/// lie one after the other in one `Vec`.
///
/// ```
/// use compat::record::{Event, MessageType, Stamp};
/// let mut event = Event::new();
/// event.reset(Stamp { seconds: 1_700_000_000, millis: 123, serial: 7 });
/// event.begin(MessageType::CWD);
/// event.body_mut().extend_from_slice(b"cwd=\"/root\"");
/// event.begin(MessageType::EOE);
/// let records: Vec<_> = event.records().collect();
/// assert_eq!(records, [(MessageType::CWD, &b"cwd=\"/root\""[..]), (MessageType::EOE, &b""[..])]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Event {
    stamp: Stamp,
    bytes: Vec<u8>,
    marks: Vec<Mark>,
    notes: Vec<Note>,
}

/// Where a record begins; it ends where the next one begins.
#[derive(Clone, Copy, Debug)]
struct Mark {
    kind: MessageType,
    start: usize,
    /// Where its notes begin.
    notes: usize,
    /// It has no other such numbers than the notes tell of.
    is_noted: bool,
}

/// What a number in a record means, told by who writes it there: who enriches the record need not look for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// What stands before the number: ` uid=`.
    pub label: &'static str,
    /// The number.
    pub id: Id,
}

/// A number that stands for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id {
    /// Of a user.
    User(u32),
    /// Of a group.
    Group(u32),
    /// `AUDIT_ARCH_*`
    Arch(u32),
    /// Of a system call of the arch before.
    Syscall(u32),
}

impl Event {
    /// An empty event with room for a usual one.
    pub fn new() -> Self {
        Self {
            stamp: Stamp::default(),
            bytes: Vec::with_capacity(2048),
            marks: Vec::with_capacity(16),
            notes: Vec::with_capacity(64),
        }
    }

    /// Forgets all records, keeps the memory, and takes a new stamp.
    pub fn reset(&mut self, stamp: Stamp) {
        self.stamp = stamp;
        self.bytes.clear();
        self.marks.clear();
        self.notes.clear();
    }

    /// Starts a record; what is appended to [`body_mut`](Event::body_mut) from now on is its body.
    pub fn begin(&mut self, kind: MessageType) {
        let (start, notes) = (self.bytes.len(), self.notes.len());
        self.marks.push(Mark { kind, start, notes, is_noted: false });
    }

    /// Notes what a number means that has just been appended to the record begun last.
    pub fn note(&mut self, label: &'static str, id: Id) {
        self.notes.push(Note { label, id });
    }

    /// Says that the record begun last has no other such numbers, nor anything else that might be taken for one.
    pub fn set_noted(&mut self) {
        if let Some(mark) = self.marks.last_mut() {
            mark.is_noted = true;
        }
    }

    /// The notes of the record of this number, if they are all there is to tell of it.
    pub fn notes(&self, number: usize) -> Option<&[Note]> {
        let mark = self.marks.get(number).filter(|mark| mark.is_noted)?;
        let end = self.marks.get(number + 1).map_or(self.notes.len(), |next| next.notes);
        self.notes.get(mark.notes..end)
    }

    /// The buffer to which the body of the record begun last is appended. **Only append**: what is in it already
    /// belongs to the records before. Bytes appended before the first `begin` belong to no record.
    pub fn body_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Appends a complete record.
    pub fn push(&mut self, kind: MessageType, body: &[u8]) {
        self.begin(kind);
        self.bytes.extend_from_slice(body);
    }

    /// The stamp of the event.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Replaces the serial number, keeping the time.
    pub fn set_serial(&mut self, serial: u32) {
        self.stamp.serial = serial;
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// The records in order: type and body.
    pub fn records(&self) -> Records<'_> {
        Records { event: self, next: 0 }
    }
}

/// Iterator over the records of an [`Event`].
#[derive(Clone, Debug)]
pub struct Records<'a> {
    event: &'a Event,
    next: usize,
}

impl<'a> Iterator for Records<'a> {
    type Item = (MessageType, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let mark = self.event.marks.get(self.next)?;
        self.next += 1;
        let end = self.event.marks.get(self.next).map_or(self.event.bytes.len(), |next| next.start);
        Some((mark.kind, self.event.bytes.get(mark.start..end).unwrap_or_default()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.event.marks.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Records<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reset_forgets_the_records_and_keeps_the_memory() {
        let mut event = Event::new();
        event.push(MessageType::CWD, b"cwd=\"/\"");
        let capacity = event.bytes.capacity();
        let stamp = Stamp { seconds: 5, millis: 6, serial: 7 };
        event.reset(stamp);
        assert!(event.is_empty());
        assert_eq!(event.records().count(), 0);
        assert_eq!(event.stamp(), stamp);
        assert_eq!(event.bytes.capacity(), capacity);
    }

    #[test]
    fn a_new_serial_keeps_the_time() {
        let mut event = Event::new();
        event.reset(Stamp { seconds: 5, millis: 6, serial: 7 });
        event.set_serial(8);
        assert_eq!(event.stamp(), Stamp { seconds: 5, millis: 6, serial: 8 });
    }

    #[test]
    fn records_keep_their_order_and_empty_bodies() {
        let mut event = Event::new();
        event.push(MessageType::SYSCALL, b"a");
        event.begin(MessageType::EOE);
        event.push(MessageType(4242), b"bc");
        assert_eq!(event.len(), 3);
        let records: Vec<_> = event.records().collect();
        assert_eq!(
            records,
            [
                (MessageType::SYSCALL, &b"a"[..]),
                (MessageType::EOE, &b""[..]),
                (MessageType(4242), &b"bc"[..])
            ]
        );
    }
}
