/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Watches follow their names: kernel/audit_watch.c audit_watch_handle_event and audit_update_watch,
 * kernel/audit_fsnotify.c. A name that is made or moved to takes its watches to the new inode, one
 * that is deleted or moved from takes them off; before the syscall that did it is judged.
 *
 * Whoever changes a name holds its directory's lock until all have been told, so a name is followed
 * by one at a time. The inodes of names differ, and two names of one inode could be followed at the
 * same time; nothing is lost then unless both were the inode's first watch and its last.
 */
#ifndef EA_WATCH_H
#define EA_WATCH_H

/* include/linux/fsnotify_backend.h */
#define FS_MOVED_FROM  0x00000040u
#define FS_MOVED_TO    0x00000080u
#define FS_CREATE      0x00000100u
#define FS_DELETE      0x00000200u
#define FS_DELETE_SELF 0x00000400u
#define FS_MOVE_SELF   0x00000800u
#define FS_UNMOUNT     0x00002000u

#define EA_FS_NAME (FS_MOVED_FROM | FS_MOVED_TO | FS_CREATE | FS_DELETE)
#define EA_FS_BIND (FS_MOVED_TO | FS_CREATE)
#define EA_FS_GONE (FS_DELETE_SELF | FS_UNMOUNT)
#define EA_FS_END  (EA_FS_GONE | FS_MOVE_SELF)

/* ---- what the running syscall has found before ------------------------------------------- */

/* One slot, for the following. */
__noinline int watch__unbind_slot(u32 at, u64 ino, u32 dev, u32 first, u32 judged)
{
	struct ea_journal *journal = names__journal();
	struct ea_slot *slot;

	if (!journal || at >= EA_SLOTS)
		return 0;
	slot = &journal->slots[at];
	if (slot->inode.ino != ino || slot->inode.dev != dev)
		return 0;
	for (u32 run = 0; run < EA_WATCH_RUNS; run++) {
		if (slot->runs.first[run] != first)
			continue;
		if (judged)
			slot->flags |= EA_SLOT_UNBOUND(run);
		else
			slot->runs.first[run] = 0;
	}
	return 0;
}

/*
 * A watch leaves an inode in the middle of a syscall (audit_update_watch). When the watched name is
 * gone, the kernel judges the watch at this moment, without a result: `judged`. When the name has
 * another inode now, the one before does not count any more.
 */
static __always_inline void watch__unbound(struct ea_object *object, u32 first, u32 judged)
{
	struct ea_journal *journal = names__journal();

	if (!journal || !object->ino || (journal->generation & 1) != object->generation)
		return;
	for (u32 i = 0; i < EA_SLOTS && i < journal->count; i++)
		watch__unbind_slot(i, object->ino, object->dev, first, judged);
}

/* The root of these trees has come to its end: the syscall's names are in none of them any more. */
static __always_inline void watch__untagged(struct ea_tags *tags, u32 generation)
{
	struct ea_journal *journal = names__journal();

	if (!journal || (journal->generation & 1) != generation)
		return;
	for (int i = 0; i < EA_TREE_WORDS; i++)
		journal->tags[i] &= ~tags->words[i];
}

/* ---- names and inodes -------------------------------------------------------------------- */

static __always_inline void watch__adrift(void)
{
	struct ea_counters *counters = maps__counters();

	if (counters)
		counters->adrift++;
}

/* Takes the watch off the inode that it is bound to. */
static __always_inline void watch__unbind(struct ea_bound *bound, u32 generation)
{
	struct ea_object object = {
	    .ino = bound->ino,
	    .dev = bound->dev,
	    .generation = generation,
	};
	struct ea_runs *runs;
	u32 left = 0;

	if (!object.ino)
		return;
	bound->ino = 0;
	runs = bpf_map_lookup_elem(&ea_watches, &object);
	if (!runs)
		return;
	for (int i = 0; i < EA_WATCH_RUNS; i++) {
		if (runs->first[i] == bound->first)
			runs->first[i] = 0;
		left |= runs->first[i];
	}
	if (!left)
		bpf_map_delete_elem(&ea_watches, &object);
}

/* Puts the watch on an inode. */
static __always_inline void watch__bind(struct ea_bound *bound, struct ea_object *object)
{
	struct ea_runs fresh = {};
	struct ea_runs *runs;
	u32 first = bound->first;

	bound->dev = object->dev;
	bound->ino = object->ino;
	fresh.first[0] = first;
	mark__set(object->ino, object->generation);
	if (!bpf_map_update_elem(&ea_watches, object, &fresh, BPF_NOEXIST)) {
		/* once more: the generation may just have been emptied, and its marks with it */
		mark__set(object->ino, object->generation);
		return;
	}
	runs = bpf_map_lookup_elem(&ea_watches, object);
	if (!runs) {
		watch__adrift();
		return;
	}
	for (int i = 0; i < EA_WATCH_RUNS; i++)
		if (runs->first[i] == first)
			return;
	for (int i = 0; i < EA_WATCH_RUNS; i++) {
		if (!runs->first[i]) {
			runs->first[i] = first;
			return;
		}
	}
	watch__adrift();
}

