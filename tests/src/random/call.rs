//! The system calls of which sequences are made.

use std::ffi::CString;
use std::fmt;

use anyhow::Result;
use nix::errno::Errno;

use crate::raw::{self, Argument};
use crate::stage::{NOBODY, c_string};

use super::dice::Dice;
use super::name::{OPEN, name};

use libc::{
    AT_FDCWD, AT_REMOVEDIR, AT_SYMLINK_FOLLOW, AT_SYMLINK_NOFOLLOW, O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL,
    O_NOFOLLOW, O_NONBLOCK, O_PATH, O_RDONLY, O_RDWR, O_TMPFILE, O_TRUNC, O_WRONLY,
};

/// What stands in one register, or two.
#[derive(Debug, Clone, Copy)]
enum Slot {
    /// A name from the working directory.
    Name,
    /// A directory and a name below it: two registers.
    At,
    /// One of the open directories.
    Directory,
    /// Flags of open(2).
    Flags,
    /// `struct open_how` with such flags.
    How,
    /// Mode bits.
    Mode,
    /// Mode bits with a type of file.
    Node,
    /// An owner, or -1.
    Owner,
    /// One of these numbers.
    One(&'static [i64]),
    /// This text.
    Text(&'static str),
    /// What a symbolic link is to lead to.
    Target,
    /// Room for the kernel's answer.
    Room(usize),
}

use Slot::{At, Directory, Flags, How, Mode, Name, Node, One, Owner, Room, Target, Text};

/// A system call: its name, its number, what it takes.
type Shape = (&'static str, i64, &'static [Slot]);

const XATTR: Slot = Text("trusted.test");
const ZERO: Slot = One(&[0]);

const SHAPES: &[Shape] = &[
    ("open", libc::SYS_open, &[Name, Flags, Mode]),
    ("open", libc::SYS_open, &[Name, Flags, Mode]),
    ("openat", libc::SYS_openat, &[At, Flags, Mode]),
    ("openat", libc::SYS_openat, &[At, Flags, Mode]),
    ("openat2", libc::SYS_openat2, &[At, How, One(&[24])]),
    ("creat", libc::SYS_creat, &[Name, Mode]),
    ("unlink", libc::SYS_unlink, &[Name]),
    ("unlink", libc::SYS_unlink, &[Name]),
    ("unlinkat", libc::SYS_unlinkat, &[At, One(&[0, AT_REMOVEDIR as i64])]),
    ("rmdir", libc::SYS_rmdir, &[Name]),
    ("rename", libc::SYS_rename, &[Name, Name]),
    ("rename", libc::SYS_rename, &[Name, Name]),
    ("renameat", libc::SYS_renameat, &[At, At]),
    ("renameat2", libc::SYS_renameat2, &[At, At, One(&[0, 1, 2, 4])]),
    ("link", libc::SYS_link, &[Name, Name]),
    ("linkat", libc::SYS_linkat, &[At, At, One(&[0, AT_SYMLINK_FOLLOW as i64])]),
    ("symlink", libc::SYS_symlink, &[Target, Name]),
    ("symlinkat", libc::SYS_symlinkat, &[Target, At]),
    ("mkdir", libc::SYS_mkdir, &[Name, Mode]),
    ("mkdirat", libc::SYS_mkdirat, &[At, Mode]),
    ("mknod", libc::SYS_mknod, &[Name, Node, One(&[0, 0x103])]),
    ("mknodat", libc::SYS_mknodat, &[At, Node, One(&[0, 0x103])]),
    ("chmod", libc::SYS_chmod, &[Name, Mode]),
    ("fchmodat", libc::SYS_fchmodat, &[At, Mode]),
    ("fchmod", libc::SYS_fchmod, &[Directory, Mode]),
    ("chown", libc::SYS_chown, &[Name, Owner, Owner]),
    ("lchown", libc::SYS_lchown, &[Name, Owner, Owner]),
    ("fchownat", libc::SYS_fchownat, &[At, Owner, Owner, One(&[0, AT_SYMLINK_NOFOLLOW as i64])]),
    ("fchown", libc::SYS_fchown, &[Directory, Owner, Owner]),
    ("truncate", libc::SYS_truncate, &[Name, One(&[0, 9])]),
    ("setxattr", libc::SYS_setxattr, &[Name, XATTR, Text("value"), One(&[5]), One(&[0, 1, 2])]),
    ("lsetxattr", libc::SYS_lsetxattr, &[Name, XATTR, Text("value"), One(&[5]), ZERO]),
    ("fsetxattr", libc::SYS_fsetxattr, &[Directory, XATTR, Text("value"), One(&[5]), ZERO]),
    ("removexattr", libc::SYS_removexattr, &[Name, XATTR]),
    ("getxattr", libc::SYS_getxattr, &[Name, XATTR, Room(16), One(&[16])]),
    ("stat", libc::SYS_stat, &[Name, Room(144)]),
    ("lstat", libc::SYS_lstat, &[Name, Room(144)]),
    ("newfstatat", libc::SYS_newfstatat, &[At, Room(144), One(&[0, AT_SYMLINK_NOFOLLOW as i64])]),
    ("statx", libc::SYS_statx, &[At, One(&[0, AT_SYMLINK_NOFOLLOW as i64]), One(&[0xfff]), Room(256)]),
    ("access", libc::SYS_access, &[Name, One(&[0, 4, 2])]),
    ("faccessat", libc::SYS_faccessat, &[At, One(&[0, 4, 2])]),
    ("readlink", libc::SYS_readlink, &[Name, Room(64), One(&[64])]),
    ("readlinkat", libc::SYS_readlinkat, &[At, Room(64), One(&[64])]),
    ("chdir", libc::SYS_chdir, &[Name]),
    ("utime", libc::SYS_utime, &[Name, ZERO]),
    ("utimensat", libc::SYS_utimensat, &[At, ZERO, One(&[0, AT_SYMLINK_NOFOLLOW as i64])]),
];

/// The names of all these calls, each once.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = SHAPES.iter().map(|shape| shape.0).collect();
    names.dedup();
    names
}

/// One argument, made.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Number(i64),
    /// An open directory, by its place in [`OPEN`].
    Directory(usize),
    Text(CString),
    Bytes(Vec<u8>),
    Room(usize),
}

