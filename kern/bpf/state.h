/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What hooks leave of a task for a later one: maps of state per task, and what is in them. */
#ifndef EA_STATE_H
#define EA_STATE_H

/*
 * A map of state per task. Task storage: no flood can evict it, and it dies with its task. Before
 * 5.12 tracing programs have none; there it is a hash of `room` values, preallocated as tracing
 * programs need it, by the task's address. What is over is taken out (state__forget), at the latest
 * when the task ends, so that no other task finds it under the same address.
 */
#ifdef EA_LEGACY
#define EA_TASK_MAP(value_type, room)                                                              \
	__uint(type, BPF_MAP_TYPE_HASH);                                                           \
	__uint(max_entries, room);                                                                 \
	__type(key, u64);                                                                          \
	__type(value, value_type)
#else
#define EA_TASK_MAP(value_type, room)                                                              \
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);                                                   \
	__uint(map_flags, BPF_F_NO_PREALLOC);                                                      \
	__type(key, u32);                                                                          \
	__type(value, value_type)
#endif

/* What a syscall that is under way has left for its exit. */
struct ea_task {
	u32 pending;     /* EA_PENDING_* */
	u32 disposition; /* of the task list: 0, or EA_TASK_NEVER */
	u32 arch;
	u32 nr;
	u64 time;
	u64 args[4];
	u32 child; /* of a fork, in the root namespace */
	u32 interp_len;
	struct ea_exec exec;
	u64 directory; /* dentry and mount of what an execveat's descriptor was */
	u64 directory_mount;
	u32 target_count;
	u32 target_generation; /* of the rules under which the targets were taken */
	struct ea_target targets[EA_TARGETS];
	u64 labels[EA_TARGETS]; /* of the targets */
	char interp[EA_INTERP_MAX];
};

#define EA_PENDING_EXEC   1
#define EA_PENDING_FORK   2
#define EA_PENDING_SIGNAL 4
#define EA_PENDING_RETURN 8
#define EA_TASK_NEVER     1

/* Tasks that are within an exec, a fork or a kill at one time, or that the task list suppresses. */
#define EA_TASKS 8192

struct {
	EA_TASK_MAP(struct ea_task, EA_TASKS);
} ea_tasks SEC(".maps");

/*
 * The generation under which a stub has judged the syscall that a task is about to end; 0: none
 * has. Used while stubs are being attached.
 */
struct {
	EA_TASK_MAP(u32, EA_TASKS);
} ea_judged SEC(".maps");

/* ---- what inner hooks leave for a record of its own kind (special.h, denied.bpf.h) ------- */

/* The largest special record's facts: struct ea_adjtime. */
#define EA_SPECIAL_MAX 96

struct ea_special {
	u64 args[2]; /* whose it is: the syscall's registers and number */
	u32 nr;
	u32 arch_index;
	u32 type; /* EA_ITEM_*, 0: nothing was left */
	u32 len;
	u64 bytes[EA_SPECIAL_MAX / 8];
	/* how far adjtimex moved the clock; EA_ITEM_INJOFFSET */
	s64 moved[2];
	u32 has_moved;
	u32 pad;
};

/* Tasks that are within such a syscall at one time. */
struct {
	EA_TASK_MAP(struct ea_special, 4096);
} ea_specials SEC(".maps");

#define EA_OPERATION_MAX 32

struct ea_denied {
	u64 args[2]; /* whose it is: the syscall's registers and number */
	u32 nr;
	u32 arch_index;
	u32 kind; /* EA_ANOMALY_*, 0: none */
	u32 len;
	char operation[EA_OPERATION_MAX];
};

struct {
	EA_TASK_MAP(struct ea_denied, 256);
} ea_denials SEC(".maps");

struct ea_kept_address {
	u64 args[2]; /* whose it is: the syscall's registers and number */
	u32 nr;
	u32 arch_index;
	u32 len; /* 0: none */
	u32 out; /* came from the kernel */
	u8 bytes[EA_SOCKADDR_MAX];
};

/* Tasks that are within a call with an address at one time; many wait in one for long. */
struct {
	EA_TASK_MAP(struct ea_kept_address, 4096);
} ea_addresses SEC(".maps");

#ifdef EA_LEGACY
/* The largest value of a task map. */
#define EA_TASK_VALUE_MAX 8192
_Static_assert(sizeof(struct ea_task) <= EA_TASK_VALUE_MAX, "a new value is copied from zeros");
const volatile u8 ea_zeros[EA_TASK_VALUE_MAX] SEC(".rodata.zeros") = {};
#endif

/* ---- access ------------------------------------------------------------------------------ */

#ifndef EA_LEGACY
static __once void *state__get(void *map, struct task_struct *task, u64 flags)
{
	return bpf_task_storage_get(map, task, NULL, flags);
}
#endif

/* What a task map has of a task; NULL: nothing. For functions that have no room for a call. */
static __always_inline void *state__of_here(void *map, struct task_struct *task)
{
#ifdef EA_LEGACY
	u64 key = (u64)task;

	return bpf_map_lookup_elem(map, &key);
#else
	return bpf_task_storage_get(map, task, NULL, 0);
#endif
}

static __always_inline void *state__of(void *map, struct task_struct *task)
{
#ifdef EA_LEGACY
	return state__of_here(map, task);
#else
	return state__get(map, task, 0);
#endif
}

/* The same; what is not there is made, of zeros. NULL: no room, which is counted. */
static __always_inline void *state__of_or_new(void *map, struct task_struct *task)
{
	struct ea_counters *counters;
	void *state;
#ifdef EA_LEGACY
	u64 key = (u64)task;

	state = bpf_map_lookup_elem(map, &key);
	if (!state) {
		bpf_map_update_elem(map, &key, (const void *)ea_zeros, BPF_NOEXIST);
		state = bpf_map_lookup_elem(map, &key);
	}
#else
	state = state__get(map, task, BPF_LOCAL_STORAGE_GET_F_CREATE);
#endif
	if (!state) {
		counters = maps__counters();
		if (counters)
			counters->no_state++;
	}
	return state;
}

/* The task's state is over. Task storage stays for the task's next need of it. */
static __always_inline void state__forget(void *map, struct task_struct *task)
{
#ifdef EA_LEGACY
	u64 key = (u64)task;

	bpf_map_delete_elem(map, &key);
#endif
}

/* The same, and the memory goes back at once: for what is large and seldom needed. */
static __always_inline void state__release(void *map, struct task_struct *task)
{
#ifdef EA_LEGACY
	state__forget(map, task);
#else
	bpf_task_storage_delete(map, task);
#endif
}

static __always_inline struct ea_task *state__task(struct task_struct *task)
{
	return state__of(&ea_tasks, task);
}

static __always_inline struct ea_task *state__task_or_new(struct task_struct *task)
{
	return state__of_or_new(&ea_tasks, task);
}

/* The syscall that left something here has ended. */
static __always_inline void state__task_done(struct task_struct *task, struct ea_task *state)
{
	state->pending = 0;
	if (!state->disposition)
		state__forget(&ea_tasks, task);
}

#endif
