//! Who asks for a change, with what the kernel's records say of them.

use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;

use compat::record::{decimal, quote};

use crate::label::shows_mode;
use crate::signal::Subject;

/// Major number of the second kind of pseudo terminals, and how many majors they have (`Documentation/admin-guide/devices.txt`).
const PTS: std::ops::Range<u64> = 136..144;

/// A process that asked, while it waits for the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    /// Its ids.
    pub ids: Subject,
    /// Its security context, if the kernel gives any.
    pub context: Option<Vec<u8>>,
}

impl Requester {
    /// A process, with the context that it has now.
    pub fn new(ids: Subject) -> Self {
        let context = attribute(ids.pid);
        Self { ids, context: context.and_then(|text| context_in_records(&text, shows_mode())) }
    }

    /// This process.
    pub fn ourselves() -> Self {
        Self::new(Subject::ourselves())
    }

    /// This process, with its context as auditd writes it when it starts.
    pub fn starting() -> Self {
        Self {
            context: attribute(std::process::id()).and_then(|text| context_as_read(&text)),
            ..Self::ourselves()
        }
    }

    /// Who has sent a signal: `?` for the context of one that is gone, where there are contexts.
    pub fn sender(ids: Subject) -> Self {
        let unknown = || Self::ourselves().context.map(|_| b"?".to_vec());
        let found = Self::new(ids);
        Self { context: found.context.or_else(unknown), ..found }
    }

    /// Appends `auid= ses=` (`audit_log_session_info`) and, if there is one, the context.
    pub fn write_session(&self, body: &mut Vec<u8>) {
        // Without the formatter: a reload of rules tells of each.
        body.extend_from_slice(b"auid=");
        decimal(body, self.ids.auid.into());
        body.extend_from_slice(b" ses=");
        decimal(body, self.ids.ses.into());
        self.write_context(body);
    }

    /// Appends `pid= uid= auid= ses=` and the context (`audit_log_common_recv_msg`).
    pub fn write_common(&self, body: &mut Vec<u8>) {
        // Writing to a Vec cannot fail.
        let _ = write!(body, "pid={} uid={} ", self.ids.pid, self.ids.uid);
        self.write_session(body);
    }

    /// Appends the whole block about a task, which begins with a space (`audit_log_task_info`). What `/proc` does not tell is 0.
    #[allow(clippy::similar_names)] // the names of the fields
    pub fn write_task(&self, body: &mut Vec<u8>) {
        let Subject { pid, auid, ses, .. } = self.ids;
        let file = |name: &str| format!("/proc/{pid}/{name}");
        let status = fs::read_to_string(file("status")).unwrap_or_default();
        let numbers = |name: &str| -> [u32; 4] {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            let mut words = line.split_whitespace().map(|word| word.parse().unwrap_or(0));
            std::array::from_fn(|_| words.next().unwrap_or(0))
        };
        let [ppid, ..] = numbers("PPid:");
        let [uid, euid, suid, fsuid] = numbers("Uid:");
        let [gid, egid, sgid, fsgid] = numbers("Gid:");
        let _ = write!(
            body,
            " ppid={ppid} pid={pid} auid={auid} uid={uid} gid={gid} euid={euid} suid={suid} fsuid={fsuid} egid={egid} \
             sgid={sgid} fsgid={fsgid} tty={} ses={ses} comm=",
            terminal(pid)
        );
        let comm = fs::read(file("comm")).unwrap_or_default();
        quote::untrusted(body, comm.strip_suffix(b"\n").unwrap_or(&comm));
        body.extend_from_slice(b" exe=");
        match fs::read_link(file("exe")) {
            Ok(path) => quote::untrusted(body, path.as_os_str().as_bytes()),
            Err(_) => body.extend_from_slice(b"(null)"),
        }
        self.write_context(body);
    }

    /// Appends the context, if there is one.
    pub fn write_context(&self, body: &mut Vec<u8>) {
        if let Some(context) = &self.context {
            body.extend_from_slice(b" subj=");
            body.extend_from_slice(context);
        }
    }
}

