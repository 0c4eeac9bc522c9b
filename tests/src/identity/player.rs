//! The process that goes the ways: `prover identity ROOT WAY...`, ways by their number.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::raw;
use crate::stage::{leave, reap};

use super::access::KINDS;
use super::way::WAYS;

/// The directory of one way and one permission.
pub fn place(way: usize, kind: char) -> String {
    format!("{way}-{kind}")
}

/// Goes each way once for each permission that a watch can have, and accesses the file in all four manners.
pub fn play(words: &[String]) -> Result<()> {
    let [root, numbers @ ..] = words else { bail!("usage: prover identity ROOT WAY...") };
    for number in numbers {
        let number: usize = number.parse().context("WAY")?;
        let way = WAYS.get(number).context("no such way")?;
        for kind in KINDS {
            let pid = raw::fork().context("fork")?;
            if pid == 0 {
                let place = Path::new(root).join(place(number, kind));
                leave(
                    (way.go)(&place).and_then(|reach| KINDS.iter().try_for_each(|kind| reach.access(*kind))),
                );
            }
            reap(pid).with_context(|| way.name)?;
        }
    }
    Ok(())
}
