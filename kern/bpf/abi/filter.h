/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The filter: what user space writes, and what the programs follow. */
#ifndef EA_ABI_FILTER_H
#define EA_ABI_FILTER_H

/* What has to be gathered before the steps of a syscall can be evaluated. */
#define EA_NEED_CREDENTIALS 1
#define EA_NEED_PARENT      2
#define EA_NEED_EXE         4
#define EA_NEED_LOGIN       16
#define EA_NEED_NAMES       32  /* the names that the syscall looks up: for a record, or to judge */
#define EA_NEED_WATCH       64  /* path= or inode= rules name this syscall */
#define EA_NEED_ADDRESS     256 /* the socket address, from the kernel's copy */
#define EA_NEED_HIT         128 /* no rule is interested in names but by path=, inode=, dir= */
/* not a need: its stub has been there since before these rules, and nobody else judges it */
#define EA_HAS_STUB   512
#define EA_NEED_ROLES 1024 /* which labels of subj_role= the task's has within */

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
	EA_OP_TREE,    /* dir=: the operand is the number of a tree */
	EA_OP_NAMED,   /* the operand is the index of a set of syscalls; this one is in it */
	EA_OP_ROLE_EQ, /* the operand is the number of a label; the task's has it within */
	EA_OP_ROLE_NE,
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

/* The label of subj_role= rules: a profile of AppArmor's root namespace. Its value is its number.
 */
struct ea_role {
	u32 generation; /* 0 or 1 */
	char name[EA_ROLE_NAME];
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

/* Tallies of so many rules are one element: reading one takes as long whatever its size. */
#define EA_SHEET 64

struct ea_sheet {
	struct ea_tally tallies[EA_SHEET];
};

#endif
