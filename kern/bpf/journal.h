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

static __always_inline struct ea_journal *journal__present(void)
{
	return maps__state(&ea_journals, task__current());
}

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

/* ---- which tasks may have something in their journals ------------------------------------- */

/* Which counter is the running task's. */
static __always_inline u32 journal__lane(struct task_struct *task)
{
	return (u32)GET(task, pid) & (EA_LANES - 1);
}

static __always_inline void journal__move(u32 lane, u32 by)
{
	barrier_var(lane);
	/* with this order all compilers take the instruction that 5.10 has, too */
	__atomic_fetch_add(&ea_lanes[lane & (EA_LANES - 1)], by, __ATOMIC_RELAXED);
}

/* There is something in it from now on. An exec may have given its task another number. */
static __always_inline void journal__busy(struct ea_journal *journal)
{
	u32 lane = journal__lane(task__current()), before = journal->lane;

	if (before == lane + 1)
		return;
	if (before)
		journal__move(before - 1, -1u);
	journal->lane = lane + 1;
	journal__move(lane, 1);
}

static __always_inline void journal__idle(struct ea_journal *journal)
{
	if (!journal->lane)
		return;
	journal__move(journal->lane - 1, -1u);
	journal->lane = 0;
}

/* 0: the running task has nothing in its journal, unless an exec has given it another number. */
static __always_inline u32 journal__may_be_busy(struct task_struct *task)
{
	return ea_lanes[journal__lane(task)];
}

static __always_inline int journal__is_of(struct ea_journal *journal, u32 nr, u64 *args,
					  u32 arch_index)
{
	return journal->nr == nr && journal->arch_index == arch_index &&
	       journal->args[0] == args[0] && journal->args[1] == args[1] &&
	       journal->args[2] == args[2] && journal->args[3] == args[3];
}

/* The journal of the running syscall, begun if need be. */
static __always_inline struct ea_journal *journal__begin(u32 generation)
{
	struct task_struct *task = task__current();
	struct pt_regs *regs = task__regs(task);
	u32 arch_index = task__arch_index(task);
	u32 nr = (u32)GET(regs, orig_ax);
	struct ea_journal *journal;
	u64 args[4];

	journal = maps__state_or_new(&ea_journals, task);
	if (!journal)
		return NULL;
	task__args(regs, arch_index, args);
	if (journal->count && journal__is_of(journal, nr, args, arch_index))
		return journal;
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
	return journal;
}

static __always_inline void journal__count_cut(void)
{
	struct ea_counters *counters = maps__counters();

	if (counters)
		counters->cut++;
}

/* A slot by its number; the compiler must not lose the bound that the verifier wants to see. */
static __always_inline struct ea_slot *journal__slot_at(struct ea_journal *journal, u32 at)
{
	barrier_var(at);
	return &journal->slots[at & (EA_SLOTS - 1)];
}

/* A slot after the last; NULL, and counted, when there is no room. */
static __always_inline struct ea_slot *journal__add(struct ea_journal *journal)
{
	struct ea_slot *slot;
	u32 at = journal->count;

	if (at >= EA_SLOTS) {
		journal__count_cut();
		return NULL;
	}
	if (!at)
		journal__busy(journal);
	slot = journal__slot_at(journal, at);
	journal->count = at + 1;
	__builtin_memset(slot, 0, sizeof(*slot));
	return slot;
}

static __always_inline long journal__copy(char *to, u32 size, const void *from, int of_caller)
{
	return of_caller ? bpf_probe_read_user_str(to, size, from)
			 : bpf_probe_read_kernel_str(to, size, from);
}

/* Takes a text over: the kernel's, or the caller's. */
static __always_inline void journal__text(struct ea_journal *journal, struct ea_slot *slot,
					  const void *from, int of_caller)
{
	u32 at = journal->text_used;
	struct ea_text *text;
	long length;

	if (at <= EA_TEXT - EA_TEXT_SHORT) {
		length = journal__copy(journal->text + at, EA_TEXT_SHORT, from, of_caller);
		if (length < EA_TEXT_SHORT) {
			slot->text = at;
			slot->text_len = length > 0 ? (u32)length - 1 : 0;
			journal->text_used = at + slot->text_len;
			return;
		}
	}
	at = journal->long_used;
	text = maps__text(task__current(), at, 1);
	if (!text) {
		slot->flags |= EA_LOOKUP_CUT;
		journal__count_cut();
		return;
	}
	length = journal__copy(text->bytes, EA_PATH_MAX, from, of_caller);
	slot->flags |= EA_SLOT_LONG;
	slot->text = at;
	slot->text_len = length > 0 ? (u32)length - 1 : 0;
	journal->long_used = at + 1;
}

