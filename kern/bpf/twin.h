/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Twins: what runs where the kernel skips a program.
 *
 * A task that is preempted on the kernel's way into a program or out of it (preempt.h) hides what
 * other tasks on its CPU do there until it runs again. So where a kernel preempts, a second program
 * of user space's making (ebpfauditd/src/engine/ebpf/twin.rs) comes right after each, and goes on
 * into the first if that has not left word that it ran. For both to be skipped, one task must have
 * been preempted on its way into or out of each.
 *
 * The word is kept with the task: whoever becomes due while a program runs takes the CPU at its
 * end, which is between the two.
 */
#ifndef EA_TWIN_H
#define EA_TWIN_H

#ifndef EA_LEGACY

/* Set before load: programs have twins, but for those that are alone. */
const volatile u32 ea_has_twins SEC(".rodata.features") = 0;

/* EA_TWIN_*. Programs of one task do not run within each other: there is but one at a time. */
struct {
	EA_TASK_MAP(u32, EA_TASKS);
} ea_twins SEC(".maps");

#endif

/*
 * Leaves word for the twin, if it has not come from there. Without room for it, which is counted,
 * the twin has it run again if there is room then.
 */
static __always_inline void twin__tell(void)
{
#ifndef EA_LEGACY
	struct ea_counters *counters;
	u32 *word;

	if (!ea_has_twins)
		return;
	word = state__of_or_new(&ea_twins, task__current());
	if (!word)
		return;
	if (*word != EA_TWIN_ASKED) {
		*word = EA_TWIN_RAN;
		return;
	}
	*word = 0;
	counters = maps__counters();
	if (counters)
		counters->rescued++;
#endif
}

#endif
