//! The archive of which the kernel makes its first file system: cpio, format `newc`
//! (Documentation/driver-api/early-userspace/buffer-format.rst).

use std::fmt::Write as _;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;

/// Everything belongs to root; each member is an inode of its own. Parents come before what they hold.
#[derive(Debug)]
pub(super) struct Archive<W> {
    out: W,
    written: u64,
    inode: u32,
}

impl<W: Write> Archive<W> {
    /// An archive without members.
    pub(super) fn new(out: W) -> Self {
        Self { out, written: 0, inode: 0 }
    }

    /// A directory with these permissions.
    pub(super) fn directory(&mut self, path: &Path, permissions: u32) -> io::Result<()> {
        self.member(path.as_os_str().as_bytes(), DIRECTORY | permissions, &[])
    }

    /// A file with these permissions.
    pub(super) fn file(&mut self, path: &Path, permissions: u32, content: &[u8]) -> io::Result<()> {
        self.member(path.as_os_str().as_bytes(), REGULAR | permissions, content)
    }

    /// A symbolic link.
    pub(super) fn symlink(&mut self, path: &Path, target: &Path) -> io::Result<()> {
        self.member(path.as_os_str().as_bytes(), SYMLINK | 0o777, target.as_os_str().as_bytes())
    }

    /// Writes the end and returns what was written to.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.inode = 0;
        self.member(b"TRAILER!!!", 0, &[])?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn member(&mut self, path: &[u8], mode: u32, content: &[u8]) -> io::Result<()> {
        let name = path.strip_prefix(b"/").unwrap_or(path);
        let size = u32::try_from(content.len()).map_err(io::Error::other)?;
        let name_size = u32::try_from(name.len() + 1).map_err(io::Error::other)?;
        self.inode += 1;
        let mut head = String::from("070701");
        // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
        for field in [self.inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0] {
            let _ = write!(head, "{field:08x}");
        }
        self.put(head.as_bytes())?;
        self.put(name)?;
        self.put(b"\0")?;
        self.align()?;
        self.put(content)?;
        self.align()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn align(&mut self) -> io::Result<()> {
        let rest = self.written.wrapping_neg() % 4;
        self.put(&[0; 3][..rest as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Field `index` of the member that begins at `at`.
    fn field(bytes: &[u8], at: usize, index: usize) -> u32 {
        let start = at + 6 + index * 8;
        u32::from_str_radix(std::str::from_utf8(&bytes[start..start + 8]).unwrap(), 16).unwrap()
    }

    #[test]
    fn members_are_aligned_and_end_with_the_trailer() {
        let mut archive = Archive::new(Vec::new());
        archive.directory(Path::new("/a"), 0o755).unwrap();
        archive.file(Path::new("/a/bc"), 0o600, b"hello").unwrap();
        archive.symlink(Path::new("/d"), Path::new("a/bc")).unwrap();
        let bytes = archive.finish().unwrap();
        let mut at = 0;
        let mut found = Vec::new();
        while at < bytes.len() {
            assert_eq!(&bytes[at..at + 6], b"070701", "a member at {at}");
            let (size, name_size) = (field(&bytes, at, 6) as usize, field(&bytes, at, 11) as usize);
            let name = std::str::from_utf8(&bytes[at + 110..at + 109 + name_size]).unwrap();
            let start = (at + 110 + name_size).next_multiple_of(4);
            found.push((name, field(&bytes, at, 1), &bytes[start..start + size]));
            at = (start + size).next_multiple_of(4);
        }
        assert_eq!(at, bytes.len());
        let expected: [(&str, u32, &[u8]); 4] = [
            ("a", 0o040_755, b""),
            ("a/bc", 0o100_600, b"hello"),
            ("d", 0o120_777, b"a/bc"),
            ("TRAILER!!!", 0, b""),
        ];
        assert_eq!(found, expected);
    }
}
