/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's structures, cut down to the fields that are read. CO-RE relocates each access to the
 * running kernel's layout; nothing here has to have the kernel's size or order.
 */
#ifndef EA_CORE_H
#define EA_CORE_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

typedef struct {
	u32 val;
} kuid_t;

typedef struct {
	u32 val;
} kgid_t;

typedef struct {
	u64 val;
} kernel_cap_t;

/* Before 6.3 the two halves of a capability set were 32-bit words. */
struct kernel_cap_struct {
	u32 cap[2];
};

struct group_info {
	int ngroups;
	kgid_t gid[];
};

struct user_namespace {
	int level;
};

struct cred {
	struct user_namespace *user_ns;
	kuid_t uid, suid, euid, fsuid;
	kgid_t gid, sgid, egid, fsgid;
	kernel_cap_t cap_inheritable, cap_permitted, cap_effective, cap_ambient;
	struct group_info *group_info;
	void *security;
};

struct lsm_blob_sizes {
	int lbs_cred, lbs_inode, lbs_ipc;
};

struct aa_policy {
	char *hname;
};

struct aa_ns {
	struct aa_policy base;
	struct aa_ns *parent;
	struct aa_profile *unconfined;
};

struct aa_profile {
	struct aa_policy base;
	struct aa_ns *ns;
	long mode;
};

struct aa_label {
	struct aa_proxy *proxy;
	long flags;
	int size;
	struct aa_profile *vec[];
};

struct aa_proxy {
	struct aa_label *label;
};

struct kern_ipc_perm {
	int id;
	kuid_t uid;
	kgid_t gid;
	u16 mode;
	void *security;
};

struct qstr {
	u32 len;
	const unsigned char *name;
};

struct super_block {
	u32 s_dev;
	unsigned long s_magic;
};

struct inode {
	u16 i_mode;
	kuid_t i_uid;
	kgid_t i_gid;
	u32 i_flags;
	u16 i_opflags;
	struct super_block *i_sb;
	unsigned long i_ino;
	u32 i_rdev;
	void *i_private;
	void *i_security;
	s64 i_ctime_sec;
	u32 i_ctime_nsec;
};

struct timespec64 {
	s64 tv_sec;
	s64 tv_nsec;
};

/* The same struct as of other versions: what follows ___ is not part of the name. */
struct inode___6_6 {
	struct timespec64 __i_ctime;
};

struct inode___5_10 {
	struct timespec64 i_ctime;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct hlist_bl_node d_hash;
	struct inode *d_inode;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	u32 f_mode;
	u32 f_flags;
	struct path f_path;
	struct inode *f_inode;
	const struct cred *f_cred;
	void *private_data;
};

/* The kernel's copy of a name that a program gave. */
struct filename {
	const char *name;
	const char *uptr; /* up to 6.19 */
};

struct fdtable {
	u32 max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct fs_struct {
	struct path root, pwd;
};

struct rb_node {
	struct rb_node *rb_left, *rb_right;
};

struct rb_root {
	struct rb_node *rb_node;
};

struct mm_struct {
	struct rb_root mm_rb;
	unsigned long arg_start, arg_end, env_start, env_end;
	struct file *exe_file;
};

struct vm_area_struct {
	unsigned long vm_start, vm_end;
	struct rb_node vm_rb;
	struct file *vm_file;
};

struct tty_struct {
	char name[EA_TTY_MAX];
};

typedef struct {
	unsigned long sig[1];
} sigset_t;

struct sigpending {
	sigset_t signal;
};

struct signal_struct {
	struct sigpending shared_pending;
	struct tty_struct *tty;
};

struct sigaction {
	void *sa_handler;
};

struct k_sigaction {
	struct sigaction sa;
};

struct sighand_struct {
	struct k_sigaction action[64];
};

struct ns_common {
	u32 inum;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

struct xarray {
	void *xa_head;
};

struct idr {
	struct xarray idr_rt;
};

struct pid_namespace {
	struct idr idr;
	u32 level;
};

struct xa_node {
	u8 shift;
	void *slots[64];
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	u32 level;
	struct hlist_head tasks[4];
	struct upid numbers[];
};

struct thread_info {
	u32 status;
};

struct task_struct {
	struct thread_info thread_info;
	void *stack;
	u32 flags;
	u32 personality;
	int pid, tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct hlist_node pid_links[4];
	const struct cred *real_cred;
	const struct cred *cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct sighand_struct *sighand;
	sigset_t blocked;
	struct sigpending pending;
	unsigned long jobctl;
	u32 ptrace;
	kuid_t loginuid;
	u32 sessionid;
	struct mm_struct *mm;
};

/* x86-64; other architectures add their own. */
struct pt_regs {
	unsigned long r10, r9, r8, bx, bp, cx, dx, si, di, ax, orig_ax, ip;
};

struct linux_binprm {
	int argc;
	struct file *file;
	const struct cred *cred;
	const char *filename;
	const char *interp;
};

struct kernel_siginfo {
	int si_signo;
	int si_errno;
	int si_code;
};

struct socket {
	struct sock *sk;
	struct file *file;
};

struct sock_common {
	u16 skc_family;
};

struct sock {
	struct sock_common __sk_common;
	u16 sk_protocol;
	struct socket *sk_socket;
};

struct sk_buff {
	u32 len;
	unsigned char *data;
};

struct unix_sock {
	struct path path;
	struct sock *peer;
};

#pragma clang attribute pop

/* Constants of the kernel, by its values. */
#define TS_COMPAT             0x0002 /* arch/x86/include/asm/thread_info.h */
#define PAGE_SIZE             4096
#define THREAD_SIZE           16384 /* arch/x86/include/asm/page_64_types.h, without KASAN */
#define AUDIT_ARCH_X86_64     0xc000003eu
#define AUDIT_ARCH_I386       0x40000003u
#define FMODE_CREATED         0x100000u /* include/linux/fs.h; a bit whose place is probed by tests */
#define X86_64_NR_CREAT       85
#define I386_NR_CREAT         8
#define X86_64_NR_QUOTACTL    179
#define I386_NR_QUOTACTL      131
#define O_ACCMODE             3
#define FLAG_STALE            0x800 /* security/apparmor/include/label.h */
#define S_IFMT                0xf000
#define IOP_XATTR             0x0008
#define S_NOSEC               (1 << 12)
#define PF_KTHREAD            0x00200000
#define AF_UNIX               1
#define SOCKADDR_UN_SIZE      110
#define MAP_ANONYMOUS         0x20
#define PTRACE_ATTACH         16
#define PTRACE_SEIZE          0x4206
#define SI_USER               0
#define SI_TKILL              (-6)
#define ERESTARTSYS           512
#define ERESTARTNOINTR        513
#define ERESTART_RESTARTBLOCK 516
#define ENOIOCTLCMD           515
#define EINTR                 4
#define ENOSYS                38
#define PID_FS_MAGIC          0x50494446
#define ANON_INODE_FS_MAGIC   0x09041934
#define ANON_PIDFD_NAME       0x005d64666469705bULL /* "[pidfd]" with its NUL */
#define EBADF                 9
#define ENOTSOCK              88
#define E2BIG                 7
#define EPERM                 1
#define ENOENT                2
#define EFAULT                14
#define EMFILE                24
#define ENAMETOOLONG          36
#define EACCES                13
#define EINVAL                22
#define ESRCH                 3
#define MAX_ERRNO             4095

#endif
