//! The hot thread: takes events from the engines, numbers them, and writes them to the log.
//!
//! One plain thread waits for any source, lets events gather for a moment, then empties every source into one batch of
//! log lines. Whatever the main thread wants of it comes as a [`Command`] over a channel, with an eventfd to wake it.

mod ready;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use compat::interpret::Formatter;
use compat::record::{Event, Stamp};
use nix::sys::eventfd::{EfdFlags, EventFd};
use ready::Ready;

use crate::engine::Source;
use crate::own_record;
use crate::requester::Requester;
use crate::ruleset::Change;
use crate::serial::Serial;
use crate::sink::{Counts, Sink};
use crate::stats::{Counters, Origin, Totals};

/// A batch this long is written at once; shorter ones when the sources are empty. Large enough that the cost of a write
/// is spread over hundreds of records, small enough to stay in the cache.
const BATCH: usize = 64 * 1024;
/// How long events gather after the first one woke us, so that under load we are woken once per interval and not once per
/// event. It delays a line in the log by that much.
const GATHER: Duration = Duration::from_millis(1);
/// An event that comes so long after the last ones is taken at once: to wait for others would cost more than it saves.
const APART: Duration = Duration::from_millis(2);

/// How long a log that could not be written is left alone before it is tried again, if no event comes before.
const RETRY: Duration = Duration::from_millis(500);

/// What the main thread can ask for.
#[derive(Debug)]
pub enum Command {
    /// Write an event of the daemon's own.
    Write(Event),
    /// Tell of changes that somebody has made, at this time.
    Tell(Vec<Change>, Requester, Stamp),
    /// Rotate the log; the event is the first of the new file.
    Rotate(Event),
    /// Write to the log again after it was suspended.
    Resume(Event),
    /// Use another formatter and another log from now on.
    Configure(Box<Formatter>, Box<Sink>),
    /// Empty every source, write everything, then answer: what came before this is in the log.
    Settle(Sender<()>),
    /// Empty every source, write this event last, and end.
    Stop(Event),
}

/// One source and where its events come from.
pub struct Input {
    /// Where the events are counted.
    pub origin: Origin,
    /// The source.
    pub source: Box<dyn Source + Send>,
}

/// The main thread's end.
#[derive(Debug)]
pub struct Handle {
    commands: Sender<Command>,
    wake: Arc<EventFd>,
    counters: Arc<Counters>,
    thread: JoinHandle<()>,
}

/// Why the recorder cannot be started or asked.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// No eventfd or no thread.
    #[error("cannot start the recorder: {0}")]
    Start(#[source] io::Error),
    /// The thread is gone, which only happens when it failed and said why.
    #[error("the recorder has ended")]
    Ended,
}

/// Starts the thread. Signals must be blocked already: it inherits the mask.
pub fn start(inputs: Vec<Input>, formatter: Formatter, sink: Sink) -> Result<Handle, RecorderError> {
    let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
    let wake = EventFd::from_flags(flags).map_err(|errno| RecorderError::Start(errno.into()))?;
    let wake = Arc::new(wake);
    let (commands, inbox) = mpsc::channel();
    let counters = Arc::new(Counters::default());
    let recorder = Recorder {
        inputs,
        inbox,
        wake: Arc::clone(&wake),
        output: Output {
            serial: Serial::random(),
            formatter,
            sink,
            batch: Vec::with_capacity(2 * BATCH),
            failing: false,
            counters: Arc::clone(&counters),
        },
    };
    let thread = thread::Builder::new()
        .name("recorder".to_owned())
        .spawn(move || recorder.run())
        .map_err(RecorderError::Start)?;
    Ok(Handle { commands, wake, counters, thread })
}

impl Handle {
    /// Sends a command. It is carried out after the events that are waiting now.
    pub fn send(&self, command: Command) -> Result<(), RecorderError> {
        self.commands.send(command).map_err(|_| RecorderError::Ended)?;
        // A counter that cannot take one more is as good as woken.
        let _ = self.wake.write(1);
        Ok(())
    }

    /// Waits until everything that the engines have handed over is in the log.
    pub fn settle(&self) -> Result<(), RecorderError> {
        let (done, settled) = mpsc::channel();
        self.send(Command::Settle(done))?;
        settled.recv().map_err(|_| RecorderError::Ended)
    }

