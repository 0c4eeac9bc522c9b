/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a number of SELinux stands for, as security_sid_to_context finds it: the policy's table of
 * numbers leads to the numbers of user, role, type and levels, and its symbol tables to their
 * names. User space runs this program for each answer (BPF_PROG_TEST_RUN); it hangs on nothing.
 * A policy that is replaced is freed only after its readers are through, of whom this is one.
 */
#ifndef EA_SELINUX_BPF_H
#define EA_SELINUX_BPF_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ebitmap_node {
	struct ebitmap_node *next;
	unsigned long maps[6];
	u32 startbit;
};

struct ebitmap {
	struct ebitmap_node *node;
};

struct mls_level {
	u32 sens;
	struct ebitmap cat;
};

struct mls_range {
	struct mls_level level[2];
};

struct context {
	u32 user, role, type;
	u32 len; /* of the text of one that the policy does not know; 0: it does */
	struct mls_range range;
};

struct sidtab_entry {
	struct context context;
};

struct sidtab_isid_entry {
	int set;
	struct sidtab_entry entry;
};

union sidtab_entry_inner {
	void *ptr_leaf;
};

struct sidtab {
	union sidtab_entry_inner roots[4];
	u32 count;
	struct sidtab_isid_entry isids[27];
};

struct policydb {
	int mls_enabled;
	char **sym_val_to_name[8];
};

struct selinux_policy {
	struct sidtab *sidtab;
	struct policydb policydb;
	u32 latest_granting;
};

struct selinux_state {
	struct selinux_policy *policy;
};

#pragma clang attribute pop

/* security/selinux/include/flask.h, of all kernels */
#define SECINITSID_KERNEL    1
#define SECINITSID_UNLABELED 3
#define SECINITSID_INIT      7
/* security/selinux/ss/sidtab.h: a node of the table is a page */
#define SIDTAB_INNER_SHIFT 9
#define SIDTAB_MAX_LEVEL   3
/* Words of a node of a set of categories, at most, and nodes that hold all words. */
#define EBITMAP_WORDS 8
#define EBITMAP_NODES 12

/* Addresses of the kernel's selinux_state and initial_sid_to_string; 0: hidden. */
const volatile u64 ea_selinux_state SEC(".rodata.features") = 0;
const volatile u64 ea_selinux_initial SEC(".rodata.features") = 0;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ea_context);
} ea_contexts SEC(".maps");

static __always_inline struct ea_context *selinux__answer(void)
{
	u32 key = 0;

	return bpf_map_lookup_elem(&ea_contexts, &key);
}

static __always_inline u64 selinux__pointer(u64 at)
{
	u64 pointer = 0;

	bpf_probe_read_kernel(&pointer, sizeof(pointer), (void *)at);
	return pointer;
}

static __always_inline void selinux__text(struct ea_context *answer, u64 text)
{
	long length = -1;

	if (text)
		length = bpf_probe_read_kernel_str(answer->text, EA_CONTEXT_NAME, (void *)text);
	if (length > 0) {
		answer->text_len = (u32)length - 1;
		answer->found = 1;
	}
}

/* sidtab_do_lookup; `index` counts from the first number that is not an initial one */
static __always_inline u64 selinux__entry(u64 sidtab, u32 index)
{
	u32 size = __builtin_preserve_type_info(*(struct sidtab_entry *)0, EA_TYPE_SIZE);
	u32 level = 0, shift, leaf, count = 0;
	u64 capacity, node;

	READ(count, (struct sidtab *)sidtab, count);
	if (index >= count || !size)
		return 0;
	capacity = PAGE_SIZE / size;
	leaf = index / (u32)capacity;
	index %= (u32)capacity;
	for (int i = 0; i < SIDTAB_MAX_LEVEL; i++) {
		if (leaf < 1ull << level * SIDTAB_INNER_SHIFT)
			break;
		level++;
	}
	node = selinux__pointer(sidtab + field_offset(struct sidtab, roots) + level * 8);
	shift = level * SIDTAB_INNER_SHIFT;
	for (int i = 0; i < SIDTAB_MAX_LEVEL && shift && node; i++) {
		shift -= SIDTAB_INNER_SHIFT;
		node = selinux__pointer(node + (u64)(leaf >> shift) * 8);
		leaf &= (1u << shift) - 1;
	}
	return node ? node + (u64)index * size : 0;
}

/* An initial number's context; 0: the policy has none. */
static __always_inline u64 selinux__initial(u64 sidtab, u32 sid)
{
	u32 size = __builtin_preserve_type_info(*(struct sidtab_isid_entry *)0, EA_TYPE_SIZE);
	u64 entry = sidtab + field_offset(struct sidtab, isids) + (u64)(sid - 1) * size;
	int set = 0;

	READ(set, (struct sidtab_isid_entry *)entry, set);
	return set ? entry + field_offset(struct sidtab_isid_entry, entry.context) : 0;
}

/* How many initial numbers the kernel has. */
static __always_inline u32 selinux__initials(void)
{
	u32 size = __builtin_preserve_type_info(*(struct sidtab_isid_entry *)0, EA_TYPE_SIZE);

	return size ? __builtin_preserve_field_info(((struct sidtab *)0)->isids,
						    EA_FIELD_BYTE_SIZE) /
			  size
		    : 0;
}

