/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between the eBPF programs and user space. kern/src/abi.rs mirrors it, and a test
 * compares the two (layout.bpf.c carries the sizes and offsets).
 *
 * Rules of this file: fixed-width types, explicit padding, natural alignment, no `packed`, no
 * bitfields, no pointers. Numbers that user space sees are never reused for something else.
 */
#ifndef EA_ABI_H
#define EA_ABI_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;

/* ---- limits ------------------------------------------------------------------------------ */

/* Two generations of every table: a reload fills the idle one and switches with one write. */
#define EA_GENERATIONS 2
/* struct audit_rule_data has 64 words of 32 bits: no rule can name a higher syscall number. */
#define EA_SYSCALLS 2048
/* x86-64 and i386; an index, not an AUDIT_ARCH number. */
#define EA_ARCHES 2
/* Steps of one generation: 64 Ki steps of 16 bytes are 1 MiB, room for 10 000 rules of 6 fields. */
#define EA_STEPS 65536
/* Steps that one round of the filter's loop goes through. */
#define EA_STRETCH 16
/* Rounds in one round of the loop around it. */
#define EA_STRETCHES 64
/* Distinct exe= files of one generation. */
#define EA_EXES 1024
/* Components of a path that a walk follows. PATH_MAX bounds a path that a program can name to
 * 2048 components; deeper trees are cut and the item says so. */
#define EA_PATH_DEPTH 2048
/* Components that one round of a walk's loop goes through. */
#define EA_PATH_STRETCH 8
/* Stretches in a run. */
#define EA_PATH_RUN 16
/* Steps of a climb in one stretch, and stretches in a run. 5.10 has no room for the call of a run.
 */
#ifdef EA_LEGACY
#define EA_CLIMB  32
#define EA_CLIMBS 1
#else
#define EA_CLIMB  8
#define EA_CLIMBS 16
#endif
/* Bytes of one path's components: PATH_MAX. */
#define EA_PATH_MAX 4096
/* NAME_MAX plus the NUL: the largest single write of a walk. */
#define EA_NAME_MAX 256
/* Largest sockaddr (struct sockaddr_storage). */
#define EA_SOCKADDR_MAX 128
/* MAX_PROCTITLE_AUDIT_LEN of kernel/auditsc.c. */
#define EA_PROCTITLE_MAX 128
/* Argument bytes carried by one ring record; longer argument areas are continued in further ones.
 */
#define EA_ARGS_CHUNK 8192
/* Continuations of one event: 8 KiB x 768 = 6 MiB, the kernel's bound on arguments (3/4 of
 * _STK_LIM, fs/exec.c bprm_stack_limits). */
#define EA_ARGS_CHUNKS 768
/* Targets of one signal that are kept; a process group may have more. */
#define EA_TARGETS 32
/* Length of the interpreter's name in a #! line: BINPRM_BUF_SIZE. */
#define EA_INTERP_MAX 256
/* tty->name is 64 bytes. */
#define EA_TTY_MAX 64
/* Name of a module: MODULE_NAME_LEN is 64 - sizeof(long). */
#define EA_MODULE_MAX 64
/* The buffer in which an event is put together: head, exe, cwd, two names, a first chunk of
 * arguments and small items; below the 32 KiB that a per-CPU map value may have. */
#define EA_BUFFER 28672
/* Slots of a journal: an exec of a chain of five scripts with Tomoyo's lookups has 14; a rename 6.
 */
#define EA_SLOTS 32
/* Bytes of a journal's own texts; a text that does not fit goes to the long texts of the task. */
#define EA_TEXT 1024
/* The longest text that a journal tries to keep itself: one probe of this size. */
#define EA_TEXT_SHORT 256
/* Different directories of dir= rules in a generation, in words of 64 bits. */
#define EA_TREE_WORDS 16
/* Watched paths that one inode may be reached by (hard links). */
#define EA_RUNS 4
/* The last of an inode's runs is that of the inode= rules. */
#define EA_WATCH_RUNS (EA_RUNS - 1)
/* Ends of watched directories and trees that user space has not asked about yet. */
#define EA_ENDS 256
/* Inodes and names of path= and inode= rules, both generations. */
#define EA_WATCHES 16384
/* Marks of watched inodes, of one generation: 32 KiB each. A thousand watches mark every eighth. */
#define EA_MARKS 8192
/* Directories of dir= rules with the mounts below them, both generations. */
#define EA_TREES 4096

