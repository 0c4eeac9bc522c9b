/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Opens. path_openat (fs/namei.c) is the one function that all of them come through and that no
 * compiler takes apart. What it told audit on its way is seen from what it leaves behind: the file,
 * or the walk, of which the flags, the last component and the inode reached last survive.
 */
#ifndef EA_OPEN_H
#define EA_OPEN_H

/* ---- links that are not followed --------------------------------------------------------- */

/*
 * void audit_log_path_denied(int type, const char *operation): may_follow_link has told audit of
 * the link just before.
 */
PROGRAM("fentry/audit_log_path_denied", ea_link_denied)
{
	u64 args[2], walk, name = 0, stack = 0, link = 0;
	u32 flags = 0;
	char first = 0;

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 2, ctx);
	walk = walk__current();
	/* "follow_link"; other operations are refused where nothing is told */
	if (bpf_probe_read_kernel(&first, 1, (void *)args[1]) || first != 'f' || !walk)
		return 0;
	READ(name, (struct nameidata *)walk, name);
	READ(flags, (struct nameidata *)walk, flags);
	if (!(flags & LOOKUP_PARENT) && (flags & LOOKUP_CREATE))
		note__tell_parent(walk, name);
	READ(stack, (struct nameidata *)walk, stack);
	READ(link, (struct saved *)stack, link.dentry);
	return journal__inode(name, link, EA_LOOKUP_NORMAL, 0);
}

/* ---- the end of an open ------------------------------------------------------------------ */

/*
 * Where a filesystem is mounted that the walk has gone into: what its last component was then. One
 * that has more mounts than are looked through here is not found.
 */
static __always_inline u64 open__mountpoint(u64 dentry, u64 hash_len)
{
	u64 sb = 0, head, node, mountpoint = 0, hash;

	READ(sb, (struct dentry___walk *)dentry, d_sb);
	head = sb + field_offset(struct super_block___walk, s_mounts);
	READ(node, (struct super_block___walk *)sb, s_mounts.next);
	for (int i = 0; i < EA_ALIASES && node && node != head; i++) {
		struct mount___walk *mount =
		    (void *)node - field_offset(struct mount___walk, mnt_instance);

		READ(mountpoint, mount, mnt_mountpoint);
		hash = 0;
		READ(hash, (struct dentry___walk *)mountpoint, d_name.hash_len);
		if (hash == hash_len)
			return mountpoint;
		bpf_probe_read_kernel(&node, sizeof(node), (void *)node);
	}
	return 0;
}

/*
 * The directory in which the last component was looked up, of a file that was there. The file's
 * own, but where a link of /proc leads elsewhere, or a filesystem is mounted on it.
 */
static __always_inline u64 open__directory(u64 walk, u64 dentry)
{
	u64 hash_len = 0, hash = 0, link = 0, parent = 0;

	READ(hash_len, (struct nameidata *)walk, last.hash_len);
	READ(hash, (struct dentry___walk *)dentry, d_name.hash_len);
	if (hash != hash_len) {
		READ(link, (struct nameidata *)walk, stack);
		READ(link, (struct saved *)link, link.dentry);
		READ(hash, (struct dentry___walk *)link, d_name.hash_len);
		dentry = hash == hash_len ? link : open__mountpoint(dentry, hash_len);
		if (!dentry)
			return 0;
	}
	READ(parent, (struct dentry *)dentry, d_parent);
	return parent;
}

/* Audit was told of the directory of a file that was there; since 6.12 the hooks above know. */
static __always_inline void open__told(u64 walk, u64 name, u64 dentry)
{
	u64 directory;

	if (ea_open_prefers_cache)
		return;
	directory = open__directory(walk, dentry);
	if (directory)
		journal__inode(name, directory, EA_LOOKUP_PARENT, EA_SLOT_KEEP);
}

/* An open with O_CREAT that has succeeded. */
__noinline int open__created(u64 walk, u64 name, u64 file)
{
	u64 dentry = 0, parent = 0, dir = 0, inode = 0;
	struct ea_note *note;
	u32 mode = 0;

	READ(dentry, (struct file *)file, f_path.dentry);
	READ(mode, (struct file *)file, f_mode);
	if (mode & FMODE_CREATED) {
		note = note__take(walk);
		READ(parent, (struct dentry *)dentry, d_parent);
		READ(dir, (struct dentry *)parent, d_inode);
		READ(inode, (struct dentry *)dentry, d_inode);
		if (!note || note->told_dir != parent)
			journal__inode(name, parent, EA_LOOKUP_PARENT, EA_SLOT_KEEP);
		/* by the filesystem's open, and for those that watch the directory */
		journal__child(dir, dentry, EA_LOOKUP_CREATE, 0);
		return journal__child(dir, dentry, EA_LOOKUP_CREATE, inode);
	}
	if (walk__last_type(walk) == LAST_NORM)
		open__told(walk, name, dentry);
	return journal__inode(name, dentry, EA_LOOKUP_NORMAL, 0);
}

