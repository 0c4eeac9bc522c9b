/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every map and every global. */
#ifndef EA_MAPS_H
#define EA_MAPS_H

/* What changes at run time; a map of one element, reached without a lookup. */
volatile struct ea_config ea_config SEC(".data.config") = {};

/* Set before load: what this kernel has. Dead branches are not verified. */
const volatile u32 ea_has_tai SEC(".rodata.features") = 0;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EA_GENERATIONS *EA_ARCHES *EA_SYSCALLS);
	__type(key, u32);
	__type(value, struct ea_entry);
} ea_index SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EA_GENERATIONS *EA_STEPS);
	__type(key, u32);
	__type(value, struct ea_step);
} ea_steps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EA_GENERATIONS *EA_EXES);
	__type(key, u32);
	__type(value, struct ea_exe);
} ea_exes SEC(".maps");

/*
 * Where stubs go on: one program each. The kernel wants all programs of such an array to be of one
 * attach type and prototype.
 */
#define EA_PROGRAM_MAP                                                                             \
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);                                                     \
	__uint(max_entries, 1);                                                                    \
	__type(key, u32);                                                                          \
	__type(value, u32)

struct {
	EA_PROGRAM_MAP;
} ea_fexits SEC(".maps");

struct {
	EA_PROGRAM_MAP;
} ea_fexits_unused SEC(".maps");

struct {
	EA_PROGRAM_MAP;
} ea_fentries SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20); /* user space sets the real size before load */
} ea_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ea_counters);
} ea_counters SEC(".maps");

/*
 * A map of state per task. Task storage: no flood can evict it, and it dies with its task. Before
 * 5.12 tracing programs have none; there it is a hash of `room` values, preallocated as tracing
 * programs need it, by the task's address. What is over is taken out (maps__forget), at the latest
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

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EA_GENERATIONS *EA_TALLIES);
	__type(key, u32);
	__type(value, struct ea_tally);
} ea_tallies SEC(".maps");

/* How often each syscall was judged, since the programs were loaded. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EA_ARCHES *EA_SYSCALLS);
	__type(key, u32);
	__type(value, u64);
} ea_evaluations SEC(".maps");

/* ---- names ------------------------------------------------------------------------------- */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EA_GENERATIONS *EA_SETS);
	__type(key, u32);
	__type(value, struct ea_set);
} ea_sets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, EA_WATCHES);
	__type(key, struct ea_object);
	__type(value, struct ea_runs);
} ea_watches SEC(".maps");

/* Directories that hold a watched name, and how many: the cheap first look. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, EA_WATCHES);
	__type(key, struct ea_object);
	__type(value, u32);
} ea_parents SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, EA_WATCHES);
	__type(key, struct ea_child);
	__type(value, struct ea_bound);
} ea_children SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, EA_TREES);
	__type(key, struct ea_object);
	__type(value, struct ea_tags);
} ea_trees SEC(".maps");

/* Who ended what a watch or tree stood on; user space asks for it once. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, EA_ENDS);
	__type(key, struct ea_object);
	__type(value, struct ea_end);
} ea_ends SEC(".maps");

/* One operation on the list of names, as kernel/auditsc.c has it. */
struct ea_slot {
	u64 name;    /* the struct filename */
	u64 dentry;  /* of a child, by which its second hook finds it */
	u64 dir_ino; /* of a child: its directory */
	u32 dir_dev;
	u16 op;    /* enum ea_lookup_op */
	u16 flags; /* EA_LOOKUP_*, EA_SLOT_* */
	u32 text;  /* where it begins */
	u32 text_len;
	struct ea_runs runs; /* of the watches on its inode */
	struct ea_inode inode;
};

/* beyond EA_LOOKUP_*: */
#define EA_SLOT_LONG 0x100 /* the text is among the long ones */
/* the syscall took run i off the inode: it is judged without exit value */
#define EA_SLOT_UNBOUND(i) (0x1000 << (i))
/* to journal__inode: not to be left out where only hits are asked for, for more follows */
#define EA_SLOT_KEEP 0x400

struct ea_journal {
	u64 args[4]; /* whose journal it is: the syscall's registers and number */
	u32 nr;
	u32 arch_index;
	u32 generation; /* under which the runs and tags were found */
	u32 count;      /* slots in use */
	u32 text_used;
	u32 long_used;
	u64 pwd; /* the working directory's dentry before the syscall changed it; 0: it has not */
	u64 pwd_mount;
	u64 climb;    /* where the climb to the top is at */
	u32 tagged;   /* it has found trees */
	u32 doubtful; /* the caller's name, its first argument, may have been refused */
	u32 lane;     /* 1 and the number of the counter in which it counts; 0: in none */
	u32 pad;
	u64 tags[EA_TREE_WORDS];
	struct ea_slot slots[EA_SLOTS];
	char text[EA_TEXT];
};

struct ea_text {
	char bytes[EA_PATH_MAX];
};

/* Tasks that are within a syscall that looks up names, and those among them with long ones. */
#define EA_JOURNALS   2048
#define EA_LONG_TEXTS 128

#ifdef EA_LEGACY
_Static_assert(sizeof(struct ea_journal) <= EA_TASK_VALUE_MAX, "a new value is copied from zeros");
#endif

