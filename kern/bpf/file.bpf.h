/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files that a descriptor stands for: audit_file. */
#ifndef EA_FILE_H
#define EA_FILE_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct vfsmount___flags {
	int mnt_flags;
	struct super_block *mnt_sb;
};

struct super_block___flags {
	unsigned long s_flags;
};

/* 6.13: a file that may not be changed is refused before audit is told of it */
struct kernel_xattr_ctx {
	u32 flags;
};

#pragma clang attribute pop

#define MNT_READONLY 0x40
#define SB_RDONLY    1
#define FMODE_PATH   0x4000

/* 1: the file may not be changed. */
static __always_inline int file__is_read_only(u64 file)
{
	unsigned long sb_flags = 0;
	u64 mnt = 0, sb = 0;
	u32 flags = 0;

	READ(mnt, (struct file *)file, f_path.mnt);
	READ(flags, (struct vfsmount___flags *)mnt, mnt_flags);
	READ(sb, (struct vfsmount___flags *)mnt, mnt_sb);
	READ(sb_flags, (struct super_block___flags *)sb, s_flags);
	return (flags & MNT_READONLY) || (sb_flags & SB_RDONLY);
}

/* The file of a call's first argument; 0: none that the call takes. */
static __always_inline u64 file__of_call(void)
{
	struct task_struct *task = task__current();
	u64 args[4], file;
	u32 mode = 0;

	task__args(task__regs(task), task__arch_index(task), args);
	file = task__file(task, (u32)args[0]);
	if (file)
		READ(mode, (struct file *)file, f_mode);
	return mode & FMODE_PATH ? 0 : file;
}

/* asm/unistd_64.h, asm/unistd_32.h */
#define NR_FCHOWN            93
#define NR_FREMOVEXATTR      199
#define NR_I386_FCHOWN       95
#define NR_I386_FCHOWN32     207
#define NR_I386_FREMOVEXATTR 237

/* Whether the running call is refused before audit is told where the file may not be changed. */
static __always_inline int file__must_be_changed(void)
{
	struct task_struct *task = task__current();
	u32 nr = (u32)GET(task__regs(task), orig_ax), arch_index = task__arch_index(task);

	if (nr == (arch_index ? NR_I386_FREMOVEXATTR : NR_FREMOVEXATTR))
		return field_exists(struct kernel_xattr_ctx, flags);
	return arch_index ? nr == NR_I386_FCHOWN || nr == NR_I386_FCHOWN32 : nr == NR_FCHOWN;
}

static __always_inline int file__call(void)
{
	u64 file;

	if (!walk__wanted())
		return 0;
	file = file__of_call();
	if (!file || (file__must_be_changed() && file__is_read_only(file)))
		return 0;
	return journal__file(file);
}

/*
 * Where stubs at the entry of calls go on that are about the file of their first argument: fchmod,
 * fchown and those of extended attributes. No function between the call and the file's attributes
 * has the file in all kernels: the compiler merges vfs_fchmod and vfs_fchown into their callers,
 * and before 6.13 there is none for extended attributes.
 */
PROGRAM("fentry/__x64_sys_fchmod", ea_file_call)
{
	return file__call();
}

/* Some kernels declare this one with another prototype: a stub cannot go on into the other. */
PROGRAM("fentry/__ia32_sys_fchown16", ea_fchown16)
{
	return file__call();
}

/* file_setxattr(struct file *, ...): 6.13 and later */
PROGRAM("fentry/file_setxattr", ea_file_setxattr)
{
	u64 file;

	if (!walk__wanted())
		return 0;
	walk__arguments(&file, 1, ctx);
	return file__is_read_only(file) ? 0 : journal__file(file);
}

#endif
