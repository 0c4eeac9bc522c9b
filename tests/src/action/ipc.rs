//! System V: shared memory, semaphores, messages.

use anyhow::{Context, Result};
use nix::errno::Errno;

use crate::case::Case;
use crate::scene::{FINE, NOWHERE};
use crate::stage::{NOBODY, become_nobody, refused};
use crate::syscall;

use libc::{
    CLONE_NEWIPC, GETVAL, IPC_CREAT, IPC_EXCL, IPC_NOWAIT, IPC_RMID, IPC_SET, IPC_STAT, SETVAL, SYS_msgctl,
    SYS_msgget, SYS_msgrcv, SYS_msgsnd, SYS_semctl, SYS_semget, SYS_semop, SYS_semtimedop, SYS_shmat,
    SYS_shmctl, SYS_shmdt, SYS_shmget,
};

/// A key.
const KEY: i32 = 0x0065_6270;

/// In an IPC namespace of the case's own, where the first object has number 0.
pub const CASES: &[Case] = &[
    Case::file("shmget-ways", &["-S shmget"], 4, |stage| {
        alone()?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_shmget, KEY, 4096, IPC_CREAT | 0o640), FINE),
                (syscall!(SYS_shmget, KEY, 4096, 0), FINE),
                (syscall!(SYS_shmget, KEY, 4096, IPC_CREAT | IPC_EXCL | 0o600), Errno::EEXIST),
                (syscall!(SYS_shmget, KEY + 1, 4096, 0), Errno::ENOENT),
            ]
        })
    }),
    Case::file("shmat-shmdt", &["-S shmat,shmdt"], 3, |stage| {
        let memory = shared_memory()?;
        stage.begin()?;
        let at = syscall!(SYS_shmat, memory, 0, 0);
        let absent = syscall!(SYS_shmat, 77, 0, 0);
        let off = at.and_then(|address| syscall!(SYS_shmdt, address));
        stage.end()?;
        off.context("shmat, shmdt")?;
        refused(absent, Errno::EINVAL)
    }),
    Case::file("shmctl-set", &["-S shmctl"], 3, |stage| {
        let memory = shared_memory()?;
        let mut room = [0_u8; 112];
        stage.record_all(|| {
            [
                syscall!(SYS_shmctl, memory, IPC_STAT, &mut room[..]),
                syscall!(SYS_shmctl, memory, IPC_SET, &permissions(NOBODY, 7, 0o604)[..]),
                syscall!(SYS_shmctl, memory, IPC_RMID, 0),
            ]
        })
    }),
    Case::file("shmctl-refused", &["-S shmctl"], 5, |stage| {
        let memory = shared_memory()?;
        stage.begin()?;
        let outcome = [
            (syscall!(SYS_shmctl, 77, IPC_STAT, 0), Errno::EINVAL),
            (syscall!(SYS_shmctl, memory, 9999, 0), Errno::EINVAL),
            (syscall!(SYS_shmctl, memory, IPC_SET, NOWHERE), Errno::EFAULT),
        ];
        let nobody = stage.child(|_| {
            become_nobody()?;
            refused(syscall!(SYS_shmctl, memory, IPC_RMID, 0), Errno::EPERM)?;
            refused(syscall!(SYS_shmctl, memory, IPC_STAT, &mut [0_u8; 112][..]), Errno::EACCES)
        });
        stage.end()?;
        nobody?;
        outcome.into_iter().try_for_each(|(result, due)| refused(result, due))
    }),
    Case::file("shmat-eacces", &["-S shmat,shmget"], 2, |stage| {
        let memory = shared_memory()?;
        stage.as_nobody(|| {
            refused(syscall!(SYS_shmat, memory, 0, 0), Errno::EACCES)?;
            refused(syscall!(SYS_shmget, KEY, 4096, 0o600), Errno::EACCES)
        })
    }),
    Case::file("semget-semop", &["-S semget,semop,semtimedop"], 4, |stage| {
        alone()?;
        // struct sembuf: number, operation, flags.
        let (up, far) = ([0_u8, 0, 1, 0, 0, 0], [9_u8, 0, 1, 0, 0, 0]);
        stage.begin()?;
        let set = syscall!(SYS_semget, KEY, 2, IPC_CREAT | 0o660);
        let (operated, timed, refusal) = match set {
            Ok(set) => (
                syscall!(SYS_semop, set, &up[..], 1),
                syscall!(SYS_semtimedop, set, &up[..], 1, 0),
                syscall!(SYS_semop, set, &far[..], 1),
            ),
            Err(error) => (Err(error), Err(error), Err(error)),
        };
        stage.end()?;
        operated.and(timed).context("semget, semop")?;
        refused(refusal, Errno::EFBIG)
    }),
    Case::file("semctl-commands", &["-S semctl"], 6, |stage| {
        alone()?;
        let set = syscall!(SYS_semget, KEY, 2, IPC_CREAT | 0o600).context("semget")?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_semctl, set, 0, IPC_STAT, &mut [0_u8; 104][..]), FINE),
                (syscall!(SYS_semctl, set, 1, SETVAL, 5), FINE),
                (syscall!(SYS_semctl, set, 1, GETVAL, 0), FINE),
                (syscall!(SYS_semctl, set, 0, IPC_SET, &permissions(1, 2, 0o640)[..]), FINE),
                (syscall!(SYS_semctl, set, 0, IPC_RMID, 0), FINE),
                (syscall!(SYS_semctl, set, 0, IPC_RMID, 0), Errno::EINVAL),
            ]
        })
    }),
    Case::file("semop-eacces", &["-S semop,semctl"], 2, |stage| {
        alone()?;
        let set = syscall!(SYS_semget, KEY, 2, IPC_CREAT | 0o600).context("semget")?;
        stage.as_nobody(|| {
            refused(syscall!(SYS_semop, set, &[0_u8, 0, 1, 0, 0, 0][..], 1), Errno::EACCES)?;
            refused(syscall!(SYS_semctl, set, 0, IPC_SET, &permissions(1, 2, 0o666)[..]), Errno::EPERM)
        })
    }),
    Case::file("msgget-ways", &["-S msgget"], 3, |stage| {
        alone()?;
        stage.outcomes(|| {
            [
                (syscall!(SYS_msgget, KEY, IPC_CREAT | 0o640), FINE),
                (syscall!(SYS_msgget, KEY, 0), FINE),
                (syscall!(SYS_msgget, KEY + 1, 0), Errno::ENOENT),
            ]
        })
    }),
    Case::file("msgsnd-msgrcv", &["-S msgsnd,msgrcv"], 4, |stage| {
        alone()?;
        let queue = syscall!(SYS_msgget, KEY, IPC_CREAT | 0o600).context("msgget")?;
        // struct msgbuf: type, text.
        let (message, mut room) = ([1_u8, 0, 0, 0, 0, 0, 0, 0, b'x'], [0_u8; 64]);
        stage.outcomes(|| {
            [
                (syscall!(SYS_msgsnd, queue, &message[..], 1, 0), FINE),
                (syscall!(SYS_msgrcv, queue, &mut room[..], 32, 0, 0), FINE),
                (syscall!(SYS_msgrcv, queue, &mut room[..], 32, 0, IPC_NOWAIT), Errno::ENOMSG),
                (syscall!(SYS_msgsnd, 77, &message[..], 1, 0), Errno::EINVAL),
            ]
        })
    }),
    Case::file("msgctl-set", &["-S msgctl"], 4, |stage| {
        alone()?;
        let queue = syscall!(SYS_msgget, KEY, IPC_CREAT | 0o600).context("msgget")?;
        let mut settings = [0_u8; 120];
        settings[..48].copy_from_slice(&permissions(NOBODY, NOBODY, 0o622));
        settings[88..96].copy_from_slice(&4096_u64.to_ne_bytes());
        stage.record_all(|| {
            [
                syscall!(SYS_msgctl, queue, IPC_STAT, &mut [0_u8; 120][..]),
                syscall!(SYS_msgctl, queue, IPC_SET, &settings[..]),
                syscall!(SYS_msgctl, queue, IPC_STAT, &mut [0_u8; 120][..]),
                syscall!(SYS_msgctl, queue, IPC_RMID, 0),
            ]
        })
    }),
    Case::file("msgctl-refused", &["-S msgctl,msgrcv"], 3, |stage| {
        alone()?;
        let queue = syscall!(SYS_msgget, KEY, IPC_CREAT | 0o600).context("msgget")?;
        stage.as_nobody(|| {
            let mut settings = [0_u8; 120];
            settings[..48].copy_from_slice(&permissions(NOBODY, NOBODY, 0o666));
            refused(syscall!(SYS_msgctl, queue, IPC_SET, &settings[..]), Errno::EPERM)?;
            refused(syscall!(SYS_msgctl, queue, IPC_RMID, 0), Errno::EPERM)?;
            refused(syscall!(SYS_msgrcv, queue, &mut [0_u8; 64][..], 32, 0, IPC_NOWAIT), Errno::EACCES)
        })
    }),
];

fn alone() -> Result<()> {
    syscall!(libc::SYS_unshare, CLONE_NEWIPC).context("unshare")?;
    Ok(())
}

fn shared_memory() -> Result<i64> {
    alone()?;
    syscall!(SYS_shmget, KEY, 4096, IPC_CREAT | 0o600).context("shmget")
}

/// `struct ipc64_perm`, with which the structures of `IPC_SET` begin; room for the longest of them is behind.
fn permissions(uid: u32, gid: u32, mode: u32) -> [u8; 48] {
    let mut bytes = [0_u8; 48];
    for (at, word) in [(4, uid), (8, gid), (20, mode)] {
        bytes[at..at + 4].copy_from_slice(&word.to_ne_bytes());
    }
    bytes
}
