//! mount, umount2, `open_tree`, `move_mount`, `mount_setattr`, fspick.

use anyhow::Context;
use nix::errno::Errno;

use crate::case::Case;
use crate::obstacle;
use crate::scene::{FINE, NOWHERE, directory, link, make, own_mounts, tmpfs};
use crate::syscall;

use libc::{
    AT_FDCWD, MNT_DETACH, MS_BIND, MS_MOVE, MS_RDONLY, MS_REC, MS_REMOUNT, MS_SHARED, SYS_fspick, SYS_mount,
    SYS_mount_setattr, SYS_move_mount, SYS_open_tree, SYS_umount2, UMOUNT_NOFOLLOW,
};

/// What most of these cases ask for.
const MOUNT: &[&str] = &["-S mount"];
const UMOUNT: &[&str] = &["-S umount2"];

/// `OPEN_TREE_CLONE`, `MOVE_MOUNT_F_EMPTY_PATH`.
const CLONE_TREE: i32 = 1;
const FROM_DESCRIPTOR: i32 = 4;

/// In a mount namespace of the case's own.
pub const CASES: &[Case] = &[
    Case::file("mount-tmpfs", MOUNT, 1, |stage| {
        own_mounts()?;
        directory("directory", 0o755)?;
        stage.record(|| syscall!(SYS_mount, c"a source", c"directory", c"tmpfs", 0, c"mode=0700,size=64k"))
    }),
    Case::file("mount-over-a-mount", MOUNT, 1, |stage| {
        own_mounts()?;
        tmpfs(c"mounted", c"mode=0711")?;
        stage.record(|| syscall!(SYS_mount, c"second", c"mounted", c"tmpfs", 0, c"mode=0755"))
    }),
    Case::file("mount-bind", MOUNT, 3, |stage| {
        own_mounts()?;
        directory("one", 0o755)?;
        directory("two", 0o700)?;
        make("file", 0o640)?;
        make("other", 0o600)?;
        link("one", "link")?;
        let bind = MS_BIND as i64;
        stage.record_all(|| {
            [
                syscall!(SYS_mount, c"one", c"two", c"none", bind, 0),
                syscall!(SYS_mount, c"file", c"other", 0, bind, 0),
                syscall!(SYS_mount, c"link/", c"./two//", 0, (MS_BIND | MS_REC) as i64, 0),
            ]
        })
    }),
    Case::file("mount-remount", MOUNT, 2, |stage| {
        own_mounts()?;
        tmpfs(c"mounted", c"mode=0711")?;
        stage.record_all(|| {
            [
                syscall!(SYS_mount, c"scene", c"mounted", c"tmpfs", (MS_REMOUNT | MS_RDONLY) as i64, 0),
                syscall!(SYS_mount, c"none", c"mounted", 0, MS_SHARED as i64, 0),
            ]
        })
    }),
    Case::file("mount-move", MOUNT, 1, |stage| {
        own_mounts()?;
        tmpfs(c"mounted", c"mode=0711")?;
        directory("elsewhere", 0o755)?;
        stage.record(|| syscall!(SYS_mount, c"mounted", c"elsewhere", 0, MS_MOVE as i64, 0))
    }),
    Case::file("mount-refused", MOUNT, 7, |stage| {
        own_mounts()?;
        directory("directory", 0o755)?;
        make("file", 0o644)?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_mount, c"none", c"directory", c"no-such-type", 0, 0), Errno::ENODEV),
                (syscall!(SYS_mount, c"none", c"absent", c"tmpfs", 0, 0), Errno::ENOENT),
                (syscall!(SYS_mount, c"none", c"file", c"tmpfs", 0, 0), Errno::ENOTDIR),
                (syscall!(SYS_mount, c"absent", c"directory", 0, MS_BIND as i64, 0), Errno::ENOENT),
                (syscall!(SYS_mount, c"file", c"directory", 0, MS_BIND as i64, 0), Errno::ENOTDIR),
                (syscall!(SYS_mount, c"none", c"directory", 0, MS_REMOUNT as i64, 0), Errno::EINVAL),
                (syscall!(SYS_mount, c"none", c"directory", NOWHERE, 0, 0), Errno::EFAULT),
            ]
        })
    }),
    Case::file("mount-eperm", MOUNT, 1, |stage| {
        own_mounts()?;
        directory("directory", 0o777)?;
        stage.fail_as_nobody(Errno::EPERM, || syscall!(SYS_mount, c"none", c"directory", c"tmpfs", 0, 0))
    }),
    Case::file("umount2-ways", UMOUNT, 3, |stage| {
        own_mounts()?;
        for name in [c"one", c"two", c"three"] {
            tmpfs(name, c"mode=0711")?;
        }
        link("three", "link")?;
        let absolute = stage.fresh("one")?;
        stage.record_all(|| {
            [
                syscall!(SYS_umount2, &absolute, 0),
                syscall!(SYS_umount2, c"./two//", MNT_DETACH),
                syscall!(SYS_umount2, c"link", 0),
            ]
        })
    }),
    Case::file("umount2-refused", UMOUNT, 5, |stage| {
        own_mounts()?;
        tmpfs(c"mounted", c"mode=0711")?;
        make("mounted/file", 0o644)?;
        link("mounted", "link")?;
        let _fd = crate::scene::descriptor(c"mounted/file")?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_umount2, c"absent", 0), Errno::ENOENT),
                (syscall!(SYS_umount2, c".", 0), Errno::EINVAL),
                (syscall!(SYS_umount2, c"mounted", 0), Errno::EBUSY),
                (syscall!(SYS_umount2, c"link", UMOUNT_NOFOLLOW), Errno::EINVAL),
                (syscall!(SYS_umount2, c"mounted", 0x1000), Errno::EINVAL),
            ]
        })
    }),
    Case::file("umount2-eperm", UMOUNT, 1, |stage| {
        own_mounts()?;
        tmpfs(c"mounted", c"mode=0711")?;
        stage.fail_as_nobody(Errno::EPERM, || syscall!(SYS_umount2, c"mounted", 0))
    }),
    Case::file("open_tree-and-move_mount", &["-S open_tree,move_mount"], 3, |stage| {
        own_mounts()?;
        tmpfs(c"mounted", c"mode=0711")?;
        directory("first", 0o755)?;
        directory("second", 0o755)?;
        stage.begin()?;
        let tree = syscall!(SYS_open_tree, AT_FDCWD, c"mounted", CLONE_TREE);
        let moved = match tree {
            Ok(fd) => syscall!(SYS_move_mount, fd, c"", AT_FDCWD, c"first", FROM_DESCRIPTOR),
            Err(error) => Err(error),
        };
        let again = syscall!(SYS_move_mount, AT_FDCWD, c"mounted", AT_FDCWD, c"second", 0);
        stage.end()?;
        tree.and(moved).and(again).context("open_tree, move_mount").map(drop)
    }),
    Case::file("open_tree-refused", &["-S open_tree,move_mount"], 5, |stage| {
        own_mounts()?;
        make("file", 0o644)?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_open_tree, AT_FDCWD, c"absent", 0), Errno::ENOENT),
                (syscall!(SYS_open_tree, 77, c"file", 0), Errno::EBADF),
                (syscall!(SYS_open_tree, AT_FDCWD, c"file", 0x4000_0000), Errno::EINVAL),
                (syscall!(SYS_open_tree, AT_FDCWD, c"file", 0), FINE),
                (syscall!(SYS_move_mount, AT_FDCWD, c"absent", AT_FDCWD, c"file", 0), Errno::ENOENT),
            ]
        })
    }),
    Case::file("fspick", &["-S fspick"], 2, |stage| {
        own_mounts()?;
        tmpfs(c"mounted", c"mode=0711")?;
        directory("directory", 0o755)?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_fspick, AT_FDCWD, c"mounted", 0), FINE),
                (syscall!(SYS_fspick, AT_FDCWD, c"directory", 0), Errno::EINVAL),
            ]
        })
    }),
    Case::file("mount_setattr", &["-S 442"], 3, |stage| {
        own_mounts()?;
        tmpfs(c"mounted", c"mode=0711")?;
        directory("directory", 0o755)?;
        // struct mount_attr: set, clear, propagation, user namespace.
        let read_only: Vec<u8> = [1_u64, 0, 0, 0].iter().flat_map(|word| word.to_ne_bytes()).collect();
        stage.outcomes(|| {
            [
                (syscall!(SYS_mount_setattr, AT_FDCWD, c"mounted", 0, &read_only, 32), FINE),
                (syscall!(SYS_mount_setattr, AT_FDCWD, c"directory", 0, &read_only, 32), Errno::EINVAL),
                (syscall!(SYS_mount_setattr, AT_FDCWD, c"absent", 0, &read_only, 32), Errno::ENOENT),
            ]
        })
    })
    .unless(obstacle::no_mount_setattr),
];
