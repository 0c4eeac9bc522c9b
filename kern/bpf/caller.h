/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names that are the caller's still, where a kernel shows no others (lookup.bpf.h). */
#ifndef EA_CALLER_H
#define EA_CALLER_H

#ifdef EA_LEGACY
/*
 * audit_getname of a name that is the caller's still. Its getname refuses one that is empty, or too
 * long, or not to be read; but it may also bring one into memory that was not there.
 */
static __always_inline void caller__text(struct ea_journal *journal, u64 name, int is_taken)
{
	u32 used = journal->text_used;
	struct ea_slot *slot = slot__add(journal);

	if (!slot)
		return;
	slot->name = name;
	slot->op = EA_LOOKUP_GETNAME;
	slot__text(journal, slot, (const void *)name, 1);
	if (is_taken || (slot->text_len && slot->text_len < EA_PATH_MAX - 1))
		return;
	journal->doubtful = 1;
	journal->count = 0;
	journal->text_used = used;
}

/* Before its getname. */
__noinline int caller__name(u64 name)
{
	u32 generation = ea_config.generation;
	u32 needs = (u32)journal__needs(generation);
	struct ea_journal *journal;

	if (!needs || (needs & EA_NEED_HIT))
		return 0;
	journal = journal__begin(generation);
	if (journal)
		caller__text(journal, name, 0);
	return 0;
}

/* After it, when the next name is looked up: there was nothing wrong with it. */
__noinline int caller__name_taken(void)
{
	struct task_struct *task = task__current();
	struct ea_journal *journal = names__journal();
	struct pt_regs *regs = task__regs(task);

	if (!journal || !journal->doubtful || journal->nr != (u32)GET(regs, orig_ax) ||
	    journal->arch_index != task__arch_index(task))
		return 0;
	journal->doubtful = 0;
	caller__text(journal, journal->args[0], 1);
	return 0;
}
#endif

#endif
