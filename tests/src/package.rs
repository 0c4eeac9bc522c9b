//! Packages of any Debian suite, read without touching this system's sources: apt with directories of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::program::run;

const MIRROR: &str = "http://deb.debian.org";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const LIMIT: Duration = Duration::from_mins(10);

/// Environment variable that says where kernels and packages are kept.
pub const CACHE: &str = "EBPFAUDITD_VM_CACHE";

/// Where kernels and packages are kept between runs.
pub fn cache() -> Result<PathBuf> {
    let directory = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    directory(CACHE)
        .or_else(|| Some(directory("XDG_CACHE_HOME")?.join("ebpfauditd-vm")))
        .or_else(|| Some(directory("HOME")?.join(".cache/ebpfauditd-vm")))
        .with_context(|| format!("no place for what is fetched: set {CACHE}"))
}

/// One suite, with lists of its own.
#[derive(Debug)]
pub struct Suite {
    directory: PathBuf,
}

impl Suite {
    /// Fetches the lists of `name` into `directory`.
    pub fn open(name: &str, directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory.join("lists/partial"))
            .with_context(|| directory.display().to_string())?;
        let archive = if name.ends_with("-security") { "debian-security" } else { "debian" };
        let source = format!("deb [signed-by={KEYRING}] {MIRROR}/{archive} {name} main\n");
        fs::write(directory.join("sources.list"), source).context("writing sources.list")?;
        let suite = Self { directory: directory.to_owned() };
        run(suite.apt("apt-get").arg("update"), LIMIT)?
            .success()
            .with_context(|| format!("fetching the lists of {name}"))?;
        Ok(suite)
    }

    /// The names of all packages.
    pub fn names(&self) -> Result<Vec<String>> {
        let said = run(self.apt("apt-cache").arg("pkgnames"), LIMIT)?.success().context("apt-cache")?;
        Ok(said.lines().map(str::to_owned).collect())
    }

    /// Downloads these packages and unpacks them into `directory`; nothing is installed.
    pub fn unpack(&self, names: &[String], directory: &Path) -> Result<()> {
        let scratch = tempfile::tempdir_in(&self.directory).context("a scratch directory")?;
        let mut command = self.apt("apt-get");
        command.arg("download").args(names).current_dir(scratch.path());
        run(&mut command, LIMIT)?.success().with_context(|| format!("downloading {}", names.join(", ")))?;
        let mut unpacked = 0;
        for entry in fs::read_dir(scratch.path())? {
            let package = entry?.path();
            run(Command::new("dpkg-deb").arg("-x").arg(&package).arg(directory), LIMIT)?
                .success()
                .with_context(|| format!("unpacking {}", package.display()))?;
            unpacked += 1;
        }
        ensure!(unpacked == names.len(), "{unpacked} packages came for {names:?}");
        Ok(())
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let at = |name: &str| self.directory.join(name).display().to_string();
        command.arg("-qq");
        for option in [
            format!("Dir::Etc::sourcelist={}", at("sources.list")),
            "Dir::Etc::sourceparts=-".to_owned(),
            "Dir::Etc::preferences=-".to_owned(),
            "Dir::Etc::preferencesparts=-".to_owned(),
            format!("Dir::State::lists={}", at("lists")),
            "Dir::State::status=/dev/null".to_owned(),
            format!("Dir::Cache={}", at("cache")),
            "APT::Architecture=amd64".to_owned(),
            "APT::Architectures=amd64".to_owned(),
            // Whom apt becomes for a download cannot write into our cache.
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Languages=none".to_owned(),
        ] {
            command.arg("-o").arg(option);
        }
        command.env("LC_ALL", "C");
        command
    }
}
