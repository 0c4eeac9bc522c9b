//! Where a case's action plays: the directories, the login id that its rules name, and the helpers that set a scene.

use std::ffi::{CString, OsStr};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::{place, raw, syscall};

/// User and group id of the unprivileged identity ("nobody").
pub const NOBODY: u32 = 65534;

/// The personality in which the actor runs: addresses are not randomised.
pub const PERSONALITY: i32 = libc::ADDR_NO_RANDOMIZE;

/// The scene of one action.
///
/// The action first sets its scene, unrecorded; then calls [`Stage::begin`], which gives the process the login uid that the
/// case's rules name; does the thing; and, where what follows would be recorded too, calls [`Stage::end`].
#[derive(Debug)]
pub struct Stage {
    files: PathBuf,
    work: PathBuf,
    auid: u32,
    loginuid: File,
    naming: bool,
}

impl Stage {
    /// Opens the scene: `files` holds what every run shares, `work` is fresh in every run.
    pub fn open(files: &Path, work: &Path, auid: u32) -> Result<Self> {
        let loginuid = OpenOptions::new()
            .write(true)
            .open("/proc/self/loginuid")
            .context("opening /proc/self/loginuid")?;
        Ok(Self { files: files.to_owned(), work: work.to_owned(), auid, loginuid, naming: false })
    }

    /// [`Stage::begin`] shall tell the harness what the inodes of the scene are called.
    pub fn name_inodes(&mut self) {
        self.naming = true;
    }

    /// Tells it now, because the scene will be out of reach.
    pub fn tell_inodes(&mut self) -> Result<()> {
        if std::mem::take(&mut self.naming) {
            // In a child: what it allocates must not move the addresses that the records show.
            self.child(|stage| {
                let mut out = std::io::stdout();
                out.write_all(place::tell(&[&stage.work, &stage.files])?.as_bytes())?;
                Ok(out.flush()?)
            })?;
        }
        Ok(())
    }

    /// From here on the case's rules match.
    pub fn begin(&mut self) -> Result<()> {
        self.tell_inodes()?;
        self.loginuid.write_all(self.auid.to_string().as_bytes()).context("setting the login uid")
    }

    /// [`Stage::begin`] for a forked child, whose login uid is a file of its own.
    pub fn begin_child(&mut self) -> Result<()> {
        *self = Self::open(&self.files, &self.work, self.auid)?;
        self.begin()
    }

    /// From here on they no longer match: they ask for a personality that this process gives up. (The login uid stays, for a
    /// kernel may refuse to take it back.)
    pub fn end(&mut self) -> Result<()> {
        syscall!(libc::SYS_personality, 0).context("personality").map(drop)
    }

    /// A path in the shared directory.
    pub fn file(&self, name: impl AsRef<OsStr>) -> Result<CString> {
        c_string(self.files.join(name.as_ref()).as_os_str().as_bytes())
    }

    /// A path in the fresh directory.
    pub fn fresh(&self, name: impl AsRef<OsStr>) -> Result<CString> {
        c_string(self.work.join(name.as_ref()).as_os_str().as_bytes())
    }

    /// The shared directory.
    pub fn files(&self) -> &Path {
        &self.files
    }

    /// The fresh directory.
    pub fn work(&self) -> &Path {
        &self.work
    }

    /// The login uid that the case's rules name.
    pub fn auid(&self) -> u32 {
        self.auid
    }

    /// Runs `act` in a forked child and waits for it; the child's failure is ours.
    pub fn child(&mut self, act: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let pid = raw::fork().context("fork")?;
        if pid == 0 {
            leave(act(self));
        }
        reap(pid)
    }

    /// A network namespace of this process's own, with the loopback interface up.
    pub fn own_network(&self) -> Result<()> {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).context("unshare(CLONE_NEWNET)")?;
        let socket = socket(libc::AF_INET, libc::SOCK_DGRAM)?;
        let mut request = [0_u8; 40]; // struct ifreq: 16 bytes of name, then the flags
        request[..2].copy_from_slice(b"lo");
        request[16..18].copy_from_slice(&(libc::IFF_UP as u16).to_ne_bytes());
        syscall!(libc::SYS_ioctl, socket, libc::SIOCSIFFLAGS as i64, &request[..])
            .context("bringing lo up")?;
        syscall!(libc::SYS_close, socket)?;
        Ok(())
    }
}

