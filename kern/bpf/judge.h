/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The judgement of an event: the facts that the filter asks for, and the beginning of what is to be
 * recorded.
 */
#ifndef EA_JUDGE_H
#define EA_JUDGE_H

/* Late lookups must begin where the task's own would. */
static __always_inline void judge__root(struct task_struct *task, struct ea_event *head)
{
	struct super_block *sb = NULL;
	struct dentry *dentry = NULL;
	struct inode *inode = NULL;
	struct fs_struct *fs = NULL;

	head->root_ino = 0;
	head->root_dev = 0;
	READ(fs, task, fs);
	if (!fs)
		return;
	READ(dentry, fs, root.dentry);
	READ(inode, dentry, d_inode);
	READ(head->root_ino, inode, i_ino);
	READ(sb, inode, i_sb);
	READ(head->root_dev, sb, s_dev);
}

static __always_inline u32 judge__mount_namespace(struct task_struct *task)
{
	struct nsproxy *nsproxy = NULL;
	struct mnt_namespace *ns = NULL;
	u32 number = 0;

	READ(nsproxy, task, nsproxy);
	if (!nsproxy)
		return 0;
	READ(ns, nsproxy, mnt_ns);
	READ(number, ns, ns.inum);
	return number;
}

/* Facts of the head beyond the syscall's own, as far as `needs` asks. */
static __always_inline void judge__gather(struct ea_event *head, struct task_struct *task,
					  u32 needs)
{
	struct task_struct *parent = NULL;

	if (needs & EA_NEED_CREDENTIALS)
		task__credentials(task, head);
	if (needs & EA_NEED_LOGIN)
		task__login(task, head);
	if (needs & EA_NEED_PARENT) {
		READ(parent, task, real_parent);
		READ(head->ppid, parent, tgid);
	}
	if (needs & EA_NEED_EXE)
		task__exe(task, head);
}

/* Counts that a syscall is judged. */
__noinline int judge__count(u32 arch_index, u32 nr)
{
	u32 key = arch_index * EA_SYSCALLS + nr;
	u64 *evaluations = bpf_map_lookup_elem(&ea_evaluations, &key);

	if (evaluations)
		(*evaluations)++;
	return 0;
}

/* Begins an event that a rule wants, whose number and action are in the frame. 1: it has its
 * number. */
static __always_inline int judge__begin(u32 which, u32 generation)
{
	struct task_struct *task = task__current();
	struct ea_frame *frame = frame__of(which);
	struct ea_counters *counters;
	struct ea_event *head;

	if (!frame)
		return 0;
	head = &frame->head;
	head->rule = frame->rule;
	head->excluded = 0;
	if (ea_config.flags[generation & 1] & EA_CONFIG_EXCLUDES) {
		/* that of a worker's operation is there already, and not its own */
		if ((ea_config.flags[generation & 1] & EA_CONFIG_ROLES) &&
		    head->family != EA_FAMILY_URING)
			label__roles(which, generation, 0);
		filter__exclude(which, generation);
		if (head->excluded & (1u << EA_RECORD_SYSCALL))
			return 0;
	}
	counters = maps__counters();
	if (!counters)
		return 0;
	head->kind = EA_KIND_SYSCALL;
	/* an exec has brought the time of its beginning */
	if (!head->time)
		head->time = bpf_ktime_get_ns();
	head->cpu = bpf_get_smp_processor_id();
	head->seq = maps__next(&counters->produced);
	head->generation = generation;
	head->args_len = 0;
	head->msgtype = 0;
	head->mnt_ns = judge__mount_namespace(task);
	judge__root(task, head);
	frame->used = 0;
	frame->overflow = 0;
	return 1;
}

/*
 * Judges an event whose syscall facts are in the frame's head, and begins it when a rule wants it.
 * 1: it is to be emitted; it has its number.
 */
__noinline int judge__event(u32 which, u32 generation, u32 first, u32 needs)
{
	struct task_struct *task = task__current();
	struct ea_frame *frame = frame__of(which);
	struct ea_event *head;
	int matched;

	if (!frame)
		return 0;
	head = &frame->head;
	head->pid = GET(task, tgid);
	head->tid = GET(task, pid);
	head->personality = GET(task, personality);
	judge__gather(head, task, needs);
	if (needs & EA_NEED_ROLES)
		label__roles(which, generation, 0);
	matched = first && filter__search(which, generation, first);
	if (needs & EA_NEED_WATCH)
		matched = filter__watches(which, generation, matched);
	if (head->family == EA_FAMILY_RING)
		matched = ring__decided(which, matched);
	judge__count(head->arch == AUDIT_ARCH_I386, head->nr);
	if (!matched)
		return 0;
	filter__tally(generation, frame->rule);
	if (frame->never)
		return 0;
	judge__gather(head, task, ~needs);
	return judge__begin(which, generation);
}

/* What perm= asks of an open, from its flags; what others do is decided by their number alone. */
__noinline int judge__access(u32 which, u32 arch_index)
{
	struct ea_frame *frame = frame__of(which);
	struct ea_event *head;
	u64 flags = 0;

	if (!frame)
		return 0;
	head = &frame->head;
	switch (head->family) {
	case EA_FAMILY_OPEN:
		if (head->nr == (arch_index ? I386_NR_CREAT : X86_64_NR_CREAT))
			return EA_ACCESS_ANY;
		flags = head->args[1];
		break;
	case EA_FAMILY_OPENAT:
		flags = head->args[2];
		break;
	case EA_FAMILY_OPENAT2:
		bpf_probe_read_user(&flags, sizeof(flags), (void *)head->args[2]);
		break;
	default:
		return EA_ACCESS_ANY;
	}
	switch (flags & O_ACCMODE) {
	case 0:
		return EA_ACCESS_READ;
	case 1:
		return EA_ACCESS_WRITE;
	default:
		return EA_ACCESS_READ | EA_ACCESS_WRITE;
	}
}

#endif
