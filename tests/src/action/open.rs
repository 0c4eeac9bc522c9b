//! Opens of what is there, or not: how each ends, and which names the walk met. [`super::create`] has those that create.

use std::os::unix::net::UnixListener;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::case::Case;
use crate::scene::{NOWHERE, descriptor, directory, link, make, opened, own_mounts, still};
use crate::stage::{c_string, refused};
use crate::syscall;

use libc::{
    AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_RDONLY, O_RDWR, O_TMPFILE, O_TRUNC, O_WRONLY,
};

/// What most of these cases ask for.
const OPENAT: &[&str] = &["-S openat"];

/// By openat(2) where the name does not say otherwise.
pub const CASES: &[Case] = &[
    Case::file("open-enoent", OPENAT, 1, |stage| stage.fail(Errno::ENOENT, || open(c"absent", O_RDONLY))),
    Case::file("open-enoent-write", OPENAT, 1, |stage| {
        stage.fail(Errno::ENOENT, || open(c"absent", O_WRONLY | O_TRUNC))
    }),
    Case::file("open-enotdir-wanted", OPENAT, 1, |stage| {
        make("file", 0o644)?;
        stage.fail(Errno::ENOTDIR, || open(c"file", O_RDONLY | O_DIRECTORY))
    }),
    Case::file("open-eacces", OPENAT, 1, |stage| {
        make("private", 0o600)?;
        stage.fail_as_nobody(Errno::EACCES, || open(c"private", O_RDONLY))
    }),
    Case::file("open-eacces-write", OPENAT, 1, |stage| {
        make("file", 0o644)?;
        stage.fail_as_nobody(Errno::EACCES, || open(c"file", O_RDWR))
    }),
    Case::file("open-eacces-walk", OPENAT, 1, |stage| {
        directory("locked", 0o700)?;
        make("locked/file", 0o644)?;
        stage.fail_as_nobody(Errno::EACCES, || open(c"locked/file", O_RDONLY))
    }),
    Case::file("open-eacces-exit-rule", &["-S openat -F exit=-EACCES"], 1, |stage| {
        make("private", 0o600)?;
        stage.as_nobody(|| {
            refused(open(c"absent", O_RDONLY), Errno::ENOENT)?;
            refused(open(c"private", O_RDONLY), Errno::EACCES)
        })
    }),
    Case::file("open-eloop", OPENAT, 1, |stage| {
        link("loop", "loop")?;
        stage.fail(Errno::ELOOP, || open(c"loop", O_RDONLY))
    }),
    Case::file("open-eloop-long-chain", OPENAT, 1, |stage| {
        make("link-0", 0o644)?;
        for number in 1..=41 {
            link(format!("link-{}", number - 1), format!("link-{number}"))?;
        }
        stage.fail(Errno::ELOOP, || open(c"link-41", O_RDONLY))
    }),
    Case::file("open-chain-of-links", OPENAT, 1, |stage| {
        make("link-0", 0o644)?;
        for number in 1..=40 {
            link(format!("link-{}", number - 1), format!("link-{number}"))?;
        }
        stage.record(|| open(c"link-40", O_RDONLY))
    }),
    Case::file("open-nofollow", OPENAT, 1, |stage| {
        make("file", 0o644)?;
        link("file", "link")?;
        stage.fail(Errno::ELOOP, || open(c"link", O_RDONLY | O_NOFOLLOW))
    }),
    Case::file("open-nofollow-in-the-middle", OPENAT, 1, |stage| {
        directory("directory", 0o755)?;
        make("directory/file", 0o644)?;
        link("directory", "link")?;
        stage.record(|| open(c"link/file", O_RDONLY | O_NOFOLLOW))
    }),
    Case::file("open-nofollow-directory", OPENAT, 1, |stage| {
        directory("directory", 0o755)?;
        link("directory", "link")?;
        stage.fail(Errno::ENOTDIR, || open(c"link", O_RDONLY | O_NOFOLLOW | O_DIRECTORY))
    }),
    Case::file("open-dangling-link", OPENAT, 1, |stage| {
        link("absent", "link")?;
        stage.fail(Errno::ENOENT, || open(c"link", O_RDONLY))
    }),
    Case::file("open-link-to-directory-slash", OPENAT, 1, |stage| {
        directory("directory", 0o755)?;
        link("directory", "link")?;
        stage.record(|| open(c"link/", O_RDONLY))
    }),
    Case::file("open-absolute-link", OPENAT, 1, |stage| {
        make("file", 0o644)?;
        link(stage.work().join("file"), "link")?;
        stage.record(|| open(c"link", O_RDONLY))
    }),
    Case::file("open-link-upwards", OPENAT, 1, |stage| {
        directory("directory", 0o755)?;
        make("file", 0o644)?;
        link("../file", "directory/link")?;
        stage.record(|| open(c"directory/link", O_RDONLY))
    }),
    Case::file("open-eisdir", OPENAT, 1, |stage| {
        directory("directory", 0o755)?;
        stage.fail(Errno::EISDIR, || open(c"directory", O_WRONLY))
    }),
    Case::file("open-trailing-slash", OPENAT, 2, |stage| {
        directory("directory", 0o755)?;
        make("file", 0o644)?;
        stage.begin()?;
        let right = open(c"directory//", O_RDONLY);
        let wrong = open(c"file/", O_RDONLY);
        stage.end()?;
        right?;
        refused(wrong, Errno::ENOTDIR)
    }),
    Case::file("open-dots", OPENAT, 5, |stage| {
        directory("one", 0o755)?;
        directory("one/two", 0o755)?;
        make("one/file", 0o644)?;
        let names = [c"./one/.././one/two/../file", c"one//two///..//file", c".", c"..", c"one/two/.."];
        stage.record_all(|| names.map(|name| open(name, O_RDONLY)))
    }),
    Case::file("open-root", OPENAT, 2, |stage| {
        stage.record_all(|| [open(c"/", O_RDONLY), open(c"//..//", O_RDONLY | O_PATH)])
    }),
    Case::file("open-odd-names", OPENAT, 7, |stage| {
        let names = [
            c"a space",
            c"a \"quote\"",
            c"gr\xc3\xbc\xc3\x9fe",
            c"\x01\x7f\n\t",
            c"\xff\xfe",
            c"key=value",
            c"(null)",
        ];
        for name in names {
            syscall!(libc::SYS_mknod, name, libc::S_IFREG | 0o644, 0)?;
        }
        stage.record_all(|| names.map(|name| open(name, O_RDONLY)))
    }),
    Case::file("open-odd-names-enoent", OPENAT, 3, |stage| {
        let names = [c"no such \"file\"", c"\x02", c"\xc3"];
        stage.fail_all(Errno::ENOENT, || names.map(|name| open(name, O_RDONLY)))
    }),
    Case::file("open-long-component", OPENAT, 1, |stage| {
        let name = c_string(&[b'n'; 200])?;
        make("n".repeat(200), 0o644)?;
        stage.record(|| open(&name, O_RDONLY))
    }),
    Case::file("open-longest-component", OPENAT, 2, |stage| {
        let (there, absent) = (c_string(&[b'n'; 255])?, c_string(&[b'm'; 255])?);
        make("n".repeat(255), 0o644)?;
        stage.begin()?;
        let outcome = [open(&there, O_RDONLY), open(&absent, O_RDONLY)];
        stage.end()?;
        outcome[0]?;
        refused(outcome[1], Errno::ENOENT)
    }),
    Case::file("open-long-path", OPENAT, 2, |stage| {
        directory("d", 0o755)?;
        make("file", 0o644)?;
        // 4000 bytes, and 4095: the longest that there is.
        let long = c_string(format!("{}file", "d/../".repeat(799)).as_bytes())?;
        let longest = c_string(format!("{}//../file", "d/../".repeat(817) + "d").as_bytes())?;
        anyhow::ensure!(longest.as_bytes().len() == 4095, "{} bytes", longest.as_bytes().len());
        stage.record_all(|| [open(&long, O_RDONLY), open(&longest, O_RDONLY)])
    }),
    Case::file("open-long-path-enoent", OPENAT, 1, |stage| {
        let long = c_string(format!("{}absent", "./".repeat(1990)).as_bytes())?;
        stage.fail(Errno::ENOENT, || open(&long, O_RDONLY))
    }),
    Case::file("open-directory-descriptor", OPENAT, 4, |stage| {
        directory("directory", 0o755)?;
        make("directory/file", 0o644)?;
        make("file", 0o600)?;
        let fd = descriptor(c"directory")?;
        stage.begin()?;
        let outcome = [
            syscall!(libc::SYS_openat, fd, c"file", O_RDONLY),
            syscall!(libc::SYS_openat, fd, c"../file", O_RDONLY),
            syscall!(libc::SYS_openat, fd, c".", O_RDONLY),
        ];
        let absent = syscall!(libc::SYS_openat, fd, c"absent", O_RDONLY);
        stage.end()?;
        outcome.into_iter().try_for_each(|one| one.map(drop))?;
        refused(absent, Errno::ENOENT)
    }),
    Case::file("open-path-descriptor", OPENAT, 1, |stage| {
        directory("directory", 0o755)?;
        make("directory/file", 0o644)?;
        let fd = opened(c"directory", O_PATH)?;
        stage.record(|| syscall!(libc::SYS_openat, fd, c"file", O_RDONLY))
    }),
    Case::file("open-ebadf", OPENAT, 1, |stage| {
        stage.fail(Errno::EBADF, || syscall!(libc::SYS_openat, 77, c"file", O_RDONLY))
    }),
    Case::file("open-descriptor-of-a-file", OPENAT, 1, |stage| {
        make("file", 0o644)?;
        let fd = descriptor(c"file")?;
        stage.fail(Errno::ENOTDIR, || syscall!(libc::SYS_openat, fd, c"file", O_RDONLY))
    }),
    Case::file("open-absolute-needs-no-descriptor", OPENAT, 1, |stage| {
        make("file", 0o644)?;
        let path = stage.fresh("file")?;
        stage.record(|| syscall!(libc::SYS_openat, 77, &path, O_RDONLY))
    }),
    Case::file("open-deleted-directory", OPENAT, 1, |stage| {
        directory("gone", 0o755)?;
        let fd = descriptor(c"gone")?;
        std::fs::remove_dir("gone")?;
        stage.fail(Errno::ENOENT, || syscall!(libc::SYS_openat, fd, c"file", O_RDONLY))
    }),
    Case::file("open-erofs", OPENAT, 1, |stage| {
        still()?;
        stage.fail(Errno::EROFS, || open(c"still/file", O_WRONLY))
    }),
    Case::file("open-read-only-file-system", OPENAT, 1, |stage| {
        still()?;
        stage.record(|| open(c"still/file", O_RDONLY))
    }),
    Case::file("open-noexec-nodev", OPENAT, 1, |stage| {
        own_mounts()?;
        crate::scene::tmpfs(c"plain", c"mode=0755")?;
        let no_devices = libc::MS_REMOUNT | libc::MS_NODEV;
        syscall!(libc::SYS_mount, c"scene", c"plain", c"tmpfs", no_devices as i64, 0)?;
        syscall!(libc::SYS_mknod, c"plain/null", libc::S_IFCHR | 0o666, 0x103)?;
        stage.fail(Errno::EACCES, || open(c"plain/null", O_RDONLY))
    }),
    Case::file("open-fifo-without-reader", OPENAT, 1, |stage| {
        syscall!(libc::SYS_mknod, c"fifo", libc::S_IFIFO | 0o644, 0)?;
        stage.fail(Errno::ENXIO, || open(c"fifo", O_WRONLY | O_NONBLOCK))
    }),
    Case::file("open-fifo", OPENAT, 1, |stage| {
        syscall!(libc::SYS_mknod, c"fifo", libc::S_IFIFO | 0o644, 0)?;
        stage.record(|| open(c"fifo", O_RDONLY | O_NONBLOCK))
    }),
    Case::file("open-socket", OPENAT, 1, |stage| {
        let _listener = UnixListener::bind("socket")?;
        stage.fail(Errno::ENXIO, || open(c"socket", O_RDONLY))
    }),
    Case::file("open-device-without-driver", OPENAT, 1, |stage| {
        // Major 241 is for experiments.
        syscall!(libc::SYS_mknod, c"device", libc::S_IFCHR | 0o644, 0xf1ff)?;
        stage.fail(Errno::ENXIO, || open(c"device", O_RDONLY))
    }),
    Case::file("open-running-program", OPENAT, 1, |stage| {
        stage.fail(Errno::ETXTBSY, || open(c"/proc/self/exe", O_WRONLY))
    }),
    Case::file("open-own-descriptor", OPENAT, 2, |stage| {
        make("file", 0o644)?;
        let fd = descriptor(c"file")?;
        let name = c_string(format!("/proc/self/fd/{fd}").as_bytes())?;
        std::fs::rename("file", "renamed")?;
        stage.begin()?;
        let renamed = open(&name, O_RDONLY);
        syscall!(libc::SYS_unlink, c"renamed")?;
        let removed = open(&name, O_RDONLY);
        stage.end()?;
        renamed.and(removed)?;
        Ok(())
    }),
    Case::file("open-too-many-files", OPENAT, 1, |stage| {
        make("file", 0o644)?;
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
        // The scene is told and the rules are chosen through files that are open already.
        stage.tell_inodes()?;
        setrlimit(Resource::RLIMIT_NOFILE, 3, most)?;
        stage.fail(Errno::EMFILE, || open(c"file", O_RDONLY))
    }),
    Case::file("open-einval", OPENAT, 1, |stage| {
        stage.fail(Errno::EINVAL, || open(c".", O_RDONLY | O_TMPFILE))
    }),
    Case::file("open-efault", OPENAT, 1, |stage| {
        stage.fail(Errno::EFAULT, || syscall!(libc::SYS_openat, AT_FDCWD, NOWHERE, O_RDONLY))
    }),
    Case::file("open-path-without-permission", OPENAT, 1, |stage| {
        make("private", 0o600)?;
        stage.as_nobody(|| Ok(open(c"private", O_PATH).map(drop)?))
    }),
    Case::file("open-path-directory", OPENAT, 1, |stage| stage.record(|| open(c".", O_PATH | O_DIRECTORY))),
    Case::file("open-truncate-without-write", OPENAT, 1, |stage| {
        make("file", 0o644)?;
        stage.record(|| open(c"file", O_RDONLY | O_TRUNC))
    }),
    Case::file("open-across-a-mount", OPENAT, 2, |stage| {
        own_mounts()?;
        crate::scene::tmpfs(c"mounted", c"mode=0755")?;
        make("mounted/file", 0o644)?;
        make("file", 0o600)?;
        stage.record_all(|| [open(c"mounted/file", O_RDONLY), open(c"mounted/../file", O_RDONLY)])
    }),
    Case::file("open-by-open-variants", &["-S open"], 3, |stage| {
        make("file", 0o644)?;
        stage.begin()?;
        let outcome = [
            syscall!(libc::SYS_open, c"file", O_RDWR | O_TRUNC),
            syscall!(libc::SYS_open, c"./file", O_PATH),
            syscall!(libc::SYS_open, c"absent", O_RDONLY),
        ];
        stage.end()?;
        outcome[0].and(outcome[1])?;
        refused(outcome[2], Errno::ENOENT)
    }),
];

fn open(name: &std::ffi::CStr, flags: i32) -> Result<i64, Errno> {
    syscall!(libc::SYS_openat, AT_FDCWD, name, flags)
}