/* Profiles of a label; stacked containers have two or three. */
#define EA_PROFILES          8
#define EA_PROFILE_NAMESPACE 256
/* A profile is often called as the path of its program; longer ones are cut. */
#define EA_PROFILE_NAME 1024

/* Categories of a level that are told of, in words of 64 bits; policies have 1024. */
#define EA_CATEGORY_WORDS 64
/* The longest name of a user, role, type, level or category. */
#define EA_CONTEXT_NAME 4096

/* How deep the tree of a pid namespace's idr can be: 32 bits in steps of 6. */
#define EA_XARRAY_DEPTH 6
/* Supplementary groups are searched by bisection; NGROUPS_MAX is 65536. */
#define EA_GROUPS_BISECT 17

/* ---- ring records ------------------------------------------------------------------------ */

enum ea_kind {
	EA_KIND_SYSCALL = 1,   /* struct ea_event and its items */
	EA_KIND_ARGUMENTS = 2, /* struct ea_more and bytes of the argument area */
};

/* The head of an event. The filter's facts are the 32-bit words of this struct, by index. */
struct ea_event {
	u32 kind;
	u32 cpu;
	u64 seq;     /* number of the event on its CPU, from 1; lost ones are numbered too */
	u64 time;    /* CLOCK_MONOTONIC, ns */
	u64 args[4]; /* raw argument registers */
	s64 exit;    /* return value as audit prints it */
	u64 exe_ino;
	u64 root_ino; /* the task's root directory */
	u32 root_dev;
	u32 exe_dev;  /* kernel's internal dev_t: major << 20 | minor */
	u32 success;  /* 1 or 0 */
	u32 has_exit; /* 0: the syscall does not return (exit, exit_group) */
	u32 arch;     /* AUDIT_ARCH_* */
	u32 nr;
	u32 family;     /* enum ea_family */
	u32 generation; /* of the tables that decided */
	u32 rule;       /* which rule decided */
	u32 personality;
	u32 ppid;
	u32 pid;
	u32 tid;
	u32 auid;
	u32 uid;
	u32 gid;
	u32 euid;
	u32 suid;
	u32 fsuid;
	u32 egid;
	u32 sgid;
	u32 fsgid;
	u32 ses;
	u32 saddr_fam; /* EA_NO_FAMILY when the syscall has no address */
	u32 msgtype;   /* for the exclude list only */
	u32 excluded;  /* bit per enum ea_record: dropped by the exclude list */
	u32 size;      /* of this record, items included */
	u32 args_len;  /* whole length of the argument area, when there is one */
	u32 mnt_ns;    /* inode number of the task's mount namespace */
	u32 access;    /* perm= bits that the flags of an open ask for; of other syscalls all */
	u8 comm[16];
};

#define EA_NO_FAMILY 0xffffffffu

/* Facts by the index of their 32-bit word. */
#define EA_FACT(field) (__builtin_offsetof(struct ea_event, field) / 4)

/* Follows its event's record in the ring of the same CPU. */
struct ea_more {
	u32 kind;
	u32 cpu;
	u64 seq; /* of the event it belongs to */
	u32 offset;
	u32 len;
};

/* An item follows the head, or another item; its bytes are padded to 8. */
struct ea_item {
	u16 type; /* enum ea_item_type */
	u16 flags;
	u32 len; /* without padding */
};

