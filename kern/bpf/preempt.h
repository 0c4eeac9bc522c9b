/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A program that hangs on the kernel.
 *
 * The kernel skips a program that is to begin on a CPU on which another task is within it. That
 * happens where the kernel preempts programs: for as long as that task does not run again, no other
 * task on its CPU would be seen. So programs are not preempted from their first instruction to
 * their last, where the kernel has functions for that (6.14 and later). What is left is the
 * kernel's own way into the program and out of it, some ten instructions: for that, programs have
 * twins (twin.h).
 */
#ifndef EA_PREEMPT_H
#define EA_PREEMPT_H

static __always_inline void preempt__disable(void)
{
#ifndef EA_LEGACY
	bpf_preempt_disable();
#endif
}

/*
 * Another task that became due meanwhile would take the CPU at once, still within the program. It
 * does not where interrupts are disabled, and comes after the program's end.
 */
static __always_inline void preempt__enable(void)
{
#ifndef EA_LEGACY
	unsigned long flags;

	bpf_local_irq_save(&flags);
	bpf_preempt_enable();
	bpf_local_irq_restore(&flags);
#endif
}

/*
 * Begins a program for this place; its body follows. What the body returns means nothing to the
 * kernel. `last` is done after it: the only place for a tail call, which the kernel refuses where
 * preemption is disabled.
 */
#define PROGRAM_AFTER(first, place, name, last)                                                    \
	static __always_inline int name##__body(u64 *ctx);                                         \
	SEC(place) int name(u64 *ctx)                                                              \
	{                                                                                          \
		preempt__disable();                                                                \
		first;                                                                             \
		name##__body(ctx);                                                                 \
		preempt__enable();                                                                 \
		last;                                                                              \
		return 0;                                                                          \
	}                                                                                          \
	static __always_inline int name##__body(u64 *ctx)

#define PROGRAM_WITH_LAST(place, name, last) PROGRAM_AFTER(twin__tell(), place, name, last)
#define PROGRAM(place, name)                 PROGRAM_WITH_LAST(place, name, )
/* One that has no twin (hooks.rs says which). */
#define PROGRAM_ALONE(place, name) PROGRAM_AFTER(, place, name, )

#endif
