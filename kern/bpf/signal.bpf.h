/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whom a signal or a ptrace went to (OBJ_PID). */
#ifndef EA_SIGNAL_H
#define EA_SIGNAL_H

/*
 * Each target of a signal that was delivered, also when the sender names a group. Only signals
 * sent by the running task's own kill, tkill, tgkill or *sigqueueinfo count, as for
 * audit_signal_info_syscall: told by si_code and the syscall the task is in.
 */
PROGRAM("tp_btf/signal_generate", ea_signal)
{
	struct kernel_siginfo *info = (struct kernel_siginfo *)ctx[1];
	struct task_struct *target = (struct task_struct *)ctx[2];
	struct task_struct *task = task__current();
	struct ea_entry *entry;
	struct ea_task *state;
	struct pt_regs *regs;
	const struct cred *cred = NULL;
	u32 arch_index, at;
	int code = 1;

	if (!ea_config.enabled)
		return 0;
	/* SEND_SIG_NOINFO and SEND_SIG_PRIV are 0 and 1 */
	if ((u64)info < 4096)
		return 0;
	READ(code, info, si_code);
	if (code > 0)
		return 0;
	regs = task__regs(task);
	arch_index = task__arch_index(task);
	entry = maps__entry(ea_config.generation, arch_index, GET(regs, orig_ax));
	if (!entry || (entry->family != EA_FAMILY_KILL && entry->family != EA_FAMILY_TGKILL &&
		       entry->family != EA_FAMILY_PIDFD_SIGNAL))
		return 0;
	state = state__task_or_new(task);
	if (!state)
		return 0;
	/* targets of an exit that a change of rules has kept from looking at them are not of this
	 * call */
	if (!(state->pending & EA_PENDING_SIGNAL) ||
	    state->target_generation != ea_config.generation)
		state->target_count = 0;
	state->target_generation = ea_config.generation;
	state->pending |= EA_PENDING_SIGNAL;
	at = state->target_count;
	state->target_count = at + 1;
	if (at < EA_TARGETS) {
		task__target(target, &state->targets[at]);
		READ(cred, target, real_cred);
		state->labels[at] = label__of(cred);
	}
	return 0;
}

__noinline int signal__lookup(u32 which, u32 id)
{
	struct ea_frame *frame = frame__of(which);
	const struct cred *cred = NULL;
	struct task_struct *target;
	u8 *to;

	if (!frame)
		return 0;
	if (frame->head.family == EA_FAMILY_PIDFD_SIGNAL)
		target = task__by_pidfd(task__current(), id);
	else
		target = task__by_vpid(task__current(), id);
	if (!target)
		return 0;
	to = emit__begin(frame, EA_ITEM_TARGET, 0, sizeof(struct ea_target));
	if (!to)
		return 0;
	task__target(target, (struct ea_target *)to);
	emit__end(frame, sizeof(struct ea_target));
	READ(cred, target, real_cred);
	label__emit(which, label__of(cred), EA_ITEM_OBJECT);
	return 1;
}

/* One of the targets that the signal's way has left. 1: there was room. */
__noinline int signal__target(u32 which, u32 at)
{
	struct ea_task *state = state__task(task__current());
	struct ea_frame *frame = frame__of(which);
	u8 *to;

	if (!state || !frame || at >= EA_TARGETS)
		return 0;
	to = emit__begin(frame, EA_ITEM_TARGET, 0, sizeof(struct ea_target));
	if (!to)
		return 0;
	__builtin_memcpy(to, &state->targets[at], sizeof(struct ea_target));
	emit__end(frame, sizeof(struct ea_target));
	label__emit(which, state->labels[at], EA_ITEM_OBJECT);
	return 1;
}

__noinline int signal__emit(u32 which)
{
	struct ea_task *state = state__task(task__current());
	struct ea_frame *frame = frame__of(which);
	struct ea_event *head;
	u32 id, number;

	if (!frame)
		return 0;
	head = &frame->head;
	id = (u32)head->args[0];
	number = (u32)head->args[1];
	if (state && (state->pending & EA_PENDING_SIGNAL)) {
		for (u32 i = 0; i < EA_TARGETS && i < state->target_count; i++)
			if (!signal__target(which, i))
				break;
		return 0;
	}
	/* Not delivered: refused, or signal 0. The kernel judges an invalid signal first. */
	if (head->family == EA_FAMILY_TGKILL) {
		id = (u32)head->args[1];
		number = (u32)head->args[2];
	}
	if ((s32)id > 0 && number <= 64 && head->exit != -EINVAL && head->exit != -ESRCH)
		signal__lookup(which, id);
	return 0;
}

static __always_inline int signal__ptrace(struct ea_frame *frame, u32 which)
{
	u64 request = frame->head.args[0];

	if (request == PTRACE_ATTACH || request == PTRACE_SEIZE)
		signal__lookup(which, (u32)frame->head.args[1]);
	return 0;
}

#endif
