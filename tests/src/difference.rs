//! The differences that are on purpose. Each stands in `docs/differences.md` under its name, with its reason.

use crate::compare::Mismatch;

/// One difference on purpose.
#[derive(Debug, Clone, Copy)]
pub struct Difference {
    /// Its name in `docs/differences.md`.
    pub id: &'static str,
    /// Which mismatches it explains.
    pub explains: fn(&Mismatch) -> bool,
}

/// All of them. One that explains nothing in the comparison has to go.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        id: "proctitle-of-the-program-now-running",
        explains: |mismatch| {
            mismatch.record == "PROCTITLE"
                && mismatch.field == "proctitle"
                && mismatch.case == "exec-in-place"
        },
    },
    Difference {
        id: "seccomp-refused-is-recorded",
        explains: |mismatch| {
            mismatch.case == "seccomp-refused" && mismatch.record.is_empty() && mismatch.theirs.is_none()
        },
    },
    Difference {
        id: "short-address",
        explains: |mismatch| mismatch.case == "getsockname-short" && mismatch.record == "SOCKADDR",
    },
    Difference {
        id: "pipe-efault",
        explains: |mismatch| {
            mismatch.case == "pipe-efault" && mismatch.record == "FD_PAIR" && mismatch.ours.is_none()
        },
    },
];

/// Differences of another kind, which other tests rely on.
pub const OTHERS: &[&str] = &["rules-file-whole", "fork-exit", "daemon-lost"];

/// The difference that explains `mismatch`.
pub fn explain(mismatch: &Mismatch) -> Option<&'static Difference> {
    DIFFERENCES.iter().find(|difference| (difference.explains)(mismatch))
}