/// Ends a forked child: status 0, or 1 after saying why.
pub fn leave(result: Result<()>) -> ! {
    let status = match result {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("in a child: {error:#}");
            1
        }
    };
    exit_group(status)
}

/// `exit_group(2)`, without the run-time library's own last acts.
pub fn exit_group(status: i32) -> ! {
    loop {
        // A failure is impossible; the loop only tells the compiler that this never returns.
        let _ = syscall!(libc::SYS_exit_group, status);
    }
}

/// Waits for a child that must end with status 0.
pub fn reap(pid: i32) -> Result<()> {
    match waitpid(Pid::from_raw(pid), None).context("waitpid")? {
        WaitStatus::Exited(_, 0) => Ok(()),
        status => bail!("the child ended with {status:?}"),
    }
}

/// A child that waits to be killed; it ends by itself after half a minute.
pub fn victim() -> Result<i32> {
    let pid = raw::fork().context("fork")?;
    if pid == 0 {
        // Nobody shall wait for the end of its output.
        for descriptor in 0..3 {
            let _ = syscall!(libc::SYS_close, descriptor);
        }
        std::thread::sleep(std::time::Duration::from_secs(30));
        exit_group(0);
    }
    Ok(pid)
}

/// Kills and reaps a [`victim`], whatever became of it.
pub fn bury(pid: i32) -> Result<()> {
    let pid = Pid::from_raw(pid);
    // It may be dead already; what matters is that it is reaped.
    let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
    waitpid(pid, None).context("waitpid")?;
    Ok(())
}

/// Gives up every group, then the user id: real, effective and saved.
pub fn become_nobody() -> Result<()> {
    syscall!(libc::SYS_setgroups, 0, 0).context("setgroups")?;
    syscall!(libc::SYS_setresgid, NOBODY, NOBODY, NOBODY).context("setresgid")?;
    syscall!(libc::SYS_setresuid, NOBODY, NOBODY, NOBODY).context("setresuid")?;
    Ok(())
}

/// A socket of this domain and type.
pub fn socket(domain: i32, kind: i32) -> Result<i32> {
    Ok(syscall!(libc::SYS_socket, domain, kind, 0).context("socket")? as i32)
}

/// `struct sockaddr_in` of 127.0.0.1.
pub fn inet(port: u16) -> Vec<u8> {
    let mut address = (libc::AF_INET as u16).to_ne_bytes().to_vec();
    address.extend(port.to_be_bytes());
    address.extend([127, 0, 0, 1]);
    address.extend([0; 8]);
    address
}

/// `struct sockaddr_in6` of `::1`.
pub fn inet6(port: u16) -> Vec<u8> {
    let mut address = (libc::AF_INET6 as u16).to_ne_bytes().to_vec();
    address.extend(port.to_be_bytes());
    address.extend([0; 4]);
    address.extend([0; 15]);
    address.push(1);
    address.extend([0; 4]);
    address
}

/// `struct sockaddr_un` with its terminating NUL. A leading NUL in `path` makes an abstract name.
pub fn unix(path: &[u8]) -> Vec<u8> {
    let mut address = (libc::AF_UNIX as u16).to_ne_bytes().to_vec();
    address.extend(path);
    if path.first() != Some(&0) {
        address.push(0);
    }
    address
}

/// `text` as the kernel takes it.
pub fn c_string(text: &[u8]) -> Result<CString> {
    CString::new(text).context("a NUL inside a string")
}

/// A list of arguments.
pub fn words(texts: &[&[u8]]) -> Result<Vec<CString>> {
    texts.iter().map(|text| c_string(text)).collect()
}

/// The call must fail with `expected`.
pub fn refused(result: Result<i64, Errno>, expected: Errno) -> Result<()> {
    match result {
        Ok(value) => bail!("it answered {value} where {expected} was due"),
        Err(error) => {
            ensure!(error == expected, "it answered {error} where {expected} was due");
            Ok(())
        }
    }
}
