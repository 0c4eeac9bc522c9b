// SPDX-License-Identifier: Apache-2.0
/*
 * Feeds records from a file to the original auditd, in place of the kernel, so that its log shows how it writes them.
 *
 * Preloaded into auditd, this stands before the functions of libaudit that talk to the kernel: nothing in the kernel is
 * changed, and records of every type can be given, with the bytes one wants. FEED names the file: one record a line,
 *
 *     NUMBER TEXT
 *
 * TEXT is what the kernel would send: `audit(SECONDS.MMM:SERIAL): BODY`, with \n and \xHH for bytes that a line cannot
 * hold, and \rN{c} for N times the character c. Empty lines and lines that begin with # are left out. After the last record auditd is told to stop.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/types.h>
#include <unistd.h>

#define MESSAGE_MAX 8970 /* MAX_AUDIT_MESSAGE_LENGTH */

/* struct audit_reply of libaudit.so.1: what auditd and the library have agreed on. */
struct reply {
	int type;
	int len;
	struct nlmsghdr *nlh;
	struct {
		struct nlmsghdr nlh;
		char data[MESSAGE_MAX];
	} msg;
	char *message;
};

static FILE *feed;

int audit_open(void)
{
	feed = fopen(getenv("FEED"), "re");
	if (!feed)
		return -1;
	return eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK); /* always readable */
}

void audit_close(int fd)
{
	close(fd);
}

int audit_can_control(void)
{
	return 1;
}

int audit_is_enabled(int fd)
{
	(void)fd;
	return 1;
}

int audit_set_enabled(int fd, unsigned int enabled)
{
	(void)fd, (void)enabled;
	return 1;
}

int audit_set_pid(int fd, unsigned int pid, int wait)
{
	(void)fd, (void)pid, (void)wait;
	return 1;
}

int audit_request_signal_info(int fd)
{
	(void)fd;
	return -ECONNREFUSED; /* auditd goes on without it */
}

static size_t decode(char *out, size_t room, const char *in)
{
	size_t n = 0;
	while (*in && *in != '\n' && n < room) {
		unsigned int byte, count;
		char c;
		int used = 0;
		if (in[0] == '\\' && in[1] == 'n') {
			out[n++] = '\n';
			in += 2;
		} else if (sscanf(in, "\\x%2x%n", &byte, &used) == 1 && used == 4) {
			out[n++] = (char)byte;
			in += 4;
		} else if (sscanf(in, "\\r%u{%c}%n", &count, &c, &used) == 2 && used) {
			while (count-- && n < room)
				out[n++] = c;
			in += used;
		} else {
			out[n++] = *in++;
		}
	}
	return n;
}

int audit_get_reply(int fd, struct reply *rep, int block, int peek)
{
	static char line[65536];
	char *text;
	(void)fd, (void)block, (void)peek;
	do {
		if (!fgets(line, sizeof(line), feed)) {
			static int told;
			if (!told++)
				kill(getpid(), SIGTERM);
			errno = EAGAIN;
			return -EAGAIN;
		}
	} while (line[0] == '#' || line[0] == '\n');
	memset(&rep->msg, 0, sizeof(rep->msg));
	rep->type = (int)strtol(line, &text, 10);
	rep->len = (int)decode(rep->msg.data, MESSAGE_MAX, *text ? text + 1 : text);
	rep->nlh = &rep->msg.nlh;
	rep->nlh->nlmsg_type = (__u16)rep->type;
	rep->nlh->nlmsg_len = (__u32)rep->len; /* the kernel's audit messages do not count the header here */
	rep->message = rep->msg.data;
	return rep->len ? rep->len : 1;
}
