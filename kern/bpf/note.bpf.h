/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Notes that hooks leave within an open with O_CREAT for its end (open.bpf.h): of the directory
 * that audit was told of, and of the file that was to be made in it.
 */
#ifndef EA_NOTE_H
#define EA_NOTE_H

/* The note of the open with O_CREAT that is at its last component; NULL: no such open. */
static __always_inline struct ea_note *note__of_open(void)
{
	u64 walk = walk__current();
	struct ea_note *note;
	u32 flags = 0;

	if (!walk)
		return NULL;
	READ(flags, (struct nameidata *)walk, flags);
	if ((flags & LOOKUP_PARENT) || !(flags & LOOKUP_CREATE))
		return NULL;
	note = state__of_or_new(&ea_notes, task__current());
	if (note && note->walk != walk) {
		note->walk = walk;
		note->told_dir = 0;
		note->create_dir = 0;
	}
	return note;
}

/* Takes the open's note. */
static __always_inline struct ea_note *note__take(u64 walk)
{
	struct ea_note *note = state__of(&ea_notes, task__current());

	if (!note || note->walk != walk)
		return NULL;
	note->walk = 0;
	return note;
}

/* 1: the open has made a file in this directory, at which the walk stands. */
static __always_inline int note__has_made(u64 walk, u64 inode)
{
	struct ea_note *note = state__of(&ea_notes, task__current());

	return note && note->walk == walk && note->create_dir == inode;
}

/*
 * struct dentry *d_alloc_parallel(struct dentry *parent, ...): the cache does not know the name. If
 * nobody else has found it meanwhile, audit is told of the directory (lookup_open, since 6.12).
 */
PROGRAM("fexit/d_alloc_parallel", ea_d_alloc_parallel)
{
	u64 parent = 0, found = 0, inode = 0, name = 0, walk;
	struct ea_note *note;

	if (!ea_open_prefers_cache || !walk__wanted())
		return 0;
	walk__arguments(&parent, 1, ctx);
	if (bpf_get_func_ret(ctx, &found) || walk__is_error(found))
		return 0;
	READ(inode, (struct dentry *)found, d_inode);
	if (inode)
		return 0;
	note = note__of_open();
	if (!note)
		return 0;
	note->told_dir = parent;
	walk = note->walk;
	READ(name, (struct nameidata *)walk, name);
	return journal__inode(name, parent, EA_LOOKUP_PARENT, EA_SLOT_KEEP);
}

/*
 * int security_inode_create(struct inode *dir, struct dentry *, umode_t): the last that an open
 * asks before it has a file made; audit is told of the file then, whether the filesystem makes it
 * or not.
 */
PROGRAM("fexit/security_inode_create", ea_security_inode_create)
{
	struct ea_note *note;
	u64 args[4];

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 4, ctx);
	if ((s32)args[3])
		return 0;
	note = note__of_open();
	if (note) {
		note->create_dir = args[0];
		note->create_child = args[1];
	}
	return 0;
}

/* Audit was told of the directory at which the open stands, if it was. */
static __always_inline void note__tell_parent(u64 walk, u64 name)
{
	struct ea_note *note = state__of(&ea_notes, task__current());
	u64 directory = 0;

	READ(directory, (struct nameidata *)walk, path.dentry);
	if (ea_open_prefers_cache && (!note || note->walk != walk || !note->create_dir))
		return;
	journal__inode(name, directory, EA_LOOKUP_PARENT, EA_SLOT_KEEP);
}

/*
 * Something is made or removed in the course of an open: by a filesystem that lies on another one,
 * or that makes names of its own. Audit was told of the open before.
 */
static __always_inline void note__open_goes_on(u64 dentry)
{
	u64 walk = walk__current(), name = 0, at = 0, inode = 0, reached = 0;
	struct ea_note *note;
	u32 flags = 0;
	u16 mode = 0;

	if (!walk)
		return;
	READ(flags, (struct nameidata *)walk, flags);
	READ(at, (struct nameidata *)walk, path.dentry);
	if (!at || (flags & LOOKUP_PARENT) || !(flags & LOOKUP_OPEN))
		return;
	READ(name, (struct nameidata *)walk, name);
	READ(inode, (struct nameidata *)walk, inode);
	READ(reached, (struct dentry *)at, d_inode);
	if (inode != reached)
		return;
	READ(mode, (struct inode *)inode, i_mode);
	if ((mode & S_IFMT) != S_IFDIR) {
		journal__inode(name, at, EA_LOOKUP_NORMAL, 0);
		return;
	}
	note = state__of(&ea_notes, task__current());
	if (!note || note->walk != walk || note->create_dir != inode)
		return;
	at = note->create_child;
	if (at == dentry)
		return;
	note__tell_parent(walk, name);
	journal__child(inode, at, EA_LOOKUP_CREATE, 0);
}

/*
 * struct dentry *devpts_pty_new(struct pts_fs_info *, int, void *): an open of ptmx makes a
 * terminal
 */
PROGRAM("fexit/devpts_pty_new", ea_devpts_pty_new)
{
	u64 args[4], parent = 0, dir = 0, inode = 0;

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 4, ctx);
	if (walk__is_error(args[3]))
		return 0;
	note__open_goes_on(0);
	READ(parent, (struct dentry *)args[3], d_parent);
	READ(dir, (struct dentry *)parent, d_inode);
	READ(inode, (struct dentry *)args[3], d_inode);
	return journal__child(dir, args[3], EA_LOOKUP_CREATE, inode);
}

#endif
