/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The slots of a journal: one for each operation, with the text of its name. */
#ifndef EA_SLOT_H
#define EA_SLOT_H

static __always_inline void slot__count_cut(void)
{
	struct ea_counters *counters = maps__counters();

	if (counters)
		counters->cut++;
}

/* A slot by its number; the compiler must not lose the bound that the verifier wants to see. */
static __always_inline struct ea_slot *slot__at(struct ea_journal *journal, u32 at)
{
	barrier_var(at);
	return &journal->slots[at & (EA_SLOTS - 1)];
}

/* A slot after the last; NULL, and counted, when there is no room. */
static __always_inline struct ea_slot *slot__add(struct ea_journal *journal)
{
	struct ea_slot *slot;
	u32 at = journal->count;

	if (at >= EA_SLOTS) {
		slot__count_cut();
		return NULL;
	}
	if (!at)
		lane__busy(journal);
	slot = slot__at(journal, at);
	journal->count = at + 1;
	__builtin_memset(slot, 0, sizeof(*slot));
	return slot;
}

static __always_inline long slot__copy(char *to, u32 size, const void *from, int of_caller)
{
	return of_caller ? bpf_probe_read_user_str(to, size, from)
			 : bpf_probe_read_kernel_str(to, size, from);
}

/* Takes a text over: the kernel's, or the caller's. */
static __always_inline void slot__text(struct ea_journal *journal, struct ea_slot *slot,
				       const void *from, int of_caller)
{
	u32 at = journal->text_used;
	struct ea_text *text;
	long length;

	if (at <= EA_TEXT - EA_TEXT_SHORT) {
		length = slot__copy(journal->text + at, EA_TEXT_SHORT, from, of_caller);
		if (length < EA_TEXT_SHORT) {
			slot->text = at;
			slot->text_len = length > 0 ? (u32)length - 1 : 0;
			journal->text_used = at + slot->text_len;
			return;
		}
	}
	at = journal->long_used;
	text = names__text(task__current(), at, 1);
	if (!text) {
		slot->flags |= EA_LOOKUP_CUT;
		slot__count_cut();
		return;
	}
	length = slot__copy(text->bytes, EA_PATH_MAX, from, of_caller);
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
static __always_inline u64 slot__identity(u64 filename)
{
	u64 uptr = 0;

	if (field_exists(struct filename, uptr))
		READ(uptr, (struct filename *)filename, uptr);
	return uptr ? uptr : filename;
}

/* What is looked for in all slots, and the number after that of the last that has it; 0: none. */
struct slot_search {
	struct ea_journal *journal;
	u64 identity; /* of a name, or an inode's number with its device */
	u32 dev;
	u32 found;
};

static long slot__is_of(u64 at, struct slot_search *search)
{
	if (at >= search->journal->count)
		return 1;
	if (slot__at(search->journal, (u32)at)->name == search->identity)
		search->found = (u32)at + 1;
	return 0;
}

/* The number after that of a name's last slot; 0: it has none. */
__noinline int slot__last(u64 identity)
{
	struct slot_search search = {.journal = names__journal(), .identity = identity};

	if (!search.journal)
		return 0;
	LOOP(EA_SLOTS, slot__is_of, &search);
	return (int)search.found;
}

/* A slot of its own for a name. */
static __always_inline struct ea_slot *slot__new(struct ea_journal *journal, u64 identity,
						 u64 filename)
{
	struct ea_slot *slot = slot__add(journal);
	const char *text = NULL;

	if (!slot)
		return NULL;
	slot->name = identity;
	READ(text, (struct filename *)filename, name);
	if (text)
		slot__text(journal, slot, text, 0);
	return slot;
}

/*
 * The slot for an operation on a name: the one that the name's getname made, if nothing has taken
 * it yet, else a new one. A text that an earlier slot of the name holds is not read again.
 */
static __always_inline struct ea_slot *slot__of(struct ea_journal *journal, u64 filename)
{
	struct ea_slot *slot, *last;
	u64 identity;
	u32 found;

	if (!filename)
		return slot__add(journal);
	identity = slot__identity(filename);
	found = (u32)slot__last(identity);
	if (!found)
		return slot__new(journal, identity, filename);
	last = slot__at(journal, found - 1);
	if (last->op == EA_LOOKUP_GETNAME)
		return last;
	slot = slot__add(journal);
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
__noinline int slot__ends_with(u64 filename, u64 dentry)
{
	struct ea_journal *journal = names__journal();
	u64 text = 0, own = 0, one = 0, other = 0;
	u32 found, length, len = 0, size;
	char before = '/';

	found = (u32)slot__last(slot__identity(filename));
	if (!journal || !found)
		return 0;
	length = slot__at(journal, found - 1)->text_len;
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

/* One slot as an item of the event. */
__noinline int slot__emit(u32 which, u32 at)
{
	struct ea_journal *journal = names__journal();
	struct ea_frame *frame = frame__of(which);
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
		text = names__text(task__current(), from, 0);
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

#endif
