//! Sending and receiving: addresses in and out.

use anyhow::{Context, Result};
use nix::errno::Errno;

use super::network::{bind, connect_quietly};
use crate::case::Case;
use crate::raw;
use crate::stage::{Stage, inet, inet6, refused, socket, unix};
use crate::syscall;

use libc::{AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM, SOCK_NONBLOCK};

/// Datagrams in a network namespace of their own.
pub const CASES: &[Case] = &[
    Case::new("sendto-inet", &["-S sendto"], 1, |stage| {
        stage.own_network()?;
        send_to(stage, AF_INET, &inet(4800))
    }),
    Case::new("sendto-inet6", &["-S sendto"], 1, |stage| {
        stage.own_network()?;
        send_to(stage, AF_INET6, &inet6(4800))
    }),
    Case::new("sendto-unix", &["-S sendto"], 1, |stage| {
        let address = unix(stage.file("datagram")?.as_bytes());
        send_to(stage, AF_UNIX, &address)
    }),
    Case::new("sendto-unix-enoent", &["-S sendto"], 1, |stage| {
        let (fd, address) = (socket(AF_UNIX, SOCK_DGRAM)?, unix(b"/nowhere/socket"));
        stage.begin()?;
        let result = syscall!(libc::SYS_sendto, fd, &b"hello"[..], 5, 0, &address, address.len());
        stage.end()?;
        refused(result, Errno::ENOENT)
    }),
    Case::new("sendto-no-address", &["-S sendto"], 1, |stage| {
        stage.own_network()?;
        let fd = socket(AF_INET, SOCK_DGRAM)?;
        connect_quietly(fd, &inet(4801))?;
        stage.begin()?;
        let result = syscall!(libc::SYS_sendto, fd, &b"hello"[..], 5, 0, 0, 0);
        stage.end()?;
        result.context("sendto").map(drop)
    }),
    Case::new("sendto-not-connected", &["-S sendto"], 1, |stage| {
        let fd = socket(AF_INET, SOCK_DGRAM)?;
        stage.begin()?;
        let result = syscall!(libc::SYS_sendto, fd, &b"hello"[..], 5, 0, 0, 0);
        stage.end()?;
        refused(result, Errno::EDESTADDRREQ)
    }),
    Case::new("sendmsg-inet", &["-S sendmsg"], 1, |stage| {
        stage.own_network()?;
        let fd = socket(AF_INET, SOCK_DGRAM)?;
        let (mut address, mut payload) = (inet(4802), *b"hello");
        stage.begin()?;
        let result = raw::message(libc::SYS_sendmsg, fd, &mut address, &mut payload);
        stage.end()?;
        result.context("sendmsg").map(drop)
    }),
    Case::new("sendmsg-no-address", &["-S sendmsg"], 1, |stage| {
        stage.own_network()?;
        let fd = socket(AF_INET, SOCK_DGRAM)?;
        connect_quietly(fd, &inet(4802))?;
        let mut payload = *b"hello";
        stage.begin()?;
        let result = raw::message(libc::SYS_sendmsg, fd, &mut [], &mut payload);
        stage.end()?;
        result.context("sendmsg").map(drop)
    }),
    Case::new("sendmmsg-inet", &["-S sendmmsg"], 1, |stage| {
        stage.own_network()?;
        let fd = socket(AF_INET, SOCK_DGRAM)?;
        let mut payload = *b"hello";
        let mut addresses = [inet(4803), inet(4804), inet(4805)];
        stage.begin()?;
        let result = raw::messages(libc::SYS_sendmmsg, fd, &mut addresses, &mut payload);
        stage.end()?;
        result.context("sendmmsg").map(drop)
    }),
    Case::new("recvfrom-inet", &["-S recvfrom"], 1, |stage| {
        let fd = received(stage)?;
        let (mut payload, mut peer, mut length) = ([0_u8; 16], [0_u8; 16], 16_u32.to_ne_bytes());
        stage.begin()?;
        let result =
            syscall!(libc::SYS_recvfrom, fd, &mut payload[..], 16, 0, &mut peer[..], &mut length[..]);
        stage.end()?;
        result.context("recvfrom").map(drop)
    }),
    Case::new("recvfrom-no-address", &["-S recvfrom"], 1, |stage| {
        let fd = received(stage)?;
        let mut payload = [0_u8; 16];
        stage.begin()?;
        let result = syscall!(libc::SYS_recvfrom, fd, &mut payload[..], 16, 0, 0, 0);
        stage.end()?;
        result.context("recvfrom").map(drop)
    }),
    Case::new("recvfrom-again", &["-S recvfrom"], 1, |stage| {
        let fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK)?;
        let (mut payload, mut peer, mut length) = ([0_u8; 16], [0_u8; 16], 16_u32.to_ne_bytes());
        stage.begin()?;
        let result =
            syscall!(libc::SYS_recvfrom, fd, &mut payload[..], 16, 0, &mut peer[..], &mut length[..]);
        stage.end()?;
        refused(result, Errno::EAGAIN)
    }),
    Case::new("recvmsg-inet", &["-S recvmsg"], 1, |stage| {
        let fd = received(stage)?;
        let (mut peer, mut payload) = ([0_u8; 16], [0_u8; 16]);
        stage.begin()?;
        let result = raw::message(libc::SYS_recvmsg, fd, &mut peer, &mut payload);
        stage.end()?;
        result.context("recvmsg").map(drop)
    }),
    Case::new("recvmsg-no-address", &["-S recvmsg"], 1, |stage| {
        let fd = received(stage)?;
        let mut payload = [0_u8; 16];
        stage.begin()?;
        let result = raw::message(libc::SYS_recvmsg, fd, &mut [], &mut payload);
        stage.end()?;
        result.context("recvmsg").map(drop)
    }),
    Case::new("recvmmsg-inet", &["-S recvmmsg"], 1, |stage| {
        let fd = received(stage)?;
        let mut payload = [0_u8; 16];
        let mut peers = [vec![0_u8; 16]];
        stage.begin()?;
        let result = raw::messages(libc::SYS_recvmmsg, fd, &mut peers, &mut payload);
        stage.end()?;
        result.context("recvmmsg").map(drop)
    }),
];

fn send_to(stage: &mut Stage, domain: i32, address: &[u8]) -> Result<()> {
    let fd = socket(domain, SOCK_DGRAM)?;
    stage.begin()?;
    let result = syscall!(libc::SYS_sendto, fd, &b"hello"[..], 5, 0, address, address.len());
    stage.end()?;
    result.context("sendto").map(drop)
}

/// A datagram socket that has one datagram waiting.
fn received(stage: &Stage) -> Result<i32> {
    stage.own_network()?;
    let (fd, sender) = (socket(AF_INET, SOCK_DGRAM)?, socket(AF_INET, SOCK_DGRAM)?);
    bind(fd, &inet(4806))?;
    bind(sender, &inet(4807))?;
    let address = inet(4806);
    syscall!(libc::SYS_sendto, sender, &b"hello"[..], 5, 0, &address, address.len()).context("sendto")?;
    Ok(fd)
}
