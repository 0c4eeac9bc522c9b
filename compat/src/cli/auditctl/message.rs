//! The text of a message from `auditctl -m`.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::record::quote;

/// The standard streams, in the order in which they are asked for a terminal.
const STREAMS: [&str; 3] = ["/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2"];

/// What the kernel puts into `msg='...'`: the words given, and the facts that libaudit adds for every program.
pub(super) fn text(words: &[u8]) -> Vec<u8> {
    let program = std::fs::read_link("/proc/self/exe").unwrap_or_default();
    body(words, &program, terminal().as_deref())
}

fn body(words: &[u8], program: &Path, terminal: Option<&[u8]>) -> Vec<u8> {
    let mut text = [b"text=", words, b" exe="].concat();
    quote::untrusted(&mut text, program.as_os_str().as_bytes());
    text.extend_from_slice(b" hostname=? addr=? terminal=");
    text.extend_from_slice(terminal.unwrap_or(b"?"));
    text.extend_from_slice(b" res=success");
    text
}

/// The terminal of this process, `/dev/` left out.
fn terminal() -> Option<Vec<u8>> {
    STREAMS.iter().find_map(|stream| {
        let path = std::fs::read_link(stream).ok()?;
        let name = path.strip_prefix("/dev").ok()?;
        let is_terminal = name.starts_with("pts") || name.as_os_str().as_bytes().starts_with(b"tty");
        (is_terminal && path.exists()).then(|| name.as_os_str().as_bytes().to_vec())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_built_like_this() {
        assert_eq!(
            body(b"a b", Path::new("/usr/sbin/auditctl"), None),
            b"text=a b exe=\"/usr/sbin/auditctl\" hostname=? addr=? terminal=? res=success"
        );
        assert_eq!(
            body(b"", Path::new("/a b"), Some(b"pts/1")),
            b"text= exe=2F612062 hostname=? addr=? terminal=pts/1 res=success"
        );
    }
}
