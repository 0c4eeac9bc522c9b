/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * exec. The entry registers and the old credentials are gone when a successful execve returns, so
 * they are taken at the kernel's point of no return: at sched_prepare_exec (6.10 and later), or
 * when the new credentials are made. A failed execve still has its registers at the exit and needs
 * nothing here.
 */
#ifndef EA_EXEC_H
#define EA_EXEC_H

/* A script is named relative to execveat's descriptor, which may be gone when the script runs. */
static __always_inline void exec__directory(struct task_struct *task, struct ea_task *state,
					    u32 arch_index)
{
	struct ea_entry *entry;
	u64 file;

	state->directory = 0;
	if ((s32)state->args[0] < 0)
		return;
	entry = maps__entry(ea_config.generation, arch_index, state->nr);
	if (!entry || entry->family != EA_FAMILY_EXECVEAT)
		return;
	file = task__file(task, (u32)state->args[0]);
	if (!file)
		return;
	READ(state->directory, (struct file *)file, f_path.dentry);
	READ(state->directory_mount, (struct file *)file, f_path.mnt);
}

/* What is gone at the exit of an exec that succeeds; all checks are passed, nothing is replaced. */
static __always_inline int exec__prepare(struct task_struct *task, struct linux_binprm *bprm)
{
	struct pt_regs *regs = task__regs(task);
	const char *interp, *filename;
	const struct cred *cred = NULL;
	struct ea_task *state;
	u32 arch_index;
	long length;

	if (!ea_config.enabled)
		return 0;
	state = state__task_or_new(task);
	if (!state)
		return 0;
	arch_index = task__arch_index(task);
	state->time = bpf_ktime_get_ns();
	state->arch = task__arch(arch_index);
	state->nr = (u32)GET(regs, orig_ax);
	task__args(regs, arch_index, state->args);
	state->exec.argc = GET(bprm, argc);
	filename = GET(bprm, filename);
	interp = GET(bprm, interp);
	state->exec.script = interp != filename;
	state->interp_len = 0;
	if (state->exec.script) {
		length = bpf_probe_read_kernel_str(state->interp, sizeof(state->interp), interp);
		state->interp_len = length > 0 ? (u32)length - 1 : 0;
	}
	READ(cred, task, cred);
	task__capabilities(cred, &state->exec.before);
	READ(state->exec.before_uid, cred, uid);
	READ(state->exec.before_gid, cred, gid);
	READ(cred, bprm, cred);
	task__capabilities(cred, &state->exec.after);
	READ(state->exec.after_uid, cred, uid);
	READ(state->exec.after_euid, cred, euid);
	exec__directory(task, state, arch_index);
	state->pending |= EA_PENDING_EXEC;
	return 0;
}

PROGRAM("tp_btf/sched_prepare_exec", ea_prepare_exec)
{
	return exec__prepare((struct task_struct *)ctx[0], (struct linux_binprm *)ctx[1]);
}

/*
 * Where there is no sched_prepare_exec: begin_new_exec calls this right before its place, for the
 * program itself and not for the script that names it. When it succeeds, the new credentials are
 * final.
 */
PROGRAM("fexit/security_bprm_creds_from_file", ea_exec_credentials)
{
	if ((int)ctx[2])
		return 0;
	return exec__prepare(task__current(), (struct linux_binprm *)ctx[0]);
}

#ifdef EA_LEGACY
/* Depth of the tree of a task's mappings: 2 x log2(max_map_count + 1), 65 530 by default. */
#define EA_VMA_DEPTH 40

/* The inode of the file that is mapped at `at`; 0: none. Before 6.1 mappings are in a tree. */
static __always_inline u64 exec__mapped(struct task_struct *task, u64 at)
{
	struct mm_struct *mm = GET(task, mm);
	u64 node = 0, found = 0, start = 0, end = 0;
	struct file *file = NULL;
	u64 inode = 0;

	if (!mm || !field_exists(struct mm_struct, mm_rb))
		return 0;
	READ(node, mm, mm_rb.rb_node);
	for (int i = 0; i < EA_VMA_DEPTH && node; i++) {
		struct vm_area_struct *vma =
		    (void *)(node - field_offset(struct vm_area_struct, vm_rb));

		READ(start, vma, vm_start);
		READ(end, vma, vm_end);
		if (at >= start && at < end) {
			found = (u64)vma;
			break;
		}
		if (at < start)
			READ(node, (struct rb_node *)node, rb_left);
		else
			READ(node, (struct rb_node *)node, rb_right);
	}
	if (!found)
		return 0;
	READ(file, (struct vm_area_struct *)found, vm_file);
	if (file)
		READ(inode, file, f_inode);
	return inode;
}
#else
static long exec__mapping(struct task_struct *task, struct vm_area_struct *vma, u64 *inode)
{
	struct file *file = NULL;

	READ(file, vma, vm_file);
	if (file)
		READ(*inode, file, f_inode);
	return 0;
}

/* The inode of the file that is mapped at `at`; 0: none. */
static __always_inline u64 exec__mapped(struct task_struct *task, u64 at)
{
	u64 inode = 0;

	bpf_find_vma(task, at, exec__mapping, &inode, 0);
	return inode;
}
#endif

/* What EXECVE, BPRM_FCAPS and the PATH items of an exec that succeeded are made of. */
__noinline int exec__emit(u32 which, u64 ip)
{
	struct task_struct *task = task__current();
	struct ea_frame *frame = frame__of(which);
	struct ea_task *state = state__task(task);
	u64 exe = 0, loader, start = 0, end = 0;
	struct mm_struct *mm = NULL;
	struct ea_exec *exec;
	u32 length;
	u8 *to;

	READ(mm, task, mm);
	if (!mm || !frame || !state)
		return 0;
	READ(end, mm, env_end);
	to = emit__begin(frame, EA_ITEM_EXEC, 0, sizeof(*exec));
	if (to) {
		bpf_probe_read_kernel(to, sizeof(*exec), &state->exec);
		emit__end(frame, sizeof(*exec));
	}
	/*
	 * The kernel puts the file's name on the new stack right behind the environment
	 * (fs/exec.c, copy_string_kernel; AT_EXECFN points at it).
	 */
	READ(exe, mm, exe_file);
	if (exe)
		READ(exe, (struct file *)exe, f_inode);
	if (state->exec.script) {
		path__emit(which, EA_ITEM_DIRECTORY);
		emit__name(which, 0, end, EA_NAME_NO_INODE);
		length = state->interp_len;
		to = emit__begin(frame, EA_ITEM_INTERP, 0, EA_INTERP_MAX);
		if (to) {
			bpf_probe_read_kernel(to, EA_INTERP_MAX, state->interp);
			emit__end(frame, length & (EA_INTERP_MAX - 1));
		}
		emit__name(which, exe, 0, 0);
	} else {
		emit__name(which, exe, end, 0);
	}
	/* A program with an ELF interpreter starts in the interpreter. */
	loader = exec__mapped(task, ip);
	if (loader && loader != exe)
		emit__name(which, loader, 0, EA_NAME_LOADER);

	READ(start, mm, arg_start);
	READ(end, mm, arg_end);
	if (end > start) {
		frame->head.args_len = (u32)(end - start);
		emit__user_bytes(frame, EA_ITEM_ARGUMENTS, 0, (void *)start, frame->head.args_len,
				 EA_ARGS_CHUNK);
	}
	return 0;
}

#endif
