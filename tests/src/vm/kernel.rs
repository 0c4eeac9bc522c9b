//! Debian's stock kernels: which there are, and how to get one.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use ::tests::package::Suite;
use anyhow::{Context, Result, bail};
use nix::fcntl::{Flock, FlockArg};

/// How many versions of a package are tried: a list can name one that the archive no longer has.
const TRIES: usize = 6;

/// The packages that make up one version of a kernel: what stands before and after the version in each name.
type Names = &'static [(&'static str, &'static str)];

/// A line of kernels of one version.
#[derive(Debug)]
pub(super) struct Release {
    /// What it is called here.
    pub(super) name: &'static str,
    suites: &'static [&'static str],
    packages: &'static [Names],
}

/// Oldest first. The cloud flavour is small, and its trampolines, BTF and security modules are those of the full one.
pub(super) const RELEASES: [Release; 4] = [
    Release {
        name: "5.10",
        suites: &["bullseye-security", "bullseye"],
        packages: &[
            &[("linux-image-5.10.0-", "-cloud-amd64-unsigned")],
            &[("linux-image-5.10.0-", "-cloud-amd64")],
        ],
    },
    Release {
        name: "6.1",
        suites: &["bookworm-security", "bookworm"],
        packages: &[
            &[("linux-image-6.1.0-", "-cloud-amd64-unsigned")],
            &[("linux-image-6.1.0-", "-cloud-amd64")],
        ],
    },
    Release {
        name: "6.12",
        suites: &["bookworm-security", "trixie-security", "trixie"],
        packages: &[
            &[("linux-image-6.12.", "-cloud-amd64-unsigned")],
            &[("linux-image-6.12.", "-cloud-amd64")],
        ],
    },
    Release {
        name: "7",
        suites: &["sid", "forky"],
        packages: &[
            &[("linux-binary-7.", "-cloud-amd64"), ("linux-modules-7.", "-cloud-amd64")],
            &[("linux-image-7.", "-cloud-amd64-unsigned")],
        ],
    },
];

/// An unpacked kernel.
#[derive(Debug)]
pub(super) struct Kernel {
    /// The bootable image.
    pub(super) image: PathBuf,
    /// `/lib/modules/VERSION`.
    pub(super) modules: PathBuf,
    /// The version, as `uname -r` says it.
    pub(super) version: String,
}

impl Release {
    /// The one with this name.
    pub(super) fn find(name: &str) -> Result<&'static Self> {
        let names = || RELEASES.map(|release| release.name).join(", ");
        RELEASES
            .iter()
            .find(|release| release.name == name)
            .with_context(|| format!("no kernel is called {name}: there are {}", names()))
    }

    /// The kernel from `cache`; fetched and unpacked there, if it is not there yet.
    pub(super) fn get(&self, cache: &Path) -> Result<Kernel> {
        fs::create_dir_all(cache).with_context(|| cache.display().to_string())?;
        // Two runs must not fetch into one directory.
        let lock = fs::File::create(cache.join("lock")).context("a lock in the cache")?;
        let _lock =
            Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, errno)| errno).context("flock")?;
        let place = cache.join(self.name);
        if !place.exists() {
            self.fetch(cache, &place).with_context(|| format!("getting kernel {}", self.name))?;
        }
        Kernel::at(&place)
    }

    fn fetch(&self, cache: &Path, place: &Path) -> Result<()> {
        let mut failures = Vec::new();
        for name in self.suites {
            let suite = match Suite::open(name, &cache.join("apt").join(name)) {
                Ok(suite) => suite,
                Err(error) => {
                    failures.push(format!("{error:#}"));
                    continue;
                }
            };
            for packages in self.candidates(&suite.names()?).into_iter().take(TRIES) {
                eprintln!("vm: fetching {} from {name}", packages.join(" and "));
                let scratch = tempfile::tempdir_in(cache).context("a scratch directory")?;
                let unpacked = suite
                    .unpack(&packages, scratch.path())
                    .and_then(|()| Kernel::at(scratch.path()).context(packages.join(", ")));
                match unpacked {
                    Ok(_) => {
                        return fs::rename(scratch.keep(), place)
                            .with_context(|| format!("moving it to {}", place.display()));
                    }
                    Err(error) => failures.push(format!("{error:#}")),
                }
            }
        }
        bail!("no package could be had:\n{}", failures.join("\n"))
    }

    /// What can be downloaded together, newest first.
    fn candidates(&self, names: &[String]) -> Vec<Vec<String>> {
        let mut found: Vec<(&str, Vec<String>)> = Vec::new();
        for packages in self.packages {
            let Some((before, after)) = packages.first() else { continue };
            for name in names {
                let version = name.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                // A flavour between the version and the end is another package.
                let Some(version) =
                    version.filter(|version| version.starts_with(|c: char| c.is_ascii_digit()))
                else {
                    continue;
                };
                let all: Vec<String> =
                    packages.iter().map(|(before, after)| format!("{before}{version}{after}")).collect();
                if all.iter().all(|name| names.contains(name)) {
                    found.push((version, all));
                }
            }
        }
        // Stable: of one version, the packages that are named first.
        found.sort_by(|(a, _), (b, _)| by_number(b, a));
        found.into_iter().map(|(_, packages)| packages).collect()
    }
}

