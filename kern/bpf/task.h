/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Facts of a task, and the way from a number to a task. */
#ifndef EA_TASK_H
#define EA_TASK_H

/* The running task. */
static __always_inline struct task_struct *task__current(void)
{
#ifdef EA_LEGACY
	return bpf_get_current_task();
#else
	return bpf_get_current_task_btf();
#endif
}

/* The registers with which the task came into the kernel (task_pt_regs). */
static __always_inline struct pt_regs *task__regs(struct task_struct *task)
{
#ifdef EA_LEGACY
	/* at the top of the stack; kernels that leave room above them (FRED) take the modern object
	 */
	return (struct pt_regs *)((u64)GET(task, stack) + THREAD_SIZE -
				  __builtin_preserve_type_info(*(struct pt_regs *)0, EA_TYPE_SIZE));
#else
	return bpf_task_pt_regs(task);
#endif
}

static __always_inline u32 task__arch_index(struct task_struct *task)
{
	return GET(task, thread_info.status) & TS_COMPAT ? 1 : 0;
}

static __always_inline u32 task__arch(u32 index)
{
	return index ? AUDIT_ARCH_I386 : AUDIT_ARCH_X86_64;
}

/* Argument registers 0..5 as the entry code of each ABI takes them. */
static __always_inline void task__args(struct pt_regs *regs, u32 arch_index, u64 *args)
{
	if (arch_index) {
		args[0] = (u32)GET(regs, bx);
		args[1] = (u32)GET(regs, cx);
		args[2] = (u32)GET(regs, dx);
		args[3] = (u32)GET(regs, si);
	} else {
		args[0] = GET(regs, di);
		args[1] = GET(regs, si);
		args[2] = GET(regs, dx);
		args[3] = GET(regs, r10);
	}
}

static __always_inline u64 task__arg4(struct pt_regs *regs, u32 arch_index)
{
	return arch_index ? (u32)GET(regs, di) : GET(regs, r8);
}

static __always_inline u64 task__arg5(struct pt_regs *regs, u32 arch_index)
{
	return arch_index ? (u32)GET(regs, bp) : GET(regs, r9);
}

static __always_inline void task__credentials(struct task_struct *task, struct ea_event *head)
{
	const struct cred *cred = GET(task, cred);

	head->uid = GET(cred, uid.val);
	head->gid = GET(cred, gid.val);
	head->euid = GET(cred, euid.val);
	head->suid = GET(cred, suid.val);
	head->fsuid = GET(cred, fsuid.val);
	head->egid = GET(cred, egid.val);
	head->sgid = GET(cred, sgid.val);
	head->fsgid = GET(cred, fsgid.val);
}

static __always_inline void task__login(struct task_struct *task, struct ea_event *head)
{
	/* Without CONFIG_AUDIT there is neither: unset, as audit prints it. */
	head->auid = ~0u;
	head->ses = ~0u;
	if (field_exists(struct task_struct, loginuid))
		head->auid = GET(task, loginuid.val);
	if (field_exists(struct task_struct, sessionid))
		head->ses = GET(task, sessionid);
}

static __always_inline void task__exe(struct task_struct *task, struct ea_event *head)
{
	struct super_block *sb = NULL;
	struct mm_struct *mm = NULL;
	struct inode *inode = NULL;
	struct file *exe = NULL;

	head->exe_ino = 0;
	head->exe_dev = 0;
	READ(mm, task, mm);
	if (!mm)
		return;
	READ(exe, mm, exe_file);
	if (!exe)
		return;
	READ(inode, exe, f_inode);
	READ(head->exe_ino, inode, i_ino);
	READ(sb, inode, i_sb);
	READ(head->exe_dev, sb, s_dev);
}

/* kernel_cap_t is 64 bits in all its versions. */
static __always_inline void task__capabilities(const struct cred *cred, struct ea_capset *set)
{
	bpf_probe_read_kernel(&set->inheritable, 8, &cred->cap_inheritable);
	bpf_probe_read_kernel(&set->permitted, 8, &cred->cap_permitted);
	bpf_probe_read_kernel(&set->effective, 8, &cred->cap_effective);
	bpf_probe_read_kernel(&set->ambient, 8, &cred->cap_ambient);
}

