//! Operations on names by `io_uring`: in the call that hands them over, or in a worker.
//!
//! The original auditctl knows no rules for the operations themselves, so these cases watch names, and the call.

use anyhow::Result;
use nix::errno::Errno;

use crate::case::Case;
use crate::obstacle;
use crate::ring::{Entry, Operation, Ring};
use crate::scene::{FINE, directory, make};
use crate::stage::{Stage, refused};

use libc::{O_CREAT, O_RDONLY, O_WRONLY};

/// The rule of most cases: the call that hands over.
const ENTER: &[&str] = &["-S io_uring_enter"];

/// Whether an operation is done inline is the kernel's choice, and the same on both sides.
pub const CASES: &[Case] = &[
    Case::file("ring-openat", ENTER, 1, |stage| {
        make("file", 0o644)?;
        run(stage, Entry::new(Operation::Openat, c"file", 0, O_RDONLY as u32), FINE)
    })
    .unless(obstacle::no_audited_ring),
    Case::file("ring-openat-worker", ENTER, 1, |stage| {
        make("file", 0o644)?;
        run(stage, Entry::new(Operation::Openat, c"file", 0, O_RDONLY as u32).by_worker(), FINE)
    })
    .unless(obstacle::no_audited_ring),
    Case::file("ring-openat-create", ENTER, 1, |stage| {
        let flags = (O_WRONLY | O_CREAT) as u32;
        run(stage, Entry::new(Operation::Openat, c"new", 0o640, flags), FINE)
    })
    .unless(obstacle::no_audited_ring),
    Case::file("ring-openat-enoent", ENTER, 1, |stage| {
        run(stage, Entry::new(Operation::Openat, c"absent", 0, O_RDONLY as u32), Errno::ENOENT)
    })
    .unless(obstacle::no_audited_ring),
    Case::file("ring-openat2", ENTER, 1, |stage| {
        make("file", 0o644)?;
        let how = [0_u8; 24];
        run(stage, Entry { second: Some(&how), ..Entry::new(Operation::Openat2, c"file", 24, 0) }, FINE)
    })
    .unless(obstacle::no_audited_ring),
    Case::file("ring-unlinkat", ENTER, 1, |stage| {
        make("file", 0o644)?;
        run(stage, Entry::new(Operation::Unlinkat, c"file", 0, 0), FINE)
    })
    .unless(obstacle::no_audited_ring),
    Case::file("ring-mkdirat", ENTER, 1, |stage| {
        run(stage, Entry::new(Operation::Mkdirat, c"new", 0o750, 0), FINE)
    })
    .unless(obstacle::no_audited_ring),
    Case::file("ring-renameat", ENTER, 1, |stage| {
        make("old", 0o644)?;
        run(stage, Entry::two(Operation::Renameat, c"old", c"new", 0), FINE)
    })
    .unless(obstacle::no_audited_ring),
    Case::file("ring-linkat", ENTER, 1, |stage| {
        make("old", 0o644)?;
        run(stage, Entry::two(Operation::Linkat, c"old", c"new", 0), FINE)
    })
    .unless(obstacle::no_audited_ring),
    Case::file("ring-symlinkat", ENTER, 1, |stage| {
        // The directory of the new name is the entry's descriptor, and its length is not used.
        run(stage, Entry { length: 0, ..Entry::two(Operation::Symlinkat, c"target", c"new", 0) }, FINE)
    })
    .unless(obstacle::no_audited_ring),
    Case::file("ring-two-opens", ENTER, 1, |stage| {
        make("one", 0o644)?;
        make("two", 0o600)?;
        let ring = Ring::new()?;
        for name in [c"one", c"two"] {
            ring.put(&Entry::new(Operation::Openat, name, 0, O_RDONLY as u32));
        }
        stage.record(|| ring.enter(2))?;
        for _ in 0..2 {
            ring.take()??;
        }
        Ok(())
    })
    .unless(obstacle::no_audited_ring),
    Case::file("ring-watched-open", WATCH, 1, |stage| {
        run(stage, Entry::new(Operation::Openat, c"watched", 0, O_RDONLY as u32), FINE)
    })
    .with(watched)
    .unless(obstacle::no_audited_ring),
    Case::file("ring-watched-unlink-worker", WATCH, 1, |stage| {
        run(stage, Entry::new(Operation::Unlinkat, c"watched", 0, 0).by_worker(), FINE)
    })
    .with(watched)
    .unless(obstacle::no_audited_ring),
    Case::file("ring-watched-rename-worker", WATCH, 1, |stage| {
        directory("elsewhere", 0o755)?;
        run(stage, Entry::two(Operation::Renameat, c"watched", c"elsewhere/new", 0).by_worker(), FINE)
    })
    .with(watched)
    .unless(obstacle::no_audited_ring),
    Case::file("ring-watched-with-perm", &["-F path=$work/watched -F perm=rwa"], 0, |stage| {
        // perm= looks at the number of io_uring_enter, which is in no class.
        run(stage, Entry::new(Operation::Openat, c"watched", 0, O_RDONLY as u32), FINE)
    })
    .with(watched)
    .unless(obstacle::no_audited_ring),
];

/// A name, whoever touches it: a worker's calls have no architecture.
const WATCH: &[&str] = &["-a always,exit -F path=$work/watched"];

fn watched(place: &std::path::Path) -> Result<()> {
    Ok(std::fs::write(place.join("watched"), "text")?)
}

/// One entry, put in unrecorded, handed over recorded.
fn run(stage: &mut Stage, entry: Entry<'_>, due: Errno) -> Result<()> {
    let ring = Ring::new()?;
    ring.put(&entry);
    stage.record(|| ring.enter(1))?;
    let result = ring.take()?.map(i64::from);
    if due == FINE { Ok(result.map(drop)?) } else { refused(result, due) }
}