impl Kernel {
    /// The kernel whose package was unpacked at `root`.
    fn at(root: &Path) -> Result<Self> {
        let modules = ["lib/modules", "usr/lib/modules"]
            .iter()
            .find_map(|path| fs::read_dir(root.join(path)).ok()?.flatten().next())
            .with_context(|| format!("no modules under {}", root.display()))?
            .path();
        let version = modules.file_name().and_then(OsStr::to_str).context("the modules' version")?.to_owned();
        let image = [root.join("boot").join(format!("vmlinuz-{version}")), modules.join("vmlinuz")]
            .into_iter()
            .find(|path| path.is_file())
            .with_context(|| format!("no kernel image under {}", root.display()))?;
        Ok(Self { image, modules, version })
    }
}

/// Versions as people order them: runs of digits as numbers.
fn by_number(a: &str, b: &str) -> Ordering {
    let numbers = |text: &str| -> Vec<u64> {
        text.split(|c: char| !c.is_ascii_digit()).map(|run| run.parse().unwrap_or(0)).collect()
    };
    numbers(a).cmp(&numbers(b)).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_newest_comes_first_and_the_unsigned_before_the_signed() {
        let names = owned(&[
            "linux-image-6.12.9+deb12-cloud-amd64",
            "linux-image-6.12.9+deb12-cloud-amd64-unsigned",
            "linux-image-6.12.117+deb12-cloud-amd64-unsigned",
            "linux-image-6.12-cloud-amd64",
            "linux-image-6.1.0-56-cloud-amd64",
        ]);
        let found = Release::find("6.12").unwrap().candidates(&names);
        assert_eq!(
            found.concat(),
            [
                "linux-image-6.12.117+deb12-cloud-amd64-unsigned",
                "linux-image-6.12.9+deb12-cloud-amd64-unsigned",
                "linux-image-6.12.9+deb12-cloud-amd64"
            ]
        );
    }

    #[test]
    fn what_belongs_together_comes_together() {
        let names = owned(&[
            "linux-binary-7.2.13+deb14-cloud-amd64",
            "linux-binary-7.1.2+deb14-cloud-amd64",
            "linux-modules-7.1.2+deb14-cloud-amd64",
        ]);
        let found = Release::find("7").unwrap().candidates(&names);
        assert_eq!(
            found,
            [["linux-binary-7.1.2+deb14-cloud-amd64", "linux-modules-7.1.2+deb14-cloud-amd64"]]
        );
    }
}
