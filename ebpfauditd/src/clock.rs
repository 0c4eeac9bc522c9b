//! The time that is written into records of our own.

use std::time::{SystemTime, UNIX_EPOCH};

use compat::record::Stamp;

/// Now, as a stamp without a number (the recorder gives it one).
pub fn now() -> Stamp {
    // A clock before 1970 gives the epoch: a wrong clock must not stop the daemon.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Stamp { seconds: since.as_secs(), millis: since.subsec_millis() as u16, serial: 0 }
}
