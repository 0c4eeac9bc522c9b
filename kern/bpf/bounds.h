/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The bounds of a syscall's run of steps (struct ea_entry). Most calls of a syscall that rules name
 * are of tasks of which the rules do not speak, such as daemons whose auid is not set: one
 * comparison tells, before anything is gathered.
 */
#ifndef EA_BOUNDS_H
#define EA_BOUNDS_H

static __always_inline int bounds__are_around(struct ea_entry *entry, u32 value)
{
	return value - entry->low <= entry->span;
}

/*
 * 1: the task is outside of the bounds, and was so when the syscall began: no syscall that has
 * names changes these facts.
 */
static __always_inline int bounds__spare(struct ea_entry *entry, struct task_struct *task)
{
	u32 value = ~0u;

	if (entry->fact == EA_FACT(auid)) {
		if (field_exists(struct task_struct, loginuid))
			value = GET(task, loginuid.val);
	} else if (entry->fact == EA_FACT(ses)) {
		if (field_exists(struct task_struct, sessionid))
			value = GET(task, sessionid);
	} else {
		return 0;
	}
	return !bounds__are_around(entry, value);
}

/* 1: at its end the syscall's task is outside of the bounds: no rule of the run matches. */
static __always_inline int bounds__exclude(struct ea_entry *entry, struct task_struct *task)
{
	const struct cred *cred = GET(task, cred);
	u32 value;

	switch (entry->fact) {
	case EA_FACT(uid):
		value = GET(cred, uid.val);
		break;
	case EA_FACT(gid):
		value = GET(cred, gid.val);
		break;
	case EA_FACT(euid):
		value = GET(cred, euid.val);
		break;
	case EA_FACT(suid):
		value = GET(cred, suid.val);
		break;
	case EA_FACT(fsuid):
		value = GET(cred, fsuid.val);
		break;
	case EA_FACT(egid):
		value = GET(cred, egid.val);
		break;
	case EA_FACT(sgid):
		value = GET(cred, sgid.val);
		break;
	case EA_FACT(fsgid):
		value = GET(cred, fsgid.val);
		break;
	default:
		return 0;
	}
	return !bounds__are_around(entry, value);
}

#endif
