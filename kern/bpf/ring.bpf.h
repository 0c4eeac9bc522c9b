/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Operations of io_uring: where they begin and end, and are judged. */
#ifndef EA_RING_BPF_H
#define EA_RING_BPF_H

static __always_inline int ring__enter(void)
{
	struct task_struct *task = task__current();
	struct pt_regs *regs = task__regs(task);
	struct ea_ring *ring;

	if (!ea_config.enabled || (u32)GET(task, tgid) == ea_config.daemon ||
	    !maps__entry(ea_config.generation, task__arch_index(task), GET(regs, orig_ax)))
		return 0;
	ring = state__of_or_new(&ea_rings, task);
	if (!ring)
		return 0;
	ring->entered = 1;
	ring->outside = 0;
	ring->decision = 0;
	ring->by_list = 0;
	ring->count = 0;
	return 0;
}

PROGRAM("fentry/__x64_sys_io_uring_enter", ea___x64_sys_io_uring_enter)
{
	return ring__enter();
}

PROGRAM("fentry/__ia32_sys_io_uring_enter", ea___ia32_sys_io_uring_enter)
{
	return ring__enter();
}

/*
 * struct filename *complete_getname(struct delayed_filename *), 7.0: an operation takes over a name
 * that was copied when it was put in. The struct may lie where that of another operation lay.
 */
PROGRAM("fexit/complete_getname", ea_complete_getname)
{
	u64 args[2];

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 2, ctx);
	return walk__is_error(args[1]) ? 0 : journal__new_name(args[1]);
}

/* An operation begins: int io_issue_sqe(struct io_kiocb *, unsigned flags) */
PROGRAM("fentry/io_issue_sqe", ea_io_issue_sqe)
{
	struct task_struct *task = task__current();
	struct ea_journal *journal;
	struct ea_ring *ring;
	u64 request;
	u8 opcode = 0;

	if (!ea_config.enabled || (u32)GET(task, tgid) == ea_config.daemon ||
	    !(ea_config.flags[ea_config.generation & 1] & EA_CONFIG_RING))
		return 0;
	walk__arguments(&request, 1, ctx);
	READ(opcode, (struct io_kiocb *)request, opcode);
	if (!ring__audited(opcode))
		return 0;
	ring = state__of_or_new(&ea_rings, task);
	if (!ring || (ring->entered && !(GET(task, flags) & PF_IO_WORKER)))
		return 0;
	journal = names__journal();
	if (journal)
		journal->count = 0;
	ring->entered = 0;
	ring->outside = 1;
	return 0;
}

/*
 * The ids that it was carried out with. A worker takes on those of the request's maker meanwhile.
 */
static __always_inline void ring__credentials(struct ea_event *head, struct task_struct *task,
					      u64 request)
{
	const struct cred *cred = NULL;

	if (!(GET(task, flags) & PF_IO_WORKER)) {
		task__credentials(task, head);
		return;
	}
	READ(cred, (struct io_kiocb *)request, creds);
	READ(head->uid, cred, uid.val);
	READ(head->gid, cred, gid.val);
	READ(head->euid, cred, euid.val);
	READ(head->suid, cred, suid.val);
	READ(head->fsuid, cred, fsuid.val);
	READ(head->egid, cred, egid.val);
	READ(head->sgid, cred, sgid.val);
	READ(head->fsgid, cred, fsgid.val);
}

/* The same of the labels of subj_role= rules. */
static __always_inline void ring__roles(u32 which, u64 request)
{
	struct task_struct *task = task__current();
	u64 cred = 0;

	if (GET(task, flags) & PF_IO_WORKER)
		READ(cred, (struct io_kiocb *)request, creds);
	label__roles(which, ea_config.generation, cred);
}

/* The facts that a rule on operations may ask for. */
static __always_inline void ring__facts(struct ea_frame *frame, u64 request, s64 result)
{
	struct task_struct *task = task__current();
	struct ea_event *head = &frame->head;

	head->time = 0;
	head->exit = ending__exit(result);
	head->success = !result;
	head->has_exit = 1;
	head->saddr_fam = EA_NO_FAMILY;
	head->access = EA_ACCESS_ANY;
	head->pid = GET(task, tgid);
	head->tid = GET(task, pid);
	head->personality = GET(task, personality);
	judge__gather(head, task, EA_NEED_LOGIN | EA_NEED_PARENT | EA_NEED_EXE);
	ring__credentials(head, task, request);
	frame->address_len = 0;
	frame->address_kept = 0;
}

static __always_inline void ring__describe(struct ea_uringop *to, struct ea_event *head, u32 op)
{
	to->exit = head->exit;
	to->op = op;
	to->success = (u32)head->success;
	to->has_exit = 1;
	to->uid = head->uid;
	to->gid = head->gid;
	to->euid = head->euid;
	to->suid = head->suid;
	to->fsuid = head->fsuid;
	to->egid = head->egid;
	to->sgid = head->sgid;
	to->fsgid = head->fsgid;
	to->pad = 0;
}

/* A rule has matched, or `is` says that none has; it counts if it comes before what has so far. */
static __always_inline void ring__decide(struct ea_ring *ring, struct ea_frame *frame, int is)
{
	if (!is || (ring->decision && (ring->by_list || ring->rule <= frame->rule)))
		return;
	ring->decision = frame->never ? EA_RING_NEVER : EA_RING_RECORD;
	ring->rule = frame->rule;
}

