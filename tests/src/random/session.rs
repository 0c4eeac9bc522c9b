//! Sequences under one side, in one run of its daemon.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::kernel::Audit;
use crate::log::{self, Event};
use crate::normal::Names;
use crate::proof;
use crate::side::{Daemon, Side};

use super::name::plant;
use super::sequence::Sequence;

/// Login uid of a session's first sequence.
const FIRST_AUID: u32 = 43_000;

/// A file system of its own, so that two sessions give the same inode numbers to the same files.
#[derive(Debug)]
struct Ground(PathBuf);

impl Ground {
    fn lay() -> Result<Self> {
        // The place is fixed, because names are part of the records. Whoever holds the kernel's audit may use it.
        let place = std::env::temp_dir().join("ebpfauditd-random");
        fs::create_dir_all(&place).with_context(|| place.display().to_string())?;
        mount(Some("random"), &place, Some("tmpfs"), MsFlags::empty(), Some("mode=755"))
            .context("a tmpfs")?;
        Ok(Self(place))
    }

    /// Its device as records name it.
    fn device(&self) -> Result<String> {
        let device = std::os::unix::fs::MetadataExt::dev(&fs::metadata(&self.0)?);
        Ok(format!("{:02x}:{:02x}", nix::sys::stat::major(device), nix::sys::stat::minor(device)))
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if let Err(error) = umount2(&self.0, MntFlags::MNT_DETACH) {
            eprintln!("{} stays mounted: {error}", self.0.display());
        }
    }
}

/// What one sequence left.
#[derive(Debug, Default)]
pub struct Trace {
    /// What each call answered.
    pub answers: String,
    /// Its rules.
    pub rules: Vec<String>,
    /// What was recorded, normalised.
    pub events: Vec<Event>,
}

/// Plays the sequences under one side, and returns what each left; `planned` gets what our side serves the rules by.
pub fn play(
    side: Side,
    audit: &Audit,
    prover: &Path,
    sequences: &[Sequence],
    planned: &mut BTreeMap<String, usize>,
) -> Result<Vec<Trace>> {
    let ground = Ground::lay()?;
    let device = ground.device()?;
    let mut traces = Vec::new();
    for (number, sequence) in sequences.iter().enumerate() {
        let root = ground.0.join(number.to_string());
        plant(&root).with_context(|| root.display().to_string())?;
        let rules = sequence.rules(&root, FIRST_AUID + number as u32)?;
        traces.push(Trace { rules, ..Trace::default() });
    }
    let rules: Vec<String> = traces.iter().flat_map(|trace| trace.rules.iter().cloned()).collect();
    let daemon = Daemon::start(side, audit, &rules, &[])?;
    if side == Side::Ours {
        for (engine, rules) in proof::engines(daemon.directory())? {
            *planned.entry(engine).or_insert(0) += rules;
        }
    }
    let root = ground.0.to_str().context("a place that is not UTF-8")?;
    let (auid, texts) =
        (FIRST_AUID.to_string(), sequences.iter().map(Sequence::to_string).collect::<Vec<_>>());
    let mut words = vec!["random", root, &auid];
    words.extend(texts.iter().map(String::as_str));
    let said = proof::act(prover, &words)?.success()?;
    daemon.settle("random-ends")?;
    let log = log::parse(&daemon.stop()?)?;
    for line in said.lines() {
        let (number, answer) = line.split_once(": ").with_context(|| format!("the prover said {line}"))?;
        let trace =
            traces.get_mut(number.parse::<usize>()?).with_context(|| format!("no sequence {number}"))?;
        trace.answers += answer;
        trace.answers.push('\n');
    }
    sort(&log, &device, &mut traces);
    Ok(traces)
}

/// Gives each trace its events: those with its login uid.
fn sort(log: &[Event], device: &str, traces: &mut [Trace]) {
    let mut names: HashMap<usize, Names> = HashMap::new();
    for event in log {
        let auid = event.syscall("auid").and_then(|auid| auid.parse::<u32>().ok());
        let Some(number) = auid.and_then(|auid| auid.checked_sub(FIRST_AUID)).map(|number| number as usize)
        else {
            continue;
        };
        let Some(trace) = traces.get_mut(number) else { continue };
        // The kernel's own record of the login is an event of its own with us (`own-records-apart`).
        if event.record("LOGIN").is_some() {
            continue;
        }
        let mut event = names.entry(number).or_default().normalise(event);
        for field in event.records.iter_mut().flat_map(|record| &mut record.fields) {
            if field.name == "dev" && field.value == device {
                "the ground's".clone_into(&mut field.value);
            }
        }
        trace.events.push(event);
    }
}