    /// Writes what is left and this event last, ends the thread, and gives the final numbers.
    pub fn stop(self, last: Event) -> Result<Totals, RecorderError> {
        self.send(Command::Stop(last))?;
        self.thread.join().map_err(|_| RecorderError::Ended)?;
        Ok(self.counters.totals())
    }

    /// What was taken and written so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}

struct Recorder {
    inputs: Vec<Input>,
    inbox: Receiver<Command>,
    wake: Arc<EventFd>,
    output: Output,
}

impl Recorder {
    fn run(mut self) {
        // A source may hold events that arrived before it could be waited for.
        self.drain(Ready::ALL);
        self.output.flush();
        let mut drained = Instant::now();
        loop {
            let retry = self.output.failing.then(|| Instant::now() + RETRY);
            let ready = Ready::wait(&self.wake, &self.inputs, retry).unwrap_or_else(|error| {
                log::error!("recorder: cannot wait for events: {error}");
                thread::sleep(GATHER);
                Ready::ALL
            });
            // Only sources are ready. The first event woke us; the next ones need not.
            if !ready.command && drained.elapsed() < APART {
                thread::sleep(GATHER);
            }
            self.drain(ready);
            drained = Instant::now();
            loop {
                match self.inbox.try_recv() {
                    Ok(command) => {
                        if !self.obey(command) {
                            self.output.close();
                            return;
                        }
                    }
                    Err(TryRecvError::Empty) => break,
                    // The main thread is gone without a stop: nobody is left to serve.
                    Err(TryRecvError::Disconnected) => {
                        self.output.close();
                        return;
                    }
                }
            }
            self.output.flush();
        }
    }

    /// Empties those sources once; returns the number of events.
    fn drain(&mut self, ready: Ready) -> usize {
        let Self { inputs, output, .. } = self;
        let mut events = 0;
        for (number, input) in inputs.iter_mut().enumerate() {
            if !ready.has_source(number) {
                continue;
            }
            let origin = input.origin;
            match input.source.drain(&mut |event| output.take(event, origin)) {
                Ok(count) => events += count,
                Err(error) => log::error!("cannot receive from {origin:?}: {error}"),
            }
        }
        events
    }

    /// Carries out a command; false ends the thread.
    fn obey(&mut self, command: Command) -> bool {
        match command {
            Command::Write(mut event) => self.output.take(&mut event, Origin::Own),
            Command::Tell(changes, who, stamp) => {
                let mut event = Event::new();
                for change in &changes {
                    own_record::changed(&mut event, stamp, change, &who);
                    self.output.take(&mut event, Origin::Own);
                }
            }
            Command::Rotate(mut event) => {
                self.output.flush();
                if let Err(error) = self.output.sink.rotate() {
                    log::error!("{error}");
                }
                self.output.take(&mut event, Origin::Own);
            }
            Command::Resume(mut event) => {
                self.output.sink.resume();
                self.output.take(&mut event, Origin::Own);
            }
            Command::Configure(formatter, mut sink) => {
                self.output.flush();
                self.output.formatter = *formatter;
                let old = std::mem::replace(&mut self.output.sink, Sink::Nowhere(Counts::default()));
                sink.inherit(old);
                self.output.sink = *sink;
            }
            Command::Settle(done) => {
                while self.drain(Ready::ALL) > 0 {}
                self.output.flush();
                // Whoever asked may have stopped waiting.
                let _ = done.send(());
            }
            Command::Stop(mut event) => {
                while self.drain(Ready::ALL) > 0 {}
                let Self { inputs, output, .. } = self;
                for input in inputs {
                    let origin = input.origin;
                    input.source.finish(&mut |event| output.take(event, origin));
                }
                self.output.take(&mut event, Origin::Own);
                return false;
            }
        }
        true
    }
}

/// Events to bytes on disk.
struct Output {
    serial: Serial,
    formatter: Formatter,
    sink: Sink,
    batch: Vec<u8>,
    /// The log could not take the last batch; it has been said.
    failing: bool,
    counters: Arc<Counters>,
}

impl Output {
    fn take(&mut self, event: &mut Event, origin: Origin) {
        event.set_serial(self.serial.advance());
        self.counters.took(origin);
        self.formatter.write(event, &mut self.batch);
        if self.batch.len() >= BATCH {
            self.flush();
        }
    }

