/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The exit of a syscall: where rules are judged and events are made. */
#ifndef EA_SYSCALL_H
#define EA_SYSCALL_H

/* What comes next at the end of a syscall. */
#define SYSCALL_OVER  0 /* nothing */
#define SYSCALL_CLEAR 1 /* it is not judged; what its hooks have left is cleared away */
#define SYSCALL_JUDGE 2

static __always_inline s64 syscall__exit(s64 value)
{
	/* __audit_syscall_exit: a syscall that would be restarted was interrupted */
	if (value <= -ERESTARTSYS && value >= -ERESTART_RESTARTBLOCK && value != -ENOIOCTLCMD)
		return -EINTR;
	return value;
}

/* A file that open has just made or found. */
__noinline int syscall__emit_open(u32 which)
{
	struct task_struct *task = task__current();
	struct ea_frame *frame = maps__frame(which);
	u64 file = 0, inode = 0, dentry = 0, parent = 0;
	struct ea_event *head;
	u32 mode = 0;
	u64 text;

	if (!frame)
		return 0;
	head = &frame->head;
	text = head->family == EA_FAMILY_OPEN ? head->args[0] : head->args[1];

	/* told of once the structure has been copied: not of one that is too short or too new */
	if (head->family == EA_FAMILY_OPENAT2 && head->args[3] >= 24 && head->exit != -E2BIG) {
		u8 *to = emit__begin(frame, EA_ITEM_OPENAT2, 0, 24);

		if (to && !bpf_probe_read_user(to, 24, (void *)head->args[2]))
			emit__end(frame, 24);
	}
	if (!head->success) {
		emit__name(which, 0, text, EA_NAME_NO_INODE);
		return 0;
	}
	file = task__file(task, (u32)head->exit);
	if (!file) {
		emit__name(which, 0, text, EA_NAME_NO_INODE);
		return 0;
	}
	READ(inode, (struct file *)file, f_inode);
	READ(mode, (struct file *)file, f_mode);
	if (mode & FMODE_CREATED) {
		READ(dentry, (struct file *)file, f_path.dentry);
		READ(parent, (struct dentry *)dentry, d_parent);
		READ(parent, (struct dentry *)parent, d_inode);
		emit__name(which, parent, text, EA_NAME_PARENT);
		emit__name(which, inode, text, EA_NAME_CREATE);
	} else {
		emit__name(which, inode, text, 0);
	}
	return 0;
}

static __always_inline void syscall__emit_words(struct ea_frame *frame, u32 type, u64 from)
{
	emit__user_bytes(frame, type, 0, (void *)from, 8, 8);
}

