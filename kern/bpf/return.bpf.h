/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Returns from signal handlers. They put the interrupted code's registers in place of their own, so
 * that at their exit nothing tells any more what the call was.
 */
#ifndef EA_RETURN_H
#define EA_RETURN_H

static __always_inline int return__keep(void)
{
	struct task_struct *task = task__current();
	struct pt_regs *regs = task__regs(task);
	u32 arch_index = task__arch_index(task);
	u64 nr = GET(regs, orig_ax);
	struct ea_task *state;
	u64 args[4];

	if (!ea_config.enabled || !maps__entry(ea_config.generation, arch_index, nr))
		return 0;
	state = state__task_or_new(task);
	if (!state)
		return 0;
	task__args(regs, arch_index, args);
	__builtin_memcpy(state->args, args, sizeof(args));
	state->arch = task__arch(arch_index);
	state->nr = (u32)nr;
	state->pending |= EA_PENDING_RETURN;
	return 0;
}

/* Which return it was that ends. */
__noinline int return__kept(void)
{
	struct ea_task *state = state__task(task__current());

	return state && (state->pending & EA_PENDING_RETURN) ? (int)state->nr : -1;
}

/* Which syscall it is that ends with this number in its registers. */
static __always_inline u32 return__number(u64 number)
{
	return number == ~0ULL ? (u32)return__kept() : (u32)number;
}

/* What it was called with, into the event's head. 0: that is not known. */
__noinline int return__take(u32 which)
{
	struct task_struct *task = task__current();
	struct ea_task *state = state__task(task);
	struct ea_frame *frame = frame__of(which);

	if (!frame || !state || !(state->pending & EA_PENDING_RETURN))
		return 0;
	frame->head.nr = state->nr;
	bpf_probe_read_kernel(frame->head.args, sizeof(frame->head.args), state->args);
	state__task_done(task, state);
	return 1;
}

PROGRAM("fentry/__do_sys_rt_sigreturn", ea_rt_sigreturn)
{
	return return__keep();
}

PROGRAM("fentry/__do_compat_sys_rt_sigreturn", ea_compat_rt_sigreturn)
{
	return return__keep();
}

PROGRAM("fentry/__do_compat_sys_sigreturn", ea_compat_sigreturn)
{
	return return__keep();
}

#endif
