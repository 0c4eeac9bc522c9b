//! What carries out the guest's instructions.

use anyhow::{Context, Result};

/// QEMU's `-accel`, and what goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accelerator {
    /// Each of the guest's processors is a thread that translates.
    Emulated,
    /// One thread translates for all.
    OneThread,
    /// One thread translates for all, and each instruction takes [`SHIFT`]'s time of the guest's: what is measured there
    /// is a number of instructions, and repeats.
    Counted,
    /// The host's processors.
    Virtualized,
}

/// An instruction takes two to the power of this, in nanoseconds.
const SHIFT: u32 = 1;

const NAMES: [(&str, Accelerator); 4] = [
    ("tcg", Accelerator::Emulated),
    ("one-thread", Accelerator::OneThread),
    ("icount", Accelerator::Counted),
    ("kvm", Accelerator::Virtualized),
];

impl Accelerator {
    /// The one that `--accel` calls `name`.
    pub(super) fn find(name: &str) -> Result<Self> {
        NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|&(_, accelerator)| accelerator)
            .with_context(|| format!("--accel {name}: unknown; --help lists them"))
    }

    /// QEMU's words for it, from what follows `-accel`.
    pub(super) fn words(self) -> Vec<String> {
        match self {
            Self::Emulated => vec!["tcg,thread=multi".into()],
            Self::OneThread => vec!["tcg,thread=single".into()],
            // sleep=off: where all processors wait, the next timer is due at once.
            Self::Counted => {
                vec!["tcg,thread=single".into(), "-icount".into(), format!("shift={SHIFT},sleep=off")]
            }
            Self::Virtualized => vec!["kvm".into()],
        }
    }
}
