//! Rules of our own in the kernel.

use std::io;

use audit_rules::{Action, Condition, Draft, Field, List, Op, Rule, SyscallSet, Value};

use super::StartError;

/// `-a task,never`.
pub(super) fn task_never() -> Result<Vec<u8>, StartError> {
    encode(Draft {
        list: List::Task,
        action: Action::Never,
        syscalls: SyscallSet::default(),
        conditions: Vec::new(),
    })
}

/// `-a never,exit`: whatever comes behind it does not matter.
pub(super) fn never_exit() -> Result<Vec<u8>, StartError> {
    encode(Draft {
        list: List::Exit,
        action: Action::Never,
        syscalls: SyscallSet::all(),
        conditions: Vec::new(),
    })
}

/// `-a always,exclude -F pid=PID`: no records about what this process asks of the kernel.
pub(super) fn exclude_process(pid: u32) -> Result<Vec<u8>, StartError> {
    let condition = Condition::new(Field::Pid, Op::Eq, Value::Number(pid)).map_err(own_rule)?;
    encode(Draft {
        list: List::Exclude,
        action: Action::Always,
        syscalls: SyscallSet::all(),
        conditions: vec![condition],
    })
}

fn encode(draft: Draft) -> Result<Vec<u8>, StartError> {
    Ok(Rule::new(draft).map_err(own_rule)?.encode())
}

/// Cannot happen for the rules above; an error all the same, because a daemon must not panic.
fn own_rule(refusal: audit_rules::Refusal) -> StartError {
    StartError::Request { act: "make a rule of our own", error: io::Error::other(refusal) }
}
