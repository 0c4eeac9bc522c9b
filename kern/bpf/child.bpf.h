/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What becomes of names in directories: audit_inode_child of fs/namei.c. A filesystem that lies on
 * another one (overlayfs) comes through these functions again on the lower's behalf, and the kernel
 * tells audit each time.
 */
#ifndef EA_CHILD_H
#define EA_CHILD_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* 5.12 and later; in Debian's 5.10 too, without what tells how ids are mapped. */
struct renamedata {
	void *old_mnt_userns; /* 5.12 */
	void *old_mnt_idmap;  /* 6.3 */
	void *mnt_idmap;      /* 6.17 */
	struct inode *old_dir, *new_dir;
	struct dentry *old_parent, *new_parent; /* instead of the inodes, 6.17 */
	struct dentry *old_dentry, *new_dentry;
	u32 flags;
};

/* 6.19: the functions below take one more argument, but vfs_create lost its directory. */
struct delegated_inode {
	struct inode *di_inode;
};

#pragma clang attribute pop

#define RENAME_EXCHANGE 2

/* 1: the functions below take first how ids are mapped. */
static __always_inline u32 child__mapped(void)
{
	return field_exists(struct renamedata, old_mnt_userns) ||
	       field_exists(struct renamedata, old_mnt_idmap) ||
	       field_exists(struct renamedata, mnt_idmap);
}

static __always_inline u32 child__delegated(void)
{
	return field_exists(struct delegated_inode, di_inode);
}

/*
 * Whether a result is an error, be it an int or (vfs_mkdir, since 6.15) a dentry: an int leaves the
 * upper half of its register empty, which no dentry's address does.
 */
static __always_inline int child__failed(u64 result)
{
	return walk__is_error(result) || (!(result >> 32) && (s32)result < 0);
}

/* Before (result 0: not known) and after a name is made. */
__noinline int child__create(u64 dir, u64 dentry, u32 made)
{
	u64 inode = 0;

	note__open_goes_on(dentry);
	if (made)
		READ(inode, (struct dentry *)dentry, d_inode);
	return journal__child(dir, dentry, EA_LOOKUP_CREATE, inode);
}

/* Of a function whose arguments from `first` on are a directory and a dentry. */
#define CHILD_BEFORE(first)                                                                        \
	u64 args[8];                                                                               \
                                                                                                   \
	if (!walk__wanted())                                                                       \
		return 0;                                                                          \
	walk__arguments(args, 8, ctx);                                                             \
	return child__create(args[first], args[(first) + 1], 0)

/* The same, and its result is at `result`. */
#define CHILD_AFTER(first, result)                                                                 \
	u64 args[8];                                                                               \
                                                                                                   \
	if (!walk__wanted())                                                                       \
		return 0;                                                                          \
	walk__arguments(args, 8, ctx);                                                             \
	if (child__failed(args[result]))                                                           \
		return 0;                                                                          \
	return child__create(args[first], args[(first) + 1], 1)

/* vfs_mkdir([id,] struct inode *dir, struct dentry *, umode_t [, struct delegated_inode *]) */
PROGRAM("fentry/vfs_mkdir", ea_vfs_mkdir)
{
	CHILD_BEFORE(child__mapped());
}

PROGRAM("fexit/vfs_mkdir", ea_vfs_mkdir_done)
{
	u32 at = child__mapped() + 3 + child__delegated();
	u64 args[8];

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 8, ctx);
	if (child__failed(args[at & 7]))
		return 0;
	/* the filesystem may have come by another dentry, which is the result then */
	return child__create(args[child__mapped()],
			     args[at & 7] ? args[at & 7] : args[child__mapped() + 1], 1);
}

/* vfs_mknod([id,] dir, dentry, umode_t, dev_t [, delegated]) */
PROGRAM("fentry/vfs_mknod", ea_vfs_mknod)
{
	CHILD_BEFORE(child__mapped());
}

PROGRAM("fexit/vfs_mknod", ea_vfs_mknod_done)
{
	CHILD_AFTER(child__mapped(), child__mapped() + 4 + child__delegated());
}

/* vfs_symlink([id,] dir, dentry, const char * [, delegated]) */
PROGRAM("fentry/vfs_symlink", ea_vfs_symlink)
{
	CHILD_BEFORE(child__mapped());
}

PROGRAM("fexit/vfs_symlink", ea_vfs_symlink_done)
{
	CHILD_AFTER(child__mapped(), child__mapped() + 3 + child__delegated());
}

/* vfs_link(old_dentry, [id,] dir, new_dentry, delegated) */
PROGRAM("fentry/vfs_link", ea_vfs_link)
{
	u64 args[8], inode = 0;

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 8, ctx);
	/* what is gone meanwhile is refused before audit is told */
	READ(inode, (struct dentry *)args[0], d_inode);
	if (!inode)
		return 0;
	return child__create(args[1 + child__mapped()], args[2 + child__mapped()], 0);
}