/*
 * Which name it is. The kernel gives a name that user space passes twice one struct filename
 * (audit_reusename), but only to tasks that it audits itself: there the user's pointer tells. The
 * kernel's own names, and all since 7.0, are told by their address.
 */
static __always_inline u64 journal__identity(u64 filename)
{
	u64 uptr = 0;

	if (field_exists(struct filename, uptr))
		READ(uptr, (struct filename *)filename, uptr);
	return uptr ? uptr : filename;
}

/* The number after that of a name's last slot; 0: it has none. */
__noinline int journal__last(u64 identity)
{
	struct ea_journal *journal = journal__present();
	int last = 0;

	if (!journal)
		return 0;
	for (u32 i = 0; i < EA_SLOTS && i < journal->count; i++)
		if (journal->slots[i].name == identity)
			last = (int)i + 1;
	return last;
}

/* A slot of its own for a name. */
static __always_inline struct ea_slot *journal__name_slot(struct ea_journal *journal, u64 identity,
							  u64 filename)
{
	struct ea_slot *slot = journal__add(journal);
	const char *text = NULL;

	if (!slot)
		return NULL;
	slot->name = identity;
	READ(text, (struct filename *)filename, name);
	if (text)
		journal__text(journal, slot, text, 0);
	return slot;
}

/*
 * The slot for an operation on a name: the one that the name's getname made, if nothing has taken
 * it yet, else a new one. A text that an earlier slot of the name holds is not read again.
 */
static __always_inline struct ea_slot *journal__slot(struct ea_journal *journal, u64 filename)
{
	struct ea_slot *slot, *last;
	u64 identity;
	u32 found;

	if (!filename)
		return journal__add(journal);
	identity = journal__identity(filename);
	found = (u32)journal__last(identity);
	if (!found)
		return journal__name_slot(journal, identity, filename);
	last = journal__slot_at(journal, found - 1);
	if (last->op == EA_LOOKUP_GETNAME)
		return last;
	slot = journal__add(journal);
	if (!slot)
		return NULL;
	slot->name = identity;
	slot->text = last->text;
	slot->text_len = last->text_len;
	slot->flags = last->flags & (EA_SLOT_LONG | EA_LOOKUP_CUT);
	return slot;
}

/* 1: the last component of a name that has a slot looks like this dentry's name: as long, with the
 * same end. */
__noinline int journal__ends_with(u64 filename, u64 dentry)
{
	struct ea_journal *journal = journal__present();
	u64 text = 0, own = 0, one = 0, other = 0;
	u32 found, length, len = 0, size;
	char before = '/';

	found = (u32)journal__last(journal__identity(filename));
	if (!journal || !found)
		return 0;
	length = journal__slot_at(journal, found - 1)->text_len;
	READ(len, (struct dentry *)dentry, d_name.len);
	READ(own, (struct dentry *)dentry, d_name.name);
	READ(text, (struct filename *)filename, name);
	if (!len || len > length)
		return 0;
	text += length - len;
	if (len < length)
		bpf_probe_read_kernel(&before, 1, (void *)(text - 1));
	size = len < sizeof(one) ? len : sizeof(one);
	barrier_var(size);
	if (size > sizeof(one) || bpf_probe_read_kernel(&one, size, (void *)(text + len - size)) ||
	    bpf_probe_read_kernel(&other, size, (void *)(own + len - size)))
		return 0;
	return before == '/' && one == other;
}

/* ---- watches and trees ------------------------------------------------------------------- */

static __always_inline void journal__object(struct ea_object *object, u64 inode_at, u32 generation)
{
	struct inode *inode = (struct inode *)inode_at;
	struct super_block *sb = NULL;
	u32 dev = 0;

	READ(object->ino, inode, i_ino);
	READ(sb, inode, i_sb);
	READ(dev, sb, s_dev);
	object->dev = dev;
	object->generation = generation & 1;
}

/* The watches on an inode. 1: there are some. */
static __always_inline int journal__runs(struct ea_runs *to, struct ea_object *object)
{
	struct ea_object number;
	struct ea_runs *runs;
	int found = 0;

	if (!mark__is_set(object->ino, object->generation))
		return 0;
	runs = bpf_map_lookup_elem(&ea_watches, object);
	if (runs) {
		*to = *runs;
		found = 1;
	}
	if (!(ea_config.flags[object->generation & 1] & EA_CONFIG_INODES))
		return found;
	/* the comparison of inode= knows 32 bits of the number, and no device */
	number.ino = (u32)object->ino;
	number.dev = EA_ANY_DEV;
	number.generation = object->generation;
	runs = bpf_map_lookup_elem(&ea_watches, &number);
	if (runs) {
		to->first[EA_RUNS - 1] = runs->first[0];
		found = 1;
	}
	return found;
}

