//! Rules on one file in company: with every class of `perm=`, by `inode=`, several of them, and with `never` among them.

use anyhow::{Context, Result};
use nix::errno::Errno;

use super::path_rule::{open, watched};
use crate::case::Case;
use crate::scene::{FINE, make, own_mounts, tmpfs};
use crate::stage::{Stage, become_nobody, refused};
use crate::{obstacle, raw, syscall};

use libc::{
    AT_FDCWD, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY, SYS_chmod, SYS_getxattr, SYS_link, SYS_readlink,
    SYS_rename, SYS_stat, SYS_unlink,
};

/// `watched` is there before the rules.
pub const CASES: &[Case] = &[
    Case::file("perm-read", &["-F path=$work/watched -F perm=r"], 4, classes).with(watched),
    Case::file("perm-write", &["-F path=$work/watched -F perm=w"], 6, classes).with(watched),
    Case::file("perm-attribute", &["-F path=$work/watched -F perm=a"], 3, classes).with(watched),
    Case::file("perm-execute", &["-F path=$work/watched -F perm=x"], 1, classes).with(watched),
    Case::file("perm-all", &["-F path=$work/watched -F perm=rwxa"], 12, classes).with(watched),
    Case::file("perm-of-openat2", &["-F path=$work/watched -F perm=w"], 2, |stage| {
        let how = |flags: i32| {
            let mut how = [0_u8; 24];
            how[..4].copy_from_slice(&flags.to_ne_bytes());
            syscall!(libc::SYS_openat2, AT_FDCWD, c"watched", &how[..], how.len())
        };
        stage.record_all(|| [how(O_RDONLY), how(O_WRONLY), how(O_RDWR | O_TRUNC), how(O_RDONLY | O_TRUNC)])
    })
    .with(watched)
    .unless(obstacle::no_openat2_class),
    Case::file("perm-without-path", &["-S openat,chmod -F perm=a"], 1, |stage| {
        stage.record_all(|| [open(c"watched", O_RDWR), syscall!(SYS_chmod, c"watched", 0o600)])
    })
    .with(watched),
    Case::file("perm-calls-in-no-class", &["-F path=$work/watched -F perm=rwxa"], 0, |stage| {
        let mut room = [0_u8; 144];
        stage.record_all(|| {
            [
                syscall!(SYS_stat, c"watched", &mut room[..]),
                syscall!(libc::SYS_access, c"watched", libc::W_OK),
                syscall!(libc::SYS_utimensat, AT_FDCWD, c"watched", 0, 0),
            ]
        })
    })
    .with(watched),
    Case::file(
        "path-never-before-always",
        &["-a never,exit -F path=$work/watched -F uid=0", "-F path=$work/watched"],
        1,
        as_both,
    )
    .with(watched),
    Case::file(
        "path-always-before-never",
        &["-F path=$work/watched", "-a never,exit -F path=$work/watched -F uid=0"],
        2,
        as_both,
    )
    .with(watched),
    Case::file(
        "path-never-by-call",
        // The rule that was loaded first decides, though one without a path is tried before it.
        &["-F path=$work/watched", "-a never,exit -F arch=b64 -S openat -F uid=0"],
        2,
        as_both,
    )
    .with(watched),
    Case::file(
        "path-never-by-call-first",
        &["-a never,exit -F arch=b64 -S openat -F uid=0", "-F path=$work/watched"],
        1,
        as_both,
    )
    .with(watched),
    Case::file("path-and-call", &["-F path=$work/watched -F key=file", "-S openat"], 2, |stage| {
        make("other", 0o644)?;
        stage.record_all(|| [open(c"watched", O_RDONLY), open(c"other", O_RDONLY)])
    })
    .with(watched),
    Case::file("inode-rule", &["-S openat,rename -F inode=$inode:watched -F perm=wa"], 3, |stage| {
        stage.record_all(|| {
            [
                open(c"watched", O_WRONLY),
                open(c"watched", O_RDONLY),
                // No rule on a name follows the inode better than this one.
                syscall!(SYS_rename, c"watched", c"renamed"),
                open(c"renamed", O_WRONLY),
            ]
        })
    })
    .with(watched),
    Case::file(
        "inode-rule-with-device",
        &["-S openat -F inode=$inode:watched -F devmajor=$major -F devminor=$minor"],
        1,
        |stage| {
            own_mounts()?;
            tmpfs(c"mounted", c"mode=0755")?;
            make("mounted/watched", 0o644)?;
            stage.record_all(|| [open(c"watched", O_RDONLY), open(c"mounted/watched", O_RDONLY)])
        },
    )
    .with(watched),
    Case::file("inode-rule-not", &["-S openat -F inode!=$inode:watched"], 1, |stage| {
        make("other", 0o644)?;
        stage.record_all(|| [open(c"watched", O_RDONLY), open(c"other", O_RDONLY)])
    })
    .with(watched),
];

/// Two calls of every class, and opens of every kind.
fn classes(stage: &mut Stage) -> Result<()> {
    let mut room = [0_u8; 64];
    // A program that is open for writing cannot be executed.
    let shut = |result: Result<i64, Errno>| result.and_then(|fd| syscall!(libc::SYS_close, fd));
    stage.begin()?;
    let outcome = [
        (shut(open(c"watched", O_RDONLY)), FINE),
        (shut(open(c"watched", O_WRONLY)), FINE),
        (shut(open(c"watched", O_RDWR)), FINE),
        (syscall!(SYS_getxattr, c"watched", c"trusted.test", &mut room[..], 64), Errno::ENODATA),
        (syscall!(SYS_readlink, c"watched", &mut room[..], 64), Errno::EINVAL),
        (syscall!(SYS_chmod, c"watched", 0o755), FINE),
        (syscall!(libc::SYS_chown, c"watched", 0, 0), FINE),
        (syscall!(SYS_link, c"watched", c"other"), FINE),
        (syscall!(SYS_rename, c"watched", c"moved"), FINE),
        (syscall!(SYS_rename, c"moved", c"watched"), FINE),
    ];
    let ran = stage.child(|_| {
        let errno = raw::execve(c"watched", &crate::stage::words(&[b"watched"])?, &[]);
        anyhow::bail!("execve: {errno}")
    });
    let removed = syscall!(SYS_unlink, c"watched");
    stage.end()?;
    ran?;
    removed.context("unlink")?;
    for (result, due) in outcome {
        if due == FINE {
            result.context("a call")?;
        } else {
            refused(result, due)?;
        }
    }
    Ok(())
}

/// An open by root, then one by nobody.
fn as_both(stage: &mut Stage) -> Result<()> {
    stage.begin()?;
    let root = open(c"watched", O_RDONLY);
    let nobody = stage.child(|_| {
        become_nobody()?;
        open(c"watched", O_RDONLY).context("an open by nobody").map(drop)
    });
    stage.end()?;
    root.context("an open by root")?;
    nobody
}
