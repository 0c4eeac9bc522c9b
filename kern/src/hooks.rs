//! The table of hooks: which program hangs where, and what for.

/// How a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HookKind {
    /// A tracepoint with typed arguments (`tp_btf`).
    BtfTracepoint,
}

/// A place in the kernel at which one of our programs can hang.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hook {
    /// Every syscall's exit: rules are judged and events are made here.
    SyscallExit,
    /// The point of no return of an exec: entry registers, old credentials.
    PrepareExec,
    /// A task's birth: the child's number, the task list.
    Fork,
    /// A task's death: exit and `exit_group`.
    ProcessExit,
    /// A signal's way to its target.
    SignalGenerate,
    /// A task's death, for the legacy object: state kept by the task's address must not outlive it.
    Forget,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct HookInfo {
    /// Which hook this is.
    pub hook: Hook,
    /// Name of the program in the object.
    pub program: &'static str,
    /// How it is attached.
    pub kind: HookKind,
    /// To what: the tracepoint's name.
    pub target: &'static str,
    /// What it is for, for a person who reads the plan.
    pub purpose: &'static str,
}

/// Every hook that a rule can need. A test compares it with the programs of the objects.
pub const HOOKS: [HookInfo; 5] = [
    HookInfo {
        hook: Hook::SyscallExit,
        program: "ea_sys_exit",
        kind: HookKind::BtfTracepoint,
        target: "sys_exit",
        purpose: "judges rules and records syscalls",
    },
    HookInfo {
        hook: Hook::PrepareExec,
        program: "ea_prepare_exec",
        kind: HookKind::BtfTracepoint,
        target: "sched_prepare_exec",
        purpose: "arguments and old credentials of an exec",
    },
    HookInfo {
        hook: Hook::Fork,
        program: "ea_fork",
        kind: HookKind::BtfTracepoint,
        target: "sched_process_fork",
        purpose: "root-namespace pid of a child; task list",
    },
    HookInfo {
        hook: Hook::ProcessExit,
        program: "ea_exit",
        kind: HookKind::BtfTracepoint,
        target: "sched_process_exit",
        purpose: "exit and exit_group, which never return",
    },
    HookInfo {
        hook: Hook::SignalGenerate,
        program: "ea_signal",
        kind: HookKind::BtfTracepoint,
        target: "signal_generate",
        purpose: "targets of a signal",
    },
];

/// What only the legacy object has, and needs as long as anything of it is attached.
pub const FORGET: HookInfo = HookInfo {
    hook: Hook::Forget,
    program: "ea_forget",
    kind: HookKind::BtfTracepoint,
    target: "sched_process_exit",
    purpose: "end of what is kept of a task",
};

/// The program that is loaded to learn whether the kernel has BPF trampolines, and a function to load it for.
pub const TRAMPOLINE_PROBE: (&str, &str) = ("ea_probe_fentry", "vfs_open");

impl Hook {
    /// The hook's line of the table.
    pub fn info(self) -> &'static HookInfo {
        // the table has a line for each other variant; a test holds it to that
        HOOKS.iter().find(|info| info.hook == self).unwrap_or(&FORGET)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_the_programs_of_the_object() {
        let programs = |object: &[u8]| -> BTreeSet<String> {
            aya_obj::Object::parse(object).unwrap().programs.keys().cloned().collect()
        };
        let mut ours: BTreeSet<_> = HOOKS.iter().map(|info| info.program.to_owned()).collect();
        ours.insert(TRAMPOLINE_PROBE.0.to_owned());
        assert_eq!(ours, programs(crate::OBJECT));
        ours.insert(FORGET.program.to_owned());
        assert_eq!(ours, programs(crate::LEGACY_OBJECT));
        for info in HOOKS.into_iter().chain([FORGET]) {
            assert_eq!(info.hook.info().program, info.program);
        }
    }
}
