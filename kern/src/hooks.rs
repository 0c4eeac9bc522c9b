//! The table of hooks: which program hangs where, and what for.

/// How a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HookKind {
    /// A tracepoint with typed arguments (`tp_btf`).
    BtfTracepoint,
    /// A function's entry, by a trampoline.
    Fentry,
    /// A function's return, by a trampoline.
    Fexit,
}

/// What happens in the kernel that a rule may have to be told of.
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
    /// System V IPC objects that a syscall is about.
    Ipc,
    /// What POSIX message queues are asked for.
    Queue,
    /// What adjtimex does to the clock.
    Adjtime,
    /// The name of a module that is being loaded.
    LoadModule,
    /// Links and creations that `fs.protected_*` forbids.
    PathDenied,
    /// A task's death, for the legacy object: state kept by the task's address must not outlive it.
    Forget,
}

/// A place in the kernel at which one of our programs hangs.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Name of the program in the object.
    pub program: &'static str,
    /// How it is attached.
    pub kind: HookKind,
    /// To what: the name of the tracepoint or function.
    pub target: &'static str,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct HookInfo {
    /// Which hook this is.
    pub hook: Hook,
    /// Where it can hang, best first. A kernel that refuses one of a way's places refuses the way.
    pub ways: &'static [&'static [Place]],
    /// What it is for, for a person who reads the plan.
    pub purpose: &'static str,
}

impl HookInfo {
    /// What the hook is called by: the tracepoint or function of its best way.
    pub fn target(&self) -> &'static str {
        self.ways[0][0].target
    }
}

const fn tracepoint(program: &'static str, target: &'static str) -> Place {
    Place { program, kind: HookKind::BtfTracepoint, target }
}

const fn entry(program: &'static str, target: &'static str) -> Place {
    Place { program, kind: HookKind::Fentry, target }
}

const fn exit(program: &'static str, target: &'static str) -> Place {
    Place { program, kind: HookKind::Fexit, target }
}

const ADJTIME: Place = entry("ea_do_adjtimex", "do_adjtimex");
const EXIT: Place = entry("ea_exit_thread", "__x64_sys_exit");
const EXIT_GROUP: Place = entry("ea_exit_group", "__x64_sys_exit_group");
const EXIT_32: Place = entry("ea_exit_thread_32", "__ia32_sys_exit");
const EXIT_GROUP_32: Place = entry("ea_exit_group_32", "__ia32_sys_exit_group");

/// Every hook that a rule can need. A test compares it with the programs of the objects.
pub const HOOKS: [HookInfo; 10] = [
    HookInfo {
        hook: Hook::SyscallExit,
        ways: &[&[tracepoint("ea_sys_exit", "sys_exit")]],
        purpose: "judges rules and records syscalls",
    },
    HookInfo {
        hook: Hook::PrepareExec,
        ways: &[
            &[tracepoint("ea_prepare_exec", "sched_prepare_exec")],
            &[exit("ea_exec_credentials", "security_bprm_creds_from_file")],
        ],
        purpose: "arguments and old credentials of an exec",
    },
    HookInfo {
        hook: Hook::Fork,
        ways: &[&[tracepoint("ea_fork", "sched_process_fork")]],
        purpose: "root-namespace pid of a child; task list",
    },
    HookInfo {
        hook: Hook::ProcessExit,
        ways: &[
            &[tracepoint("ea_exit", "sched_process_exit")],
            &[EXIT, EXIT_GROUP, EXIT_32, EXIT_GROUP_32],
            // a kernel that runs no 32-bit programs
            &[EXIT, EXIT_GROUP],
        ],
        purpose: "exit and exit_group, which never return",
    },
    HookInfo {
        hook: Hook::SignalGenerate,
        ways: &[&[tracepoint("ea_signal", "signal_generate")]],
        purpose: "targets of a signal",
    },
    HookInfo {
        hook: Hook::Ipc,
        ways: &[&[
            entry("ea_ipcperms", "ipcperms"),
            entry("ea_ipcctl_obtain_check", "ipcctl_obtain_check"),
            entry("ea_shmctl", "security_shm_shmctl"),
            entry("ea_semctl", "security_sem_semctl"),
            entry("ea_msgctl", "security_msg_queue_msgctl"),
        ]],
        purpose: "owner and mode of IPC objects",
    },
    HookInfo {
        hook: Hook::Queue,
        ways: &[&[
            entry("ea_mq_open", "do_mq_open"),
            entry("ea_mq_timedsend", "do_mq_timedsend"),
            entry("ea_mq_timedreceive", "do_mq_timedreceive"),
            entry("ea_mq_notify", "do_mq_notify"),
            exit("ea_mq_getsetattr", "do_mq_getsetattr"),
        ]],
        purpose: "what message queues are asked for",
    },
    HookInfo {
        hook: Hook::Adjtime,
        ways: &[
            &[ADJTIME, exit("ea_adjtimex_values", "__do_adjtimex")],
            &[ADJTIME, exit("ea_ntp_adjtimex_values", "ntp_adjtimex")],
        ],
        purpose: "changes of the clock's discipline",
    },
    HookInfo {
        hook: Hook::LoadModule,
        ways: &[&[entry("ea_find_module", "find_module_all")]],
        purpose: "names of modules",
    },
    HookInfo {
        hook: Hook::PathDenied,
        ways: &[&[entry("ea_path_denied", "audit_log_path_denied")]],
        purpose: "links and creations that fs.protected_* forbids",
    },
];

/// What only the legacy object has, and needs as long as anything of it is attached.
pub const FORGET: HookInfo = HookInfo {
    hook: Hook::Forget,
    ways: &[&[tracepoint("ea_forget", "sched_process_exit")]],
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
        let places = |info: &HookInfo| info.ways.concat().into_iter().map(|place| place.program.to_owned());
        let mut ours: BTreeSet<_> = HOOKS.iter().flat_map(places).collect();
        ours.insert(TRAMPOLINE_PROBE.0.to_owned());
        assert_eq!(ours, programs(crate::OBJECT));
        ours.extend(places(&FORGET));
        assert_eq!(ours, programs(crate::LEGACY_OBJECT));
        for info in HOOKS.into_iter().chain([FORGET]) {
            assert_eq!(info.hook.info().hook, info.hook);
        }
    }
}
