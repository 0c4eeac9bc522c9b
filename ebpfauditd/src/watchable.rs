//! Whether the paths in a rule can be watched: what the kernel looks up when it adds one.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use audit_rules::{Field, Rule};
use nix::errno::Errno;

/// Looks up the paths of a rule as the kernel does: for `path=` (`audit_add_watch`) and `exe=` (`audit_alloc_mark`) the
/// parent must be a directory, while the last component need not exist; for `dir=` (`audit_add_tree_rule`) the whole
/// path must exist, directory or not.
///
/// # Errors
/// What the look-up gives: `ENOENT`, `ENOTDIR`, `ELOOP`, `EACCES`, ...
pub fn check(rule: &Rule) -> Result<(), Errno> {
    for condition in rule.conditions() {
        let path = condition.text().map(|text| Path::new(OsStr::from_bytes(text)));
        let Some(path) = path else { continue };
        match condition.field() {
            Field::Path | Field::Exe => check_parent(path)?,
            Field::Dir => {
                fs::metadata(path).map_err(|error| errno(&error))?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_parent(path: &Path) -> Result<(), Errno> {
    let Some(parent) = path.parent() else {
        // Only "/" has none, and the kernel refuses it for its trailing slash before it looks anything up.
        return Err(Errno::EINVAL);
    };
    let found = fs::metadata(parent).map_err(|error| errno(&error))?;
    if found.is_dir() { Ok(()) } else { Err(Errno::ENOTDIR) }
}

fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
