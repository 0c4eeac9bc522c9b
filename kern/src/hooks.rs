//! The table of hooks: which program hangs where, and what for. To add a hook, add a line to [`HOOKS`].

/// How a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HookKind {
    /// A tracepoint with typed arguments (`tp_btf`).
    BtfTracepoint,
    /// Before a function, by a trampoline.
    Fentry,
    /// After a function, by a trampoline.
    Fexit,
    /// Before a function, by a breakpoint.
    Kprobe,
    /// After a function, by a breakpoint.
    Kretprobe,
}

impl HookKind {
    /// What it is called in BPF's own words.
    pub const fn word(self) -> &'static str {
        match self {
            Self::BtfTracepoint => "tracepoint",
            Self::Fentry => "fentry",
            Self::Fexit => "fexit",
            Self::Kprobe => "kprobe",
            Self::Kretprobe => "kretprobe",
        }
    }
}

/// What records and rules need to know of the inside of a syscall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fact {
    /// The names that the kernel took over from user space, in its order.
    Name,
    /// Where a path walk ended.
    Lookup,
    /// The directory in which a name is to be made or removed.
    Parent,
    /// What an open ended at, and how far it came.
    Open,
    /// A file that was made: mkdir, mknod, an open, a bound socket.
    Create,
    /// A file that was removed.
    Delete,
    /// A second name for a file.
    Link,
    /// A file that was moved.
    Rename,
    /// A symbolic link that was made.
    Symlink,
    /// A link or creation that `fs.protected_*` forbids.
    Denied,
    /// The file of a descriptor that a syscall is about.
    File,
    /// A socket address, as the kernel has it.
    Address,
    /// Whom a signal went to.
    Signal,
    /// What an exec began with.
    Exec,
    /// The number of a child.
    Fork,
    /// The owner and mode of an IPC object.
    Ipc,
    /// What a message queue was asked for.
    Queue,
    /// The name of a kernel module.
    Module,
    /// What the kernel's clock was set to.
    Clock,
    /// The operations of an `io_uring`.
    Uring,
    /// The arguments behind a pointer of a syscall that is many in one.
    Multiplex,
    /// The registers with which a return from a signal handler was asked for.
    Return,
}

impl Fact {
    /// What it is, for a person who reads the plan.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Name => "names taken over by the kernel",
            Self::Lookup => "ends of path walks",
            Self::Parent => "directories of names",
            Self::Open => "opened files",
            Self::Create => "files made",
            Self::Delete => "files removed",
            Self::Link => "links made",
            Self::Rename => "files moved",
            Self::Symlink => "symbolic links made",
            Self::Denied => "denied links",
            Self::File => "files of descriptors",
            Self::Address => "socket addresses",
            Self::Signal => "targets of signals",
            Self::Exec => "beginnings of execs",
            Self::Fork => "children",
            Self::Ipc => "IPC objects",
            Self::Queue => "message queues",
            Self::Module => "names of modules",
            Self::Clock => "settings of the clock",
            Self::Uring => "operations of io_uring",
            Self::Multiplex => "arguments of multiplexed calls",
            Self::Return => "registers of returns from signal handlers",
        }
    }
}

/// A way to attach a hook: a program of the object and what it hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name of the program in the object.
    pub program: &'static str,
    /// How it is attached.
    pub kind: HookKind,
    /// The tracepoint or function.
    pub target: &'static str,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct HookInfo {
    /// Which hook this is.
    pub hook: Hook,
    /// What it is for, for a person who reads the plan.
    pub purpose: &'static str,
    /// The facts it has a part in. A fact is had when all hooks that have a part in it can be attached.
    pub facts: &'static [Fact],
    /// Where it can hang, best first. A kernel that refuses one of a way's places refuses the way.
    pub ways: &'static [&'static [Place]],
}

impl HookInfo {
    /// What the hook is called by: the tracepoint or function of its best way.
    pub fn target(&self) -> &'static str {
        self.ways[0][0].target
    }
}

