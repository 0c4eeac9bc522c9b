/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rules that other programs are about to put into the kernel. */
#ifndef EA_ABI_REQUEST_H
#define EA_ABI_REQUEST_H

/* What is known of a process that has such a rule. */
enum ea_waiting {
	EA_WAITING_NOT, /* it goes on */
	EA_WAITING,     /* the daemon has not answered */
	EA_WAITING_OVER /* the daemon has, and it has not gone on yet */
};

struct ea_waiter {
	u64 since; /* ns: when it began to wait */
	u64 spent; /* ns that it has waited before */
	u32 tid;   /* which of its threads waits */
	u32 state; /* enum ea_waiting */
	u32 anew; /* 1: its request, which is under way, may be refused, for it will be made anew */
	u32 pad;
};

/* One record of the ring of requests. */
struct ea_request {
	u32 tgid;
	u32 len;                  /* bytes of the rule */
	u8 rule[EA_REQUEST_RULE]; /* struct audit_rule_data */
};

#endif
