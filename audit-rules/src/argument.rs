//! System call arguments in words, as `auditctl -l -i` prints them in rules that name one call.

use crate::{
    arch::Arch,
    field::Field,
    host::Host,
    print::put,
    table::{argument_names as names, syscall},
};

/// What an argument's meaning depends on.
pub(crate) struct Call<'a> {
    /// The rule's `arch`; without it the original knows no call.
    pub(crate) arch: Option<Arch>,
    /// The one system call that the rule names.
    pub(crate) number: Option<u32>,
    /// `a0` as far as the rule was printed, or 0.
    pub(crate) a0: u32,
    /// `a1` as far as the rule was printed, or 0.
    pub(crate) a1: u32,
    /// Who knows the names of users and groups.
    pub(crate) host: Option<&'a dyn Host>,
}

/// How a value is put into words.
enum Kind {
    /// One name per value; otherwise this text, in which `{}` stands for the value in hexadecimal and `{d}` in decimal.
    Name(&'static [(u32, &'static str)], &'static str),
    /// One name per bit, joined with `|`.
    Flags(&'static [(u32, &'static str)]),
    OpenFlags,
    CloneFlags,
    MapFlags,
    ShmFlags,
    Access,
    /// Memory protections; how many of their names count.
    Protection(usize),
    Personality,
    Scheduler,
    /// A mode with its file type.
    Mode,
    /// A mode's permissions.
    Permissions,
    User,
    Group,
    Directory,
    ExitCode,
    /// Nothing is known: a hexadecimal number.
    Number,
}

const SIGNAL: Kind = Kind::Name(names::SIGNALS, "unknown-signal(0x{})");

/// `fcntl` commands: `F_SETFD` and `F_SETOWN`.
const F_SETFD: u32 = 2;
const F_SETOWN: u32 = 8;
/// `prctl` options: `PR_SET_PDEATHSIG`, `PR_CAPBSET_READ` and `PR_CAPBSET_DROP`.
const PR_SET_PDEATHSIG: u32 = 1;
const PR_CAPBSET: [u32; 2] = [23, 24];
const O_CREAT: u32 = 0o100;
const AT_FDCWD: u32 = 100u32.wrapping_neg();

fn a0(call: &str) -> Kind {
    match call {
        "rt_sigaction" => SIGNAL,
        "clock_settime" => Kind::Name(names::CLOCKS, "unknown-clk_id(0x{})"),
        "personality" => Kind::Personality,
        "ptrace" => Kind::Name(names::PTRACE, "unknown-ptrace(0x{})"),
        "prctl" => Kind::Name(names::PRCTL, "unknown-prctl-option(0x{})"),
        "unshare" => Kind::CloneFlags,
        "getrlimit" | "setrlimit" => Kind::Name(names::RLIMITS, "unknown-rlimit(0x{})"),
        "setuid" | "setreuid" | "setresuid" | "setfsuid" => Kind::User,
        "setgid" | "setregid" | "setresgid" | "setfsgid" => Kind::Group,
        "socket" => Kind::Name(names::FAMILIES, "unknown-family(0x{})"),
        "socketcall" => Kind::Name(names::SOCKETCALLS, "unknown-socketcall({})"),
        "bpf" => Kind::Name(names::BPF, "unknown-bpf-cmd({})"),
        "readlinkat" | "mkdirat" | "mknodat" | "fchownat" | "futimesat" | "fchmodat" | "unlinkat"
        | "utimensat" | "linkat" | "newfstatat" | "name_to_handle_at" => Kind::Directory,
        _ if ["renameat", "faccessat", "openat"].iter().any(|start| call.starts_with(start)) => {
            Kind::Directory
        }
        _ if call.starts_with("exit") => Kind::ExitCode,
        _ => Kind::Number,
    }
}

fn a1(call: &str, a0: u32) -> Kind {
    match call {
        "fchmod" | "chmod" | "creat" | "mkdir" => Kind::Permissions,
        "getsockopt" | "setsockopt" => Kind::Name(names::SOCKOPT_LEVELS, "unknown-sockopt-level(0x{})"),
        "chown" | "setreuid" | "setresuid" => Kind::User,
        "setregid" | "setresgid" => Kind::Group,
        "socket" => Kind::Name(names::SOCKET_TYPES, "unknown-type({})"),
        "setns" => Kind::CloneFlags,
        "sched_setscheduler" => Kind::Scheduler,
        "mknod" => Kind::Mode,
        "mq_open" | "open" => Kind::OpenFlags,
        "access" => Kind::Access,
        "epoll_ctl" => Kind::Name(names::EPOLL, "unknown-epoll_ctl-operation({d})"),
        "kill" | "tkill" => SIGNAL,
        "prctl" if PR_CAPBSET.contains(&a0) => Kind::Name(names::CAPABILITIES, "unknown-capability(0x{})"),
        "prctl" if a0 == PR_SET_PDEATHSIG => SIGNAL,
        "umount2" => Kind::Flags(names::UMOUNT_FLAGS),
        "ioctl" => Kind::Name(names::IOCTLS, "0x{}"),
        _ if call.starts_with("fcntl") => Kind::Name(names::FCNTL, "unknown-fcntl-command({d})"),
        _ if call.starts_with('c') && call.contains("chown") => Kind::User,
        _ => Kind::Number,
    }
}

