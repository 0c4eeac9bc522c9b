/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Items into the frame, the frame into the ring. */
#ifndef EA_EMIT_H
#define EA_EMIT_H

/* Room for an item of at most `max` bytes (a constant); its length is set by emit__end. */
static __always_inline u8 *emit__begin(struct ea_frame *frame, u32 type, u32 flags, u32 max)
{
	u32 at = frame->used;
	struct ea_item *item;

	if (at > EA_BUFFER - sizeof(*item) - 8 - max) {
		frame->overflow = 1;
		return NULL;
	}
	item = (struct ea_item *)(frame->items + at);
	item->type = type;
	item->flags = flags;
	item->len = 0;
	return (u8 *)(item + 1);
}

static __always_inline void emit__end(struct ea_frame *frame, u32 len)
{
	u32 at = frame->used;

	if (at > EA_BUFFER - sizeof(struct ea_item))
		return;
	((struct ea_item *)(frame->items + at))->len = len;
	frame->used = (at + sizeof(struct ea_item) + len + 7) & ~7u;
}

static __always_inline void emit__kernel_str(struct ea_frame *frame, u32 type, const void *text,
					     u32 max)
{
	u8 *to = emit__begin(frame, type, 0, max);
	long length;

	if (!to)
		return;
	length = bpf_probe_read_kernel_str(to, max, text);
	emit__end(frame, length > 0 ? (u32)length - 1 : 0);
}

static __always_inline void emit__unread(void)
{
	struct ea_counters *counters = maps__counters();

	if (counters)
		counters->unread++;
}

/* `max` bytes at most of user memory; `len` of them are wanted. */
static __always_inline void emit__user_bytes(struct ea_frame *frame, u32 type, u32 flags,
					     const void *from, u32 len, u32 max)
{
	u8 *to = emit__begin(frame, type, flags, max);

	if (!to)
		return;
	if (len > max)
		len = max;
	barrier_var(len);
	if (len > max || bpf_probe_read_user(to, len, from)) {
		emit__unread();
		/* the bytes are zero now; who reads counts on the arguments' length */
		if (type != EA_ITEM_ARGUMENTS)
			return;
	}
	emit__end(frame, len & 0xffff);
}

/* i_ctime under the names it has had. */
static __always_inline void emit__ctime(struct ea_inode *to, struct inode *inode)
{
	struct timespec64 time = {};

	if (field_exists(struct inode, i_ctime_sec)) {
		READ(to->ctime, inode, i_ctime_sec);
		READ(to->ctime_nsec, inode, i_ctime_nsec);
	} else if (field_exists(struct inode___6_6, __i_ctime)) {
		READ(time, (struct inode___6_6 *)inode, __i_ctime);
		to->ctime = time.tv_sec;
		to->ctime_nsec = (u32)time.tv_nsec;
	} else if (field_exists(struct inode___5_10, i_ctime)) {
		READ(time, (struct inode___5_10 *)inode, i_ctime);
		to->ctime = time.tv_sec;
		to->ctime_nsec = (u32)time.tv_nsec;
	}
	/* the highest bit is a mark of multigrain timestamps (I_CTIME_QUERIED) */
	to->ctime_nsec &= 0x7fffffff;
}

/* What is recorded of an inode, as it is now. */
static __always_inline void emit__inode(struct ea_inode *to, struct inode *inode)
{
	struct super_block *sb = NULL;
	u16 half = 0;
	u32 word = 0;
	u64 ino = 0;

	READ(ino, inode, i_ino);
	to->ino = ino;
	READ(half, inode, i_mode);
	to->mode = half;
	READ(word, inode, i_uid);
	to->uid = word;
	READ(word, inode, i_gid);
	to->gid = word;
	READ(word, inode, i_rdev);
	to->rdev = word;
	emit__ctime(to, inode);
	READ(sb, inode, i_sb);
	word = 0;
	READ(word, sb, s_dev);
	to->dev = word;
	READ(ino, sb, s_magic);
	to->magic = (u32)ino;
	READ(half, inode, i_opflags);
	word = 0;
	READ(word, inode, i_flags);
	to->maybe_caps = (half & IOP_XATTR) && !(word & S_NOSEC);
	to->sid = selinux__of_inode(inode);
}

