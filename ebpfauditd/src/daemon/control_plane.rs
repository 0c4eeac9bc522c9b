//! The control plane: what the main thread does while the daemon runs.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use compat::control::socket_path;
use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};
use tokio::time::{MissedTickBehavior, interval};

use super::Failure;
use crate::background::Readiness;
use crate::control::{Limits, Server};
use crate::exit;
use crate::messages;
use crate::service::Service;
use crate::signal::{Signals, Subject};

/// How often losses are looked for, so also how often they can be said in the log.
const TICK: Duration = Duration::from_secs(1);

/// The main thread's loop: signals, clients, losses. Ends with the sender of the signal that ends the daemon.
pub(super) async fn attend(
    service: &mut Service,
    run_dir: &Path,
    signals: Signals,
    readiness: &mut Option<Readiness>,
) -> Result<Subject, Failure> {
    let failed = |what: &str, error: io::Error| Failure::new(exit::FAILED, format!("cannot {what}: {error}"));
    // SAFETY: `Signals` owns its descriptor, always gives the same one, and lives inside the `AsyncFd` until that is dropped.
    let signals = unsafe { AsyncFd::register_with_interest(signals, Interest::READABLE) }
        .map_err(|error| failed("wait for signals", error.into()))?;
    let watched = descriptor(service.watched())
        .map_err(|error| failed("wait for the ends of watched directories", error))?;
    let others = descriptor(service.others())
        .map_err(|error| failed("wait for changes of the kernel's rules", error))?;
    let held =
        descriptor(service.requests()).map_err(|error| failed("wait for rules of other programs", error))?;
    let (_server, mut requests) = Server::bind(&socket_path(run_dir), Limits::default())
        .map_err(|error| Failure::new(exit::FAILED, error))?;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    if let Some(readiness) = readiness.take() {
        let background = readiness.is_background();
        readiness.ready().map_err(|error| failed("let go of the terminal", error))?;
        if background {
            messages::terminal_is_gone();
        }
    }
    loop {
        tokio::select! {
            ready = signals.readable() => {
                let mut ready = ready.map_err(|error| failed("wait for signals", error))?;
                while let Some((request, sender)) =
                    signals.get_ref().next().map_err(|error| failed("read a signal", error))?
                {
                    if !service.signal(request, sender) {
                        return Ok(sender);
                    }
                }
                ready.clear_ready();
            }
            ready = readable(watched.as_ref()) => {
                let mut ready =
                    ready.map_err(|error| failed("wait for the ends of watched directories", error))?;
                service.forget_lost();
                ready.clear_ready();
            }
            ready = readable(others.as_ref()) => {
                let mut ready =
                    ready.map_err(|error| failed("wait for changes of the kernel's rules", error))?;
                // Its count says nothing: what has changed is looked up.
                let _ = nix::unistd::read(ready.get_inner(), &mut [0; 8]);
                ready.clear_ready();
                service.follow_kernel();
            }
            ready = readable(held.as_ref()) => {
                let mut ready = ready.map_err(|error| failed("wait for rules of other programs", error))?;
                service.meet_requests();
                ready.clear_ready();
            }
            Some(request) = requests.recv() => request.answer(service),
            _ = ticks.tick() => service.tick(),
        }
    }
}

/// A descriptor that can be waited for.
fn descriptor(fd: io::Result<Option<OwnedFd>>) -> io::Result<Option<AsyncFd<OwnedFd>>> {
    // SAFETY: the `OwnedFd` always gives the descriptor that it owns, and lives inside the `AsyncFd` until that is dropped.
    let register = |fd| unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) };
    Ok(fd?.map(register).transpose()?)
}

/// Waits for a descriptor, or for ever where there is none.
async fn readable(fd: Option<&AsyncFd<OwnedFd>>) -> io::Result<AsyncFdReadyGuard<'_, OwnedFd>> {
    match fd {
        Some(fd) => fd.readable().await,
        None => std::future::pending().await,
    }
}
