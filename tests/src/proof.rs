//! What the proofs share: how large they are, and the process that acts, which is born for each.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::program::{Outcome, ours, run};
use crate::stage::{PERSONALITY, c_string, words};
use crate::{raw, syscall};

/// How long one process that acts may take.
const LIMIT: Duration = Duration::from_mins(15);

/// How much of a proof is to be done: the number in this variable of the environment, or `usual`.
///
/// In a virtual machine a word `NAME=NUMBER` of the kernel's command line comes here.
pub fn size(name: &str, usual: usize) -> Result<usize> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name}={text} is not a number")),
        Err(_) => Ok(usual),
    }
}

/// Runs the prover with these words.
pub fn act(prover: &Path, words: &[&str]) -> Result<Outcome> {
    run(Command::new(prover).args(words).env_clear(), LIMIT)
}

/// Starts this program again without random addresses, unless it runs so.
pub fn steady(arguments: &[String]) -> Result<()> {
    let current = syscall!(libc::SYS_personality, 0xffff_ffff_u32)?;
    if current == i64::from(PERSONALITY) {
        return Ok(());
    }
    syscall!(libc::SYS_personality, PERSONALITY)?;
    let program = std::env::current_exe().context("finding this program")?;
    let program = c_string(std::os::unix::ffi::OsStrExt::as_bytes(program.as_os_str()))?;
    let words = words(&arguments.iter().map(String::as_bytes).collect::<Vec<_>>())?;
    let errno = raw::execve(&program, &words, &[]);
    bail!("running itself again: {errno}");
}

/// Gives this process the login uid that its rules name.
pub fn log_in(auid: u32) -> Result<()> {
    let mut file = OpenOptions::new().write(true).open("/proc/self/loginuid").context("the login uid")?;
    file.write_all(auid.to_string().as_bytes()).context("setting the login uid")
}

/// Which engines the daemon with this configuration directory plans its rules for, each with the number of rules.
pub fn engines(directory: &Path) -> Result<BTreeMap<String, usize>> {
    let mut command = Command::new(ours("ebpfauditd")?);
    let plan = run(command.arg("--plan").arg("-c").arg(directory), Duration::from_mins(1))?.success()?;
    let mut engines = BTreeMap::new();
    for engine in
        plan.lines().filter_map(|line| line.trim_start().strip_prefix("engine: ")?.split(';').next())
    {
        *engines.entry(engine.to_owned()).or_insert(0) += 1;
    }
    Ok(engines)
}

/// Where there are trampolines, the kernel's audit must serve no rule: the proof would compare the kernel with itself.
pub fn independent(planned: &BTreeMap<String, usize>) -> Result<()> {
    println!("rules by engine: {planned:?}");
    ensure!(
        !trampolines()? || !planned.contains_key("kernel audit"),
        "there are trampolines, but the kernel's audit serves rules: {planned:?}"
    );
    Ok(())
}

/// Whether our daemon finds BPF trampolines on this kernel.
pub fn trampolines() -> Result<bool> {
    let probe = run(Command::new(ours("ebpfauditd")?).arg("--probe"), Duration::from_mins(1))?.success()?;
    Ok(probe.lines().any(|line| line.starts_with("yes  BPF trampolines")))
}
