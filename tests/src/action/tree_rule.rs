//! Rules on a directory and all that is below: `dir=`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use nix::errno::Errno;

use crate::case::Case;
use crate::scene::{FINE, descriptor, directory, link, make, own_mounts, tmpfs};
use crate::stage::refused;
use crate::syscall;

use libc::{
    AT_FDCWD, O_CREAT, O_RDONLY, O_TMPFILE, O_WRONLY, RENAME_EXCHANGE, SYS_chmod, SYS_fchmod, SYS_link,
    SYS_mkdir, SYS_openat, SYS_rename, SYS_renameat2, SYS_rmdir, SYS_stat, SYS_symlink, SYS_unlink,
};

/// The rule of most cases.
const TREE: &[&str] = &["-F dir=$work/tree"];

/// `tree/below/deep/file`, `tree/file` and, outside, `outside/file` are there before the rules.
pub const CASES: &[Case] = &[
    Case::file("tree-depths", TREE, 5, |stage| {
        stage.record_all(|| {
            [
                c"tree",
                c"tree/file",
                c"tree/below",
                c"tree/below/deep/file",
                c"tree/below/deep",
                c"outside/file",
                c".",
            ]
            .map(|name| open(name, O_RDONLY))
        })
    })
    .with(forest),
    Case::file("tree-new-files", TREE, 6, |stage| {
        let mut room = [0_u8; 144];
        stage.record_all(|| {
            [
                open(c"tree/new", O_WRONLY | O_CREAT),
                syscall!(SYS_mkdir, c"tree/below/new", 0o755),
                open(c"tree/below/new/file", O_WRONLY | O_CREAT),
                syscall!(SYS_stat, c"tree/below/new/file", &mut room[..]),
                open(c"tree/below", O_WRONLY | O_TMPFILE),
                syscall!(SYS_symlink, c"nowhere", c"tree/link"),
                open(c"outside/new", O_WRONLY | O_CREAT),
            ]
        })
    })
    .with(forest),
    Case::file("tree-removals", TREE, 3, |stage| {
        stage.record_all(|| {
            [
                syscall!(SYS_unlink, c"tree/below/deep/file"),
                syscall!(SYS_rmdir, c"tree/below/deep"),
                syscall!(SYS_unlink, c"tree/file"),
                syscall!(SYS_unlink, c"outside/file"),
            ]
        })
    })
    .with(forest),
    Case::file("tree-failures", TREE, 4, |stage| {
        stage.outcomes(|| {
            [
                // A walk that leads nowhere has no inode; a directory as parent has.
                (open(c"tree/absent", O_RDONLY), Errno::ENOENT),
                (syscall!(SYS_unlink, c"tree/absent"), Errno::ENOENT),
                (syscall!(SYS_mkdir, c"tree/below", 0o755), Errno::EEXIST),
                (open(c"tree/file/below", O_RDONLY), Errno::ENOTDIR),
                (syscall!(SYS_rmdir, c"tree/below"), Errno::ENOTEMPTY),
                (open(c"tree/below", O_WRONLY), Errno::EISDIR),
            ]
        })
    })
    .with(forest),
    Case::file("tree-renames", TREE, 3, |stage| {
        stage.record_all(|| {
            [
                syscall!(SYS_rename, c"tree/file", c"outside/out"),
                syscall!(SYS_rename, c"outside/file", c"tree/in"),
                syscall!(SYS_rename, c"tree/in", c"tree/below/in"),
                open(c"outside/out", O_RDONLY),
            ]
        })
    })
    .with(forest),
    Case::file("tree-moved-subtree", TREE, 4, |stage| {
        stage.record_all(|| {
            [
                syscall!(SYS_rename, c"tree/below", c"outside/below"),
                open(c"outside/below/deep/file", O_RDONLY),
                syscall!(SYS_rename, c"outside/below", c"tree/again"),
                open(c"tree/again/deep/file", O_RDONLY),
                syscall!(SYS_renameat2, AT_FDCWD, c"tree/again", AT_FDCWD, c"outside/file", RENAME_EXCHANGE),
                open(c"outside/file/deep/file", O_RDONLY),
            ]
        })
    })
    .with(forest),
    Case::file("tree-root-renamed", TREE, 2, |stage| {
        stage.record_all(|| {
            [syscall!(SYS_rename, c"tree", c"renamed"), open(c"renamed/below/deep/file", O_RDONLY)]
        })
    })
    .with(forest),
    Case::file("tree-links", TREE, 5, |stage| {
        link("tree/below", "soft")?;
        link("../outside/file", "tree/out")?;
        stage.record_all(|| {
            [
                open(c"soft/deep/file", O_RDONLY),
                // Leads outside: the file is not in the tree.
                open(c"tree/out", O_RDONLY),
                syscall!(SYS_link, c"tree/file", c"outside/hard"),
                // The name outside has its own parents.
                open(c"outside/hard", O_RDONLY),
                syscall!(SYS_link, c"outside/file", c"tree/hard"),
                open(c"tree/hard", O_RDONLY),
                open(c"outside/../tree//below/../file", O_RDONLY),
            ]
        })
    })
    .with(forest),
    Case::file("tree-descriptors", TREE, 3, |stage| {
        let (below, file) = (descriptor(c"tree/below")?, descriptor(c"tree/below/deep/file")?);
        stage.record_all(|| {
            [
                syscall!(SYS_openat, below, c"deep/file", O_RDONLY),
                syscall!(SYS_fchmod, file, 0o600),
                syscall!(SYS_openat, below, c"new", O_WRONLY | O_CREAT, 0o600),
                syscall!(SYS_openat, below, c"../../outside/file", O_RDONLY),
            ]
        })
    })
    .with(forest),
    Case::file("tree-bind-mounts", TREE, 2, |stage| {
        own_mounts()?;
        let bind = libc::MS_BIND as i64;
        directory("elsewhere", 0o755)?;
        syscall!(libc::SYS_mount, c"tree/below", c"elsewhere", 0, bind, 0).context("mount")?;
        directory("tree/over", 0o755)?;
        syscall!(libc::SYS_mount, c"outside", c"tree/over", 0, bind, 0).context("mount")?;
        stage.record_all(|| {
            [
                // The same directory by another mount.
                open(c"elsewhere/deep/file", O_RDONLY),
                // Another directory, mounted inside after the rule was loaded.
                open(c"tree/over/file", O_RDONLY),
                open(c"tree/file", O_RDONLY),
            ]
        })
    })
    .with(forest),
    Case::file("tree-later-mount", TREE, 1, |stage| {
        own_mounts()?;
        tmpfs(c"tree/mounted", c"mode=0755")?;
        make("tree/mounted/file", 0o644)?;
        stage.record_all(|| [open(c"tree/mounted/file", O_RDONLY), open(c"tree/mounted/../file", O_RDONLY)])
    })
    .with(forest),
    Case::file("tree-by-link", &["-F dir=$work/link"], 1, |stage| {
        // The last component is not followed: the tree is the link.
        stage.record_all(|| {
            [
                open(c"link/file", O_RDONLY),
                open(c"tree/file", O_RDONLY),
                open(c"link", libc::O_PATH | libc::O_NOFOLLOW),
            ]
        })
    })
    .with(|place| {
        forest(place)?;
        Ok(std::os::unix::fs::symlink("tree", place.join("link"))?)
    }),
    Case::file("tree-of-a-file", &["-F dir=$work/tree/file"], 2, |stage| {
        stage.record_all(|| {
            [open(c"tree/file", O_RDONLY), open(c"tree", O_RDONLY), syscall!(SYS_chmod, c"tree/file", 0o600)]
        })
    })
    .with(forest),
    Case::file(
        "tree-within-a-tree",
        &["-F dir=$work/tree/below -F key=inner", "-F dir=$work/tree"],
        2,
        |stage| stage.record_all(|| [open(c"tree/below/deep/file", O_RDONLY), open(c"tree/file", O_RDONLY)]),
    )
    .with(forest),
    Case::file(
        "tree-never-within",
        &["-a never,exit -F dir=$work/tree/below", "-F dir=$work/tree"],
        2,
        |stage| {
            stage.record_all(|| {
                [
                    open(c"tree/below/deep/file", O_RDONLY),
                    open(c"tree/file", O_RDONLY),
                    // Both trees are among the names: the first rule decides.
                    syscall!(SYS_rename, c"tree/file", c"tree/below/file"),
                    open(c"tree", O_RDONLY),
                ]
            })
        },
    )
    .with(forest),
    Case::file("tree-write", &["-F dir=$work/tree -F perm=wa"], 4, |stage| {
        stage.record_all(|| {
            [
                open(c"tree/file", O_RDONLY),
                open(c"tree/file", O_WRONLY),
                open(c"tree/new", O_WRONLY | O_CREAT),
                syscall!(SYS_chmod, c"tree/new", 0o600),
                syscall!(SYS_unlink, c"tree/new"),
            ]
        })
    })
    .with(forest),
    Case::file("tree-with-calls", &["-S openat -F dir=$work/tree -F exit=-EACCES"], 1, |stage| {
        syscall!(SYS_chmod, c"tree/file", 0o600).context("chmod")?;
        stage.as_nobody(|| {
            refused(open(c"tree/file", O_RDONLY), Errno::EACCES)?;
            refused(open(c"outside/absent", O_RDONLY), Errno::ENOENT)?;
            open(c"tree/below", O_RDONLY).context("an open").map(drop)
        })
    })
    .with(forest),
    Case::file("tree-root-removed-and-made-again", TREE, 1, |stage| {
        stage.tell_inodes()?;
        fs::remove_dir_all("tree/below").context("removing what is below")?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_unlink, c"tree/file"), FINE),
                (syscall!(SYS_rmdir, c"tree"), FINE),
                // The rule went with the directory, in the removal itself.
                (syscall!(SYS_mkdir, c"tree", 0o755), FINE),
                (open(c"tree/new", O_WRONLY | O_CREAT), FINE),
            ]
        })
    })
    .with(forest),
];

fn forest(place: &Path) -> Result<()> {
    fs::create_dir_all(place.join("tree/below/deep")).context("a tree")?;
    fs::create_dir(place.join("outside")).context("a directory")?;
    for name in ["tree/file", "tree/below/deep/file", "outside/file"] {
        fs::write(place.join(name), "text").context(name)?;
    }
    Ok(())
}

fn open(name: &std::ffi::CStr, flags: i32) -> Result<i64, Errno> {
    syscall!(SYS_openat, AT_FDCWD, name, flags, 0o640)
}
