/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Marks of watched inodes, by a few bits of their number: the look before the one into the hash of
 * watches, and much cheaper. As good as all files that are opened have none.
 *
 * A mark is there before the watch is, and stays until the generation's tables are filled anew. So
 * where there is no mark there is no watch; a file without one may have the mark of another.
 */
#ifndef EA_MARK_H
#define EA_MARK_H

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EA_GENERATIONS *EA_MARKS);
	__type(key, u32);
	__type(value, u32);
} ea_marks SEC(".maps");

static __always_inline u32 *mark__of(u64 ino, u32 generation)
{
	u32 key = (generation & 1) * EA_MARKS + EA_MARK(ino);

	return bpf_map_lookup_elem(&ea_marks, &key);
}

static __always_inline int mark__is_set(u64 ino, u32 generation)
{
	u32 *mark = mark__of(ino, generation);

	return !mark || *mark;
}

static __always_inline void mark__set(u64 ino, u32 generation)
{
	volatile u32 *mark = mark__of(ino, generation);

	if (mark)
		*mark = 1;
}

#endif
