/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Birth and death of tasks. */
#ifndef EA_PROCESS_H
#define EA_PROCESS_H

/* The child's number in the root namespace for the parent's record; the task list for the child. */
PROGRAM("tp_btf/sched_process_fork", ea_fork)
{
	struct task_struct *parent = (struct task_struct *)ctx[0];
	struct task_struct *child = (struct task_struct *)ctx[1];
	u32 generation = ea_config.generation & 1;
	struct ea_frame *frame;
	struct ea_task *state;

	if (!ea_config.enabled)
		return 0;
	state = state__task_or_new(parent);
	if (state) {
		state->child = GET(child, pid);
		state->pending |= EA_PENDING_FORK;
	}
	if (!(ea_config.flags[generation] & EA_CONFIG_TASK_RULES))
		return 0;
	frame = frame__of(EA_FRAME_FORK);
	if (!frame)
		return 0;
	/* As audit_filter_task: the parent's facts; there is no syscall yet. */
	frame->head.has_exit = 0;
	frame->journal = 0;
	frame->head.pid = GET(parent, tgid);
	frame->head.personality = GET(parent, personality);
	task__credentials(parent, &frame->head);
	task__login(parent, &frame->head);
	if (ea_config.flags[generation] & EA_CONFIG_ROLES)
		label__roles(EA_FRAME_FORK, generation, 0);
	if (filter__search(EA_FRAME_FORK, generation, ea_config.task_first[generation]) &&
	    frame->never) {
		state = state__task_or_new(child);
		if (state)
			state->disposition = EA_TASK_NEVER;
		filter__tally(generation, frame->rule);
	}
	return 0;
}

#ifdef EA_LEGACY
/* What is kept by a task's address must not outlive it. */
PROGRAM_ALONE("tp_btf/sched_process_exit", ea_forget)
{
	struct ea_journal *journal;

	state__forget(&ea_tasks, task__current());
	state__forget(&ea_judged, task__current());
	journal = names__journal();
	if (journal)
		journal__end(journal);
	names__release_texts(task__current());
	state__forget(&ea_specials, task__current());
	state__forget(&ea_denials, task__current());
	state__forget(&ea_addresses, task__current());
	state__forget(&ea_rings, task__current());
	return 0;
}
#endif

#endif
