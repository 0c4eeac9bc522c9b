//! The fuzzers' corpora, replayed.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tests::fuzz::TARGETS;

#[test]
fn corpora_are_no_findings() -> Result<()> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in TARGETS {
        let corpus = directory.join(name);
        let mut played = 0;
        for entry in fs::read_dir(&corpus).with_context(|| corpus.display().to_string())? {
            let path = entry?.path();
            target(&fs::read(&path).with_context(|| path.display().to_string())?);
            played += 1;
        }
        ensure!(played > 0, "{} is empty", corpus.display());
    }
    Ok(())
}
