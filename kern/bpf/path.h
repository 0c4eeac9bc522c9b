/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Paths, by walking dentries and mounts up to the task's root, as prepend_path (fs/d_path.c) does.
 * Components are written leaf first, each with its NUL; user space turns them around.
 */
#ifndef EA_PATH_H
#define EA_PATH_H

static __always_inline u64 path__mount(u64 vfsmount)
{
	return vfsmount - field_offset(struct mount, mnt);
}

/* One step up. 1: that was all. */
static __always_inline int path__step(struct ea_frame *frame)
{
	struct ea_walk *walk = &frame->walk;
	struct dentry *dentry = (struct dentry *)walk->dentry;
	struct mount *mount = (struct mount *)walk->mount;
	const unsigned char *name = NULL;
	u32 at, steps = walk->steps;
	u64 parent = 0;
	long length;

	walk->steps = steps + 1;
	if (walk->dentry == walk->root_dentry && walk->mount == walk->root_mount)
		return 1;
	if (walk->dentry == walk->mount_root) {
		READ(parent, mount, mnt_parent);
		if (!parent || parent == walk->mount)
			return 1;
		READ(walk->dentry, mount, mnt_mountpoint);
		walk->mount = parent;
		READ(walk->mount_root, (struct mount *)parent, mnt.mnt_root);
		return 0;
	}
	READ(parent, dentry, d_parent);
	if (!parent || (parent == walk->dentry && steps))
		return 1;
	/* a file without a directory, such as a memfd: its name is all there is */
	walk->pseudo = parent == walk->dentry;
	READ(name, dentry, d_name.name);
	at = frame->used;
	if (at > EA_BUFFER - EA_NAME_MAX || at - walk->start >= EA_PATH_MAX) {
		walk->cut = 1;
		return 1;
	}
	length = bpf_probe_read_kernel_str(frame->items + at, EA_NAME_MAX, name);
	if (length > 0)
		frame->used = at + (u32)length;
	walk->dentry = parent;
	return walk->pseudo;
}

/* A stretch of the walk. 1: that was all. */
__noinline int path__stretch(u32 which)
{
	struct ea_frame *frame = frame__of_here(which);

	if (!frame)
		return 1;
	for (int i = 0; i < EA_PATH_STRETCH; i++)
		if (path__step(frame))
			return 1;
	return 0;
}

/* A run of stretches. 1: that was all. */
__noinline int path__run(u32 which)
{
	for (int i = 0; i < EA_PATH_RUN; i++)
		if (path__stretch(which))
			return 1;
	return 0;
}

/* Adds EA_ITEM_EXE, EA_ITEM_CWD or EA_ITEM_DIRECTORY: a path of the running task. */
__noinline int path__emit(u32 which, u32 type)
{
	struct task_struct *task = task__current();
	struct ea_frame *frame = frame__of(which);
	struct ea_walk *walk;
	struct fs_struct *fs = NULL;
	struct mm_struct *mm = NULL;
	struct file *exe = NULL;
	struct ea_item *item;
	u64 dentry = 0, vfsmount = 0, pprev = 0, parent = 0;
	u32 at;

	if (!frame)
		return 0;
	at = frame->used;
	if (at > EA_BUFFER - sizeof(*item) - EA_NAME_MAX) {
		frame->overflow = 1;
		return 0;
	}
	READ(fs, task, fs);
	if (!fs)
		return 0;
	if (type == EA_ITEM_EXE) {
		READ(mm, task, mm);
		if (!mm)
			return 0;
		READ(exe, mm, exe_file);
		if (!exe)
			return 0;
		READ(dentry, exe, f_path.dentry);
		READ(vfsmount, exe, f_path.mnt);
	} else if (type == EA_ITEM_DIRECTORY) {
		struct ea_task *state = state__task(task);

		if (!state || !state->directory)
			return 0;
		dentry = state->directory;
		vfsmount = state->directory_mount;
	} else {
		struct ea_journal *journal = frame->journal ? state__of(&ea_journals, task) : NULL;

		if (journal && journal->pwd) {
			dentry = journal->pwd;
			vfsmount = journal->pwd_mount;
		} else {
			READ(dentry, fs, pwd.dentry);
			READ(vfsmount, fs, pwd.mnt);
		}
	}
	walk = &frame->walk;
	__builtin_memset(walk, 0, sizeof(*walk));
	walk->dentry = dentry;
	walk->mount = path__mount(vfsmount);
	READ(walk->root_dentry, fs, root.dentry);
	READ(walk->root_mount, fs, root.mnt);
	walk->root_mount = path__mount(walk->root_mount);
	READ(walk->mount_root, (struct vfsmount *)vfsmount, mnt_root);
	walk->start = at + sizeof(*item);
	frame->used = walk->start;
	for (int i = 0; i < EA_PATH_DEPTH / EA_PATH_STRETCH / EA_PATH_RUN; i++)
		if (path__run(which))
			break;

	item = (struct ea_item *)(frame->items + at);
	item->type = type;
	item->flags = walk->cut ? EA_PATH_CUT : 0;
	item->len = frame->used - walk->start;
	/* d_unlinked(): unhashed, and not a root */
	READ(pprev, (struct dentry *)dentry, d_hash.pprev);
	READ(parent, (struct dentry *)dentry, d_parent);
	if (walk->pseudo || (!pprev && parent != dentry))
		item->flags |= EA_PATH_DELETED;
	frame->used = (frame->used + 7) & ~7u;
	return 0;
}

#endif
