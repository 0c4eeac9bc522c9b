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

/* 6.13 */
struct kernel_xattr_ctx {
	u32 flags;
};

#pragma clang attribute pop

#define MNT_READONLY 0x40
#define SB_RDONLY    1
#define FMODE_PATH   0x4000

/* A file that may be changed: others are refused before audit is told. */
static __always_inline int file__changed(u64 file)
{
	unsigned long sb_flags = 0;
	u64 mnt = 0, sb = 0;
	u32 flags = 0;

	READ(mnt, (struct file *)file, f_path.mnt);
	READ(flags, (struct vfsmount___flags *)mnt, mnt_flags);
	READ(sb, (struct vfsmount___flags *)mnt, mnt_sb);
	READ(sb_flags, (struct super_block___flags *)sb, s_flags);
	return (flags & MNT_READONLY) || (sb_flags & SB_RDONLY) ? 0 : journal__file(file);
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

/*
 * No function between the call and the file's attributes has the file in all kernels: the compiler
 * merges vfs_fchmod and vfs_fchown into their callers, and before 6.13 there is none for extended
 * attributes.
 */
#define FILE_CALL(function, act)                                                                   \
	SEC("fentry/" #function)                                                                   \
	int ea_##function(u64 *ctx)                                                                \
	{                                                                                          \
		u64 file;                                                                          \
                                                                                                   \
		if (!walk__wanted())                                                               \
			return 0;                                                                  \
		file = file__of_call();                                                            \
		return file ? act(file) : 0;                                                       \
	}

/* Since 6.13 a file that may not be changed is refused before audit is told. */
static __always_inline int file__attribute_removed(u64 file)
{
	return field_exists(struct kernel_xattr_ctx, flags) ? file__changed(file)
							    : journal__file(file);
}

FILE_CALL(__x64_sys_fchmod, journal__file)
FILE_CALL(__ia32_sys_fchmod, journal__file)
FILE_CALL(__x64_sys_fchown, file__changed)
FILE_CALL(__ia32_sys_fchown, file__changed)
FILE_CALL(__ia32_sys_fchown16, file__changed)
FILE_CALL(__x64_sys_fsetxattr, journal__file)
FILE_CALL(__ia32_sys_fsetxattr, journal__file)
FILE_CALL(__x64_sys_fgetxattr, journal__file)
FILE_CALL(__ia32_sys_fgetxattr, journal__file)
FILE_CALL(__x64_sys_flistxattr, journal__file)
FILE_CALL(__ia32_sys_flistxattr, journal__file)
FILE_CALL(__x64_sys_fremovexattr, file__attribute_removed)
FILE_CALL(__ia32_sys_fremovexattr, file__attribute_removed)

/* file_setxattr(struct file *, ...): 6.13 and later */
SEC("fentry/file_setxattr")
int ea_file_setxattr(u64 *ctx)
{
	u64 file;

	if (!walk__wanted())
		return 0;
	walk__arguments(&file, 1, ctx);
	return file__changed(file);
}

#endif
