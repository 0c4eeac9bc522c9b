/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rules that other programs put into the kernel over netlink. What such a rule names is to be
 * recorded from the moment on in which its sender is told that it is there; so the sender waits
 * until the daemon has it in force, and then the kernel gets it.
 *
 * Nothing that a program may call sleeps. But a syscall that ends with ERESTARTNOINTR while a
 * signal is pending is made anew, and no program sees that. So the message is refused with this
 * error (by a program of user space's making, ebpfauditd/src/engine/ebpf/hold.rs, which runs after
 * the one here), and what is pending is a SIGSTOP for the sending thread that a SIGCONT takes away
 * again before anything can come of it: the kernel looks for a signal, finds none, and the thread
 * sends again. It does so until the daemon has answered, with the scheduler between.
 */
#ifndef EA_REQUEST_BPF_H
#define EA_REQUEST_BPF_H

#define NETLINK_AUDIT       9
#define NLMSG_HDRLEN        16
#define AUDIT_ADD_RULE      1011
#define CAP_AUDIT_CONTROL   30
#define JOBCTL_STOP_PENDING (1 << 17)
#define SIGCONT             18
#define SIGSTOP             19
#define SIGNAL_BIT(signal)  (1ul << ((signal) - 1))
/* SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU */
#define STOP_SIGNALS (SIGNAL_BIT(19) | SIGNAL_BIT(20) | SIGNAL_BIT(21) | SIGNAL_BIT(22))
#define SIG_IGN      1

#define X86_64_NR_SENDTO   44
#define X86_64_NR_SENDMSG  46
#define I386_NR_SOCKETCALL 102
#define I386_NR_SENDTO     369
#define I386_NR_SENDMSG    370

/*
 * How long a process waits in all, until a minute after it has waited last: the daemon answers
 * within milliseconds, but the first rule of its kind has programs verified for it, which takes an
 * emulated machine most of a second, and a busy one a few. One that adds thousands of rules, or a
 * daemon that stands still, costs no more than this; what comes after is adopted behind the
 * process's back.
 */
#define EA_PATIENCE_NS 5000000000ull
#define EA_REST_NS     60000000000ull
/*
 * How often a signal is tried and looked for. Where a kernel lets programs send one only by way of
 * an interrupt, that interrupt comes at once.
 */
#define EA_SIGNAL_TRIES 64

/* struct nlmsghdr */
struct request__header {
	u32 len;
	u16 type;
	u16 flags;
	u32 seq;
	u32 pid;
};

/* 1: a message of the kernel's audit, alone, with a rule that is not too long. */
static __always_inline int request__has_rule(struct sock *sk, struct sk_buff *skb,
					     unsigned char **data, u32 *size)
{
	struct request__header header = {};
	u16 protocol = 0;
	u32 len = 0;

	READ(protocol, sk, sk_protocol);
	if (protocol != NETLINK_AUDIT)
		return 0;
	READ(*data, skb, data);
	READ(len, skb, len);
	bpf_probe_read_kernel(&header, sizeof(header), *data);
	if (header.type != AUDIT_ADD_RULE || header.len <= NLMSG_HDRLEN || header.len > len ||
	    ((header.len + 3) & ~3u) < len)
		return 0;
	*size = header.len - NLMSG_HDRLEN;
	return *size <= EA_REQUEST_RULE;
}

/* ns_capable(&init_user_ns, CAP_AUDIT_CONTROL) */
static __always_inline int request__capable(const struct cred *cred)
{
	struct user_namespace *owner = NULL;
	int level = -1;
	u64 caps = 0;

	if (!cred)
		return 0;
	READ(owner, cred, user_ns);
	READ(level, owner, level);
	bpf_probe_read_kernel(&caps, sizeof(caps), &cred->cap_effective);
	return level == 0 && (caps >> CAP_AUDIT_CONTROL & 1);
}

/* Whether the kernel would let this task and this socket change rules (audit_netlink_ok). */
static __always_inline int request__may(struct task_struct *task, struct sock *sk)
{
	const struct cred *cred = NULL;
	struct socket *socket = NULL;
	struct file *file = NULL;
	struct pid *pid = NULL;
	u32 level = 1;

	READ(pid, task, thread_pid);
	READ(level, pid, level);
	READ(cred, task, cred);
	if (level != 0 || !request__capable(cred))
		return 0;
	READ(socket, sk, sk_socket);
	READ(file, socket, file);
	if (!file)
		return 0;
	READ(cred, file, f_cred);
	return request__capable(cred);
}

static __always_inline int request__sends(struct task_struct *task)
{
	u64 nr = GET(task__regs(task), orig_ax);

	if (task__arch_index(task))
		return nr == I386_NR_SENDTO || nr == I386_NR_SENDMSG || nr == I386_NR_SOCKETCALL;
	return nr == X86_64_NR_SENDTO || nr == X86_64_NR_SENDMSG;
}

/*
 * Whether nobody would notice that the task sends again. A tracer would, and so would a handler
 * of SIGCONT; a stop that is under way would be called off.
 */