/* The program that an exe= rule names is another file now. One that is deleted stays what it is. */
static __always_inline void watch__program(struct ea_bound *bound, struct ea_object *object)
{
	u32 key = object->generation * EA_EXES + bound->first;
	struct ea_exe *exe = bpf_map_lookup_elem(&ea_exes, &key);

	if (!exe)
		return;
	exe->ino = object->ino;
	exe->dev = object->dev;
	exe->present = 1;
}

/* Something happened to a name in a directory; `inode` is what it leads to, or led to. */
__noinline int watch__follow(u64 dir, u64 name, u64 inode, u32 mask, u32 generation)
{
	struct qstr *qstr = (struct qstr *)name;
	const unsigned char *text = NULL;
	struct ea_object object = {}, before;
	struct ea_bound *bound;
	struct ea_child child;
	u32 length = 0;

	__builtin_memset(&child, 0, sizeof(child));
	object__of(&object, dir, generation);
	if (!bpf_map_lookup_elem(&ea_parents, &object))
		return 0;
	child.ino = object.ino;
	child.dev = object.dev;
	child.generation = object.generation;
	READ(length, qstr, len);
	READ(text, qstr, name);
	bpf_probe_read_kernel(child.name, length & (EA_NAME_MAX - 1), text);
	if (inode)
		object__of(&object, inode, generation);

	bound = bpf_map_lookup_elem(&ea_children, &child);
	if (bound) {
		before.ino = bound->ino;
		before.dev = bound->dev;
		before.generation = object.generation;
		if (!(mask & EA_FS_BIND)) {
			watch__unbound(&before, bound->first, 1);
			watch__unbind(bound, object.generation);
		} else if (inode && (before.ino != object.ino || before.dev != object.dev)) {
			watch__unbound(&before, bound->first, 0);
			watch__unbind(bound, object.generation);
			watch__bind(bound, &object);
		}
	}
	if (!inode || !(mask & EA_FS_BIND))
		return 0;
	child.generation |= EA_CHILD_EXE;
	bound = bpf_map_lookup_elem(&ea_children, &child);
	if (bound)
		watch__program(bound, &object);
	return 0;
}

#ifndef EA_LEGACY
/* A watch whose directory has come to its end is on no inode any more. */
static long watch__orphan(void *map, struct ea_child *child, struct ea_bound *bound,
			  struct ea_object *dir)
{
	if (child->ino == dir->ino && child->dev == dir->dev && !(child->generation & EA_CHILD_EXE))
		watch__unbind(bound, child->generation & 1);
	return 0;
}
#endif

/*
 * An inode has come to its end, or moved. The rules whose directory or tree it was match nothing
 * from now on, as in audit_remove_parent_watches and evict_chunk; user space, which hears of it by
 * its own mark on the inode, takes them out. The legacy object leaves the former to user space too.
 */
__noinline int watch__end(u64 inode, u32 mask)
{
	struct task_struct *task = task__current();
	u32 is_parent = 0, is_known = 0;
	struct ea_object object = {};
	struct ea_end end = {.auid = ~0u, .ses = ~0u};
	struct ea_tags *tags;

	for (u32 generation = 0; generation < EA_GENERATIONS; generation++) {
		object__of(&object, inode, generation);
		tags = bpf_map_lookup_elem(&ea_trees, &object);
		if ((mask & EA_FS_GONE) && tags) {
			watch__untagged(tags, generation);
			bpf_map_delete_elem(&ea_trees, &object);
			is_known = 1;
		}
		if (!bpf_map_delete_elem(&ea_parents, &object))
			is_parent = 1;
	}
	if (!is_parent && !is_known)
		return 0;
	if (field_exists(struct task_struct, loginuid))
		end.auid = GET(task, loginuid.val);
	if (field_exists(struct task_struct, sessionid))
		end.ses = GET(task, sessionid);
	object.generation = 0;
	bpf_map_update_elem(&ea_ends, &object, &end, BPF_ANY);
#ifndef EA_LEGACY
	if (is_parent)
		bpf_for_each_map_elem(&ea_children, watch__orphan, &object, 0);
#endif
	return 0;
}

#endif