enum ea_item_type {
	EA_ITEM_TTY = 1,        /* bytes */
	EA_ITEM_EXE = 2,        /* path components, leaf first, each with a NUL */
	EA_ITEM_CWD = 3,        /* path components */
	EA_ITEM_PROCTITLE = 4,  /* bytes as read; flags: length of the argument area, 128 at most */
	EA_ITEM_NAME = 5,       /* struct ea_inode, then the text of the name */
	EA_ITEM_SOCKADDR = 6,   /* bytes */
	EA_ITEM_ARGUMENTS = 7,  /* first bytes of the argument area */
	EA_ITEM_TARGET = 8,     /* struct ea_target */
	EA_ITEM_FD_PAIR = 9,    /* two s32 */
	EA_ITEM_CAPSET = 10,    /* struct ea_capset */
	EA_ITEM_EXEC = 11,      /* struct ea_exec */
	EA_ITEM_INTERP = 12,    /* text of the interpreter's name of a script */
	EA_ITEM_MODULE = 13,    /* text */
	EA_ITEM_CLOCK = 14,     /* s64: CLOCK_TAI - CLOCK_MONOTONIC after the call, ns */
	EA_ITEM_MMAP = 15,      /* two u32: fd, flags */
	EA_ITEM_OPENAT2 = 16,   /* three u64: flags, mode, resolve */
	EA_ITEM_DIRECTORY = 18, /* path components of what an execveat's descriptor was */
	/*
	 * struct ea_lookup, then text: the whole name where there is a struct filename (the
	 * kernel's copy), the last component for children.
	 */
	EA_ITEM_LOOKUP = 19,
	EA_ITEM_IPC = 30,           /* struct ea_ipc */
	EA_ITEM_MQ_OPEN = 31,       /* struct ea_mq_open */
	EA_ITEM_MQ_SENDRECV = 32,   /* struct ea_mq_sendrecv */
	EA_ITEM_MQ_NOTIFY = 33,     /* struct ea_mq_notify */
	EA_ITEM_MQ_GETSETATTR = 34, /* struct ea_mq_getsetattr */
	EA_ITEM_SOCKETCALL = 35,    /* u64 each: the arguments of the multiplexed call */
	EA_ITEM_ADJTIME = 36,       /* struct ea_adjtime */
	EA_ITEM_ANOMALY = 37,       /* text: the operation; flags: EA_ANOMALY_* */
	EA_ITEM_SUBJECT = 20,       /* struct ea_profile and its name: one of the task's label */
	EA_ITEM_OBJECT = 21,      /* struct ea_profile: one of the label of the target before it */
	EA_ITEM_URINGOP = 38,     /* struct ea_uringop; before the lookups of its operation */
	EA_ITEM_INJOFFSET = 39,   /* two s64: seconds and nanoseconds that the clock was moved by */
	EA_ITEM_SUBJECT_SID = 40, /* u32: SELinux's identifier of the task's context */
	EA_ITEM_OBJECT_SID = 41,  /* u32: of the context of the target before it */
};

/* flags of anomalies */
#define EA_ANOMALY_LINK  1
#define EA_ANOMALY_CREAT 2

/* flags of path items */
#define EA_PATH_DELETED 1 /* unlinked */
#define EA_PATH_CUT     2 /* deeper or longer than the walk goes */
/* flags of names */
#define EA_NAME_PARENT   1
#define EA_NAME_CREATE   2
#define EA_NAME_NO_INODE 4  /* the program does not know the inode: user space may look late */
#define EA_NAME_NO_TEXT  8  /* the text could not be read */
#define EA_NAME_LOADER   16 /* the program's ELF interpreter; the text is for user space to find */

struct ea_inode {
	u64 ino;
	s64 ctime; /* seconds */
	u32 ctime_nsec;
	u32 dev;
	u32 mode;
	u32 uid;
	u32 gid;
	u32 rdev;
	u32 magic;      /* of the superblock */
	u32 maybe_caps; /* the inode may carry security.capability */
	u32 sid;        /* SELinux's identifier of its context; 0: none */
	u32 pad;
};

/*
 * What a syscall did with names, in the kernel's order; one per call of the kernel's own hooks
 * (kernel/auditsc.c), from which user space makes up the kernel's list of names. An operation with
 * a `name` not seen before implies its getname at that place.
 */
enum ea_lookup_op {
	EA_LOOKUP_GETNAME = 1, /* a name was taken over; nothing found (yet) */
	EA_LOOKUP_NORMAL = 2,  /* audit_inode(name, dentry) */
	EA_LOOKUP_PARENT = 3,  /* audit_inode(name, dentry, AUDIT_INODE_PARENT) */
	EA_LOOKUP_DELETE = 4,  /* audit_inode_child(dir, dentry, AUDIT_TYPE_CHILD_DELETE) */
	EA_LOOKUP_CREATE = 5,  /* audit_inode_child(dir, dentry, AUDIT_TYPE_CHILD_CREATE) */
	EA_LOOKUP_FILE = 6,    /* audit_file(file) */
	/*
	 * Not an operation: the inode of a child's directory, for the entry without a name that the
	 * kernel makes when no earlier lookup has led there. Stands before the child.
	 */
	EA_LOOKUP_DIRECTORY = 7,
};

