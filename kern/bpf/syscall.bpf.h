/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The exit of a syscall: where rules are judged and events are made. */
#ifndef EA_SYSCALL_H
#define EA_SYSCALL_H

/*
 * Stubs are attached one after the other, and until all are there the program at every syscall's
 * exit judges what no stub has. A stub comes first, and leaves a mark. Stubs that were there before
 * leave none that could be relied on: between them and the exit their task may have slept over the
 * change of rules. So their syscalls are left to them (EA_HAS_STUB).
 */
static __always_inline void syscall__mark(u32 generation)
{
	u32 *judged = state__of_or_new(&ea_judged, task__current());

	if (judged)
		*judged = generation;
}

/* 1: a stub has judged the syscall that ends, under these rules or those before. */
static __always_inline int syscall__marked(u32 generation)
{
	struct task_struct *task = task__current();
	u32 *judged = state__of(&ea_judged, task);
	u32 mark;

	if (!judged || !*judged)
		return 0;
	mark = *judged;
	*judged = 0;
	state__forget(&ea_judged, task);
	return mark == generation || mark + 1 == generation;
}

/*
 * 1: an open that has succeeded, of which only watches speak, and it has met none. Most opens are
 * like that, so this comes before all else. What fails may have left more than a journal.
 */
static __always_inline int syscall__is_nothing(u32 family, u32 first, s64 value,
					       struct task_struct *task)
{
	struct ea_journal *journal;

	if (first || value < 0 || family < EA_FAMILY_OPEN || family > EA_FAMILY_OPENAT2)
		return 0;
	if (!lane__may_be_busy(task))
		return 1;
	journal = names__journal();
	return !journal || !journal->count;
}

/* 1: no rule can match, and no hook has left anything that the end would have to clear away. */
static __always_inline int syscall__is_over(u32 family, struct ea_demand *demand, s64 value)
{
	return family == EA_FAMILY_PLAIN && !demand->first && !denied__may_be(value) &&
	       !(demand->needs & (EA_NEED_NAMES | EA_NEED_WATCH | EA_NEED_ADDRESS));
}

/* The end of a syscall that may be one that rules name. */
static __always_inline int syscall__end(struct pt_regs *regs, s64 value, int by_stub)
{
	struct task_struct *task = task__current();
	u32 arch_index = task__arch_index(task);
	/* read once: a change of rules in between must not mix two generations' tables */
	u32 generation = ea_config.generation;
	struct ea_demand demand;
	struct ea_entry *entry;
	u32 flags, which, nr;

	if (!ea_config.enabled)
		return 0;
	flags = ea_config.flags[generation & 1];
	if (by_stub) {
		if (!(flags & EA_CONFIG_STUBS))
			return 0;
	} else if (flags & EA_CONFIG_STUBS) {
		if (syscall__marked(generation) || !(flags & EA_CONFIG_TAKEOVER))
			return 0;
	}
	nr = return__number(GET(regs, orig_ax));
	entry = maps__entry(generation, arch_index, nr);
	if (!entry || (!by_stub && (flags & EA_CONFIG_STUBS) && (entry->needs & EA_HAS_STUB)))
		return 0;
	ending__demand(&demand, entry, task);
	if (syscall__is_nothing(entry->family, demand.first, value, task))
		return 0;
	if (!(flags & EA_CONFIG_TASK_RULES) && syscall__is_over(entry->family, &demand, value)) {
		if (GET(task, tgid) != ea_config.daemon)
			judge__count(arch_index, nr);
	} else {
		which = frame__enter();
		if (which < EA_FRAMES)
			ending__record(which, entry, &demand, arch_index, generation, value);
		frame__leave(which);
	}
	if (by_stub && (flags & EA_CONFIG_TAKEOVER))
		syscall__mark(generation);
	return 0;
}

PROGRAM("tp_btf/sys_exit", ea_sys_exit)
{
	return syscall__end((struct pt_regs *)ctx[0], (s64)ctx[1], 0);
}

/*
 * exit and exit_group never return: their event is made at their entry, or when the task dies. Its
 * registers still hold the call (a task that dies by a signal holds another, or none).
 */
