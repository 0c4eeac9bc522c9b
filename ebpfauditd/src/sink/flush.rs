//! Getting written lines onto the disk, as `flush` and `freq` say.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use compat::conf::Flush;

/// What is done after a write.
#[derive(Debug)]
pub(super) enum Flusher {
    /// Nothing: the kernel writes when it likes (`none`), or each write waits by itself (`data`, `sync`).
    Never,
    /// After so many lines the writer waits for the disk.
    Every {
        /// `freq`
        lines: u64,
        /// Lines since the last time.
        since: u64,
    },
    /// After so many lines a helper thread waits for the disk.
    Async {
        /// `freq`
        lines: u64,
        /// Lines since the last time.
        since: u64,
        /// The thread.
        helper: Helper,
    },
}

impl Flusher {
    pub(super) fn new(flush: Flush, freq: u32) -> io::Result<Self> {
        let lines = u64::from(freq.max(1));
        Ok(match flush {
            Flush::None | Flush::Data | Flush::Sync => Self::Never,
            Flush::Incremental => Self::Every { lines, since: 0 },
            Flush::IncrementalAsync => Self::Async { lines, since: 0, helper: Helper::start()? },
        })
    }

    /// Notes that `written` lines more are in the file.
    pub(super) fn wrote(&mut self, file: &Arc<File>, written: u64) -> io::Result<()> {
        match self {
            Self::Never => Ok(()),
            Self::Every { lines, since } => {
                *since += written;
                if *since >= *lines {
                    *since = 0;
                    file.sync_data()?;
                }
                Ok(())
            }
            Self::Async { lines, since, helper } => {
                *since += written;
                if *since >= *lines {
                    *since = 0;
                    helper.ask(file);
                }
                Ok(())
            }
        }
    }

    /// The file will not be written any more: what is left of it goes to the disk in good time.
    pub(super) fn leave(&mut self, file: &Arc<File>) {
        if let Self::Async { helper, since, .. } = self {
            *since = 0;
            helper.send(file);
        }
    }
}

/// The thread that waits for the disk. It ends when this is dropped, after what it was asked for.
#[derive(Debug)]
pub(super) struct Helper {
    requests: Option<Sender<Arc<File>>>,
    /// A request waits that is not begun: another would add nothing.
    asked: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Helper {
    fn start() -> io::Result<Self> {
        let (requests, inbox) = mpsc::channel::<Arc<File>>();
        let asked = Arc::new(AtomicBool::new(false));
        let begun = Arc::clone(&asked);
        let thread = thread::Builder::new().name("flush".to_owned()).spawn(move || {
            let mut failing = false;
            for file in inbox {
                begun.store(false, Ordering::Release);
                match file.sync_data() {
                    Ok(()) => failing = false,
                    Err(error) if failing => log::debug!("still cannot flush the log: {error}"),
                    Err(error) => {
                        failing = true;
                        log::error!("cannot flush the log to its disk: {error}");
                    }
                }
            }
        })?;
        Ok(Self { requests: Some(requests), asked, thread: Some(thread) })
    }

    fn ask(&self, file: &Arc<File>) {
        if !self.asked.swap(true, Ordering::AcqRel) {
            self.send(file);
        }
    }

    fn send(&self, file: &Arc<File>) {
        if let Some(requests) = &self.requests {
            // The thread lives as long as the sender.
            let _ = requests.send(Arc::clone(file));
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // It has said what went wrong.
            let _ = thread.join();
        }
    }
}
