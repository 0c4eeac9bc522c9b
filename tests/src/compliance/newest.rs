//! The auditd package of the newest Debian: fetched once, unpacked, and run with the C library that it was built for.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::fcntl::{Flock, FlockArg};

use crate::package::{Suite, cache};
use crate::program::run;
use crate::skip::skipped;

/// The suite of Debian that new versions reach first.
const SUITE: &str = "sid";
/// The package, and what its programs are linked to.
const PACKAGES: [&str; 6] =
    ["auditd", "libaudit-common", "libaudit1", "libauparse0t64", "libcap-ng0", "libc6"];
/// The version that the tables speak of.
const VERSION: &str = "4.2.1";
/// Where the package has its libraries, and among them the loader.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
const LIMIT: Duration = Duration::from_secs(10);

/// The unpacked package.
#[derive(Debug)]
pub struct Newest {
    root: PathBuf,
}

impl Newest {
    /// The package, fetched if it is not there yet.
    ///
    /// # Errors
    /// Why it cannot be had, or that it is not the version of the tables.
    pub fn get() -> Result<Self> {
        let cache = cache()?;
        fs::create_dir_all(&cache).with_context(|| cache.display().to_string())?;
        // Two runs must not fetch into one directory.
        let lock = File::create(cache.join("lock")).context("a lock in the cache")?;
        let _lock =
            Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, errno)| errno).context("flock")?;
        let root = cache.join(format!("auditd-{VERSION}"));
        if !root.exists() {
            let suite = Suite::open(SUITE, &cache.join("apt").join(SUITE))?;
            let scratch = tempfile::tempdir_in(&cache).context("a scratch directory")?;
            suite.unpack(&PACKAGES.map(str::to_owned), scratch.path())?;
            let fetched = Self { root: scratch.path().to_owned() };
            let version = fetched.version()?;
            ensure!(
                version == VERSION,
                "Debian's {SUITE} has auditd {version}; the tables speak of {VERSION}"
            );
            fs::rename(scratch.keep(), &root).with_context(|| format!("moving it to {}", root.display()))?;
        }
        Ok(Self { root })
    }

    /// The package, or `None`, aloud.
    pub fn or_skip(what: &str) -> Option<Self> {
        Self::get().inspect_err(|error| skipped(format_args!("{what}: {error:#}"))).ok()
    }

    fn version(&self) -> Result<String> {
        let said = run(self.program("auditctl").arg("-v"), LIMIT)?.success().context("auditctl -v")?;
        Ok(said.trim().trim_start_matches("auditctl version ").to_owned())
    }

    /// One of its programs, run by its own loader.
    pub fn program(&self, name: &str) -> Command {
        let libraries = self.root.join(LIBRARIES);
        let mut command = Command::new(libraries.join("ld-linux-x86-64.so.2"));
        command.arg("--library-path").arg(libraries).args(["--argv0", name]);
        command.arg(self.root.join("usr/sbin").join(name));
        command
    }

    /// Where it is unpacked.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file of the package.
    pub fn file(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}
