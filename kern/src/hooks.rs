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
    /// Before a function, by a trampoline: a stub, which goes on into [`FILE_CALL`].
    Stub,
    /// Before a function, by a trampoline, and in its place where it says so: what keeps a task from going on that the program
    /// before it lets wait.
    Hold,
}

impl HookKind {
    /// What it is called in BPF's own words.
    pub const fn word(self) -> &'static str {
        match self {
            Self::BtfTracepoint => "tracepoint",
            Self::Fentry | Self::Stub => "fentry",
            Self::Fexit => "fexit",
            Self::Hold => "fmod_ret",
        }
    }

    /// Whether it needs BPF trampolines.
    pub const fn is_trampoline(self) -> bool {
        matches!(self, Self::Fentry | Self::Fexit | Self::Stub | Self::Hold)
    }

    /// Whether user space makes its program, which is in no object.
    pub const fn is_made(self) -> bool {
        matches!(self, Self::Stub | Self::Hold)
    }
}

/// What records and rules need to know of the inside of a syscall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fact {
    /// The names that the kernel itself gives: of interpreters, sockets, mounted devices.
    Name,
    /// Where a path walk ended.
    Lookup,
    /// The directory in which a name is to be made or removed.
    Parent,
    /// The working directory that a syscall leaves.
    Leave,
    /// What an open ended at, and how far it came.
    Open,
    /// What an open that may make a file told on its way.
    MayCreate,
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
    /// The file of a descriptor whose mode is set.
    Mode,
    /// The file of a descriptor whose owner is set.
    Owner,
    /// The file of a descriptor whose extended attributes a syscall is about.
    Attribute,
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
    /// A name that is taken over, whether a path walk looks it up or not.
    Getname,
    /// The name that quotactl takes over.
    QuotaName,
    /// A name that is taken over after another was given back.
    NextName,
    /// A name that is taken over, but not by a path walk: of a message queue, of a filesystem's type.
    Taken,
    /// The file of a message queue.
    QueueFile,
    /// The name of a kernel module.
    Module,
    /// What the kernel's clock was set to.
    Clock,
    /// The operations of an `io_uring`.
    Uring,
    /// The registers with which a return from a signal handler was asked for.
    Return,
}