    /// Writes the batch; without one, what the log could not take before.
    fn flush(&mut self) {
        let result = if !self.batch.is_empty() {
            self.sink.write(&self.batch)
        } else if self.failing {
            self.sink.retry()
        } else {
            return;
        };
        self.batch.clear();
        self.counters.lines(self.sink.counts());
        let failed = result.is_err();
        match result {
            // Said when it begins; what it costs is counted, and said in the log itself when it works again.
            Err(error) if !self.failing => log::error!("{error}"),
            Ok(()) if self.failing => log::warn!("the log can be written again"),
            _ => {}
        }
        self.failing = failed;
    }

    /// Writes what is left and waits for the disk.
    fn close(mut self) {
        self.flush();
        let (counts, result) = self.sink.close();
        self.counters.lines(counts);
        if let Err(error) = result {
            log::error!("{error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::PipeReader;
    use std::os::fd::{AsFd, BorrowedFd};

    use compat::interpret::Format;
    use compat::record::MessageType;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    /// Gives one event for each byte that was written into a pipe, and one more at the end.
    struct Bytes(PipeReader);

    fn event() -> Event {
        let mut event = Event::new();
        event.reset(Stamp { seconds: 1, millis: 2, serial: 0 });
        event.push(MessageType::CWD, b"cwd=\"/\"");
        event
    }

    impl Source for Bytes {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }

        fn drain(&mut self, sink: &mut dyn FnMut(&mut Event)) -> io::Result<usize> {
            let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
            if poll(&mut fds, PollTimeout::ZERO)? == 0 || fds[0].any() != Some(true) {
                return Ok(0);
            }
            let mut bytes = [0; 100];
            let count = io::Read::read(&mut self.0, &mut bytes)?;
            (0..count).for_each(|_| sink(&mut event()));
            Ok(count)
        }

        fn finish(&mut self, sink: &mut dyn FnMut(&mut Event)) -> usize {
            sink(&mut event());
            1
        }
    }

    /// The log of a recorder that is fed by two sources, without standard output: a file behind its descriptor.
    #[test]
    fn all_sources_share_one_sequence_and_the_last_event_comes_last() {
        let directory = tempfile::tempdir().unwrap();
        let conf = compat::conf::Auditd {
            log_file: directory.path().join("audit.log"),
            ..compat::conf::Auditd::default()
        };
        let settings = crate::settings::Settings::new(&conf).unwrap();
        let sink = Sink::open(&settings, false).unwrap();
        let (ebpf, mut to_ebpf) = io::pipe().unwrap();
        let (kernel, mut to_kernel) = io::pipe().unwrap();
        let inputs = vec![
            Input { origin: Origin::Ebpf, source: Box::new(Bytes(ebpf)) },
            Input { origin: Origin::Kernel, source: Box::new(Bytes(kernel)) },
        ];
        let handle = start(inputs, Formatter::new(None, Format::Raw), sink).unwrap();
        io::Write::write_all(&mut to_ebpf, b"abc").unwrap();
        io::Write::write_all(&mut to_kernel, b"de").unwrap();
        handle.settle().unwrap();
        assert_eq!(handle.counters().totals().events(), 5);
        handle.send(Command::Write(event())).unwrap();
        let mut last = event();
        last.push(MessageType::DAEMON_END, b"op=terminate");
        let totals = handle.stop(last).unwrap();
        assert_eq!((totals.ebpf_events, totals.kernel_events, totals.own_events), (4, 3, 2));
        assert_eq!((totals.lines.written, totals.lines.lost), (10, 0));
        let mut text = String::new();
        io::Read::read_to_string(&mut File::open(&conf.log_file).unwrap(), &mut text).unwrap();
        let serials: Vec<u32> = text
            .lines()
            .map(|line| line.split(':').nth(1).unwrap().trim_end_matches(')').parse().unwrap())
            .collect();
        assert!(serials.windows(2).all(|pair| pair[1] == pair[0] + 1 || pair[1] == pair[0]), "{text}");
        assert!(text.ends_with("op=terminate\n"), "{text}");
    }
}
