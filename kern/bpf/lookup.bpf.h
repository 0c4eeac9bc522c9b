/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names that are looked up: audit_getname and audit_inode of fs/namei.c, but for opens. */
#ifndef EA_LOOKUP_BPF_H
#define EA_LOOKUP_BPF_H

/* int filename_lookup(int dfd, struct filename *name, unsigned flags, struct path *, ...) */
PROGRAM("fexit/filename_lookup", ea_filename_lookup)
{
	u64 args[6], dentry = 0;

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 6, ctx);
	if (walk__is_error(args[1]))
		return 0;
	if ((s32)args[5])
		return journal__name(args[1]);
	READ(dentry, (struct path *)args[3], dentry);
	return journal__inode(args[1], dentry, EA_LOOKUP_NORMAL,
			      args[2] & LOOKUP_MOUNTPOINT ? EA_LOOKUP_NOEVAL : 0);
}

/*
 * The directory of a name. What is done in it comes later, and its record needs the directory's
 * entry even where only the child is watched.
 */
static __always_inline int lookup__parent(u64 name, u64 path, s32 result)
{
	u64 dentry = 0;

#ifdef EA_LEGACY
	caller__name_taken();
#endif
	if (result)
		return journal__name(name);
	READ(dentry, (struct path *)path, dentry);
	return journal__inode(name, dentry, EA_LOOKUP_PARENT, EA_SLOT_KEEP);
}

/* int __filename_parentat(int dfd, struct filename *, flags, struct path *parent, last, type, root)
 */
PROGRAM("fexit/__filename_parentat", ea_filename_parentat)
{
	u64 args[8];

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 8, ctx);
	if (walk__is_error(args[1]))
		return 0;
	return lookup__parent(args[1], args[3], (s32)args[7]);
}

/*
 * int path_parentat(struct nameidata *, unsigned flags, struct path *parent), for kernels whose
 * trampolines do not reach __filename_parentat's seven arguments. A walk that is tried anew (first
 * without locks, then with them, then without trust in the cache) tells nothing yet.
 */
PROGRAM("fexit/path_parentat", ea_path_parentat)
{
	u64 args[4], name = 0;
	s32 result;

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 4, ctx);
	result = (s32)args[3];
	if (result == -ECHILD || (result == -ESTALE && !(args[1] & LOOKUP_REVAL)))
		return 0;
	READ(name, (struct nameidata *)args[0], name);
	return lookup__parent(name, args[2], result);
}

/*
 * struct filename *getname_kernel(const char *): names that the kernel itself gives, of a program's
 * interpreter, a socket's address, a mount's source. Such a struct may lie where one lay before.
 */
PROGRAM("fexit/getname_kernel", ea_getname_kernel)
{
	u64 args[2];

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 2, ctx);
	return walk__is_error(args[1]) ? 0 : journal__new_name(args[1]);
}

/*
 * struct filename *getname_flags(const char *, int flags), and getname(const char *), which does
 * not come through it in older kernels: for syscalls that look at their other arguments after it.
 */
PROGRAM("fexit/getname_flags", ea_getname_flags)
{
	u64 name = 0;

	if (!walk__wanted())
		return 0;
#ifdef EA_LEGACY
	/* int *empty comes after the flags there */
	bpf_probe_read_kernel(&name, sizeof(name), ctx + 3);
#else
	bpf_get_func_ret(ctx, &name);
#endif
	return !name || walk__is_error(name) ? 0 : journal__name(name);
}

PROGRAM("fexit/getname_uflags", ea_getname_uflags)
{
	u64 args[3];

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 3, ctx);
	return walk__is_error(args[2]) ? 0 : journal__name(args[2]);
}

PROGRAM("fexit/getname", ea_getname)
{
	u64 args[2];

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 2, ctx);
	return walk__is_error(args[1]) ? 0 : journal__name(args[1]);
}

/*
 * struct filename *do_getname(const char *, int flags, bool incomplete), since 7.0: every name that
 * user space gives. There a struct filename has nothing that tells it from one that lay at its
 * address before. One that is incomplete is taken over later, by somebody else.
 */
static __always_inline int lookup__given(u64 *ctx)
{
	u64 args[4];

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 4, ctx);
	return walk__is_error(args[3]) || (u8)args[2] ? 0 : journal__new_name(args[3]);
}

PROGRAM("fexit/do_getname", ea_do_getname)
{
	return lookup__given(ctx);
}

/* The same, for calls that take one name after the other over. */
PROGRAM("fexit/do_getname", ea_next_name)
{
	return lookup__given(ctx);
}

/* struct filename *do_getname_kernel(const char *, bool incomplete), since 7.0 */
PROGRAM("fexit/do_getname_kernel", ea_do_getname_kernel)
{
	u64 args[3];

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 3, ctx);
	return walk__is_error(args[2]) || (u8)args[1] ? 0 : journal__new_name(args[2]);
}

/* Whether the running syscall is quotactl. */
static __always_inline int lookup__is_quotactl(struct task_struct *task)
{
	u64 nr = GET(task__regs(task), orig_ax);

	return nr == (task__arch_index(task) ? I386_NR_QUOTACTL : X86_64_NR_QUOTACTL);
}

/*
 * lookup_bdev(const char *, ...): what quotactl does next with the name that it has taken over.
 * Every open comes through getname, and should not pay for that.
 */
PROGRAM("fentry/lookup_bdev", ea_quota_name)
{
	struct task_struct *task = task__current();
	u64 text = 0, args[4];

	if (!lookup__is_quotactl(task) || !walk__wanted())
		return 0;
	walk__arguments(&text, 1, ctx);
	task__args(task__regs(task), task__arch_index(task), args);
	/* since 7.0 nothing tells a name from one that lay at its address before */
	if (field_exists(struct filename, uptr))
		return journal__quota_name(args[1], text, 0);
	return journal__quota_name(text, text, EA_LOOKUP_NEW);
}

/* void set_fs_pwd(struct fs_struct *, const struct path *) */
PROGRAM("fentry/set_fs_pwd", ea_set_fs_pwd)
{
	if (walk__wanted())
		journal__leave();
	return 0;
}

/* void chroot_fs_refs(const struct path *, const struct path *): what pivot_root does to tasks */
PROGRAM("fentry/chroot_fs_refs", ea_chroot_fs_refs)
{
	if (walk__wanted())
		journal__leave();
	return 0;
}

#endif
