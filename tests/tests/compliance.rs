//! `auditctl` as its originals are: see [`tests::compliance`].

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tests::compliance::newest::Newest;
use tests::compliance::stand::{Programs, Stand};
use tests::compliance::table::{Original, Series, State, parse};
use tests::compliance::verdict::{ANY_COMMAND, Pair, judge};
use tests::kernel::Audit;

const TABLES: [(&str, &str); 3] = [
    ("options", include_str!("../src/compliance/tables/options.table")),
    ("rules", include_str!("../src/compliance/tables/rules.table")),
    ("files", include_str!("../src/compliance/tables/files.table")),
];

fn tables(scratch: &Path) -> Result<Vec<Series>> {
    let mut all = Vec::new();
    for (name, text) in TABLES {
        all.extend(parse(text, scratch).with_context(|| format!("the table of {name}"))?);
    }
    Ok(all)
}

#[test]
fn commands_answer_as_the_originals_do() -> Result<()> {
    let audit = Audit::hold()?;
    let scratch = tempfile::tempdir()?;
    let table = tables(scratch.path())?;
    let commands = table.iter().flat_map(Series::asks).count();
    ensure!(commands >= 250, "{commands} commands");
    let newest = Newest::or_skip("the newest Debian's auditctl");
    let (mut text, mut used) = (String::new(), BTreeSet::new());
    for state in [State::Alone, State::Daemon] {
        let play = |programs| Stand::new(programs, state, &audit).play(&table, scratch.path());
        let ours = play(Programs::Ours)?;
        let mut originals = vec![(Original::Old, play(Programs::Old)?)];
        if let Some(newest) = &newest {
            originals.push((Original::New, play(Programs::New(newest))?));
        }
        for (original, theirs) in &originals {
            text += &judge(&table, &Pair { original: *original, state, theirs, ours: &ours }, &mut used);
        }
    }
    ensure!(text.is_empty(), "{text}");
    let unused: Vec<&str> = ANY_COMMAND.into_iter().filter(|entry| !used.contains(*entry)).collect();
    ensure!(unused.is_empty() || newest.is_none(), "allowed, but not needed: {unused:?}");
    println!("{commands} commands compared; differences on purpose: {used:?}");
    Ok(())
}

/// Whoever reads the documentation must find every difference there.
#[test]
fn every_difference_is_documented() -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/differences.md");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let headings: BTreeSet<&str> = text.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let mut table = tables(Path::new("/"))?;
    // Played where a machine ends with it.
    table.extend(parse(include_str!("../src/compliance/tables/locked.table"), Path::new("/"))?);
    let marks = table.iter().flat_map(Series::asks).flat_map(|ask| &ask.allowed);
    let named: BTreeSet<&str> = marks.map(|allowed| allowed.entry.as_str()).chain(ANY_COMMAND).collect();
    let absent: Vec<&&str> = named.iter().filter(|entry| !headings.contains(**entry)).collect();
    ensure!(absent.is_empty(), "not in docs/differences.md: {absent:?}");
    Ok(())
}
