//! What is attached, and how it comes off again.
//!
//! Detaching a trampoline takes the kernel up to 130 ms, one after the other: nobody waits for it. What is not needed any more stays
//! attached for a while, for rules change in bursts, and is then taken off by a thread of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use kern::hooks::Hook;

use super::twin::Hanging;
use crate::syscall_function::Stub;

/// How long something stays attached that is not needed any more.
const KEEP: Duration = Duration::from_secs(5);

/// What can be attached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// A hook of the table.
    Hook(Hook),
    /// A stub at the function of a syscall.
    Stub(Stub),
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hook(hook) => out.write_str(hook.info().target()),
            Self::Stub(stub) => out.write_str(&stub.function.name),
        }
    }
}

/// What is attached.
pub(super) struct Attached(Vec<Hanging>);

impl Attached {
    /// By these programs.
    pub(super) fn new(programs: Vec<Hanging>) -> Self {
        Self(programs)
    }

    fn skipped(&self) -> u64 {
        self.0.iter().map(Hanging::skipped).sum()
    }

    /// Ends what twins make up for; gives what was skipped until then.
    fn part(&mut self) -> u64 {
        self.0.iter_mut().for_each(Hanging::part);
        self.skipped()
    }

    /// Takes it off. When this returns the programs do not run any more.
    fn take_off(self) {
        self.0.into_iter().for_each(Hanging::take_off);
    }
}

/// What is to come off, oldest first.
#[derive(Default)]
struct Queue {
    waiting: Vec<(Instant, Target, Attached)>,
    /// What is coming off now: a stub that is attached beside it would judge the same calls.
    leaving: Option<Target>,
    /// Something is being attached: it would wait for what is being detached.
    busy: bool,
    /// Nobody needs the thread any more.
    over: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Skipped runs of what is off.
    skipped: AtomicU64,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of something that is to come off.
    fn part(&self, attached: &mut Attached) {
        self.skipped.fetch_add(attached.part(), Ordering::Relaxed);
    }

    /// Takes off what has waited long enough, until the engine is dropped.
    fn detach(&self) {
        let mut queue = self.queue();
        loop {
            if queue.over {
                return;
            }
            let left = queue.waiting.first().map(|(since, ..)| KEEP.saturating_sub(since.elapsed()));
            match left {
                None => queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(_) if queue.busy => {
                    queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                }
                Some(left) if !left.is_zero() => {
                    let waited = self.changed.wait_timeout(queue, left);
                    queue = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                Some(_) => {
                    let (_, target, mut attached) = queue.waiting.remove(0);
                    queue.leaving = Some(target);
                    self.part(&mut attached);
                    drop(queue);
                    attached.take_off();
                    queue = self.queue();
                    queue.leaving = None;
                    self.changed.notify_all();
                }
            }
        }
    }
}

/// Everything that is attached.
#[derive(Default)]
pub(super) struct Attachments {
    present: BTreeMap<Target, Attached>,
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Attachments {
    /// The hooks that are attached and needed.
    pub(super) fn hooks(&self) -> impl Iterator<Item = Hook> + '_ {
        self.present.keys().filter_map(|target| match target {
            Target::Hook(hook) => Some(*hook),
            Target::Stub(_) => None,
        })
    }

    /// Whether it is attached and needed.
    pub(super) fn has(&self, target: &Target) -> bool {
        self.present.contains_key(target)
    }

    /// Keeps what of `wanted` was to come off; gives what that is. What is coming off already is waited for.
    pub(super) fn reclaim(&mut self, wanted: &BTreeSet<Target>) -> BTreeSet<Target> {
        let mut queue = self.shared.queue();
        while queue.leaving.as_ref().is_some_and(|target| wanted.contains(target)) {
            queue = self.shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let kept = queue.waiting.extract_if(.., |(_, target, _)| wanted.contains(target));
        let mut reclaimed = BTreeSet::new();
        for (_, target, attached) in kept {
            reclaimed.insert(target.clone());
            self.present.insert(target, attached);
        }
        reclaimed
    }

    /// Makes sure that all of `wanted` is attached, by `attach` what is not. On an error what was attached for it comes off.
    pub(super) fn add<E>(
        &mut self,
        wanted: &BTreeSet<Target>,
        attach: impl FnOnce(Vec<Target>) -> Vec<(Target, Result<Attached, E>)>,
    ) -> Result<(), E> {
        let mut added = self.reclaim(wanted);
        let new: Vec<Target> = wanted.iter().filter(|target| !self.has(target)).cloned().collect();
        self.shared.queue().busy = true;
        let mut result = Ok(());
        for (target, attached) in if new.is_empty() { Vec::new() } else { attach(new) } {
            match attached {
                Ok(attached) => {
                    added.insert(target.clone());
                    self.present.insert(target, attached);
                }
                Err(error) if result.is_ok() => result = Err(error),
                Err(_) => {}
            }
        }
        if result.is_err() {
            self.retire(|target| added.contains(target));
        }
        self.shared.queue().busy = false;
        self.shared.changed.notify_one();
        result
    }

    /// Takes over what somebody else has attached.
    pub(super) fn take(&mut self, target: Target, attached: Attached) {
        self.present.insert(target, attached);
    }

    /// Lets go of what is not wanted; it comes off later.
    pub(super) fn keep_only(&mut self, wanted: &BTreeSet<Target>) {
        self.retire(|target| !wanted.contains(target));
    }

    /// Takes something off at once, which must not take long.
    pub(super) fn drop_now(&mut self, target: &Target) {
        if let Some(mut attached) = self.present.remove(target) {
            self.shared.part(&mut attached);
        }
    }

    fn retire(&mut self, unwanted: impl Fn(&Target) -> bool) {
        let now = Instant::now();
        let gone: Vec<_> = self
            .present
            .extract_if(.., |target, _| unwanted(target))
            .map(|(target, attached)| (now, target, attached))
            .collect();
        if gone.is_empty() {
            return;
        }
        self.shared.queue().waiting.extend(gone);
        self.shared.changed.notify_one();
        if self.thread.is_none() {
            let shared = Arc::clone(&self.shared);
            match thread::Builder::new().name("detach".into()).spawn(move || shared.detach()) {
                Ok(thread) => self.thread = Some(thread),
                Err(error) => self.without_thread(&error),
            }
        }
    }

    /// Then it comes off now, however long that takes.
    fn without_thread(&self, error: &io::Error) {
        log::warn!("detaching without a thread of its own: {error}");
        let gone = std::mem::take(&mut self.shared.queue().waiting);
        for (_, _, mut attached) in gone {
            self.shared.part(&mut attached);
        }
    }

    /// How often the kernel skipped a program because it was already running on that CPU.
    pub(super) fn skipped(&self) -> u64 {
        let present: u64 = self.present.values().map(Attached::skipped).sum();
        // the lock is kept: what leaves the queue is counted once
        let queue = self.shared.queue();
        let waiting: u64 = queue.waiting.iter().map(|(_, _, attached)| attached.skipped()).sum();
        present + waiting + self.shared.skipped.load(Ordering::Relaxed)
    }
}

impl Drop for Attachments {
    /// The thread is not waited for: the end of the process takes off what is left.
    fn drop(&mut self) {
        self.shared.queue().over = true;
        self.shared.changed.notify_one();
    }
}
