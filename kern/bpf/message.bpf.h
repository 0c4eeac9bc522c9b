/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What POSIX message queues were asked for: audit_mq_* of ipc/mqueue.c. */
#ifndef EA_MESSAGE_H
#define EA_MESSAGE_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct mq_attr {
	long mq_flags, mq_maxmsg, mq_msgsize, mq_curmsgs;
};

/* sigevent_t */
struct sigevent {
	int sigev_signo;
};

#pragma clang attribute pop

#define MQ_PRIO_MAX 32768

static __always_inline void message__attributes(struct ea_mq_attr *to, u64 from)
{
	struct mq_attr *attr = (struct mq_attr *)from;

	__builtin_memset(to, 0, sizeof(*to));
	if (!from)
		return;
	READ(to->flags, attr, mq_flags);
	READ(to->maxmsg, attr, mq_maxmsg);
	READ(to->msgsize, attr, mq_msgsize);
	READ(to->curmsgs, attr, mq_curmsgs);
}

/* int do_mq_open(const char *, int oflag, umode_t mode, struct mq_attr *) */
PROGRAM("fentry/do_mq_open", ea_mq_open)
{
	struct ea_special *special = special__of(EA_FAMILY_QUEUE);
	struct ea_mq_open *open;
	u64 args[4];

	if (!special)
		return 0;
	bpf_probe_read_kernel(args, sizeof(args), ctx);
	open = (struct ea_mq_open *)special->bytes;
	open->oflag = (u32)args[1];
	open->mode = (u16)args[2];
	message__attributes(&open->attr, args[3]);
	special->type = EA_ITEM_MQ_OPEN;
	special->len = sizeof(*open);
	return 0;
}

static __always_inline int message__transfer(u64 *args, u32 priority)
{
	struct ea_special *special = special__of(EA_FAMILY_QUEUE);
	struct timespec64 *timeout = (struct timespec64 *)args[4];
	struct ea_mq_sendrecv *transfer;

	if (!special)
		return 0;
	transfer = (struct ea_mq_sendrecv *)special->bytes;
	transfer->mqdes = (s32)args[0];
	transfer->prio = priority;
	transfer->len = args[2];
	transfer->sec = 0;
	transfer->nsec = 0;
	if (timeout) {
		READ(transfer->sec, timeout, tv_sec);
		READ(transfer->nsec, timeout, tv_nsec);
	}
	special->type = EA_ITEM_MQ_SENDRECV;
	special->len = sizeof(*transfer);
	return 0;
}

/* int do_mq_timedsend(mqd_t, const char *, size_t, unsigned int priority, struct timespec64 *) */
PROGRAM("fentry/do_mq_timedsend", ea_mq_timedsend)
{
	u64 args[5];

	bpf_probe_read_kernel(args, sizeof(args), ctx);
	/* refused before audit is told */
	if ((u32)args[3] >= MQ_PRIO_MAX)
		return 0;
	return message__transfer(args, (u32)args[3]);
}

/* int do_mq_timedreceive(mqd_t, char *, size_t, unsigned int *, struct timespec64 *) */
PROGRAM("fentry/do_mq_timedreceive", ea_mq_timedreceive)
{
	u64 args[5];

	bpf_probe_read_kernel(args, sizeof(args), ctx);
	return message__transfer(args, 0);
}

/* int do_mq_notify(mqd_t, const struct sigevent *) */
PROGRAM("fentry/do_mq_notify", ea_mq_notify)
{
	struct ea_special *special = special__of(EA_FAMILY_QUEUE);
	struct ea_mq_notify *notify;
	u64 args[2];

	if (!special)
		return 0;
	bpf_probe_read_kernel(args, sizeof(args), ctx);
	notify = (struct ea_mq_notify *)special->bytes;
	notify->mqdes = (s32)args[0];
	notify->signo = 0;
	if (args[1])
		READ(notify->signo, (struct sigevent *)args[1], sigev_signo);
	special->type = EA_ITEM_MQ_NOTIFY;
	special->len = sizeof(*notify);
	return 0;
}

/* int do_mq_getsetattr(int mqdes, struct mq_attr *new, struct mq_attr *old): told when it went well
 */
PROGRAM("fexit/do_mq_getsetattr", ea_mq_getsetattr)
{
	struct ea_special *special = special__of(EA_FAMILY_QUEUE);
	struct ea_mq_getsetattr *set;
	u64 args[4];

	if (!special)
		return 0;
	bpf_probe_read_kernel(args, sizeof(args), ctx);
	if (!args[1] || (s32)args[3])
		return 0;
	set = (struct ea_mq_getsetattr *)special->bytes;
	set->mqdes = (s32)args[0];
	set->pad = 0;
	message__attributes(&set->attr, args[1]);
	special->type = EA_ITEM_MQ_GETSETATTR;
	special->len = sizeof(*set);
	return 0;
}

#endif
