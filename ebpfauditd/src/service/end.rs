//! The end of the daemon.

use std::thread;
use std::time::{Duration, Instant};

use super::Service;
use super::report::LOG;
use crate::listing;
use crate::own_record;
use crate::recorder::RecorderError;
use crate::requester::Requester;
use crate::signal::Subject;
use crate::stats::Lost;

/// Longest wait at the end for records that the kernel still holds.
const LAST_RECORDS: Duration = Duration::from_secs(2);

impl Service {
    /// A start that failed after `DAEMON_START`: the log says so; the engines put everything back when they are dropped.
    pub fn abort(self, op: &str) {
        if let Err(error) = self.recorder.stop(own_record::daemon_abort(op, &Requester::starting())) {
            log::error!("{error}");
        }
    }

    /// Ends the daemon: nothing new is recorded, everything recorded is written, and the kernel is as it was.
    pub fn stop(mut self, sender: Subject) -> Result<(), RecorderError> {
        let sender = Requester::sender(sender);
        self.enforcement.quiet();
        let patience = Instant::now() + LAST_RECORDS;
        loop {
            self.recorder.settle()?;
            let backlog = self
                .enforcement
                .kernel()
                .and_then(|kernel| kernel.status().ok())
                .map_or(0, |status| status.backlog);
            if backlog == 0 || Instant::now() > patience {
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.say_losses();
        let hooks = self.hooks();
        let mut lost = self.lost();
        let Self { recorder, mut enforcement, .. } = self;
        let totals = recorder.stop(own_record::daemon_end(&sender))?;
        // What still waited for the log, or came last, may be lost only now; the log is the last place that would say so.
        let late = settle_log(&mut lost, totals.lines.lost);
        if late > 0 {
            log::error!("{late} records could not be written to the log and are lost");
        }
        if let Some(kernel) = enforcement.kernel() {
            kernel.restore();
        }
        log::info!("{}", listing::counters(&totals, &hooks, &lost).trim_end().replace('\n', ", "));
        log::info!("The audit daemon is exiting.");
        Ok(())
    }
}

/// Puts the last word on the lines that the log lost among the losses; gives how many came since the count there.
fn settle_log(lost: &mut Lost, overall: u64) -> u64 {
    lost.iter_mut()
        .filter(|(reason, _)| *reason == LOG)
        .map(|(_, count)| overall.saturating_sub(std::mem::replace(count, overall)))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_log_loses_at_the_end_is_in_the_sum() {
        let mut lost: Lost = vec![("kernel", 2), (LOG, 3)];
        assert_eq!(settle_log(&mut lost, 10), 7);
        assert_eq!(lost, [("kernel", 2), (LOG, 10)]);
        assert_eq!(settle_log(&mut lost, 10), 0);
    }
}
