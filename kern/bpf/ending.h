/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The end of a syscall of which rules speak, in steps. */
#ifndef EA_ENDING_H
#define EA_ENDING_H

/* What comes next at the end of a syscall. */
#define ENDING_OVER  0 /* nothing */
#define ENDING_CLEAR 1 /* it is not judged; what its hooks have left is cleared away */
#define ENDING_JUDGE 2

static __always_inline s64 ending__exit(s64 value)
{
	/* __audit_syscall_exit: a syscall that would be restarted was interrupted */
	if (value <= -ERESTARTSYS && value >= -ERESTART_RESTARTBLOCK && value != -ENOIOCTLCMD)
		return -EINTR;
	return value;
}

/* Everything but the family's items; the frame's head is filled as far as the filter needs. */
__noinline int ending__emit_task(u32 which)
{
	struct task_struct *task = task__current();
	struct ea_frame *frame = frame__of(which);
	u64 start = 0, end = 0, length, area;
	/* one after the other what the task points to: the stack is all but full (helpers.h,
	 * __once)
	 */
	void *of_task = NULL;

	if (!frame)
		return 0;
	bpf_probe_read_kernel(frame->head.comm, sizeof(frame->head.comm), task->comm);
	READ(of_task, task, signal);
	READ(of_task, (struct signal_struct *)of_task, tty);
	if (of_task)
		emit__kernel_str(frame, EA_ITEM_TTY, ((struct tty_struct *)of_task)->name,
				 EA_TTY_MAX);
	READ(of_task, task, cred);
	label__emit(which, label__of(of_task), EA_ITEM_SUBJECT);
	READ(of_task, task, mm);
	if (!of_task)
		return 0;
	path__emit(which, EA_ITEM_EXE);
	READ(start, (struct mm_struct *)of_task, arg_start);
	READ(end, (struct mm_struct *)of_task, arg_end);
	length = area = end - start;
	/* get_cmdline: when the area's last byte was overwritten, it goes on into the environment
	 */
	if (area && area < EA_PROCTITLE_MAX) {
		u8 last = 0;

		bpf_probe_read_user(&last, 1, (void *)(start + area - 1));
		if (last) {
			READ(end, (struct mm_struct *)of_task, env_end);
			length = end - start;
		}
	}
	if (length > EA_PROCTITLE_MAX)
		length = EA_PROCTITLE_MAX;
	if (area > EA_PROCTITLE_MAX)
		area = EA_PROCTITLE_MAX;
	if (length)
		emit__user_bytes(frame, EA_ITEM_PROCTITLE, (u32)area, (void *)start, (u32)length,
				 EA_PROCTITLE_MAX);
	return 0;
}

/* The journal of the syscall that ends; NULL: it looked up nothing that matters. */
static __always_inline struct ea_journal *ending__journal(struct ea_event *head, u32 arch_index)
{
	struct ea_journal *journal = names__journal();

	if (!journal || !journal->count)
		return NULL;
	if (!journal__is_of(journal, head->nr, head->args, arch_index)) {
		journal__end(journal);
		return NULL;
	}
	return journal;
}

/* The name that the syscall took over, if it was refused before it looked it up; else 0. */
static __always_inline u64 ending__taken(struct ea_event *head)
{
	s64 error = head->exit;

	switch (head->family) {
	case EA_FAMILY_EXEC:
	case EA_FAMILY_EXECVEAT:
		/* it begins with the name: other errors come after */
		if (head->success || error == -EFAULT || error == -ENOENT || error == -ENAMETOOLONG)
			return 0;
		return head->family == EA_FAMILY_EXEC ? head->args[0] : head->args[1];
	case EA_FAMILY_OPEN:
		return error == -EMFILE ? head->args[0] : 0;
	case EA_FAMILY_OPENAT:
	case EA_FAMILY_OPENAT2:
		return error == -EMFILE ? head->args[1] : 0;
	default:
		return 0;
	}
}

/* What was done with names. 1: there were some. */
static __always_inline int ending__emit_journal(u32 which, struct ea_frame *frame)
{
	struct ea_journal *journal = frame->has_names ? names__journal() : NULL;
	u64 taken;

	if (journal)
		return journal__emit(which, journal->count);
	taken = ending__taken(&frame->head);
	return taken ? emit__taken(which, taken) : 0;
}

