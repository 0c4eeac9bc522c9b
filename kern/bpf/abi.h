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

#include "abi/limits.h"
#include "abi/function.h"
#include "abi/twin.h"
#include "abi/event.h"
#include "abi/item.h"
#include "abi/filter.h"
#include "abi/context.h"
#include "abi/request.h"

#define EA_CONFIG_TASK_RULES 1  /* the task list is not empty */
#define EA_CONFIG_EXCLUDES   2  /* the exclude list is not empty */
#define EA_CONFIG_TREES      4  /* there are dir= rules */
#define EA_CONFIG_INODES     8  /* there are inode= rules */
#define EA_CONFIG_STUBS      16 /* stubs judge, not the program at every syscall's exit */
#define EA_CONFIG_RING       32 /* rules are interested in operations of io_uring */
/* not all stubs are there yet: that program judges what no stub has */
#define EA_CONFIG_TAKEOVER 64
#define EA_CONFIG_ROLES    128 /* there are subj_role= rules */
/* of open, creat, openat and openat2 nothing but watches speak */
#define EA_CONFIG_WATCHED_OPENS 256
/* of a file that was there, and is opened but for an exec, nothing but a watch on it speaks */
#define EA_CONFIG_WATCHED_FILES 512
/* of opened files nobody speaks but of those of an exec */
#define EA_CONFIG_EXEC_FILES 1024

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
	/* ns: until then who adds a rule waits for the daemon, which goes on renewing it */
	u64 hold_until;
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
	u64 rescued;  /* skipped runs that were made up for */
};

#endif
