//! The races: a system call whose argument flips between two values, and how to find out which of them the kernel took.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::raw;
use crate::stage::exit_group;
use crate::{elf, syscall};

use super::memory::Shared;

use libc::{AF_INET, AF_UNIX, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM};

/// Where the first value lies in the page, and the second.
const FIRST: usize = 0;
const SECOND: usize = 1024;

/// One race.
#[derive(Debug, Clone, Copy)]
pub struct Race {
    /// Its name, and the key of its rule.
    pub name: &'static str,
    /// The system call that its rule names.
    pub call: &'static str,
    /// Makes what it needs in its directory, and returns what plays one round.
    pub open: fn(&Path) -> Result<Round>,
}

/// Plays one round and tells which values the kernel acted on: two digits, 0 or 1, the second 0 where there is one value.
pub struct Round {
    /// Where the values are.
    pub page: Shared,
    /// The places that are rewritten.
    pub places: Vec<usize>,
    /// Plays.
    pub play: Box<dyn FnMut() -> Result<String>>,
}

/// All of them.
pub const RACES: &[Race] = &[
    Race { name: "open", call: "openat", open },
    Race { name: "unlink", call: "unlink", open: unlink },
    Race { name: "rename", call: "rename", open: rename },
    Race { name: "exec", call: "execve", open: exec },
    Race { name: "connect-unix", call: "connect", open: connect_unix },
    Race { name: "connect-inet", call: "connect", open: connect_inet },
    Race { name: "bind-unix", call: "bind", open: bind_unix },
    Race { name: "bind-inet", call: "bind", open: bind_inet },
];

/// Puts the name `directory/STEM0` at a place; the byte that tells the two names apart is flipped.
fn name(page: Shared, at: usize, directory: &Path, stem: &str) -> Result<usize> {
    let path = directory.join(format!("{stem}0"));
    let bytes = path.to_str().context("a place that is not UTF-8")?.as_bytes();
    page.put(at, bytes);
    Ok(at + bytes.len() - 1)
}

fn open(place: &Path) -> Result<Round> {
    let page = Shared::new()?;
    for which in 0..2 {
        fs::write(place.join(format!("f{which}")), "")?;
    }
    let second = fs::metadata(place.join("f1"))?.ino();
    let places = vec![name(page, FIRST, place, "f")?];
    let play = move || {
        let fd =
            raw::call(libc::SYS_openat, [libc::AT_FDCWD.into(), page.address(FIRST), libc::O_RDONLY.into()])
                .context("openat")?;
        let inode = fs::metadata(format!("/proc/self/fd/{fd}"))?.ino();
        syscall!(libc::SYS_close, fd)?;
        Ok(format!("{}0", u8::from(inode == second)))
    };
    Ok(Round { page, places, play: Box::new(play) })
}

/// Which of the two files is the one that is (not) there.
fn which(place: &Path, stem: &str, there: bool) -> Result<u8> {
    let found = [0, 1].map(|which| place.join(format!("{stem}{which}")).exists());
    ensure!(found[0] != found[1], "of {stem} there is {found:?}");
    Ok(u8::from(found[1] == there))
}

fn unlink(place: &Path) -> Result<Round> {
    let page = Shared::new()?;
    for number in 0..2 {
        fs::write(place.join(format!("f{number}")), "")?;
    }
    let (places, place) = (vec![name(page, FIRST, place, "f")?], place.to_owned());
    let play = move || {
        raw::call(libc::SYS_unlink, [page.address(FIRST)]).context("unlink")?;
        let gone = which(&place, "f", false)?;
        fs::write(place.join(format!("f{gone}")), "")?;
        Ok(format!("{gone}0"))
    };
    Ok(Round { page, places, play: Box::new(play) })
}

fn rename(place: &Path) -> Result<Round> {
    let page = Shared::new()?;
    for number in 0..2 {
        fs::write(place.join(format!("f{number}")), "")?;
    }
    let places = vec![name(page, FIRST, place, "f")?, name(page, SECOND, place, "g")?];
    let place = place.to_owned();
    let play = move || {
        raw::call(libc::SYS_rename, [page.address(FIRST), page.address(SECOND)]).context("rename")?;
        let (from, to) = (which(&place, "f", false)?, which(&place, "g", true)?);
        // By another call than the rule names.
        let old = crate::stage::c_string(place.join(format!("g{to}")).to_string_lossy().as_bytes())?;
        let new = crate::stage::c_string(place.join(format!("f{from}")).to_string_lossy().as_bytes())?;
        syscall!(libc::SYS_renameat2, libc::AT_FDCWD, &old, libc::AT_FDCWD, &new, 0).context("back")?;
        Ok(format!("{from}{to}"))
    };
    Ok(Round { page, places, play: Box::new(play) })
}

