//! What the inodes of a case's scene are called. Each run has inodes of its own; the files that they belong to have the same
//! names in each, so a record that shows the wrong file is found.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};
use nix::sys::stat::{major, minor};

/// What begins each line of [`tell`].
const MARK: &str = "inode";

/// The inode of the root of /proc.
const PROC_ROOT: u64 = 1;

/// One line for everything below the roots: device and inode as PATH records have them, and the path.
///
/// # Errors
/// When a directory of the scene cannot be read.
pub fn tell(roots: &[&Path]) -> Result<String> {
    let mut text = String::new();
    for root in roots {
        walk(root, Path::new(""), &mut text)?;
    }
    Ok(text)
}

fn walk(root: &Path, below: &Path, text: &mut String) -> Result<()> {
    let path = root.join(below);
    let metadata = match fs::symlink_metadata(&path) {
        // Another process's file of /proc may be gone by now.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        metadata => metadata.with_context(|| path.display().to_string())?,
    };
    let name = root.file_name().map_or(root, Path::new).join(below);
    let (major, minor) = (major(metadata.dev()), minor(metadata.dev()));
    // One line, whatever is in the name.
    let name = name.as_os_str().as_encoded_bytes().escape_ascii();
    writeln!(text, "{MARK} {major:02x}:{minor:02x} {} {name}", metadata.ino())?;
    // A tree of the kernel's own is not part of the scene.
    if !metadata.is_dir() || (metadata.ino() == PROC_ROOT && path.join("self/stat").exists()) {
        return Ok(());
    }
    let mut names: Vec<_> = fs::read_dir(&path)
        .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<_>>())
        .with_context(|| path.display().to_string())?;
    names.sort();
    names.iter().try_for_each(|name| walk(root, &below.join(name), text))
}

/// What one actor told.
#[derive(Debug, Default)]
pub struct Places {
    inodes: HashMap<(String, String), String>,
    devices: HashMap<String, String>,
}

impl Places {
    /// Reads the lines of [`tell`] among others. Of several names the first is taken.
    pub fn read(told: &str) -> Self {
        let mut places = Self::default();
        for line in told.lines() {
            let mut words = line.splitn(4, ' ');
            let (Some(MARK), Some(device), Some(inode), Some(path)) =
                (words.next(), words.next(), words.next(), words.next())
            else {
                continue;
            };
            places.devices.entry(device.to_owned()).or_insert_with(|| path.to_owned());
            places.inodes.entry((device.to_owned(), inode.to_owned())).or_insert_with(|| path.to_owned());
        }
        places
    }

    /// The name of an inode.
    pub fn inode(&self, device: &str, inode: &str) -> Option<&str> {
        self.inodes.get(&(device.to_owned(), inode.to_owned())).map(String::as_str)
    }

    /// The first name on a device.
    pub fn device(&self, device: &str) -> Option<&str> {
        self.devices.get(device).map(String::as_str)
    }
}
