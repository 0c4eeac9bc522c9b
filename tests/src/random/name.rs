//! The tree in which a sequence plays, and random names for what is in it, or is not.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use anyhow::{Context, Result};

use crate::stage::NOBODY;

use super::dice::Dice;

/// Directories that are open when the sequence begins.
pub const OPEN: [&str; 3] = ["", "a", "b"];

/// Files of which rules may speak: those that are there, and one that is not.
pub const WATCHED: [&str; 8] = ["x", "y", "a/x", "b/y", "b/h", "a/z", "z", "s"];

/// Directories of which rules may speak.
pub const TREES: [&str; 4] = ["a", "b", "a/c", "d"];

const DIRECTORIES: [&str; 14] =
    ["", "", "", "a/", "a/", "b/", "b/", "a/c/", "d/", "a/../", "b/.././a//", "missing/", "x/", "private/"];
const LAST: [&str; 11] = ["x", "x", "y", "z", "h", "s", "n", "l", "c", "w", "o \"1"];
const WHOLE: [&str; 8] = ["a", "b", "a/c", "d", ".", "..", "a/", "private"];

/// Makes the tree that every sequence begins with.
pub fn plant(root: &Path) -> Result<()> {
    let path = |name: &str| root.join(name);
    let directory = |name: &str, mode: u32| -> Result<()> {
        let path = path(name);
        fs::create_dir(&path).with_context(|| path.display().to_string())?;
        Ok(fs::set_permissions(&path, fs::Permissions::from_mode(mode))?)
    };
    for (name, mode) in [("", 0o755), ("a", 0o777), ("b", 0o1777), ("a/c", 0o755), ("private", 0o700)] {
        directory(name, mode)?;
    }
    let file = |name: &str, mode: u32, owner: u32| -> Result<()> {
        let path = path(name);
        fs::write(&path, "text")?;
        chown(&path, Some(owner), Some(owner))?;
        Ok(fs::set_permissions(&path, fs::Permissions::from_mode(mode))?)
    };
    file("x", 0o644, 0)?;
    file("y", 0o600, NOBODY)?;
    file("a/x", 0o666, NOBODY)?;
    file("b/y", 0o640, 0)?;
    file("private/x", 0o644, 0)?;
    file("o \"1", 0o4755, 0)?;
    fs::hard_link(path("a/x"), path("b/h"))?;
    symlink("a/x", path("s"))?;
    symlink("a", path("d"))?;
    symlink("nothing", path("n"))?;
    symlink("l", path("l"))?;
    Ok(())
}

/// A name below the tree `root`, for a call that takes it from the working directory; never empty.
pub fn name(dice: &mut Dice, root: &str) -> String {
    let mut text = if dice.one_in(6) {
        (*dice.pick(&WHOLE)).to_owned()
    } else {
        format!("{}{}", dice.pick(&DIRECTORIES), dice.pick(&LAST))
    };
    if dice.one_in(14) {
        text.push('/');
    }
    match dice.below(5) {
        0 | 1 => format!("{root}/{text}"),
        2 => format!("./{text}"),
        _ => text,
    }
}
