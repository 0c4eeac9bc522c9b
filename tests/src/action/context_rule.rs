//! Rules with the fields of security contexts (`subj_*`, `obj_*`), where no module knows the field: such a rule never matches,
//! whatever its operator, and stands in no other rule's way.

use anyhow::Result;
use nix::errno::Errno;

use crate::case::Case;
use crate::obstacle::{contexts_by_others, some_contexts};
use crate::scene::{FINE, make};
use crate::stage::Stage;
use crate::syscall;

use libc::{AT_FDCWD, O_RDONLY, SYS_getpriority, SYS_openat};

/// A rule for each field that `AppArmor` does not know and each operator: what stands before the field. What follows stands for
/// itself.
macro_rules! each_field {
    ($before:literal $(, $after:literal)*) => {
        each_field!(@ $before, ["subj_user" "subj_type" "subj_sen" "subj_clr" "obj_user" "obj_role" "obj_type"
            "obj_lev_low" "obj_lev_high"], $($after),*)
    };
    (@ $before:literal, [$($field:literal)*], $($after:literal),*) => {
        &[
            $(concat!($before, " -F ", $field, "=unconfined"), concat!($before, " -F ", $field, "!=unconfined"),)*
            concat!($before, " -F subj_clr<s1"),
            $($after,)*
        ]
    };
}

/// getpriority(2) has no names. Where there are no trampolines an open is recorded only when the rule asks for success.
pub const CASES: &[Case] = &[
    Case::file("context-unknown-open", each_field!("-S openat"), 0, opens)
        .by_tracepoints()
        .unless(contexts_by_others),
    Case::new("context-unknown-call", each_field!("-S getpriority"), 0, call).unless(contexts_by_others),
    Case::file("context-unknown-path", each_field!("-F path=$work/file -F perm=r"), 0, opens)
        .by_tracepoints()
        .with(|place| Ok(std::fs::write(place.join("file"), "")?))
        .unless(contexts_by_others),
    Case::file(
        "context-unknown-never-open",
        each_field!("-a never,exit -F arch=b64 -S openat", "-S openat -F success=1"),
        1,
        opens,
    )
    .by_tracepoints()
    .unless(contexts_by_others),
    Case::new(
        "context-unknown-never-call",
        each_field!("-a never,exit -F arch=b64 -S getpriority", "-S getpriority"),
        1,
        call,
    )
    .unless(contexts_by_others),
    // what AppArmor knows is known to nobody where it is not
    Case::new(
        "context-without-modules",
        &["-S getpriority -F subj_role=unconfined", "-S getpriority -F subj_role!=unconfined"],
        0,
        call,
    )
    .unless(some_contexts),
    Case::new(
        "context-without-modules-never",
        &[
            "-a never,exit -F arch=b64 -S getpriority -F subj_role=unconfined",
            "-a never,exit -F arch=b64 -S getpriority -F subj_role!=unconfined",
            "-S getpriority",
        ],
        1,
        call,
    )
    .unless(some_contexts),
];

fn opens(stage: &mut Stage) -> Result<()> {
    make("file", 0o644)?;
    stage.outcomes(|| {
        [c"file", c"absent"].map(|name| {
            let due = if name == c"file" { FINE } else { Errno::ENOENT };
            (syscall!(SYS_openat, AT_FDCWD, name, O_RDONLY), due)
        })
    })
}

fn call(stage: &mut Stage) -> Result<()> {
    stage.outcomes(|| [(syscall!(SYS_getpriority, 0, 0), FINE)])
}
