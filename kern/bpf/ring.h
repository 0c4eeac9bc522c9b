/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Operations of io_uring (__audit_uring_entry and __audit_uring_exit of kernel/auditsc.c). One that
 * is carried out in io_uring_enter belongs to that syscall's event; one of a worker, or of the task
 * itself on its way out of some syscall, is an event of its own.
 */
#ifndef EA_RING_H
#define EA_RING_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct io_kiocb {
	struct file *file;
	u8 opcode;
	const struct cred *creds;
};

struct io_issue_def {
	u32 audit_skip : 1;
};

/* up to 6.3 */
struct io_op_def {
	u32 audit_skip : 1;
};

#pragma clang attribute pop

#define PF_IO_WORKER 0x10

/* Operations of one io_uring_enter that are recorded. */
#define EA_RING_OPERATIONS 32

#define EA_RING_RECORD 1
#define EA_RING_NEVER  2

struct ea_ring {
	u32 entered; /* within io_uring_enter */
	u32 outside; /* within an operation outside of that */
	/* what has been decided on the io_uring_enter so far */
	u32 decision; /* EA_RING_RECORD, EA_RING_NEVER; 0: nothing */
	u32 by_list;  /* by a rule on operations, which no other can overrule */
	u32 rule;
	u32 count;
	struct ea_uringop operations[EA_RING_OPERATIONS];
};

/* Tasks that are within io_uring_enter or an operation at one time. */
struct {
	EA_TASK_MAP(struct ea_ring, 1024);
} ea_rings SEC(".maps");

#ifdef EA_LEGACY
_Static_assert(sizeof(struct ea_ring) <= EA_TASK_VALUE_MAX, "a new value is copied from zeros");
#endif

/* Address of the kernel's table of operations; 0: its audit does not see them. */
const volatile u64 ea_ring_operations SEC(".rodata.features") = 0;

/* The bit of the table's entry; how large an entry is is the distance between two. */
#define RING_SKIPS(type, opcode)                                                                   \
	({                                                                                         \
		u64 at_ = field_offset(type, audit_skip), value_ = 0;                              \
		u64 size_ = __builtin_preserve_field_info(((type *)0)[1].audit_skip,               \
							  EA_FIELD_BYTE_OFFSET) -                  \
			    at_;                                                                   \
		bpf_probe_read_kernel(                                                             \
		    &value_,                                                                       \
		    __builtin_preserve_field_info(((type *)0)->audit_skip, EA_FIELD_BYTE_SIZE),    \
		    (void *)(ea_ring_operations + (opcode) * size_ + at_));                        \
		value_ <<=                                                                         \
		    __builtin_preserve_field_info(((type *)0)->audit_skip, EA_FIELD_LSHIFT);       \
		value_ >> __builtin_preserve_field_info(((type *)0)->audit_skip, EA_FIELD_RSHIFT); \
	})

/* Whether the kernel's audit sees operations of this kind. */
static __always_inline int ring__audited(u64 opcode)
{
	if (!ea_ring_operations)
		return 0;
	if (field_exists(struct io_issue_def, audit_skip))
		return !RING_SKIPS(struct io_issue_def, opcode);
	if (field_exists(struct io_op_def, audit_skip))
		return !RING_SKIPS(struct io_op_def, opcode);
	return 0;
}

static __always_inline struct ea_ring *ring__present(void)
{
	return state__of(&ea_rings, task__current());
}

/* What the rules of a generation say of operations outside of syscalls. */
static __always_inline struct ea_entry *ring__entry(u32 generation)
{
	return (struct ea_entry *)&ea_config.ring[generation & 1];
}

/* 1: an operation outside of a syscall is under way; the registers say nothing of it. */
static __always_inline int ring__is_outside(u32 generation)
{
	struct ea_ring *ring;

	if (!(ea_config.flags[generation & 1] & EA_CONFIG_RING))
		return 0;
	ring = ring__present();
	return ring && ring->outside;
}

/*
 * What is decided on an io_uring_enter with all that was before; `matched`: at its end a rule has,
 * which is in the frame. The first rule in order counts, whenever it matched.
 */
__noinline int ring__decided(u32 which, u32 matched)
{
	struct ea_frame *frame = frame__of(which);
	struct ea_ring *ring = ring__present();

	if (!frame || !ring || !ring->decision)
		return matched;
	if (matched && !ring->by_list && frame->rule < ring->rule)
		return 1;
	frame->rule = ring->rule;
	frame->never = ring->decision == EA_RING_NEVER;
	return 1;
}

struct ring_emission {
	struct ea_frame *frame;
	struct ea_ring *ring;
};

static long ring__emit_one(u64 at, struct ring_emission *emission)
{
	u8 *to;

	if (at >= emission->ring->count || at >= EA_RING_OPERATIONS)
		return 1;
	to = emit__begin(emission->frame, EA_ITEM_URINGOP, 0, sizeof(struct ea_uringop));
	if (!to)
		return 1;
	*(struct ea_uringop *)to = emission->ring->operations[at];
	emit__end(emission->frame, sizeof(struct ea_uringop));
	return 0;
}

/* The operations that an io_uring_enter has carried out. */
__noinline int ring__emit(u32 which)
{
	struct ring_emission emission = {.frame = frame__of(which), .ring = ring__present()};

	if (!emission.frame || !emission.ring)
		return 0;
	LOOP(EA_RING_OPERATIONS, ring__emit_one, &emission);
	return 0;
}

/* The io_uring_enter is over. */
static __always_inline void ring__leave(void)
{
	struct task_struct *task = task__current();
	struct ea_ring *ring = state__of(&ea_rings, task);

	if (!ring)
		return;
	ring->entered = 0;
	ring->decision = 0;
	ring->by_list = 0;
	ring->count = 0;
	state__forget(&ea_rings, task);
}

#endif
