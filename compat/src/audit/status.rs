//! `struct audit_status`.

use super::word;

/// A value that `AUDIT_SET` can set: the bits of the mask, `AUDIT_STATUS_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatusField {
    /// 0 off, 1 on, 2 on and locked.
    Enabled = 1,
    /// What a loss leads to: 0 nothing, 1 a line in the kernel log, 2 panic.
    Failure = 2,
    /// The registered daemon.
    Pid = 4,
    /// Records per second, 0 for no limit.
    RateLimit = 8,
    /// Records that may wait, 0 for no limit.
    BacklogLimit = 0x10,
    /// Jiffies that a task waits when the backlog is full.
    BacklogWaitTime = 0x20,
    /// Records lost; can only be set to 0.
    Lost = 0x40,
    /// Jiffies that tasks have waited; can only be set to 0.
    BacklogWaitTimeActual = 0x80,
}

impl StatusField {
    /// All, in the order of their bits.
    pub const ALL: [Self; 8] = [
        Self::Enabled,
        Self::Failure,
        Self::Pid,
        Self::RateLimit,
        Self::BacklogLimit,
        Self::BacklogWaitTime,
        Self::Lost,
        Self::BacklogWaitTimeActual,
    ];

    /// Its bit in [`Status::mask`].
    pub const fn bit(self) -> u32 {
        self as u32
    }
}

/// The status of an audit system; in a request, new values for what `mask` names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Which values a request sets: [`StatusField`] bits. In an answer, what the system knows of.
    pub mask: u32,
    /// 0 off, 1 on, 2 on and locked until reboot.
    pub enabled: u32,
    /// 0 silent, 1 printk, 2 panic.
    pub failure: u32,
    /// PID of the registered daemon, 0 without one.
    pub pid: u32,
    /// Records per second, 0 for no limit.
    pub rate_limit: u32,
    /// Records that may wait, 0 for no limit.
    pub backlog_limit: u32,
    /// Records lost.
    pub lost: u32,
    /// Records that wait.
    pub backlog: u32,
    /// What the system can do, `AUDIT_FEATURE_BITMAP_*`.
    pub feature_bitmap: u32,
    /// Jiffies that a task waits when the backlog is full.
    pub backlog_wait_time: u32,
    /// Jiffies that tasks have waited; `None` from kernels before 5.9, whose struct ends before it.
    pub backlog_wait_time_actual: Option<u32>,
}

/// Words of the struct without and with its last member (5.9).
const OLD_WORDS: usize = 10;
const WORDS: usize = OLD_WORDS + 1;

impl Status {
    /// A request that sets one value.
    pub fn only(field: StatusField, value: u32) -> Self {
        let mut status = Self { mask: field.bit(), backlog_wait_time_actual: Some(0), ..Self::default() };
        match field {
            StatusField::Enabled => status.enabled = value,
            StatusField::Failure => status.failure = value,
            StatusField::Pid => status.pid = value,
            StatusField::RateLimit => status.rate_limit = value,
            StatusField::BacklogLimit => status.backlog_limit = value,
            StatusField::BacklogWaitTime => status.backlog_wait_time = value,
            StatusField::Lost => status.lost = value,
            StatusField::BacklogWaitTimeActual => status.backlog_wait_time_actual = Some(value),
        }
        status
    }

    /// Whether a request sets this value.
    pub fn sets(&self, field: StatusField) -> bool {
        self.mask & field.bit() != 0
    }

    /// The value of a field.
    pub fn get(&self, field: StatusField) -> u32 {
        match field {
            StatusField::Enabled => self.enabled,
            StatusField::Failure => self.failure,
            StatusField::Pid => self.pid,
            StatusField::RateLimit => self.rate_limit,
            StatusField::BacklogLimit => self.backlog_limit,
            StatusField::BacklogWaitTime => self.backlog_wait_time,
            StatusField::Lost => self.lost,
            StatusField::BacklogWaitTimeActual => self.backlog_wait_time_actual.unwrap_or(0),
        }
    }

    /// The struct; without its last member if that is `None`.
    pub fn encode(&self) -> Vec<u8> {
        let words = [
            self.mask,
            self.enabled,
            self.failure,
            self.pid,
            self.rate_limit,
            self.backlog_limit,
            self.lost,
            self.backlog,
            self.feature_bitmap,
            self.backlog_wait_time,
        ];
        words.into_iter().chain(self.backlog_wait_time_actual).flat_map(u32::to_ne_bytes).collect()
    }

    /// Reads the struct. Like the kernel, takes a shorter one and treats what is missing as 0; `None` for an empty payload.
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let mask = word(payload, 0)?;
        let at = |index| word(payload, index).unwrap_or(0);
        Some(Self {
            mask,
            enabled: at(1),
            failure: at(2),
            pid: at(3),
            rate_limit: at(4),
            backlog_limit: at(5),
            lost: at(6),
            backlog: at(7),
            feature_bitmap: at(8),
            backlog_wait_time: at(9),
            backlog_wait_time_actual: word(payload, WORDS - 1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_struct_has_44_bytes_and_comes_back() {
        let payload: Vec<u8> = (1..=11u32).flat_map(u32::to_ne_bytes).collect();
        let status = Status::decode(&payload).unwrap();
        assert_eq!((status.mask, status.lost, status.backlog_wait_time), (1, 7, 10));
        assert_eq!(status.backlog_wait_time_actual, Some(11));
        assert_eq!(status.encode(), payload);
    }

    #[test]
    fn short_structs_are_read_as_far_as_they_go() {
        let payload: Vec<u8> = (1..=10u32).flat_map(u32::to_ne_bytes).collect();
        let status = Status::decode(&payload).unwrap();
        assert_eq!(status.backlog_wait_time_actual, None);
        assert_eq!(status.encode(), payload);
        assert_eq!(Status::decode(&payload[..8]).unwrap().enabled, 2);
        assert_eq!(Status::decode(&[]), None);
    }

    #[test]
    fn one_value_is_one_bit() {
        for field in StatusField::ALL {
            let status = Status::decode(&Status::only(field, 7).encode()).unwrap();
            assert_eq!(status.get(field), 7);
            assert_eq!(
                StatusField::ALL.map(|other| status.sets(other)),
                StatusField::ALL.map(|other| other == field)
            );
        }
    }
}