/* 1: the name is that of the root: slashes, or nothing where a root was given. */
static __always_inline int open__of_root(u64 name)
{
	char text[16];
	u64 from = 0;

	READ(from, (struct filename *)name, name);
	if (bpf_probe_read_kernel_str(text, sizeof(text), (void *)from) < 0)
		return 0;
	for (u32 i = 0; i < sizeof(text) && text[i]; i++)
		if (text[i] != '/')
			return 0;
	return 1;
}

/*
 * A walk that came to no last component, or did not get past it. 1: it was a name of the root, and
 * the inode reached last is what was to be opened; 0: that inode is the directory.
 */
static __always_inline int open__at_root(u64 name, u64 inode, u32 open_flag, s32 error)
{
	u16 mode = 0;

	READ(mode, (struct inode *)inode, i_mode);
	if ((mode & S_IFMT) != S_IFDIR || error == -EEXIST)
		return 1;
	/* what is found is a directory, which is refused otherwise than a name is looked up */
	if (!(open_flag & O_CREAT))
		return error == -EISDIR || (error != -ENOENT && open__of_root(name));
	return error == -EISDIR && open__of_root(name);
}

/* What an open that failed had told audit when it was at its last component; `inode`: its
 * directory. */
static __always_inline int open__refused(u64 walk, u64 name, u64 inode, s32 error)
{
	struct ea_note *note = note__take(walk);
	u64 directory, operations = 0, atomic = 0, child, made = 0;
	u32 flags = 0;

	READ(flags, (struct inode___walk *)inode, i_flags);
	/* `.` and `..` that a scope forbids; and what is refused before it is looked up */
	if (error == -EXDEV || error == -EAGAIN ||
	    (ea_open_prefers_cache && (error == -EISDIR || (flags & S_DEAD))))
		return journal__name(name);
	directory = walk__alias(inode, 0);
	if (!note || note->told_dir != directory)
		journal__inode(name, directory, EA_LOOKUP_PARENT, EA_SLOT_KEEP);
	/* errors of lookups, which come in between */
	if (!note || note->create_dir != inode || error == -ENAMETOOLONG || error == -ENOENT)
		return 0;
	READ(operations, (struct inode___walk *)inode, i_op);
	READ(atomic, (struct inode_operations *)operations, atomic_open);
	if (atomic)
		return 0;
	child = note->create_child;
	READ(made, (struct dentry *)child, d_inode);
	journal__child(inode, child, EA_LOOKUP_CREATE, 0);
	return made ? journal__child(inode, child, EA_LOOKUP_CREATE, made) : 0;
}

/* The walk did not come to its last component again after a link that was its last component. */
__noinline int open__beyond_link(u64 walk, u64 name)
{
	u64 link = 0, parent = 0;
	u32 count = 0;

	READ(count, (struct nameidata *)walk, total_link_count);
	if (!count)
		return 0;
	/* of links that are followed one after the other each takes the first place */
	READ(link, (struct nameidata *)walk, stack);
	READ(link, (struct saved *)link, link.dentry);
	if (!slot__ends_with(name, link))
		return 0;
	READ(parent, (struct dentry *)link, d_parent);
	return journal__inode(name, parent, EA_LOOKUP_PARENT, EA_SLOT_KEEP);
}

/*
 * link_path_walk marks the walk until it is past the directories: with LOOKUP_PARENT and, until
 * there is a component, with LAST_ROOT. Given the error of what came after it (open_last_lookups),
 * it sets both marks once more. 1: the last component may have been a link.
 */
