/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names that no path walk looks up: ipc/mqueue.c does so by itself, sysfs(2) compares its own.
 */
#ifndef EA_QUEUE_H
#define EA_QUEUE_H

#define MQUEUE_MAGIC 0x19800202
#define MQ_PRIO_MAX  32768

enum queue_call {
	QUEUE_NONE,
	QUEUE_OPEN,
	QUEUE_UNLINK,
	QUEUE_SYSFS,
};

static __always_inline u32 queue__call(void)
{
	struct task_struct *task = task__current();
	struct pt_regs *regs = task__regs(task);

	if (task__arch_index(task)) {
		switch (GET(regs, orig_ax)) {
		case 277:
			return QUEUE_OPEN;
		case 278:
			return QUEUE_UNLINK;
		case 135:
			return QUEUE_SYSFS;
		default:
			return QUEUE_NONE;
		}
	}
	switch (GET(regs, orig_ax)) {
	case 240:
		return QUEUE_OPEN;
	case 241:
		return QUEUE_UNLINK;
	case 139:
		return QUEUE_SYSFS;
	default:
		return QUEUE_NONE;
	}
}

/* struct filename *getname(const char *), since 7.0 getname_flags(const char *, int) */
static __always_inline int queue__name(u64 name)
{
	struct ea_note *note;

	if (walk__is_error(name) || !queue__call())
		return 0;
	note = state__of_or_new(&ea_notes, task__current());
	if (note)
		note->name = name;
	return journal__name(name);
}

PROGRAM("fexit/getname", ea_queue_getname)
{
	u64 args[2];

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 2, ctx);
	return queue__name(args[1]);
}

PROGRAM("fexit/getname_flags", ea_queue_getname_flags)
{
	u64 args[3];

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 3, ctx);
	return queue__name(args[2]);
}

/* The queue's dentry has been looked up in its directory. */
static __always_inline int queue__found(u64 directory, u64 dentry)
{
	u32 call = queue__call();
	struct task_struct *task = task__current();
	struct ea_note *note;
	u64 args[4], inode = 0;

	if (call != QUEUE_OPEN && call != QUEUE_UNLINK)
		return 0;
	note = state__of(&ea_notes, task);
	if (!note || !note->name)
		return 0;
	if (call == QUEUE_UNLINK)
		return journal__inode(note->name, directory, EA_LOOKUP_PARENT,
				      EA_LOOKUP_HIDDEN | EA_SLOT_KEEP);
	if (walk__is_error(dentry))
		return 0;
	READ(inode, (struct dentry *)dentry, d_inode);
	if (inode)
		return journal__inode(note->name, dentry, EA_LOOKUP_NORMAL, 0);
	task__args(task__regs(task), task__arch_index(task), args);
	if (!(args[1] & O_CREAT))
		return 0;
	return journal__inode(note->name, directory, EA_LOOKUP_PARENT,
			      EA_LOOKUP_HIDDEN | EA_SLOT_KEEP);
}

/* struct dentry *lookup_one_len(const char *, struct dentry *base, int), up to 6.16 */
PROGRAM("fexit/lookup_one_len", ea_queue_lookup)
{
	u64 args[4];

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 4, ctx);
	return queue__found(args[1], args[3]);
}

/* struct dentry *start_creating_noperm(struct dentry *parent, struct qstr *), start_removing_noperm
 */
static __always_inline int queue__start(u64 *ctx)
{
	u64 args[3];

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 3, ctx);
	return queue__found(args[0], args[2]);
}

PROGRAM("fexit/start_creating_noperm", ea_queue_creating)
{
	return queue__start(ctx);
}

PROGRAM("fexit/start_removing_noperm", ea_queue_removing)
{
	return queue__start(ctx);
}

/* audit_file of mq_timedsend and mq_timedreceive, for a descriptor of a queue. */
static __always_inline int queue__file(u32 descriptor)
{
	u64 file = task__file(task__current(), descriptor), inode = 0, sb = 0;
	unsigned long magic = 0;
	u16 mode = 0;

	if (!file)
		return 0;
	READ(inode, (struct file *)file, f_inode);
	READ(mode, (struct inode *)inode, i_mode);
	READ(sb, (struct inode *)inode, i_sb);
	READ(magic, (struct super_block *)sb, s_magic);
	return magic == MQUEUE_MAGIC && (mode & S_IFMT) == S_IFREG ? journal__file(file) : 0;
}

/* do_mq_timedsend(mqd_t, const char *, size_t, unsigned int priority, ...) */
PROGRAM("fentry/do_mq_timedsend", ea_queue_send)
{
	u64 args[4];

	if (!walk__wanted())
		return 0;
	walk__arguments(args, 4, ctx);
	return (u32)args[3] < MQ_PRIO_MAX ? queue__file((u32)args[0]) : 0;
}

/* do_mq_timedreceive(mqd_t, ...) */
PROGRAM("fentry/do_mq_timedreceive", ea_queue_receive)
{
	u64 descriptor;

	if (!walk__wanted())
		return 0;
	walk__arguments(&descriptor, 1, ctx);
	return queue__file((u32)descriptor);
}

#endif