/* sidtab_search: what the policy does not know counts as unlabeled */
static __always_inline u64 selinux__search(u64 sidtab, u32 sid)
{
	u32 initials = selinux__initials(), unknown = 1;
	u64 context = 0;

	if (sid > initials) {
		context = selinux__entry(sidtab, sid - initials - 1);
		if (context)
			context += field_offset(struct sidtab_entry, context);
	} else if (sid) {
		context = selinux__initial(sidtab, sid);
	}
	if (context)
		READ(unknown, (struct context *)context, len);
	return unknown ? selinux__initial(sidtab, SECINITSID_UNLABELED) : context;
}

/* The categories of the low or the high level, from the first node of their set on. */
__noinline int selinux__categories(u32 which, u64 first)
{
	struct ea_context *answer = selinux__answer();
	struct ebitmap_node *node = (struct ebitmap_node *)first;
	u32 size =
	    __builtin_preserve_field_info(((struct ebitmap_node *)0)->maps, EA_FIELD_BYTE_SIZE);
	u32 start, at;

	if (!answer)
		return 0;
	if (size > EBITMAP_WORDS * 8)
		size = 0;
	for (int i = 0; i < EBITMAP_NODES && node; i++) {
		start = 0;
		READ(start, node, startbit);
		at = start / 64;
		barrier_var(at);
		if (at > EA_CATEGORY_WORDS - EBITMAP_WORDS)
			break;
		bpf_probe_read_kernel(&answer->categories[which & 1][at], size,
				      (void *)node + field_offset(struct ebitmap_node, maps));
		READ(node, node, next);
	}
	answer->cut |= node || !size;
	return 0;
}

static __always_inline void selinux__level(struct ea_context *answer, u64 context, u32 which)
{
	u64 level = context + field_offset(struct context, range) +
		    which * __builtin_preserve_type_info(*(struct mls_level *)0, EA_TYPE_SIZE);
	u64 first = 0;

	READ(answer->sensitivity[which], (struct mls_level *)level, sens);
	READ(first, (struct mls_level *)level, cat.node);
	selinux__categories(which, first);
}

static __always_inline void selinux__identify(struct ea_context *answer, u64 policy, u32 sid)
{
	u64 sidtab = 0, context;
	int mls = 0;

	if (!policy) {
		/* libselinux is not to take early tasks for ones of a policy */
		if (sid == SECINITSID_INIT)
			sid = SECINITSID_KERNEL;
		if (sid && sid <= selinux__initials() && ea_selinux_initial)
			selinux__text(answer, selinux__pointer(ea_selinux_initial + (u64)sid * 8));
		return;
	}
	READ(sidtab, (struct selinux_policy *)policy, sidtab);
	context = sidtab ? selinux__search(sidtab, sid) : 0;
	if (!context)
		return;
	READ(mls, (struct selinux_policy *)policy, policydb.mls_enabled);
	answer->mls = mls != 0;
	READ(answer->user, (struct context *)context, user);
	READ(answer->role, (struct context *)context, role);
	READ(answer->type, (struct context *)context, type);
	selinux__level(answer, context, 0);
	selinux__level(answer, context, 1);
	answer->found = 1;
}

static __always_inline void selinux__name(struct ea_context *answer, u64 policy, u32 symbol,
					  u32 number)
{
	u64 tables = policy + field_offset(struct selinux_policy, policydb.sym_val_to_name);
	u64 names;

	if (!policy || symbol > EA_SYMBOL_CATEGORY || !number)
		return;
	names = selinux__pointer(tables + (u64)symbol * 8);
	if (names)
		selinux__text(answer, selinux__pointer(names + (u64)(number - 1) * 8));
}

static __always_inline void selinux__file(struct ea_context *answer, u32 fd)
{
	u64 file = task__file(task__current(), fd);
	struct inode *inode = NULL;

	if (!file)
		return;
	READ(inode, (struct file *)file, f_inode);
	answer->sid = selinux__of_inode(inode);
	answer->found = 1;
}

SEC("raw_tp/ea_context")
int ea_context(u64 *ctx)
{
	u32 question = (u32)ctx[0], first = (u32)ctx[1], second = (u32)ctx[2];
	struct ea_context *answer = selinux__answer();
	u64 policy = 0;
	u32 serial = 0;

	if (!answer || !ea_selinux_state)
		return 0;
	READ(policy, (struct selinux_state *)ea_selinux_state, policy);
	if (policy)
		READ(serial, (struct selinux_policy *)policy, latest_granting);
	answer->policy = policy;
	answer->serial = serial;
	answer->found = 0;
	answer->text_len = 0;
	answer->cut = 0;
	if (question == EA_QUESTION_SID) {
		for (u32 i = 0; i < EA_CATEGORY_WORDS; i++)
			answer->categories[0][i] = answer->categories[1][i] = 0;
		selinux__identify(answer, policy, first);
	} else if (question == EA_QUESTION_NAME) {
		selinux__name(answer, policy, first, second);
	} else if (question == EA_QUESTION_FILE) {
		selinux__file(answer, first);
	}
	return 0;
}

#endif
