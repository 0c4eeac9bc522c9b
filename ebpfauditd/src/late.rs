//! Facts of files that the hooks cannot give and the daemon looks up afterwards: file capabilities, the ELF interpreter,
//! the inode behind a name that was not reached. What is looked up is believed only if it is still the same inode with
//! the same change time, and it is remembered by those.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::linux::fs::MetadataExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;

use kern::abi;
use nix::libc;

use crate::context::Contexts;
use crate::device;

/// Files that are remembered; then the memory is emptied. Some hundred bytes each.
const REMEMBERED: usize = 16 * 1024;
/// Longest interpreter name that is taken from a program; the kernel takes `PATH_MAX`.
const INTERPRETER: u64 = 4096;

/// Capabilities of a file, as PATH and `BPRM_FCAPS` print them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileCapabilities {
    /// `cap_fp`
    pub permitted: u64,
    /// `cap_fi`
    pub inheritable: u64,
    /// `cap_fe`
    pub effective: bool,
    /// `cap_fver`: revision of the attribute.
    pub version: u32,
    /// `cap_frootid`
    pub root: u32,
}

/// A file at one point of its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    ino: u64,
    dev: u32,
    ctime: i64,
    ctime_nsec: u32,
}

impl Identity {
    const fn of(inode: &abi::Inode) -> Self {
        Self { ino: inode.ino, dev: inode.dev, ctime: inode.ctime, ctime_nsec: inode.ctime_nsec }
    }
}

/// Where names are looked up: the root of the task that used them.
#[derive(Clone, Copy, Debug)]
pub enum Root {
    /// The daemon's own.
    Own,
    /// That of a process, as long as it lives and has this root directory.
    Process {
        /// Its number.
        pid: u32,
        /// Inode of its root directory.
        ino: u64,
    },
}

impl Root {
    /// The name as the daemon has to look it up; `None` if that root is gone.
    fn path(self, name: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Own => Some(name.to_vec()),
            Self::Process { pid, ino } => {
                let root = format!("/proc/{pid}/root");
                let same = fs::metadata(&root).is_ok_and(|found| found.st_ino() == ino);
                same.then(|| [root.as_bytes(), name].concat())
            }
        }
    }
}

/// What was looked up.
#[derive(Debug, Default)]
pub struct Late {
    capabilities: BTreeMap<Identity, FileCapabilities>,
    interpreters: BTreeMap<Identity, Option<Vec<u8>>>,
    loaders: BTreeMap<Identity, Vec<u8>>,
}

impl Late {
    /// Capabilities of the file at absolute `path`, if it is still `inode`; none otherwise. An empty path: only what is
    /// remembered.
    pub fn capabilities(&mut self, inode: &abi::Inode, root: Root, path: &[u8]) -> FileCapabilities {
        let regular = inode.mode & libc::S_IFMT == libc::S_IFREG;
        if inode.maybe_caps == 0 || !regular {
            return FileCapabilities::default();
        }
        let identity = Identity::of(inode);
        if let Some(&known) = self.capabilities.get(&identity) {
            return known;
        }
        if path.first() != Some(&b'/') {
            return FileCapabilities::default();
        }
        let Some(path) = root.path(path).filter(|path| found(path) == Some(identity)) else {
            return FileCapabilities::default();
        };
        let capabilities = attribute(&path).map(|value| parse_capabilities(&value)).unwrap_or_default();
        remember(&mut self.capabilities, identity, capabilities);
        capabilities
    }

    /// The name by which the program `inode` asks for its ELF interpreter, `loader`. The program is looked for at `path` and, as
    /// long as it runs, behind `/proc/PID/exe`, which also leads to programs that have no name any more. Failing that, the
    /// name by which another program asked for the same interpreter.
    pub fn interpreter(
        &mut self,
        inode: &abi::Inode,
        loader: &abi::Inode,
        root: Root,
        path: &[u8],
        pid: u32,
    ) -> Option<Vec<u8>> {
        let identity = Identity::of(inode);
        if let Some(known) = self.interpreters.get(&identity) {
            return known.clone();
        }
        let program = [root.path(path), Some(format!("/proc/{pid}/exe").into_bytes())]
            .into_iter()
            .flatten()
            .find(|path| found(path) == Some(identity));
        let Some(program) = program else {
            return self.loaders.get(&Identity::of(loader)).cloned();
        };
        let interpreter = read_interpreter(&program);
        remember(&mut self.interpreters, identity, interpreter.clone());
        if let Some(name) = &interpreter {
            remember(&mut self.loaders, Identity::of(loader), name.clone());
        }
        interpreter
    }

    /// The interpreter that the script at absolute `path` asks for, if the file is an executable script now.
    pub fn script_interpreter(root: Root, path: &[u8]) -> Option<Vec<u8>> {
        let file = open(&root.path(path)?)?;
        if file.metadata().ok()?.st_mode() & 0o111 == 0 {
            return None;
        }
        // BINPRM_BUF_SIZE: what the kernel looks at
        let mut line = Vec::new();
        file.take(256).read_to_end(&mut line).ok()?;
        let rest = line.strip_prefix(b"#!")?;
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let start = rest.iter().position(|byte| !blank(byte))?;
        let name = &rest[start..];
        let end = name.iter().position(|byte| blank(byte) || *byte == b'\n').unwrap_or(name.len());
        (end > 0).then(|| name[..end].to_vec())
    }

