//! Ctrl-C and SIGTERM: every wait of the benchmark ends with an error, and the guards on the stack put back what
//! was changed.
//!
//! A handler, not a blocked mask: children inherit a blocked mask over exec, and the original auditd would then
//! never see its SIGTERM. A handler is reset by exec.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

static PENDING: AtomicBool = AtomicBool::new(false);

/// The longest time between two looks at the flag.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// Starts to watch for SIGINT, SIGTERM and SIGHUP.
pub(super) fn install() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("building the signal watcher's runtime")?;
    let (mut int, mut term, mut hup) = {
        let _context = runtime.enter();
        let watch = |kind| signal(kind).context("installing a signal handler");
        (watch(SignalKind::interrupt())?, watch(SignalKind::terminate())?, watch(SignalKind::hangup())?)
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            runtime.block_on(async {
                loop {
                    tokio::select! { _ = int.recv() => {}, _ = term.recv() => {}, _ = hup.recv() => {} }
                    PENDING.store(true, Ordering::Relaxed);
                }
            });
        })
        .context("starting the signal watcher")?;
    Ok(())
}

/// Whether one of the signals has arrived.
pub(super) fn pending() -> bool {
    PENDING.load(Ordering::Relaxed)
}

/// An error once a signal has arrived.
pub(super) fn check() -> Result<()> {
    if pending() {
        bail!("interrupted; the audit state is put back");
    }
    Ok(())
}

/// Sleeps, and returns early with an error when a signal arrives.
pub(super) fn sleep(time: Duration) -> Result<()> {
    let end = Instant::now() + time;
    loop {
        check()?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(TICK));
    }
}

/// Asks `ready` again and again, a millisecond apart, until it says yes; an error after `limit`.
pub(super) fn wait_until(
    what: &str,
    limit: Duration,
    mut ready: impl FnMut() -> Result<bool>,
) -> Result<Duration> {
    let start = Instant::now();
    loop {
        check()?;
        if ready()? {
            return Ok(start.elapsed());
        }
        if start.elapsed() > limit {
            bail!("{what}: not after {} s", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
