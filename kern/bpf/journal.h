/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a syscall under way has looked up: the operations on the kernel's list of names
 * (kernel/auditsc.c: __audit_getname, __audit_inode, __audit_inode_child, __audit_file), in their
 * order. User space makes the list of them; here it is judged, slot by slot.
 *
 * There is no program at a syscall's entry, which would cost as much again as the one at its exit.
 * An inner hook learns from the registers that the kernel saved whether rules name the syscall. The
 * exit empties the journal; one that another syscall began (its exit was not seen, because the
 * programs were attached in between) is begun anew.
 */
#ifndef EA_JOURNAL_H
#define EA_JOURNAL_H

/* What the rules of a syscall need of the names that the task looks up in it. */
static __always_inline u32 journal__needs_of(struct ea_entry *entry, struct task_struct *task)
{
	u32 needs = bounds__spare(entry, task) ? entry->spared : entry->needs;

	return needs & (EA_NEED_NAMES | EA_NEED_WATCH) ? needs : 0;
}

/*
 * What the rules need of the names of what the task is doing: EA_NEED_*; 0: nothing. The registers
 * say nothing of an operation of io_uring outside of a syscall.
 */
__noinline int journal__needs(u32 generation)
{
	struct task_struct *task = task__current();
	struct ea_entry *entry;
	struct pt_regs *regs;

	if (!ea_config.enabled || (u32)GET(task, tgid) == ea_config.daemon ||
	    (GET(task, flags) & PF_KTHREAD))
		return 0;
	regs = task__regs(task);
	if (ring__is_outside(generation))
		entry = ring__entry(generation);
	else if (GET(task, flags) & PF_IO_WORKER)
		return 0;
	else
		entry = maps__entry(generation, task__arch_index(task), GET(regs, orig_ax));
	return entry ? (int)journal__needs_of(entry, task) : 0;
}

static __always_inline int journal__is_of(struct ea_journal *journal, u32 nr, u64 *args,
					  u32 arch_index)
{
	return journal->nr == nr && journal->arch_index == arch_index &&
	       journal->args[0] == args[0] && journal->args[1] == args[1] &&
	       journal->args[2] == args[2] && journal->args[3] == args[3];
}

/* Begins the journal that there is anew, for the running syscall. */
__apart int journal__clear(u32 generation)
{
	struct ea_journal *journal = names__journal();
	struct task_struct *task = task__current();
	struct pt_regs *regs = task__regs(task);
	u32 arch_index = task__arch_index(task);
	u32 nr = (u32)GET(regs, orig_ax);
	u64 args[4];

	if (!journal)
		return 0;
	task__args(regs, arch_index, args);
	__builtin_memcpy(journal->args, args, sizeof(args));
	journal->nr = nr;
	journal->arch_index = arch_index;
	journal->generation = generation;
	journal->count = 0;
	journal->text_used = 0;
	journal->long_used = 0;
	journal->doubtful = 0;
	journal->pwd = 0;
	__builtin_memset(journal->tags, 0, sizeof(journal->tags));
	return 0;
}

/* The journal of the running syscall, begun if need be. */
static __always_inline struct ea_journal *journal__begin(u32 generation)
{
	struct task_struct *task = task__current();
	struct pt_regs *regs = task__regs(task);
	u32 arch_index = task__arch_index(task);
	struct ea_journal *journal;
	u64 args[4];

	journal = state__of_or_new(&ea_journals, task);
	if (!journal)
		return NULL;
	task__args(regs, arch_index, args);
	if (!journal->count || !journal__is_of(journal, (u32)GET(regs, orig_ax), args, arch_index))
		journal__clear(generation);
	return journal;
}

/* ---- the operations ---------------------------------------------------------------------- */

/* Takes over where a name led: inode data of this moment, watches, trees. */
static __always_inline void journal__found(struct ea_slot *slot, u64 inode, struct ea_runs *runs)
{
	emit__inode(&slot->inode, (struct inode *)inode);
	slot->flags |= EA_LOOKUP_INODE;
	slot->runs = *runs;
}