fn exec(place: &Path) -> Result<Round> {
    use std::os::unix::fs::PermissionsExt;
    let page = Shared::new()?;
    for number in 0..2 {
        let path = place.join(format!("p{number}"));
        fs::write(&path, elf::telling(2 * number))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    page.put(SECOND, b"0");
    let places = vec![name(page, FIRST, place, "p")?, SECOND];
    let play = move || {
        let pid = raw::fork().context("fork")?;
        if pid == 0 {
            page.execute(FIRST, &[FIRST, SECOND]);
            exit_group(1);
        }
        match waitpid(Pid::from_raw(pid), None).context("waitpid")? {
            WaitStatus::Exited(_, status @ 48..=51) => {
                Ok(format!("{}{}", (status - 48) / 2, (status - 48) % 2))
            }
            status => bail!("the program ended with {status:?}"),
        }
    };
    Ok(Round { page, places, play: Box::new(play) })
}

/// A socket that does not wait.
fn socket(domain: i32) -> Result<i64> {
    syscall!(libc::SYS_socket, domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0).context("socket")
}

/// Puts `struct sockaddr_un` with a name there; its length, and the place of the byte that differs.
fn unix(page: Shared, place: &Path, stem: &str) -> Result<(usize, usize)> {
    page.put(FIRST, &(AF_UNIX as u16).to_ne_bytes());
    let last = name(page, FIRST + 2, place, stem)?;
    Ok((last - FIRST + 2, last))
}

fn connect_unix(place: &Path) -> Result<Round> {
    let page = Shared::new()?;
    let listen = |number: u8| -> Result<std::os::unix::net::UnixListener> {
        let listener = std::os::unix::net::UnixListener::bind(place.join(format!("s{number}")))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    let listeners = [listen(0)?, listen(1)?];
    let (length, last) = unix(page, place, "s")?;
    let play = move || {
        let fd = socket(AF_UNIX)?;
        raw::call(libc::SYS_connect, [fd.into(), page.address(FIRST), length.into()]).context("connect")?;
        syscall!(libc::SYS_close, fd)?;
        let accepted = [&listeners[0], &listeners[1]].map(|listener| listener.accept().is_ok());
        ensure!(accepted[0] != accepted[1], "accepted: {accepted:?}");
        Ok(format!("{}0", u8::from(accepted[1])))
    };
    Ok(Round { page, places: vec![last], play: Box::new(play) })
}

/// Puts `struct sockaddr_in` of 127.0.0.1 there, with this port, whose lower byte is at `FIRST + 3`.
fn inet(page: Shared, port: u16) {
    page.put(FIRST, &crate::stage::inet(port));
}

fn connect_inet(_: &Path) -> Result<Round> {
    let page = Shared::new()?;
    // Two ports that differ in the lowest bit.
    let mut found = None;
    for port in (20_000..30_000).step_by(2) {
        if let (Ok(one), Ok(two)) = (
            std::net::TcpListener::bind(("127.0.0.1", port)),
            std::net::TcpListener::bind(("127.0.0.1", port + 1)),
        ) {
            found = Some((port, [one, two]));
            break;
        }
    }
    let (port, listeners) = found.context("no two ports are free")?;
    for listener in &listeners {
        listener.set_nonblocking(true)?;
    }
    inet(page, port);
    let play = move || {
        let fd = socket(AF_INET)?;
        match raw::call(libc::SYS_connect, [fd.into(), page.address(FIRST), 16.into()]) {
            Ok(_) | Err(nix::errno::Errno::EINPROGRESS) => {}
            Err(errno) => return Err(errno).context("connect"),
        }
        let taken = loop {
            let taken = [&listeners[0], &listeners[1]].map(|listener| listener.accept().is_ok());
            if taken != [false, false] {
                break taken;
            }
        };
        // Reset, so that ports do not run out.
        let linger: Vec<u8> = [1_i32, 0].iter().flat_map(|word| word.to_ne_bytes()).collect();
        syscall!(libc::SYS_setsockopt, fd, libc::SOL_SOCKET, libc::SO_LINGER, &linger, linger.len())?;
        syscall!(libc::SYS_close, fd)?;
        ensure!(taken[0] != taken[1], "accepted: {taken:?}");
        Ok(format!("{}0", u8::from(taken[1])))
    };
    Ok(Round { page, places: vec![FIRST + 3], play: Box::new(play) })
}

fn bind_unix(place: &Path) -> Result<Round> {
    let page = Shared::new()?;
    let (length, last) = unix(page, place, "b")?;
    let place = place.to_owned();
    let play = move || {
        let fd = socket(AF_UNIX)?;
        raw::call(libc::SYS_bind, [fd.into(), page.address(FIRST), length.into()]).context("bind")?;
        syscall!(libc::SYS_close, fd)?;
        let made = which(&place, "b", true)?;
        fs::remove_file(place.join(format!("b{made}")))?;
        Ok(format!("{made}0"))
    };
    Ok(Round { page, places: vec![last], play: Box::new(play) })
}

fn bind_inet(_: &Path) -> Result<Round> {
    let page = Shared::new()?;
    let mut port = 30_000;
    // Held until now, so that both are free.
    while std::net::TcpListener::bind(("127.0.0.1", port))
        .and_then(|one| Ok((one, std::net::TcpListener::bind(("127.0.0.1", port + 1))?)))
        .is_err()
    {
        port += 2;
    }
    inet(page, port);
    let play = move || {
        let fd = socket(AF_INET)?;
        raw::call(libc::SYS_bind, [fd.into(), page.address(FIRST), 16.into()]).context("bind")?;
        let (mut bytes, mut length) = ([0; 16], 16_u32.to_ne_bytes());
        syscall!(libc::SYS_getsockname, fd, &mut bytes[..], &mut length[..]).context("getsockname")?;
        syscall!(libc::SYS_close, fd)?;
        Ok(format!("{}0", bytes[3] & 1))
    };
    Ok(Round { page, places: vec![FIRST + 3], play: Box::new(play) })
}

impl std::fmt::Debug for Round {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Round").field("places", &self.places).finish_non_exhaustive()
    }
}
