/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a journal is: the slots of a syscall's operations on names, and their texts. */
#ifndef EA_NAMES_H
#define EA_NAMES_H

/* One operation on the list of names, as kernel/auditsc.c has it. */
struct ea_slot {
	u64 name;    /* the struct filename */
	u64 dentry;  /* of a child, by which its second hook finds it */
	u64 dir_ino; /* of a child: its directory */
	u32 dir_dev;
	u16 op;    /* enum ea_lookup_op */
	u16 flags; /* EA_LOOKUP_*, EA_SLOT_* */
	u32 text;  /* where it begins */
	u32 text_len;
	struct ea_runs runs; /* of the watches on its inode */
	struct ea_inode inode;
};

/* beyond EA_LOOKUP_*: */
#define EA_SLOT_LONG 0x100 /* the text is among the long ones */
/* the syscall took run i off the inode: it is judged without exit value */
#define EA_SLOT_UNBOUND(i) (0x1000 << (i))
/* to journal__inode: not to be left out where only hits are asked for, for more follows */
#define EA_SLOT_KEEP 0x400

struct ea_journal {
	u64 args[4]; /* whose journal it is: the syscall's registers and number */
	u32 nr;
	u32 arch_index;
	u32 generation; /* under which the runs and tags were found */
	u32 count;      /* slots in use */
	u32 text_used;
	u32 long_used;
	u64 pwd; /* the working directory's dentry before the syscall changed it; 0: it has not */
	u64 pwd_mount;
	u64 climb;    /* where the climb to the top is at */
	u32 tagged;   /* it has found trees */
	u32 doubtful; /* the caller's name, its first argument, may have been refused */
	u32 lane;     /* 1 and the number of the counter in which it counts; 0: in none */
	u32 pad;
	u64 tags[EA_TREE_WORDS];
	struct ea_slot slots[EA_SLOTS];
	char text[EA_TEXT];
};

struct ea_text {
	char bytes[EA_PATH_MAX];
};

/* Tasks that are within a syscall that looks up names, and those among them with long ones. */
#define EA_JOURNALS   2048
#define EA_LONG_TEXTS 128

#ifdef EA_LEGACY
_Static_assert(sizeof(struct ea_journal) <= EA_TASK_VALUE_MAX, "a new value is copied from zeros");
#endif

struct {
	EA_TASK_MAP(struct ea_journal, EA_JOURNALS);
} ea_journals SEC(".maps");

/*
 * One map for each long text that a syscall may have, and one more: task storage holds at most 8
 * KiB since 7.0.
 */
struct {
	EA_TASK_MAP(struct ea_text, EA_LONG_TEXTS);
} ea_text_0 SEC(".maps");

struct {
	EA_TASK_MAP(struct ea_text, EA_LONG_TEXTS);
} ea_text_1 SEC(".maps");

struct {
	EA_TASK_MAP(struct ea_text, EA_LONG_TEXTS);
} ea_text_2 SEC(".maps");

/* A long text of the running syscall, by its number. `make`: one that is not there is made. */
static __always_inline struct ea_text *names__text(struct task_struct *task, u32 number, int make)
{
	switch (number) {
	case 0:
		return make ? state__of_or_new(&ea_text_0, task) : state__of(&ea_text_0, task);
	case 1:
		return make ? state__of_or_new(&ea_text_1, task) : state__of(&ea_text_1, task);
	case 2:
		return make ? state__of_or_new(&ea_text_2, task) : state__of(&ea_text_2, task);
	default:
		return NULL;
	}
}

static __always_inline void names__release_texts(struct task_struct *task)
{
	state__release(&ea_text_0, task);
	state__release(&ea_text_1, task);
	state__release(&ea_text_2, task);
}

/* The running task's journal; NULL: none. For functions that have no room for a call. */
static __always_inline struct ea_journal *names__journal_here(void)
{
	return state__of_here(&ea_journals, task__current());
}

/* The running task's journal; NULL: none. */
static __always_inline struct ea_journal *names__journal(void)
{
	return state__of(&ea_journals, task__current());
}

#endif