/* The trees that an inode is a root of, into the journal. 1: there are some. */
static __always_inline int journal__tag(struct ea_journal *journal, struct ea_object *object)
{
	struct ea_tags *tags = bpf_map_lookup_elem(&ea_trees, object);

	if (!tags)
		return 0;
	for (int i = 0; i < EA_TREE_WORDS; i++)
		journal->tags[i] |= tags->words[i];
	return 1;
}

/* The same of a step of the climb, which the verifier judges once. */
__noinline int journal__tag_inode(u64 inode, u32 generation)
{
	struct ea_journal *journal = journal__present();
	struct ea_object object;

	if (!journal)
		return 0;
	journal__object(&object, inode, generation);
	return journal__tag(journal, &object);
}

/* A stretch of the climb of handle_path. 1: the top has been reached. */
__noinline int journal__climb(u32 generation)
{
	struct ea_journal *journal = journal__present();

	if (!journal)
		return 1;
	for (int i = 0; i < EA_CLIMB; i++) {
		struct dentry *dentry = (struct dentry *)journal->climb;
		u64 inode = 0, parent = 0;

		READ(inode, dentry, d_inode);
		if (inode)
			journal->tagged |= (u32)journal__tag_inode(inode, generation);
		READ(parent, dentry, d_parent);
		if (!parent || parent == journal->climb)
			return 1;
		journal->climb = parent;
	}
	return 0;
}

#ifdef EA_LEGACY
#define JOURNAL_RUN static __always_inline
#else
#define JOURNAL_RUN __noinline
#endif

/*
 * A run of stretches: two loops, one within the other, cost the verifier the sum of their rounds.
 */
JOURNAL_RUN int journal__climbs(u32 generation)
{
	for (int i = 0; i < EA_CLIMBS; i++)
		if (journal__climb(generation))
			return 1;
	return 0;
}

/* handle_path: the trees above a dentry, within its filesystem. 1: there are some. */
static __always_inline int journal__trees(struct ea_journal *journal, u64 dentry, u32 generation)
{
	journal->climb = dentry;
	journal->tagged = 0;
	for (int i = 0; i < EA_PATH_DEPTH / EA_CLIMB / EA_CLIMBS; i++)
		if (journal__climbs(generation))
			break;
	return journal->tagged;
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
		journal__object(&object, inode, generation);
		hit |= journal__runs(&runs, &object);
	}
	if ((needs & EA_NEED_HIT) && !hit && !(trees && inode))
		return 0;
	journal = journal__begin(generation);
	if (!journal)
		return 0;
	if (trees && inode)
		hit |= journal__trees(journal, dentry, generation);
	if ((needs & EA_NEED_HIT) && !hit)
		return 0;
	slot = journal__slot(journal, filename);
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
	if (journal__last(journal__identity(filename)))
		return 0;
	slot = journal__slot(journal, filename);
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
	identity = journal__identity(filename);
	if (journal->count) {
		slot = journal__slot_at(journal, journal->count - 1);
		if (slot->name == identity && slot->op == EA_LOOKUP_GETNAME)
			return 0;
	}
	slot = journal__name_slot(journal, identity, filename);
	if (slot) {
		slot->op = EA_LOOKUP_GETNAME;
		slot->flags |= EA_LOOKUP_NEW;
	}
	return 0;
}

#ifdef EA_LEGACY
/*
 * audit_getname of a name that is the caller's still. Its getname refuses one that is empty, or too
 * long, or not to be read; but it may also bring one into memory that was not there.
 */
static __always_inline void journal__caller_text(struct ea_journal *journal, u64 name, int is_taken)
{
	u32 used = journal->text_used;
	struct ea_slot *slot = journal__add(journal);

	if (!slot)
		return;
	slot->name = name;
	slot->op = EA_LOOKUP_GETNAME;
	journal__text(journal, slot, (const void *)name, 1);
	if (is_taken || (slot->text_len && slot->text_len < EA_PATH_MAX - 1))
		return;
	journal->doubtful = 1;
	journal->count = 0;
	journal->text_used = used;
}

