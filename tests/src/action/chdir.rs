//! chdir, fchdir, chroot, `pivot_root`: where names begin.

use anyhow::{Context, Result};
use nix::errno::Errno;

use crate::case::Case;
use crate::scene::{FINE, descriptor, directory, link, make, own_mounts, tmpfs};
use crate::stage::{become_nobody, refused};
use crate::syscall;

use libc::{
    AT_FDCWD, O_CREAT, O_RDONLY, O_WRONLY, SYS_chdir, SYS_chroot, SYS_fchdir, SYS_openat, SYS_pivot_root,
};

/// The CWD record shows the working directory at the first name of the call.
pub const CASES: &[Case] = &[
    Case::file("chdir-ways", &["-S chdir"], 5, |stage| {
        directory("one", 0o755)?;
        directory("one/two", 0o755)?;
        link("one/two", "link")?;
        let back = stage.fresh("")?;
        stage.record_all(|| {
            [
                syscall!(SYS_chdir, c"one//two/"),
                syscall!(SYS_chdir, c"../.."),
                syscall!(SYS_chdir, c"link"),
                syscall!(SYS_chdir, c"."),
                syscall!(SYS_chdir, &back),
            ]
        })
    }),
    Case::file("chdir-refused", &["-S chdir"], 3, |stage| {
        make("file", 0o644)?;
        link("loop", "loop")?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_chdir, c"absent"), Errno::ENOENT),
                (syscall!(SYS_chdir, c"file"), Errno::ENOTDIR),
                (syscall!(SYS_chdir, c"loop"), Errno::ELOOP),
            ]
        })
    }),
    Case::file("chdir-eacces", &["-S chdir"], 1, |stage| {
        directory("locked", 0o700)?;
        stage.fail_as_nobody(Errno::EACCES, || syscall!(SYS_chdir, c"locked"))
    }),
    Case::file("fchdir-has-no-name", &["-S fchdir,chroot"], 3, |stage| {
        directory("directory", 0o755)?;
        make("file", 0o644)?;
        let (directory, file) = (descriptor(c"directory")?, descriptor(c"file")?);
        stage.outcomes(|| {
            [
                (syscall!(SYS_fchdir, directory), FINE),
                (syscall!(SYS_fchdir, file), Errno::ENOTDIR),
                (syscall!(SYS_fchdir, 77), Errno::EBADF),
            ]
        })
    }),
    Case::file("chroot-then-open", &["-S chroot,openat"], 5, |stage| {
        directory("root", 0o755)?;
        make("root/file", 0o644)?;
        stage.begin()?;
        let outcome = [
            syscall!(SYS_chroot, c"root"),
            // The working directory is still outside.
            syscall!(SYS_openat, AT_FDCWD, c"root/file", O_RDONLY),
            syscall!(SYS_chdir, c"/"),
            syscall!(SYS_openat, AT_FDCWD, c"file", O_RDONLY),
            syscall!(SYS_openat, AT_FDCWD, c"/../new", O_WRONLY | O_CREAT, 0o600),
            syscall!(SYS_openat, AT_FDCWD, c"/./file", O_RDONLY),
        ];
        stage.end()?;
        Ok(outcome.into_iter().try_for_each(|one| one.map(drop))?)
    }),
    Case::file("chroot-refused", &["-S chroot"], 3, |stage| {
        make("file", 0o644)?;
        stage.begin()?;
        let outcome = [syscall!(SYS_chroot, c"absent"), syscall!(SYS_chroot, c"file")];
        let nobody = stage.child(|_| {
            become_nobody()?;
            refused(syscall!(SYS_chroot, c"."), Errno::EPERM)
        });
        stage.end()?;
        nobody?;
        refused(outcome[0], Errno::ENOENT)?;
        refused(outcome[1], Errno::ENOTDIR)
    }),
    Case::file("pivot_root-success", &["-S pivot_root,openat"], 2, |stage| {
        own_mounts()?;
        tmpfs(c"root", c"mode=0755")?;
        directory("root/new", 0o755)?;
        stage.tell_inodes()?;
        syscall!(SYS_chroot, c"root").context("chroot")?;
        syscall!(SYS_chdir, c"/").context("chdir")?;
        syscall!(libc::SYS_mount, c"scene", c"/new", c"tmpfs", 0, c"mode=0755").context("a tmpfs")?;
        directory("new/old", 0o755)?;
        make("new/file", 0o644)?;
        stage.record_all(|| {
            [
                syscall!(SYS_pivot_root, c"/new", c"new/old"),
                syscall!(SYS_openat, AT_FDCWD, c"/file", O_RDONLY),
            ]
        })
    }),
    Case::file("pivot_root-refused", &["-S pivot_root"], 3, |stage| {
        own_mounts()?;
        directory("directory", 0o755)?;
        stage.begin()?;
        let outcome = [
            syscall!(SYS_pivot_root, c"absent", c"directory"),
            syscall!(SYS_pivot_root, c"directory", c"absent"),
            syscall!(SYS_pivot_root, c"directory", c"directory"),
        ];
        stage.end()?;
        refused(outcome[0], Errno::ENOENT)?;
        refused(outcome[1], Errno::ENOENT)?;
        anyhow::ensure!(outcome[2].is_err(), "it was allowed");
        Ok(())
    }),
    Case::file("open-in-another-mount-namespace", &["-S openat"], 1, |stage| {
        own_mounts()?;
        tmpfs(c"mounted", c"mode=0755")?;
        make("mounted/file", 0o644)?;
        std::env::set_current_dir("mounted")?;
        stage.record(|| syscall!(SYS_openat, AT_FDCWD, c"file", O_RDONLY))
    }),
    Case::file("open-from-unreachable-directory", &["-S openat"], 1, unreachable),
];

/// Opens a name relative to a directory that has been unmounted.
fn unreachable(stage: &mut crate::stage::Stage) -> Result<()> {
    own_mounts()?;
    tmpfs(c"mounted", c"mode=0755")?;
    make("mounted/file", 0o644)?;
    stage.tell_inodes()?;
    std::env::set_current_dir("mounted")?;
    syscall!(libc::SYS_umount2, c"../mounted", libc::MNT_DETACH).context("umount2")?;
    stage.record(|| syscall!(SYS_openat, AT_FDCWD, c"file", O_RDONLY))
}
