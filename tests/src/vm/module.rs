//! Kernel modules for the guest: those that its scenarios load, and what they depend on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::initramfs::Initramfs;

/// File systems, devices for them, and the network's parts that send records of their own. What a kernel has built in, or
/// has not at all, is left out.
const MODULES: &[&str] = &[
    "autofs4",
    "brd",
    "btrfs",
    "dummy",
    "ext4",
    "fuse",
    "loop",
    "nf_tables",
    "nft_compat",
    "overlay",
    "squashfs",
    "tun",
    "veth",
    "vfat",
    "xfs",
    "xt_AUDIT",
];

/// Puts the modules of this kernel into the guest, with the lists by which modprobe finds them.
pub(super) fn install(modules: &Path, version: &str, tree: &mut Initramfs) -> Result<()> {
    let mut files = BTreeMap::new();
    index(&modules.join("kernel"), &mut files)?;
    let place = Path::new("/lib/modules").join(version);
    let (mut dependencies, mut aliases) = (Vec::new(), Vec::new());
    let mut waiting: Vec<String> = MODULES.iter().map(|name| (*name).to_owned()).collect();
    let mut seen = BTreeSet::new();
    while let Some(name) = waiting.pop() {
        let Some(file) = files.get(&name).filter(|_| seen.insert(name.clone())) else { continue };
        let content = read(file)?;
        let direct = needs(&content);
        // modprobe loads what stands in the line, from the last to the first; it does not look up their lines.
        let all = closure(&direct, &files)?;
        let needed: Vec<String> = all.iter().map(|needed| format!(" {needed}.ko")).collect();
        dependencies.push(format!("{name}.ko:{}\n", needed.concat()));
        let own = information(&content, "alias");
        aliases.extend(own.iter().map(|alias| format!("alias {alias} {name}\n")));
        tree.bytes(place.join(format!("{name}.ko")), 0o644, content);
        waiting.extend(all);
    }
    tree.bytes(place.join("modules.dep"), 0o644, dependencies.concat());
    tree.bytes(place.join("modules.alias"), 0o644, aliases.concat());
    Ok(())
}

/// All that these modules need, each after those that need it.
fn closure(direct: &[String], files: &BTreeMap<String, PathBuf>) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for name in direct {
        let Some(file) = files.get(name) else { continue };
        all.push(name.clone());
        all.extend(closure(&needs(&read(file)?), files)?);
    }
    // The last mention is the one that comes after everybody who needs it.
    let mut seen = BTreeSet::new();
    let mut unique: Vec<String> = all.into_iter().rev().filter(|name| seen.insert(name.clone())).collect();
    unique.reverse();
    Ok(unique)
}

/// Every module below `directory`, by name. `-` and `_` are one in module names.
fn index(directory: &Path, files: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            index(&path, files)?;
        } else if let Some((name, _)) =
            path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split_once(".ko"))
        {
            files.insert(name.replace('-', "_"), path);
        }
    }
    Ok(())
}

/// A module's bytes; newer packages hold them compressed.
fn read(path: &Path) -> Result<Vec<u8>> {
    if path.extension().is_none_or(|extension| extension != "xz") {
        return fs::read(path).with_context(|| path.display().to_string());
    }
    let output = Command::new("xz")
        .arg("-dc")
        .arg(path)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("xz -dc {}", path.display()))?;
    ensure!(
        output.status.success(),
        "xz -dc {}: {}",
        path.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output.stdout)
}

fn needs(content: &[u8]) -> Vec<String> {
    information(content, "depends")
        .iter()
        .flat_map(|names| names.split(','))
        .filter(|name| !name.is_empty())
        .map(|name| name.replace('-', "_"))
        .collect()
}

/// The values of `key` in the section `.modinfo`: `key=value` between NULs.
fn information(content: &[u8], key: &str) -> Vec<String> {
    let start = format!("{key}=");
    content
        .split(|byte| *byte == 0)
        .filter_map(|text| text.strip_prefix(start.as_bytes()))
        .filter_map(|value| std::str::from_utf8(value).ok())
        .filter(|value| !value.chars().any(char::is_whitespace))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_module_says_of_itself() {
        let content =
            b"\x7fELF\0\0depends=libcrc32c,raid6-pq\0alias=fs-btrfs\0alias=devname:btrfs control\0x\0";
        assert_eq!(needs(content), ["libcrc32c", "raid6_pq"]);
        assert_eq!(information(content, "alias"), ["fs-btrfs"]);
    }

    #[test]
    fn whoever_is_needed_stands_after_all_who_need_it() {
        let directory = tempfile::tempdir().unwrap();
        for (name, needed) in [("a", "c,b"), ("b", "c"), ("c", "")] {
            fs::write(directory.path().join(format!("{name}.ko")), format!("\0depends={needed}\0")).unwrap();
        }
        let mut files = BTreeMap::new();
        index(directory.path(), &mut files).unwrap();
        assert_eq!(closure(&["c".to_owned(), "b".to_owned()], &files).unwrap(), ["b", "c"]);
        assert_eq!(closure(&["a".to_owned()], &files).unwrap(), ["a", "b", "c"]);
    }
}
