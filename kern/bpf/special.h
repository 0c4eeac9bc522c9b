/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records of one kind of syscall that are made of what only the inside of the syscall knows: left
 * here by inner hooks, taken out by the exit (show_special in kernel/auditsc.c). As there, the last
 * one that is left counts.
 */
#ifndef EA_SPECIAL_H
#define EA_SPECIAL_H

_Static_assert(sizeof(struct ea_adjtime) <= EA_SPECIAL_MAX, "a special record's facts");
_Static_assert(sizeof(struct ea_ipc) <= EA_SPECIAL_MAX, "a special record's facts");
_Static_assert(EA_MODULE_MAX <= EA_SPECIAL_MAX, "a special record's facts");

/* Where the running syscall leaves its facts; NULL: no rule names it, or it is of another family.
 */
static __always_inline struct ea_special *special__of(u32 family)
{
	struct task_struct *task = task__current();
	struct ea_special *special;
	struct ea_entry *entry;
	struct pt_regs *regs;
	u32 arch_index;
	u64 args[4];

	if (!ea_config.enabled || (u32)GET(task, tgid) == ea_config.daemon)
		return NULL;
	regs = task__regs(task);
	arch_index = task__arch_index(task);
	entry = maps__entry(ea_config.generation, arch_index, GET(regs, orig_ax));
	if (!entry || entry->family != family)
		return NULL;
	special = state__of_or_new(&ea_specials, task);
	if (!special)
		return NULL;
	task__args(regs, arch_index, args);
	if (special->nr != (u32)GET(regs, orig_ax) || special->arch_index != arch_index ||
	    special->args[0] != args[0] || special->args[1] != args[1]) {
		special->nr = (u32)GET(regs, orig_ax);
		special->arch_index = arch_index;
		special->args[0] = args[0];
		special->args[1] = args[1];
		special->type = 0;
		special->has_moved = 0;
	}
	return special;
}

/* What the running syscall has left already; for places where nothing can be made. */
static __always_inline struct ea_special *special__left(void)
{
	return state__of(&ea_specials, task__current());
}

/* At the exit: what was left, as items. */
__noinline int special__emit(u32 which, u32 arch_index)
{
	struct ea_special *special = special__left();
	struct ea_frame *frame = frame__of(which);
	u32 len;
	u8 *to;

	if (!special || !frame)
		return 0;
	if (special->nr != frame->head.nr || special->arch_index != arch_index ||
	    special->args[0] != frame->head.args[0] || special->args[1] != frame->head.args[1])
		return 0;
	if (special->type) {
		len = special->len;
		barrier_var(len);
		to = emit__begin(frame, special->type, 0, EA_SPECIAL_MAX);
		if (to && len <= EA_SPECIAL_MAX) {
			bpf_probe_read_kernel(to, EA_SPECIAL_MAX, special->bytes);
			emit__end(frame, len);
		}
	}
	if (special->has_moved && frame->head.success) {
		to = emit__begin(frame, EA_ITEM_INJOFFSET, 0, sizeof(special->moved));
		if (to) {
			((s64 *)to)[0] = special->moved[0];
			((s64 *)to)[1] = special->moved[1];
			emit__end(frame, sizeof(special->moved));
		}
	}
	return 0;
}

/* The syscall is over. */
static __always_inline void special__end(struct task_struct *task)
{
	struct ea_special *special = state__of(&ea_specials, task);

	if (!special)
		return;
	special->type = 0;
	special->has_moved = 0;
	special->nr = ~0u;
	state__forget(&ea_specials, task);
}

#endif
