/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The smallest program of a kind, loaded only to learn whether the kernel takes that kind. */
#ifndef EA_PROBE_H
#define EA_PROBE_H

SEC("fentry/vfs_open")
int ea_probe_fentry(u64 *ctx)
{
	return 0;
}

#endif
