//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::accelerator::Accelerator;
use super::kernel::{RELEASES, Release};

/// What `--help` prints.
pub(super) const HELP: &str = "\
usage: vm [OPTION]... [-- COMMAND [ARGUMENT]...]
       vm --bench [OPTION]... [-- OPTION OF BENCH...]

Boots Debian's stock kernels in QEMU, one after the other, and runs in each the tests that need a kernel, or COMMAND (which
finds the workspace's programs in its PATH), or the benchmark (built for release).

  --kernel NAME[,NAME]   5.10, 6.1, 6.12, 7 (default: all)
  --only NAME[,NAME]     these test programs, e.g. comparison or ebpfauditd/daemon
                         (default: all but tests/compliance, which takes ten minutes)
  --filter TEXT          of them, the tests whose names contain TEXT
  --release              what is built for release
  --write FILE           put what the benchmark measured into this page, e.g. docs/performance.md
  --lsm LIST             the kernel's security modules (default: Debian's, and bpf)
  --append TEXT          more words for the kernel's command line
  --accel NAME           tcg (default), kvm, one-thread (tcg, one processor after the other), or icount (the same, and the guest's
                         time is the count of its instructions, whatever else this machine does)
  --memory MIB           of the machine (default 2048)
  --stall SECONDS        without a word for so long it counts as stalled (default 240)

Kernels are fetched once, into $EBPFAUDITD_VM_CACHE, else $XDG_CACHE_HOME/ebpfauditd-vm, else ~/.cache/ebpfauditd-vm;
remove a kernel's directory there to fetch the newest.
Exit status: 0 all passed, 1 something differed, 2 it could not be run, 3 a kernel panicked, 4 a machine stalled.
";

/// A checked command line.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) releases: Vec<&'static Release>,
    pub(super) only: Vec<String>,
    pub(super) filter: Option<String>,
    pub(super) release: bool,
    pub(super) bench: bool,
    pub(super) write: Option<PathBuf>,
    pub(super) lsm: String,
    pub(super) append: String,
    pub(super) accelerator: Accelerator,
    pub(super) memory: u32,
    pub(super) stall: Duration,
    pub(super) command: Vec<String>,
}

/// Parses the arguments after the program's name; nothing when help is asked for.
pub(super) fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Options>> {
    let mut options = Options {
        releases: Vec::new(),
        only: Vec::new(),
        filter: None,
        release: false,
        bench: false,
        write: None,
        lsm: "landlock,lockdown,yama,integrity,apparmor,bpf".to_owned(),
        append: String::new(),
        accelerator: Accelerator::Emulated,
        memory: 2048,
        stall: Duration::from_mins(4),
        command: Vec::new(),
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--help" | "-h" => return Ok(None),
            "--kernel" => {
                for name in value()?.split(',') {
                    options.releases.push(Release::find(name)?);
                }
            }
            "--only" => options.only = value()?.split(',').map(str::to_owned).collect(),
            "--filter" => options.filter = Some(value()?),
            "--release" => options.release = true,
            "--bench" => options.bench = true,
            "--write" => options.write = Some(value()?.into()),
            "--lsm" => options.lsm = value()?,
            "--append" => options.append = value()?,
            "--accel" => options.accelerator = Accelerator::find(&value()?)?,
            "--memory" => options.memory = value()?.parse().context("--memory")?,
            "--stall" => options.stall = Duration::from_secs(value()?.parse().context("--stall")?),
            "--" => {
                options.command = words.by_ref().collect();
                ensure!(!options.command.is_empty(), "no command after --");
            }
            other => bail!("{other}: unknown; --help lists the options"),
        }
    }
    if options.releases.is_empty() {
        options.releases.extend(&RELEASES);
    }
    ensure!(options.bench || options.write.is_none(), "--write is for --bench");
    if options.bench {
        options.release = true;
        options.command.splice(0..0, BENCH.map(str::to_owned));
    }
    Ok(Some(options))
}

/// The benchmark in a guest: what the budgets of the trampoline engine are about, in less than eight minutes with boot and end.
const BENCH: [&str; 6] =
    ["bench", "--section", "--minutes", "6", "--only", "null,named,watches,exec,start,stig"];

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Option<Options>> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_command_line() {
        let options =
            parsed("--kernel 6.1 --kernel 6.12,7 --only flood --stall 9 -- bench --quick").unwrap().unwrap();
        let names: Vec<&str> = options.releases.iter().map(|release| release.name).collect();
        assert_eq!(names, ["6.1", "6.12", "7"]);
        assert_eq!((options.only, options.stall), (vec!["flood".to_owned()], Duration::from_secs(9)));
        assert_eq!(options.command, ["bench", "--quick"]);
        let options = parsed("--bench --write x -- --quick").unwrap().unwrap();
        assert!(options.release && options.command.starts_with(&["bench".to_owned()]));
        assert_eq!(options.command.last().map(String::as_str), Some("--quick"));
        assert!(parsed("--help").unwrap().is_none());
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for line in ["--kernel 4.4", "--kernel", "--stall soon", "flood", "--", "--write x"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