/* flags of lookups */
#define EA_LOOKUP_INODE  1 /* the inode is known */
#define EA_LOOKUP_NOEVAL 2 /* umount's mountpoint: file capabilities are not asked for */
#define EA_LOOKUP_HIDDEN 4 /* counted, not shown */
#define EA_LOOKUP_CUT    8 /* the text did not fit */
/* Begins with its getname: a struct filename that was given back may come again at its address. */
#define EA_LOOKUP_NEW 16
/* Of a child: told twice, first without an inode. */
#define EA_LOOKUP_AGAIN 32
/* all that go to user space */
#define EA_LOOKUP_FLAGS                                                                            \
	(EA_LOOKUP_INODE | EA_LOOKUP_NOEVAL | EA_LOOKUP_HIDDEN | EA_LOOKUP_CUT | EA_LOOKUP_NEW |   \
	 EA_LOOKUP_AGAIN)

struct ea_lookup {
	u64 name;    /* address of the struct filename: which getname it was; 0: none */
	u64 dir_ino; /* of a child: its directory */
	u32 dir_dev;
	u16 op;    /* enum ea_lookup_op */
	u16 flags; /* EA_LOOKUP_* */
	struct ea_inode inode;
};

/* A profile of an AppArmor label; its name follows. */
struct ea_profile {
	u32 mode;          /* index into aa_profile_mode_names */
	u32 flags;         /* EA_PROFILE_* */
	u32 namespace_len; /* 0: the namespace is the root */
	u32 name_len;
	char namespace[EA_PROFILE_NAMESPACE];
};

#define EA_PROFILE_UNCONFINED 1 /* the profile of those of the namespace that have none */

struct ea_target {
	u32 pid;
	u32 auid;
	u32 uid;
	u32 ses;
	u8 comm[16];
};

struct ea_capset {
	u64 inheritable;
	u64 permitted;
	u64 effective;
	u64 ambient;
};

struct ea_exec {
	u32 argc;
	u32 script; /* the file named is not the program: an interpreter runs it */
	struct ea_capset before;
	struct ea_capset after;
	u32 before_uid;
	u32 before_gid;
	u32 after_uid;
	u32 after_euid;
};

/* An IPC object, and the permissions that IPC_SET gives it. */
struct ea_ipc {
	u32 uid;
	u32 gid;
	u32 mode;     /* as kern_ipc_perm has it */
	u32 has_perm; /* 1: what follows is valid */
	u64 qbytes;
	u32 perm_uid;
	u32 perm_gid;
	u32 perm_mode;
	u32 sid; /* SELinux's identifier of its context; 0: none */
};

/* struct mq_attr without its reserve. */
struct ea_mq_attr {
	s64 flags;
	s64 maxmsg;
	s64 msgsize;
	s64 curmsgs;
};

struct ea_mq_open {
	u32 oflag;
	u32 mode;
	struct ea_mq_attr attr; /* zero: none was given */
};

struct ea_mq_sendrecv {
	s32 mqdes;
	u32 prio;
	u64 len;
	s64 sec;
	s64 nsec;
};

struct ea_mq_notify {
	s32 mqdes;
	s32 signo;
};

struct ea_mq_getsetattr {
	s32 mqdes;
	u32 pad;
	struct ea_mq_attr attr;
};

/* AUDIT_NTP_OFFSET, FREQ, STATUS, TAI, TICK, ADJUST */
#define EA_NTP_VALUES 6

struct ea_adjtime {
	s64 before[EA_NTP_VALUES];
	s64 after[EA_NTP_VALUES];
};

/* One operation of io_uring that was carried out in the running syscall, or in a worker's event. */
struct ea_uringop {
	s64 exit;
	u32 op;
	u32 success;
	u32 has_exit;
	u32 rule;    /* which rule decided */
	u32 lookups; /* of the event before this operation ended */
	u32 uid;
	u32 gid;
	u32 euid;
	u32 suid;
	u32 fsuid;
	u32 egid;
	u32 sgid;
	u32 fsgid;
	u32 pad;
};