fn a2(call: &str, a1: u32) -> Kind {
    match call {
        "getsockopt" | "setsockopt" => match a1 {
            0 => Kind::Name(names::IP_OPTIONS, "unknown-ipopt-name(0x{})"),
            1 => Kind::Name(names::SOCKET_OPTIONS, "unknown-sockopt-name(0x{})"),
            6 => Kind::Name(names::TCP_OPTIONS, "unknown-tcpopt-name(0x{})"),
            17 => Kind::Name(names::UDP_OPTIONS, "unknown-udpopt-name(0x{})"),
            41 => Kind::Name(names::IPV6_OPTIONS, "unknown-ip6opt-name(0x{})"),
            263 => Kind::Name(names::PACKET_OPTIONS, "unknown-pktopt-name(0x{})"),
            _ => Kind::Number,
        },
        "openat" | "open_by_handle_at" => Kind::OpenFlags,
        "open" | "mq_open" if a1 & O_CREAT != 0 => Kind::Permissions,
        "fchmodat" | "mkdirat" | "mknodat" => Kind::Permissions,
        "setresuid" => Kind::User,
        "setresgid" => Kind::Group,
        "socket" => Kind::Name(names::PROTOCOLS, "unknown-proto({})"),
        "sendmsg" | "recvmsg" => Kind::Flags(names::MESSAGE_FLAGS),
        "shmget" => Kind::ShmFlags,
        "mmap" => Kind::Protection(4),
        "mprotect" => Kind::Protection(3),
        "readlinkat" | "linkat" => Kind::Directory,
        "lseek" => Kind::Name(names::WHENCE, "unknown-whence({})"),
        "clone" | "clone2" => Kind::CloneFlags,
        "tgkill" => SIGNAL,
        _ if call.starts_with("fcntl") && a1 == F_SETOWN => Kind::User,
        _ if call.starts_with("fcntl") && a1 == F_SETFD => Kind::Name(&[(1, "FD_CLOEXEC")], "0x{}"),
        _ if call.starts_with("faccessat") => Kind::Access,
        _ if call.starts_with("renameat") => Kind::Directory,
        // What starts with these letters was dealt with above.
        _ if !call.starts_with(['o', 'f', 's', 'm', 'r', 'l', 'c']) && call.contains("chown") => Kind::Group,
        _ => Kind::Number,
    }
}

fn a3(call: &str) -> Kind {
    match call {
        "mmap" => Kind::MapFlags,
        "mount" => Kind::Flags(names::MOUNT_FLAGS),
        "recv" | "recvfrom" | "recvmmsg" | "send" | "sendto" | "sendmmsg" => {
            Kind::Flags(names::MESSAGE_FLAGS)
        }
        _ => Kind::Number,
    }
}

/// Appends argument `field` of `call`, whose value is `number`.
pub(crate) fn interpret(call: &Call<'_>, field: Field, number: u32, out: &mut Vec<u8>) {
    let name = call.arch.zip(call.number).and_then(|(arch, number)| syscall::name(arch, number));
    let kind = match (name, field) {
        (None, _) => Kind::Number,
        (Some(name), Field::A0) => a0(name),
        (Some(name), Field::A1) => a1(name, call.a0),
        (Some(name), Field::A2) => a2(name, call.a1),
        (Some(name), _) => a3(name),
    };
    kind.put(number, call.host, out);
}

