//! What concerns the whole machine: modules, clocks, names, BPF, keys, devices.

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};

use crate::case::Case;
use crate::raw::{self, Argument};
use crate::stage::{Stage, become_nobody, refused};
use crate::syscall;

/// Refused ones where success would change the machine.
pub const CASES: &[Case] = &[
    Case::new("init_module", &["-S init_module"], 1, |stage| {
        let image = [0_u8; 64];
        failing(stage, || syscall!(libc::SYS_init_module, &image[..], image.len(), c"parameter=1"))
    }),
    Case::new("finit_module", &["-S finit_module"], 1, |stage| {
        failing(stage, || syscall!(libc::SYS_finit_module, 77, c"", 0))
    }),
    Case::new("delete_module", &["-S delete_module"], 1, |stage| {
        failing(stage, || syscall!(libc::SYS_delete_module, c"no_such_module", libc::O_NONBLOCK))
    }),
    Case::new("settimeofday-eperm", &["-S settimeofday"], 1, |stage| {
        let time = [0_u8; 16];
        unprivileged(stage, || syscall!(libc::SYS_settimeofday, &time[..], 0))
    }),
    Case::new("clock_settime-eperm", &["-S clock_settime"], 1, |stage| {
        let time = [0_u8; 16];
        unprivileged(stage, || syscall!(libc::SYS_clock_settime, libc::CLOCK_REALTIME, &time[..]))
    }),
    Case::new("clock_settime-einval", &["-S clock_settime"], 1, |stage| {
        let time = [0_u8; 16];
        failing(stage, || syscall!(libc::SYS_clock_settime, libc::CLOCK_MONOTONIC, &time[..]))
    }),
    Case::new("adjtimex-read", &["-S adjtimex"], 1, |stage| {
        let mut timex = timex(0, [0; 3]);
        stage.begin()?;
        let result = syscall!(libc::SYS_adjtimex, &mut timex[..]);
        stage.end()?;
        result.context("adjtimex").map(drop)
    })
    .by_kernel_audit(),
    Case::new("adjtimex-eperm", &["-S adjtimex"], 1, |stage| {
        let timex = timex(ADJ_FREQUENCY, [0, 65536, 0]);
        unprivileged(stage, || syscall!(libc::SYS_adjtimex, &timex))
    })
    .by_kernel_audit(),
    Case::new("adjtimex-frequency", &["-S adjtimex"], 1, |stage| frequency(stage, libc::SYS_adjtimex, &[]))
        .by_kernel_audit(),
    Case::new("clock_adjtime-frequency", &["-S clock_adjtime"], 1, |stage| {
        frequency(stage, libc::SYS_clock_adjtime, &[libc::CLOCK_REALTIME])
    })
    .by_kernel_audit(),
    Case::new("adjtimex-step", &["-S adjtimex"], 1, |stage| {
        // One nanosecond: nobody notices, and the record tells the exact value.
        let mut timex = timex(ADJ_SETOFFSET | ADJ_NANO, [0; 3]);
        timex[80..88].copy_from_slice(&1_i64.to_ne_bytes());
        // The first to ask for nanoseconds changes the clock's status, which outlasts the case.
        syscall!(libc::SYS_adjtimex, &mut self::timex(ADJ_NANO, [0; 3])[..]).context("adjtimex")?;
        stage.begin()?;
        let result = syscall!(libc::SYS_adjtimex, &mut timex[..]);
        stage.end()?;
        result.context("adjtimex").map(drop)
    })
    .by_kernel_audit(),
    Case::new("sethostname", &["-S sethostname"], 1, |stage| {
        syscall!(libc::SYS_unshare, libc::CLONE_NEWUTS).context("unshare")?;
        stage.begin()?;
        let result = syscall!(libc::SYS_sethostname, c"elsewhere", 9);
        stage.end()?;
        result.context("sethostname").map(drop)
    }),
    Case::new("setdomainname", &["-S setdomainname"], 1, |stage| {
        syscall!(libc::SYS_unshare, libc::CLONE_NEWUTS).context("unshare")?;
        stage.begin()?;
        let result = syscall!(libc::SYS_setdomainname, c"example.org", 11);
        stage.end()?;
        result.context("setdomainname").map(drop)
    }),
    Case::new("sethostname-eperm", &["-S sethostname"], 1, |stage| {
        unprivileged(stage, || syscall!(libc::SYS_sethostname, c"elsewhere", 9))
    }),
    Case::new("setdomainname-eperm", &["-S setdomainname"], 1, |stage| {
        unprivileged(stage, || syscall!(libc::SYS_setdomainname, c"elsewhere", 9))
    }),
    Case::new("bpf", &["-S bpf"], 1, |stage| {
        // BPF_MAP_CREATE of an array: type, key size, value size, entries.
        let attributes: Vec<u8> = [2_u32, 4, 8, 1].iter().flat_map(|word| word.to_ne_bytes()).collect();
        // Before 5.11 a map counts as locked memory of root's, and so do ours. Not every root may ask for more.
        if setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY).is_err() {
            let (_, most) = getrlimit(Resource::RLIMIT_MEMLOCK)?;
            setrlimit(Resource::RLIMIT_MEMLOCK, most, most)?;
        }
        stage.begin()?;
        let result = syscall!(libc::SYS_bpf, 0, &attributes, attributes.len());
        stage.end()?;
        result.context("bpf").map(drop)
    }),
    Case::new("bpf-einval", &["-S bpf"], 1, |stage| failing(stage, || syscall!(libc::SYS_bpf, 9999, 0, 0))),
    Case::new("perf_event_open", &["-S perf_event_open"], 1, |stage| {
        failing(stage, || syscall!(libc::SYS_perf_event_open, 8, 0, -1, -1, 0))
    }),
    Case::new("kexec_load-eperm", &["-S kexec_load"], 1, |stage| {
        // A kernel without kexec says ENOSYS; either way the call is refused.
        stage.begin()?;
        stage.child(|_| {
            become_nobody()?;
            anyhow::ensure!(syscall!(libc::SYS_kexec_load, 0, 0, 0, 0).is_err(), "kexec_load was allowed");
            Ok(())
        })
    }),
    Case::new("reboot-einval", &["-S reboot"], 1, |stage| {
        failing(stage, || syscall!(libc::SYS_reboot, 0, 0, 0, 0))
    }),
    Case::new("ioperm-eperm", &["-S ioperm,iopl"], 2, |stage| {
        stage.begin()?;
        stage.child(|_| {
            become_nobody()?;
            anyhow::ensure!(syscall!(libc::SYS_ioperm, 0x80, 1, 1).is_err(), "ioperm was allowed");
            anyhow::ensure!(syscall!(libc::SYS_iopl, 3).is_err(), "iopl was allowed");
            Ok(())
        })
    }),
    Case::new("add_key", &["-S add_key"], 1, |stage| {
        stage.begin()?;
        // -2: the process keyring, which ends with this process.
        let result = syscall!(libc::SYS_add_key, c"user", c"ebpfauditd:test", &b"secret"[..], 6, -2);
        stage.end()?;
        result.context("add_key").map(drop)
    }),
    Case::new("add_key-enodev", &["-S add_key"], 1, |stage| {
        failing(stage, || syscall!(libc::SYS_add_key, c"no such type", c"name", 0, 0, -2))
    }),
    Case::new("request_key", &["-S request_key"], 1, |stage| {
        failing(stage, || syscall!(libc::SYS_request_key, c"user", c"ebpfauditd:absent", 0, 0))
    }),
    Case::new("keyctl", &["-S keyctl"], 1, |stage| {
        failing(stage, || syscall!(libc::SYS_keyctl, 9999, 0, 0, 0, 0))
    }),
    Case::new("ioctl", &["-S ioctl"], 1, |stage| failing(stage, || syscall!(libc::SYS_ioctl, 77, 0x5401, 0))),
    Case::new("io_uring_setup", &["-S io_uring_setup"], 1, |stage| {
        failing(stage, || syscall!(libc::SYS_io_uring_setup, 0, 0))
    }),
    Case::new("seccomp", &["-S seccomp"], 1, |stage| {
        failing(stage, || syscall!(libc::SYS_seccomp, 99, 0, 0))
    }),
    Case::new("syslog", &["-S syslog"], 1, |stage| failing(stage, || syscall!(libc::SYS_syslog, 99, 0, 0))),
    Case::new("umask", &["-S umask"], 1, |stage| {
        stage.begin()?;
        let result = syscall!(libc::SYS_umask, 0o77);
        stage.end()?;
        result.context("umask").map(drop)
    }),
    Case::new("no-such-syscall", &["-S 1999"], 1, |stage| failing(stage, || syscall!(1999, 1, 2, 3, 4))),
];