static __always_inline void task__target(struct task_struct *task, struct ea_target *target)
{
	const struct cred *cred = NULL;
	u32 value;

	READ(value, task, tgid);
	target->pid = value;
	target->auid = ~0u;
	target->ses = ~0u;
	if (field_exists(struct task_struct, loginuid)) {
		READ(value, task, loginuid);
		target->auid = value;
	}
	if (field_exists(struct task_struct, sessionid)) {
		READ(value, task, sessionid);
		target->ses = value;
	}
	READ(cred, task, real_cred);
	value = 0;
	READ(value, cred, uid);
	target->uid = value;
	READ(target->comm, task, comm);
}

/* pid_task(pid, PIDTYPE_PID) */
static __always_inline struct task_struct *task__of_pid(u64 pid)
{
	u64 first = 0;

	READ(first, (struct pid *)pid, tasks[0].first);
	if (!first)
		return NULL;
	return (struct task_struct *)(first - field_offset(struct task_struct, pid_links));
}

/*
 * idr_find: an idr is an xarray. An entry whose low bits are 10 is a node (include/linux/xarray.h
 * xa_to_node). `entry` is the xarray's head.
 */
static __always_inline u64 task__idr_find(u64 entry, u32 id)
{
	for (int i = 0; i < EA_XARRAY_DEPTH + 1; i++) {
		struct xa_node *node;
		u8 shift = 0;
		u64 slot;

		if ((entry & 3) != 2 || entry <= 4096)
			break;
		node = (struct xa_node *)(entry - 2);
		READ(shift, node, shift);
		if (shift > 32)
			return 0;
		/* more than the tree holds at its top */
		if (i == 0 && shift < 26 && (id >> shift) >= 64)
			return 0;
		slot = (id >> shift) & 63;
		bpf_probe_read_kernel(&entry, sizeof(entry),
				      (void *)node + field_offset(struct xa_node, slots) +
					  slot * 8);
	}
	return entry & 3 ? 0 : entry;
}

/* find_task_by_vpid */
static __always_inline struct task_struct *task__by_vpid(struct task_struct *current, u32 id)
{
	struct pid_namespace *ns = NULL;
	struct pid *self = NULL;
	u64 entry = 0;
	u32 level = 0;

	READ(self, current, thread_pid);
	if (!self)
		return NULL;
	READ(level, self, level);
	if (level > 32) /* MAX_PID_NS_LEVEL */
		return NULL;
	bpf_probe_read_kernel(&ns, sizeof(ns),
			      (void *)self + field_offset(struct pid, numbers) +
				  level * sizeof(struct upid) + 8);
	if (!ns)
		return NULL;
	READ(entry, ns, idr.idr_rt.xa_head);
	entry = task__idr_find(entry, id);
	return entry ? task__of_pid(entry) : NULL;
}

/* The open file behind a descriptor; 0: none. */
static __always_inline u64 task__file(struct task_struct *task, u32 fd)
{
	struct files_struct *files = NULL;
	struct fdtable *fdt = NULL;
	struct file **table = NULL;
	u64 file = 0;
	u32 max = 0;

	READ(files, task, files);
	if (!files)
		return 0;
	READ(fdt, files, fdt);
	READ(max, fdt, max_fds);
	if (fd >= max)
		return 0;
	READ(table, fdt, fd);
	bpf_probe_read_kernel(&file, sizeof(file), (void *)table + (u64)fd * 8);
	return file;
}

/*
 * Whom a pidfd stands for. pidfs (6.9 and later) keeps the pid in the inode; before, a pidfd is an
 * anonymous inode's file, told from others by its name.
 */
static __always_inline struct task_struct *task__by_pidfd(struct task_struct *current, u32 fd)
{
	u64 file = task__file(current, fd);
	const unsigned char *name = NULL;
	struct super_block *sb = NULL;
	struct dentry *dentry = NULL;
	struct inode *inode = NULL;
	unsigned long magic = 0;
	u64 pid = 0, text = 0;

	if (!file)
		return NULL;
	READ(inode, (struct file *)file, f_inode);
	READ(sb, inode, i_sb);
	READ(magic, sb, s_magic);
	if (magic == PID_FS_MAGIC) {
		READ(pid, inode, i_private);
	} else if (magic == ANON_INODE_FS_MAGIC) {
		READ(dentry, (struct file *)file, f_path.dentry);
		READ(name, dentry, d_name.name);
		bpf_probe_read_kernel(&text, sizeof(text), name);
		if (text == ANON_PIDFD_NAME)
			READ(pid, (struct file *)file, private_data);
	}
	return pid ? task__of_pid(pid) : NULL;
}

#endif