struct {
	EA_TASK_MAP(struct ea_journal, EA_JOURNALS);
} ea_journals SEC(".maps");

/*
 * How many tasks have something in their journals, by the low bits of their numbers: the end of an
 * open that has left nothing need not look for a journal. A task that dies within a syscall leaves
 * its count behind, and others then look in vain.
 */
#define EA_LANES 4096
volatile u32 ea_lanes[EA_LANES] SEC(".bss.lanes");

/*
 * One map for each long text that a syscall may have, and one more: task storage holds at most 8
 * KiB since 7.0.
 */
struct {
	EA_TASK_MAP(struct ea_text, EA_LONG_TEXTS);
} ea_text_0 SEC(".maps");

struct {
	EA_TASK_MAP(struct ea_text, EA_LONG_TEXTS);
} ea_text_1 SEC(".maps");

struct {
	EA_TASK_MAP(struct ea_text, EA_LONG_TEXTS);
} ea_text_2 SEC(".maps");

/* Which of a CPU's frames are in use. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct ea_taken);
} ea_taken SEC(".maps");

static __always_inline struct ea_frame *maps__frame(u32 which)
{
	return bpf_map_lookup_elem(&ea_frames, &which);
}

/* What the rules of a generation say of a syscall; NULL: nothing. */
static __always_inline struct ea_entry *maps__entry(u32 generation, u32 arch_index, u64 nr)
{
	struct ea_entry *entry;
	u32 key;

	if (nr >= EA_SYSCALLS)
		return NULL;
	key = ((generation & 1) * EA_ARCHES + arch_index) * EA_SYSCALLS + (u32)nr;
	entry = bpf_map_lookup_elem(&ea_index, &key);
	return entry && (entry->first || entry->needs) ? entry : NULL;
}

static __always_inline struct ea_counters *maps__counters(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&ea_counters, &zero);
}

/* What a task map has of a task; NULL: nothing. */
static __always_inline void *maps__state(void *map, struct task_struct *task)
{
#ifdef EA_LEGACY
	u64 key = (u64)task;

	return bpf_map_lookup_elem(map, &key);
#else
	return bpf_task_storage_get(map, task, NULL, 0);
#endif
}

/* The same; what is not there is made, of zeros. NULL: no room, which is counted. */
static __always_inline void *maps__state_or_new(void *map, struct task_struct *task)
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
	state = bpf_task_storage_get(map, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
#endif
	if (!state) {
		counters = maps__counters();
		if (counters)
			counters->no_state++;
	}
	return state;
}

/* The task's state is over. Task storage stays for the task's next need of it. */
static __always_inline void maps__forget(void *map, struct task_struct *task)
{
#ifdef EA_LEGACY
	u64 key = (u64)task;

	bpf_map_delete_elem(map, &key);
#endif
}

/* The same, and the memory goes back at once: for what is large and seldom needed. */
static __always_inline void maps__release(void *map, struct task_struct *task)
{
#ifdef EA_LEGACY
	maps__forget(map, task);
#else
	bpf_task_storage_delete(map, task);
#endif
}

/* Counts on, and gives the new count; whatever else runs on the CPU in between. */
static __always_inline u64 maps__next(u64 *count)
{
#ifdef EA_LEGACY
	/* the kernels that take it do not preempt in between, and have no atomic operation for it
	 */
	return ++*count;
#else
	return __sync_fetch_and_add(count, 1) + 1;
#endif
}

/*
 * A frame for the end of a syscall, until maps__leave; EA_FRAMES: none is free. A program may be
 * preempted by another task's, and that one by the first again, so frames are not given back in
 * the order in which they were taken.
 */
static __always_inline u32 maps__enter(void)
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

static __always_inline void maps__leave(u32 which)
{
	struct ea_taken *taken;
	u32 zero = 0, at = which - EA_FRAME_SYSCALL;

	taken = bpf_map_lookup_elem(&ea_taken, &zero);
	if (taken && at < EA_NESTED)
		taken->frames[at] = 0;
}

/* A long text of the running syscall, by its number. `make`: one that is not there is made. */
static __always_inline struct ea_text *maps__text(struct task_struct *task, u32 number, int make)
{
	switch (number) {
	case 0:
		return make ? maps__state_or_new(&ea_text_0, task) : maps__state(&ea_text_0, task);
	case 1:
		return make ? maps__state_or_new(&ea_text_1, task) : maps__state(&ea_text_1, task);
	case 2:
		return make ? maps__state_or_new(&ea_text_2, task) : maps__state(&ea_text_2, task);
	default:
		return NULL;
	}
}

static __always_inline void maps__release_texts(struct task_struct *task)
{
	maps__release(&ea_text_0, task);
	maps__release(&ea_text_1, task);
	maps__release(&ea_text_2, task);
}

static __always_inline struct ea_task *maps__task(struct task_struct *task)
{
	return maps__state(&ea_tasks, task);
}

static __always_inline struct ea_task *maps__task_or_new(struct task_struct *task)
{
	return maps__state_or_new(&ea_tasks, task);
}

/* The syscall that left something here has ended. */
static __always_inline void maps__task_done(struct task_struct *task, struct ea_task *state)
{
	state->pending = 0;
	if (!state->disposition)
		maps__forget(&ea_tasks, task);
}

#endif