impl Fact {
    /// What it is, for a person who reads the plan.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Name => "names given by the kernel",
            Self::Lookup => "ends of path walks",
            Self::Parent => "directories of names",
            Self::Leave => "working directories that are left",
            Self::Open => "opened files",
            Self::MayCreate => "ways of opens that may make a file",
            Self::Create => "files made",
            Self::Delete => "files removed",
            Self::Link => "links made",
            Self::Rename => "files moved",
            Self::Symlink => "symbolic links made",
            Self::Denied => "denied links",
            Self::Mode => "files whose mode is set",
            Self::Owner => "files whose owner is set",
            Self::Attribute => "files whose attributes are asked for",
            Self::Address => "socket addresses",
            Self::Signal => "targets of signals",
            Self::Exec => "beginnings of execs",
            Self::Fork => "children",
            Self::Ipc => "IPC objects",
            Self::Queue => "message queues",
            Self::Getname => "names taken over",
            Self::QuotaName => "names of devices with quotas",
            Self::NextName => "names taken over one after the other",
            Self::Taken => "names that no path walk looks up",
            Self::QueueFile => "files of message queues",
            Self::Module => "names of modules",
            Self::Clock => "settings of the clock",
            Self::Uring => "operations of io_uring",
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
    ($($(#[$doc:meta])+ $hook:ident: $purpose:literal [$($fact:ident)*] $([$($kind:ident $program:literal $target:literal),*]),+;)+) => {
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
            ways: &[$(&[$(Place { program: $program, kind: HookKind::$kind, target: $target }),*]),+],
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
        [Fentry "ea_find_module" "find_module_all", Fexit "ea_load_module" "load_module"];
    /// Links and creations that `fs.protected_*` forbids.
    PathDenied: "links and creations that fs.protected_* forbids" [Denied]
        [Fentry "ea_path_denied" "audit_log_path_denied"];
    /// Socket addresses on their way into and out of the kernel. The second way is that of the object for old kernels.
    Address: "socket addresses" [Address]
        [
            Fexit "ea_move_addr_to_kernel" "move_addr_to_kernel",
            Fentry "ea_move_addr_to_user" "move_addr_to_user"
        ],
        [
            Fentry "ea_socket_connect" "security_socket_connect",
            Fentry "ea_socket_bind" "security_socket_bind",
            Fentry "ea_socket_sendmsg" "security_socket_sendmsg",
            Fentry "ea_move_addr_to_user" "move_addr_to_user"
        ];
    /// The end of a path walk.
    FilenameLookup: "ends of path walks" [Lookup]
        [Fexit "ea_filename_lookup" "filename_lookup"];
    /// The end of a path walk that stops at the last directory.
    FilenameParentat: "directories of names" [Parent]
        [Fexit "ea_filename_parentat" "__filename_parentat"],
        [Fexit "ea_path_parentat" "path_parentat"];
    /// Names that the kernel itself gives.
    GetnameKernel: "names given by the kernel" [Name]
        [Fexit "ea_do_getname_kernel" "do_getname_kernel"],
        [Fexit "ea_getname_kernel" "getname_kernel"];
    /// Names that quotactl takes over.
    QuotaName: "names of devices with quotas" [QuotaName]
        [Fentry "ea_quota_name" "lookup_bdev"];
    /// Names that are taken over one after the other. Kernels before 7.0 tell them apart by the caller's pointers.
    NextName: "names taken over one after the other" [NextName]
        [Fexit "ea_next_name" "do_getname"],
        [];
    /// The working directory, before it is another.
    SetFsPwd: "working directories that are left" [Leave]
        [Fentry "ea_set_fs_pwd" "set_fs_pwd", Fentry "ea_chroot_fs_refs" "chroot_fs_refs"];
    /// The end of an open.
    PathOpenat: "what opens end at" [Open]
        [Fexit "ea_path_openat" "path_openat"];
    /// A file that an open is about to make.
    InodeCreate: "files that opens make" [MayCreate]
        [
            Fexit "ea_security_inode_create" "security_inode_create",
            Fexit "ea_devpts_pty_new" "devpts_pty_new"
        ];
    /// A name that the directory cache does not know: an open is told of the directory then (6.12 and later).
    DAllocParallel: "names unknown to the directory cache" [MayCreate]
        [Fexit "ea_d_alloc_parallel" "d_alloc_parallel"];
    /// A symbolic link that `fs.protected_symlinks` forbids to follow.
    LinkDenied: "links that are not followed" [Lookup Open Parent]
        [Fentry "ea_link_denied" "audit_log_path_denied"];
    /// Directories, nodes and files that are made.
    Create: "files made" [Create]
        [
            Fentry "ea_vfs_mkdir" "vfs_mkdir",
            Fexit "ea_vfs_mkdir_done" "vfs_mkdir",
            Fentry "ea_vfs_mknod" "vfs_mknod",
            Fexit "ea_vfs_mknod_done" "vfs_mknod",
            Fentry "ea_vfs_create" "vfs_create",
            Fexit "ea_vfs_create_done" "vfs_create"
        ];
    /// A node's name, which the kind of node can have refused before it is looked up.
    MknodName: "names of nodes" [Create]
        [Fentry "ea_mknod_name" "do_mknodat"],
        [Fentry "ea_mknod_name" "filename_mknodat"];
    /// Files that are removed.
    MayDelete: "files removed" [Delete Rename]
        [Fexit "ea_may_delete" "may_delete"],
        [Fexit "ea_may_delete" "may_delete_dentry"];
    /// Second names of files.
    Link: "links made" [Link]
        [
            Fentry "ea_vfs_link" "vfs_link",
            Fexit "ea_vfs_link_done" "vfs_link",
            Fentry "ea_link_names" "do_linkat"
        ],
        [
            Fentry "ea_vfs_link" "vfs_link",
            Fexit "ea_vfs_link_done" "vfs_link",
            Fentry "ea_link_names" "filename_linkat"
        ];
    /// Files that are moved.
    Rename: "files moved" [Rename]
        [
            Fentry "ea_vfs_rename" "vfs_rename",
            Fexit "ea_vfs_rename_done" "vfs_rename",
            Fentry "ea_rename_names" "do_renameat2"
        ],
        [
            Fentry "ea_vfs_rename" "vfs_rename",
            Fexit "ea_vfs_rename_done" "vfs_rename",
            Fentry "ea_rename_names" "filename_renameat2"
        ];
    /// Symbolic links that are made.
    Symlink: "symbolic links made" [Symlink]
        [
            Fentry "ea_vfs_symlink" "vfs_symlink",
            Fexit "ea_vfs_symlink_done" "vfs_symlink",
            Fentry "ea_symlink_names" "do_symlinkat"
        ],
        [
            Fentry "ea_vfs_symlink" "vfs_symlink",
            Fexit "ea_vfs_symlink_done" "vfs_symlink",
            Fentry "ea_symlink_names" "filename_symlinkat"
        ];
    /// fchmod's file.
    Fchmod: "files whose mode is set" [Mode]
        [Stub "ea_file_call" "__x64_sys_fchmod", Stub "ea_file_call" "__ia32_sys_fchmod"],
        [Stub "ea_file_call" "__x64_sys_fchmod"];
    /// fchown's file.
    Fchown: "files whose owner is set" [Owner]
        [
            Stub "ea_file_call" "__x64_sys_fchown",
            Stub "ea_file_call" "__ia32_sys_fchown",
            Stub "ea_file_call" "__ia32_sys_fchown16"
        ],
        [
            Stub "ea_file_call" "__x64_sys_fchown",
            Stub "ea_file_call" "__ia32_sys_fchown",
            Fentry "ea_fchown16" "__ia32_sys_fchown16"
        ],
        [Stub "ea_file_call" "__x64_sys_fchown"];
    /// fsetxattr's file.
    Fsetxattr: "files whose attributes are set" [Attribute]
        [Fentry "ea_file_setxattr" "file_setxattr"],
        [
            Stub "ea_file_call" "__x64_sys_fsetxattr",
            Stub "ea_file_call" "__ia32_sys_fsetxattr"
        ],
        [Stub "ea_file_call" "__x64_sys_fsetxattr"];
    /// fgetxattr's file.
    Fgetxattr: "files whose attributes are read" [Attribute]
        [
            Stub "ea_file_call" "__x64_sys_fgetxattr",
            Stub "ea_file_call" "__ia32_sys_fgetxattr"
        ],
        [Stub "ea_file_call" "__x64_sys_fgetxattr"];
    /// flistxattr's file.
    Flistxattr: "files whose attributes are listed" [Attribute]
        [
            Stub "ea_file_call" "__x64_sys_flistxattr",
            Stub "ea_file_call" "__ia32_sys_flistxattr"
        ],
        [Stub "ea_file_call" "__x64_sys_flistxattr"];
    /// fremovexattr's file.
    Fremovexattr: "files whose attributes are removed" [Attribute]
        [
            Stub "ea_file_call" "__x64_sys_fremovexattr",
            Stub "ea_file_call" "__ia32_sys_fremovexattr"
        ],
        [Stub "ea_file_call" "__x64_sys_fremovexattr"];
    /// Names that are taken over, and refused before they are looked up.
    Getname: "names taken over" [Getname]
        [Fexit "ea_do_getname" "do_getname"],
        [
            Fexit "ea_getname" "getname",
            Fexit "ea_getname_flags" "getname_flags",
            Fexit "ea_getname_uflags" "getname_uflags"
        ],
        [Fexit "ea_getname" "getname", Fexit "ea_getname_flags" "getname_flags"],
        [Fexit "ea_getname_flags" "getname_flags"],
        [Fexit "ea_getname" "getname"];
    /// Names that no path walk looks up: of message queues, of filesystems' types.
    Taken: "names that no path walk looks up" [Taken]
        [
            Fexit "ea_queue_getname_flags" "getname_flags",
            Fexit "ea_queue_creating" "start_creating_noperm",
            Fexit "ea_queue_removing" "start_removing_noperm",
            Fentry "ea_vfs_mkobj" "vfs_mkobj",
            Fexit "ea_vfs_mkobj_done" "vfs_mkobj"
        ],
        [
            Fexit "ea_queue_getname" "getname",
            Fexit "ea_queue_lookup" "lookup_one_len",
            Fentry "ea_vfs_mkobj" "vfs_mkobj",
            Fexit "ea_vfs_mkobj_done" "vfs_mkobj"
        ];
    /// The files of message queues.
    QueueFile: "files of message queues" [QueueFile]
        [
            Fentry "ea_queue_send" "do_mq_timedsend",
            Fentry "ea_queue_receive" "do_mq_timedreceive"
        ];
    /// The syscall in which operations of an `io_uring` are carried out.
    RingEnter: "io_uring_enter" [Uring]
        [
            Fentry "ea___x64_sys_io_uring_enter" "__x64_sys_io_uring_enter",
            Fentry "ea___ia32_sys_io_uring_enter" "__ia32_sys_io_uring_enter"
        ],
        [Fentry "ea___x64_sys_io_uring_enter" "__x64_sys_io_uring_enter"];
    /// Operations of an `io_uring`. Newer kernels have an inner function beside this one that most calls do not come through.
    RingOperation: "operations of io_uring" [Uring]
        [
            Fentry "ea_io_issue_sqe" "io_issue_sqe",
            Fexit "ea_io_issue_sqe_done" "io_issue_sqe",
            Fexit "ea_complete_getname" "complete_getname"
        ],
        [Fentry "ea_io_issue_sqe" "io_issue_sqe", Fexit "ea_io_issue_sqe_done" "io_issue_sqe"];
    /// Returns from signal handlers, which lose what they were called with.
    Return: "registers of returns from signal handlers" [Return]
        [
            Fentry "ea_rt_sigreturn" "__do_sys_rt_sigreturn",
            Fentry "ea_compat_rt_sigreturn" "__do_compat_sys_rt_sigreturn",
            Fentry "ea_compat_sigreturn" "__do_compat_sys_sigreturn"
        ],
        [Fentry "ea_rt_sigreturn" "__do_sys_rt_sigreturn"];
    /// What happens to names in marked directories, and to marked inodes.
    Watch: "which inodes watched names lead to" []
        [Fentry "ea_watch" "inotify_handle_inode_event"];
    /// Rules that other programs put into the kernel, who wait until they are in force.
    Request: "rules of other programs, before the kernel has them" []
        [
            Fentry "ea_rule_request" "security_netlink_send",
            Hold "ea_rule_request" "security_netlink_send"
        ];
    /// A task's death, for the legacy object: what is kept by a task's address must not outlive it.
    Forget: "end of what is kept of a task" []
        [BtfTracepoint "ea_forget" "sched_process_exit"];
}

/// What only the legacy object has, and needs as long as anything of it is attached.
pub const FORGET: Hook = Hook::Forget;

impl Hook {
    /// Whether its programs have no twins (`PROGRAM_ALONE`): who adds a rule is held by two programs that belong together, and the
    /// legacy object has none.
    pub const fn is_alone(self) -> bool {
        matches!(self, Self::Request | FORGET)
    }
}

/// A program of many functions, such as one that judges a syscall: a stub at each goes on into it by a tail call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judge {
    /// Where the program is and what it is loaded for: a function of the stubs' prototype.
    pub place: Place,
    /// The map that the stubs find it in.
    pub programs: &'static str,
    /// The one that it goes on into itself.
    pub behind: Option<&'static Judge>,
}

/// Syscalls that return, whose function calls its argument `regs`.
pub const FEXIT: Judge = Judge {
    place: Place { program: "ea_fexit", kind: HookKind::Fexit, target: "__x64_sys_umask" },
    programs: "ea_fexits",
    behind: None,
};

/// open, creat, openat and openat2: most of them end here.
pub const FEXIT_OPEN: Judge = Judge {
    place: Place { program: "ea_fexit_open", kind: HookKind::Fexit, target: "__x64_sys_umask" },
    programs: "ea_fexits_open",
    behind: Some(&FEXIT),
};

/// Syscalls that return, whose function calls its argument `__unused`.
pub const FEXIT_UNUSED: Judge = Judge {
    place: Place { program: "ea_fexit_unused", kind: HookKind::Fexit, target: "__do_sys_getpid" },
    programs: "ea_fexits_unused",
    behind: None,
};

/// Syscalls that do not return.
pub const FENTRY: Judge = Judge {
    place: Place { program: "ea_fentry", kind: HookKind::Fentry, target: "__x64_sys_exit_group" },
    programs: "ea_fentries",
    behind: None,
};

/// Every judge.
pub const JUDGES: [Judge; 4] = [FEXIT, FEXIT_OPEN, FEXIT_UNUSED, FENTRY];

/// What notes the file of a syscall's first argument. It is large, and many functions have it.
pub const FILE_CALL: Judge = Judge {
    place: Place { program: "ea_file_call", kind: HookKind::Fentry, target: "__x64_sys_fchmod" },
    programs: "ea_file_calls",
    behind: None,
};

/// A small program with one of everything in which the two objects differ: a kernel that takes it takes the object.
pub const OBJECT_PROBE: Place =
    Place { program: "ea_probe_object", kind: HookKind::BtfTracepoint, target: "sys_exit" };

/// The smallest program that needs a trampoline, loaded to learn whether the kernel has them.
pub const TRAMPOLINE_PROBE: Place =
    Place { program: "ea_probe_fentry", kind: HookKind::Fentry, target: "vfs_open" };

/// The program that says what `SELinux`'s numbers of contexts stand for; it hangs on nothing.
pub const CONTEXT_PROGRAM: &str = "ea_context";

impl Hook {
    /// The hook's line of the table.
    pub fn info(self) -> &'static HookInfo {
        &HOOKS[self as usize]
    }
}

#[cfg(test)]
mod tests;
