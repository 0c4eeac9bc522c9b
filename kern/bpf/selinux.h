/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SELinux keeps a number (sid) for the context of each task, inode and IPC object, at an offset
 * into their security data that the kernel keeps in selinux_blob_sizes; user space finds that
 * symbol's address. Events carry the number; what it stands for is asked for once (selinux.bpf.h).
 */
#ifndef EA_SELINUX_H
#define EA_SELINUX_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_security_struct {
	u32 sid;
};

/* what later kernels call it */
struct cred_security_struct {
	u32 sid;
};

struct inode_security_struct {
	u32 sid;
};

struct ipc_security_struct {
	u32 sid;
};

#pragma clang attribute pop

/* Address of the kernel's selinux_blob_sizes; 0: SELinux gives no contexts here. */
const volatile u64 ea_selinux_sizes SEC(".rodata.features") = 0;

/* Number at an offset into security data; 0: there are none. */
static __always_inline u32 selinux__at(u64 security, u32 offset)
{
	u32 sid = 0;

	if (security)
		bpf_probe_read_kernel(&sid, sizeof(sid), (void *)(security + offset));
	return sid;
}

static __always_inline u32 selinux__of_cred(const struct cred *cred)
{
	u64 security = 0;
	u32 offset = 0;

	READ(offset, (struct lsm_blob_sizes *)ea_selinux_sizes, lbs_cred);
	READ(security, cred, security);
	if (field_exists(struct cred_security_struct, sid))
		offset += field_offset(struct cred_security_struct, sid);
	else
		offset += field_offset(struct task_security_struct, sid);
	return selinux__at(security, offset);
}

/* Of an object: where its security data are told, the kernel's offset into them, and the field's.
 */
static __always_inline u32 selinux__of(u64 security_at, u64 offset_at, u32 field)
{
	u64 security = 0;
	u32 offset = 0;

	bpf_probe_read_kernel(&offset, sizeof(offset), (void *)(ea_selinux_sizes + offset_at));
	bpf_probe_read_kernel(&security, sizeof(security), (void *)security_at);
	return selinux__at(security, offset + field);
}

static __always_inline u32 selinux__of_inode(struct inode *inode)
{
	if (!ea_selinux_sizes)
		return 0;
	return selinux__of((u64)inode + field_offset(struct inode, i_security),
			   field_offset(struct lsm_blob_sizes, lbs_inode),
			   field_offset(struct inode_security_struct, sid));
}

static __always_inline u32 selinux__of_ipc(struct kern_ipc_perm *object)
{
	if (!ea_selinux_sizes)
		return 0;
	return selinux__of((u64)object + field_offset(struct kern_ipc_perm, security),
			   field_offset(struct lsm_blob_sizes, lbs_ipc),
			   field_offset(struct ipc_security_struct, sid));
}

#endif