/* What the family of the syscall calls for. 1: names were emitted, so CWD belongs to the event. */
__noinline int syscall__emit_family(u32 which)
{
	struct task_struct *task = task__current();
	struct ea_frame *frame = maps__frame(which);
	struct ea_event *head;
	u32 words[3];
	u8 *to;

	if (!frame)
		return 0;
	head = &frame->head;
	switch (head->family) {
	case EA_FAMILY_OPEN:
	case EA_FAMILY_OPENAT:
	case EA_FAMILY_OPENAT2:
		syscall__emit_open(which);
		return 1;
	case EA_FAMILY_PIPE:
		if (head->success)
			syscall__emit_words(frame, EA_ITEM_FD_PAIR, head->args[0]);
		return 0;
	case EA_FAMILY_SOCKETPAIR:
		if (head->success)
			syscall__emit_words(frame, EA_ITEM_FD_PAIR, head->args[3]);
		return 0;
	case EA_FAMILY_KILL:
	case EA_FAMILY_TGKILL:
	case EA_FAMILY_PIDFD_SIGNAL:
		signal__emit(which);
		return 0;
	case EA_FAMILY_PTRACE:
		signal__ptrace(frame, which);
		return 0;
	case EA_FAMILY_CAPSET:
		if (!head->success)
			return 0;
		to = emit__begin(frame, EA_ITEM_CAPSET, 0, sizeof(struct ea_capset));
		if (to) {
			task__capabilities(GET(task, cred), (struct ea_capset *)to);
			emit__end(frame, sizeof(struct ea_capset));
		}
		return 0;
	case EA_FAMILY_MMAP:
		/* ksys_mmap_pgoff tells audit before it looks the descriptor up */
		if (head->args[3] & MAP_ANONYMOUS)
			return 0;
		to = emit__begin(frame, EA_ITEM_MMAP, 0, 8);
		if (to) {
			((u32 *)to)[0] = (u32)frame->arg4;
			((u32 *)to)[1] = (u32)head->args[3];
			emit__end(frame, 8);
		}
		return 0;
	case EA_FAMILY_OLD_MMAP:
		/* struct mmap_arg_struct32: flags, descriptor and offset are its last words */
		if (bpf_probe_read_user(words, sizeof(words), (void *)(head->args[0] + 12))) {
			emit__unread();
			return 0;
		}
		if ((words[0] & MAP_ANONYMOUS) || (words[2] & (PAGE_SIZE - 1)))
			return 0;
		to = emit__begin(frame, EA_ITEM_MMAP, 0, 8);
		if (to) {
			((u32 *)to)[0] = words[1];
			((u32 *)to)[1] = words[0];
			emit__end(frame, 8);
		}
		return 0;
	case EA_FAMILY_DELETE_MODULE:
		/* refused before the name is read, or no modules in this kernel */
		if (head->exit == -EPERM || head->exit == -ENOSYS)
			return 0;
		to = emit__begin(frame, EA_ITEM_MODULE, 0, EA_MODULE_MAX);
		if (to) {
			long length =
			    bpf_probe_read_user_str(to, EA_MODULE_MAX, (void *)head->args[0]);

			if (length > 0)
				emit__end(frame, (u32)length - 1);
		}
		return 0;
	case EA_FAMILY_IPC:
	case EA_FAMILY_QUEUE:
	case EA_FAMILY_ADJTIME:
	case EA_FAMILY_INIT_MODULE:
		special__emit(which, head->arch == AUDIT_ARCH_I386);
		return 0;
	case EA_FAMILY_SOCKETCALL:
		return socketcall__emit(which);
	case EA_FAMILY_RING:
		ring__emit(which);
		return net__emit(which);
	case EA_FAMILY_SETTIME:
		if (!head->success || !ea_has_tai)
			return 0;
		to = emit__begin(frame, EA_ITEM_CLOCK, 0, 8);
		if (to) {
			u64 before = bpf_ktime_get_ns();
			u64 tai = bpf_ktime_get_tai_ns();
			u64 after = bpf_ktime_get_ns();

			*(s64 *)to = (s64)(tai - (before + after) / 2);
			emit__end(frame, 8);
		}
		return 0;
	default:
		return 0;
	}
}

