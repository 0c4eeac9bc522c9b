/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What happens to names in directories that hold watched ones. The kernel calls this function for
 * inodes that an inotify mark is on, with what its own audit is told: so nothing else pays. User
 * space sets the marks (ebpfauditd/src/watch/marks.rs); those of others do no harm.
 */
#ifndef EA_WATCH_BPF_H
#define EA_WATCH_BPF_H

/* (mark, mask, inode, dir, name, cookie), before the event is queued */
PROGRAM("fentry/inotify_handle_inode_event", ea_watch)
{
	u64 args[5];
	u32 mask;

	/* as plain numbers, which is what global functions take */
	bpf_probe_read_kernel(args, sizeof(args), ctx);
	mask = (u32)args[1];
	if ((mask & EA_FS_NAME) && args[3] && args[4]) {
		watch__follow(args[3], args[4], args[2], mask, 0);
		watch__follow(args[3], args[4], args[2], mask, 1);
	} else if ((mask & EA_FS_END) && args[2]) {
		watch__end(args[2], mask);
	}
	return 0;
}

#endif
