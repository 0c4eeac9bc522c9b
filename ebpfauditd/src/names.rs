//! Names: how the text of a PATH record comes about, and the record itself (`audit_log_name` in `kernel/auditsc.c`).

use compat::record::quote;
use kern::abi;

use crate::late::FileCapabilities;
use crate::text::{self, capabilities, decimal, device, field, hex, octal, word};

/// How a name takes part in a syscall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameType {
    /// The object itself.
    Normal,
    /// The directory that holds the object.
    Parent,
    /// An object that the syscall made.
    Create,
    /// A name that led to nothing.
    Unknown,
}

impl NameType {
    const fn word(self) -> &'static str {
        match self {
            Self::Normal => "NORMAL",
            Self::Parent => "PARENT",
            Self::Create => "CREATE",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// Appends the body of a PATH record. `name`: `None` prints as `(null)`; `inode`: `None` leaves its fields out.
pub fn write(
    out: &mut Vec<u8>,
    number: usize,
    name: Option<&[u8]>,
    inode: Option<&abi::Inode>,
    kind: NameType,
    file: FileCapabilities,
) {
    word(out, "item=");
    decimal(out, number as u64);
    word(out, " name=");
    match name {
        Some(name) => quote::untrusted(out, name),
        None => word(out, "(null)"),
    }
    if let Some(inode) = inode {
        word(out, " inode=");
        decimal(out, inode.ino);
        word(out, " dev=");
        device(out, inode.dev);
        word(out, " mode=");
        octal(out, u64::from(inode.mode));
        field(out, "ouid", inode.uid);
        field(out, "ogid", inode.gid);
        word(out, " rdev=");
        device(out, inode.rdev);
    }
    word(out, " nametype=");
    word(out, kind.word());
    word(out, " cap_fp=");
    capabilities(out, file.permitted);
    word(out, " cap_fi=");
    capabilities(out, file.inheritable);
    field(out, "cap_fe", u32::from(file.effective));
    word(out, " cap_fver=");
    hex(out, u64::from(file.version));
    field(out, "cap_frootid", file.root);
}

/// What precedes the last component, its slash included; `None` without a slash (`parent_len` in `kernel/auditfilter.c`).
pub fn directory_part(name: &[u8]) -> Option<&[u8]> {
    let end = name.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
    let slash = name[..end].iter().rposition(|&byte| byte == b'/')?;
    Some(&name[..=slash])
}

/// `bprm->filename` of an execveat is made up of the descriptor and the name that was given (`fs/exec.c`, `alloc_bprm`).
pub fn execveat_name(filename: &[u8], directory: i32) -> &[u8] {
    let below = (directory != text::AT_FDCWD)
        .then(|| format!("/dev/fd/{directory}"))
        .and_then(|prefix| filename.strip_prefix(prefix.as_bytes()));
    match below {
        Some([]) => b"",
        Some([b'/', rest @ ..]) => rest,
        _ => filename,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_part_ends_with_its_slash() {
        assert_eq!(directory_part(b"/mnt/a/x"), Some(&b"/mnt/a/"[..]));
        assert_eq!(directory_part(b"/mnt/a/x//"), Some(&b"/mnt/a/"[..]));
        assert_eq!(directory_part(b"x"), None);
        assert_eq!(directory_part(b"x/"), None);
        assert_eq!(directory_part(b"/x"), Some(&b"/"[..]));
    }

    #[test]
    fn execveat_names_are_those_that_were_given() {
        assert_eq!(execveat_name(b"/dev/fd/5", 5), b"");
        assert_eq!(execveat_name(b"/dev/fd/5/bin/ls", 5), b"bin/ls");
        assert_eq!(execveat_name(b"/bin/ls", 5), b"/bin/ls");
        assert_eq!(execveat_name(b"ls", text::AT_FDCWD), b"ls");
    }
}
