//! What one guest gets, and what it is to do.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ::tests::compliance::newest::Newest;
use ::tests::program::{original, run};
use ::tests::{libaudit, package};
use anyhow::{Context, Result};

use super::initramfs::Initramfs;
use super::kernel::Kernel;
use super::module;
use super::suite::Suite;

const INIT: &str = include_str!("init.sh");

/// This machine's programs that the tests and their actions start. busybox has the rest.
const PROGRAMS: &[&str] = &[
    "awk", "bash", "cat", "chmod", "chown", "cmp", "cp", "dd", "env", "grep", "id", "ln", "ls", "mkdir",
    "mknod", "mktemp", "mount", "mv", "prlimit", "rm", "rmdir", "sed", "setpriv", "sh", "sleep", "sort",
    "stat", "su", "tar", "timeout", "touch", "tr", "true", "truncate", "umount", "unshare", "xargs",
];

/// For whoever looks into a guest: taken along where they are installed.
const INSTRUMENTS: &[&str] = &["bpftool", "strace"];

/// Directories that the original's rule files watch; every installed system has them.
const WATCHED: [&str; 4] = ["/etc/NetworkManager", "/etc/security", "/etc/selinux", "/etc/sudoers.d"];

/// The original's rule files, which tests load.
const EXAMPLES: &str = "/usr/share/doc/auditd/examples/rules";

/// One guest.
#[derive(Debug)]
pub(super) struct Guest<'a> {
    /// What cargo built.
    pub(super) suite: &'a Suite,
    /// Only tests whose names contain it.
    pub(super) filter: Option<&'a str>,
    /// Runs instead of the tests, if it is not empty.
    pub(super) command: &'a [String],
}

impl Guest<'_> {
    /// Its first file system.
    pub(super) fn initramfs(&self, kernel: &Kernel) -> Result<Initramfs> {
        let mut tree = Initramfs::default();
        for directory in ["/dev", "/proc", "/run", "/sys", "/mnt", "/var/log/audit", "/etc/audit"] {
            tree.directory(directory, 0o755);
        }
        for directory in WATCHED {
            tree.directory(directory, 0o755);
        }
        for directory in ["/bin", "/lib", "/lib64", "/sbin"] {
            tree.links_above(Path::new(directory))?;
        }
        tree.directory("/root", 0o700);
        for directory in ["/tmp", "/var/tmp"] {
            tree.directory(directory, 0o1777);
        }
        tree.bytes("/etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n");
        tree.bytes("/etc/group", 0o644, "root:x:0:\nnogroup:x:65534:\n");
        tree.bytes("/etc/nsswitch.conf", 0o644, "passwd: files\ngroup: files\nhosts: files\n");
        tree.bytes("/etc/hosts", 0o644, "127.0.0.1 localhost vm\n::1 localhost\n");
        tree.host(Path::new("/etc/libaudit.conf"))?;
        for program in original::ALL {
            tree.program(Path::new(program)).context("the original (`make deps` installs it)")?;
        }
        for name in PROGRAMS {
            tree.program(&find(name).with_context(|| format!("{name} is not in PATH"))?)?;
        }
        for path in INSTRUMENTS.iter().copied().filter_map(find) {
            tree.program(&path)?;
        }
        let scratch = tempfile::tempdir().context("a scratch directory")?;
        let program = libaudit::compile(scratch.path())?;
        tree.bytes(libaudit::IN_GUEST, 0o755, std::fs::read(&program).context("reading what gcc wrote")?);
        tree.libraries(&program)?;
        tree.host(Path::new(EXAMPLES))?;
        // Without it, tests that compare with it say so in the guest too.
        if let Some(newest) = Newest::or_skip("the newest Debian's audit in the guest") {
            tree.host(newest.root())?;
        }
        busybox(&mut tree)?;
        self.ours(&mut tree)?;
        module::install(&kernel.modules, &kernel.version, &mut tree)?;
        tree.bytes("/init", 0o755, INIT);
        // What was fetched lies in the guest where it lies here.
        let cache = package::cache()?;
        let jobs = format!("export {}={}\n{}", package::CACHE, quoted(&cache.to_string_lossy()), self.jobs());
        tree.bytes("/vm/jobs", 0o644, jobs);
        Ok(tree)
    }

    /// Our programs and test programs, at the paths where cargo put them.
    fn ours(&self, tree: &mut Initramfs) -> Result<()> {
        for executable in self.suite.programs.iter().chain(&self.suite.tests) {
            tree.stripped(&executable.path)?;
        }
        // One of the tests reads it.
        tree.host(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/differences.md").canonicalize()?)?;
        // Paths that were compiled in go through it.
        tree.directory(env!("CARGO_MANIFEST_DIR"), 0o755);
        Ok(())
    }

    /// The shell script that the first process reads.
    fn jobs(&self) -> String {
        let directories: Vec<String> = self
            .suite
            .programs
            .iter()
            .filter_map(|program| program.path.parent())
            .map(|directory| directory.display().to_string())
            .collect();
        let mut lines = Vec::new();
        if let Some(directory) = directories.first() {
            lines.push(format!("PATH={}:$PATH\n", quoted(directory)));
        }
        if !self.command.is_empty() {
            let words: Vec<String> = self.command.iter().map(|word| quoted(word)).collect();
            lines.push(format!("job command {}\n", words.join(" ")));
            return lines.concat();
        }
        // Two threads: with one, libtest prints a test's name and its outcome apart.
        let filter = self.filter.map(|filter| format!(" {}", quoted(filter))).unwrap_or_default();
        lines.extend(self.suite.tests.iter().map(|test| {
            let (name, path) = (quoted(&test.name), quoted(&test.path.to_string_lossy()));
            format!("job {name} {path} --nocapture --test-threads=2{filter}\n")
        }));
        lines.concat()
    }
}

/// The shell of its first process, and a name for each of its tools that is not there already.
fn busybox(tree: &mut Initramfs) -> Result<()> {
    let path = find("busybox").context("busybox (`make deps-vm` installs it)")?;
    tree.program(&path)?;
    let said = run(Command::new(&path).arg("--list"), Duration::from_secs(10))?;
    for name in said.success()?.lines() {
        tree.link(Path::new("/usr/bin").join(name), "busybox");
    }
    tree.link("/usr/sbin/modprobe", "../bin/busybox");
    Ok(())
}

/// A program of this machine, by the usual places.
fn find(name: &str) -> Option<PathBuf> {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        .iter()
        .map(|directory| Path::new(directory).join(name))
        .find(|path| path.exists())
}

/// One word of the shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::suite::Executable;

    fn jobs(filter: Option<&str>, command: &[String]) -> String {
        let executable = |name: &str, path: &str| Executable { name: name.to_owned(), path: path.into() };
        let suite = Suite {
            programs: vec![executable("ebpfauditd/ebpfauditd", "/t/debug/ebpfauditd")],
            tests: vec![executable("tests/flood", "/t/debug/deps/flood-1")],
        };
        Guest { suite: &suite, filter, command }.jobs()
    }

    #[test]
    fn the_jobs_of_the_tests() {
        assert_eq!(
            jobs(Some("a b"), &[]),
            "PATH='/t/debug':$PATH\njob 'tests/flood' '/t/debug/deps/flood-1' --nocapture --test-threads=2 'a b'\n"
        );
    }

    #[test]
    fn a_command_in_their_place() {
        let command = ["sh".to_owned(), "-c".to_owned(), "echo 'x'".to_owned()];
        assert_eq!(jobs(None, &command), "PATH='/t/debug':$PATH\njob command 'sh' '-c' 'echo '\\''x'\\'''\n");
    }
}