__noinline int open__failed(u64 walk, u64 name, u32 open_flag, u64 result)
{
	u64 inode = 0, hash_len = 0, dentry;
	s32 error = (s32)result;
	u32 flags = 0, type;

	READ(flags, (struct nameidata *)walk, flags);
	type = walk__last_type(walk);
	READ(inode, (struct nameidata *)walk, inode);
	if (open_flag & (O_PATH | __O_TMPFILE))
		return journal__name(name);
	if (flags & LOOKUP_PARENT) {
		if (type != LAST_ROOT) {
			journal__name(name);
			return (open_flag & O_CREAT) && !ea_open_prefers_cache;
		}
		if (!(flags & LOOKUP_OPEN)) {
			/* not begun, or the last component could not be stepped on */
			if (!(open_flag & O_CREAT) || error == -EBADF || error == -ENOTDIR ||
			    ea_open_prefers_cache)
				return journal__name(name);
			return open__refused(walk, name, inode, error);
		}
		if (!open__at_root(name, inode, open_flag, error))
			return open_flag & O_CREAT ? open__refused(walk, name, inode, error)
						   : journal__name(name);
	} else if (error == -EXDEV) {
		return journal__name(name);
	}
	READ(hash_len, (struct nameidata *)walk, last.hash_len);
	dentry = walk__alias(inode, hash_len);
	if ((open_flag & O_CREAT) && type == LAST_NORM) {
		/* made, and refused all the same */
		if (note__has_made(walk, inode))
			return open__refused(walk, name, inode, error);
		open__told(walk, name, dentry);
	}
	return journal__inode(name, dentry, EA_LOOKUP_NORMAL, 0);
}

#ifndef EA_LEGACY
/*
 * 1: an open of a file that was there and that no watch is on, and of the open nothing but hits is
 * asked for: as good as all opens. Or nothing at all is asked for, but of an exec's. The hook's own
 * pointers are followed, which is cheap, and whatever tells most comes first.
 */
static __always_inline int open__is_unwatched(u64 *ctx, u32 generation)
{
	struct open_flags *how = (struct open_flags *)ctx[1];
	struct file *file = (struct file *)ctx[3];
	struct task_struct *task;
	struct ea_entry *entry;
	struct inode *inode;
	struct pt_regs *regs;
	u32 flags, open_flag, needs;

	flags = ea_config.flags[generation & 1];
	open_flag = (u32)GET(how, open_flag);
	if ((flags & (EA_CONFIG_EXEC_FILES | EA_CONFIG_RING)) == EA_CONFIG_EXEC_FILES &&
	    !(open_flag & __FMODE_EXEC))
		return 1;
	if (walk__is_error((u64)file))
		return 0;
	if ((flags & (EA_CONFIG_TREES | EA_CONFIG_RING)) || (open_flag & O_CREAT))
		return 0;
	inode = GET(file, f_inode);
	if (mark__is_set(GET(inode, i_ino), generation))
		return 0;
	if ((flags & EA_CONFIG_WATCHED_FILES) && !(open_flag & __FMODE_EXEC))
		return 1;
	task = task__current();
	regs = task__regs(task);
	entry = maps__entry(generation, task__arch_index(task), GET(regs, orig_ax));
	if (!entry)
		return 1;
	needs = journal__needs_of(entry, task);
	return !needs || (needs & EA_NEED_HIT);
}
#else
static __always_inline int open__is_unwatched(u64 *ctx, u32 generation)
{
	return 0;
}
#endif

/*
 * struct file *path_openat(struct nameidata *, const struct open_flags *, unsigned flags). A walk
 * that is tried anew (first without locks, then with them, then without trust in the cache) tells
 * nothing yet.
 */
PROGRAM("fexit/path_openat", ea_path_openat)
{
	u32 open_flag = 0, generation = ea_config.generation;
	u64 args[4], name = 0, dentry = 0;

	if (ea_walk_numbers && (open__is_unwatched(ctx, generation) || !journal__needs(generation)))
		return 0;
	walk__arguments(args, 4, ctx);
	if (!ea_walk_numbers)
		walk__learn(args[1]);
	READ(open_flag, (struct open_flags *)args[1], open_flag);
	READ(name, (struct nameidata *)args[0], name);
	if (walk__is_error(args[3])) {
		if ((s32)args[3] == -ECHILD ||
		    ((s32)args[3] == -ESTALE && !(args[2] & LOOKUP_REVAL)))
			return 0;
		if (open__failed(args[0], name, open_flag, args[3]))
			open__beyond_link(args[0], name);
		return 0;
	}
	if (open_flag & O_CREAT)
		return open__created(args[0], name, args[3]);
	READ(dentry, (struct file *)args[3], f_path.dentry);
	return journal__inode(name, dentry, EA_LOOKUP_NORMAL, 0);
}

#endif
