//! Engines turn rules into events. What they have in common is here; [`ebpf`] alone knows aya.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use compat::record::Event;

pub mod ebpf;
pub mod kernel;

/// Where events come out of an engine.
pub trait Source {
    /// Readable when there is something to drain.
    fn as_fd(&self) -> BorrowedFd<'_>;

    /// Hands over each waiting event, a bounded number of them, and says how many there were. The event's serial is not
    /// set yet: the recorder numbers all events from one counter.
    fn drain(&mut self, sink: &mut dyn FnMut(&mut Event)) -> io::Result<usize>;

    /// When [`drain`](Source::drain) has something to do although nothing has arrived: parts of an event are held back
    /// until then. `None` if nothing is.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Hands over what is held back, for nothing more will come; says how many events that were.
    fn finish(&mut self, _sink: &mut dyn FnMut(&mut Event)) -> usize {
        0
    }
}