/// The text in which `/proc` gives a process's context; none without a security module that has them.
fn attribute(pid: u32) -> Option<Vec<u8>> {
    fs::read(format!("/proc/{pid}/attr/current")).ok()
}

/// What auditd makes of that text for the records of its start: the end of the line becomes a space.
fn context_as_read(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|&byte| byte != 0)? + 1;
    Some(text[..end].iter().map(|&byte| if byte == b'\n' { b' ' } else { byte }).collect())
}

/// What records have of the text of `/proc/PID/attr/current`: it ends with a newline or NUL, and `AppArmor` adds the mode of a profile, which its
/// records have only where the administrator wants it (`show_mode`).
fn context_in_records(text: &[u8], show_mode: bool) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|byte| !matches!(byte, b'\n' | 0))? + 1;
    let text = &text[..end];
    let mode = text.strip_suffix(b")").and_then(|rest| rest.windows(2).rposition(|pair| pair == b" ("));
    Some(match mode {
        Some(at) if !show_mode => text[..at].to_vec(),
        _ => text.to_vec(),
    })
}

/// The name of a process's terminal as records have it, `(none)` without one.
fn terminal(pid: u32) -> String {
    let number = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // Behind the name, which may have anything in it: state, parent, group, session, terminal.
        stat.rsplit_once(')')?.1.split_whitespace().nth(4)?.parse::<i32>().ok()
    };
    let device = number().map_or(0, |number| number as u32);
    let (major, minor) = (u64::from(device >> 8 & 0xfff), u64::from(device & 0xff | device >> 12 & 0xfff00));
    if device == 0 {
        return "(none)".to_owned();
    }
    if PTS.contains(&major) {
        return format!("pts{}", ((major - PTS.start) << 8) + minor);
    }
    let link = fs::read_link(format!("/sys/dev/char/{major}:{minor}")).ok();
    let name = link.as_deref().and_then(std::path::Path::file_name);
    name.map_or_else(|| "(none)".to_owned(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_as_the_kernel_records_it() {
        let recorded =
            |text: &[u8], mode| context_in_records(text, mode).map(|text| String::from_utf8(text).unwrap());
        assert_eq!(recorded(b"unconfined\n", false).as_deref(), Some("unconfined"));
        assert_eq!(recorded(b"/usr/bin/man (enforce)\n", false).as_deref(), Some("/usr/bin/man"));
        assert_eq!(recorded(b"/usr/bin/man (enforce)\n", true).as_deref(), Some("/usr/bin/man (enforce)"));
        assert_eq!(
            recorded(b"system_u:system_r:init_t:s0\0", false).as_deref(),
            Some("system_u:system_r:init_t:s0")
        );
        assert_eq!(recorded(b"\n", false), None);
        let read = |text: &[u8]| context_as_read(text).map(|text| String::from_utf8(text).unwrap());
        assert_eq!(read(b"unconfined\n").as_deref(), Some("unconfined "));
        assert_eq!(
            read(b"system_u:system_r:auditd_t:s0\0").as_deref(),
            Some("system_u:system_r:auditd_t:s0")
        );
        assert_eq!(read(b""), None);
    }

    #[test]
    fn a_task_is_told_of_as_by_the_kernel() {
        let who = Requester { ids: Subject::ourselves(), context: Some(b"ctx".to_vec()) };
        let mut body = Vec::new();
        who.write_task(&mut body);
        let body = String::from_utf8(body).unwrap();
        let names: Vec<&str> =
            body.split(' ').skip(1).map(|field| field.split('=').next().unwrap()).collect();
        assert_eq!(
            names,
            [
                "ppid", "pid", "auid", "uid", "gid", "euid", "suid", "fsuid", "egid", "sgid", "fsgid", "tty",
                "ses", "comm", "exe", "subj"
            ]
        );
        let exe = std::env::current_exe().unwrap();
        assert!(body.contains(&format!(" pid={} ", std::process::id())), "{body}");
        assert!(body.contains(&format!(" exe=\"{}\" subj=ctx", exe.display())), "{body}");
    }
}