/* Everything but the family's items; the frame's head is filled as far as the filter needs. */
__noinline int syscall__emit_task(u32 which)
{
	struct task_struct *task = task__current();
	struct ea_frame *frame = maps__frame(which);
	struct mm_struct *mm = GET(task, mm);
	struct signal_struct *signal;
	struct tty_struct *tty;
	u64 start, length, area;

	if (!frame)
		return 0;
	bpf_probe_read_kernel(frame->head.comm, sizeof(frame->head.comm), task->comm);
	signal = GET(task, signal);
	if (signal) {
		tty = GET(signal, tty);
		if (tty)
			emit__kernel_str(frame, EA_ITEM_TTY, &tty->name, EA_TTY_MAX);
	}
	label__emit(which, label__of(GET(task, cred)), EA_ITEM_SUBJECT);
	if (!mm)
		return 0;
	path__emit(which, EA_ITEM_EXE);
	start = GET(mm, arg_start);
	length = area = GET(mm, arg_end) - start;
	/* get_cmdline: when the area's last byte was overwritten, it goes on into the environment
	 */
	if (area && area < EA_PROCTITLE_MAX) {
		u8 last = 0;

		bpf_probe_read_user(&last, 1, (void *)(start + area - 1));
		if (last)
			length = GET(mm, env_end) - start;
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

/* Late lookups must begin where the task's own would. */
static __always_inline void syscall__root(struct task_struct *task, struct ea_event *head)
{
	struct fs_struct *fs = GET(task, fs);
	struct super_block *sb = NULL;
	struct dentry *dentry = NULL;
	struct inode *inode = NULL;

	head->root_ino = 0;
	head->root_dev = 0;
	if (!fs)
		return;
	READ(dentry, fs, root.dentry);
	READ(inode, dentry, d_inode);
	READ(head->root_ino, inode, i_ino);
	READ(sb, inode, i_sb);
	READ(head->root_dev, sb, s_dev);
}

static __always_inline u32 syscall__mount_namespace(struct task_struct *task)
{
	struct nsproxy *nsproxy = GET(task, nsproxy);
	struct mnt_namespace *ns;

	if (!nsproxy)
		return 0;
	ns = GET(nsproxy, mnt_ns);
	return ns ? GET(ns, ns.inum) : 0;
}

/* Facts of the head beyond the syscall's own, as far as `needs` asks. */
static __always_inline void syscall__gather(struct ea_event *head, struct task_struct *task,
					    u32 needs)
{
	struct task_struct *parent;

	if (needs & EA_NEED_CREDENTIALS)
		task__credentials(task, head);
	if (needs & EA_NEED_LOGIN)
		task__login(task, head);
	if (needs & EA_NEED_PARENT) {
		parent = GET(task, real_parent);
		head->ppid = GET(parent, tgid);
	}
	if (needs & EA_NEED_EXE)
		task__exe(task, head);
}

/* Counts that a syscall is judged. */
__noinline int syscall__count(u32 arch_index, u32 nr)
{
	u32 key = arch_index * EA_SYSCALLS + nr;
	u64 *evaluations = bpf_map_lookup_elem(&ea_evaluations, &key);

	if (evaluations)
		(*evaluations)++;
	return 0;
}

/* Begins an event that a rule wants, whose number and action are in the frame. 1: it has its
 * number. */
static __always_inline int syscall__begin(u32 which, u32 generation)
{
	struct task_struct *task = task__current();
	struct ea_frame *frame = maps__frame(which);
	struct ea_counters *counters;
	struct ea_event *head;

	if (!frame)
		return 0;
	head = &frame->head;
	head->rule = frame->rule;
	head->excluded = 0;
	if (ea_config.flags[generation & 1] & EA_CONFIG_EXCLUDES) {
		filter__exclude(which, generation);
		if (head->excluded & (1u << EA_RECORD_SYSCALL))
			return 0;
	}
	counters = maps__counters();
	if (!counters)
		return 0;
	head->kind = EA_KIND_SYSCALL;
	/* an exec has brought the time of its beginning */
	if (!head->time)
		head->time = bpf_ktime_get_ns();
	head->cpu = bpf_get_smp_processor_id();
	head->seq = maps__next(&counters->produced);
	head->generation = generation;
	head->args_len = 0;
	head->msgtype = 0;
	head->mnt_ns = syscall__mount_namespace(task);
	syscall__root(task, head);
	frame->used = 0;
	frame->overflow = 0;
	return 1;
}

/*
 * Judges an event whose syscall facts are in the frame's head, and begins it when a rule wants it.
 * 1: it is to be emitted; it has its number.
 */
__noinline int syscall__judge(u32 which, u32 generation, u32 first, u32 needs)
{
	struct task_struct *task = task__current();
	struct ea_frame *frame = maps__frame(which);
	struct ea_event *head;
	int matched;

	if (!frame)
		return 0;
	head = &frame->head;
	head->pid = GET(task, tgid);
	head->tid = GET(task, pid);
	head->personality = GET(task, personality);
	syscall__gather(head, task, needs);
	matched = first && filter__search(which, generation, first);
	if (needs & EA_NEED_WATCH)
		matched = filter__watches(which, generation, matched);
	if (head->family == EA_FAMILY_RING)
		matched = ring__decided(which, matched);
	syscall__count(head->arch == AUDIT_ARCH_I386, head->nr);
	if (!matched)
		return 0;
	filter__tally(generation, frame->rule);
	if (frame->never)
		return 0;
	syscall__gather(head, task, ~needs);
	return syscall__begin(which, generation);
}

/* What perm= asks of an open, from its flags; what others do is decided by their number alone. */
__noinline int syscall__access(u32 which, u32 arch_index)
{
	struct ea_frame *frame = maps__frame(which);
	struct ea_event *head;
	u64 flags = 0;

	if (!frame)
		return 0;
	head = &frame->head;
	switch (head->family) {
	case EA_FAMILY_OPEN:
		if (head->nr == (arch_index ? I386_NR_CREAT : X86_64_NR_CREAT))
			return EA_ACCESS_ANY;
		flags = head->args[1];
		break;
	case EA_FAMILY_OPENAT:
		flags = head->args[2];
		break;
	case EA_FAMILY_OPENAT2:
		bpf_probe_read_user(&flags, sizeof(flags), (void *)head->args[2]);
		break;
	default:
		return EA_ACCESS_ANY;
	}
	switch (flags & O_ACCMODE) {
	case 0:
		return EA_ACCESS_READ;
	case 1:
		return EA_ACCESS_WRITE;
	default:
		return EA_ACCESS_READ | EA_ACCESS_WRITE;
	}
}

/* The journal of the syscall that ends; NULL: it looked up nothing that matters. */
static __always_inline struct ea_journal *syscall__journal(struct ea_event *head, u32 arch_index)
{
	struct ea_journal *journal = journal__present();

	if (!journal || !journal->count)
		return NULL;
	if (!journal__is_of(journal, head->nr, head->args, arch_index)) {
		journal__end(journal);
		return NULL;
	}
	return journal;
}

/* The name that the syscall took over, if it was refused before it looked it up; else 0. */
static __always_inline u64 syscall__taken(struct ea_event *head)
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
static __always_inline int syscall__emit_journal(u32 which, struct ea_frame *frame)
{
	struct ea_journal *journal = frame->has_names ? journal__present() : NULL;
	u64 taken;

	if (journal)
		return journal__emit(which, journal->count);
	taken = syscall__taken(&frame->head);
	return taken ? journal__emit_taken(which, taken) : 0;
}

/* The syscall's number, arguments and result. */
__noinline int syscall__take(u32 which, u32 arch_index, s64 value)
{
	struct pt_regs *regs = task__regs(task__current());
	struct ea_frame *frame = maps__frame(which);
	struct ea_event *head;

	if (!frame)
		return 0;
	head = &frame->head;
	head->time = 0;
	head->arch = task__arch(arch_index);
	head->nr = (u32)GET(regs, orig_ax);
	head->exit = syscall__exit(value);
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
static __always_inline void syscall__demand(struct ea_demand *demand, struct ea_entry *entry,
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
static __always_inline int syscall__executed(struct ea_frame *frame, struct ea_task *state,
					     u32 generation)
{
	struct ea_event *head = &frame->head;
	struct ea_entry *entry;

	entry = maps__entry(generation, state->arch == AUDIT_ARCH_I386, state->nr);
	if (!entry)
		return 0;
	syscall__demand(&frame->demand, entry, task__current());
	head->family = entry->family;
	head->time = state->time;
	head->arch = state->arch;
	head->nr = state->nr;
	bpf_probe_read_kernel(head->args, sizeof(head->args), state->args);
	return 1;
}

/* What a syscall that ends is, and what its hooks have left. The next step of its end. */
__noinline int syscall__prepare(u32 which, u32 arch_index, u32 generation, s64 value)
{
	struct task_struct *task = task__current();
	struct ea_frame *frame = maps__frame(which);
	struct ea_task *state = NULL;
	struct ea_event *head;
	u32 family;

	if (!frame)
		return SYSCALL_OVER;
	head = &frame->head;
	family = head->family;
	syscall__take(which, arch_index, value);
	frame->address_kept = frame->demand.needs & EA_NEED_ADDRESS;
	frame->has_state = 0;
	frame->has_names = 0;

	switch (family) {
	case EA_FAMILY_FORK:
		/* the child's own return from the parent's syscall */
		if (!value)
			return SYSCALL_OVER;
		state = maps__task(task);
		if (state && value > 0 && (state->pending & EA_PENDING_FORK))
			head->exit = state->child;
		break;
	case EA_FAMILY_EXEC:
	case EA_FAMILY_EXECVEAT:
		state = maps__task(task);
		if (state && !(state->pending & EA_PENDING_EXEC))
			state = NULL;
		frame->has_state = state != NULL;
		if (state && value == 0 && !syscall__executed(frame, state, generation))
			return SYSCALL_CLEAR;
		break;
	case EA_FAMILY_KILL:
	case EA_FAMILY_TGKILL:
	case EA_FAMILY_PIDFD_SIGNAL:
		state = maps__task(task);
		break;
	case EA_FAMILY_RETURN:
		if (!return__take(which))
			return SYSCALL_OVER;
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
		frame->has_names = syscall__journal(head, head->arch == AUDIT_ARCH_I386) != NULL;
		if (!frame->has_names && !frame->demand.first)
			return SYSCALL_CLEAR;
	}
	head->access = (u32)syscall__access(which, arch_index);
	if (!(ea_config.flags[generation & 1] & EA_CONFIG_TASK_RULES))
		return SYSCALL_JUDGE;
	if (!state)
		state = maps__task(task);
	frame->has_state = state != NULL;
	return state && state->disposition == EA_TASK_NEVER ? SYSCALL_CLEAR : SYSCALL_JUDGE;
}

/* What has begun as an event, with all that belongs to it, into the ring. */
__noinline int syscall__emit(u32 which)
{
	struct task_struct *task = task__current();
	struct ea_frame *frame = maps__frame(which);
	struct ea_task *state = NULL;
	struct ea_counters *counters;
	struct ea_event *head;
	struct mm_struct *mm;
	int names, sent;
	u32 family;

	if (!frame)
		return 0;
	head = &frame->head;
	family = head->family;
	syscall__emit_task(which);
	if (family == EA_FAMILY_EXEC || family == EA_FAMILY_EXECVEAT) {
		names = 1;
		if (frame->has_state)
			state = maps__task(task);
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
		names = syscall__emit_family(which);
	}
	if (denied__may_be(head->exit))
		denied__emit(which, head->arch == AUDIT_ARCH_I386);
	if (frame->journal)
		names = syscall__emit_journal(which, frame);
	if (names)
		path__emit(which, EA_ITEM_CWD);
	counters = maps__counters();
	if (counters) {
		sent = emit__frame(frame, counters);
		mm = GET(task, mm);
		if (sent && head->args_len > EA_ARGS_CHUNK && mm)
			emit__arguments_rest(which, GET(mm, arg_start), head->args_len);
	}
	return 0;
}

/* Clears away what the hooks have left of a syscall. */
__noinline int syscall__clear(u32 which)
{
	struct task_struct *task = task__current();
	struct ea_frame *frame = maps__frame(which);
	struct ea_journal *journal;
	struct ea_task *state;
	u32 family;

	if (!frame)
		return 0;
	family = frame->head.family;
	if (frame->address_kept)
		net__end();
	journal = frame->has_names ? journal__present() : NULL;
	if (journal)
		journal__end(journal);
	if (family >= EA_FAMILY_IPC && family <= EA_FAMILY_INIT_MODULE)
		special__end(task);
	if (denied__may_be(frame->head.exit))
		denied__end(task);
	if (family == EA_FAMILY_RING)
		ring__leave();
	state = frame->has_state ? maps__task(task) : NULL;
	if (state)
		maps__task_done(task, state);
	return 0;
}

/*
 * The end of a syscall of which rules speak, in steps, each a function of its own: the verifier
 * goes through each once, and not once for each way to it.
 */
static __always_inline int syscall__record(u32 which, struct ea_entry *entry,
					   struct ea_demand *demand, u32 arch_index, u32 generation,
					   s64 value)
{
	struct ea_frame *frame = maps__frame(which);
	int next;

	if (!frame || GET(task__current(), tgid) == ea_config.daemon)
		return 0;
	frame->head.family = entry->family;
	frame->demand = *demand;
	next = syscall__prepare(which, arch_index, generation, value);
	if (next == SYSCALL_OVER)
		return 0;
	if (next == SYSCALL_JUDGE &&
	    syscall__judge(which, generation, frame->demand.first, frame->demand.needs))
		syscall__emit(which);
	syscall__clear(which);
	return 0;
}

/*
 * Stubs are attached one after the other, and until all are there the program at every syscall's
 * exit judges what no stub has. A stub comes first, and leaves a mark.
 */
static __always_inline void syscall__mark(u32 generation)
{
	u32 *judged = maps__state_or_new(&ea_judged, task__current());

	if (judged)
		*judged = generation;
}

/* 1: a stub has judged the syscall that ends, under these rules or those before. */
static __always_inline int syscall__marked(u32 generation)
{
	struct task_struct *task = task__current();
	u32 *judged = maps__state(&ea_judged, task);
	u32 mark;

	if (!judged || !*judged)
		return 0;
	mark = *judged;
	*judged = 0;
	maps__forget(&ea_judged, task);
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
	if (!journal__may_be_busy(task))
		return 1;
	journal = journal__present();
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
	if (!entry)
		return 0;
	syscall__demand(&demand, entry, task);
	if (syscall__is_nothing(entry->family, demand.first, value, task))
		return 0;
	if (!(flags & EA_CONFIG_TASK_RULES) && syscall__is_over(entry->family, &demand, value)) {
		if (GET(task, tgid) != ea_config.daemon)
			syscall__count(arch_index, nr);
	} else {
		which = maps__enter();
		if (which < EA_FRAMES)
			syscall__record(which, entry, &demand, arch_index, generation, value);
		maps__leave(which);
	}
	if (by_stub && (flags & EA_CONFIG_TAKEOVER))
		syscall__mark(generation);
	return 0;
}

SEC("tp_btf/sys_exit")
int ea_sys_exit(u64 *ctx)
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
	struct ea_frame *frame = maps__frame(which);
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
		state = maps__task(task);
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
	if (!syscall__judge(which, generation, entry->first, entry->needs & ~(u32)EA_NEED_WATCH))
		return 0;
	syscall__emit_task(which);
	counters = maps__counters();
	if (counters)
		emit__frame(frame, counters);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int ea_exit(u64 *ctx)
{
	/*
	 * Only kernels that pass this argument (6.16 and later) come here while the task still has
	 * its memory. On others the program does not load.
	 */
	u64 group_dead = ctx[1];
	u32 which;

	barrier_var(group_dead);
	which = maps__enter();
	syscall__leave(which);
	maps__leave(which);
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
SEC("fexit/__x64_sys_umask")
int ea_fexit(u64 *ctx)
{
	syscall__end((struct pt_regs *)ctx[0], (s64)ctx[1], 1);
	SYSCALL_OWN_STACK(ctx, ea_fexits);
	return 0;
}

SEC("fexit/__do_sys_getpid")
int ea_fexit_unused(u64 *ctx)
{
	syscall__end((struct pt_regs *)ctx[0], (s64)ctx[1], 1);
	SYSCALL_OWN_STACK(ctx, ea_fexits_unused);
	return 0;
}

SEC("fentry/__x64_sys_exit_group")
int ea_fentry(u64 *ctx)
{
	u32 which = maps__enter();

	syscall__leave(which);
	maps__leave(which);
	SYSCALL_OWN_STACK(ctx, ea_fentries);
	return 0;
}

#endif