/// One system call of a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    name: &'static str,
    number: i64,
    words: Vec<Word>,
}

impl Call {
    /// A random call on names below `root`.
    pub fn random(dice: &mut Dice, root: &str) -> Result<Self> {
        let &(call, number, slots) = dice.pick(SHAPES);
        let mut words = Vec::new();
        for slot in slots {
            let word = match *slot {
                Name => Word::Text(c_string(name(dice, root).as_bytes())?),
                At => {
                    words.push(match dice.below(2 * OPEN.len()) {
                        place if place < OPEN.len() => Word::Directory(place),
                        _ => Word::Number(AT_FDCWD.into()),
                    });
                    Word::Text(c_string(name(dice, root).as_bytes())?)
                }
                Directory => Word::Directory(dice.below(OPEN.len())),
                Flags => Word::Number(flags(dice)),
                How => {
                    let flags = flags(dice);
                    let mode =
                        if flags & i64::from(O_CREAT | (O_TMPFILE & !O_DIRECTORY)) == 0 { 0 } else { 0o640 };
                    // Nothing, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH.
                    let how = [flags, mode, *dice.pick(&[0, 0, 4, 8])];
                    Word::Bytes(how.iter().flat_map(|word| word.to_ne_bytes()).collect())
                }
                Mode => Word::Number(*dice.pick(&[0o644, 0o755, 0o700, 0, 0o4711])),
                Node => Word::Number(
                    (*dice.pick(&[libc::S_IFREG, libc::S_IFIFO, libc::S_IFCHR, libc::S_IFSOCK]) | 0o644)
                        .into(),
                ),
                Owner => Word::Number(*dice.pick(&[-1, 0, NOBODY.into(), 7])),
                One(numbers) => Word::Number(*dice.pick(numbers)),
                Text(text) => Word::Text(c_string(text.as_bytes())?),
                Target => {
                    Word::Text(c_string(dice.pick(&["x", "a/x", "../y", "z", "c", "nowhere/z"]).as_bytes())?)
                }
                Room(length) => Word::Room(length),
            };
            words.push(word);
        }
        Ok(Self { name: call, number, words })
    }

    /// Makes the call; `open` are the descriptors of the open directories.
    pub fn make(&self, open: &[i64], room: &mut [u8]) -> Result<i64, Errno> {
        let mut arguments = [const { Argument::Number(0) }; 6];
        let mut room = Some(room);
        for (argument, word) in arguments.iter_mut().zip(&self.words) {
            *argument = match word {
                Word::Number(number) => Argument::Number(*number),
                Word::Directory(place) => Argument::Number(open.get(*place).copied().unwrap_or(-1)),
                Word::Text(text) => Argument::Text(text),
                Word::Bytes(bytes) => Argument::Bytes(bytes),
                Word::Room(length) => Argument::Room(
                    room.take().and_then(|room| room.get_mut(..*length)).ok_or(Errno::ENOBUFS)?,
                ),
            };
        }
        raw::call(self.number, arguments)
    }

    /// Whether it moves a file onto a name that is called the same.
    pub fn keeps_its_name(&self) -> bool {
        let names: Vec<&[u8]> = self
            .words
            .iter()
            .filter_map(|word| match word {
                Word::Text(text) => Some(trimmed(text.to_bytes())),
                _ => None,
            })
            .collect();
        let last = |name: &[u8]| name.rsplit(|&byte| byte == b'/').next().map(<[u8]>::to_vec);
        matches!(names[..], [from, to] if self.name.starts_with("rename") && last(from) == last(to))
    }

    /// Whether it may wait for ever: creat(2) of a FIFO, for there are no flags to forbid that.
    pub fn may_block(&self) -> bool {
        self.name == "creat"
    }

    /// Whether a result that is not an error is a new descriptor.
    pub fn opens(&self) -> bool {
        ["open", "openat", "openat2", "creat"].contains(&self.name)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name)?;
        for (number, word) in self.words.iter().enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            match word {
                Word::Number(number) if number.abs() < 10 => write!(f, "{comma}{number}")?,
                Word::Number(number) => write!(f, "{comma}{:#o}", *number as i32)?,
                Word::Directory(place) => write!(f, "{comma}fd of {:?}", OPEN[*place])?,
                Word::Text(text) => write!(f, "{comma}{text:?}")?,
                Word::Bytes(bytes) => write!(f, "{comma}{bytes:?}")?,
                Word::Room(_) => write!(f, "{comma}room")?,
            }
        }
        f.write_str(")")
    }
}

/// A name without the slashes at its end.
fn trimmed(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
    &name[..end]
}

/// Flags of open(2); never such that the open would block.
fn flags(dice: &mut Dice) -> i64 {
    let mut flags = *dice.pick(&[O_RDONLY, O_RDONLY, O_WRONLY, O_RDWR]) | O_NONBLOCK;
    for (flag, times) in [
        (O_CREAT, 3),
        (O_EXCL, 8),
        (O_TRUNC, 6),
        (O_APPEND, 8),
        (O_DIRECTORY, 8),
        (O_NOFOLLOW, 6),
        (O_PATH, 10),
        (O_TMPFILE, 12),
    ] {
        if dice.one_in(times) {
            flags |= flag;
        }
    }
    flags.into()
}
