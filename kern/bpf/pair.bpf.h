/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls with two names: both are taken over before either is looked up, and in which order is up to
 * the compiler where the two getname calls are arguments of one call.
 */
#ifndef EA_PAIR_H
#define EA_PAIR_H

/* Set before load: the new name is taken over first (up to 6.18, built by gcc). */
const volatile u32 ea_new_name_first SEC(".rodata.pair") = 1;

#define NR_IO_URING_ENTER 426

/*
 * Before 5.15 some of these functions take the user's pointer and one name after the other, which
 * their lookups tell by themselves.
 */
static __always_inline int pair__name(u64 name)
{
	return (s64)name > 0 || walk__is_error(name) ? 0 : journal__name(name);
}

static __always_inline int pair__names(u64 old, u64 new)
{
	struct task_struct *task = task__current();
	struct pt_regs *regs = task__regs(task);

	/* io_uring takes one after the other over */
	if (ea_new_name_first && GET(regs, orig_ax) != NR_IO_URING_ENTER) {
		pair__name(new);
		return pair__name(old);
	}
	pair__name(old);
	return pair__name(new);
}

/* do_renameat2(int, struct filename *from, int, struct filename *to, unsigned flags); 7.x
 * filename_renameat2 */
PROGRAM("fentry/do_renameat2", ea_rename_names)
{
	u64 args[4];

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 4, ctx);
	return pair__names(args[1], args[3]);
}

/* do_linkat(int, struct filename *old, int, struct filename *new, int flags); 7.x filename_linkat
 */
PROGRAM("fentry/do_linkat", ea_link_names)
{
	u64 args[4];

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 4, ctx);
	return pair__names(args[1], args[3]);
}

/* do_symlinkat(struct filename *from, int, struct filename *to); 7.x filename_symlinkat */
PROGRAM("fentry/do_symlinkat", ea_symlink_names)
{
	u64 args[3];

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 3, ctx);
#ifdef EA_LEGACY
	/* the target, which nothing looks up */
	if ((s64)args[0] > 0)
		return caller__name(args[0]);
#endif
	return pair__names(args[0], args[2]);
}

/* do_mknodat(int, struct filename *, ...): refuses kinds of files before it looks the name up; 7.x
 * filename_mknodat */
PROGRAM("fentry/do_mknodat", ea_mknod_name)
{
	u64 args[2];

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 2, ctx);
	return pair__name(args[1]);
}

#endif
