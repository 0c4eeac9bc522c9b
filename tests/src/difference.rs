//! The differences that are on purpose. Each stands in `docs/differences.md` under its name, with its reason.

use crate::compare::Mismatch;
use crate::obstacle::{names_of_ring_workers, no_audited_ring};

/// One difference on purpose.
#[derive(Debug, Clone, Copy)]
pub struct Difference {
    /// Its name in `docs/differences.md`.
    pub id: &'static str,
    /// Which mismatches it explains.
    pub explains: fn(&Mismatch) -> bool,
    /// Where it is needed.
    pub on: On,
}

/// The kernels on which a difference shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// All.
    Every,
    /// Some of those with BPF trampolines, or all of them at times.
    SomeTrampolines,
    /// Those with BPF trampolines that audit `io_uring`, but not the names of its workers.
    NamelessRings,
    /// Those without.
    Tracepoints,
    /// Some of those, which need not be the one that runs.
    SomeTracepoints,
}

impl On {
    /// Whether kernels that have BPF trampolines, or have none, are among them.
    pub fn includes(self, trampolines: bool) -> bool {
        match self {
            Self::Every => true,
            Self::SomeTrampolines | Self::NamelessRings => trampolines,
            Self::Tracepoints | Self::SomeTracepoints => !trampolines,
        }
    }

    /// Whether it must show on such a kernel.
    pub fn demands(self, trampolines: bool) -> bool {
        match self {
            Self::SomeTracepoints | Self::SomeTrampolines => false,
            Self::NamelessRings => trampolines && no_audited_ring().is_none() && !names_of_ring_workers(),
            Self::Every | Self::Tracepoints => self.includes(trampolines),
        }
    }
}

/// The fields of a PATH record that are there only when the name led somewhere.
const FOUND: &[&str] = &["inode", "dev", "mode", "ouid", "ogid", "rdev", "nametype", "OUID", "OGID", "obj"];

fn is_field(mismatch: &Mismatch, record: &str, fields: &[&str]) -> bool {
    mismatch.record == record && fields.contains(&mismatch.field.as_str())
}

fn is_seccomps(mismatch: &Mismatch) -> bool {
    mismatch.case == "seccomp-refused" && mismatch.record.is_empty() && mismatch.theirs.is_none()
}

/// All of them. One that explains nothing in the comparison has to go.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        id: "proctitle-of-the-program-now-running",
        explains: |mismatch| {
            is_field(mismatch, "PROCTITLE", &["proctitle"]) && mismatch.case == "exec-in-place"
        },
        on: On::Every,
    },
    Difference {
        id: "proctitle-of-the-killed",
        explains: |mismatch| {
            is_field(mismatch, "PROCTITLE", &["proctitle"])
                && mismatch.case == "killed-while-blocked"
                && mismatch.theirs.as_deref() == Some("\"(null)\"")
        },
        on: On::Every,
    },
    Difference {
        id: "open-create-existing",
        explains: |mismatch| {
            mismatch.case == "open-create-existing"
                && (mismatch.record == "PATH" || is_field(mismatch, "SYSCALL", &["items"]))
        },
        on: On::SomeTracepoints,
    },
    Difference {
        id: "late-names",
        explains: |mismatch| {
            is_field(mismatch, "PATH", FOUND)
                && ["execveat-script-descriptor", "in-a-changed-root"].contains(&mismatch.case.as_str())
        },
        on: On::Tracepoints,
    },
    Difference {
        id: "late-names",
        explains: |mismatch| {
            // it ends at once, and may be the first program of a run that asks for its interpreter
            is_field(mismatch, "PATH", &["name"])
                && mismatch.case == "execveat-memory"
                && mismatch.ours.as_deref() == Some("(null)")
        },
        on: On::SomeTracepoints,
    },
    Difference {
        id: "script-chain",
        explains: |mismatch| {
            mismatch.case == "exec-nested-script"
                && (mismatch.record == "PATH" || is_field(mismatch, "SYSCALL", &["items"]))
        },
        on: On::Tracepoints,
    },
    Difference { id: "seccomp-refused-is-recorded", explains: is_seccomps, on: On::Tracepoints },
    Difference { id: "seccomp-refused-is-recorded", explains: is_seccomps, on: On::SomeTrampolines },
    Difference {
        id: "lost-directory-late",
        explains: |mismatch| {
            mismatch.case == "path-directory-renamed"
                && mismatch.record.is_empty()
                && mismatch.theirs.is_none()
        },
        on: On::SomeTrampolines,
    },
    Difference {
        id: "short-address",
        explains: |mismatch| mismatch.case == "getsockname-short" && mismatch.record == "SOCKADDR",
        on: On::Tracepoints,
    },
    Difference {
        id: "pipe-efault",
        explains: |mismatch| {
            mismatch.case == "pipe-efault" && mismatch.record == "FD_PAIR" && mismatch.ours.is_none()
        },
        on: On::Every,
    },
    Difference {
        id: "ring-worker-names",
        explains: |mismatch| {
            const BY_WORKERS: &[&str] = &[
                "ring-openat-worker",
                "ring-openat-create",
                "ring-unlinkat",
                "ring-mkdirat",
                "ring-renameat",
                "ring-linkat",
                "ring-symlinkat",
                "ring-watched-unlink-worker",
                "ring-watched-rename-worker",
            ];
            BY_WORKERS.contains(&mismatch.case.as_str())
                && (mismatch.record == "PATH" || is_field(mismatch, "URINGOP", &["items"]))
        },
        on: On::NamelessRings,
    },
    Difference {
        id: "absent-syscalls",
        explains: |mismatch| {
            mismatch.case == "uselib-refused" && mismatch.record.is_empty() && mismatch.ours.is_none()
        },
        on: On::SomeTrampolines,
    },
];

/// Differences of another kind, which other tests rely on.
pub const OTHERS: &[&str] = &["rules-file-whole", "fork-exit", "daemon-lost"];

/// The difference that explains `mismatch` on a kernel that has `trampolines`, or has none.
pub fn explain(mismatch: &Mismatch, trampolines: bool) -> Option<&'static Difference> {
    DIFFERENCES
        .iter()
        .find(|difference| difference.on.includes(trampolines) && (difference.explains)(mismatch))
}
