/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The trees of dir= rules that an inode is in. */
#ifndef EA_TREE_H
#define EA_TREE_H

/* The trees that an inode is a root of, into the journal. 1: there are some. */
static __always_inline int tree__tag(struct ea_journal *journal, struct ea_object *object)
{
	struct ea_tags *tags = bpf_map_lookup_elem(&ea_trees, object);

	if (!tags)
		return 0;
	for (int i = 0; i < EA_TREE_WORDS; i++)
		journal->tags[i] |= tags->words[i];
	return 1;
}

/* The same of a step of the climb, which the verifier judges once. */
__noinline int tree__tag_inode(u64 inode, u32 generation)
{
	struct ea_journal *journal = names__journal_here();
	struct ea_object object;

	if (!journal)
		return 0;
	object__of(&object, inode, generation);
	return tree__tag(journal, &object);
}

/* A stretch of the climb of handle_path. 1: the top has been reached. */
__noinline int tree__climb(u32 generation)
{
	struct ea_journal *journal = names__journal();

	if (!journal)
		return 1;
	for (int i = 0; i < EA_CLIMB; i++) {
		struct dentry *dentry = (struct dentry *)journal->climb;
		u64 inode = 0, parent = 0;

		READ(inode, dentry, d_inode);
		if (inode)
			journal->tagged |= (u32)tree__tag_inode(inode, generation);
		READ(parent, dentry, d_parent);
		if (!parent || parent == journal->climb)
			return 1;
		journal->climb = parent;
	}
	return 0;
}

#ifdef EA_LEGACY
#define TREE_RUN static __always_inline
#else
#define TREE_RUN __noinline
#endif

/*
 * A run of stretches: two loops, one within the other, cost the verifier the sum of their rounds.
 */
TREE_RUN int tree__climbs(u32 generation)
{
	for (int i = 0; i < EA_CLIMBS; i++)
		if (tree__climb(generation))
			return 1;
	return 0;
}

/* handle_path: the trees above a dentry, within its filesystem. 1: there are some. */
static __always_inline int tree__above(struct ea_journal *journal, u64 dentry, u32 generation)
{
	journal->climb = dentry;
	journal->tagged = 0;
	for (int i = 0; i < EA_PATH_DEPTH / EA_CLIMB / EA_CLIMBS; i++)
		if (tree__climbs(generation))
			break;
	return journal->tagged;
}

#endif
