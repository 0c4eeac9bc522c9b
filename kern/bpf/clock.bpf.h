/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What adjtimex did to the clock: audit_ntp_log and audit_tk_injoffset of kernel/time/. */
#ifndef EA_CLOCK_H
#define EA_CLOCK_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct __kernel_timex_timeval {
	s64 tv_sec, tv_usec;
};

struct __kernel_timex {
	u32 modes;
	struct __kernel_timex_timeval time;
};

#pragma clang attribute pop

/* include/uapi/linux/timex.h */
#define ADJ_SETOFFSET 0x0100
#define ADJ_NANO      0x2000

/*
 * int do_adjtimex(struct __kernel_timex *): the place for what the programs below find is made
 * here, for there no memory may be asked for. The request is overwritten with the answer later.
 */
PROGRAM("fentry/do_adjtimex", ea_do_adjtimex)
{
	struct ea_special *special = special__of(EA_FAMILY_ADJTIME);
	struct __kernel_timex *request;
	u32 modes = 0;
	u64 arg;

	if (!special)
		return 0;
	bpf_probe_read_kernel(&arg, sizeof(arg), ctx);
	request = (struct __kernel_timex *)arg;
	READ(modes, request, modes);
	if (!(modes & ADJ_SETOFFSET))
		return 0;
	READ(special->moved[0], request, time.tv_sec);
	READ(special->moved[1], request, time.tv_usec);
	if (!(modes & ADJ_NANO))
		special->moved[1] *= 1000;
	special->has_moved = special->moved[0] || special->moved[1];
	return 0;
}

/* The values that the kernel has gathered for audit, whether it is on or not. */
static __always_inline int clock__values(u64 gathered)
{
	struct ea_special *special = special__left();
	struct ea_adjtime *values;
	s64 pair[EA_NTP_VALUES][2];
	u32 changed = 0;

	if (!special || bpf_probe_read_kernel(pair, sizeof(pair), (void *)gathered))
		return 0;
	values = (struct ea_adjtime *)special->bytes;
	for (int i = 0; i < EA_NTP_VALUES; i++) {
		values->before[i] = pair[i][0];
		values->after[i] = pair[i][1];
		changed |= pair[i][0] != pair[i][1];
	}
	if (!changed)
		return 0;
	special->type = EA_ITEM_ADJTIME;
	special->len = sizeof(*values);
	return 0;
}

/* int __do_adjtimex(struct __kernel_timex *, ts, s32 *tai, struct audit_ntp_data *), up to 6.14 */
PROGRAM("fexit/__do_adjtimex", ea_adjtimex_values)
{
	u64 args[4];

	bpf_probe_read_kernel(args, sizeof(args), ctx);
	return clock__values(args[3]);
}

/* int ntp_adjtimex(unsigned int tkid, the same) */
PROGRAM("fexit/ntp_adjtimex", ea_ntp_adjtimex_values)
{
	u64 args[5];

	bpf_probe_read_kernel(args, sizeof(args), ctx);
	return clock__values(args[4]);
}

#endif
