//! Sockets that have names among the files.

use std::os::unix::net::{UnixDatagram, UnixListener};

use anyhow::Result;
use nix::errno::Errno;

use crate::case::Case;
use crate::scene::{FINE, directory, link, make, still};
use crate::stage::{Stage, become_nobody, refused, socket, unix};
use crate::syscall;

use libc::{AF_UNIX, SOCK_DGRAM, SOCK_STREAM, SYS_bind, SYS_connect};

/// With a call beside it that no tracepoint can serve: the engine of the path walk serves both, and nothing is left out.
const BIND: &[&str] = &["-S bind,mkdirat"];
const CONNECT: &[&str] = &["-S connect,mkdirat"];

/// bind(2) makes a file, connect(2) and sendto(2) look for one.
pub const CASES: &[Case] = &[
    Case::file("bind-file", BIND, 1, |stage| bind(stage, b"socket", FINE)),
    Case::file("bind-file-absolute", BIND, 1, |stage| {
        let path = stage.fresh("socket")?;
        bind(stage, path.as_bytes(), FINE)
    }),
    Case::file("bind-file-below-link", BIND, 1, |stage| {
        directory("directory", 0o755)?;
        link("directory", "link")?;
        bind(stage, b"./link//socket", FINE)
    }),
    Case::file("bind-file-odd-name", BIND, 1, |stage| bind(stage, b"gr\xc3\xbc\xc3\x9fe", FINE)),
    Case::file("bind-file-in-use", BIND, 1, |stage| {
        make("file", 0o644)?;
        bind(stage, b"file", Errno::EADDRINUSE)
    }),
    Case::file("bind-file-in-use-link", BIND, 1, |stage| {
        link("absent", "link")?;
        bind(stage, b"link", Errno::EADDRINUSE)
    }),
    Case::file("bind-file-enoent", BIND, 1, |stage| bind(stage, b"absent/socket", Errno::ENOENT)),
    Case::file("bind-file-enotdir", BIND, 1, |stage| {
        make("file", 0o644)?;
        bind(stage, b"file/socket", Errno::ENOTDIR)
    }),
    Case::file("bind-file-erofs", BIND, 1, |stage| {
        still()?;
        bind(stage, b"still/socket", Errno::EROFS)
    }),
    Case::file("bind-file-eacces", BIND, 1, |stage| {
        let (fd, address) = (socket(AF_UNIX, SOCK_STREAM)?, unix(b"socket"));
        stage.fail_as_nobody(Errno::EACCES, || syscall!(SYS_bind, fd, &address, address.len()))
    }),
    Case::file("connect-file", CONNECT, 2, |stage| {
        directory("directory", 0o755)?;
        let _listener = UnixListener::bind("directory/socket")?;
        link("directory/socket", "link")?;
        let (first, second) = (socket(AF_UNIX, SOCK_STREAM)?, socket(AF_UNIX, SOCK_STREAM)?);
        let (plain, linked) = (unix(b"directory/../directory/socket"), unix(b"link"));
        stage.record_all(|| {
            [
                syscall!(SYS_connect, first, &plain, plain.len()),
                syscall!(SYS_connect, second, &linked, linked.len()),
            ]
        })
    }),
    Case::file("connect-file-refused", CONNECT, 5, |stage| {
        make("file", 0o644)?;
        directory("directory", 0o755)?;
        drop(UnixListener::bind("deserted")?);
        let _datagrams = UnixDatagram::bind("datagrams")?;
        let fd = socket(AF_UNIX, SOCK_STREAM)?;
        let names: [(&[u8], Errno); 5] = [
            (b"absent", Errno::ENOENT),
            (b"file", Errno::ECONNREFUSED),
            (b"directory", Errno::ECONNREFUSED),
            (b"deserted", Errno::ECONNREFUSED),
            (b"datagrams", Errno::EPROTOTYPE),
        ];
        let addresses = names.map(|(name, _)| unix(name));
        stage.begin()?;
        let outcome = [0, 1, 2, 3, 4]
            .map(|number: usize| syscall!(SYS_connect, fd, &addresses[number], addresses[number].len()));
        stage.end()?;
        outcome.into_iter().zip(names).try_for_each(|(result, (_, due))| refused(result, due))
    }),
    Case::file("connect-file-eacces", CONNECT, 2, |stage| {
        let _listener = UnixListener::bind("private")?;
        syscall!(libc::SYS_chmod, c"private", 0o700)?;
        directory("locked", 0o700)?;
        let (fd, last, middle) = (socket(AF_UNIX, SOCK_STREAM)?, unix(b"private"), unix(b"locked/socket"));
        stage.as_nobody(|| {
            refused(syscall!(SYS_connect, fd, &last, last.len()), Errno::EACCES)?;
            refused(syscall!(SYS_connect, fd, &middle, middle.len()), Errno::EACCES)
        })
    }),
    Case::file("sendto-file", &["-S sendto,mkdirat"], 2, |stage| {
        let _datagrams = UnixDatagram::bind("datagrams")?;
        let fd = socket(AF_UNIX, SOCK_DGRAM)?;
        let (there, absent) = (unix(b"datagrams"), unix(b"absent"));
        stage.outcomes(|| {
            [
                (syscall!(libc::SYS_sendto, fd, &b"x"[..], 1, 0, &there, there.len()), FINE),
                (syscall!(libc::SYS_sendto, fd, &b"x"[..], 1, 0, &absent, absent.len()), Errno::ENOENT),
            ]
        })
    }),
    Case::file("bind-then-connect-by-nobody", &["-S bind,connect,mkdirat"], 2, |stage| {
        directory("open", 0o777)?;
        let (listener, client) = (socket(AF_UNIX, SOCK_STREAM)?, socket(AF_UNIX, SOCK_STREAM)?);
        let address = unix(b"open/socket");
        stage.begin()?;
        let outcome = stage.child(|_| {
            become_nobody()?;
            syscall!(SYS_bind, listener, &address, address.len())?;
            syscall!(libc::SYS_listen, listener, 1)?;
            syscall!(SYS_connect, client, &address, address.len())?;
            Ok(())
        });
        stage.end()?;
        outcome
    }),
];

fn bind(stage: &mut Stage, path: &[u8], due: Errno) -> Result<()> {
    let (fd, address) = (socket(AF_UNIX, SOCK_STREAM)?, unix(path));
    stage.outcomes(|| [(syscall!(SYS_bind, fd, &address, address.len()), due)])
}
