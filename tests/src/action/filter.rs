//! The same few calls under rules with every kind of field: what matches, and what must not.

use anyhow::Result;

use crate::case::Case;
use crate::stage::{Stage, become_nobody};
use crate::{raw, syscall};

/// Mostly `getpriority(a0, a1)`, which does nothing, is refused for an odd a0, and is rare elsewhere.
pub const CASES: &[Case] = &[
    Case::new("filter-a0", &["-S getpriority -F a0=0x1234"], 1, |stage| ask(stage, &[0x1234, 0x1235])),
    Case::new("filter-a0-less", &["-S getpriority -F a0<0x1235"], 1, |stage| ask(stage, &[0x1234, 0x1235])),
    Case::new("filter-a0-greater-or-equal", &["-S getpriority -F a0>=0x1235"], 1, |stage| {
        ask(stage, &[0x1234, 0x1235])
    }),
    Case::new("filter-a0-not", &["-S getpriority -F a0!=0x1234"], 1, |stage| ask(stage, &[0x1234, 0x1235])),
    Case::new("filter-a0-mask", &["-S getpriority -F a0&0x3"], 2, |stage| {
        ask(stage, &[0x1234, 0x1235, 0x1236])
    }),
    Case::new("filter-a0-test", &["-S getpriority -F a0&=0x3"], 1, |stage| {
        ask(stage, &[0x1235, 0x1236, 0x1237])
    }),
    Case::new("filter-success", &["-S getpriority -F success=1"], 1, |stage| ask(stage, &[0, 0x1235])),
    Case::new("filter-failure", &["-S getpriority -F success=0"], 1, |stage| ask(stage, &[0, 0x1235])),
    Case::new("filter-exit", &["-S getpriority -F exit=-EINVAL"], 1, |stage| ask(stage, &[0, 0x1235])),
    Case::new("filter-exit-other", &["-S getpriority -F exit=-EPERM"], 0, |stage| ask(stage, &[0, 0x1235])),
    Case::new("filter-uid", &["-S getpriority -F uid=0 -F euid=0 -F gid=0 -F fsgid=0"], 1, |stage| {
        ask(stage, &[0])
    }),
    Case::new("filter-uid-other", &["-S getpriority -F uid=65534"], 1, ask_both),
    Case::new("filter-compare", &["-S getpriority -C uid!=euid"], 1, |stage| {
        stage.begin()?;
        stage.child(|_| {
            refuse(0)?;
            syscall!(libc::SYS_setresuid, 7, 0, 0)?;
            refuse(0)
        })
    }),
    Case::new("filter-pers", &["-S getpriority -F pers=0x40000"], 1, |stage| ask(stage, &[0])),
    Case::new("filter-pers-other", &["-S getpriority -F pers=0x40001"], 0, |stage| ask(stage, &[0])),
    Case::new("filter-exe", &["-S execve -F exe=/bin/true"], 1, |stage| {
        stage.begin()?;
        stage.child(|_| {
            let errno = raw::execve(c"/bin/true", &crate::stage::words(&[b"true"])?, &[]);
            anyhow::bail!("execve: {errno}")
        })
    }),
    Case::new("filter-exe-other", &["-S execve -F exe=/bin/false"], 0, |stage| {
        stage.begin()?;
        stage.child(|_| {
            let errno = raw::execve(c"/bin/true", &crate::stage::words(&[b"true"])?, &[]);
            anyhow::bail!("execve: {errno}")
        })
    }),
    Case::new("filter-saddr_fam", &["-S connect -F saddr_fam=1"], 1, |stage| {
        let unix = crate::stage::unix(b"/nowhere/socket");
        let inet = crate::stage::inet(1);
        let streams =
            [libc::AF_UNIX, libc::AF_INET].map(|domain| crate::stage::socket(domain, libc::SOCK_DGRAM));
        let [first, second] = streams;
        let (first, second) = (first?, second?);
        stage.begin()?;
        let refused = syscall!(libc::SYS_connect, first, &unix, unix.len());
        let allowed = syscall!(libc::SYS_connect, second, &inet, inet.len());
        stage.end()?;
        anyhow::ensure!(refused.is_err() && allowed.is_ok(), "{refused:?} {allowed:?}");
        Ok(())
    }),
    Case::new(
        "filter-never",
        &["-a never,exit -F arch=b64 -S getpriority -F a0=0x1234", "-S getpriority"],
        1,
        |stage| ask(stage, &[0x1234, 0x1235]),
    ),
    Case::new(
        "filter-never-too-late",
        &["-S getpriority", "-a never,exit -F arch=b64 -S getpriority"],
        1,
        |stage| ask(stage, &[0x1234]),
    ),
    Case::new("filter-two-keys", &["-S getpriority -F key=another"], 1, |stage| ask(stage, &[0x1234])),
    Case::new("filter-no-arch", &["-a always,exit -S getpriority"], 1, |stage| ask(stage, &[0x1234])),
    Case::new("filter-several-calls", &["-S getpriority,getpgrp,getsid"], 3, |stage| {
        stage.begin()?;
        let priority = syscall!(libc::SYS_getpriority, 0, 0);
        let group = syscall!(libc::SYS_getpgrp);
        let session = syscall!(libc::SYS_getsid, 0);
        stage.end()?;
        priority.and(group).and(session)?;
        Ok(())
    }),
    Case::new("filter-all-calls", &["-S all -F a0=0x1234 -F a1=0x77"], 2, |stage| {
        stage.begin()?;
        let refused = [
            syscall!(libc::SYS_getpriority, 0x1234, 0x77).is_err(),
            syscall!(libc::SYS_getpriority, 0x1234, 0x78).is_err(),
            syscall!(libc::SYS_close, 0x1234, 0x77).is_err(),
        ];
        stage.end()?;
        anyhow::ensure!(refused == [true; 3], "a call was allowed");
        Ok(())
    })
    .by_kernel_audit(),
    Case::new("filter-exclude", &["-S getpriority", "-a always,exclude -F msgtype=PROCTITLE"], 1, |stage| {
        ask(stage, &[0x1234])
    }),
    Case::new("seccomp-refused", &["-S getpriority"], 0, |stage| {
        stage.begin()?;
        stage.child(|_| {
            raw::refuse(libc::SYS_getpriority as u32)?;
            crate::stage::refused(syscall!(libc::SYS_getpriority, 0, 0), nix::errno::Errno::EPERM)
        })
    }),
];

/// getpriority(2) for each a0, with a1 0.
fn ask(stage: &mut Stage, numbers: &[i32]) -> Result<()> {
    stage.begin()?;
    for number in numbers {
        refuse(*number)?;
    }
    stage.end()
}

fn refuse(number: i32) -> Result<()> {
    let result = syscall!(libc::SYS_getpriority, number, 0);
    anyhow::ensure!(result.is_ok() == (number == 0), "getpriority({number}) answered {result:?}");
    Ok(())
}

/// Once as root, once as nobody.
fn ask_both(stage: &mut Stage) -> Result<()> {
    stage.begin()?;
    stage.child(|_| {
        refuse(0)?;
        become_nobody()?;
        refuse(0)
    })
}