/// `modes` bits of `struct timex` (linux/timex.h).
const ADJ_FREQUENCY: u32 = 0x0002;
const ADJ_SETOFFSET: u32 = 0x0100;
const ADJ_NANO: u32 = 0x2000;

/// `struct timex` (208 bytes): modes, then offset, frequency and maximal error.
fn timex(modes: u32, [offset, frequency, error]: [i64; 3]) -> Vec<u8> {
    let mut bytes = vec![0_u8; 208];
    bytes[..4].copy_from_slice(&modes.to_ne_bytes());
    for (at, value) in [(8, offset), (16, frequency), (24, error)] {
        bytes[at..at + 8].copy_from_slice(&value.to_ne_bytes());
    }
    bytes
}

/// Changes the clock's frequency by one part in 10^9 and puts it back, unrecorded.
fn frequency(stage: &mut Stage, number: i64, clock: &[i32]) -> Result<()> {
    let mut current = timex(0, [0; 3]);
    syscall!(libc::SYS_adjtimex, &mut current[..]).context("adjtimex")?;
    let mut word = [0_u8; 8];
    word.copy_from_slice(&current[16..24]);
    let before = i64::from_ne_bytes(word);
    let mut changed = timex(ADJ_FREQUENCY, [0, before + 66, 0]);
    stage.begin()?;
    let result = match clock {
        [clock] => raw::call(number, [Argument::from(*clock), Argument::Room(&mut changed)]),
        _ => raw::call(number, [Argument::Room(&mut changed)]),
    };
    stage.end()?;
    let mut back = timex(ADJ_FREQUENCY, [0, before, 0]);
    syscall!(libc::SYS_adjtimex, &mut back[..]).context("adjtimex, putting the frequency back")?;
    result.context("adjusting the clock").map(drop)
}

/// A call that any kernel refuses, whatever the reason.
fn failing(stage: &mut Stage, call: impl FnOnce() -> Result<i64, Errno>) -> Result<()> {
    stage.begin()?;
    let result = call();
    stage.end()?;
    anyhow::ensure!(result.is_err(), "the call was allowed: {result:?}");
    Ok(())
}

/// The call by nobody, answered `EPERM`.
fn unprivileged(stage: &mut Stage, call: impl FnOnce() -> Result<i64, Errno>) -> Result<()> {
    stage.begin()?;
    stage.child(|_| {
        become_nobody()?;
        refused(call(), Errno::EPERM)
    })
}