/* The end of an operation in io_uring_enter: what is decided holds for the syscall as well. */
__noinline int ring__inside(u32 which, u32 op)
{
	struct task_struct *task = task__current();
	struct pt_regs *regs = task__regs(task);
	u32 arch_index = task__arch_index(task);
	u32 generation = ea_config.generation;
	struct ea_frame *frame = frame__of(which);
	struct ea_ring *ring = ring__present();
	struct ea_journal *journal;
	struct ea_event *head;
	struct ea_entry *entry;
	u32 at;

	entry = maps__entry(generation, arch_index, GET(regs, orig_ax));
	if (!frame || !ring || !entry)
		return 0;
	head = &frame->head;
	head->family = entry->family;
	head->arch = task__arch(arch_index);
	head->nr = (u32)GET(regs, orig_ax);
	task__args(regs, arch_index, head->args);
	journal = names__journal();
	frame->journal =
	    journal && journal->count && (entry->needs & (EA_NEED_NAMES | EA_NEED_WATCH));
	ring__decide(ring, frame, entry->first && filter__search(which, generation, entry->first));
	if (ring->decision != EA_RING_RECORD && !ring->by_list && ring__entry(generation)->first) {
		head->nr = op;
		if (filter__search(which, generation, ring__entry(generation)->first)) {
			ring->decision = 0;
			ring__decide(ring, frame, 1);
			ring->by_list = 1;
		}
		head->nr = (u32)GET(regs, orig_ax);
	}
	if (frame->journal && (entry->needs & EA_NEED_WATCH)) {
		frame->rule = ring->rule;
		ring__decide(ring, frame, filter__watches(which, generation, ring->decision != 0));
	}
	if (ring->decision != EA_RING_RECORD)
		return 0;
	at = ring->count;
	if (at >= EA_RING_OPERATIONS) {
		slot__count_cut();
		return 0;
	}
	barrier_var(at);
	ring__describe(&ring->operations[at & (EA_RING_OPERATIONS - 1)], head, op);
	ring->operations[at & (EA_RING_OPERATIONS - 1)].rule = ring->rule;
	ring->operations[at & (EA_RING_OPERATIONS - 1)].lookups = journal ? journal->count : 0;
	ring->count = at + 1;
	return 0;
}

/* The end of an operation outside of a syscall: an event. */
__noinline int ring__outside(u32 which, u32 op)
{
	struct task_struct *task = task__current();
	u32 generation = ea_config.generation;
	struct ea_frame *frame = frame__of(which);
	struct ea_entry *entry = ring__entry(generation);
	struct ea_counters *counters;
	struct ea_journal *journal;
	struct ea_event *head;
	struct ea_task *state;
	int matched, names;
	u8 *to;

	if (!frame)
		return 0;
	if (ea_config.flags[generation & 1] & EA_CONFIG_TASK_RULES) {
		state = state__task(task);
		if (state && state->disposition == EA_TASK_NEVER)
			return 0;
	}
	head = &frame->head;
	/* no syscall: audit has neither architecture nor number nor arguments */
	head->arch = 0;
	head->family = EA_FAMILY_URING;
	__builtin_memset(head->args, 0, sizeof(head->args));
	journal = names__journal();
	frame->journal = journal && journal->count;
	head->nr = op;
	matched = entry->first && filter__search(which, generation, entry->first);
	head->nr = 0;
	if (!matched && frame->journal)
		matched = filter__watches(which, generation, 0);
	if (!matched)
		return 0;
	filter__tally(generation, frame->rule);
	if (frame->never || !judge__begin(which, generation))
		return 0;
	ending__emit_task(which);
	to = emit__begin(frame, EA_ITEM_URINGOP, 0, sizeof(struct ea_uringop));
	if (to) {
		ring__describe((struct ea_uringop *)to, head, op);
		((struct ea_uringop *)to)->rule = frame->rule;
		((struct ea_uringop *)to)->lookups = journal ? journal->count : 0;
		emit__end(frame, sizeof(struct ea_uringop));
	}
	names = frame->journal && journal && journal__emit(which, journal->count);
	if (names)
		path__emit(which, EA_ITEM_CWD);
	counters = maps__counters();
	if (counters)
		emit__frame(frame, counters);
	return 0;
}

/* An operation ends. One whose file could not be had has not begun. */
static __always_inline int ring__end(u64 request, s32 result)
{
	struct ea_ring *ring = ring__present();
	struct ea_journal *journal;
	struct ea_frame *frame;
	u8 opcode = 0;
	u64 file = 0;
	u32 which;

	if (!ring || (!ring->outside && !ring->entered))
		return 0;
	READ(opcode, (struct io_kiocb *)request, opcode);
	READ(file, (struct io_kiocb *)request, file);
	if (!ring__audited(opcode))
		return 0;
	which = frame__enter();
	frame = which < EA_FRAMES ? frame__of(which) : NULL;
	if (frame && ea_config.enabled && (result != -EBADF || file)) {
		ring__facts(frame, request, result);
		if (ea_config.flags[ea_config.generation & 1] & EA_CONFIG_ROLES)
			ring__roles(which, request);
		if (ring->outside)
			ring__outside(which, opcode);
		else
			ring__inside(which, opcode);
	}
	frame__leave(which);
	if (!ring->outside)
		return 0;
	ring->outside = 0;
	journal = names__journal();
	if (journal)
		journal__end(journal);
	state__forget(&ea_rings, task__current());
	return 0;
}

PROGRAM("fexit/io_issue_sqe", ea_io_issue_sqe_done)
{
	u64 args[3];

	walk__arguments(args, 3, ctx);
	return ring__end(args[0], (s32)args[2]);
}

#endif