static __always_inline int request__can_wait(struct task_struct *task)
{
	struct sighand_struct *handlers = NULL;
	struct signal_struct *shared = NULL;
	unsigned long set = 0, jobctl = 0, blocked = 0;
	void *handler = (void *)~0ul;
	u32 flags = 0, traced = 1;

	READ(flags, task, flags);
	READ(traced, task, ptrace);
	READ(jobctl, task, jobctl);
	READ(blocked, task, blocked.sig[0]);
	READ(handlers, task, sighand);
	READ(handler, handlers, action[SIGCONT - 1].sa.sa_handler);
	if ((flags & (PF_KTHREAD | PF_IO_WORKER)) || traced || (jobctl & JOBCTL_STOP_PENDING) ||
	    (blocked & SIGNAL_BIT(SIGCONT)) || (u64)handler > SIG_IGN || !request__sends(task))
		return 0;
	READ(set, task, pending.signal.sig[0]);
	if (set & STOP_SIGNALS)
		return 0;
	READ(shared, task, signal);
	READ(set, shared, shared_pending.signal.sig[0]);
	return !(set & STOP_SIGNALS);
}

struct request__look {
	struct task_struct *task;
	u64 seen;
};

static int request__look(u32 round, struct request__look *look)
{
	struct task_struct *task = look->task;
	unsigned long set = 0;

	READ(set, task, pending.signal.sig[0]);
	look->seen = set & SIGNAL_BIT(SIGSTOP);
	return look->seen != 0;
}

static int request__go_on(u32 round, void *context)
{
	return bpf_send_signal_thread(SIGCONT) == 0;
}

/*
 * Has the request made anew. 1: the program that comes next may refuse it with ERESTARTNOINTR, this
 * time: without a signal that is pending its sender would get to see that, as when this program
 * comes off before that one.
 */
static __always_inline int request__anew(struct task_struct *task, struct ea_waiter *waiter)
{
	struct request__look look = {.task = task};

	if (!request__can_wait(task) || bpf_send_signal_thread(SIGSTOP))
		return 0;
	LOOP(EA_SIGNAL_TRIES, request__look, &look);
	LOOP(EA_SIGNAL_TRIES, request__go_on, NULL);
	waiter->anew = look.seen != 0;
	return look.seen != 0;
}

/* Tells the daemon of the rule. 1: it will answer. */
static __always_inline int request__tell(u32 tgid, unsigned char *data, u32 size)
{
	struct ea_request *request = bpf_ringbuf_reserve(&ea_requests, sizeof(*request), 0);

	if (!request)
		return 0;
	request->tgid = tgid;
	request->len = size;
	barrier_var(size);
	if (size > EA_REQUEST_RULE ||
	    bpf_probe_read_kernel(request->rule, size, data + NLMSG_HDRLEN)) {
		bpf_ringbuf_discard(request, 0);
		return 0;
	}
	bpf_ringbuf_submit(request, BPF_RB_FORCE_WAKEUP);
	return 1;
}

/* Whether the syscall that ends is one that will be made anew for its rule. */
static __once int request__is_held(struct task_struct *task)
{
	u32 tgid = GET(task, tgid), tid = GET(task, pid);
	struct ea_waiter *waiter = bpf_map_lookup_elem(&ea_waiters, &tgid);

	return waiter && waiter->tid == tid && waiter->state != EA_WAITING_NOT;
}

static __always_inline void request__end(struct ea_waiter *waiter, u64 now)
{
	waiter->spent += now - waiter->since;
	waiter->state = EA_WAITING_NOT;
}

/*
 * (sk, skb), before security modules are asked about a message. May be preempted, other than the
 * rest: where it may not, the kernel sends signals later.
 */
SEC("fentry/security_netlink_send") int ea_rule_request(u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct sk_buff *skb = (struct sk_buff *)ctx[1];
	struct task_struct *task = task__current();
	u32 tgid = GET(task, tgid), tid = GET(task, pid), size = 0;
	struct ea_waiter new = {}, *waiter;
	unsigned char *data = NULL;
	u64 now;

	if (tgid == ea_config.daemon || !request__has_rule(sk, skb, &data, &size))
		return 0;
	now = bpf_ktime_get_ns();
	waiter = bpf_map_lookup_elem(&ea_waiters, &tgid);
	if (waiter && waiter->state != EA_WAITING_NOT) {
		/* another thread of the process has a rule as well: it does not wait */
		if (waiter->tid != tid)
			return 0;
		if (waiter->state == EA_WAITING_OVER || now > ea_config.hold_until ||
		    waiter->spent + now - waiter->since > EA_PATIENCE_NS ||
		    !request__anew(task, waiter))
			request__end(waiter, now);
		return 0;
	}
	if (now > ea_config.hold_until)
		return 0;
	new.since = now;
	new.spent = waiter &&now - waiter->since < EA_REST_NS ? waiter->spent : 0;
	if (new.spent > EA_PATIENCE_NS || !request__may(task, sk) || !request__can_wait(task))
		return 0;
	new.tid = tid;
	new.state = EA_WAITING;
	if (bpf_map_update_elem(&ea_waiters, &tgid, &new, BPF_ANY))
		return 0;
	waiter = bpf_map_lookup_elem(&ea_waiters, &tgid);
	if (waiter && !(request__tell(tgid, data, size) && request__anew(task, waiter)))
		request__end(waiter, now);
	return 0;
}

#endif
