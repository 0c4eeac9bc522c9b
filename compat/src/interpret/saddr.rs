//! Socket addresses as auditd 3.0.9 shows them: `{ saddr_fam=inet laddr=1.2.3.4 lport=53 }`.
//!
//! What it says for each family, also for addresses that are too short, was taken from runs of the original
//! (`tests/golden/enrich`).

use std::io::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::record::quote::nibble;

/// The most bytes of an address that are looked at: `struct sockaddr_storage`, more than the kernel ever records.
const MOST: usize = 128;

/// Length of `sun_path`.
const PATH: usize = 108;

/// Names of address families that are known by name only.
const UNSUPPORTED: &[(u16, &str)] = &[
    (4, "ipx"),
    (5, "appletalk"),
    (6, "netrom"),
    (7, "bridge"),
    (11, "rose"),
    (12, "decnet"),
    (13, "netbeui"),
    (14, "security"),
    (15, "key"),
    (17, "packet"),
    (18, "ash"),
    (19, "econet"),
    (20, "atmsvc"),
    (21, "rds"),
    (22, "sna"),
    (23, "irda"),
    (24, "pppox"),
    (25, "wanpipe"),
    (26, "llc"),
    (29, "can"),
    (30, "tipc"),
    (31, "bluetooth"),
    (32, "iucv"),
    (33, "rxrpc"),
    (34, "isdn"),
    (35, "phonet"),
    (36, "ieee802154"),
    (37, "caif"),
    (38, "alg"),
    (39, "nfc"),
    (40, "vsock"),
    (41, "kcm"),
    (42, "qipcrtr"),
    (43, "smc"),
    (44, "xdp"),
];

/// Appends the meaning of the `saddr=` value `digits` (the address in hex, in the byte order of this machine).
pub(super) fn write(out: &mut Vec<u8>, digits: &[u8]) {
    let mut bytes = [0u8; MOST];
    let mut len = 0;
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (Some(high), Some(low)) = (nibble(pair[0]), nibble(pair[1])) else {
            // The original reads past what is not hex; we say that it is not an address.
            return malformed(out, digits);
        };
        *byte = high << 4 | low;
        len += 1;
    }
    if len == 0 {
        return malformed(out, digits);
    }
    // A single byte is taken as the family's lower half, as the original does.
    address(out, u16::from_ne_bytes([bytes[0], bytes[1]]), &bytes[..len]);
}

fn malformed(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(b"malformed-host(");
    out.extend_from_slice(text);
    out.push(b')');
}

/// `bytes` begins with the family.
fn address(out: &mut Vec<u8>, family: u16, bytes: &[u8]) {
    let be16 = |at: usize| u16::from_be_bytes([byte(bytes, at), byte(bytes, at + 1)]);
    match family {
        1 => local(out, bytes),
        2 if bytes.len() < 16 => out.extend_from_slice(b"{ saddr_fam=inet sockaddr len too short }"),
        2 => {
            let host = Ipv4Addr::new(bytes[4], bytes[5], bytes[6], bytes[7]);
            print(out, format_args!("{{ saddr_fam=inet laddr={host} lport={} }}", be16(2)));
        }
        3 => {
            out.extend_from_slice(b"{ saddr_fam=ax25 call=");
            printable(out, text(bytes, 2, 7));
            out.extend_from_slice(b" }");
        }
        8 => {
            // `sap_addr.itf` of struct sockaddr_atmpvc.
            let interface = i16::from_ne_bytes([byte(bytes, 4), byte(bytes, 5)]);
            let interface = if bytes.len() < 6 { 0 } else { interface };
            print(out, format_args!("{{ saddr_fam=atmpvc int={interface} }}"));
        }
        9 => {
            out.extend_from_slice(b"{ saddr_fam=x25 laddr=");
            printable(out, text(bytes, 2, 15));
            out.extend_from_slice(b" }");
        }
        10 if bytes.len() < 28 => out.extend_from_slice(b"{ saddr_fam=inet6 sockaddr6 len too short }"),
        10 => inet6(out, be16(2), bytes),
        16 if bytes.len() < 12 => out.extend_from_slice(b"{ saddr_fam=netlink len too short }"),
        16 => {
            let pid = u32::from_ne_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
            print(out, format_args!("{{ saddr_fam=netlink nlnk-fam=16 nlnk-pid={pid} }}"));
        }
        other => match UNSUPPORTED.binary_search_by_key(&other, |row| row.0) {
            Ok(at) => print(out, format_args!("{{ saddr_fam={} (unsupported) }}", UNSUPPORTED[at].1)),
            Err(_) => print(out, format_args!("unknown-family({other})")),
        },
    }
}

