//! Names: how the text of a PATH record comes about, and the record itself (`audit_log_name` in `kernel/auditsc.c`).

use compat::record::quote;
use compat::record::{Event, MessageType};
use kern::abi;

use crate::context::Contexts;
use crate::late::FileCapabilities;
use crate::text::{self, capabilities, decimal, device, field, group, hex, noted, octal, user, word};

/// How a name takes part in a syscall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameType {
    /// The object itself.
    Normal,
    /// The directory that holds the object.
    Parent,
    /// An object that the syscall made.
    Create,
    /// An object that the syscall removed.
    Delete,
    /// A name that led to nothing.
    Unknown,
}

impl NameType {
    const fn word(self) -> &'static str {
        match self {
            Self::Normal => "NORMAL",
            Self::Parent => "PARENT",
            Self::Create => "CREATE",
            Self::Delete => "DELETE",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// Writes a PATH record. `name`: `None` prints as `(null)`; `inode`: `None` leaves its fields out; `file`: `None`:
/// the kernel did not ask for them.
pub fn write(
    event: &mut Event,
    number: usize,
    name: Option<&[u8]>,
    inode: Option<&abi::Inode>,
    kind: NameType,
    file: Option<FileCapabilities>,
    contexts: &mut Contexts,
) {
    event.begin(MessageType::PATH);
    let out = event.body_mut();
    word(out, "item=");
    decimal(out, number as u64);
    word(out, " name=");
    match name {
        Some(name) => quote::untrusted(out, name),
        None => word(out, "(null)"),
    }
    let mut context = 0..0;
    if let Some(inode) = inode {
        word(out, " inode=");
        decimal(out, inode.ino);
        word(out, " dev=");
        device(out, inode.dev);
        word(out, " mode=");
        octal(out, u64::from(inode.mode));
        user(event, " ouid=", inode.uid);
        group(event, " ogid=", inode.gid);
        let out = event.body_mut();
        word(out, " rdev=");
        device(out, inode.rdev);
        context.start = out.len();
        contexts.write_object(out, inode.sid);
        context.end = out.len();
    }
    noted(event, context);
    let out = event.body_mut();
    word(out, " nametype=");
    word(out, kind.word());
    let Some(file) = file else {
        word(out, " cap_fe=? cap_fver=? cap_fp=? cap_fi=?");
        return;
    };
    word(out, " cap_fp=");
    capabilities(out, file.permitted);
    word(out, " cap_fi=");
    capabilities(out, file.inheritable);
    field(out, " cap_fe=", u32::from(file.effective));
    word(out, " cap_fver=");
    hex(out, u64::from(file.version));
    field(out, " cap_frootid=", file.root);
}

/// Bytes of a name up to its last component, the slash before it included; slashes at the end are part of the component
/// (`parent_len` in `kernel/auditfilter.c`).
pub fn parent_len(name: &[u8]) -> usize {
    // a name of nothing but slashes is its own directory
    let end = name.iter().rposition(|&byte| byte != b'/').map_or(1, |last| last + 1).min(name.len());
    name[..end].iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1)
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
    fn the_directory_ends_with_its_slash() {
        let directory = |name: &'static str| &name[..parent_len(name.as_bytes())];
        assert_eq!(directory("/mnt/a/x"), "/mnt/a/");
        assert_eq!(directory("/mnt/a/x//"), "/mnt/a/");
        assert_eq!(directory("/mnt//x"), "/mnt//");
        assert_eq!(directory("a/b"), "a/");
        assert_eq!(directory("x"), "");
        assert_eq!(directory("x/"), "");
        assert_eq!(directory("/x"), "/");
        assert_eq!(directory("/"), "/");
        assert_eq!(directory("///"), "/");
        assert_eq!(directory(""), "");
    }

    #[test]
    fn execveat_names_are_those_that_were_given() {
        assert_eq!(execveat_name(b"/dev/fd/5", 5), b"");
        assert_eq!(execveat_name(b"/dev/fd/5/bin/ls", 5), b"bin/ls");
        assert_eq!(execveat_name(b"/bin/ls", 5), b"/bin/ls");
        assert_eq!(execveat_name(b"ls", text::AT_FDCWD), b"ls");
    }
}
