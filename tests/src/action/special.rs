//! Calls with a name that do something else than with files: swapping, accounting, quotas, notifications. Those that would
//! change the machine are refused.

use anyhow::Context;
use nix::errno::Errno;

use crate::case::Case;
use crate::scene::{FINE, directory, link, make};
use crate::syscall;

use libc::{
    AT_FDCWD, FAN_CLASS_NOTIF, FAN_MARK_ADD, FAN_OPEN, IN_CREATE, IN_DONT_FOLLOW, IN_ONLYDIR, SYS_acct,
    SYS_fanotify_init, SYS_fanotify_mark, SYS_inotify_add_watch, SYS_inotify_init1, SYS_quotactl,
    SYS_swapoff, SYS_swapon, SYS_uselib,
};

/// By the call that the name tells.
pub const CASES: &[Case] = &[
    Case::file("swapon-refused", &["-S swapon"], 2, |stage| {
        make("file", 0o600)?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_swapon, c"file", 0), Errno::EINVAL),
                (syscall!(SYS_swapon, c"file", 1 << 30), Errno::EINVAL),
            ]
        })
    }),
    Case::file("swapon-eperm", &["-S swapon,swapoff"], 2, |stage| {
        make("file", 0o666)?;
        stage.as_nobody(|| {
            crate::stage::refused(syscall!(SYS_swapon, c"file", 0), Errno::EPERM)?;
            crate::stage::refused(syscall!(SYS_swapoff, c"file"), Errno::EPERM)
        })
    }),
    Case::file("swapoff-refused", &["-S swapoff"], 2, |stage| {
        make("file", 0o600)?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_swapoff, c"file"), Errno::EINVAL),
                (syscall!(SYS_swapoff, c"absent"), Errno::ENOENT),
            ]
        })
    }),
    Case::file("acct-refused", &["-S acct"], 1, |stage| {
        directory("directory", 0o755)?;
        stage.fail(Errno::EISDIR, || syscall!(SYS_acct, c"directory"))
    }),
    Case::file("acct-eperm", &["-S acct"], 1, |stage| {
        make("file", 0o666)?;
        stage.fail_as_nobody(Errno::EPERM, || syscall!(SYS_acct, c"file"))
    }),
    Case::file("quotactl-refused", &["-S quotactl"], 2, |stage| {
        make("file", 0o644)?;
        // Q_GETINFO of user quotas.
        let command = 0x8000_0500_u32;
        stage.begin()?;
        let outcome =
            [c"file", c"absent"].map(|name| syscall!(SYS_quotactl, command, name, 0, &mut [0_u8; 64][..]));
        stage.end()?;
        anyhow::ensure!(outcome.iter().all(Result::is_err), "{outcome:?}");
        Ok(())
    }),
    Case::file("inotify_add_watch-ways", &["-S inotify_add_watch"], 5, |stage| {
        directory("directory", 0o755)?;
        make("file", 0o644)?;
        link("directory", "link")?;
        let fd = syscall!(SYS_inotify_init1, 0).context("inotify_init1")?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_inotify_add_watch, fd, c"directory", IN_CREATE), FINE),
                (syscall!(SYS_inotify_add_watch, fd, c"link", IN_CREATE | IN_DONT_FOLLOW), FINE),
                (syscall!(SYS_inotify_add_watch, fd, c"link", IN_CREATE), FINE),
                (syscall!(SYS_inotify_add_watch, fd, c"file", IN_CREATE | IN_ONLYDIR), Errno::ENOTDIR),
                (syscall!(SYS_inotify_add_watch, fd, c"absent", IN_CREATE), Errno::ENOENT),
            ]
        })
    }),
    Case::file("inotify_add_watch-eacces", &["-S inotify_add_watch"], 1, |stage| {
        make("private", 0o600)?;
        let fd = syscall!(SYS_inotify_init1, 0).context("inotify_init1")?;
        stage.fail_as_nobody(Errno::EACCES, || syscall!(SYS_inotify_add_watch, fd, c"private", IN_CREATE))
    }),
    Case::file("fanotify_mark-ways", &["-S fanotify_mark"], 3, |stage| {
        make("file", 0o644)?;
        let fd = syscall!(SYS_fanotify_init, FAN_CLASS_NOTIF, libc::O_RDONLY).context("fanotify_init")?;
        let mark = |name| syscall!(SYS_fanotify_mark, fd, FAN_MARK_ADD, FAN_OPEN as i64, AT_FDCWD, name);
        stage.outcomes(|| {
            [
                (mark(c"file"), FINE),
                (mark(c"absent"), Errno::ENOENT),
                (
                    syscall!(SYS_fanotify_mark, 77, FAN_MARK_ADD, FAN_OPEN as i64, AT_FDCWD, c"file"),
                    Errno::EBADF,
                ),
            ]
        })
    }),
    Case::file("uselib-refused", &["-S uselib"], 1, |stage| {
        make("file", 0o644)?;
        // ENOSYS without the old library loader, else ENOEXEC or the like.
        stage.begin()?;
        let outcome = syscall!(SYS_uselib, c"file");
        stage.end()?;
        anyhow::ensure!(outcome.is_err(), "it was loaded");
        Ok(())
    }),
];
