//! The kinds of activity: what is done, under which rule, and how ausearch finds it.

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use tests::stage::{become_nobody, bury, inet, refused, socket, victim, words};
use tests::{raw, syscall};

use super::place::Place;

/// How the events of an activity are found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Find {
    /// By the key of its rule.
    Key(&'static str),
    /// By the key, and by the name under which the file was reached.
    KeyAndName(&'static str, &'static str),
    /// By the type USER.
    Message,
}

/// One kind of activity.
#[derive(Debug, Clone, Copy)]
pub(super) struct Activity {
    pub(super) title: &'static str,
    /// What is done, in words.
    pub(super) what: &'static str,
    /// Its rule without login uid and key; empty if it needs none of its own.
    pub(super) rule: &'static str,
    pub(super) find: Find,
    /// Done in a child that has the login uid of the rules.
    pub(super) act: fn(&Place) -> Result<()>,
}

/// Earlier rules win, so the narrow ones come first.
pub(super) const ACTIVITIES: &[Activity] = &[
    Activity {
        title: "a program is run in a new PID namespace",
        what: "a child in a new PID namespace, where it is process 1, runs /usr/bin/id",
        rule: "-S execve -F exe=/usr/bin/id",
        find: Find::Key("pid-namespace"),
        act: |_| {
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWPID).context("unshare")?;
            child(|| exec(c"/usr/bin/id", &[b"id", b"-u"]))
        },
    },
    Activity {
        title: "a program is run",
        what: "/bin/true with an argument that holds a space",
        rule: "-S execve,execveat",
        find: Find::Key("exec"),
        act: |_| child(|| exec(c"/bin/true", &[b"true", b"an argument"])),
    },
    Activity {
        title: "a watched file is written",
        what: "echo >> watched",
        rule: "-w",
        find: Find::KeyAndName("watched-file", "watched"),
        act: |place| append(place, "watched"),
    },
    Activity {
        title: "the same file, through a hard link",
        what: "echo >> hard-link",
        rule: "",
        find: Find::KeyAndName("watched-file", "hard-link"),
        act: |place| append(place, "hard-link"),
    },
    Activity {
        title: "the same file, through a bind mount",
        what: "echo >> bound/watched",
        rule: "",
        find: Find::KeyAndName("watched-file", "bound/watched"),
        act: |place| append(place, "bound/watched"),
    },
    Activity {
        title: "an open is denied",
        what: "user nobody opens /etc/shadow",
        rule: "-S open,openat,openat2 -F exit=-EACCES",
        find: Find::Key("open-denied"),
        act: |_| {
            become_nobody()?;
            refused(syscall!(libc::SYS_openat, libc::AT_FDCWD, c"/etc/shadow", libc::O_RDONLY), Errno::EACCES)
        },
    },
    Activity {
        title: "a mode is changed",
        what: "chmod 600 of a file",
        rule: "-S chmod,fchmod,fchmodat",
        find: Find::Key("mode"),
        act: |place| {
            let path = place.c_path("other")?;
            syscall!(libc::SYS_chmod, &path, 0o600).context("chmod").map(drop)
        },
    },
    Activity {
        title: "a connection is tried",
        what: "connect to 127.0.0.1 port 1, where nobody listens",
        rule: "-S connect",
        find: Find::Key("connect"),
        act: |_| {
            let (fd, address) = (socket(libc::AF_INET, libc::SOCK_STREAM)?, inet(1));
            refused(syscall!(libc::SYS_connect, fd, &address, address.len()), Errno::ECONNREFUSED)
        },
    },
    Activity {
        title: "a port is taken",
        what: "bind to 127.0.0.1, any port",
        rule: "-S bind",
        find: Find::Key("bind"),
        act: |_| {
            let (fd, address) = (socket(libc::AF_INET, libc::SOCK_STREAM)?, inet(0));
            syscall!(libc::SYS_bind, fd, &address, address.len()).context("bind").map(drop)
        },
    },
    Activity {
        title: "a process is killed",
        what: "SIGTERM to a child",
        rule: "-S kill",
        find: Find::Key("kill"),
        act: |_| {
            let target = victim()?;
            let result = syscall!(libc::SYS_kill, target, libc::SIGTERM);
            bury(target)?;
            result.context("kill").map(drop)
        },
    },
    Activity {
        title: "a process is traced",
        what: "ptrace attaches to a child",
        rule: "-S ptrace",
        find: Find::Key("trace"),
        act: |_| {
            let target = victim()?;
            let result = syscall!(libc::SYS_ptrace, libc::PTRACE_SEIZE, target, 0, 0);
            bury(target)?;
            result.context("ptrace").map(drop)
        },
    },
    Activity {
        title: "an identity is changed",
        what: "setuid to nobody",
        rule: "-S setuid",
        find: Find::Key("identity"),
        act: |_| syscall!(libc::SYS_setuid, tests::stage::NOBODY).context("setuid").map(drop),
    },
    Activity {
        title: "a clock change is refused",
        what: "nobody calls clock_settime",
        rule: "-S clock_settime,settimeofday",
        find: Find::Key("clock"),
        act: |_| {
            // As nobody, because root would be let.
            syscall!(libc::SYS_setresuid, 65534, 65534, 65534).context("setresuid")?;
            let time = [0_u8; 16];
            refused(syscall!(libc::SYS_clock_settime, libc::CLOCK_REALTIME, &time[..]), Errno::EPERM)
        },
    },
    Activity {
        title: "the host name is changed",
        what: "sethostname in a UTS namespace of its own",
        rule: "-S sethostname,setdomainname",
        find: Find::Key("host-name"),
        act: |_| {
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUTS).context("unshare")?;
            syscall!(libc::SYS_sethostname, c"elsewhere", 9).context("sethostname").map(drop)
        },
    },
    Activity {
        title: "a kernel module is refused",
        what: "init_module with bytes that are no module",
        rule: "-S init_module,finit_module,delete_module",
        find: Find::Key("module"),
        act: |_| {
            let image = [0_u8; 64];
            let result = syscall!(libc::SYS_init_module, &image[..], image.len(), c"");
            if result.is_ok() {
                bail!("the kernel took it");
            }
            Ok(())
        },
    },
    Activity {
        title: "a program sends a message",
        what: "auditctl -m",
        rule: "",
        find: Find::Message,
        act: |_| Ok(()),
    },
];

/// Runs `act` in a child and waits for it.
fn child(act: impl FnOnce() -> Result<()>) -> Result<()> {
    let pid = raw::fork().context("fork")?;
    if pid == 0 {
        tests::stage::leave(act());
    }
    tests::stage::reap(pid)
}

fn exec(path: &std::ffi::CStr, arguments: &[&[u8]]) -> Result<()> {
    // What it prints is of no interest here.
    let null =
        syscall!(libc::SYS_openat, libc::AT_FDCWD, c"/dev/null", libc::O_WRONLY).context("/dev/null")?;
    syscall!(libc::SYS_dup2, null, 1).context("dup2")?;
    let errno = raw::execve(path, &words(arguments)?, &[]);
    bail!("execve: {errno}")
}

fn append(place: &Place, name: &str) -> Result<()> {
    let path = place.c_path(name)?;
    let fd = syscall!(libc::SYS_openat, libc::AT_FDCWD, &path, libc::O_WRONLY | libc::O_APPEND)
        .context("opening it")?;
    syscall!(libc::SYS_write, fd, &b"line\n"[..], 5).context("writing")?;
    Ok(())
}
