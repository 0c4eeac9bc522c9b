/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The rules, evaluated: kernel/auditsc.c audit_filter_rules, on the facts in an event's head. */
#ifndef EA_FILTER_H
#define EA_FILTER_H

/* In place of the next step: a rule has matched. */
#define EA_MATCHED EA_STEPS

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

/* Whether the syscall is one of a set. */
static __always_inline int filter__named(struct ea_frame *frame, u32 key)
{
	struct ea_set *set = bpf_map_lookup_elem(&ea_sets, &key);
	u32 arch = frame->head.arch == AUDIT_ARCH_X86_64 ? 0
		   : frame->head.arch == AUDIT_ARCH_I386 ? 1
							 : EA_ARCHES;
	u32 nr = frame->head.nr;

	if (!set || nr >= EA_SYSCALLS)
		return 0;
	return set->words[arch][(nr / 32) & (EA_SYSCALLS / 32 - 1)] >> (nr % 32) & 1;
}

static __always_inline int filter__compare(struct ea_frame *frame, struct ea_step *step, u32 value)
{
	u32 operand = step->operand;

	switch (step->op) {
	case EA_OP_EQ:
		return value == operand;
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
	default:
		return 0;
	}
}

#define MAJOR(dev) ((dev) >> 20)
#define MINOR(dev) ((dev) & 0xfffff)

/* One name. One that led to nothing counts as owned by root, on device 0 (kernel/auditsc.c). */
__noinline int filter__slot(u32 which, u32 key, u32 at)
{
	struct ea_step *step = bpf_map_lookup_elem(&ea_steps, &key);
	struct ea_journal *journal = names__journal_here();
	struct ea_frame *frame = frame__of_here(which);
	u32 value, other, known;
	struct ea_inode *inode;

	if (!step || !frame || !journal || at >= EA_SLOTS || at >= journal->count)
		return 0;
	inode = &journal->slots[at].inode;
	known = journal->slots[at].flags & EA_LOOKUP_INODE;
	switch (step->fact) {
	case EA_NAME_INODE:
		value = other = known ? (u32)inode->ino : ~0u;
		break;
	case EA_NAME_DEV_MAJOR:
		value = MAJOR(inode->dev);
		other = MAJOR(inode->rdev);
		break;
	case EA_NAME_DEV_MINOR:
		value = MINOR(inode->dev);
		other = MINOR(inode->rdev);
		break;
	case EA_NAME_UID:
		value = other = inode->uid;
		break;
	case EA_NAME_GID:
		value = other = inode->gid;
		break;
	case EA_NAME_TYPE:
		return known && (inode->mode & S_IFMT) == step->operand;
	default:
		return 0;
	}
	return filter__compare(frame, step, value) || filter__compare(frame, step, other);
}

/* A step about names: of any one, or of the one whose watch is being judged. */
__noinline int filter__name(u32 which, u32 key)
{
	struct ea_step *step = bpf_map_lookup_elem(&ea_steps, &key);
	struct ea_frame *frame = frame__of(which);
	struct ea_journal *journal;
	u32 only, tree, count;
	int is = 0;

	if (!step || !frame)
		return 0;
	/* dir= and filetype= are about all names, whichever is being judged; their != is none */
	only = step->op == EA_OP_TREE || step->fact == EA_NAME_TYPE ? EA_ANY_SLOT : frame->slot;
	journal = frame->journal ? names__journal() : NULL;
	if (journal && step->op == EA_OP_TREE) {
		tree = step->operand;
		is = journal->count &&
		     journal->tags[(tree / 64) & (EA_TREE_WORDS - 1)] >> (tree % 64) & 1;
	} else if (journal) {
		count = only == EA_ANY_SLOT ? journal->count : 0;
		for (u32 i = 0; i < EA_SLOTS && i < count && !is; i++)
			is = filter__slot(which, key, i);
		if (only != EA_ANY_SLOT)
			is = filter__slot(which, key, only);
	}
	if ((step->op == EA_OP_TREE && step->fact) ||
	    (step->op == EA_OP_NE && step->fact == EA_NAME_TYPE))
		return !is;
	return is;
}

/*
 * Every step but a plain EQ, by far the commonest, which the loop does itself: so the verifier
 * walks all these ways once, and not once in each round.
 */
__noinline int filter__test(u32 which, u32 generation, u32 key)
{
	u32 exe_base = (generation & 1) * EA_EXES, set_base = (generation & 1) * EA_SETS;
	struct ea_step *step = bpf_map_lookup_elem(&ea_steps, &key);
	struct ea_frame *frame = frame__of(which);
	u32 operand, value;

	if (!step || !frame)
		return 0;
	operand = step->operand;
	value = filter__word(frame, step->fact);
	switch (step->op) {
	case EA_OP_EXE_EQ:
		return filter__exe_equal(frame, exe_base + operand);
	case EA_OP_EXE_NE:
		return !filter__exe_equal(frame, exe_base + operand);
	case EA_OP_GROUP_EQ:
		return value == operand || group__has(operand);
	case EA_OP_GROUP_NE:
		return value != operand && !group__has(operand);
	case EA_OP_NAMED:
		return filter__named(frame, set_base + operand);
	case EA_OP_ROLE_EQ:
		return frame->has_label && (frame->roles >> (operand & (EA_ROLES - 1)) & 1);
	case EA_OP_ROLE_NE:
		return frame->has_label && !(frame->roles >> (operand & (EA_ROLES - 1)) & 1);
	case EA_OP_TRUE:
		return 1;
	default:
		return filter__compare(frame, step, value);
	}
}

/*
 * A stretch of steps. The next step; 0: no rule matches; EA_MATCHED: one does, its number and
 * action are in the frame.
 */
