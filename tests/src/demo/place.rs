//! Where the demonstration plays: a directory, a hard link, a bind mount, and a login uid for those who act.

use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use tests::{raw, stage};

use super::activity::{ACTIVITIES, Activity, Find};

/// The login uid of everything that the demonstration does, so that its rules record nobody else.
pub(super) const AUID: u32 = 4242;

/// What `auditctl -m` sends.
pub(super) const MESSAGE: &str = "hello-from-the-demonstration";

/// The directory, removed at the end.
#[derive(Debug)]
pub(super) struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    /// Makes the files, and a bind mount that nobody else sees.
    pub(super) fn make() -> Result<Self> {
        let directory =
            tempfile::Builder::new().prefix("ebpfauditd-demo-").tempdir().context("a directory")?;
        let place = Self { directory };
        fs::write(place.path("watched"), "first line\n")?;
        fs::write(place.path("other"), "")?;
        fs::hard_link(place.path("watched"), place.path("hard-link"))?;
        fs::create_dir(place.path("bound"))?;
        unshare(CloneFlags::CLONE_NEWNS).context("a mount namespace")?;
        let nothing: Option<&str> = None;
        mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)
            .context("private mounts")?;
        mount(Some(place.directory.path()), &place.path("bound"), nothing, MsFlags::MS_BIND, nothing)
            .context("a bind mount")?;
        Ok(place)
    }

    /// A path in the directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A path in the directory, for a system call.
    pub(super) fn c_path(&self, name: &str) -> Result<CString> {
        stage::c_string(self.path(name).as_os_str().as_bytes())
    }

    /// The rules of all activities.
    pub(super) fn rules(&self) -> Vec<String> {
        ACTIVITIES.iter().filter_map(|activity| self.rule(activity)).collect()
    }

    fn rule(&self, activity: &Activity) -> Option<String> {
        match (activity.rule, activity.find) {
            ("", _) | (_, Find::Message) => None,
            ("-w", Find::Key(key) | Find::KeyAndName(key, _)) => {
                Some(format!("-w {} -p wa -k {key}", self.path("watched").display()))
            }
            (rule, Find::Key(key) | Find::KeyAndName(key, _)) => {
                Some(format!("-a always,exit -F arch=b64 {rule} -F auid={AUID} -k {key}"))
            }
        }
    }

    /// Does it, in a child that was born after audit was enabled.
    pub(super) fn act(&self, activity: &Activity) -> Result<()> {
        let pid = raw::fork().context("fork")?;
        if pid == 0 {
            stage::leave(self.act_as_user(activity));
        }
        stage::reap(pid)
    }

    fn act_as_user(&self, activity: &Activity) -> Result<()> {
        let mut loginuid =
            fs::OpenOptions::new().write(true).open("/proc/self/loginuid").context("/proc/self/loginuid")?;
        loginuid.write_all(AUID.to_string().as_bytes()).context("setting the login uid")?;
        (activity.act)(self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The directory cannot go while something is mounted in it.
        if let Err(error) = nix::mount::umount2(&self.path("bound"), nix::mount::MntFlags::MNT_DETACH) {
            eprintln!("unmounting {}: {error}", self.path("bound").display());
        }
    }
}
