//! `BPRM_FCAPS`: an exec that raised capabilities in another way than root's usual one.

use compat::record::{Event, MessageType};
use kern::abi;

use crate::late::FileCapabilities;
use crate::text::{capabilities, field, hex, word};

/// The highest capability of kernels since 5.9 (`CAP_CHECKPOINT_RESTORE`), if `/proc` does not say.
const LAST_CAPABILITY: u32 = 40;

/// Judges whether an exec raised capabilities, as `cap_bprm_creds_from_file` does (`security/commoncap.c`,
/// `nonroot_raised_pE`).
#[derive(Debug)]
pub struct CapabilityRise {
    /// `CAP_FULL_SET` of this kernel.
    every: u64,
}

impl CapabilityRise {
    /// For the running kernel.
    pub fn new() -> Self {
        Self { every: every_capability() }
    }

    /// Writes the record if there was a rise; `file`: the capabilities of the program's file.
    pub fn write(&self, exec: &abi::Exec, file: &FileCapabilities, event: &mut Event) {
        let (before, after) = (&exec.before, &exec.after);
        let gained = |old: u64, new: u64| new & !old != 0;
        let full = after.effective & self.every == self.every;
        let root_user = exec.after_uid == 0 || exec.after_euid == 0;
        let setuid_root = exec.after_euid == 0 && exec.after_uid != 0;
        let changed_user = exec.before_uid != exec.after_euid;
        let raised = (gained(after.ambient, after.effective) && !(full && root_user))
            || (setuid_root && !full)
            || (!changed_user
                && ((file.version != 0 && gained(before.permitted, after.permitted))
                    || gained(before.ambient, after.ambient)));
        if !raised {
            return;
        }
        event.begin(MessageType::BPRM_FCAPS);
        let out = event.body_mut();
        word(out, "fver=");
        hex(out, u64::from(file.version));
        for (name, set) in [(" fp=", file.permitted), (" fi=", file.inheritable)] {
            word(out, name);
            capabilities(out, set);
        }
        field(out, " fe=", u32::from(file.effective));
        for (name, set) in [
            (" old_pp=", before.permitted),
            (" old_pi=", before.inheritable),
            (" old_pe=", before.effective),
            (" old_pa=", before.ambient),
            (" pp=", after.permitted),
            (" pi=", after.inheritable),
            (" pe=", after.effective),
            (" pa=", after.ambient),
        ] {
            word(out, name);
            capabilities(out, set);
        }
        field(out, " frootid=", file.root);
    }
}

impl Default for CapabilityRise {
    fn default() -> Self {
        Self::new()
    }
}

fn every_capability() -> u64 {
    let last = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap")
        .ok()
        .and_then(|text| text.trim().parse::<u32>().ok())
        .unwrap_or(LAST_CAPABILITY);
    u64::MAX >> (63 - last.min(63))
}
