/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What an event carries beyond its head. */
#ifndef EA_ABI_ITEM_H
#define EA_ABI_ITEM_H

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

#endif
