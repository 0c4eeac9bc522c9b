/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Twins: what runs where the kernel skips a program.
 *
 * A task that is preempted on the kernel's way into a program or out of it (preempt.h) hides what
 * other tasks on its CPU do there until it runs again. So where a kernel preempts, a second program
 * of user space's making (ebpfauditd/src/engine/ebpf/twin.rs) comes right after each, and goes on
 * into the first if that has left no mark for the task. For both to be skipped, one task must have
 * been preempted on its way into or out of each.
 *
 * Marks are per CPU, for one task at a time writes there; a task that was preempted between the two
 * and goes on elsewhere has left its mark on another CPU.
 */
#ifndef EA_TWIN_H
#define EA_TWIN_H

#ifndef EA_LEGACY

/* Set before load: programs have twins, but for those that are alone. */
const volatile u32 ea_has_twins SEC(".rodata.features") = 0;

/* Marks of tasks by the low bits of their number. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EA_TWIN_MARKS);
	__type(key, u32);
	__type(value, u64);
} ea_twins SEC(".maps");

struct twin__search {
	u64 mark;
	u32 slot;
	u32 found;
};

static int twin__look(u32 cpu, struct twin__search *search)
{
	u64 *mark = bpf_map_lookup_percpu_elem(&ea_twins, &search->slot, cpu);

	/* no such CPU */
	if (!mark)
		return 1;
	if (*mark != search->mark)
		return 0;
	*mark = 0;
	search->found = 1;
	return 1;
}

/* Asked by the second program: 1: the first was skipped. */
static __noinline int twin__was_skipped(u32 slot, u64 mark)
{
	struct twin__search search = {.mark = mark, .slot = slot};
	struct ea_counters *counters = maps__counters();

	LOOP(EA_CPUS, twin__look, &search);
	if (search.found)
		return 0;
	if (counters)
		counters->rescued++;
	return 1;
}

#endif

/* Leaves a mark. 0: the program is run by its twin, and has run already. */
static __always_inline int twin__may_run(void)
{
#ifndef EA_LEGACY
	u32 tid, slot;
	u64 mark, *left;

	if (!ea_has_twins)
		return 1;
	tid = (u32)bpf_get_current_pid_tgid();
	slot = tid & (EA_TWIN_MARKS - 1);
	mark = EA_TWIN_MARK(tid);
	left = bpf_map_lookup_elem(&ea_twins, &slot);
	if (!left)
		return 1;
	if (*left == (mark | EA_TWIN_ASKED)) {
		*left = 0;
		return twin__was_skipped(slot, mark);
	}
	*left = mark;
#endif
	return 1;
}

#endif