__noinline int filter__stretch(u32 which, u32 generation, u32 at)
{
	struct ea_frame *frame = frame__of(which);
	u32 base = (generation & 1) * EA_STEPS;

	if (!frame)
		return 0;
	for (int i = 0; i < EA_STRETCH; i++) {
		u32 key = base + at;
		struct ea_step *step = bpf_map_lookup_elem(&ea_steps, &key);
		int is;

		if (!step)
			return 0;
		if (step->flags & EA_STEP_NAME)
			is = filter__name(which, key);
		else if (step->op == EA_OP_EQ)
			is = filter__word(frame, step->fact) == step->operand;
		else
			is = filter__test(which, generation, key);
		if (!is) {
			at = step->next;
			if (!at)
				return 0;
			continue;
		}
		if (step->flags & (EA_STEP_EXIT | EA_STEP_LAST)) {
			if ((step->flags & EA_STEP_EXIT) && !frame->has_exit) {
				at = step->next;
				if (!at)
					return 0;
				continue;
			}
			if (step->flags & EA_STEP_LAST) {
				if (step->rule >= frame->limit)
					return 0;
				frame->rule = step->rule;
				frame->never = step->flags & EA_STEP_NEVER;
				return EA_MATCHED;
			}
		}
		at++;
	}
	return at;
}

#ifdef EA_LEGACY
/* A run of stretches: two loops, one within the other, cost the verifier the sum of their rounds.
 */
__noinline int filter__stretches(u32 which, u32 generation, u32 at)
{
	for (int i = 0; at && at != EA_MATCHED && i < EA_STRETCHES; i++)
		at = filter__stretch(which, generation, at);
	return at;
}

static __always_inline int filter__run(u32 which, u32 generation, u32 first)
{
	u32 at = first;

	for (int i = 0; at && at != EA_MATCHED && i < EA_STEPS / EA_STRETCH / EA_STRETCHES; i++)
		at = filter__stretches(which, generation, at);
	return at == EA_MATCHED;
}
#else
struct filter_run {
	u32 which;
	u32 generation;
	u32 at;
};

static long filter__round(u64 round, struct filter_run *run)
{
	run->at = (u32)filter__stretch(run->which, run->generation, run->at);
	return !run->at || run->at == EA_MATCHED;
}

static __always_inline int filter__run(u32 which, u32 generation, u32 first)
{
	struct filter_run run = {.which = which, .generation = generation, .at = first};

	if (first)
		LOOP(EA_STEPS / EA_STRETCH, filter__round, &run);
	return run.at == EA_MATCHED;
}
#endif

/* First match from `first` on. 1: a rule matched; its number and action are in the frame. */
__noinline int filter__search(u32 which, u32 generation, u32 first)
{
	struct ea_frame *frame = frame__of(which);

	if (!frame)
		return 0;
	frame->limit = EA_NO_LIMIT;
	frame->slot = EA_ANY_SLOT;
	frame->has_exit = frame->head.has_exit;
	return filter__run(which, generation, first);
}

/*
 * The runs of the watches on one name. Only rules that come before what has matched so far count.
 * 1: one has matched.
 */
__noinline int filter__watch(u32 which, u32 generation, u32 at)
{
	struct ea_journal *journal = names__journal();
	struct ea_frame *frame = frame__of(which);
	struct ea_slot *slot;
	int found = 0;
	u32 first;

	if (!frame || !journal || at >= EA_SLOTS)
		return 0;
	slot = &journal->slots[at];
	frame->slot = at;
	for (u32 run = 0; run < EA_RUNS; run++) {
		first = slot->runs.first[run];
		if (!first)
			continue;
		frame->has_exit = frame->head.has_exit && !(slot->flags & EA_SLOT_UNBOUND(run));
		if (filter__run(which, generation, first)) {
			frame->limit = frame->rule;
			found = 1;
		}
	}
	return found;
}

/*
 * audit_filter_inodes: the rules of the watches on each name, up to the first name for which one
 * matches. 1: a rule has matched, of these or (`matched`) before.
 */
__noinline int filter__watches(u32 which, u32 generation, u32 matched)
{
	struct ea_journal *journal = names__journal();
	struct ea_frame *frame = frame__of(which);
	u32 count;

	if (!frame || !journal)
		return matched;
	frame->limit = matched ? frame->rule : EA_NO_LIMIT;
	count = journal->count;
	for (u32 i = 0; i < EA_SLOTS && i < count; i++) {
		if (journal->generation != generation)
			journal__renew(i, generation);
		if (filter__watch(which, generation, i))
			return 1;
	}
	return matched;
}

/* Counts that a rule has decided. */
__noinline int filter__tally(u32 generation, u32 rule)
{
	u32 key = ((generation & 1) * EA_TALLIES + rule) / EA_SHEET;
	struct ea_tally *tally;
	struct ea_sheet *sheet;

	if (rule >= EA_TALLIES)
		return 0;
	sheet = bpf_map_lookup_elem(&ea_tallies, &key);
	if (!sheet)
		return 0;
	tally = &sheet->tallies[rule % EA_SHEET];
	__sync_fetch_and_add(&tally->hits, 1);
	tally->last = bpf_ktime_get_ns();
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
	struct ea_frame *frame = frame__of(which);

	if (!frame)
		return 0;
	frame->head.excluded = 0;
	if (!first)
		return 0;
	for (u32 record = 0; record < EA_RECORDS; record++) {
		frame->head.msgtype = ea_record_types[record];
		if (filter__search(which, generation, first)) {
			frame->head.excluded |= 1u << record;
			filter__tally(generation, frame->rule);
		}
	}
	return 0;
}

#endif
