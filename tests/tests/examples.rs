//! The example rules that the auditd package brings: loaded by the original auditctl into the kernel, and by ours into our
//! daemon. Both must say the same, and list the same rules.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tests::kernel::Audit;
use tests::program::Outcome;
use tests::side::{Daemon, Side};

const EXAMPLES: &str = "/usr/share/doc/auditd/examples/rules";

/// What cannot be taken back before the next boot must not reach the kernel of whoever runs the tests.
fn is_final(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.contains(&"--loginuid-immutable") || words == ["-e", "2"] || words == ["-f", "2"]
}

fn examples(scratch: &Path) -> Result<Vec<PathBuf>> {
    let mut copies = Vec::new();
    for entry in fs::read_dir(EXAMPLES).context(EXAMPLES)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "rules") {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let text: String =
            text.lines().filter(|line| !is_final(line)).flat_map(|line| [line, "\n"]).collect();
        let copy = scratch.join(path.file_name().context("a name")?);
        fs::write(&copy, text)?;
        copies.push(copy);
    }
    copies.sort();
    Ok(copies)
}

/// What is said on loading each file, and what is listed after it.
fn load(side: Side, audit: &Audit, files: &[PathBuf]) -> Result<Vec<(Outcome, Outcome)>> {
    let daemon = Daemon::start(side, audit, &[], &[])?;
    let mut said = Vec::new();
    for file in files {
        daemon.auditctl(&["-D"])?.success().context("auditctl -D")?;
        let loaded = daemon.auditctl(&["-R", file.to_str().context("a path that is UTF-8")?])?;
        said.push((loaded, daemon.auditctl(&["-l"])?));
    }
    daemon.stop()?;
    Ok(said)
}

#[test]
fn the_examples_load_and_list_as_with_the_original() -> Result<()> {
    let audit = Audit::hold()?;
    let scratch = tempfile::tempdir()?;
    let files = examples(scratch.path())?;
    ensure!(files.len() >= 20, "{EXAMPLES} holds only {} files", files.len());
    let theirs = load(Side::Theirs, &audit, &files)?;
    let ours = load(Side::Ours, &audit, &files)?;
    let mut wrong = Vec::new();
    for ((file, theirs), ours) in files.iter().zip(&theirs).zip(&ours) {
        for (what, theirs, ours) in [("-R", &theirs.0, &ours.0), ("-l", &theirs.1, &ours.1)] {
            let same = (&theirs.status, &theirs.stdout, &theirs.stderr)
                == (&ours.status, &ours.stdout, &ours.stderr);
            if !same {
                wrong.push(format!("{} {what}\n  theirs: {theirs:?}\n  ours:   {ours:?}", file.display()));
            }
        }
    }
    ensure!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), files.len() * 2, wrong.join("\n"));
    Ok(())
}