impl Kind {
    fn put(&self, number: u32, host: Option<&dyn Host>, out: &mut Vec<u8>) {
        match self {
            Self::Name(table, unknown) => {
                if let Some(known) = name(table, masked(unknown, number)) {
                    out.extend_from_slice(known.as_bytes());
                } else {
                    let text = unknown.replace("{}", &format!("{number:x}"));
                    let text = text.replace("{d}", &number.cast_signed().to_string());
                    out.extend_from_slice(text.as_bytes());
                }
            }
            Self::Flags(table) => flags(table, number, Vec::new(), number, out),
            Self::OpenFlags => {
                let first = if low(number, 3) { vec!["O_RDONLY"] } else { Vec::new() };
                flags(names::OPEN_FLAGS, number, first, number, out);
            }
            Self::CloneFlags => {
                let mut words = set(names::CLONE_FLAGS, number);
                words.extend(name(names::SIGNALS, number & 0xFF).filter(|_| number & 0xFF != 0));
                join(&words, number, out);
            }
            Self::MapFlags => {
                let first = if low(number, 0xF) { vec!["MAP_FILE"] } else { Vec::new() };
                flags(names::MAP_FLAGS, number, first, number, out);
            }
            Self::ShmFlags => {
                for word in set(names::SHM_FLAGS, number & 0o17000) {
                    put(out, format_args!("{word}|"));
                }
                put(out, format_args!("0{:03o}", number & 0o777));
            }
            Self::Access if low(number, 0xF) => out.extend_from_slice(b"F_OK"),
            Self::Access => flags(&names::ACCESS_MODES[..3], number, Vec::new(), number, out),
            Self::Protection(_) if low(number, 7) => out.extend_from_slice(b"PROT_NONE"),
            Self::Protection(count) => {
                flags(&names::PROTECTIONS[..*count], number, Vec::new(), number, out);
            }
            Self::Personality => match name(names::PERSONALITIES, number & 0xFF) {
                None => put(out, format_args!("unknown-personality(0x{number:x})")),
                Some(known) if number & 0x0004_0000 != 0 => {
                    put(out, format_args!("{known}|~ADDR_NO_RANDOMIZE"));
                }
                Some(known) => out.extend_from_slice(known.as_bytes()),
            },
            Self::Scheduler => match name(names::SCHEDULERS, number & 0xF) {
                None => put(out, format_args!("unknown-scheduler-policy(0x{number:x})")),
                Some(known) if number & 0x4000_0000 != 0 => {
                    put(out, format_args!("{known}|SCHED_RESET_ON_FORK"));
                }
                Some(known) => out.extend_from_slice(known.as_bytes()),
            },
            Self::Mode => mode(number, out),
            Self::Permissions => {
                let special = special_bits(number);
                let comma = if special.is_empty() { "" } else { "," };
                put(out, format_args!("{}{comma}0{:03o}", special.join(","), number & 0o777));
            }
            Self::User => id(number, host.and_then(|host| host.user_name(number)), out),
            Self::Group => id(number, host.and_then(|host| host.group_name(number)), out),
            Self::Directory if number == AT_FDCWD => out.extend_from_slice(b"AT_FDCWD"),
            Self::ExitCode => out.extend_from_slice(match number {
                0 => b"EXIT_SUCCESS",
                1 => b"EXIT_FAILURE",
                _ => b"UNKNOWN",
            }),
            Self::Directory | Self::Number => put(out, format_args!("0x{number:x}")),
        }
    }
}

fn name(table: &'static [(u32, &'static str)], number: u32) -> Option<&'static str> {
    table.iter().find(|row| row.0 == number).map(|row| row.1)
}

/// Whether none of the bits of `mask` is set, for which some flags have a name.
const fn low(number: u32, mask: u32) -> bool {
    number & mask == 0
}

/// Of socket types and of `whence` the original looks at the low byte.
fn masked(unknown: &str, number: u32) -> u32 {
    if unknown.starts_with("unknown-type") || unknown.starts_with("unknown-whence") {
        number & 0xFF
    } else {
        number
    }
}

/// The names of the bits of `number`.
fn set(table: &[(u32, &'static str)], number: u32) -> Vec<&'static str> {
    table.iter().filter(|row| row.0 & number != 0).map(|row| row.1).collect()
}

fn flags(table: &[(u32, &'static str)], bits: u32, first: Vec<&'static str>, number: u32, out: &mut Vec<u8>) {
    let mut words = first;
    words.extend(set(table, bits));
    join(&words, number, out);
}

fn join(words: &[&str], number: u32, out: &mut Vec<u8>) {
    if words.is_empty() {
        put(out, format_args!("0x{number:x}"));
    } else {
        out.extend_from_slice(words.join("|").as_bytes());
    }
}

fn special_bits(mode: u32) -> Vec<&'static str> {
    set(&[(0o4000, "suid"), (0o2000, "sgid"), (0o1000, "sticky")], mode)
}

fn mode(number: u32, out: &mut Vec<u8>) {
    match crate::table::filetype::name(number & 0o170_000) {
        Some(kind) => out.extend_from_slice(kind.as_bytes()),
        None => put(out, format_args!("{:03o}", (number & 0o170_000) >> 12)),
    }
    for bit in special_bits(number) {
        put(out, format_args!(",{bit}"));
    }
    put(out, format_args!(",{:03o}", number & 0o777));
}

fn id(number: u32, name: Option<Vec<u8>>, out: &mut Vec<u8>) {
    match (number, name) {
        (u32::MAX, _) => out.extend_from_slice(b"unset"),
        (0, _) => out.extend_from_slice(b"root"),
        (_, Some(name)) => out.extend_from_slice(&name),
        (_, None) => put(out, format_args!("unknown({})", number.cast_signed())),
    }
}
