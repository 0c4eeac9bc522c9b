//! The reading end of the ring.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use aya::maps::{MapData, RingBuf};
use compat::record::Event;

use crate::decode::Decoder;
use crate::engine::Source;

/// Records handed over in one call of [`RingSource::drain`], so that a flood cannot keep the recorder from its commands.
const DRAIN: usize = 16 * 1024;

/// The reading end of the ring.
pub struct RingSource {
    pub(super) ring: RingBuf<MapData>,
    pub(super) decoder: Decoder,
}

impl Source for RingSource {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }

    fn drain(&mut self, sink: &mut dyn FnMut(&mut Event)) -> io::Result<usize> {
        self.decoder.synchronise();
        let mut events = 0;
        for _ in 0..DRAIN {
            let Some(record) = self.ring.next() else { break };
            if let Some(event) = self.decoder.record(&record) {
                sink(event);
                events += 1;
            }
        }
        Ok(events)
    }
}