/// Makes the table and the names of its lines.
macro_rules! hooks {
    ($($(#[$doc:meta])+ $hook:ident: $purpose:literal [$($fact:ident)*] $([$($kind:ident $program:literal $target:literal),+]),+;)+) => {
        /// A place in the kernel at which one of our programs can hang.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Hook {
            $($(#[$doc])+ $hook,)+
        }

        /// Every hook, in the order of [`Hook`]. A test compares it with the programs of the objects.
        pub const HOOKS: &[HookInfo] = &[$(HookInfo {
            hook: Hook::$hook,
            purpose: $purpose,
            facts: &[$(Fact::$fact),*],
            ways: &[$(&[$(Place { program: $program, kind: HookKind::$kind, target: $target }),+]),+],
        }),+];
    };
}

hooks! {
    /// Every syscall's exit: rules are judged and events are made here where stubs do not serve.
    SyscallExit: "judges rules and records syscalls" []
        [BtfTracepoint "ea_sys_exit" "sys_exit"];
    /// The point of no return of an exec: entry registers, old credentials.
    PrepareExec: "arguments and old credentials of an exec" [Exec]
        [BtfTracepoint "ea_prepare_exec" "sched_prepare_exec"],
        [Fexit "ea_exec_credentials" "security_bprm_creds_from_file"];
    /// A task's birth: the child's number, the task list.
    Fork: "root-namespace pid of a child; task list" [Fork]
        [BtfTracepoint "ea_fork" "sched_process_fork"];
    /// A task's death: exit and `exit_group`, where stubs do not serve.
    ProcessExit: "exit and exit_group, which never return" []
        [BtfTracepoint "ea_exit" "sched_process_exit"];
    /// A signal's way to its target.
    SignalGenerate: "targets of a signal" [Signal]
        [BtfTracepoint "ea_signal" "signal_generate"];
    /// System V IPC objects that a syscall is about.
    Ipc: "owner and mode of IPC objects" [Ipc]
        [
            Fentry "ea_ipcperms" "ipcperms",
            Fentry "ea_ipcctl_obtain_check" "ipcctl_obtain_check",
            Fentry "ea_shmctl" "security_shm_shmctl",
            Fentry "ea_semctl" "security_sem_semctl",
            Fentry "ea_msgctl" "security_msg_queue_msgctl"
        ];
    /// What POSIX message queues are asked for.
    Queue: "what message queues are asked for" [Queue]
        [
            Fentry "ea_mq_open" "do_mq_open",
            Fentry "ea_mq_timedsend" "do_mq_timedsend",
            Fentry "ea_mq_timedreceive" "do_mq_timedreceive",
            Fentry "ea_mq_notify" "do_mq_notify",
            Fexit "ea_mq_getsetattr" "do_mq_getsetattr"
        ];
    /// What adjtimex does to the clock.
    Adjtime: "changes of the clock's discipline" [Clock]
        [Fentry "ea_do_adjtimex" "do_adjtimex", Fexit "ea_adjtimex_values" "__do_adjtimex"],
        [Fentry "ea_do_adjtimex" "do_adjtimex", Fexit "ea_ntp_adjtimex_values" "ntp_adjtimex"];
    /// The name of a module that is being loaded.
    LoadModule: "names of modules" [Module]
        [Fentry "ea_find_module" "find_module_all"];
    /// Links and creations that `fs.protected_*` forbids.
    PathDenied: "links and creations that fs.protected_* forbids" [Denied]
        [Fentry "ea_path_denied" "audit_log_path_denied"];
    /// A task's death, for the legacy object: what is kept by a task's address must not outlive it.
    Forget: "end of what is kept of a task" []
        [BtfTracepoint "ea_forget" "sched_process_exit"];
}

/// What only the legacy object has, and needs as long as anything of it is attached.
pub const FORGET: Hook = Hook::Forget;

/// A program that judges one syscall: a stub at the syscall's function goes on into it by a tail call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judge {
    /// Where the program is and what it is loaded for: a function of the stubs' prototype.
    pub place: Place,
    /// The map that the stubs find it in.
    pub programs: &'static str,
}

/// Syscalls that return, whose function calls its argument `regs`.
pub const FEXIT: Judge = Judge {
    place: Place { program: "ea_fexit", kind: HookKind::Fexit, target: "__x64_sys_umask" },
    programs: "ea_fexits",
};

/// Syscalls that return, whose function calls its argument `__unused`.
pub const FEXIT_UNUSED: Judge = Judge {
    place: Place { program: "ea_fexit_unused", kind: HookKind::Fexit, target: "__do_sys_getpid" },
    programs: "ea_fexits_unused",
};

/// Syscalls that do not return.
pub const FENTRY: Judge = Judge {
    place: Place { program: "ea_fentry", kind: HookKind::Fentry, target: "__x64_sys_exit_group" },
    programs: "ea_fentries",
};

/// Every judge.
pub const JUDGES: [Judge; 3] = [FEXIT, FEXIT_UNUSED, FENTRY];

/// The smallest program that needs a trampoline, loaded to learn whether the kernel has them.
pub const TRAMPOLINE_PROBE: Place =
    Place { program: "ea_probe_fentry", kind: HookKind::Fentry, target: "vfs_open" };

impl Hook {
    /// The hook's line of the table.
    pub fn info(self) -> &'static HookInfo {
        &HOOKS[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn lines_are_in_the_order_of_their_names() {
        for info in HOOKS {
            assert_eq!(info.hook.info().purpose, info.purpose);
        }
    }

    #[test]
    fn names_the_programs_of_the_objects() {
        let programs = |object: &[u8]| -> BTreeSet<String> {
            aya_obj::Object::parse(object).unwrap().programs.keys().cloned().collect()
        };
        let judges = JUDGES.iter().map(|judge| &judge.place).chain([&TRAMPOLINE_PROBE]);
        let mut ours: BTreeSet<_> = HOOKS
            .iter()
            .flat_map(|info| info.ways.iter().copied().flatten())
            .chain(judges)
            .map(|place| place.program.to_owned())
            .collect();
        assert_eq!(ours, programs(crate::LEGACY_OBJECT));
        for place in FORGET.info().ways.iter().copied().flatten() {
            ours.remove(place.program);
        }
        assert_eq!(ours, programs(crate::OBJECT));
    }

    #[test]
    fn the_judges_maps_are_in_the_objects() {
        for object in [crate::OBJECT, crate::LEGACY_OBJECT] {
            let object = aya_obj::Object::parse(object).unwrap();
            for judge in JUDGES {
                assert!(object.maps.contains_key(judge.programs), "{}", judge.programs);
            }
        }
    }
}
