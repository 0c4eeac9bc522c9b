//! Sockets: addresses, connections, pairs.

use anyhow::{Context, Result};
use nix::errno::Errno;

use crate::case::Case;
use crate::stage::{Stage, inet, inet6, refused, socket, unix};
use crate::syscall;

use libc::{AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM};

/// Each in a network namespace of its own, so that ports are free.
pub const CASES: &[Case] = &[
    Case::new("connect-inet", &["-S connect"], 1, |stage| {
        stage.own_network()?;
        let _listener = listener(AF_INET, &inet(4711))?;
        connect(stage, AF_INET, &inet(4711))
    }),
    Case::new("connect-inet-refused", &["-S connect"], 1, |stage| {
        stage.own_network()?;
        connect_refused(stage, AF_INET, &inet(4712), Errno::ECONNREFUSED)
    }),
    Case::new("connect-inet6", &["-S connect"], 1, |stage| {
        stage.own_network()?;
        let _listener = listener(AF_INET6, &inet6(4711))?;
        connect(stage, AF_INET6, &inet6(4711))
    }),
    Case::new("connect-inet6-refused", &["-S connect"], 1, |stage| {
        stage.own_network()?;
        connect_refused(stage, AF_INET6, &inet6(4712), Errno::ECONNREFUSED)
    }),
    Case::new("connect-unix", &["-S connect"], 1, |stage| {
        let address = unix(stage.file("listener")?.as_bytes());
        connect(stage, AF_UNIX, &address)
    }),
    Case::new("connect-unix-relative", &["-S connect"], 1, |stage| {
        std::env::set_current_dir(stage.files())?;
        connect(stage, AF_UNIX, &unix(b"listener"))
    }),
    Case::new("connect-unix-refused", &["-S connect"], 1, |stage| {
        let address = unix(stage.file("deserted")?.as_bytes());
        connect_refused(stage, AF_UNIX, &address, Errno::ECONNREFUSED)
    }),
    Case::new("connect-unix-enoent", &["-S connect"], 1, |stage| {
        connect_refused(stage, AF_UNIX, &unix(b"/nowhere/socket"), Errno::ENOENT)
    }),
    Case::new("connect-unix-not-a-socket", &["-S connect"], 1, |stage| {
        let address = unix(stage.file("plain")?.as_bytes());
        connect_refused(stage, AF_UNIX, &address, Errno::ECONNREFUSED)
    }),
    Case::new("connect-unix-from-inet", &["-S connect"], 1, |stage| {
        let address = unix(stage.file("listener")?.as_bytes());
        connect_refused(stage, AF_INET, &address, Errno::EAFNOSUPPORT)
    }),
    Case::new("connect-no-socket", &["-S connect"], 1, |stage| {
        let fd = syscall!(libc::SYS_memfd_create, c"no socket", 0)?;
        let address = inet(4711);
        stage.begin()?;
        let result = syscall!(libc::SYS_connect, fd, &address, address.len());
        stage.end()?;
        refused(result, Errno::ENOTSOCK)
    }),
    Case::new("connect-unix-abstract", &["-S connect"], 1, |stage| {
        let address = unix(b"\0ebpfauditd-abstract");
        let _listener = listener(AF_UNIX, &address)?;
        connect(stage, AF_UNIX, &address)
    }),
    Case::new("connect-unix-abstract-refused", &["-S connect"], 1, |stage| {
        connect_refused(stage, AF_UNIX, &unix(b"\0ebpfauditd-nobody"), Errno::ECONNREFUSED)
    }),
    Case::new("connect-datagram", &["-S connect"], 1, |stage| {
        stage.own_network()?;
        let fd = socket(AF_INET, SOCK_DGRAM)?;
        let address = inet(4713);
        stage.begin()?;
        let result = syscall!(libc::SYS_connect, fd, &address, address.len());
        stage.end()?;
        result.context("connect").map(drop)
    }),
    Case::new("connect-unspecified", &["-S connect"], 1, |stage| {
        stage.own_network()?;
        let fd = socket(AF_INET, SOCK_DGRAM)?;
        let address = [0_u8; 16];
        stage.begin()?;
        let result = syscall!(libc::SYS_connect, fd, &address[..], address.len());
        stage.end()?;
        result.context("connect").map(drop)
    }),
    Case::new("connect-in-progress", &["-S connect"], 1, |stage| {
        stage.own_network()?;
        let _listener = listener(AF_INET, &inet(4711))?;
        let fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK)?;
        let address = inet(4711);
        stage.begin()?;
        let result = syscall!(libc::SYS_connect, fd, &address, address.len());
        stage.end()?;
        refused(result, Errno::EINPROGRESS)
    }),
    Case::new("connect-bad-descriptor", &["-S connect"], 1, |stage| {
        let address = inet(4711);
        stage.begin()?;
        let result = syscall!(libc::SYS_connect, 77, &address, address.len());
        stage.end()?;
        refused(result, Errno::EBADF)
    }),
    Case::new("connect-bad-address", &["-S connect"], 1, |stage| {
        let fd = socket(AF_INET, SOCK_STREAM)?;
        stage.begin()?;
        let result = syscall!(libc::SYS_connect, fd, 8, 16);
        stage.end()?;
        refused(result, Errno::EFAULT)
    }),
    Case::new("connect-long-address", &["-S connect"], 1, |stage| {
        let fd = socket(AF_INET, SOCK_STREAM)?;
        let address = [0x41_u8; 200];
        stage.begin()?;
        let result = syscall!(libc::SYS_connect, fd, &address[..], address.len());
        stage.end()?;
        refused(result, Errno::EINVAL)
    }),
    Case::new("bind-inet", &["-S bind"], 1, |stage| {
        stage.own_network()?;
        bind_recorded(stage, AF_INET, &inet(4714))
    }),
    Case::new("bind-inet6", &["-S bind"], 1, |stage| {
        stage.own_network()?;
        bind_recorded(stage, AF_INET6, &inet6(4714))
    }),
    Case::new("bind-inet-in-use", &["-S bind"], 1, |stage| {
        stage.own_network()?;
        let _listener = listener(AF_INET, &inet(4715))?;
        let (fd, address) = (socket(AF_INET, SOCK_STREAM)?, inet(4715));
        stage.begin()?;
        let result = syscall!(libc::SYS_bind, fd, &address, address.len());
        stage.end()?;
        refused(result, Errno::EADDRINUSE)
    }),
    Case::new("bind-unix", &["-S bind"], 1, |stage| {
        let address = unix(stage.fresh("bind-unix")?.as_bytes());
        bind_recorded(stage, AF_UNIX, &address)
    }),
    Case::new("bind-unix-in-use", &["-S bind"], 1, |stage| {
        let (fd, address) = (socket(AF_UNIX, SOCK_STREAM)?, unix(stage.file("plain")?.as_bytes()));
        stage.begin()?;
        let result = syscall!(libc::SYS_bind, fd, &address, address.len());
        stage.end()?;
        refused(result, Errno::EADDRINUSE)
    }),
    Case::new("bind-unix-abstract", &["-S bind"], 1, |stage| {
        bind_recorded(stage, AF_UNIX, &unix(b"\0ebpfauditd-bind"))
    }),
    Case::new("bind-unix-automatic", &["-S bind"], 1, |stage| bind_recorded(stage, AF_UNIX, &[1, 0])),
    Case::new("listen", &["-S listen"], 1, |stage| {
        stage.own_network()?;
        let fd = socket(AF_INET, SOCK_STREAM)?;
        bind(fd, &inet(4716))?;
        stage.begin()?;
        let result = syscall!(libc::SYS_listen, fd, 5);
        stage.end()?;
        result.context("listen").map(drop)
    }),
    Case::new("accept-inet", &["-S accept"], 1, |stage| {
        stage.own_network()?;
        let server = listener(AF_INET, &inet(4717))?;
        let client = socket(AF_INET, SOCK_STREAM)?;
        bind(client, &inet(4718))?;
        connect_quietly(client, &inet(4717))?;
        let (mut peer, mut length) = ([0_u8; 16], 16_u32.to_ne_bytes());
        stage.begin()?;
        let result = syscall!(libc::SYS_accept, server, &mut peer[..], &mut length[..]);
        stage.end()?;
        result.context("accept").map(drop)
    }),
    Case::new("accept4-unix", &["-S accept4"], 1, |stage| {
        let address = unix(b"accept4-unix");
        let server = listener(AF_UNIX, &address)?;
        let client = socket(AF_UNIX, SOCK_STREAM)?;
        bind(client, &unix(b"accept4-client"))?;
        connect_quietly(client, &address)?;
        let (mut peer, mut length) = ([0_u8; 110], 110_u32.to_ne_bytes());
        stage.begin()?;
        let result = syscall!(libc::SYS_accept4, server, &mut peer[..], &mut length[..], libc::SOCK_CLOEXEC);
        stage.end()?;
        result.context("accept4").map(drop)
    }),
    Case::new("accept-no-address", &["-S accept"], 1, |stage| {
        stage.own_network()?;
        let server = listener(AF_INET, &inet(4719))?;
        let client = socket(AF_INET, SOCK_STREAM)?;
        connect_quietly(client, &inet(4719))?;
        stage.begin()?;
        let result = syscall!(libc::SYS_accept, server, 0, 0);
        stage.end()?;
        result.context("accept").map(drop)
    }),
    Case::new("accept-again", &["-S accept"], 1, |stage| {
        stage.own_network()?;
        let server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK)?;
        bind(server, &inet(4720))?;
        syscall!(libc::SYS_listen, server, 5)?;
        let (mut peer, mut length) = ([0_u8; 16], 16_u32.to_ne_bytes());
        stage.begin()?;
        let result = syscall!(libc::SYS_accept, server, &mut peer[..], &mut length[..]);
        stage.end()?;
        refused(result, Errno::EAGAIN)
    }),
    Case::new("getsockname", &["-S getsockname"], 1, |stage| {
        stage.own_network()?;
        let fd = socket(AF_INET, SOCK_STREAM)?;
        bind(fd, &inet(4721))?;
        address_of(stage, libc::SYS_getsockname, fd, 16)
    }),
    Case::new("getsockname-short", &["-S getsockname"], 1, |stage| {
        stage.own_network()?;
        let fd = socket(AF_INET6, SOCK_STREAM)?;
        bind(fd, &inet6(4721))?;
        address_of(stage, libc::SYS_getsockname, fd, 4)
    }),
    Case::new("getpeername", &["-S getpeername"], 1, |stage| {
        stage.own_network()?;
        let _listener = listener(AF_INET, &inet(4722))?;
        let fd = socket(AF_INET, SOCK_STREAM)?;
        connect_quietly(fd, &inet(4722))?;
        address_of(stage, libc::SYS_getpeername, fd, 16)
    }),
    Case::new("getpeername-not-connected", &["-S getpeername"], 1, |stage| {
        let fd = socket(AF_INET, SOCK_STREAM)?;
        let (mut name, mut length) = ([0_u8; 16], 16_u32.to_ne_bytes());
        stage.begin()?;
        let result = syscall!(libc::SYS_getpeername, fd, &mut name[..], &mut length[..]);
        stage.end()?;
        refused(result, Errno::ENOTCONN)
    }),
    Case::new("socket", &["-S socket"], 1, |stage| {
        stage.begin()?;
        let result = syscall!(libc::SYS_socket, AF_INET, SOCK_STREAM, 0);
        stage.end()?;
        result.context("socket").map(drop)
    }),
    Case::new("socket-unknown-family", &["-S socket"], 1, |stage| {
        stage.begin()?;
        let result = syscall!(libc::SYS_socket, 99, SOCK_STREAM, 0);
        stage.end()?;
        refused(result, Errno::EAFNOSUPPORT)
    }),
    Case::new("socketpair", &["-S socketpair"], 1, |stage| {
        let mut pair = [0_u8; 8];
        stage.begin()?;
        let result = syscall!(libc::SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, &mut pair[..]);
        stage.end()?;
        result.context("socketpair").map(drop)
    }),
    Case::new("socketpair-refused", &["-S socketpair"], 1, |stage| {
        let mut pair = [0_u8; 8];
        stage.begin()?;
        let result = syscall!(libc::SYS_socketpair, AF_INET, SOCK_STREAM, 0, &mut pair[..]);
        stage.end()?;
        refused(result, Errno::EOPNOTSUPP)
    }),
    Case::new("setsockopt", &["-S setsockopt,getsockopt"], 2, |stage| {
        let fd = socket(AF_INET, SOCK_STREAM)?;
        let (on, mut value, mut length) = (1_u32.to_ne_bytes(), [0_u8; 4], 4_u32.to_ne_bytes());
        let (level, option) = (libc::SOL_SOCKET, libc::SO_KEEPALIVE);
        stage.begin()?;
        let set = syscall!(libc::SYS_setsockopt, fd, level, option, &on[..], 4);
        let get = syscall!(libc::SYS_getsockopt, fd, level, option, &mut value[..], &mut length[..]);
        stage.end()?;
        set.and(get).context("setsockopt, getsockopt").map(drop)
    }),
    Case::new("shutdown", &["-S shutdown"], 1, |stage| {
        let fd = socket(AF_INET, SOCK_STREAM)?;
        stage.begin()?;
        let result = syscall!(libc::SYS_shutdown, fd, libc::SHUT_RDWR);
        stage.end()?;
        refused(result, Errno::ENOTCONN)
    }),
];