static __always_inline int syscall__leave(u32 which)
{
	struct task_struct *task = task__current();
	u32 arch_index = task__arch_index(task);
	u32 generation = ea_config.generation;
	struct ea_frame *frame = frame__of(which);
	struct ea_counters *counters;
	struct ea_entry *entry;
	struct ea_task *state;
	struct pt_regs *regs;

	if (!frame || !ea_config.enabled || GET(task, tgid) == ea_config.daemon ||
	    (GET(task, flags) & PF_KTHREAD))
		return 0;
	regs = task__regs(task);
	entry = maps__entry(generation, arch_index, GET(regs, orig_ax));
	if (!entry || entry->family != EA_FAMILY_EXIT)
		return 0;
	if (ea_config.flags[generation & 1] & EA_CONFIG_TASK_RULES) {
		state = state__task(task);
		if (state && state->disposition == EA_TASK_NEVER)
			return 0;
	}
	frame->head.family = entry->family;
	frame->head.time = 0;
	frame->head.arch = task__arch(arch_index);
	frame->head.nr = (u32)GET(regs, orig_ax);
	frame->head.exit = 0;
	frame->head.success = 0;
	frame->head.has_exit = 0;
	frame->head.saddr_fam = EA_NO_FAMILY;
	frame->head.access = EA_ACCESS_ANY;
	frame->journal = 0;
	task__args(regs, arch_index, frame->head.args);
	if (!judge__event(which, generation, entry->first, entry->needs & ~(u32)EA_NEED_WATCH))
		return 0;
	ending__emit_task(which);
	counters = maps__counters();
	if (counters)
		emit__frame(frame, counters);
	return 0;
}

PROGRAM("tp_btf/sched_process_exit", ea_exit)
{
	/*
	 * Only kernels that pass this argument (6.16 and later) come here while the task still has
	 * its memory. On others the program does not load.
	 */
	u64 group_dead = ctx[1];
	u32 which;

	barrier_var(group_dead);
	which = frame__enter();
	syscall__leave(which);
	frame__leave(which);
	return 0;
}

/*
 * Since 6.13 the kernel may give a program one stack per CPU: one that runs on a trampoline does
 * not begin again there before it has ended. That is watched of the stub, but it is the judge that
 * has the stack, and two stubs may be in it at once where programs are preempted. Programs that
 * call another as their end never have such a stack; this calls none, for there is no second one.
 */
#define SYSCALL_OWN_STACK(ctx, judges) bpf_tail_call(ctx, &(judges), 1)

/*
 * Where stubs go on (a stub hangs at the function that carries out one syscall). The functions have
 * one of two prototypes, which differ in the name of their only argument, the registers; programs
 * that share an array of tail calls must not differ in that.
 */
PROGRAM_WITH_LAST("fexit/__x64_sys_umask", ea_fexit, SYSCALL_OWN_STACK(ctx, ea_fexits))
{
	return syscall__end((struct pt_regs *)ctx[0], (s64)ctx[1], 1);
}

/*
 * Where stubs of opens go on: as good as all opens end here where nothing but watches speak of
 * them, without a look at what the rules say of the syscall. This is what syscall__is_nothing
 * finds. It goes on only where that is not so, which PROGRAM_WITH_LAST cannot say.
 */
static __always_inline int syscall__is_unwatched_open(s64 value)
{
	return value >= 0 &&
	       (ea_config.flags[ea_config.generation & 1] & EA_CONFIG_WATCHED_OPENS) &&
	       !lane__may_be_busy(task__current());
}

SEC("fexit/__x64_sys_umask") int ea_fexit_open(u64 *ctx)
{
	int is_over;

	preempt__disable();
	is_over = syscall__is_unwatched_open((s64)ctx[1]);
	/* what this goes on into tells for itself */
	if (is_over)
		twin__tell();
	/* else the compiler makes two ends of it */
	barrier_var(is_over);
	preempt__enable();
	if (!is_over)
		bpf_tail_call(ctx, &ea_fexits, 0);
	return 0;
}

PROGRAM_WITH_LAST("fexit/__do_sys_getpid", ea_fexit_unused,
		  SYSCALL_OWN_STACK(ctx, ea_fexits_unused))
{
	return syscall__end((struct pt_regs *)ctx[0], (s64)ctx[1], 1);
}

PROGRAM_WITH_LAST("fentry/__x64_sys_exit_group", ea_fentry, SYSCALL_OWN_STACK(ctx, ea_fentries))
{
	u32 which = frame__enter();

	syscall__leave(which);
	frame__leave(which);
	return 0;
}

#endif
