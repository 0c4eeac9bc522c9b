//! What the guest finds: this machine's programs with their libraries, at the places where they lie here, and a few files of
//! its own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ::tests::program::run;
use anyhow::{Context, Result, ensure};

use super::cpio::Archive;

const LIMIT: Duration = Duration::from_mins(1);

#[derive(Debug)]
enum Entry {
    Directory(u32),
    Symlink(PathBuf),
    /// Bytes with these permissions.
    Bytes(u32, Vec<u8>),
    /// A file of this machine, read when it is written.
    Host(u32, PathBuf),
}

/// A tree of files, by absolute path. The same path twice is one file: what came later.
#[derive(Debug, Default)]
pub(super) struct Initramfs {
    entries: BTreeMap<PathBuf, Entry>,
}

impl Initramfs {
    /// A directory of its own with these permissions.
    pub(super) fn directory(&mut self, path: impl AsRef<Path>, permissions: u32) {
        self.put(path.as_ref(), Entry::Directory(permissions));
    }

    /// A file of its own with these permissions.
    pub(super) fn bytes(&mut self, path: impl AsRef<Path>, permissions: u32, content: impl Into<Vec<u8>>) {
        self.put(path.as_ref(), Entry::Bytes(permissions, content.into()));
    }

    /// A symbolic link, unless something is there already.
    pub(super) fn link(&mut self, path: impl AsRef<Path>, target: impl AsRef<Path>) {
        if !self.entries.contains_key(path.as_ref()) {
            self.put(path.as_ref(), Entry::Symlink(target.as_ref().to_owned()));
        }
    }

    /// What lies at `path` here, under the same path: a file, a directory with everything in it, or what a link leads to.
    pub(super) fn host(&mut self, path: &Path) -> Result<()> {
        let (parent, name) = path.parent().zip(path.file_name()).context("a path without a name")?;
        self.links_above(parent)?;
        let parent = fs::canonicalize(parent).with_context(|| path.display().to_string())?;
        let place = parent.join(name);
        let metadata = fs::symlink_metadata(&place).with_context(|| place.display().to_string())?;
        let permissions = metadata.permissions().mode() & 0o7777;
        if metadata.is_symlink() {
            let target = fs::read_link(&place).with_context(|| place.display().to_string())?;
            self.put(&place, Entry::Symlink(target.clone()));
            self.host(&parent.join(target))
        } else if metadata.is_dir() {
            self.put(&place, Entry::Directory(permissions));
            for entry in fs::read_dir(&place).with_context(|| place.display().to_string())? {
                self.host(&entry?.path())?;
            }
            Ok(())
        } else {
            self.put(&place, Entry::Host(permissions, place.clone()));
            Ok(())
        }
    }

    /// A program as it lies here, and the libraries that it needs.
    pub(super) fn program(&mut self, path: &Path) -> Result<()> {
        self.host(path)?;
        self.libraries(path)
    }

    /// A program of ours without its debugging information, which is most of it, and the libraries that it needs.
    pub(super) fn stripped(&mut self, path: &Path) -> Result<()> {
        let scratch = tempfile::NamedTempFile::new().context("a scratch file")?;
        let mut command = Command::new("strip");
        command.arg("--strip-debug").arg("-o").arg(scratch.path()).arg(path);
        run(&mut command, LIMIT)?.success().with_context(|| format!("strip {}", path.display()))?;
        let content = fs::read(scratch.path()).context("reading what strip wrote")?;
        self.put(path, Entry::Bytes(0o755, content));
        self.libraries(path)
    }

    /// The libraries that a program needs.
    pub(super) fn libraries(&mut self, path: &Path) -> Result<()> {
        let said = run(Command::new("ldd").arg(path), LIMIT)?;
        // It fails for scripts and static programs, which need none.
        for library in said.stdout.lines().filter_map(library) {
            self.host(Path::new(library))?;
        }
        Ok(())
    }

