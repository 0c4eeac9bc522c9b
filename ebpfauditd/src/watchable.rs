//! Whether the paths in a rule can be watched: what the kernel looks up when it adds one.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use audit_rules::{Field, Rule};
use nix::errno::Errno;

use crate::watch::place;

/// Looks up the paths of a rule as the kernel does: for `path=` (`audit_add_watch`) and `exe=` (`audit_alloc_mark`) the
/// parent must be a directory, while the last component need not exist; for `dir=` (`audit_add_tree_rule`) the whole
/// path must exist, directory or not.
///
/// # Errors
/// What the look-up gives: `ENOENT`, `ENOTDIR`, `ELOOP`, `EACCES`, ...; `EINVAL` for a name that ends in a slash or dots.
pub fn check(rule: &Rule) -> Result<(), Errno> {
    for condition in rule.conditions() {
        let Some(path) = condition.text() else { continue };
        match condition.field() {
            Field::Path | Field::Exe => {
                place::directory(place::split(path)?.0)?;
            }
            Field::Dir => {
                let path = Path::new(OsStr::from_bytes(path));
                fs::metadata(path)
                    .map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))?;
            }
            _ => {}
        }
    }
    Ok(())
}