/* Before its getname. */
__noinline int journal__caller_name(u64 name)
{
	u32 generation = ea_config.generation;
	u32 needs = (u32)journal__needs(generation);
	struct ea_journal *journal;

	if (!needs || (needs & EA_NEED_HIT))
		return 0;
	journal = journal__begin(generation);
	if (journal)
		journal__caller_text(journal, name, 0);
	return 0;
}

/* After it, when the next name is looked up: there was nothing wrong with it. */
__noinline int journal__caller_name_taken(void)
{
	struct task_struct *task = task__current();
	struct ea_journal *journal = journal__present();
	struct pt_regs *regs = task__regs(task);

	if (!journal || !journal->doubtful || journal->nr != (u32)GET(regs, orig_ax) ||
	    journal->arch_index != task__arch_index(task))
		return 0;
	journal->doubtful = 0;
	journal__caller_text(journal, journal->args[0], 1);
	return 0;
}
#endif

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
	if (!journal || (flags ? journal->count : (u32)journal__last(identity)))
		return 0;
	slot = journal__add(journal);
	if (!slot)
		return 0;
	slot->name = identity;
	slot->op = EA_LOOKUP_GETNAME;
	slot->flags |= flags;
	journal__text(journal, slot, (const void *)text, 0);
	return 0;
}

/* audit_file: a descriptor stands for the name. */
__noinline int journal__file(u64 file)
{
	u64 dentry = 0;

	READ(dentry, (struct file *)file, f_path.dentry);
	return dentry ? journal__inode(0, dentry, EA_LOOKUP_FILE, EA_SLOT_KEEP) : 0;
}

/* 1: a lookup has led to the inode already. */
__noinline int journal__knows(u64 ino, u32 dev)
{
	struct ea_journal *journal = journal__present();

	if (!journal)
		return 0;
	for (u32 i = 0; i < EA_SLOTS && i < journal->count; i++) {
		struct ea_slot *slot = &journal->slots[i];

		if (slot->inode.ino == ino && slot->inode.dev == dev)
			return 1;
	}
	return 0;
}

/* The inode of a child's directory, which nothing has led to yet. */
static __always_inline void journal__directory(struct ea_journal *journal, u64 inode,
					       struct ea_object *object)
{
	struct ea_slot *slot;

	if (journal__knows(object->ino, object->dev))
		return;
	slot = journal__add(journal);
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
	journal__object(&dir, dir_inode, generation);
	if (journal->count) {
		slot = journal__slot_at(journal, journal->count - 1);
		if (slot->op != op || slot->dentry != dentry || slot->dir_ino != dir.ino ||
		    slot->dir_dev != dir.dev)
			slot = NULL;
		else
			slot->flags |= EA_LOOKUP_AGAIN;
	}
	if (!slot) {
		journal__directory(journal, dir_inode, &dir);
		slot = journal__add(journal);
		if (!slot)
			return 0;
		slot->op = op;
		slot->dentry = dentry;
		slot->dir_ino = dir.ino;
		slot->dir_dev = dir.dev;
		READ(text, (struct dentry *)dentry, d_name.name);
		if (text)
			journal__text(journal, slot, text, 0);
	}
	if (!inode)
		return 0;
	journal__object(&object, inode, generation);
	if (needs & EA_NEED_WATCH)
		journal__runs(&runs, &object);
	if (ea_config.flags[generation & 1] & EA_CONFIG_TREES)
		journal__tag(journal, &object);
	journal__found(slot, inode, &runs);
	return 0;
}

/* One slot, for the following. */
__noinline int journal__unbind(u32 at, u64 ino, u32 dev, u32 first, u32 judged)
{
	struct ea_journal *journal = journal__present();
	struct ea_slot *slot;

	if (!journal || at >= EA_SLOTS)
		return 0;
	slot = &journal->slots[at];
	if (slot->inode.ino != ino || slot->inode.dev != dev)
		return 0;
	for (u32 run = 0; run < EA_WATCH_RUNS; run++) {
		if (slot->runs.first[run] != first)
			continue;
		if (judged)
			slot->flags |= EA_SLOT_UNBOUND(run);
		else
			slot->runs.first[run] = 0;
	}
	return 0;
}

/*
 * A watch leaves an inode in the middle of a syscall (audit_update_watch). When the watched name is
 * gone, the kernel judges the watch at this moment, without a result: `judged`. When the name has
 * another inode now, the one before does not count any more.
 */
static __always_inline void journal__unbound(struct ea_object *object, u32 first, u32 judged)
{
	struct ea_journal *journal = journal__present();

	if (!journal || !object->ino || (journal->generation & 1) != object->generation)
		return;
	for (u32 i = 0; i < EA_SLOTS && i < journal->count; i++)
		journal__unbind(i, object->ino, object->dev, first, judged);
}