/* A name: an inode's data (0: none known) and a text from user memory (0: none). */
__noinline int emit__name(u32 which, u64 inode_at, u64 text, u32 flags)
{
	struct ea_frame *frame = frame__of(which);
	struct inode *inode = (struct inode *)inode_at;
	struct ea_inode *to;
	long length = 0;
	u8 *bytes;

	/* the journal has the names that the kernel looked up */
	if (!frame || frame->journal)
		return 0;
	bytes = emit__begin(frame, EA_ITEM_NAME, flags, sizeof(*to) + EA_PATH_MAX);
	if (!bytes)
		return 0;
	to = (struct ea_inode *)bytes;
	__builtin_memset(to, 0, sizeof(*to));
	if (inode)
		emit__inode(to, inode);
	if (text) {
		length = bpf_probe_read_user_str(bytes + sizeof(*to), EA_PATH_MAX, (void *)text);
		if (length <= 0) {
			((struct ea_item *)bytes - 1)->flags |= EA_NAME_NO_TEXT;
			emit__unread();
			length = 1;
		}
		length--;
	}
	if (length < 0 || length > EA_PATH_MAX)
		length = 0;
	emit__end(frame, sizeof(*to) + (u32)length);
	return 0;
}

/*
 * A name that was taken over and never looked up, because the syscall was refused in between. The
 * kernel acted on nothing, so the name is what the caller's memory says now.
 */
__noinline int emit__taken(u32 which, u64 name)
{
	struct ea_frame *frame = frame__of(which);
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

static __always_inline void emit__lost(struct ea_counters *counters, u32 reason)
{
	if (reason < EA_LOSSES)
		counters->lost[reason]++;
}

/* Sends the frame. 1: it is in the ring. */
static __always_inline int emit__frame(struct ea_frame *frame, struct ea_counters *counters)
{
	u32 used = frame->used;
	u32 size;

	if (frame->overflow || used > EA_BUFFER) {
		emit__lost(counters, EA_LOSS_SCRATCH);
		return 0;
	}
	size = sizeof(frame->head) + used;
	frame->head.size = size;
	if (bpf_ringbuf_output(&ea_events, &frame->head, size, 0)) {
		emit__lost(counters, EA_LOSS_RING);
		return 0;
	}
	return 1;
}

/* Chunks in a run: two loops, one within the other, cost the verifier the sum of their rounds. */
#define EA_ARGS_RUN 32

/*
 * The continuation from `offset` on of an area of `len` bytes; it is put together in the frame that
 * has just been sent. 1: it is in the ring.
 */
__noinline int emit__arguments_chunk(u32 which, u64 from, u32 offset, u32 len)
{
	struct ea_frame *frame = frame__of(which);
	struct ea_more *more;

	if (!frame || offset >= len)
		return 0;
	len -= offset;
	if (len > EA_ARGS_CHUNK)
		len = EA_ARGS_CHUNK;
	more = (struct ea_more *)frame->items;
	more->kind = EA_KIND_ARGUMENTS;
	more->cpu = frame->head.cpu;
	more->seq = frame->head.seq;
	more->offset = offset;
	more->len = len;
	barrier_var(len);
	if (len > EA_ARGS_CHUNK)
		return 0;
	if (bpf_probe_read_user(frame->items + sizeof(*more), len, (void *)(from + offset)))
		__builtin_memset(frame->items + sizeof(*more), 0, 8);
	return !bpf_ringbuf_output(&ea_events, more, sizeof(*more) + len, 0);
}

/* A run of chunks. The offset after it; 0: one of them found no room. */
__noinline int emit__arguments_run(u32 which, u64 from, u32 offset, u32 len)
{
	for (u32 i = 0; i < EA_ARGS_RUN && offset < len; i++) {
		if (!emit__arguments_chunk(which, from, offset, len))
			return 0;
		offset += EA_ARGS_CHUNK;
	}
	return (int)offset;
}

/* The rest of an argument area whose first chunk went with the event. */
__noinline int emit__arguments_rest(u32 which, u64 from, u32 len)
{
	struct ea_counters *counters = maps__counters();
	u32 offset = EA_ARGS_CHUNK;

	if (!counters)
		return 0;
	for (u32 i = 0; i < EA_ARGS_CHUNKS / EA_ARGS_RUN + 1 && offset < len; i++) {
		offset = (u32)emit__arguments_run(which, from, offset, len);
		if (!offset) {
			emit__lost(counters, EA_LOSS_ARGUMENTS);
			break;
		}
	}
	return 0;
}

#endif
