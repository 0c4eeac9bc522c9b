//! POSIX message queues.

use anyhow::{Context, Result};
use nix::errno::Errno;

use crate::case::Case;
use crate::scene::{FINE, NOWHERE};
use crate::stage::{become_nobody, refused};
use crate::syscall;

use libc::{
    CLONE_NEWIPC, O_CREAT, O_EXCL, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY, SYS_mq_getsetattr, SYS_mq_notify,
    SYS_mq_open, SYS_mq_timedreceive, SYS_mq_timedsend, SYS_mq_unlink,
};

/// In an IPC namespace of the case's own, which has no queues.
pub const CASES: &[Case] = &[
    Case::file("queue-create", &["-S mq_open"], 3, |stage| {
        own_queues()?;
        let attributes = attributes(4, 32);
        stage.outcomes(|| {
            [
                (syscall!(SYS_mq_open, c"new", O_RDWR | O_CREAT, 0o640, 0), FINE),
                (syscall!(SYS_mq_open, c"sized", O_RDWR | O_CREAT | O_EXCL, 0o600, &attributes), FINE),
                (syscall!(SYS_mq_open, c"new", O_RDWR | O_CREAT | O_EXCL, 0o600, 0), Errno::EEXIST),
            ]
        })
    }),
    Case::file("queue-open", &["-S mq_open"], 3, |stage| {
        own_queues()?;
        queue(c"there")?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_mq_open, c"there", O_RDONLY, 0, 0), FINE),
                (syscall!(SYS_mq_open, c"there", O_WRONLY | O_CREAT, 0o600, 0), FINE),
                (syscall!(SYS_mq_open, c"absent", O_RDONLY, 0, 0), Errno::ENOENT),
            ]
        })
    }),
    Case::file("queue-open-refused", &["-S mq_open"], 5, |stage| {
        own_queues()?;
        queue(c"there")?;
        let wrong = attributes(-1, 32);
        stage.begin()?;
        let outcome = [
            (syscall!(SYS_mq_open, c"", O_RDONLY, 0, 0), Errno::ENOENT),
            (syscall!(SYS_mq_open, c"a/b", O_RDWR | O_CREAT, 0o600, 0), Errno::EACCES),
            (syscall!(SYS_mq_open, c"new", O_RDWR | O_CREAT, 0o600, &wrong), Errno::EINVAL),
            (syscall!(SYS_mq_open, NOWHERE, O_RDONLY, 0, 0), Errno::EFAULT),
        ];
        let nobody = stage.child(|_| {
            become_nobody()?;
            refused(syscall!(SYS_mq_open, c"there", O_RDONLY, 0, 0), Errno::EACCES)
        });
        stage.end()?;
        nobody?;
        outcome.into_iter().try_for_each(|(result, due)| refused(result, due))
    }),
    Case::file("queue-unlink", &["-S mq_unlink"], 3, |stage| {
        own_queues()?;
        queue(c"there")?;
        queue(c"other")?;
        stage.begin()?;
        let gone = syscall!(SYS_mq_unlink, c"there");
        let absent = syscall!(SYS_mq_unlink, c"there");
        let nobody = stage.child(|_| {
            become_nobody()?;
            anyhow::ensure!(syscall!(SYS_mq_unlink, c"other").is_err(), "it was unlinked");
            Ok(())
        });
        stage.end()?;
        gone.context("mq_unlink")?;
        nobody?;
        refused(absent, Errno::ENOENT)
    }),
    Case::file("queue-send-and-receive", &["-S mq_timedsend,mq_timedreceive"], 2, |stage| {
        own_queues()?;
        let fd = queue(c"there")?;
        let (mut room, mut priority) = ([0_u8; 8192], [0_u8; 4]);
        stage.record_all(|| {
            [
                syscall!(SYS_mq_timedsend, fd, &b"message"[..], 7, 3, 0),
                syscall!(SYS_mq_timedreceive, fd, &mut room[..], 8192, &mut priority[..], 0),
            ]
        })
    }),
    Case::file("queue-with-a-limit-of-time", &["-S mq_timedsend,mq_timedreceive"], 3, |stage| {
        own_queues()?;
        let fd = queue(c"there")?;
        let past: Vec<u8> = [1_i64, 5].iter().flat_map(|word| word.to_ne_bytes()).collect();
        let wrong: Vec<u8> = [1_i64, -5].iter().flat_map(|word| word.to_ne_bytes()).collect();
        let mut room = [0_u8; 8192];
        stage.outcomes(|| {
            [
                (syscall!(SYS_mq_timedsend, fd, &b"message"[..], 7, 3, &past), FINE),
                (syscall!(SYS_mq_timedreceive, fd, &mut room[..], 8192, 0, &past), FINE),
                (syscall!(SYS_mq_timedreceive, fd, &mut room[..], 8192, 0, &wrong), Errno::EINVAL),
            ]
        })
    }),
    Case::file("queue-timed-out", &["-S mq_timedreceive"], 1, |stage| {
        own_queues()?;
        let fd = queue(c"there")?;
        let past: Vec<u8> = [1_i64, 5].iter().flat_map(|word| word.to_ne_bytes()).collect();
        let mut room = [0_u8; 8192];
        stage.fail(Errno::ETIMEDOUT, || syscall!(SYS_mq_timedreceive, fd, &mut room[..], 8192, 0, &past))
    }),
    Case::file("queue-message-refused", &["-S mq_timedsend,mq_timedreceive"], 5, |stage| {
        own_queues()?;
        let fd = queue(c"there")?;
        syscall!(SYS_mq_getsetattr, fd, &attributes_with(O_NONBLOCK.into(), 0, 0), 0)
            .context("mq_getsetattr")?;
        let mut room = [0_u8; 8192];
        stage.outcomes(|| {
            [
                (syscall!(SYS_mq_timedreceive, fd, &mut room[..], 8192, 0, 0), Errno::EAGAIN),
                (syscall!(SYS_mq_timedsend, fd, &b"message"[..], 9000, 0, 0), Errno::EMSGSIZE),
                (syscall!(SYS_mq_timedsend, fd, &b"message"[..], 7, 0x8000, 0), Errno::EINVAL),
                (syscall!(SYS_mq_timedsend, 77, &b"message"[..], 7, 0, 0), Errno::EBADF),
                (syscall!(SYS_mq_timedreceive, 0, &mut room[..], 8192, 0, 0), Errno::EBADF),
            ]
        })
    }),
    Case::file("queue-notify", &["-S mq_notify"], 4, |stage| {
        own_queues()?;
        let fd = queue(c"there")?;
        // struct sigevent: value, signal, SIGEV_SIGNAL.
        let mut event = [0_u8; 64];
        event[8..12].copy_from_slice(&libc::SIGUSR1.to_ne_bytes());
        stage.outcomes(|| {
            [
                (syscall!(SYS_mq_notify, fd, &event[..]), FINE),
                (syscall!(SYS_mq_notify, fd, &event[..]), Errno::EBUSY),
                (syscall!(SYS_mq_notify, fd, 0), FINE),
                (syscall!(SYS_mq_notify, 77, &event[..]), Errno::EBADF),
            ]
        })
    }),
    Case::file("queue-attributes", &["-S mq_getsetattr"], 4, |stage| {
        own_queues()?;
        let fd = queue(c"there")?;
        let (not_blocking, wrong) = (attributes_with(O_NONBLOCK.into(), 0, 0), attributes_with(0x123, 0, 0));
        let mut room = [0_u8; 64];
        stage.outcomes(|| {
            [
                (syscall!(SYS_mq_getsetattr, fd, 0, &mut room[..]), FINE),
                (syscall!(SYS_mq_getsetattr, fd, &not_blocking, &mut room[..]), FINE),
                (syscall!(SYS_mq_getsetattr, fd, &wrong, 0), Errno::EINVAL),
                (syscall!(SYS_mq_getsetattr, 77, 0, 0), Errno::EBADF),
            ]
        })
    }),
];

fn own_queues() -> Result<()> {
    syscall!(libc::SYS_unshare, CLONE_NEWIPC).context("unshare")?;
    Ok(())
}

fn queue(name: &std::ffi::CStr) -> Result<i64> {
    syscall!(SYS_mq_open, name, O_RDWR | O_CREAT, 0o600, 0).context("mq_open")
}

fn attributes(messages: i64, size: i64) -> Vec<u8> {
    attributes_with(0, messages, size)
}

/// `struct mq_attr`: flags, how many messages, how long each, how many there are, reserved.
fn attributes_with(flags: i64, messages: i64, size: i64) -> Vec<u8> {
    [flags, messages, size, 0, 0, 0, 0, 0].iter().flat_map(|word| word.to_ne_bytes()).collect()
}