/* The root of these trees has come to its end: the syscall's names are in none of them any more. */
static __always_inline void journal__untagged(struct ea_tags *tags, u32 generation)
{
	struct ea_journal *journal = journal__present();

	if (!journal || (journal->generation & 1) != generation)
		return;
	for (int i = 0; i < EA_TREE_WORDS; i++)
		journal->tags[i] &= ~tags->words[i];
}

/*
 * The working directory is about to change; the record shows the one in which the names were looked
 * up. It is kept by its address: until the syscall ends nothing else takes its place but where
 * nobody holds it any more, and then the kernel's memory of it outlasts the moment.
 */
static __always_inline void journal__leave(void)
{
	struct ea_journal *journal = journal__present();
	struct fs_struct *fs = GET(task__current(), fs);

	if (!journal || !journal->count || journal->pwd || !fs)
		return;
	READ(journal->pwd, fs, pwd.dentry);
	READ(journal->pwd_mount, fs, pwd.mnt);
}

/* ---- at the exit ------------------------------------------------------------------------- */

/* One slot as an item of the event. */
__noinline int journal__emit_slot(u32 which, u32 at)
{
	struct ea_journal *journal = journal__present();
	struct ea_frame *frame = maps__frame(which);
	struct ea_lookup *to;
	struct ea_text *text;
	struct ea_slot *slot;
	u32 len, from;
	u8 *bytes;

	if (!journal || !frame || at >= EA_SLOTS)
		return 0;
	slot = &journal->slots[at];
	bytes = emit__begin(frame, EA_ITEM_LOOKUP, 0, sizeof(*to) + EA_PATH_MAX);
	if (!bytes)
		return 0;
	to = (struct ea_lookup *)bytes;
	to->name = slot->name;
	to->dir_ino = slot->dir_ino;
	to->dir_dev = slot->dir_dev;
	to->op = slot->op;
	to->flags = slot->flags & EA_LOOKUP_FLAGS;
	to->inode = slot->inode;
	len = slot->text_len;
	from = slot->text;
	barrier_var(len);
	barrier_var(from);
	if (slot->flags & EA_SLOT_LONG) {
		text = maps__text(task__current(), from, 0);
		if (!text || len >= EA_PATH_MAX)
			len = 0;
		else
			bpf_probe_read_kernel(bytes + sizeof(*to), len, text->bytes);
	} else {
		if (len >= EA_TEXT_SHORT || from > EA_TEXT - EA_TEXT_SHORT)
			len = 0;
		else
			bpf_probe_read_kernel(bytes + sizeof(*to), len, journal->text + from);
	}
	emit__end(frame, sizeof(*to) + (len & (EA_PATH_MAX - 1)));
	return 0;
}

/*
 * A name that was taken over and never looked up, because the syscall was refused in between. The
 * kernel acted on nothing, so the name is what the caller's memory says now.
 */
__noinline int journal__emit_taken(u32 which, u64 name)
{
	struct ea_frame *frame = maps__frame(which);
	struct ea_lookup *to;
	long length;
	u8 *bytes;

	if (!frame)
		return 0;
	bytes = emit__begin(frame, EA_ITEM_LOOKUP, 0, sizeof(*to) + EA_PATH_MAX);
	if (!bytes)
		return 0;
	length = bpf_probe_read_user_str(bytes + sizeof(*to), EA_PATH_MAX, (void *)name);
	if (length <= 0) {
		emit__unread();
		return 0;
	}
	to = (struct ea_lookup *)bytes;
	__builtin_memset(to, 0, sizeof(*to));
	to->name = name;
	to->op = EA_LOOKUP_GETNAME;
	emit__end(frame, sizeof(*to) + (((u32)length - 1) & (EA_PATH_MAX - 1)));
	return 1;
}

/* All slots. 1: there were names, so that CWD belongs to the event. */
__noinline int journal__emit(u32 which, u32 count)
{
	for (u32 i = 0; i < EA_SLOTS && i < count; i++)
		journal__emit_slot(which, i);
	return count != 0;
}

/* The syscall is over. */
static __always_inline void journal__end(struct ea_journal *journal)
{
	struct task_struct *task = task__current();

	journal->count = 0;
	if (journal->long_used)
		maps__release_texts(task);
	journal->long_used = 0;
	journal__idle(journal);
	maps__forget(&ea_journals, task);
}

#endif