    /// The links of this machine by which `/bin` is `/usr/bin`, and the like.
    pub(super) fn links_above(&mut self, directory: &Path) -> Result<()> {
        for above in directory.ancestors() {
            if fs::symlink_metadata(above).is_ok_and(|metadata| metadata.is_symlink()) {
                let target = fs::read_link(above).with_context(|| above.display().to_string())?;
                self.put(above, Entry::Symlink(target));
            }
        }
        Ok(())
    }

    /// `path` with the links above it followed: the kernel unpacks a link before what it leads to.
    fn place(&self, path: &Path) -> PathBuf {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return path.to_owned() };
        let mut parent = self.place(parent);
        while let Some(Entry::Symlink(target)) = self.entries.get(&parent) {
            let target = parent.parent().unwrap_or(Path::new("/")).join(target);
            parent = self.place(&target);
        }
        parent.join(name)
    }

    fn put(&mut self, path: &Path, entry: Entry) {
        let path = &self.place(path);
        for above in path.ancestors().skip(1).filter(|above| above.parent().is_some()) {
            self.entries.entry(above.to_owned()).or_insert(Entry::Directory(0o755));
        }
        self.entries.insert(path.to_owned(), entry);
    }

    /// Writes the archive and returns its length in bytes.
    pub(super) fn write(&self, path: &Path) -> Result<u64> {
        let file = fs::File::create(path).with_context(|| path.display().to_string())?;
        let mut archive = Archive::new(BufWriter::new(file));
        // Sorted, so that a directory comes before what it holds.
        for (path, entry) in &self.entries {
            let written = match entry {
                Entry::Directory(permissions) => archive.directory(path, *permissions),
                Entry::Symlink(target) => archive.symlink(path, target),
                Entry::Bytes(permissions, content) => archive.file(path, *permissions, content),
                Entry::Host(permissions, source) => {
                    let content = fs::read(source).with_context(|| source.display().to_string())?;
                    archive.file(path, *permissions, &content)
                }
            };
            written.with_context(|| format!("writing {} into the initramfs", path.display()))?;
        }
        let mut out = archive.finish().context("writing the end of the initramfs")?;
        out.flush().context("writing the initramfs")?;
        let length = fs::metadata(path).with_context(|| path.display().to_string())?.len();
        ensure!(length > 0, "an empty initramfs");
        Ok(length)
    }
}

/// The path in a line of ldd: `name => path (address)`, or the loader's `path (address)`.
fn library(line: &str) -> Option<&str> {
    line.split_whitespace().find(|word| word.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_ldd() {
        assert_eq!(
            library("\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)"),
            Some("/lib/x86_64-linux-gnu/libc.so.6")
        );
        assert_eq!(library("\t/lib64/ld-linux-x86-64.so.2 (0x00007f)"), Some("/lib64/ld-linux-x86-64.so.2"));
        assert_eq!(library("\tlinux-vdso.so.1 (0x00007ffd)"), None);
        assert_eq!(library("\tnot a dynamic executable"), None);
    }

    #[test]
    fn what_lies_behind_a_link_is_put_where_it_leads() {
        let mut tree = Initramfs::default();
        tree.link("/lib", "usr/lib");
        tree.bytes("/lib/modules/x", 0o644, "");
        let paths: Vec<String> = tree.entries.keys().map(|path| path.display().to_string()).collect();
        assert_eq!(paths, ["/lib", "/usr", "/usr/lib", "/usr/lib/modules", "/usr/lib/modules/x"]);
    }

    #[test]
    fn a_program_comes_with_its_directories_links_and_loader() {
        let mut tree = Initramfs::default();
        tree.program(Path::new("/bin/true")).unwrap();
        let real = fs::canonicalize("/bin/true").unwrap();
        assert!(matches!(tree.entries.get(&real), Some(Entry::Host(_, source)) if *source == real));
        for above in real.ancestors().skip(1).filter(|above| above.parent().is_some()) {
            assert!(matches!(tree.entries.get(above), Some(Entry::Directory(_))), "{}", above.display());
        }
        assert!(tree.entries.keys().any(|path| path.to_string_lossy().contains("ld-linux")));
    }
}
