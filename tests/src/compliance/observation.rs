//! What one command said and left behind.

use std::fmt;

use anyhow::{Context, Result};
use compat::audit::{Audit, Status};

use crate::program::Outcome;

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    code: Option<i32>,
    stdout: Vec<String>,
    stderr: Vec<String>,
    /// Each rule that is loaded afterwards, as the wire has it.
    rules: Vec<Vec<u8>>,
    /// `enabled`, `failure`, `rate_limit`, `backlog_limit`, `backlog_wait_time` afterwards.
    settings: [u32; 5],
}

impl Observation {
    /// Of a command that has ended, and of the system that it spoke to; without one, of the command alone.
    pub fn new(outcome: &Outcome, audit: Option<&mut dyn Audit>) -> Result<Self> {
        let (rules, settings) = match audit {
            Some(audit) => {
                let Status { enabled, failure, rate_limit, backlog_limit, backlog_wait_time, .. } =
                    audit.status().context("the status")?;
                (
                    audit.list_rules().context("the rules")?,
                    [enabled, failure, rate_limit, backlog_limit, backlog_wait_time],
                )
            }
            None => Default::default(),
        };
        Ok(Self {
            code: outcome.status.code(),
            stdout: lines(&outcome.stdout),
            stderr: lines(&outcome.stderr),
            rules,
            settings,
        })
    }

    /// The same without the lines of standard error that begin with this.
    #[must_use]
    pub fn without(&self, start: &str) -> Self {
        let stderr = self.stderr.iter().filter(|line| !line.starts_with(start)).cloned().collect();
        Self { stderr, ..self.clone() }
    }
}

/// The lines, each with its end, without what the moment decides: who the daemon is, what waits in the kernel's queue.
fn lines(text: &str) -> Vec<String> {
    let settled = |line: &str| match line.trim_end().split_once(' ') {
        Some(("pid", pid)) if pid != "0" => "pid N\n".to_owned(),
        Some((counter @ ("backlog" | "backlog_wait_time_actual"), _)) => format!("{counter} N\n"),
        _ => line.to_owned(),
    };
    text.split_inclusive('\n').map(settled).collect()
}

impl fmt::Display for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => writeln!(f, "    exit {code}")?,
            None => writeln!(f, "    killed")?,
        }
        for (name, lines) in [("out", &self.stdout), ("err", &self.stderr)] {
            for line in lines {
                writeln!(f, "    {name} {line:?}")?;
            }
        }
        writeln!(f, "    {} rules, settings {:?}", self.rules.len(), self.settings)
    }
}