PROGRAM("fexit/vfs_link", ea_vfs_link_done)
{
	CHILD_AFTER(1 + child__mapped(), 4 + child__mapped());
}

/* The directory of a dentry whose function does not name it. */
static __always_inline u64 child__directory(u64 dentry)
{
	u64 inode = 0;

	READ(inode, (struct dentry *)dentry, d_parent);
	READ(inode, (struct dentry *)inode, d_inode);
	return inode;
}

/* vfs_create([id,] dir, dentry, umode_t, bool); 6.19: (id, dentry, umode_t, delegated) */
static __always_inline int child__vfs_create(u64 *ctx, u32 made)
{
	u32 first = child__mapped(), result = first + 4;
	u64 args[8], dentry;

	if (child__delegated()) {
		first = 0;
		result = 4;
	}
	if (!walk__wanted())
		return 0;
	walk__arguments(args, 8, ctx);
	if (made && child__failed(args[result]))
		return 0;
	dentry = args[first + 1];
	return child__create(child__directory(dentry), dentry, made);
}

PROGRAM("fentry/vfs_create", ea_vfs_create)
{
	return child__vfs_create(ctx, 0);
}

PROGRAM("fexit/vfs_create", ea_vfs_create_done)
{
	return child__vfs_create(ctx, 1);
}

/* int vfs_mkobj(struct dentry *, umode_t, f, arg): message queues, pinned bpf objects */
PROGRAM("fentry/vfs_mkobj", ea_vfs_mkobj)
{
	u64 dentry;

	if (!walk__wanted())
		return 0;
	walk__arguments(&dentry, 1, ctx);
	return child__create(child__directory(dentry), dentry, 0);
}

PROGRAM("fexit/vfs_mkobj", ea_vfs_mkobj_done)
{
	u64 args[5];

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 5, ctx);
	if ((s32)args[4])
		return 0;
	return child__create(child__directory(args[0]), args[0], 1);
}

/* ---- names that go away ------------------------------------------------------------------ */

/* The first of a rename's two looks: what it goes on with when the old name may go. */
static __always_inline void child__rename_goes_on(u64 victim)
{
	struct ea_note *note = state__of(&ea_notes, task__current());
	u64 old = 0, new = 0, inode = 0, rename;

	if (!note || !note->rename)
		return;
	rename = note->rename;
	READ(old, (struct renamedata *)rename, old_dentry);
	READ(new, (struct renamedata *)rename, new_dentry);
	if (old != victim)
		return;
	note->rename = 0;
	READ(inode, (struct dentry *)new, d_inode);
	if (!inode)
		child__create(child__directory(new), new, 0);
}

/* int may_delete([id,] struct inode *dir, struct dentry *victim, bool isdir) */
static __always_inline int child__may_delete(u64 *ctx)
{
	u64 args[5], inode = 0, dir, victim;
	s32 result;

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 5, ctx);
	dir = args[child__mapped()];
	victim = args[child__mapped() + 1];
	result = (s32)args[child__mapped() + 3];
	READ(inode, (struct dentry *)victim, d_inode);
	/* refused before audit is told: nothing there, or an owner that has no number here */
	if (!inode || result == -EOVERFLOW)
		return 0;
	note__open_goes_on(victim);
	journal__child(dir, victim, EA_LOOKUP_DELETE, inode);
	if (!result)
		child__rename_goes_on(victim);
	return 0;
}

PROGRAM("fexit/may_delete", ea_may_delete)
{
	return child__may_delete(ctx);
}

/* ---- renames ----------------------------------------------------------------------------- */

PROGRAM("fentry/vfs_rename", ea_vfs_rename)
{
	struct ea_note *note;

	if (!walk__wanted())
		return 0;
	note = state__of_or_new(&ea_notes, task__current());
	if (note)
		walk__arguments(&note->rename, 1, ctx);
	return 0;
}

/* int vfs_rename(struct renamedata *): fsnotify_move tells audit of what has a new name */
PROGRAM("fexit/vfs_rename", ea_vfs_rename_done)
{
	u64 args[2], old = 0, new = 0, old_inode = 0, new_inode = 0;
	struct ea_note *note;
	u32 flags = 0;

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 2, ctx);
	note = state__of(&ea_notes, task__current());
	if (note)
		note->rename = 0;
	if ((s32)args[1])
		return 0;
	READ(old, (struct renamedata *)args[0], old_dentry);
	READ(new, (struct renamedata *)args[0], new_dentry);
	READ(flags, (struct renamedata *)args[0], flags);
	READ(old_inode, (struct dentry *)old, d_inode);
	READ(new_inode, (struct dentry *)new, d_inode);
	/* two names of one file: nothing was done */
	if (old_inode == new_inode)
		return 0;
	child__create(child__directory(old), old, 1);
	if (flags & RENAME_EXCHANGE)
		child__create(child__directory(new), new, 1);
	return 0;
}

#endif
