/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Links and creations that sysctl fs.protected_* forbids: ANOM_LINK and ANOM_CREAT. */
#ifndef EA_DENIED_H
#define EA_DENIED_H

/* kernel/audit.c */
#define AUDIT_ANOM_LINK 1702

/* What a syscall returns that was denied so. */
static __always_inline int denied__may_be(s64 exit)
{
	return exit == -EACCES || exit == -EPERM;
}

/* void audit_log_path_denied(int type, const char *operation): called even where audit is off */
PROGRAM("fentry/audit_log_path_denied", ea_path_denied)
{
	struct task_struct *task = task__current();
	struct pt_regs *regs = task__regs(task);
	u32 arch_index = task__arch_index(task);
	struct ea_denied *denied;
	u64 args[2], registers[4];
	long length;

	if (!ea_config.enabled || (u32)GET(task, tgid) == ea_config.daemon ||
	    (GET(task, flags) & PF_IO_WORKER) ||
	    !maps__entry(ea_config.generation, arch_index, GET(regs, orig_ax)))
		return 0;
	denied = state__of_or_new(&ea_denials, task);
	if (!denied)
		return 0;
	bpf_probe_read_kernel(args, sizeof(args), ctx);
	task__args(regs, arch_index, registers);
	denied->args[0] = registers[0];
	denied->args[1] = registers[1];
	denied->nr = (u32)GET(regs, orig_ax);
	denied->arch_index = arch_index;
	denied->kind = (u32)args[0] == AUDIT_ANOM_LINK ? EA_ANOMALY_LINK : EA_ANOMALY_CREAT;
	length = bpf_probe_read_kernel_str(denied->operation, sizeof(denied->operation),
					   (void *)args[1]);
	denied->len = length > 0 ? (u32)length - 1 : 0;
	return 0;
}

/* At the exit of a syscall that failed so. */
__noinline int denied__emit(u32 which, u32 arch_index)
{
	struct ea_denied *denied = state__of(&ea_denials, task__current());
	struct ea_frame *frame = frame__of(which);
	u32 len;
	u8 *to;

	if (!denied || !frame || !denied->kind || denied->nr != frame->head.nr ||
	    denied->arch_index != arch_index || denied->args[0] != frame->head.args[0] ||
	    denied->args[1] != frame->head.args[1])
		return 0;
	len = denied->len;
	barrier_var(len);
	to = emit__begin(frame, EA_ITEM_ANOMALY, denied->kind, EA_OPERATION_MAX);
	if (to && len < EA_OPERATION_MAX) {
		bpf_probe_read_kernel(to, EA_OPERATION_MAX, denied->operation);
		emit__end(frame, len);
	}
	return 0;
}

/* The syscall is over. */
static __always_inline void denied__end(struct task_struct *task)
{
	struct ea_denied *denied = state__of(&ea_denials, task);

	if (!denied)
		return;
	denied->kind = 0;
	state__forget(&ea_denials, task);
}

#endif
