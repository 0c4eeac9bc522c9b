/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the record of a syscall needs beyond its registers, by the family of the syscall. */
#ifndef EA_FAMILY_H
#define EA_FAMILY_H

/* A file that open has just made or found. */
__noinline int family__emit_open(u32 which)
{
	struct task_struct *task = task__current();
	struct ea_frame *frame = frame__of(which);
	u64 file = 0, inode = 0, dentry = 0, parent = 0;
	struct ea_event *head;
	u32 mode = 0;
	u64 text;

	if (!frame)
		return 0;
	head = &frame->head;
	text = head->family == EA_FAMILY_OPEN ? head->args[0] : head->args[1];

	/* told of once the structure has been copied: not of one that is too short or too new */
	if (head->family == EA_FAMILY_OPENAT2 && head->args[3] >= 24 && head->exit != -E2BIG) {
		u8 *to = emit__begin(frame, EA_ITEM_OPENAT2, 0, 24);

		if (to && !bpf_probe_read_user(to, 24, (void *)head->args[2]))
			emit__end(frame, 24);
	}
	if (!head->success) {
		emit__name(which, 0, text, EA_NAME_NO_INODE);
		return 0;
	}
	file = task__file(task, (u32)head->exit);
	if (!file) {
		emit__name(which, 0, text, EA_NAME_NO_INODE);
		return 0;
	}
	READ(inode, (struct file *)file, f_inode);
	READ(mode, (struct file *)file, f_mode);
	if (mode & FMODE_CREATED) {
		READ(dentry, (struct file *)file, f_path.dentry);
		READ(parent, (struct dentry *)dentry, d_parent);
		READ(parent, (struct dentry *)parent, d_inode);
		emit__name(which, parent, text, EA_NAME_PARENT);
		emit__name(which, inode, text, EA_NAME_CREATE);
	} else {
		emit__name(which, inode, text, 0);
	}
	return 0;
}

static __always_inline void family__emit_words(struct ea_frame *frame, u32 type, u64 from)
{
	emit__user_bytes(frame, type, 0, (void *)from, 8, 8);
}

/* What the family of the syscall calls for. 1: names were emitted, so CWD belongs to the event. */
__noinline int family__emit(u32 which)
{
	struct task_struct *task = task__current();
	struct ea_frame *frame = frame__of(which);
	const struct cred *cred = NULL;
	struct ea_event *head;
	u32 words[3];
	u8 *to;

	if (!frame)
		return 0;
	head = &frame->head;
	switch (head->family) {
	case EA_FAMILY_OPEN:
	case EA_FAMILY_OPENAT:
	case EA_FAMILY_OPENAT2:
		family__emit_open(which);
		return 1;
	case EA_FAMILY_PIPE:
		if (head->success)
			family__emit_words(frame, EA_ITEM_FD_PAIR, head->args[0]);
		return 0;
	case EA_FAMILY_SOCKETPAIR:
		if (head->success)
			family__emit_words(frame, EA_ITEM_FD_PAIR, head->args[3]);
		return 0;
	case EA_FAMILY_KILL:
	case EA_FAMILY_TGKILL:
	case EA_FAMILY_PIDFD_SIGNAL:
		signal__emit(which);
		return 0;
	case EA_FAMILY_PTRACE:
		signal__ptrace(frame, which);
		return 0;
	case EA_FAMILY_CAPSET:
		if (!head->success)
			return 0;
		to = emit__begin(frame, EA_ITEM_CAPSET, 0, sizeof(struct ea_capset));
		if (to) {
			READ(cred, task, cred);
			task__capabilities(cred, (struct ea_capset *)to);
			emit__end(frame, sizeof(struct ea_capset));
		}
		return 0;
	case EA_FAMILY_MMAP:
		/* ksys_mmap_pgoff tells audit before it looks the descriptor up */
		if (head->args[3] & MAP_ANONYMOUS)
			return 0;
		to = emit__begin(frame, EA_ITEM_MMAP, 0, 8);
		if (to) {
			((u32 *)to)[0] = (u32)frame->arg4;
			((u32 *)to)[1] = (u32)head->args[3];
			emit__end(frame, 8);
		}
		return 0;
	case EA_FAMILY_OLD_MMAP:
		/* struct mmap_arg_struct32: flags, descriptor and offset are its last words */
		if (bpf_probe_read_user(words, sizeof(words), (void *)(head->args[0] + 12))) {
			emit__unread();
			return 0;
		}
		if ((words[0] & MAP_ANONYMOUS) || (words[2] & (PAGE_SIZE - 1)))
			return 0;
		to = emit__begin(frame, EA_ITEM_MMAP, 0, 8);
		if (to) {
			((u32 *)to)[0] = words[1];
			((u32 *)to)[1] = words[0];
			emit__end(frame, 8);
		}
		return 0;
	case EA_FAMILY_DELETE_MODULE:
		/* refused before the name is read, or no modules in this kernel */
		if (head->exit == -EPERM || head->exit == -ENOSYS)
			return 0;
		to = emit__begin(frame, EA_ITEM_MODULE, 0, EA_MODULE_MAX);
		if (to) {
			long length =
			    bpf_probe_read_user_str(to, EA_MODULE_MAX, (void *)head->args[0]);

			if (length > 0)
				emit__end(frame, (u32)length - 1);
		}
		return 0;
	case EA_FAMILY_IPC:
	case EA_FAMILY_QUEUE:
	case EA_FAMILY_ADJTIME:
	case EA_FAMILY_INIT_MODULE:
		special__emit(which, head->arch == AUDIT_ARCH_I386);
		return 0;
	case EA_FAMILY_SOCKETCALL:
		return socketcall__emit(which);
	case EA_FAMILY_RING:
		ring__emit(which);
		return net__emit(which);
	case EA_FAMILY_SETTIME:
		if (!head->success || !ea_has_tai)
			return 0;
		to = emit__begin(frame, EA_ITEM_CLOCK, 0, 8);
		if (to) {
			u64 before = bpf_ktime_get_ns();
			u64 tai = bpf_ktime_get_tai_ns();
			u64 after = bpf_ktime_get_ns();

			*(s64 *)to = (s64)(tai - (before + after) / 2);
			emit__end(frame, 8);
		}
		return 0;
	default:
		return 0;
	}
}

#endif
