/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Small programs, loaded only to learn what the kernel takes. */
#ifndef EA_PROBE_H
#define EA_PROBE_H

PROGRAM_ALONE("fentry/vfs_open", ea_probe_fentry)
{
	return 0;
}

/* One of everything in which the two objects differ: a kernel that takes this takes the object. */
PROGRAM_ALONE("tp_btf/sys_exit", ea_probe_object)
{
	struct ea_counters *counters = maps__counters();
	struct task_struct *task = task__current();
	u32 *judged = state__of_or_new(&ea_judged, task);
#ifndef EA_LEGACY
	struct ea_object object = {};

	bpf_for_each_map_elem(&ea_children, watch__orphan, &object, 0);
#endif
	if (!judged || !counters)
		return 0;
	*judged = exec__mapped(task, GET(task__regs(task), ip)) == maps__next(&counters->produced);
	state__release(&ea_judged, task);
	return 0;
}

#endif
