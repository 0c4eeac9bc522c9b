//! Lines that could not be written yet.

/// How many bytes are kept while the log cannot be written. A few seconds of a busy machine; more would trade the machine's
/// memory for records that a full disk may never take.
const MOST: usize = 4 << 20;

/// Bytes that wait for the log, oldest first.
///
/// The first line may be the rest of one whose beginning is in the file already: such a rest is never given up, or the line
/// would be torn.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    bytes: Vec<u8>,
    /// The file ends in the middle of a line, whose rest comes first in `bytes`.
    torn: bool,
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether the file ends in the middle of a line.
    pub(super) fn torn(&self) -> bool {
        self.torn
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn lines(&self) -> u64 {
        count(&self.bytes)
    }

    /// Forgets the first `written` bytes, which are in the file now.
    pub(super) fn wrote(&mut self, written: usize) {
        if let Some(&last) = self.bytes[..written].last() {
            self.torn = last != b'\n';
        }
        self.bytes.drain(..written);
    }

    /// Keeps what is left of `lines` after its first `written` bytes, as far as there is room for whole lines; returns how
    /// many lines are lost.
    pub(super) fn keep(&mut self, lines: &[u8], written: usize) -> u64 {
        if let Some(&last) = lines[..written].last() {
            self.torn = last != b'\n';
        }
        let mut rest = &lines[written..];
        if self.torn && self.bytes.is_empty() {
            let end = rest.iter().position(|&b| b == b'\n').map_or(rest.len(), |at| at + 1);
            self.bytes.extend_from_slice(&rest[..end]);
            rest = &rest[end..];
        }
        let room = MOST.saturating_sub(self.bytes.len()).min(rest.len());
        let whole = rest[..room].iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        self.bytes.extend_from_slice(&rest[..whole]);
        count(&rest[whole..])
    }
}

/// Number of lines in `bytes`.
pub(super) fn count(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_a_torn_line_comes_first() {
        let mut backlog = Backlog::default();
        assert_eq!(backlog.keep(b"one\ntwo\nthree\n", 6), 0);
        assert!(backlog.torn());
        assert_eq!(backlog.bytes(), b"o\nthree\n");
        assert_eq!(backlog.lines(), 2);
        backlog.wrote(2);
        assert!(!backlog.torn());
        assert_eq!(backlog.bytes(), b"three\n");
        backlog.wrote(3);
        assert!(backlog.torn());
        assert_eq!(backlog.bytes(), b"ee\n");
    }

    #[test]
    fn whole_lines_are_kept_up_to_the_bound_and_the_rest_is_counted() {
        let line = [vec![b'x'; 999], vec![b'\n']].concat();
        let mut backlog = Backlog::default();
        let mut lost = 0;
        for _ in 0..MOST / 1000 + 50 {
            lost += backlog.keep(&line, 0);
        }
        assert!(backlog.bytes().len() <= MOST);
        assert_eq!(backlog.lines() + lost, (MOST / 1000 + 50) as u64);
        assert!(lost >= 49);
        assert_eq!(backlog.bytes().last(), Some(&b'\n'));
    }

    #[test]
    fn nothing_written_leaves_the_state_of_the_file() {
        let mut backlog = Backlog::default();
        backlog.keep(b"one\n", 2);
        assert!(backlog.torn());
        backlog.keep(b"two\n", 0);
        backlog.wrote(0);
        assert!(backlog.torn());
        assert_eq!(backlog.bytes(), b"e\ntwo\n");
    }
}
