/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Socket addresses, and the names behind AF_UNIX ones. */
#ifndef EA_NET_H
#define EA_NET_H

/* struct msghdr of the two ABIs: name at 0, its length after it. */
struct ea_address {
	u64 at;
	u32 len;
	u32 out; /* came from the kernel */
};

static __always_inline u64 net__word(u64 at, u32 compat)
{
	u64 word = 0;

	if (compat)
		bpf_probe_read_user(&word, 4, (void *)at);
	else
		bpf_probe_read_user(&word, 8, (void *)at);
	return word;
}

static __always_inline void net__msghdr(u64 at, u32 compat, struct ea_address *address)
{
	address->at = net__word(at, compat);
	bpf_probe_read_user(&address->len, 4, (void *)(at + (compat ? 4 : 8)));
}

/* Where the syscall's address lies, if it has one. */
static __always_inline void net__locate(struct ea_event *head, u64 arg4, u64 arg5, u32 compat,
					struct ea_address *address)
{
	/* sizeof(struct mmsghdr) */
	u64 step = compat ? 32 : 64;
	u64 last = 0;

	address->at = 0;
	address->len = 0;
	address->out = 0;
	switch (head->family) {
	case EA_FAMILY_ADDRESS_IN:
	case EA_FAMILY_BIND:
		address->at = head->args[1];
		address->len = (u32)head->args[2];
		break;
	case EA_FAMILY_SENDTO:
		address->at = arg4;
		address->len = (u32)arg5;
		break;
	case EA_FAMILY_SENDMSG:
		net__msghdr(head->args[1], compat, address);
		break;
	case EA_FAMILY_SENDMMSG:
		if (head->exit > 1)
			last = (u64)head->exit - 1;
		net__msghdr(head->args[1] + last * step, compat, address);
		break;
	case EA_FAMILY_ADDRESS_OUT:
		if (head->exit < 0 || !head->args[1])
			break;
		address->out = 1;
		address->at = head->args[1];
		bpf_probe_read_user(&address->len, 4, (void *)head->args[2]);
		break;
	case EA_FAMILY_RECVFROM:
		if (head->exit < 0 || !arg4)
			break;
		address->out = 1;
		address->at = arg4;
		bpf_probe_read_user(&address->len, 4, (void *)arg5);
		break;
	case EA_FAMILY_RECVMSG:
		if (head->exit < 0)
			break;
		address->out = 1;
		net__msghdr(head->args[1], compat, address);
		break;
	case EA_FAMILY_RECVMMSG:
		if (head->exit <= 0)
			break;
		address->out = 1;
		net__msghdr(head->args[1] + ((u64)head->exit - 1) * step, compat, address);
		break;
	default:
		break;
	}
	if (!address->at)
		address->len = 0;
	/* move_addr_to_kernel refuses longer ones before audit sees them; __copy_msghdr cuts them
	 */
	if (address->len > EA_SOCKADDR_MAX)
		address->len =
		    head->family == EA_FAMILY_SENDMSG || head->family == EA_FAMILY_SENDMMSG
			? EA_SOCKADDR_MAX
			: 0;
}

/* The address that hooks have kept of the syscall; NULL: the kernel had none. */
static __always_inline struct ea_kept_address *net__kept(struct ea_event *head, u32 compat)
{
	struct ea_kept_address *kept = state__of(&ea_addresses, task__current());

	if (!kept || !kept->len || kept->nr != head->nr || kept->arch_index != compat ||
	    kept->args[0] != head->args[0] || kept->args[1] != head->args[1])
		return NULL;
	return kept;
}

/* The syscall is over. */
static __always_inline void net__end(void)
{
	struct task_struct *task = task__current();
	struct ea_kept_address *kept = state__of(&ea_addresses, task);

	if (!kept)
		return;
	kept->len = 0;
	state__forget(&ea_addresses, task);
}

/* The kept address as an item. */
static __always_inline void net__emit_kept(struct ea_frame *frame)
{
	struct ea_kept_address *kept = state__of(&ea_addresses, task__current());
	u32 len = frame->address_len;
	u8 *to;

	if (!kept || len > EA_SOCKADDR_MAX)
		return;
	to = emit__begin(frame, EA_ITEM_SOCKADDR, 0, EA_SOCKADDR_MAX);
	if (!to)
		return;
	bpf_probe_read_kernel(to, EA_SOCKADDR_MAX, kept->bytes);
	emit__end(frame, len);
}