    /// The inode that absolute `path` leads to now.
    pub fn inode(root: Root, path: &[u8], contexts: &mut Contexts) -> Option<abi::Inode> {
        let path = root.path(path)?;
        let file = fs::metadata(OsStr::from_bytes(&path)).ok()?;
        Some(abi::Inode {
            ino: file.st_ino(),
            ctime: file.st_ctime(),
            ctime_nsec: file.st_ctime_nsec() as u32,
            dev: device::of(&path, file.st_dev()),
            mode: file.st_mode(),
            uid: file.st_uid(),
            gid: file.st_gid(),
            rdev: device::kernel(file.st_rdev()),
            magic: 0,
            maybe_caps: 1,
            sid: contexts.of_file(&path, file.st_ino()),
            pad: 0,
        })
    }
}

fn remember<V>(memory: &mut BTreeMap<Identity, V>, identity: Identity, value: V) {
    if memory.len() >= REMEMBERED {
        memory.clear();
    }
    memory.insert(identity, value);
}

/// Opens a regular file to read, without ever waiting: the path was chosen by an audited task, which may have put a FIFO there
/// or hold a lease on the file.
fn open(path: &[u8]) -> Option<File> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(OsStr::from_bytes(path)).ok()?;
    file.metadata().ok()?.is_file().then_some(file)
}

fn found(path: &[u8]) -> Option<Identity> {
    let file = fs::metadata(OsStr::from_bytes(path)).ok()?;
    Some(Identity {
        ino: file.st_ino(),
        dev: device::of(path, file.st_dev()),
        ctime: file.st_ctime(),
        ctime_nsec: file.st_ctime_nsec() as u32,
    })
}

/// The value of `security.capability`: `struct vfs_ns_cap_data`, 24 bytes at most.
fn attribute(path: &[u8]) -> Option<Vec<u8>> {
    let path = CString::new(path).ok()?;
    let mut value = [0u8; 24];
    // SAFETY: both strings end in NUL and live across the call; the buffer's length is passed with it.
    let length = unsafe {
        libc::getxattr(path.as_ptr(), c"security.capability".as_ptr(), value.as_mut_ptr().cast(), value.len())
    };
    usize::try_from(length).ok().map(|length| value[..length].to_vec())
}

/// `struct vfs_cap_data` (revisions 1 to 3, little endian).
fn parse_capabilities(value: &[u8]) -> FileCapabilities {
    let word = |at: usize| {
        value.get(4 * at..4 * at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes)
    };
    let magic = word(0);
    let high = |at: usize| if value.len() >= 20 { u64::from(word(at)) << 32 } else { 0 };
    FileCapabilities {
        permitted: u64::from(word(1)) | high(3),
        inheritable: u64::from(word(2)) | high(4),
        effective: magic & 1 != 0,
        version: magic >> 24,
        root: if value.len() >= 24 { word(5) } else { 0 },
    }
}

/// The `PT_INTERP` segment of a 64- or 32-bit little-endian ELF file.
fn read_interpreter(path: &[u8]) -> Option<Vec<u8>> {
    const PT_INTERP: u64 = 3;
    let mut file = open(path)?;
    let mut head = [0u8; 64];
    file.read_exact(&mut head).ok()?;
    if head[..4] != *b"\x7fELF" {
        return None;
    }
    let number = |bytes: &[u8], at: usize, size: usize| -> Option<u64> {
        let mut word = [0u8; 8];
        word[..size].copy_from_slice(bytes.get(at..at + size)?);
        Some(u64::from_le_bytes(word))
    };
    let wide = head[4] == 2;
    let (table, each, count) = if wide {
        (number(&head, 32, 8)?, number(&head, 54, 2)?, number(&head, 56, 2)?)
    } else {
        (number(&head, 28, 4)?, number(&head, 42, 2)?, number(&head, 44, 2)?)
    };
    for at in 0..count {
        let mut segment = vec![0u8; usize::try_from(each).ok()?];
        file.seek(SeekFrom::Start(table.checked_add(at * each)?)).ok()?;
        file.read_exact(&mut segment).ok()?;
        if number(&segment, 0, 4)? != PT_INTERP {
            continue;
        }
        let (offset, size) = if wide {
            (number(&segment, 8, 8)?, number(&segment, 32, 8)?)
        } else {
            (number(&segment, 4, 4)?, number(&segment, 16, 4)?)
        };
        let mut name = vec![0u8; usize::try_from(size.min(INTERPRETER)).ok()?];
        file.seek(SeekFrom::Start(offset)).ok()?;
        file.read_exact(&mut name).ok()?;
        let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
        name.truncate(end);
        return Some(name);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_attribute_of_revision_2() {
        // setcap cap_net_raw=ep: magic 0x02000001, permitted low word 1 << 13
        let value: Vec<u8> =
            [0x0200_0001u32, 1 << 13, 0, 0, 0].iter().flat_map(|word| word.to_le_bytes()).collect();
        let capabilities = parse_capabilities(&value);
        assert_eq!(capabilities.permitted, 0x2000);
        assert!(capabilities.effective);
        assert_eq!((capabilities.version, capabilities.root), (2, 0));
    }

    #[test]
    fn the_interpreter_of_a_program() {
        let interpreter = read_interpreter(b"/bin/true").unwrap();
        assert!(interpreter.starts_with(b"/lib"), "{interpreter:?}");
        assert_eq!(read_interpreter(b"/etc/passwd"), None);
    }
}
