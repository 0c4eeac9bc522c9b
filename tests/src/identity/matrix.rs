//! What was recorded of each way under each watch, beside what should have been.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::kernel::Audit;
use crate::side::{Daemon, Side};
use crate::{log, proof};

use super::access::KINDS;
use super::player::place;
use super::token::{apart, token};
use super::way::{Lack, WAYS, Way};

/// The ways that this kernel has, by number; and why it has not the others.
pub type Offer = (Vec<usize>, Vec<(&'static str, String)>);

/// One way under one watch: the words that the side recorded.
pub type Cell = Vec<String>;

/// Lays a file system of the tests' own over `root`, in a mount namespace of this thread's own: it ends with the thread.
pub fn apart_from_others(root: &Path) -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS).context("unshare")?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    lay(root)
}

fn lay(root: &Path) -> Result<()> {
    mount(Some("identity"), root, Some("tmpfs"), MsFlags::empty(), Some("mode=755")).context("a tmpfs")
}

/// Prepares every way, each four times.
fn prepare(root: &Path) -> Result<Offer> {
    let (mut offered, mut obstacles) = (Vec::new(), Vec::new());
    for (number, way) in WAYS.iter().enumerate() {
        let mut obstacle = None;
        for kind in KINDS {
            let place = root.join(place(number, kind));
            fs::create_dir(&place)?;
            if let Err(error) = (way.prepare)(&place) {
                obstacle = Some(error);
            }
        }
        match obstacle {
            None => offered.push(number),
            // Only a file system that the kernel does not have is a reason.
            Some(error) if error.downcast_ref() == Some(&nix::errno::Errno::ENODEV) => {
                obstacles.push((way.name, format!("{error:#}")));
            }
            Some(error) => return Err(error.context(way.name)),
        }
    }
    Ok((offered, obstacles))
}

/// Goes every way under one side: the ways that there are, and four cells for each.
///
/// `planned` gets what our side serves the watches by.
pub fn record(
    side: Side,
    audit: &Audit,
    prover: &Path,
    root: &Path,
    planned: &mut BTreeMap<String, usize>,
) -> Result<(Offer, Vec<[Cell; 4]>)> {
    lay(root)?;
    let offer = prepare(root)?;
    let mut rules = Vec::new();
    for number in &offer.0 {
        for kind in KINDS {
            let key = place(*number, kind);
            rules.push(format!("-w {}/{key}/{} -p {kind} -k {key}", root.display(), WAYS[*number].watched));
        }
    }
    let daemon = Daemon::start(side, audit, &rules, &[])?;
    if side == Side::Ours {
        *planned = proof::engines(daemon.directory())?;
    }
    let numbers: Vec<String> = offer.0.iter().map(usize::to_string).collect();
    let mut words = vec!["identity", root.to_str().context("a root that is not UTF-8")?];
    words.extend(numbers.iter().map(String::as_str));
    proof::act(prover, &words)?.success()?;
    daemon.settle("identity-ends")?;
    let events = log::parse(&daemon.stop()?)?;
    let cells = offer.0.iter().map(|number| {
        KINDS.map(|kind| {
            let key = place(*number, kind);
            events.iter().filter(|event| event.has_key(&key)).map(token).collect()
        })
    });
    let cells = cells.collect();
    Ok((offer, cells))
}

/// What is wrong with a cell; nothing when it is as it should be.
fn fault(way: &Way, kind: char, found: &Cell) -> Option<String> {
    let (missing, extra) = apart(&way.due(kind), found);
    let list =
        |sign: &str, words: Vec<String>| words.iter().map(|word| format!("{sign}{word}")).collect::<Vec<_>>();
    let all = [list("-", missing), list("+", extra)].concat();
    (!all.is_empty()).then(|| all.join(" "))
}

/// One line of the matrix: what each side made of the way under each watch.
pub fn line(way: &Way, theirs: &[Cell; 4], ours: &[Cell; 4]) -> String {
    let mut text = format!("{:<24}", way.name);
    for ((kind, theirs), ours) in KINDS.into_iter().zip(theirs).zip(ours) {
        let say = |cell: &Cell| fault(way, kind, cell).unwrap_or_else(|| "right".to_owned());
        for part in [format!(" | {kind}: {:<7} ", say(theirs)), format!("{:<7}", say(ours))] {
            text += &part;
        }
    }
    text
}

/// What nobody allowed in one line. `follows` says that ours passes the kernel's own events on.
pub fn faults(way: &Way, theirs: &[Cell; 4], ours: &[Cell; 4], follows: bool) -> Vec<String> {
    let mut all = Vec::new();
    for ((kind, theirs), ours) in KINDS.into_iter().zip(theirs).zip(ours) {
        let lack = way.lacks.iter().find(|(of, _)| *of == kind).map(|(_, lack)| lack);
        let (by_theirs, by_ours) = (fault(way, kind, theirs), fault(way, kind, ours));
        let allowed = match lack {
            _ if follows => theirs == ours,
            Some(Lack::Both(_)) => theirs == ours || by_ours.is_none(),
            None | Some(Lack::Theirs(_)) => by_ours.is_none(),
        };
        if !allowed {
            all.push(format!("{}, watched for {kind}: ours {by_ours:?}, theirs {by_theirs:?}", way.name));
        }
        if lack.is_none() && by_theirs.is_some() {
            all.push(format!("{}, watched for {kind}: the original itself: {by_theirs:?}", way.name));
        }
        if lack.is_some() && by_theirs.is_none() {
            all.push(format!("{}, watched for {kind}: lacks nothing any more", way.name));
        }
    }
    all
}
