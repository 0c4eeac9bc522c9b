/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records of the ring, and the head of an event. */
#ifndef EA_ABI_EVENT_H
#define EA_ABI_EVENT_H

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

#endif
