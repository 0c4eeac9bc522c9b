/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* System V IPC objects: audit_ipc_obj and audit_ipc_set_perm of ipc/. */
#ifndef EA_IPC_H
#define EA_IPC_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ipc_ids {
	struct idr ipcs_idr;
};

struct ipc64_perm {
	u32 uid, gid, mode;
};

#pragma clang attribute pop

#define IPC_SHIFT          15
#define IPC_SHIFT_EXTENDED 24

/* include/uapi/linux/{ipc,shm,sem,msg}.h */
#define IPC_SET      1
#define SHM_LOCK     11
#define SHM_UNLOCK   12
#define SHM_STAT_ANY 15
#define SEM_STAT_ANY 20
#define MSG_STAT_ANY 13

/* audit_ipc_obj: an object that the syscall is about. */
__noinline int ipc__object(u64 object)
{
	struct ea_special *special = special__of(EA_FAMILY_IPC);
	struct kern_ipc_perm *perm = (struct kern_ipc_perm *)object;
	struct ea_ipc *ipc;
	u32 word = 0;
	u16 mode = 0;

	if (!special)
		return 0;
	ipc = (struct ea_ipc *)special->bytes;
	__builtin_memset(ipc, 0, sizeof(*ipc));
	READ(word, perm, uid);
	ipc->uid = word;
	READ(word, perm, gid);
	ipc->gid = word;
	READ(mode, perm, mode);
	ipc->mode = mode;
	ipc->sid = selinux__of_ipc(perm);
	special->type = EA_ITEM_IPC;
	special->len = sizeof(*ipc);
	return 0;
}

/* int ipcperms(struct ipc_namespace *, struct kern_ipc_perm *, short flag): tells audit first */
PROGRAM("fentry/ipcperms", ea_ipcperms)
{
	u64 args[2];

	bpf_probe_read_kernel(args, sizeof(args), ctx);
	return ipc__object(args[1]);
}

/*
 * The object that ipcctl_obtain_check is about to find; it judges its permission at once, and says
 * no more of an object that it refuses. ipc_mni_shift is 15, or 24 when the kernel was started so.
 */
static __always_inline u64 ipc__find(u64 ids, u32 id)
{
	struct kern_ipc_perm *perm;
	u64 head = 0;
	s32 found;

	READ(head, (struct ipc_ids *)ids, ipcs_idr.idr_rt.xa_head);
	for (int shift = IPC_SHIFT; shift <= IPC_SHIFT_EXTENDED;
	     shift += IPC_SHIFT_EXTENDED - IPC_SHIFT) {
		perm = (struct kern_ipc_perm *)task__idr_find(head, id & ((1u << shift) - 1));
		found = -1;
		if (perm)
			READ(found, perm, id);
		if (found == (s32)id)
			return (u64)perm;
	}
	return 0;
}

/* ipcctl_obtain_check(ns, ids, int id, int cmd, struct ipc64_perm *, int extra): IPC_SET, IPC_RMID
 */
PROGRAM("fentry/ipcctl_obtain_check", ea_ipcctl_obtain_check)
{
	struct ea_special *special;
	struct ipc64_perm *perm;
	struct ea_ipc *ipc;
	u64 args[6], object;
	u32 word = 0;

	bpf_probe_read_kernel(args, sizeof(args), ctx);
	special = special__of(EA_FAMILY_IPC);
	if (!special)
		return 0;
	object = ipc__find(args[1], (u32)args[2]);
	if (!object)
		return 0;
	ipc__object(object);
	if ((u32)args[3] != IPC_SET)
		return 0;
	ipc = (struct ea_ipc *)special->bytes;
	perm = (struct ipc64_perm *)args[4];
	ipc->has_perm = 1;
	ipc->qbytes = (u64)(s64)(s32)args[5];
	READ(word, perm, uid);
	ipc->perm_uid = word;
	READ(word, perm, gid);
	ipc->perm_gid = word;
	READ(word, perm, mode);
	ipc->perm_mode = (u16)word;
	return 0;
}

/* Commands that are audited without a look at their permission: their security hook follows. */
static __always_inline int ipc__control(u64 *ctx, u32 first, u32 second, u32 third)
{
	u64 args[2];
	u32 command;

	bpf_probe_read_kernel(args, sizeof(args), ctx);
	command = (u32)args[1];
	if (command != first && command != second && command != third)
		return 0;
	return ipc__object(args[0]);
}

/* int security_shm_shmctl(struct kern_ipc_perm *, int cmd), and its sisters */
PROGRAM("fentry/security_shm_shmctl", ea_shmctl)
{
	return ipc__control(ctx, SHM_STAT_ANY, SHM_LOCK, SHM_UNLOCK);
}

PROGRAM("fentry/security_sem_semctl", ea_semctl)
{
	return ipc__control(ctx, SEM_STAT_ANY, SEM_STAT_ANY, SEM_STAT_ANY);
}

PROGRAM("fentry/security_msg_queue_msgctl", ea_msgctl)
{
	return ipc__control(ctx, MSG_STAT_ANY, MSG_STAT_ANY, MSG_STAT_ANY);
}

#endif
