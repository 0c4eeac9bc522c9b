//! Which engine serves a rule set here, by the plan that our daemon prints.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ::tests::program::run;
use anyhow::{Context, Result};

use super::rules::RuleSet;
use super::scratch::Scratch;

/// Finding out what a kernel offers loads programs; an emulated one takes seconds for that.
const PATIENCE: Duration = Duration::from_mins(1);

/// Which of our engines serves all rules of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    /// Programs at the named syscalls.
    Trampoline,
    /// Programs at all syscalls, for some of the rules at least.
    Tracepoint,
}

/// The engine that serves `rules`; where some of them are not ours to serve, the plan's own summary.
pub(super) fn engine(
    daemon: &Path,
    rules: RuleSet,
    scratch: &Scratch,
) -> Result<std::result::Result<Engine, String>> {
    scratch.set_rules(&rules.file(&scratch.watched())?)?;
    let mut command = Command::new(daemon);
    command.arg("--plan").arg("-c").arg(scratch.ours()).arg("--run-dir").arg(scratch.run());
    let text = run(&mut command, PATIENCE)?.success().context("ebpfauditd --plan")?;
    let summary = text.lines().last().unwrap_or_default();
    served(summary).with_context(|| format!("ebpfauditd --plan ends with {summary:?}"))
}

/// Reads `N rules: N trampoline, N tracepoint, N kernel audit, N refused`.
fn served(summary: &str) -> Option<std::result::Result<Engine, String>> {
    let (_, counts) = summary.split_once(" rules: ")?;
    let count = |name: &str| -> Option<usize> {
        counts.split(", ").find_map(|count| count.strip_suffix(name)?.trim_end().parse().ok())
    };
    let (tracepoint, others) = (count("tracepoint")?, count("kernel audit")? + count("refused")?);
    count("trampoline")?;
    Some(match (others, tracepoint) {
        (0, 0) => Ok(Engine::Trampoline),
        (0, _) => Ok(Engine::Tracepoint),
        _ => Err(summary.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_a_plan() {
        let summary = |counts: [usize; 4]| {
            let [a, b, c, d] = counts;
            served(&format!("9 rules: {a} trampoline, {b} tracepoint, {c} kernel audit, {d} refused"))
        };
        assert_eq!(summary([9, 0, 0, 0]), Some(Ok(Engine::Trampoline)));
        assert_eq!(summary([8, 1, 0, 0]), Some(Ok(Engine::Tracepoint)));
        assert!(summary([8, 0, 1, 0]).is_some_and(|served| served.is_err()));
        assert!(summary([8, 0, 0, 1]).is_some_and(|served| served.is_err()));
        assert_eq!(served("something else"), None);
    }
}
