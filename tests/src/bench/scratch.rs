//! The directory in which the daemons keep their configuration and logs, and the workload its file and its copy of
//! this program (so that `nobody` can execute it wherever the build lies).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::rules::WATCHES;

/// The scratch directory; removed when dropped.
#[derive(Debug)]
pub(super) struct Scratch {
    directory: tempfile::TempDir,
}

/// The configuration of both daemons: Debian's defaults, but for the place of things and a log that is never
/// rotated, so that every event can be counted.
fn conf(log: &Path) -> String {
    format!(
        "log_file = {}\nlog_group = root\nlog_format = ENRICHED\nflush = INCREMENTAL_ASYNC\nfreq = 50\n\
         max_log_file = 99999\nnum_logs = 2\nname_format = NONE\nmax_log_file_action = ROTATE\n",
        log.display()
    )
}

impl Scratch {
    /// Makes the directory under `parent` and fills it.
    pub(super) fn new(parent: &Path) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("ebpfauditd-bench.")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir_in(parent)
            .with_context(|| format!("making a scratch directory in {}", parent.display()))?;
        let scratch = Self { directory };
        for name in ["original", "ours", "log", "run", "plugins"] {
            let path = scratch.path(name);
            fs::create_dir(&path).with_context(|| format!("making {}", path.display()))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700))
                .with_context(|| format!("setting the mode of {}", path.display()))?;
        }
        let executable = std::env::current_exe().context("finding this program")?;
        fs::copy(&executable, scratch.program())
            .with_context(|| format!("copying {}", executable.display()))?;
        scratch.write("opened", "what the workload opens\n", 0o644)?;
        let watched = scratch.watched();
        fs::create_dir(&watched).with_context(|| format!("making {}", watched.display()))?;
        for number in 0..WATCHES {
            scratch.write(&format!("watched/{number}"), "", 0o644)?;
        }
        let text = conf(&scratch.log());
        scratch.write("ours/auditd.conf", &text, 0o640)?;
        // The original wants space_left above admin_space_left (Debian's values), and would start the plugins of
        // the machine.
        let text = format!(
            "{text}space_left = 75\nspace_left_action = SYSLOG\nadmin_space_left = 50\n\
             admin_space_left_action = SUSPEND\nplugin_dir = {}\n",
            scratch.path("plugins").display()
        );
        scratch.write("original/auditd.conf", &text, 0o640)?;
        Ok(scratch)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The copy of this program.
    pub(super) fn program(&self) -> PathBuf {
        self.path("bench")
    }

    /// The file that the workload opens.
    pub(super) fn opened(&self) -> PathBuf {
        self.path("opened")
    }

    /// The directory of the files that are watched.
    pub(super) fn watched(&self) -> PathBuf {
        self.path("watched")
    }

    /// The original's configuration directory (`-c`).
    pub(super) fn original(&self) -> PathBuf {
        self.path("original")
    }

    /// Our configuration directory (`-c`).
    pub(super) fn ours(&self) -> PathBuf {
        self.path("ours")
    }

    /// Our daemon's run directory (`--run-dir`).
    pub(super) fn run(&self) -> PathBuf {
        self.path("run")
    }

    /// The log.
    pub(super) fn log(&self) -> PathBuf {
        self.path("log/audit.log")
    }

    /// Where a daemon's own messages go.
    pub(super) fn messages(&self) -> PathBuf {
        self.path("messages")
    }

    /// The rules file, for `auditctl -R`.
    pub(super) fn rules(&self) -> PathBuf {
        self.path("ours/audit.rules")
    }

    /// Puts `rules` in place, for the next start or reload.
    pub(super) fn set_rules(&self, rules: &str) -> Result<()> {
        self.write("ours/audit.rules", rules, 0o640)
    }

    /// Removes the log, for the next start.
    pub(super) fn clear_log(&self) -> Result<()> {
        let directory = self.path("log");
        for entry in fs::read_dir(&directory).with_context(|| format!("reading {}", directory.display()))? {
            let path = entry.with_context(|| format!("reading {}", directory.display()))?.path();
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
        Ok(())
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> Result<()> {
        let path = self.path(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
            .with_context(|| format!("setting the mode of {}", path.display()))
    }
}