/* Record types that the exclude list can drop from an event of ours: bits of ea_event.excluded. */
enum ea_record {
	EA_RECORD_SYSCALL,
	EA_RECORD_PATH,
	EA_RECORD_SOCKADDR,
	EA_RECORD_CWD,
	EA_RECORD_EXECVE,
	EA_RECORD_FD_PAIR,
	EA_RECORD_OBJ_PID,
	EA_RECORD_BPRM_FCAPS,
	EA_RECORD_CAPSET,
	EA_RECORD_MMAP,
	EA_RECORD_PROCTITLE,
	EA_RECORD_KERN_MODULE,
	EA_RECORD_TIME_INJOFFSET,
	EA_RECORD_OPENAT2,
	EA_RECORD_EOE,
	EA_RECORD_IPC,
	EA_RECORD_IPC_SET_PERM,
	EA_RECORD_MQ_OPEN,
	EA_RECORD_MQ_SENDRECV,
	EA_RECORD_MQ_NOTIFY,
	EA_RECORD_MQ_GETSETATTR,
	EA_RECORD_SOCKETCALL,
	EA_RECORD_TIME_ADJNTPVAL,
	EA_RECORD_ANOM_LINK,
	EA_RECORD_ANOM_CREAT,
	EA_RECORD_URINGOP,
	EA_RECORDS,
};

/* What a syscall's record needs beyond the SYSCALL line; user space assigns it by number. */
enum ea_family {
	EA_FAMILY_PLAIN = 0,
	EA_FAMILY_EXEC = 1,
	EA_FAMILY_EXIT = 2,
	EA_FAMILY_FORK = 3,
	EA_FAMILY_OPEN = 4,         /* name in a0 */
	EA_FAMILY_OPENAT = 5,       /* name in a1 */
	EA_FAMILY_OPENAT2 = 6,      /* name in a1, struct open_how in a2 */
	EA_FAMILY_ADDRESS_IN = 7,   /* connect, bind: a1, a2 */
	EA_FAMILY_SENDTO = 8,       /* a4, a5 */
	EA_FAMILY_SENDMSG = 9,      /* struct msghdr in a1 */
	EA_FAMILY_SENDMMSG = 10,    /* struct mmsghdr[] in a1 */
	EA_FAMILY_ADDRESS_OUT = 11, /* accept, getsockname, getpeername: a1, *a2 */
	EA_FAMILY_RECVFROM = 12,    /* a4, *a5 */
	EA_FAMILY_RECVMSG = 13,
	EA_FAMILY_RECVMMSG = 14,
	EA_FAMILY_PIPE = 15,       /* two ints at a0 */
	EA_FAMILY_SOCKETPAIR = 16, /* two ints at a3 */
	EA_FAMILY_KILL = 17,       /* pid in a0, signal in a1 */
	EA_FAMILY_TGKILL = 18,     /* tid in a1, signal in a2 */
	EA_FAMILY_PIDFD_SIGNAL = 19,
	EA_FAMILY_PTRACE = 20,
	EA_FAMILY_CAPSET = 21,
	EA_FAMILY_MMAP = 22,
	EA_FAMILY_DELETE_MODULE = 23,
	EA_FAMILY_SETTIME = 24,
	EA_FAMILY_EXECVEAT = 25, /* as EXEC, name in a1 */
	EA_FAMILY_BIND = 26,     /* as ADDRESS_IN, creates a name for AF_UNIX */
	EA_FAMILY_URING = 27, /* an io_uring operation outside of a syscall: URINGOP, no SYSCALL */
	EA_FAMILY_IPC = 28,
	EA_FAMILY_QUEUE = 29,
	EA_FAMILY_ADJTIME = 30,
	EA_FAMILY_INIT_MODULE = 31,
	EA_FAMILY_SOCKETCALL = 32, /* call in a0, its arguments at a1 */
	EA_FAMILY_RING = 33,       /* io_uring_enter */
	EA_FAMILY_RETURN = 34,     /* from a signal handler: the registers are gone */
	EA_FAMILY_OLD_MMAP = 35,   /* its arguments at a0 */
};

/* Bits of ea_event.access: AUDIT_PERM_* */
#define EA_ACCESS_WRITE 2
#define EA_ACCESS_READ  4
#define EA_ACCESS_ANY   15

/* ---- the filter -------------------------------------------------------------------------- */