/*
 * 1: the kernel copied the address, but no hook has seen it: in old kernels, where connect asks for
 * a socket only then. Nobody acts on such an address.
 */
static __always_inline int net__unasked(struct ea_event *head)
{
#ifdef EA_LEGACY
	return head->exit == -ENOTSOCK && head->family == EA_FAMILY_ADDRESS_IN;
#else
	return 0;
#endif
}

/* Finds the address, and its family for the filter. */
__noinline int net__find(u32 which, u32 compat)
{
	struct ea_frame *frame = frame__of(which);
	struct ea_kept_address *kept;
	struct ea_address address = {};
	u16 family = 0;

	if (frame && frame->address_kept) {
		kept = net__kept(&frame->head, compat);
		if (kept) {
			frame->address_len = kept->len;
			frame->address_out = kept->out;
			if (kept->len >= 2)
				frame->head.saddr_fam = *(u16 *)kept->bytes;
			return 0;
		}
		if (!net__unasked(&frame->head))
			return 0;
		frame->address_kept = 0;
	}
	/* a descriptor that is none, or no socket, is refused before the address is looked at */
	if (!frame || frame->head.exit == -EBADF)
		return 0;
	/* connect alone copies the address in between */
	if (frame->head.exit == -ENOTSOCK && frame->head.family != EA_FAMILY_ADDRESS_IN)
		return 0;
	net__locate(&frame->head, frame->arg4, frame->arg5, compat, &address);
	frame->address = address.at;
	frame->address_len = address.len;
	frame->address_out = address.out;
	if (address.len >= 2 && !bpf_probe_read_user(&family, 2, (void *)address.at))
		frame->head.saddr_fam = family;
	return 0;
}

/* The inode a bound AF_UNIX socket sits on. */
static __always_inline u64 net__unix_dentry(u64 sk)
{
	u64 dentry = 0;

	READ(dentry, (struct unix_sock *)sk, path.dentry);
	return dentry;
}

/* 1: the address names a file, so that CWD belongs to the event. */
__noinline int net__emit(u32 which)
{
	struct task_struct *task = task__current();
	struct ea_frame *frame = frame__of(which);
	struct socket *socket = NULL;
	u64 file, sk = 0, dentry = 0, inode = 0, parent = 0;
	u64 at;
	u32 family;
	u16 domain = 0;
	u8 first = 0;

	if (!frame || !frame->address_len)
		return 0;
	if (frame->address_kept) {
		net__emit_kept(frame);
		return 0;
	}
	family = frame->head.family;
	at = frame->address;
	emit__user_bytes(frame, EA_ITEM_SOCKADDR, 0, (void *)at, frame->address_len,
			 EA_SOCKADDR_MAX);
	if (frame->address_out || frame->head.saddr_fam != AF_UNIX || frame->address_len <= 2 ||
	    frame->address_len > SOCKADDR_UN_SIZE || frame->head.exit == -ENOTSOCK)
		return 0;
	/* An abstract name begins with a NUL and names no file. */
	if (bpf_probe_read_user(&first, 1, (void *)(at + 2)) || !first)
		return 0;
	file = task__file(task, (u32)frame->head.args[0]);
	if (file)
		READ(socket, (struct file *)file, private_data);
	if (socket)
		READ(sk, socket, sk);
	if (sk)
		READ(domain, (struct sock *)sk, __sk_common.skc_family);
	if (domain != AF_UNIX)
		return 0;
	if (frame->head.success && (family == EA_FAMILY_ADDRESS_IN || family == EA_FAMILY_BIND)) {
		if (family == EA_FAMILY_ADDRESS_IN)
			READ(sk, (struct unix_sock *)sk, peer);
		if (sk)
			dentry = net__unix_dentry(sk);
		if (dentry)
			READ(inode, (struct dentry *)dentry, d_inode);
	}
	if (family == EA_FAMILY_BIND) {
		if (dentry) {
			READ(parent, (struct dentry *)dentry, d_parent);
			READ(parent, (struct dentry *)parent, d_inode);
		}
		emit__name(which, parent, at + 2, EA_NAME_PARENT | (parent ? 0 : EA_NAME_NO_INODE));
		if (frame->head.success)
			emit__name(which, inode, at + 2,
				   EA_NAME_CREATE | (inode ? 0 : EA_NAME_NO_INODE));
		return 1;
	}
	emit__name(which, inode, at + 2, inode ? 0 : EA_NAME_NO_INODE);
	return 1;
}

#endif
