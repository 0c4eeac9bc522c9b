/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * exec. The entry registers and the old credentials are gone when a successful execve returns, so
 * they are taken at sched_prepare_exec (6.10 and later), the kernel's point of no return. A failed
 * execve still has its registers at the exit and needs nothing here.
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

SEC("tp_btf/sched_prepare_exec")
int ea_prepare_exec(u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];
	struct linux_binprm *bprm = (struct linux_binprm *)ctx[1];
	struct pt_regs *regs = bpf_task_pt_regs(task);
	const char *interp, *filename;
	const struct cred *cred;
	struct ea_task *state;
	u32 arch_index;
	long length;

	if (!ea_config.enabled)
		return 0;
	state = maps__task_or_new(task);
	if (!state)
		return 0;
	arch_index = task__arch_index(task);
	state->time = bpf_ktime_get_ns();
	state->arch = task__arch(arch_index);
	state->nr = (u32)regs->orig_ax;
	task__args(regs, arch_index, state->args);
	state->exec.argc = bprm->argc;
	filename = bprm->filename;
	interp = bprm->interp;
	state->exec.script = interp != filename;
	state->interp_len = 0;
	if (state->exec.script) {
		length = bpf_probe_read_kernel_str(state->interp, sizeof(state->interp), interp);
		state->interp_len = length > 0 ? (u32)length - 1 : 0;
	}
	cred = task->cred;
	task__capabilities(cred, &state->exec.before);
	state->exec.before_uid = cred->uid.val;
	state->exec.before_gid = cred->gid.val;
	cred = bprm->cred;
	task__capabilities(cred, &state->exec.after);
	state->exec.after_uid = cred->uid.val;
	state->exec.after_euid = cred->euid.val;
	exec__directory(task, state, arch_index);
	state->pending |= EA_PENDING_EXEC;
	return 0;
}

struct ea_loader {
	u64 inode;
};

static long exec__loader(struct task_struct *task, struct vm_area_struct *vma,
			 struct ea_loader *loader)
{
	struct file *file = NULL;

	READ(file, vma, vm_file);
	if (file)
		READ(loader->inode, file, f_inode);
	return 0;
}

/* What EXECVE, BPRM_FCAPS and the PATH items of an exec that succeeded are made of. */
__noinline int exec__emit(u32 which, u64 ip)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct ea_frame *frame = maps__frame(which);
	struct ea_task *state = maps__task(task);
	struct mm_struct *mm = task->mm;
	struct ea_loader loader = {};
	u64 exe = 0, start, end;
	struct ea_exec *exec;
	u32 length;
	u8 *to;

	if (!mm || !frame || !state)
		return 0;
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
		emit__name(which, 0, mm->env_end, EA_NAME_NO_INODE);
		length = state->interp_len;
		to = emit__begin(frame, EA_ITEM_INTERP, 0, EA_INTERP_MAX);
		if (to) {
			bpf_probe_read_kernel(to, EA_INTERP_MAX, state->interp);
			emit__end(frame, length & (EA_INTERP_MAX - 1));
		}
		emit__name(which, exe, 0, 0);
	} else {
		emit__name(which, exe, mm->env_end, 0);
	}
	/* A program with an ELF interpreter starts in the interpreter. */
	bpf_find_vma(task, ip, exec__loader, &loader, 0);
	if (loader.inode && loader.inode != exe)
		emit__name(which, loader.inode, 0, EA_NAME_LOADER);

	start = mm->arg_start;
	end = mm->arg_end;
	if (end > start) {
		frame->head.args_len = (u32)(end - start);
		emit__user_bytes(frame, EA_ITEM_ARGUMENTS, 0, (void *)start, frame->head.args_len,
				 EA_ARGS_CHUNK);
	}
	return 0;
}

#endif
