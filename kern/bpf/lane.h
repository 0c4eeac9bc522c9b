/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How many tasks have something in their journals, by the low bits of their numbers: the end of an
 * open that has left nothing need not look for a journal. A task that dies within a syscall leaves
 * its count behind, and others then look in vain.
 */
#ifndef EA_LANE_H
#define EA_LANE_H

/* Few of the tasks that are within a syscall at one time share one; 16 KiB. A power of two. */
#define EA_LANES 4096
volatile u32 ea_lanes[EA_LANES] SEC(".bss.lanes");

/* Which counter is the running task's. */
static __always_inline u32 lane__of(struct task_struct *task)
{
	return (u32)GET(task, pid) & (EA_LANES - 1);
}

static __always_inline void lane__count(u32 lane, u32 by)
{
	barrier_var(lane);
	/* with this order all compilers take the instruction that 5.10 has, too */
	__atomic_fetch_add(&ea_lanes[lane & (EA_LANES - 1)], by, __ATOMIC_RELAXED);
}

/* There is something in it from now on. An exec may have given its task another number. */
static __always_inline void lane__busy(struct ea_journal *journal)
{
	u32 lane = lane__of(task__current()), before = journal->lane;

	if (before == lane + 1)
		return;
	if (before)
		lane__count(before - 1, -1u);
	journal->lane = lane + 1;
	lane__count(lane, 1);
}

static __always_inline void lane__idle(struct ea_journal *journal)
{
	if (!journal->lane)
		return;
	lane__count(journal->lane - 1, -1u);
	journal->lane = 0;
}

/* 0: the running task has nothing in its journal, unless an exec has given it another number. */
static __always_inline u32 lane__may_be_busy(struct task_struct *task)
{
	return ea_lanes[lane__of(task)];
}

#endif
