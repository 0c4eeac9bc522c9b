/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Frames: where the end of a syscall and a fork put their events together. */
#ifndef EA_FRAME_H
#define EA_FRAME_H

/* A walk from a dentry up to the task's root (path.h). */
struct ea_walk {
	u64 dentry;
	u64 mount;
	u64 mount_root;
	u64 root_dentry;
	u64 root_mount;
	u32 start;
	u32 steps;
	u32 cut;
	u32 pseudo; /* of a mount that nobody sees: simple_dname */
};

/* What rules want of a syscall that ends. */
struct ea_demand {
	u32 first; /* step of the run to be gone through; 0: none */
	u32 needs;
};

/*
 * Where an event is put together. Large steps are global functions, which the verifier judges once
 * each instead of once for each way to their call; those take numbers only, so they find the frame
 * by its number. One frame for each program that emits, so that none can overwrite another's when
 * it runs in between.
 */
struct ea_frame {
	struct ea_event head;
	u8 items[EA_BUFFER];
	u32 used;
	u32 overflow;
	/* between the filter and its caller */
	u32 rule;
	u32 never;
	u32 limit; /* only rules before this one are looked at */
	u32 slot;  /* the watch's name, EA_ANY_SLOT: any */
	u32 has_exit;
	u32 journal; /* names come from the journal */
	/* the task's label, for subj_role= (label.h) */
	u64 roles; /* a bit for each label of a rule that it has within */
	u32 has_label;
	struct ea_role role; /* a key is made up here */
	/* between the steps of a syscall's end */
	struct ea_demand demand;
	u32 has_state; /* the task has something in ea_tasks for it */
	u32 has_names; /* the journal is its own */
	/* of the syscall at hand */
	u64 arg4;
	u64 arg5;
	u64 address;
	u32 address_len;
	u32 address_out;
	u32 address_kept; /* hooks keep the kernel's copy; the caller's memory is not read */
	/* of the path that is being written */
	struct ea_walk walk;
};

#define EA_ANY_SLOT 0xffffffffu
#define EA_NO_LIMIT 0xffffffffu

/*
 * Programs on trampolines can be preempted, and another task's end of a syscall can come in between
 * on the same CPU: that many deep before an event is lost, which is counted.
 */
#define EA_NESTED 4

enum {
	EA_FRAME_SYSCALL,
	EA_FRAME_FORK = EA_NESTED,
	EA_FRAMES,
};

struct ea_taken {
	u32 frames[EA_NESTED]; /* 1: in use */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EA_FRAMES);
	__type(key, u32);
	__type(value, struct ea_frame);
} ea_frames SEC(".maps");

/* Which of a CPU's frames are in use. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ea_taken);
} ea_taken SEC(".maps");

/* For functions that have no room for a call. */
static __always_inline struct ea_frame *frame__of_here(u32 which)
{
	return bpf_map_lookup_elem(&ea_frames, &which);
}

static __once struct ea_frame *frame__of(u32 which)
{
	return frame__of_here(which);
}

/*
 * A frame for the end of a syscall, until frame__leave; EA_FRAMES: none is free. A program may be
 * preempted by another task's, and that one by the first again, so frames are not given back in
 * the order in which they were taken.
 */
static __always_inline u32 frame__enter(void)
{
	struct ea_counters *counters;
	struct ea_taken *taken;
	u32 zero = 0;

	taken = bpf_map_lookup_elem(&ea_taken, &zero);
	if (!taken)
		return EA_FRAMES;
	for (u32 i = 0; i < EA_NESTED; i++) {
#ifdef EA_LEGACY
		/* no preemption there, and no such operation */
		if (!taken->frames[i]) {
			taken->frames[i] = 1;
			return EA_FRAME_SYSCALL + i;
		}
#else
		if (!__sync_lock_test_and_set(&taken->frames[i], 1))
			return EA_FRAME_SYSCALL + i;
#endif
	}
	counters = maps__counters();
	if (counters)
		counters->lost[EA_LOSS_NESTED]++;
	return EA_FRAMES;
}

static __always_inline void frame__leave(u32 which)
{
	struct ea_taken *taken;
	u32 zero = 0, at = which - EA_FRAME_SYSCALL;

	taken = bpf_map_lookup_elem(&ea_taken, &zero);
	if (taken && at < EA_NESTED)
		taken->frames[at] = 0;
}

#endif