/// A path, or the name of an abstract socket, which the original prints without its leading NUL; both up to the next NUL.
fn local(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.len() < 4 {
        return out.extend_from_slice(b"{ saddr_fam=local sockaddr len too short }");
    }
    out.extend_from_slice(b"{ saddr_fam=local path=");
    let path = text(bytes, 2, PATH);
    printable(out, if path.is_empty() { text(bytes, 3, PATH - 1) } else { path });
    out.extend_from_slice(b" }");
}

fn inet6(out: &mut Vec<u8>, port: u16, bytes: &[u8]) {
    let mut host = [0u8; 16];
    host.copy_from_slice(&bytes[8..24]);
    let host = Ipv6Addr::from(host);
    let words = host.segments();
    let scope = u32::from_ne_bytes([bytes[24], bytes[25], bytes[26], bytes[27]]);
    out.extend_from_slice(b"{ saddr_fam=inet6 laddr=");
    // inet_ntop writes `::a.b.c.d` for the old IPv4-compatible addresses, Rust does not.
    if words[..6] == [0; 6] && words[6] != 0 {
        let [.., a, b, c, d] = host.octets();
        print(out, format_args!("::{}", Ipv4Addr::new(a, b, c, d)));
    } else {
        print(out, format_args!("{host}"));
    }
    if scope != 0 {
        out.push(b'%');
        // getnameinfo names the interface only where the scope is an interface: link-local addresses.
        let link_local = host.is_unicast_link_local() || (words[0] & 0xff0f) == 0xff02;
        let interface = if link_local { nix::net::if_::if_indextoname(scope).ok() } else { None };
        match interface.as_deref().map(std::ffi::CStr::to_bytes) {
            Some(name) if !name.is_empty() => printable(out, name),
            _ => print(out, format_args!("{scope}")),
        }
    }
    print(out, format_args!(" lport={port} }}"));
}

/// At most `most` bytes from `start` on, up to a NUL.
fn text(bytes: &[u8], start: usize, most: usize) -> &[u8] {
    let rest = bytes.get(start..).unwrap_or_default();
    let rest = &rest[..rest.len().min(most)];
    &rest[..rest.iter().position(|&b| b == 0).unwrap_or(rest.len())]
}

/// Appends text that anybody may have chosen. The original appends it as it is, so that a socket's name with a newline
/// tears the line in two; here control characters become `\ooo`.
fn printable(out: &mut Vec<u8>, text: &[u8]) {
    for &b in text {
        if b < 0x20 || b == 0x7f {
            print(out, format_args!("\\{b:03o}"));
        } else {
            out.push(b);
        }
    }
}

/// The byte at `at`, zero behind the end.
fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

fn print(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a Vec cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn meaning(digits: &str) -> String {
        let mut out = Vec::new();
        write(&mut out, digits.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_socket_name_cannot_tear_the_line() {
        assert_eq!(meaning("01002F610A62"), "{ saddr_fam=local path=/a\\012b }");
        assert_eq!(meaning("01002F611D7F"), "{ saddr_fam=local path=/a\\035\\177 }");
    }

    #[test]
    fn families_are_sorted() {
        assert!(UNSUPPORTED.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    proptest! {
        #[test]
        fn any_address_is_one_piece_of_text(bytes in prop::collection::vec(any::<u8>(), 0..140), family in 0u8..50) {
            let mut address = vec![family, 0];
            address.extend(bytes);
            let mut digits = Vec::new();
            crate::record::quote::hex(&mut digits, &address);
            let mut out = Vec::new();
            write(&mut out, &digits);
            prop_assert!(!out.is_empty());
            prop_assert!(out.iter().all(|b| *b >= 0x20));
        }

        #[test]
        fn any_text_is_taken(text: Vec<u8>) {
            let mut out = Vec::new();
            write(&mut out, &text);
            prop_assert!(!out.is_empty());
        }
    }
}
