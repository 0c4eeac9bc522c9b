/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps that user space fills or reads, and the globals that it sets. */
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
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, EA_GENERATIONS *EA_ROLES);
	__type(key, struct ea_role);
	__type(value, u32);
} ea_roles SEC(".maps");

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
} ea_fexits_open SEC(".maps");

struct {
	EA_PROGRAM_MAP;
} ea_fexits_unused SEC(".maps");

struct {
	EA_PROGRAM_MAP;
} ea_fentries SEC(".maps");

struct {
	EA_PROGRAM_MAP;
} ea_file_calls SEC(".maps");

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

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EA_GENERATIONS *EA_TALLIES / EA_SHEET);
	__type(key, u32);
	__type(value, struct ea_sheet);
} ea_tallies SEC(".maps");

/* How often each syscall was judged, since the programs were loaded. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EA_ARCHES *EA_SYSCALLS);
	__type(key, u32);
	__type(value, u64);
} ea_evaluations SEC(".maps");

/* ---- watches and trees ------------------------------------------------------------------- */

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

/* ---- rules of other programs -------------------------------------------------------------- */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, EA_REQUEST_RING);
} ea_requests SEC(".maps");

/* By process. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, EA_WAITERS);
	__type(key, u32);
	__type(value, struct ea_waiter);
} ea_waiters SEC(".maps");

/* ---- access ------------------------------------------------------------------------------ */

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

static __once struct ea_counters *maps__counters(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&ea_counters, &zero);
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

#endif
