//! User and group ids, groups, capabilities, sessions.

use anyhow::{Context, Result};
use nix::errno::Errno;

use crate::case::Case;
use crate::raw::Argument;
use crate::stage::{NOBODY, Stage, become_nobody, refused};
use crate::{raw, syscall};

/// `_LINUX_CAPABILITY_VERSION_3`.
const CAPABILITY_VERSION: u32 = 0x2008_0522;

/// Each in a child, which is then another.
pub const CASES: &[Case] = &[
    Case::new("setuid", &["-S setuid"], 1, |stage| changing(stage, libc::SYS_setuid, [NOBODY])),
    Case::new("setuid-eperm", &["-S setuid"], 1, |stage| denied(stage, libc::SYS_setuid, [0])),
    Case::new("setgid", &["-S setgid"], 1, |stage| changing(stage, libc::SYS_setgid, [NOBODY])),
    Case::new("setgid-eperm", &["-S setgid"], 1, |stage| denied(stage, libc::SYS_setgid, [0])),
    Case::new("setreuid", &["-S setreuid"], 1, |stage| changing(stage, libc::SYS_setreuid, [1, NOBODY])),
    Case::new("setregid", &["-S setregid"], 1, |stage| changing(stage, libc::SYS_setregid, [1, NOBODY])),
    Case::new("setresuid", &["-S setresuid"], 1, |stage| changing(stage, libc::SYS_setresuid, [1, 2, 3])),
    Case::new("setresuid-unchanged", &["-S setresuid"], 1, |stage| {
        changing(stage, libc::SYS_setresuid, [u32::MAX, u32::MAX, u32::MAX])
    }),
    Case::new("setresuid-eperm", &["-S setresuid"], 1, |stage| denied(stage, libc::SYS_setresuid, [0, 0, 0])),
    Case::new("setresgid", &["-S setresgid"], 1, |stage| changing(stage, libc::SYS_setresgid, [1, 2, 3])),
    Case::new("setfsuid", &["-S setfsuid"], 1, |stage| changing(stage, libc::SYS_setfsuid, [NOBODY])),
    Case::new("setfsgid", &["-S setfsgid"], 1, |stage| changing(stage, libc::SYS_setfsgid, [NOBODY])),
    Case::new("setgroups", &["-S setgroups"], 1, |stage| {
        let groups: Vec<u8> = [7_u32, 8, 9].iter().flat_map(|group| group.to_ne_bytes()).collect();
        stage.begin()?;
        let result = syscall!(libc::SYS_setgroups, 3, &groups);
        stage.end()?;
        result.context("setgroups").map(drop)
    }),
    Case::new("setgroups-eperm", &["-S setgroups"], 1, |stage| denied(stage, libc::SYS_setgroups, [0, 0])),
    Case::new("capset", &["-S capset"], 1, |stage| {
        stage.begin()?;
        // Only CAP_CHOWN, CAP_KILL and CAP_AUDIT_CONTROL (bit 30) stay permitted; one of them effective, one inheritable.
        stage.child(|_| capset([1, 1 | 1 << 5 | 1 << 30, 1 << 5]).context("capset").map(drop))
    }),
    Case::new("capset-eperm", &["-S capset"], 1, |stage| {
        stage.begin()?;
        stage.child(|_| {
            become_nobody()?;
            refused(capset([1, 1, 0]), Errno::EPERM)
        })
    }),
    Case::new("capget", &["-S capget"], 1, |stage| {
        let (mut header, mut sets) = (capability_header(), [0_u8; 24]);
        stage.begin()?;
        let result = syscall!(libc::SYS_capget, &mut header[..], &mut sets[..]);
        stage.end()?;
        result.context("capget").map(drop)
    }),
    Case::new("setsid", &["-S setsid"], 1, |stage| {
        stage.begin()?;
        stage.child(|_| syscall!(libc::SYS_setsid).context("setsid").map(drop))
    }),
    Case::new("setpgid", &["-S setpgid"], 1, |stage| {
        stage.begin()?;
        stage.child(|_| syscall!(libc::SYS_setpgid, 0, 0).context("setpgid").map(drop))
    }),
    Case::new("get-ids", &["-S getuid,geteuid,getgid,getegid"], 4, |stage| {
        stage.begin()?;
        let results = [libc::SYS_getuid, libc::SYS_geteuid, libc::SYS_getgid, libc::SYS_getegid]
            .map(|number| raw::call(number, []));
        stage.end()?;
        for result in results {
            result?;
        }
        Ok(())
    }),
];

/// The call, as root, in a child of the recorded process.
fn changing<const N: usize>(stage: &mut Stage, number: i64, ids: [u32; N]) -> Result<()> {
    stage.begin()?;
    stage.child(|_| raw::call(number, ids.map(Argument::from)).context("changing ids").map(drop))
}

/// The call by nobody, refused.
fn denied<const N: usize>(stage: &mut Stage, number: i64, ids: [u32; N]) -> Result<()> {
    stage.child(|stage| {
        let mut own = Stage::open(stage.files(), stage.work(), stage.auid())?;
        become_nobody()?;
        own.begin()?;
        refused(raw::call(number, ids.map(Argument::from)), Errno::EPERM)
    })
}

fn capability_header() -> [u8; 8] {
    let mut header = [0_u8; 8];
    header[..4].copy_from_slice(&CAPABILITY_VERSION.to_ne_bytes());
    header
}

/// capset(2) of the effective, permitted and inheritable capabilities 0 to 31.
fn capset([effective, permitted, inheritable]: [u32; 3]) -> Result<i64, Errno> {
    let header = capability_header();
    let sets: Vec<u8> =
        [effective, permitted, inheritable, 0, 0, 0].iter().flat_map(|set| set.to_ne_bytes()).collect();
    syscall!(libc::SYS_capset, &header[..], &sets)
}