/* audit_inode, audit_file: a name led to a dentry. Without one: audit_getname. */
__noinline int journal__inode(u64 filename, u64 dentry, u32 op, u32 flags)
{
	u32 generation = ea_config.generation;
	u32 needs = (u32)journal__needs(generation);
	struct ea_journal *journal;
	struct ea_object object;
	struct ea_runs runs = {};
	struct ea_slot *slot;
	u64 inode = 0;
	u32 trees;
	int hit = flags & EA_SLOT_KEEP;

	if (!needs)
		return 0;
	trees = ea_config.flags[generation & 1] & EA_CONFIG_TREES;
	if (dentry)
		READ(inode, (struct dentry *)dentry, d_inode);
	if (inode && (needs & EA_NEED_WATCH)) {
		object__of(&object, inode, generation);
		hit |= object__runs(&runs, &object);
	}
	if ((needs & EA_NEED_HIT) && !hit && !(trees && inode))
		return 0;
	journal = journal__begin(generation);
	if (!journal)
		return 0;
	if (trees && inode)
		hit |= tree__above(journal, dentry, generation);
	if ((needs & EA_NEED_HIT) && !hit)
		return 0;
	slot = slot__of(journal, filename);
	if (!slot)
		return 0;
	slot->op = inode ? op : EA_LOOKUP_GETNAME;
	slot->flags |= flags & (EA_LOOKUP_NOEVAL | EA_LOOKUP_HIDDEN);
	if (inode)
		journal__found(slot, inode, &runs);
	return 0;
}

/* audit_getname. A name that is taken over already stays where it is. */
__noinline int journal__name(u64 filename)
{
	u32 needs = (u32)journal__needs(ea_config.generation);
	struct ea_journal *journal;
	struct ea_slot *slot;

	if (!needs || (needs & EA_NEED_HIT))
		return 0;
	journal = journal__begin(ea_config.generation);
	if (!journal)
		return 0;
	if (slot__last(slot__identity(filename)))
		return 0;
	slot = slot__of(journal, filename);
	if (slot)
		slot->op = EA_LOOKUP_GETNAME;
	return 0;
}

/*
 * The same for a name that is new, whatever lay at its address before. Two programs may tell of one
 * getname.
 */
__noinline int journal__new_name(u64 filename)
{
	u32 needs = (u32)journal__needs(ea_config.generation);
	struct ea_journal *journal;
	struct ea_slot *slot;
	u64 identity;

	if (!needs || (needs & EA_NEED_HIT))
		return 0;
	journal = journal__begin(ea_config.generation);
	if (!journal)
		return 0;
	identity = slot__identity(filename);
	if (journal->count) {
		slot = slot__at(journal, journal->count - 1);
		if (slot->name == identity && slot->op == EA_LOOKUP_GETNAME)
			return 0;
	}
	slot = slot__new(journal, identity, filename);
	if (slot) {
		slot->op = EA_LOOKUP_GETNAME;
		slot->flags |= EA_LOOKUP_NEW;
	}
	return 0;
}

/*
 * audit_getname of quotactl's name, of which only the text is at hand. EA_LOOKUP_NEW in `flags`:
 * its identity does not tell whether the getname itself was seen, but nothing comes before it.
 */
__noinline int journal__quota_name(u64 identity, u64 text, u32 flags)
{
	u32 needs = (u32)journal__needs(ea_config.generation);
	struct ea_journal *journal;
	struct ea_slot *slot;

	if (!needs || (needs & EA_NEED_HIT))
		return 0;
	journal = journal__begin(ea_config.generation);
	if (!journal || (flags ? journal->count : (u32)slot__last(identity)))
		return 0;
	slot = slot__add(journal);
	if (!slot)
		return 0;
	slot->name = identity;
	slot->op = EA_LOOKUP_GETNAME;
	slot->flags |= flags;
	slot__text(journal, slot, (const void *)text, 0);
	return 0;
}

/* audit_file: a descriptor stands for the name. */
__noinline int journal__file(u64 file)
{
	u64 dentry = 0;

	READ(dentry, (struct file *)file, f_path.dentry);
	return dentry ? journal__inode(0, dentry, EA_LOOKUP_FILE, EA_SLOT_KEEP) : 0;
}

static long journal__led_to(u64 at, struct slot_search *search)
{
	struct ea_inode *inode;

	if (at >= search->journal->count)
		return 1;
	inode = &slot__at(search->journal, (u32)at)->inode;
	search->found = inode->ino == search->identity && inode->dev == search->dev;
	return search->found;
}

/* 1: a lookup has led to the inode already. */
__noinline int journal__knows(u64 ino, u32 dev)
{
	struct slot_search search = {.journal = names__journal(), .identity = ino, .dev = dev};

	if (!search.journal)
		return 0;
	LOOP(EA_SLOTS, journal__led_to, &search);
	return (int)search.found;
}