/// bind(2), unrecorded.
pub(super) fn bind(fd: i32, address: &[u8]) -> Result<()> {
    syscall!(libc::SYS_bind, fd, address, address.len()).context("bind").map(drop)
}

/// connect(2), unrecorded.
pub(super) fn connect_quietly(fd: i32, address: &[u8]) -> Result<()> {
    syscall!(libc::SYS_connect, fd, address, address.len()).context("connect").map(drop)
}

/// A listening stream socket, unrecorded.
pub(super) fn listener(domain: i32, address: &[u8]) -> Result<i32> {
    let fd = socket(domain, SOCK_STREAM)?;
    bind(fd, address)?;
    syscall!(libc::SYS_listen, fd, 5).context("listen")?;
    Ok(fd)
}

fn connect(stage: &mut Stage, domain: i32, address: &[u8]) -> Result<()> {
    let fd = socket(domain, SOCK_STREAM)?;
    stage.begin()?;
    let result = syscall!(libc::SYS_connect, fd, address, address.len());
    stage.end()?;
    result.context("connect").map(drop)
}

fn connect_refused(stage: &mut Stage, domain: i32, address: &[u8], expected: Errno) -> Result<()> {
    let fd = socket(domain, SOCK_STREAM)?;
    stage.begin()?;
    let result = syscall!(libc::SYS_connect, fd, address, address.len());
    stage.end()?;
    refused(result, expected)
}

fn bind_recorded(stage: &mut Stage, domain: i32, address: &[u8]) -> Result<()> {
    let fd = socket(domain, SOCK_STREAM)?;
    stage.begin()?;
    let result = syscall!(libc::SYS_bind, fd, address, address.len());
    stage.end()?;
    result.context("bind").map(drop)
}

fn address_of(stage: &mut Stage, number: i64, fd: i32, room: u32) -> Result<()> {
    let (mut name, mut length) = ([0_u8; 128], room.to_ne_bytes());
    stage.begin()?;
    let result = syscall!(number, fd, &mut name[..], &mut length[..]);
    stage.end()?;
    result.context("asking for the address").map(drop)
}
