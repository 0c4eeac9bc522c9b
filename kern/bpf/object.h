/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An inode as rules know it, and the watches on it. */
#ifndef EA_OBJECT_H
#define EA_OBJECT_H

static __always_inline void object__of(struct ea_object *object, u64 inode_at, u32 generation)
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
static __always_inline int object__runs(struct ea_runs *to, struct ea_object *object)
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

#endif