/* The inode of a child's directory, which nothing has led to yet. */
static __always_inline void journal__directory(struct ea_journal *journal, u64 inode,
					       struct ea_object *object)
{
	struct ea_slot *slot;

	if (journal__knows(object->ino, object->dev))
		return;
	slot = slot__add(journal);
	if (!slot)
		return;
	slot->op = EA_LOOKUP_DIRECTORY;
	slot->flags |= EA_LOOKUP_INODE;
	emit__inode(&slot->inode, (struct inode *)inode);
}

/*
 * audit_inode_child. A child that is made is told of twice, before (no inode) and after; the second
 * takes the slot of the first, if nothing else was done in between, and leaves a mark.
 */
__noinline int journal__child(u64 dir_inode, u64 dentry, u32 op, u64 inode)
{
	u32 generation = ea_config.generation;
	u32 needs = (u32)journal__needs(generation);
	struct ea_object dir, object;
	struct ea_slot *slot = NULL;
	struct ea_journal *journal;
	struct ea_runs runs = {};
	const char *text = NULL;

	if (!needs)
		return 0;
	journal = journal__begin(generation);
	if (!journal)
		return 0;
	object__of(&dir, dir_inode, generation);
	if (journal->count) {
		slot = slot__at(journal, journal->count - 1);
		if (slot->op != op || slot->dentry != dentry || slot->dir_ino != dir.ino ||
		    slot->dir_dev != dir.dev)
			slot = NULL;
		else
			slot->flags |= EA_LOOKUP_AGAIN;
	}
	if (!slot) {
		journal__directory(journal, dir_inode, &dir);
		slot = slot__add(journal);
		if (!slot)
			return 0;
		slot->op = op;
		slot->dentry = dentry;
		slot->dir_ino = dir.ino;
		slot->dir_dev = dir.dev;
		READ(text, (struct dentry *)dentry, d_name.name);
		if (text)
			slot__text(journal, slot, text, 0);
	}
	if (!inode)
		return 0;
	object__of(&object, inode, generation);
	if (needs & EA_NEED_WATCH)
		object__runs(&runs, &object);
	if (ea_config.flags[generation & 1] & EA_CONFIG_TREES)
		tree__tag(journal, &object);
	journal__found(slot, inode, &runs);
	return 0;
}

/*
 * The working directory is about to change; the record shows the one in which the names were looked
 * up. It is kept by its address: until the syscall ends nothing else takes its place but where
 * nobody holds it any more, and then the kernel's memory of it outlasts the moment.
 */
static __always_inline void journal__leave(void)
{
	struct ea_journal *journal = names__journal();
	struct fs_struct *fs = NULL;

	if (!journal || !journal->count || journal->pwd)
		return;
	READ(fs, task__current(), fs);
	READ(journal->pwd, fs, pwd.dentry);
	READ(journal->pwd_mount, fs, pwd.mnt);
}

/* ---- at the exit ------------------------------------------------------------------------- */

/*
 * The rules have changed since a name was looked up: what watches its inode is found again, for a
 * run has another number now. A watch that the syscall took off itself is left as it is.
 */
__noinline int journal__renew(u32 at, u32 generation)
{
	struct ea_journal *journal = names__journal();
	struct ea_object object = {};
	struct ea_runs runs = {};
	struct ea_slot *slot;

	if (!journal || at >= EA_SLOTS)
		return 0;
	slot = &journal->slots[at];
	if (!(slot->flags & EA_LOOKUP_INODE) || slot->flags >= EA_SLOT_UNBOUND(0))
		return 0;
	object.ino = slot->inode.ino;
	object.dev = slot->inode.dev;
	object.generation = generation & 1;
	object__runs(&runs, &object);
	slot->runs = runs;
	return 0;
}

struct journal_emission {
	u32 which;
	u32 count;
};

static long journal__emit_one(u64 at, struct journal_emission *emission)
{
	if (at >= emission->count)
		return 1;
	slot__emit(emission->which, (u32)at);
	return 0;
}

/* All slots. 1: there were names, so that CWD belongs to the event. */
__noinline int journal__emit(u32 which, u32 count)
{
	struct journal_emission emission = {.which = which, .count = count};

	LOOP(EA_SLOTS, journal__emit_one, &emission);
	return count != 0;
}

/* The syscall is over. */
static __always_inline void journal__end(struct ea_journal *journal)
{
	struct task_struct *task = task__current();

	journal->count = 0;
	if (journal->long_used)
		names__release_texts(task);
	journal->long_used = 0;
	lane__idle(journal);
	state__forget(&ea_journals, task);
}

#endif
