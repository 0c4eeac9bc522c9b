//! The process that races: `prover racing ROOT AUID ROUNDS RACE`.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::proof;

use super::race::{RACES, Race};

/// Runs the race of this name with this login uid; says for each round which values the kernel took.
pub fn play(words: &[String]) -> Result<()> {
    let [root, auid, rounds, name] = words else { bail!("usage: prover racing ROOT AUID ROUNDS RACE") };
    let race = RACES.iter().find(|race| race.name == name).context("no such race")?;
    let (auid, rounds) = (auid.parse().context("AUID")?, rounds.parse().context("ROUNDS")?);
    one(race, &Path::new(root).join(name), auid, rounds).with_context(|| name.clone())
}

fn one(race: &Race, place: &Path, auid: u32, rounds: usize) -> Result<()> {
    let mut round = (race.open)(place)?;
    let racer = round.page.race(&round.places)?;
    proof::log_in(auid)?;
    let mut taken = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        round.page.await_flip();
        taken.push((round.play)()?);
    }
    drop(racer);
    let mut out = std::io::stdout();
    writeln!(out, "{}", taken.join(" "))?;
    Ok(out.flush()?)
}
