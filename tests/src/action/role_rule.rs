//! Rules on the label that `AppArmor` gives to a task, `subj_role`: the rule's label must be within the task's.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use nix::errno::Errno;

use crate::case::Case;
use crate::obstacle::no_apparmor;
use crate::scene::{FINE, make, own_mounts};
use crate::stage::Stage;
use crate::syscall;

use libc::{AT_FDCWD, O_RDONLY, SYS_getpriority, SYS_openat};

/// Where `AppArmor` shows its policy.
const SECURITYFS: &str = "/sys/kernel/security";
/// A namespace of policy that is there during a case: its tasks are not confined either, and have another label.
const NAMESPACE: &str = "ebpfauditd-test";

/// By getpriority(2) where the name does not say otherwise. Tasks of this machine are not confined.
pub const CASES: &[Case] = &[
    Case::new("context-role", &["-S getpriority -F subj_role=unconfined"], 1, call).unless(no_apparmor),
    Case::new("context-role-not", &["-S getpriority -F subj_role!=unconfined"], 0, call).unless(no_apparmor),
    Case::new(
        "context-role-and-others",
        &["-S getpriority -F subj_role=unconfined -F uid=0 -F a0=0"],
        1,
        call,
    )
    .unless(no_apparmor),
    Case::file("context-role-open", &["-S openat -F subj_role=unconfined -F success=1"], 1, opens)
        .by_tracepoints()
        .unless(no_apparmor),
    Case::file("context-role-path", &["-F path=$work/file -F perm=r -F subj_role=unconfined"], 1, opens)
        .with(|place| Ok(fs::write(place.join("file"), "")?))
        .unless(no_apparmor),
    Case::file("context-role-path-not", &["-F path=$work/file -F perm=r -F subj_role!=unconfined"], 0, opens)
        .with(|place| Ok(fs::write(place.join("file"), "")?))
        .unless(no_apparmor),
    Case::new(
        "context-role-never",
        &["-a never,exit -F arch=b64 -S getpriority -F subj_role=unconfined", "-S getpriority"],
        0,
        call,
    )
    .unless(no_apparmor),
    Case::new(
        "context-role-never-not",
        &["-a never,exit -F arch=b64 -S getpriority -F subj_role!=unconfined", "-S getpriority"],
        1,
        call,
    )
    .unless(no_apparmor),
    Case::new(
        "context-role-exclude",
        &["-S getpriority", "-a always,exclude -F msgtype=PROCTITLE -F subj_role=unconfined"],
        1,
        call,
    )
    .unless(no_apparmor),
    Case::new(
        "context-role-exclude-not",
        &["-S getpriority", "-a always,exclude -F msgtype=PROCTITLE -F subj_role!=unconfined"],
        1,
        call,
    )
    .unless(no_apparmor),
    Case::new("context-role-elsewhere", &["-S getpriority -F subj_role=unconfined"], 0, |stage| {
        labelled(stage, "changeprofile")
    })
    .unless(no_apparmor),
    Case::new("context-role-elsewhere-not", &["-S getpriority -F subj_role!=unconfined"], 1, |stage| {
        labelled(stage, "changeprofile")
    })
    .unless(no_apparmor),
    Case::new("context-role-stacked", &["-S getpriority -F subj_role=unconfined"], 1, |stage| {
        labelled(stage, "stack")
    })
    .unless(no_apparmor),
    Case::new("context-role-stacked-not", &["-S getpriority -F subj_role!=unconfined"], 0, |stage| {
        labelled(stage, "stack")
    })
    .unless(no_apparmor),
];

fn call(stage: &mut Stage) -> Result<()> {
    stage.outcomes(|| [(syscall!(SYS_getpriority, 0, 0), FINE)])
}

fn opens(stage: &mut Stage) -> Result<()> {
    make("file", 0o644)?;
    stage.outcomes(|| {
        [
            (syscall!(SYS_openat, AT_FDCWD, c"file", O_RDONLY), FINE),
            (syscall!(SYS_openat, AT_FDCWD, c"absent", O_RDONLY), Errno::ENOENT),
        ]
    })
}

/// A child that has a label of the namespace, that of its free tasks (`changeprofile`) or our own with that (`stack`), makes the
/// call. From there the namespace is out of sight.
fn labelled(stage: &mut Stage, how: &str) -> Result<()> {
    let namespaces = format!("{SECURITYFS}/apparmor/policy/namespaces");
    if !Path::new(&namespaces).exists() {
        own_mounts()?;
        syscall!(libc::SYS_mount, c"securityfs", c"/sys/kernel/security", c"securityfs", 0, 0)
            .context("mounting securityfs")?;
    }
    let namespace = format!("{namespaces}/{NAMESPACE}");
    fs::create_dir(&namespace).with_context(|| namespace.clone())?;
    let order = format!("{how} :{NAMESPACE}:unconfined");
    let done = stage.child(|stage| {
        fs::write("/proc/self/attr/current", &order).with_context(|| order.clone())?;
        stage.begin_child()?;
        syscall!(SYS_getpriority, 0, 0).context("getpriority")?;
        stage.end()
    });
    fs::remove_dir(&namespace).with_context(|| namespace.clone())?;
    done
}
