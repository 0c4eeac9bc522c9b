/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the hooks on names share: the state of a path walk under way (fs/namei.c), and the notes
 * that one hook leaves for the next one of the same call.
 */
#ifndef EA_WALK_H
#define EA_WALK_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct qstr___hash {
	u64 hash_len;
	const unsigned char *name;
	u32 len;
};

struct saved {
	struct path link;
};

struct nameidata {
	struct path path;
	struct qstr___hash last;
	struct inode *inode;
	u32 flags;
	int last_type;
	u32 total_link_count;
	struct saved *stack;
	struct filename *name;
};

/* 7.0 */
enum last_type {
	LAST_NORM,
	LAST_ROOT,
};

struct nameidata___enum {
	enum last_type last_type;
};

struct task_struct___walk {
	struct nameidata *nameidata;
};

struct open_flags {
	int open_flag;
	int intent;
};

struct inode_operations {
	void *atomic_open;
};

struct inode___walk {
	u32 i_flags;
	const struct inode_operations *i_op;
	struct hlist_head i_dentry;
};

struct dentry___walk {
	struct qstr___hash d_name;
	struct super_block *d_sb;
	union {
		struct hlist_node d_alias;
	} d_u;
};

/* 7.1 */
struct dentry___plain {
	struct hlist_node d_alias;
};

struct list_head {
	struct list_head *next;
};

struct mount___walk {
	struct dentry *mnt_mountpoint;
	struct list_head mnt_instance; /* up to 6.16 */
};

struct super_block___walk {
	struct list_head s_mounts;
};

#pragma clang attribute pop

/* asm-generic/fcntl.h; the same for both ABIs of x86 */
#define O_CREAT     00000100
#define O_EXCL      00000200
#define O_PATH      010000000
#define __O_TMPFILE 020000000
/* linux/fs.h: only the kernel's own opens for an exec have it */
#define __FMODE_EXEC 0x20

#define S_IFREG   0100000
#define S_IFDIR   0040000
#define S_DEAD    16 /* i_flags: removed, but still open */
#define LAST_NORM 0
#define LAST_ROOT 1

#define ECHILD    10
#define EAGAIN    11
#define EEXIST    17
#define EXDEV     18
#define ENOTDIR   20
#define EISDIR    21
#define EOVERFLOW 75
#define ESTALE    116

/* How many names of an inode are looked through for the one that was walked. */
#define EA_ALIASES 16

/*
 * Set before load. Up to 6.11 an open with O_CREAT looks its directory up whatever it finds; since
 * then only where the directory cache does not know the file.
 */
const volatile u32 ea_open_prefers_cache SEC(".rodata.open") = 1;

/*
 * The flags of a walk (include/linux/namei.h) were given new numbers once, and no type tells which
 * ones are in force: the intent of an open does, which is LOOKUP_OPEN at least. The first open that
 * comes by decides.
 */
volatile u32 ea_walk_numbers SEC(".data.walk") = 0;

#define EA_WALK_OLD      1
#define EA_WALK_NEW      2
#define EA_WALK_OPEN_OLD 0x100
#define EA_WALK_OPEN_NEW (1 << 16)

#define WALK_FLAG(old, new) (ea_walk_numbers == EA_WALK_NEW ? (new) : (old))
#define LOOKUP_PARENT       WALK_FLAG(0x10, 1 << 10)
#define LOOKUP_REVAL        WALK_FLAG(0x20, 1 << 7)
#define LOOKUP_MOUNTPOINT   WALK_FLAG(0x80, 1 << 6)
#define LOOKUP_OPEN         WALK_FLAG(EA_WALK_OPEN_OLD, EA_WALK_OPEN_NEW)
#define LOOKUP_CREATE       WALK_FLAG(0x200, 1 << 17)

/* What one hook leaves for a later one of the same call. */
struct ea_note {
	u64 walk;         /* the open to which what follows belongs */
	u64 told_dir;     /* the dentry of the directory of which audit was told last */
	u64 create_dir;   /* a file may be created: inode of the directory */
	u64 create_child; /* and its dentry */
	u64 rename;       /* the struct renamedata of the rename under way */
	u64 name;         /* the struct filename of a message queue's name */
};

struct {
	EA_TASK_MAP(struct ea_note, 1024);
} ea_notes SEC(".maps");

/*
 * A hook's arguments, and in an fexit program the result behind them, as plain numbers: global
 * functions take no pointer that the verifier knows.
 */
static __always_inline void walk__arguments(u64 *to, u32 count, u64 *ctx)
{
	bpf_probe_read_kernel(to, count * sizeof(*to), ctx);
}

static __always_inline int walk__is_error(u64 pointer)
{
	return pointer >= (u64)-MAX_ERRNO;
}

/* 1: rules on names speak of the running syscall. */
static __always_inline int walk__wanted(void)
{
	return journal__needs(ea_config.generation) != 0;
}

/* Decides the numbers of a walk's flags. */
static __always_inline void walk__learn(u64 open_flags)
{
	u32 intent = 0;

	READ(intent, (struct open_flags *)open_flags, intent);
	if (intent & EA_WALK_OPEN_NEW)
		ea_walk_numbers = EA_WALK_NEW;
	else if (intent & EA_WALK_OPEN_OLD)
		ea_walk_numbers = EA_WALK_OLD;
}

/* What the last component of a walk is. */
static __always_inline u32 walk__last_type(u64 walk)
{
	u32 type = 0;

	if (field_exists(struct nameidata, last_type))
		READ(type, (struct nameidata *)walk, last_type);
	else
		READ(type, (struct nameidata___enum *)walk, last_type);
	return type;
}

/* The walk that the task is in; 0: none. */
static __always_inline u64 walk__current(void)
{
	struct task_struct___walk *task = (struct task_struct___walk *)task__current();
	u64 walk = 0;

	READ(walk, task, nameidata);
	return walk;
}

/* Where a dentry's link in the list of its inode's names lies. */
static __always_inline u64 walk__alias_offset(void)
{
	if (field_exists(struct dentry___plain, d_alias))
		return field_offset(struct dentry___plain, d_alias);
	return field_offset(struct dentry___walk, d_u.d_alias);
}

/*
 * The dentry by which an inode was found: its alias whose name, salted with its directory, hashes
 * as the walk's last component; else any. A directory has one.
 */
static __always_inline u64 walk__alias(u64 inode, u64 hash_len)
{
	u64 node = 0, any;

	READ(node, (struct inode___walk *)inode, i_dentry.first);
	if (!node)
		return 0;
	any = node;
	for (int i = 0; i < EA_ALIASES && node; i++) {
		struct dentry___walk *dentry = (void *)node - walk__alias_offset();
		u64 hash = 0;

		READ(hash, dentry, d_name.hash_len);
		if (hash == hash_len)
			return (u64)dentry;
		bpf_probe_read_kernel(&node, sizeof(node), (void *)node);
	}
	return any - walk__alias_offset();
}

#endif
