//! Every way to a watched file: each access that should be recorded is, and no other.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, ensure};
use tests::identity::matrix::{apart_from_others, faults, line, record};
use tests::identity::way::{Lack, WAYS};
use tests::kernel::Audit;
use tests::proof::{independent, trampolines};
use tests::side::Side;
use tests::skip::skipped;

#[test]
fn every_way_to_a_watched_file() -> Result<()> {
    let audit = Audit::hold()?;
    let prover = Path::new(env!("CARGO_BIN_EXE_prover"));
    let scratch = tempfile::tempdir()?;
    apart_from_others(scratch.path())?;
    let mut planned = BTreeMap::new();
    let (offer, theirs) = record(Side::Theirs, &audit, prover, scratch.path(), &mut planned)?;
    let (same, ours) = record(Side::Ours, &audit, prover, scratch.path(), &mut planned)?;
    ensure!(offer == same, "the two runs had different ways: {offer:?}, {same:?}");
    let trampolines = trampolines()?;
    println!("what is recorded of each way to a watched file, by the watch's permission: theirs, ours");
    let mut all = Vec::new();
    for ((number, theirs), ours) in offer.0.iter().zip(&theirs).zip(&ours) {
        let way = &WAYS[*number];
        println!("{}", line(way, theirs, ours));
        all.extend(faults(way, theirs, ours, !trampolines));
    }
    for way in WAYS {
        for (kind, lack) in way.lacks {
            match lack {
                Lack::Both(why) => println!("{}, {kind}: neither side, because {why}", way.name),
                Lack::Theirs(name) => println!("{}, {kind}: ours only, see {name}", way.name),
            }
        }
    }
    for (way, why) in &offer.1 {
        skipped(format_args!("{way}: {why}"));
    }
    ensure!(all.is_empty(), "{}", all.join("\n"));
    independent(&planned)
}
