/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* socketcall(2) of i386: many calls in one, with their arguments behind a pointer. */
#ifndef EA_SOCKETCALL_H
#define EA_SOCKETCALL_H

#define EA_SOCKETCALL_MAX 6
#define SYS_SOCKETPAIR    8
#define SYS_SENDMMSG      20

/* nargs of net/compat.c: how many arguments each call has. */
static const volatile u8 ea_socketcall_arguments[SYS_SENDMMSG + 1] SEC(".rodata.socketcall") = {
    0, 3, 3, 3, 2, 3, 3, 3, 4, 4, 4, 6, 6, 2, 5, 5, 3, 3, 4, 5, 4,
};

/*
 * What it is about as an item; 1: names were emitted. The arguments are read again from user
 * memory: what the kernel copied is nowhere to be seen. A call that fails before they are copied
 * has none.
 */
__noinline int socketcall__emit(u32 which)
{
	struct ea_frame *frame = frame__of(which);
	u32 words[EA_SOCKETCALL_MAX] = {};
	u32 call, count;
	u8 *to;

	if (!frame)
		return 0;
	call = (u32)frame->head.args[0];
	if (call < 1 || call > SYS_SENDMMSG)
		return 0;
	barrier_var(call);
	if (call > SYS_SENDMMSG)
		return 0;
	count = ea_socketcall_arguments[call];
	barrier_var(count);
	if (!count || count > EA_SOCKETCALL_MAX)
		return 0;
	if (bpf_probe_read_user(words, count * sizeof(u32), (void *)frame->head.args[1])) {
		emit__unread();
		return 0;
	}
	to = emit__begin(frame, EA_ITEM_SOCKETCALL, 0, EA_SOCKETCALL_MAX * sizeof(u64));
	if (to) {
		for (int i = 0; i < EA_SOCKETCALL_MAX; i++)
			((u64 *)to)[i] = words[i];
		emit__end(frame, count * sizeof(u64));
	}
	if (call == SYS_SOCKETPAIR && frame->head.success)
		emit__user_bytes(frame, EA_ITEM_FD_PAIR, 0, (void *)(u64)words[3], 8, 8);
	return net__emit(which);
}

#endif
