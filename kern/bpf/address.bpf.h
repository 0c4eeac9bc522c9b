/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Socket addresses as the kernel has them, kept until the syscall's exit: what a program passes may
 * be changed by its other threads while the kernel acts on it. The last one of a syscall counts
 * (__audit_sockaddr).
 */
#ifndef EA_ADDRESS_H
#define EA_ADDRESS_H

#ifdef EA_LEGACY
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct msghdr {
	void *msg_name;
	int msg_namelen;
};

#pragma clang attribute pop
#endif

/* Keeps an address for the exit of the running syscall, if rules name it. */
static __always_inline int address__keep(u64 from, u32 len, u32 out)
{
	struct task_struct *task = task__current();
	struct pt_regs *regs = task__regs(task);
	u32 arch_index = task__arch_index(task);
	struct ea_kept_address *kept;
	struct ea_entry *entry;
	u64 registers[4];

	if (!ea_config.enabled || (u32)GET(task, tgid) == ea_config.daemon ||
	    (GET(task, flags) & PF_IO_WORKER))
		return 0;
	entry = maps__entry(ea_config.generation, arch_index, GET(regs, orig_ax));
	if (!entry || !(entry->needs & EA_NEED_ADDRESS))
		return 0;
	kept = state__of_or_new(&ea_addresses, task);
	if (!kept)
		return 0;
	task__args(regs, arch_index, registers);
	kept->args[0] = registers[0];
	kept->args[1] = registers[1];
	kept->nr = (u32)GET(regs, orig_ax);
	kept->arch_index = arch_index;
	kept->out = out;
	kept->len = len > EA_SOCKADDR_MAX ? EA_SOCKADDR_MAX : len;
	bpf_probe_read_kernel(kept->bytes, sizeof(kept->bytes), (void *)from);
	return 0;
}

#ifndef EA_LEGACY
/* int move_addr_to_kernel(void __user *, int len, struct sockaddr_storage *): it tells audit last
 */
PROGRAM("fexit/move_addr_to_kernel", ea_move_addr_to_kernel)
{
	u64 args[4];

	bpf_probe_read_kernel(args, sizeof(args), ctx);
	if ((s32)args[3] || !(u32)args[1])
		return 0;
	return address__keep(args[2], (u32)args[1], 0);
}
#else
/* Old kernels have move_addr_to_kernel within its callers; what they do with the address is apart.
 */

/* int security_socket_connect(struct socket *, struct sockaddr *, int length) */
PROGRAM("fentry/security_socket_connect", ea_socket_connect)
{
	u64 args[3];

	bpf_probe_read_kernel(args, sizeof(args), ctx);
	return (u32)args[2] ? address__keep(args[1], (u32)args[2], 0) : 0;
}

/* int security_socket_bind(struct socket *, struct sockaddr *, int length) */
PROGRAM("fentry/security_socket_bind", ea_socket_bind)
{
	u64 args[3];

	bpf_probe_read_kernel(args, sizeof(args), ctx);
	return (u32)args[2] ? address__keep(args[1], (u32)args[2], 0) : 0;
}

/* int security_socket_sendmsg(struct socket *, struct msghdr *, int size) */
PROGRAM("fentry/security_socket_sendmsg", ea_socket_sendmsg)
{
	u64 args[2], name = 0;
	u32 len = 0;

	bpf_probe_read_kernel(args, sizeof(args), ctx);
	READ(name, (struct msghdr *)args[1], msg_name);
	READ(len, (struct msghdr *)args[1], msg_namelen);
	return name && len ? address__keep(name, len, 0) : 0;
}
#endif

/*
 * int move_addr_to_user(struct sockaddr_storage *, int klen, void __user *, int __user *ulen): it
 * tells audit unless the caller has no room at all
 */
PROGRAM("fentry/move_addr_to_user", ea_move_addr_to_user)
{
	u64 args[4];
	s32 room = 0;

	bpf_probe_read_kernel(args, sizeof(args), ctx);
	if (bpf_probe_read_user(&room, sizeof(room), (void *)args[3]) || room <= 0 || !(u32)args[1])
		return 0;
	return address__keep(args[0], (u32)args[1], 1);
}

#endif
