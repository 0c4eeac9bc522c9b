//! Random rules for one sequence.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};

use crate::stage::NOBODY;

use super::call::names;
use super::dice::Dice;
use super::name::{TREES, WATCHED};

const PERMISSIONS: [&str; 8] = ["r", "w", "x", "a", "wa", "rw", "rwa", "rwxa"];
const FILE_TYPES: [&str; 5] = ["file", "dir", "link", "fifo", "character"];

/// Some rules, as lines of `audit.rules`. The tree `root` must be there.
pub fn rules(dice: &mut Dice, root: &Path, auid: u32) -> Result<Vec<String>> {
    let count = 3 + dice.below(4);
    (0..count).map(|number| rule(dice, root, auid, number)).collect()
}

fn rule(dice: &mut Dice, root: &Path, auid: u32, number: usize) -> Result<String> {
    let action = if dice.one_in(8) { "never" } else { "always" };
    let place = root.display();
    let mut fields = match dice.below(9) {
        0 | 1 => format!("-F path={place}/{} -F perm={}", dice.pick(&WATCHED), dice.pick(&PERMISSIONS)),
        2 => format!("-F dir={place}/{} -F perm={}", dice.pick(&TREES), dice.pick(&PERMISSIONS)),
        3 => format!("{}-F path={place}/{}", calls(dice), dice.pick(&WATCHED)),
        4 => format!("{}-F dir={place}/{}", calls(dice), dice.pick(&TREES)),
        5 => {
            let path = root.join(*dice.pick(&["x", "y", "a/x", "b/y", "a", "a/c", "b"]));
            let inode = fs::metadata(&path).with_context(|| path.display().to_string())?.ino();
            let calls = calls(dice);
            format!("{calls}-F inode={}{inode}", if dice.one_in(5) { "!" } else { "" }).replace("=!", "!=")
        }
        6 => format!("{}-F {}={}", calls(dice), dice.pick(&["obj_uid", "obj_gid"]), dice.pick(&[0, NOBODY])),
        7 => format!("{}-F filetype={}", calls(dice), dice.pick(&FILE_TYPES)),
        _ => calls(dice).trim_end().to_owned(),
    };
    match dice.below(5) {
        0 => fields += " -F success=1",
        1 => fields += " -F success=0",
        2 => {
            fields += " -F exit=-";
            fields += *dice.pick(&["ENOENT", "EACCES", "EEXIST", "ENOTDIR", "EPERM"]);
        }
        _ => {}
    }
    Ok(format!("-a {action},exit {fields} -F auid={auid} -k random-{number}"))
}

/// Some system calls of one architecture, by name.
fn calls(dice: &mut Dice) -> String {
    let names = names();
    let count = 12 + dice.below(30);
    let mut chosen: Vec<&str> = (0..count).map(|_| *dice.pick(&names)).collect();
    chosen.sort_unstable();
    chosen.dedup();
    format!("-F arch=b64 -S {} ", chosen.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_rules() {
        let root = tempfile::tempdir().unwrap();
        let tree = root.path().join("tree");
        super::super::name::plant(&tree).unwrap();
        for seed in 0..50 {
            let made = rules(&mut Dice::new(seed), &tree, 7).unwrap();
            assert_eq!(made, rules(&mut Dice::new(seed), &tree, 7).unwrap());
            assert!(made.iter().all(|line| line.contains(" -F auid=7 ")), "{made:?}");
        }
    }
}