/* The syscall's number, arguments and result. */
__noinline int ending__take(u32 which, u32 arch_index, s64 value)
{
	struct pt_regs *regs = task__regs(task__current());
	struct ea_frame *frame = frame__of(which);
	struct ea_event *head;

	if (!frame)
		return 0;
	head = &frame->head;
	head->time = 0;
	head->arch = task__arch(arch_index);
	head->nr = (u32)GET(regs, orig_ax);
	head->exit = ending__exit(value);
	head->success = value > 0 || value < -MAX_ERRNO || value == 0;
	head->has_exit = 1;
	head->saddr_fam = EA_NO_FAMILY;
	task__args(regs, arch_index, head->args);
	frame->arg4 = task__arg4(regs, arch_index);
	frame->arg5 = task__arg5(regs, arch_index);
	frame->address_len = 0;
	return 0;
}

/*
 * What is to be done about a syscall that ends: `first`, the run to be gone through, if any, and
 * `needs`.
 */
static __always_inline void ending__demand(struct ea_demand *demand, struct ea_entry *entry,
					   struct task_struct *task)
{
	demand->first = entry->first;
	demand->needs = entry->needs;
	if (!entry->fact)
		return;
	if (bounds__spare(entry, task)) {
		demand->first = 0;
		demand->needs = entry->spared;
	} else if (bounds__exclude(entry, task)) {
		demand->first = 0;
	}
}

/* The registers look as after an execve of the new program's ABI (set_personality_64bit), whatever
 * call it was. 1: rules speak of that call. */
static __always_inline int ending__executed(struct ea_frame *frame, struct ea_task *state,
					    u32 generation)
{
	struct ea_event *head = &frame->head;
	struct ea_entry *entry;

	entry = maps__entry(generation, state->arch == AUDIT_ARCH_I386, state->nr);
	if (!entry)
		return 0;
	ending__demand(&frame->demand, entry, task__current());
	head->family = entry->family;
	head->time = state->time;
	head->arch = state->arch;
	head->nr = state->nr;
	bpf_probe_read_kernel(head->args, sizeof(head->args), state->args);
	return 1;
}

/* What a syscall that ends is, and what its hooks have left. The next step of its end. */
__noinline int ending__prepare(u32 which, u32 arch_index, u32 generation, s64 value)
{
	struct task_struct *task = task__current();
	struct ea_frame *frame = frame__of(which);
	struct ea_task *state = NULL;
	struct ea_event *head;
	u32 family;

	if (!frame)
		return ENDING_OVER;
	head = &frame->head;
	family = head->family;
	ending__take(which, arch_index, value);
	frame->address_kept = frame->demand.needs & EA_NEED_ADDRESS;
	frame->has_state = 0;
	frame->has_names = 0;
	/* it will be made anew, which nobody is to notice */
	if (value == -ERESTARTNOINTR && request__is_held(task))
		return ENDING_CLEAR;

	switch (family) {
	case EA_FAMILY_FORK:
		/* the child's own return from the parent's syscall */
		if (!value)
			return ENDING_OVER;
		state = state__task(task);
		if (state && value > 0 && (state->pending & EA_PENDING_FORK))
			head->exit = state->child;
		break;
	case EA_FAMILY_EXEC:
	case EA_FAMILY_EXECVEAT:
		state = state__task(task);
		if (state && !(state->pending & EA_PENDING_EXEC))
			state = NULL;
		frame->has_state = state != NULL;
		if (state && value == 0 && !ending__executed(frame, state, generation))
			return ENDING_CLEAR;
		break;
	case EA_FAMILY_KILL:
	case EA_FAMILY_TGKILL:
	case EA_FAMILY_PIDFD_SIGNAL:
		state = state__task(task);
		break;
	case EA_FAMILY_RETURN:
		if (!return__take(which))
			return ENDING_OVER;
		break;
	default:
		if ((family >= EA_FAMILY_ADDRESS_IN && family <= EA_FAMILY_RECVMMSG) ||
		    family == EA_FAMILY_BIND || family == EA_FAMILY_SOCKETCALL ||
		    family == EA_FAMILY_RING)
			net__find(which, arch_index);
		break;
	}
	frame->has_state = state != NULL;
	frame->journal = frame->demand.needs & (EA_NEED_NAMES | EA_NEED_WATCH);
	if (frame->journal) {
		frame->has_names = ending__journal(head, head->arch == AUDIT_ARCH_I386) != NULL;
		if (!frame->has_names && !frame->demand.first)
			return ENDING_CLEAR;
	}
	head->access = (u32)judge__access(which, arch_index);
	if (!(ea_config.flags[generation & 1] & EA_CONFIG_TASK_RULES))
		return ENDING_JUDGE;
	if (!state)
		state = state__task(task);
	frame->has_state = state != NULL;
	return state && state->disposition == EA_TASK_NEVER ? ENDING_CLEAR : ENDING_JUDGE;
}

