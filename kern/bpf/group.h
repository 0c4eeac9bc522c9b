/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The supplementary groups of a task, which rules on gid and egid ask for, too. */
#ifndef EA_GROUP_H
#define EA_GROUP_H

/* groups_search: 1: the running task has it. Its groups are in order. */
__noinline int group__has(u32 wanted)
{
	struct task_struct *task = task__current();
	const struct group_info *groups = NULL;
	const struct cred *cred = NULL;
	u32 low = 0, high = 0;

	READ(cred, task, cred);
	READ(groups, cred, group_info);
	if (!groups)
		return 0;
	READ(high, groups, ngroups);
	for (int i = 0; i < EA_GROUPS_BISECT && low < high; i++) {
		u32 middle = (low + high) / 2;
		u32 gid = 0;

		bpf_probe_read_kernel(&gid, sizeof(gid),
				      (void *)groups + field_offset(struct group_info, gid) +
					  (u64)middle * sizeof(gid));
		if (gid == wanted)
			return 1;
		if (gid < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

#endif
