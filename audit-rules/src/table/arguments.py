#!/usr/bin/env python3
"""Writes argument_names.rs: what the original makes of system call arguments.

Asks `ausearch -i` (Debian 12: auditd 3.0.9) about a made-up log with one SYSCALL record per value. Names of single values
are asked for one by one; names of flags bit by bit, and their order is that in which all of them together are printed.
"""

import re
import subprocess
import tempfile

ARCHES = {"x86_64": "c000003e", "i386": "40000003"}


def number_of(call, arch):
    return int(subprocess.run(["ausyscall", arch, call, "--exact"], capture_output=True, text=True, check=True).stdout)


def ask(call, argument, values, arch="x86_64", **others):
    """What is printed for `argument` of `call`, by value."""
    number = number_of(call, arch)
    with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
        for serial, value in enumerate(values):
            arguments = {"a0": 0, "a1": 0, "a2": 0, "a3": 0, **others, argument: value}
            text = " ".join(f"{name}={number:x}" for name, number in arguments.items())
            log.write(
                f"type=SYSCALL msg=audit(1700000000.000:{serial + 1}): arch={ARCHES[arch]} syscall={number} success=yes "
                f"exit=0 {text} items=0 ppid=1 pid=2 auid=0 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 "
                'tty=(none) ses=1 comm="x" exe="/x" key=(null)\n'
            )
        log.flush()
        out = subprocess.run(["ausearch", "-i", "-if", log.name], capture_output=True, text=True, check=True).stdout
    found = {}
    for match in re.finditer(rf":(\d+)\) : .* {argument}=(\S+)", out):
        found[values[int(match.group(1)) - 1]] = match.group(2)
    return found


def names(call, argument, values, **others):
    """Rows of value and name, without what the original does not know."""
    found = ask(call, argument, list(values), **others)
    unnamed = re.compile(r"unknown|UNKNOWN|0x[0-9a-f]+$|[0-9]+$")
    return [(value, name) for value, name in sorted(found.items()) if not unnamed.match(name)]


def flags(call, argument, drop=(), low=0, beside=0, **others):
    """Rows of mask and name in the order of printing, of bits from `low` on, each asked for with `beside` set."""
    bits = [1 << bit for bit in range(low, 32)]
    every = sum(bits)
    found = ask(call, argument, sorted({bit | beside for bit in bits} | {every}), **others)
    order = [name for name in found[every].split("|") if name not in drop and not name.startswith("0x")]
    rows = []
    for name in order:
        mask = sum(bit for bit in bits if name in found[bit | beside].split("|"))
        if beside and bin(mask).count("1") > 1:
            mask = beside
        rows.append((mask, name))
    return rows


# Requests above 16 bits that the original knows; there are too many numbers to try them all.
IOCTLS_ABOVE = [0x40045431, 0x80045430, 0x80045431, 0xC01C64A3, 0xC01864B0, 0xC01864B1]

TABLES = {
    "SIGNALS": names("kill", "a1", range(0, 32)),
    "CLOCKS": names("clock_settime", "a0", range(0, 7)),
    "PERSONALITIES": names("personality", "a0", range(0, 256)),
    "PTRACE": names("ptrace", "a0", range(0, 0x4300)),
    "PRCTL": names("prctl", "a0", [*range(0, 128), 0x53564D41, 0x59616D61]),
    "CAPABILITIES": names("prctl", "a1", range(0, 64), a0=24),
    "RLIMITS": names("setrlimit", "a0", range(0, 17)),
    "FAMILIES": names("socket", "a0", range(0, 64)),
    "SOCKET_TYPES": names("socket", "a1", range(0, 256)),
    "PROTOCOLS": names("socket", "a2", range(0, 256)),
    "FCNTL": names("fcntl", "a1", range(0, 2048)),
    "EPOLL": names("epoll_ctl", "a1", range(0, 16)),
    "SCHEDULERS": names("sched_setscheduler", "a1", range(0, 16)),
    "WHENCE": names("lseek", "a2", range(0, 256)),
    "BPF": names("bpf", "a0", range(0, 128)),
    "SOCKETCALLS": names("socketcall", "a0", range(0, 64), arch="i386"),
    "SOCKOPT_LEVELS": names("setsockopt", "a1", range(0, 512)),
    "IP_OPTIONS": names("setsockopt", "a2", range(0, 256), a1=0),
    "SOCKET_OPTIONS": names("setsockopt", "a2", range(0, 256), a1=1),
    "TCP_OPTIONS": names("setsockopt", "a2", range(0, 256), a1=6),
    "UDP_OPTIONS": names("setsockopt", "a2", range(0, 256), a1=17),
    "IPV6_OPTIONS": names("setsockopt", "a2", range(0, 256), a1=41),
    "PACKET_OPTIONS": names("setsockopt", "a2", range(0, 256), a1=263),
    "IOCTLS": names("ioctl", "a1", [*range(0, 0x10000), *IOCTLS_ABOVE]),
    "SHM_FLAGS": flags("shmget", "a2", drop=["0777"]),
    "OPEN_FLAGS": flags("open", "a1", drop=["O_RDONLY"]),
    "CLONE_FLAGS": flags("clone", "a2", low=8),
    "PROTECTIONS": flags("mmap", "a2", drop=["PROT_NONE"], beside=1),
    "MAP_FLAGS": flags("mmap", "a3", drop=["MAP_FILE"]),
    "MOUNT_FLAGS": flags("mount", "a3"),
    "UMOUNT_FLAGS": flags("umount2", "a1"),
    "MESSAGE_FLAGS": flags("recvfrom", "a3"),
    "ACCESS_MODES": flags("access", "a1", drop=["F_OK"]),
}

with open("argument_names.rs", "w") as out:
    out.write("//! Names of system call arguments: single values ascending, flags (`…_FLAGS`, `…S` of masks) in printing order.\n")
    out.write("//! Written by `arguments.py` from what `ausearch -i` prints; do not edit.\n")
    for table, rows in TABLES.items():
        out.write(f"\n#[rustfmt::skip]\npub(crate) const {table}: &[(u32, &str)] = &[\n")
        for number, name in rows:
            digits = f"{number:09_x}" if number > 0xFFFF else f"{number:x}"
            out.write(f'    (0x{digits}, "{name}"),\n')
        out.write("];\n")
