/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The rules, evaluated: kernel/auditsc.c audit_filter_rules, on the facts in an event's head. */
#ifndef EA_FILTER_H
#define EA_FILTER_H

/* In place of the next step: a rule has matched. */
#define EA_MATCHED EA_STEPS

static __always_inline int filter__in_groups(struct task_struct *task, u32 wanted)
{
	const struct cred *cred = GET(task, cred);
	const struct group_info *groups = NULL;
	u32 low = 0, high = 0;

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

static __always_inline u32 filter__word(struct ea_frame *frame, u32 index)
{
	u32 at = index & 63;

	if (at >= sizeof(struct ea_event) / 4)
		return 0;
	return ((u32 *)&frame->head)[at];
}

static __always_inline int filter__exe_equal(struct ea_frame *frame, u32 key)
{
	struct ea_exe *exe = bpf_map_lookup_elem(&ea_exes, &key);

	return exe && exe->present && frame->head.exe_ino == exe->ino &&
	       frame->head.exe_dev == exe->dev;
}

__noinline int filter__group(u32 wanted)
{
	return filter__in_groups(task__current(), wanted);
}

/* Every operator but EQ, by far the commonest, which the loop does itself. */
static __always_inline int filter__test(struct ea_frame *frame, struct ea_step *step, u32 value,
					u32 exe_base)
{
	u32 operand = step->operand;

	switch (step->op) {
	case EA_OP_NE:
		return value != operand;
	case EA_OP_LT:
		return value < operand;
	case EA_OP_LE:
		return value <= operand;
	case EA_OP_GT:
		return value > operand;
	case EA_OP_GE:
		return value >= operand;
	case EA_OP_MASK:
		return (value & operand) != 0;
	case EA_OP_TEST:
		return (value & operand) == operand;
	case EA_OP_FACT_EQ:
		return value == filter__word(frame, operand);
	case EA_OP_FACT_NE:
		return value != filter__word(frame, operand);
	case EA_OP_EXE_EQ:
		return filter__exe_equal(frame, exe_base + operand);
	case EA_OP_EXE_NE:
		return !filter__exe_equal(frame, exe_base + operand);
	case EA_OP_GROUP_EQ:
		return value == operand || filter__group(operand);
	case EA_OP_GROUP_NE:
		return value != operand && !filter__group(operand);
	case EA_OP_TRUE:
		return 1;
	default:
		return 0;
	}
}

/*
 * A stretch of steps. The next step; 0: no rule matches; EA_MATCHED: one does, its number and
 * action are in the frame.
 */
__noinline int filter__stretch(u32 which, u32 generation, u32 at)
{
	struct ea_frame *frame = maps__frame(which);
	u32 base = (generation & 1) * EA_STEPS;

	if (!frame)
		return 0;
	for (int i = 0; i < EA_STRETCH; i++) {
		u32 key = base + at;
		struct ea_step *step = bpf_map_lookup_elem(&ea_steps, &key);
		u32 value;
		int is;

		if (!step)
			return 0;
		value = filter__word(frame, step->fact);
		if (step->op == EA_OP_EQ)
			is = value == step->operand;
		else
			is = filter__test(frame, step, value, (generation & 1) * EA_EXES);
		if (step->flags) {
			if ((step->flags & EA_STEP_EXIT) && !frame->head.has_exit)
				is = 0;
			if (is && (step->flags & EA_STEP_LAST)) {
				frame->rule = step->rule;
				frame->never = step->flags & EA_STEP_NEVER;
				return EA_MATCHED;
			}
		}
		if (is) {
			at++;
			continue;
		}
		at = step->next;
		if (!at)
			return 0;
	}
	return at;
}

/* First match from `first` on. 1: a rule matched; its number and action are in the frame. */
__noinline int filter__search(u32 which, u32 generation, u32 first)
{
	u32 at = first;

	for (int i = 0; at && i < EA_STEPS / EA_STRETCH; i++) {
		at = filter__stretch(which, generation, at);
		if (at == EA_MATCHED)
			return 1;
	}
	return 0;
}

static const volatile u32 ea_record_types[EA_RECORDS] SEC(".rodata.records") = {
    [EA_RECORD_SYSCALL] = 1300,
    [EA_RECORD_PATH] = 1302,
    [EA_RECORD_SOCKADDR] = 1306,
    [EA_RECORD_CWD] = 1307,
    [EA_RECORD_EXECVE] = 1309,
    [EA_RECORD_FD_PAIR] = 1317,
    [EA_RECORD_OBJ_PID] = 1318,
    [EA_RECORD_BPRM_FCAPS] = 1321,
    [EA_RECORD_CAPSET] = 1322,
    [EA_RECORD_MMAP] = 1323,
    [EA_RECORD_PROCTITLE] = 1327,
    [EA_RECORD_KERN_MODULE] = 1330,
    [EA_RECORD_TIME_INJOFFSET] = 1332,
    [EA_RECORD_OPENAT2] = 1337,
    [EA_RECORD_EOE] = 1320,
    [EA_RECORD_IPC] = 1303,
    [EA_RECORD_IPC_SET_PERM] = 1311,
    [EA_RECORD_MQ_OPEN] = 1312,
    [EA_RECORD_MQ_SENDRECV] = 1313,
    [EA_RECORD_MQ_NOTIFY] = 1314,
    [EA_RECORD_MQ_GETSETATTR] = 1315,
    [EA_RECORD_SOCKETCALL] = 1304,
    [EA_RECORD_TIME_ADJNTPVAL] = 1333,
    [EA_RECORD_ANOM_LINK] = 1702,
    [EA_RECORD_ANOM_CREAT] = 1703,
    [EA_RECORD_URINGOP] = 1336,
};

/* The exclude list, once for each record type that an event of ours may have. */
__noinline int filter__exclude(u32 which, u32 generation)
{
	u32 first = ea_config.exclude_first[generation & 1];
	struct ea_frame *frame = maps__frame(which);

	if (!frame)
		return 0;
	frame->head.excluded = 0;
	if (!first)
		return 0;
	for (u32 record = 0; record < EA_RECORDS; record++) {
		frame->head.msgtype = ea_record_types[record];
		if (filter__search(which, generation, first))
			frame->head.excluded |= 1u << record;
	}
	return 0;
}

#endif
