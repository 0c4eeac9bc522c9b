//! The directories of the comparison: what both sides share, and what each makes anew.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::case::Case;
use crate::stage::{NOBODY, c_string};
use crate::syscall;

/// Files that both sides use, so that inode, mode and owner can be compared; a working directory that is emptied for each.
///
/// The place is fixed, because names are part of the records. Whoever holds [`crate::kernel::Audit`] may use it.
#[derive(Debug)]
pub struct Fixture {
    root: PathBuf,
    // Sockets that the cases connect to; they live as long as the files that name them.
    sockets: Option<(UnixListener, UnixDatagram)>,
}

impl Fixture {
    /// Makes everything.
    pub fn make() -> Result<Self> {
        let root = std::env::temp_dir().join("ebpfauditd-comparison");
        if root.exists() {
            fs::remove_dir_all(&root).with_context(|| format!("removing {}", root.display()))?;
        }
        let mut fixture = Self { root, sockets: None };
        fixture.fill().with_context(|| format!("in {}", fixture.root.display()))?;
        Ok(fixture)
    }

    /// What both sides share.
    pub fn files(&self) -> PathBuf {
        self.root.join("files")
    }

    /// What each side makes anew.
    pub fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// The actor, copied here, so that both sides run the same file whatever cargo does meanwhile.
    pub fn actor(&self) -> PathBuf {
        self.root.join("actor")
    }

    /// Empties the working directory, which itself stays: its inode is in the records.
    pub fn empty_work(&self) -> Result<()> {
        for entry in fs::read_dir(self.work())? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Sets the scene of a case that has a directory of its own, and returns its rules.
    ///
    /// In them stand `$work` for that directory, `$files` for the shared one, `$inode:NAME` for the number of an inode in the
    /// own directory, `$major` and `$minor` for the device of it.
    pub fn rules(&self, auid: u32, case: &Case) -> Result<Vec<String>> {
        let place = self.work().join(case.name);
        if case.own {
            fs::create_dir(&place).with_context(|| place.display().to_string())?;
            fs::set_permissions(&place, fs::Permissions::from_mode(0o755))?;
            if let Some(setting) = case.setting {
                setting(&place).with_context(|| format!("the setting of {}", case.name))?;
            }
        }
        let device = fs::metadata(self.work())?.dev();
        let (major, minor) = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
        case.rule_lines(auid)
            .map(|line| {
                let words = line.split(' ').map(|word| -> Result<String> {
                    if let Some((field, name)) = word.split_once("$inode:") {
                        let path = place.join(name);
                        let inode = fs::metadata(&path).with_context(|| path.display().to_string())?.ino();
                        return Ok(format!("{field}{inode}"));
                    }
                    Ok(word
                        .replace("$work", &place.to_string_lossy())
                        .replace("$files", &self.files().to_string_lossy())
                        .replace("$major", &major.to_string())
                        .replace("$minor", &minor.to_string()))
                });
                Ok(words.collect::<Result<Vec<_>>>()?.join(" "))
            })
            .collect()
    }

    /// Copies the actor into place.
    pub fn install_actor(&self, actor: &Path) -> Result<()> {
        fs::copy(actor, self.actor()).with_context(|| actor.display().to_string())?;
        Ok(())
    }

    fn fill(&mut self) -> Result<()> {
        let files = self.files();
        fs::create_dir_all(&files)?;
        fs::create_dir_all(self.work())?;
        for directory in [&self.root, &files, &self.work()] {
            fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
        }
        let write = |name: &str, content: &[u8], mode: u32| -> Result<PathBuf> {
            let path = files.join(name);
            fs::write(&path, content)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
            Ok(path)
        };
        write("plain", b"some text, long enough to be mapped\n", 0o644)?;
        write("empty", b"", 0o644)?;
        write("script", b"#!/bin/sh\nexit 0\n", 0o755)?;
        write("script-argument", b"#!/bin/sh -e\nexit 0\n", 0o755)?;
        write("script-nested", format!("#!{}\n", files.join("script").display()).as_bytes(), 0o755)?;
        write("script-missing", b"#!/nowhere/interpreter\n", 0o755)?;
        write("not-a-program", b"just text\n", 0o755)?;
        let owned = write("owned-by-nobody", b"", 0o4640)?;
        chown(&owned, Some(NOBODY), Some(NOBODY))?;
        fs::set_permissions(&owned, fs::Permissions::from_mode(0o4640))?;
        let program = fs::read("/bin/true")?;
        write("true", &program, 0o755)?;
        write("odd \"true\"\n", &program, 0o755)?;
        write("true-setuid", &program, 0o4755)?;
        capable(&write("true-capabilities", &program, 0o755)?)?;
        self.sockets =
            Some((UnixListener::bind(files.join("listener"))?, UnixDatagram::bind(files.join("datagram"))?));
        drop(UnixListener::bind(files.join("deserted"))?);
        symlink("plain", files.join("link"))?;
        symlink("true", files.join("true-link"))?;
        Ok(())
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.root) {
            eprintln!("{} stays behind: {error}", self.root.display());
        }
    }
}

/// Gives a program `cap_net_raw+ep` (`struct vfs_cap_data`, revision 2).
fn capable(path: &Path) -> Result<()> {
    const REVISION_2_EFFECTIVE: u32 = 0x0200_0001;
    const NET_RAW: u32 = 1 << 13;
    let data: Vec<u8> =
        [REVISION_2_EFFECTIVE, NET_RAW, 0, 0, 0].iter().flat_map(|word| word.to_le_bytes()).collect();
    let path = c_string(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()))?;
    syscall!(libc::SYS_setxattr, &path, c"security.capability", &data, data.len(), 0).context("setxattr")?;
    Ok(())
}