/* What has to be gathered before the steps of a syscall can be evaluated. */
#define EA_NEED_CREDENTIALS 1
#define EA_NEED_PARENT      2
#define EA_NEED_EXE         4
#define EA_NEED_LOGIN       16
#define EA_NEED_NAMES       32  /* the names that the syscall looks up: for a record, or to judge */
#define EA_NEED_WATCH       64  /* path= or inode= rules name this syscall */
#define EA_NEED_ADDRESS     256 /* the socket address, from the kernel's copy */
#define EA_NEED_HIT         128 /* no rule is interested in names but by path=, inode=, dir= */

/*
 * Value of the index: one per (generation, arch, syscall). Where all rules of a run of steps ask a
 * number of one fact, none can match outside of the numbers' bounds, and the run is not gone
 * through.
 */
struct ea_entry {
	u32 first; /* first step, 0: no rule names this syscall */
	u16 needs;
	u16 family;
	u16 fact;   /* EA_FACT_*, 0: the run has no bounds */
	u16 spared; /* of `needs`, without the run; for a fact that no syscall changes */
	u32 low;    /* the smallest number */
	u32 span;   /* the largest is so much larger */
};

enum ea_op {
	EA_OP_EQ,
	EA_OP_NE,
	EA_OP_LT,
	EA_OP_LE,
	EA_OP_GT,
	EA_OP_GE,
	EA_OP_MASK,    /* value & operand != 0 */
	EA_OP_TEST,    /* value & operand == operand */
	EA_OP_FACT_EQ, /* the operand is another fact's index */
	EA_OP_FACT_NE,
	EA_OP_EXE_EQ, /* the operand is an index into the table of files */
	EA_OP_EXE_NE,
	EA_OP_GROUP_EQ, /* equal, or a supplementary group */
	EA_OP_GROUP_NE,
	EA_OP_TRUE,
	EA_OP_FALSE,
	EA_OP_TREE,  /* dir=: the operand is the number of a tree */
	EA_OP_NAMED, /* the operand is the index of a set of syscalls; this one is in it */
};

/*
 * The step that is never true. An execve of which no rule speaks still leads here when rules speak
 * of another kind of exec: after an exec the registers show an execve.
 */
#define EA_STEP_FALSE 1

#define EA_STEP_LAST  1 /* true here means: the rule matches */
#define EA_STEP_NEVER 2 /* the rule that matches suppresses */
#define EA_STEP_EXIT  4 /* false when the syscall has no return value */
#define EA_STEP_NAME  8 /* the fact is one of enum ea_name_fact: of any name, or of the watch's */

/* Facts of a name, for steps with EA_STEP_NAME. */
enum ea_name_fact {
	EA_NAME_INODE,     /* low 32 bits */
	EA_NAME_DEV_MAJOR, /* of the device it lies on, or that it is */
	EA_NAME_DEV_MINOR,
	EA_NAME_UID,
	EA_NAME_GID,
	EA_NAME_TYPE, /* of any name that has an inode, whichever the watch's is */
};

/* Sets of syscalls: the masks of path= rules, whose runs belong to inodes and not to syscalls. */
#define EA_SETS 512
struct ea_set {
	/* behind the architectures: operations of io_uring outside of syscalls */
	u32 words[EA_ARCHES + 1][EA_SYSCALLS / 32];
};

/* An object of a generation: key of the watches and of the trees. */
#define EA_ANY_DEV 0xffffffffu /* inode= asks for the number only */
struct ea_object {
	u64 ino;
	u32 dev;
	u32 generation; /* 0 or 1 */
};

/*
 * Which mark an inode has, by the 32 bits of its number that inode= knows. Inodes that were made
 * one after the other have different ones.
 */
#define EA_MARK(ino) (((u32)(ino) ^ (u32)(ino) >> 16) & (EA_MARKS - 1))

/* The runs of steps of the watches on an inode, by their first step; 0: none. */
struct ea_runs {
	u32 first[EA_RUNS];
};

/* The trees that a directory is a root of: a bit for each. */
struct ea_tags {
	u64 words[EA_TREE_WORDS];
};

/* The name of a watch in its directory, filled up with zeros. */
struct ea_child {
	u64 ino;
	u32 dev;
	u32 generation;
	char name[EA_NAME_MAX];
};

/* In a child's generation: the name of a program (exe=). */
#define EA_CHILD_EXE 2

/* What a watched name leads to at present. Of a program only `first` counts. */
struct ea_bound {
	u32 first; /* the watch's run; the program's number */
	u32 dev;
	u64 ino; /* 0: nothing */
};