/* What has begun as an event, with all that belongs to it, into the ring. */
__noinline int ending__emit(u32 which)
{
	struct task_struct *task = task__current();
	struct ea_frame *frame = frame__of(which);
	struct ea_task *state = NULL;
	struct ea_counters *counters;
	struct ea_event *head;
	struct mm_struct *mm = NULL;
	int names, sent;
	u64 start = 0;
	u32 family;

	if (!frame)
		return 0;
	head = &frame->head;
	family = head->family;
	ending__emit_task(which);
	if (family == EA_FAMILY_EXEC || family == EA_FAMILY_EXECVEAT) {
		names = 1;
		if (frame->has_state)
			state = state__task(task);
		if (state && (state->pending & EA_PENDING_EXEC) && head->exit == 0)
			exec__emit(which, GET(task__regs(task), ip));
		else
			emit__name(which, 0,
				   family == EA_FAMILY_EXEC ? head->args[0] : head->args[1],
				   EA_NAME_NO_INODE);
	} else if (frame->address_len && family != EA_FAMILY_SOCKETCALL &&
		   family != EA_FAMILY_RING) {
		names = net__emit(which);
	} else {
		names = family__emit(which);
	}
	if (denied__may_be(head->exit))
		denied__emit(which, head->arch == AUDIT_ARCH_I386);
	if (frame->journal)
		names = ending__emit_journal(which, frame);
	if (names)
		path__emit(which, EA_ITEM_CWD);
	counters = maps__counters();
	if (counters) {
		sent = emit__frame(frame, counters);
		READ(mm, task, mm);
		if (sent && head->args_len > EA_ARGS_CHUNK && mm) {
			READ(start, mm, arg_start);
			emit__arguments_rest(which, start, head->args_len);
		}
	}
	return 0;
}

/* Clears away what the hooks have left of a syscall. */
__noinline int ending__clear(u32 which)
{
	struct task_struct *task = task__current();
	struct ea_frame *frame = frame__of(which);
	struct ea_journal *journal;
	struct ea_task *state;
	u32 family;

	if (!frame)
		return 0;
	family = frame->head.family;
	if (frame->address_kept)
		net__end();
	journal = frame->has_names ? names__journal() : NULL;
	if (journal)
		journal__end(journal);
	if (family >= EA_FAMILY_IPC && family <= EA_FAMILY_INIT_MODULE)
		special__end(task);
	if (denied__may_be(frame->head.exit))
		denied__end(task);
	if (family == EA_FAMILY_RING)
		ring__leave();
	state = frame->has_state ? state__task(task) : NULL;
	if (state)
		state__task_done(task, state);
	return 0;
}

/*
 * The end of a syscall of which rules speak, in steps, each a function of its own: the verifier
 * goes through each once, and not once for each way to it.
 */
static __always_inline int ending__record(u32 which, struct ea_entry *entry,
					  struct ea_demand *demand, u32 arch_index, u32 generation,
					  s64 value)
{
	struct ea_frame *frame = frame__of(which);
	int next;

	if (!frame || GET(task__current(), tgid) == ea_config.daemon)
		return 0;
	frame->head.family = entry->family;
	frame->demand = *demand;
	next = ending__prepare(which, arch_index, generation, value);
	if (next == ENDING_OVER)
		return 0;
	if (next == ENDING_JUDGE &&
	    judge__event(which, generation, frame->demand.first, frame->demand.needs))
		ending__emit(which);
	ending__clear(which);
	return 0;
}

#endif
