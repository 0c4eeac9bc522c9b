//! What has to be there before the watches are: files, links, mounts.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::Path;

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};

use crate::elf;
use crate::ring::Ring;

/// Writes a program that can be read, written and executed; by an open of `flags` besides those for a new file.
pub fn program(path: &Path, flags: i32) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .custom_flags(flags)
        .mode(0o755)
        .open(path)
        .with_context(|| path.display().to_string())?;
    Ok(file.write_all(&elf::quiet())?)
}

/// The watched file alone.
pub fn file(place: &Path) -> Result<()> {
    program(&place.join("target"), 0)
}

/// Nothing.
pub fn nothing(_: &Path) -> Result<()> {
    Ok(())
}

/// The file and another one.
pub fn two(place: &Path) -> Result<()> {
    file(place)?;
    program(&place.join("other"), 0)
}

/// The file and another one, if the kernel lets programs have rings.
pub fn two_for_a_ring(place: &Path) -> Result<()> {
    if let Err(error) = Ring::new() {
        return Err(error.context(nix::errno::Errno::ENODEV));
    }
    two(place)
}

/// The file by two names.
pub fn hard_link(place: &Path) -> Result<()> {
    file(place)?;
    Ok(fs::hard_link(place.join("target"), place.join("link"))?)
}

/// The file and a symbolic link to it.
pub fn symbolic_link(place: &Path) -> Result<()> {
    file(place)?;
    Ok(symlink("target", place.join("link"))?)
}

/// The file in a directory that is mounted at another place, too.
pub fn bind(place: &Path) -> Result<()> {
    file(place)?;
    let other = place.join("mounted");
    fs::create_dir(&other)?;
    mount(Some(place), &other, None::<&str>, MsFlags::MS_BIND, None::<&str>).context("a bind mount")
}

/// The file on a file system of its own.
pub fn tmpfs(place: &Path) -> Result<()> {
    let ground = place.join("mounted");
    fs::create_dir(&ground)?;
    mount(Some("identity"), &ground, Some("tmpfs"), MsFlags::empty(), None::<&str>).context("a tmpfs")?;
    file(&ground)
}

/// The file in the lower layer.
pub fn overlay_lower(place: &Path) -> Result<()> {
    overlay(place, "lower")
}

/// The file in the upper layer.
pub fn overlay_upper(place: &Path) -> Result<()> {
    overlay(place, "upper")
}

fn overlay(place: &Path, layer: &str) -> Result<()> {
    for name in ["lower", "upper", "work", "merged"] {
        fs::create_dir(place.join(name))?;
    }
    file(&place.join(layer))?;
    let place = place.display();
    let layers = format!("lowerdir={place}/lower,upperdir={place}/upper,workdir={place}/work");
    let merged = format!("{place}/merged");
    mount(Some("identity"), merged.as_str(), Some("overlay"), MsFlags::empty(), Some(layers.as_str()))
        .context("an overlay")
}