/* Who ended a directory or tree that rules stood on. */
struct ea_end {
	u32 auid;
	u32 ses;
};

/*
 * The rules of a syscall in order are a run of steps: a step that is true goes on to the following
 * one (or matches, if it is its rule's last), a step that is false goes to `next`, the first step
 * of the next rule (0: no rule matches).
 */
struct ea_step {
	u8 fact; /* index of a 32-bit word in struct ea_event */
	u8 op;
	u8 flags;
	u8 pad;
	u32 operand;
	u32 next;
	u32 rule;
};

struct ea_exe {
	u64 ino;
	u32 dev;
	u32 present; /* 0: no such file at present, nothing is equal to it */
};

/* Rules of one generation whose matches are counted: the first so many. */
#define EA_TALLIES 16384

/* What a rule has decided. */
struct ea_tally {
	u64 hits;
	u64 last; /* CLOCK_MONOTONIC, ns */
};

#define EA_CONFIG_TASK_RULES 1  /* the task list is not empty */
#define EA_CONFIG_EXCLUDES   2  /* the exclude list is not empty */
#define EA_CONFIG_TREES      4  /* there are dir= rules */
#define EA_CONFIG_INODES     8  /* there are inode= rules */
#define EA_CONFIG_STUBS      16 /* stubs judge, not the program at every syscall's exit */
#define EA_CONFIG_RING       32 /* rules are interested in operations of io_uring */
/* not all stubs are there yet: that program judges what no stub has */
#define EA_CONFIG_TAKEOVER 64

/* One element; what changes at run time. */
struct ea_config {
	u32 generation;
	u32 enabled;
	u32 daemon; /* tgid whose syscalls are not recorded */
	u32 flags[EA_GENERATIONS];
	u32 task_first[EA_GENERATIONS];    /* first step of the task list */
	u32 exclude_first[EA_GENERATIONS]; /* first step of the exclude list */
	u32 pad;
	struct ea_entry ring[EA_GENERATIONS]; /* operations of io_uring outside of syscalls */
};

/* ---- contexts of SELinux ----------------------------------------------------------------- */

/* What user space asks ea_context, by its first argument; the second and third: */
enum ea_question {
	EA_QUESTION_POLICY = 0, /* nothing more: which policy is in force */
	EA_QUESTION_SID = 1,    /* what an identifier stands for */
	EA_QUESTION_NAME = 2,   /* a name: enum ea_symbol, and its number from 1 */
	EA_QUESTION_FILE = 3,   /* the identifier of the file behind a descriptor of the asker's */
};

/* SYM_* of security/selinux/ss/policydb.h */
enum ea_symbol {
	EA_SYMBOL_ROLE = 2,
	EA_SYMBOL_TYPE = 3,
	EA_SYMBOL_USER = 4,
	EA_SYMBOL_SENSITIVITY = 6,
	EA_SYMBOL_CATEGORY = 7,
};

/* The answer. One policy has one address and one serial for all its life. */
struct ea_context {
	u64 policy; /* address; 0: none is loaded */
	u32 serial;
	u32 found; /* 1: the rest is valid */
	u32 mls;   /* the policy has levels */
	u32 user;  /* numbers from 1 */
	u32 role;
	u32 type;
	u32 text_len;       /* of a name; of an identifier without a policy */
	u32 cut;            /* categories beyond the last word */
	u32 sensitivity[2]; /* of the low and the high level */
	u32 sid;            /* of a file */
	u32 pad;
	u64 categories[2][EA_CATEGORY_WORDS];
	char text[EA_CONTEXT_NAME];
};

/* Why an event was lost. */
enum ea_loss {
	EA_LOSS_RING,      /* no room in the ring */
	EA_LOSS_SCRATCH,   /* the event is larger than the buffer */
	EA_LOSS_ARGUMENTS, /* no room for a continuation of its arguments */
	EA_LOSS_NESTED, /* too many ends of syscalls, each preempted by the next (judged or not) */
	EA_LOSSES,
};

/* Per CPU. */
struct ea_counters {
	u64 produced; /* events that matched, lost ones included */
	u64 lost[EA_LOSSES];
	u64 unread;   /* facts that could not be read from user memory */
	u64 no_state; /* per-task state that could not be had */
	u64 cut;      /* names for which a journal had no room */
	u64 adrift;   /* watches for which an inode had no room */
};

#endif
