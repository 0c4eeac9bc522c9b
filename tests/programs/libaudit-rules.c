/* Rules in and out of the kernel as any program does it that is linked to libaudit:
 *   libaudit-rules add|prepend|delete NUMBER KEY   the rule "getsid with a0=NUMBER"
 *   libaudit-rules add-and-ask NUMBER KEY COUNT    adds it, then makes the call COUNT times, a1 counting
 *   libaudit-rules send-elsewhere NUMBER KEY       sends it, but not to the kernel
 *   libaudit-rules list                            the keys of all rules, a line each
 */
#include <errno.h>
#include <libaudit.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Of libaudit, in none of its headers: without it a rule must have no key. */
extern int _audit_syscalladded;

/* Between two calls. */
static const struct timespec pause_between = { 0, 100 * 1000 };

static struct audit_rule_data *rule(const char *number, const char *key)
{
	struct audit_rule_data *rule = audit_rule_create_data();
	char field[64];

	if (!rule || audit_rule_syscallbyname_data(rule, "getsid") < 0)
		return NULL;
	snprintf(field, sizeof(field), "a0=%s", number);
	if (audit_rule_fieldpair_data(&rule, field, AUDIT_FILTER_EXIT) < 0)
		return NULL;
	_audit_syscalladded = 1;
	snprintf(field, sizeof(field), "key=%s", key);
	if (audit_rule_fieldpair_data(&rule, field, AUDIT_FILTER_EXIT) < 0)
		return NULL;
	return rule;
}

static int list(int fd)
{
	if (audit_request_rules_list_data(fd) <= 0)
		return 1;
	for (;;) {
		struct audit_reply reply;

		if (audit_get_reply(fd, &reply, GET_REPLY_BLOCKING, 0) <= 0 || reply.type == NLMSG_DONE)
			return 0;
		if (reply.type != AUDIT_LIST_RULES)
			continue;
		for (unsigned i = 0, at = 0; i < reply.ruledata->field_count; i++) {
			unsigned field = reply.ruledata->fields[i], len = reply.ruledata->values[i];

			if (field == AUDIT_FILTERKEY)
				printf("%.*s\n", (int)len, reply.ruledata->buf + at);
			if (field == AUDIT_FILTERKEY || field == AUDIT_WATCH || field == AUDIT_DIR ||
			    field == AUDIT_EXE)
				at += len;
		}
	}
}

/* To a socket of our own, as if that were the kernel. */
static int send_elsewhere(struct audit_rule_data *rule)
{
	struct {
		struct nlmsghdr header;
		char payload[8192];
	} message = { .header = { .nlmsg_type = AUDIT_ADD_RULE, .nlmsg_flags = NLM_F_REQUEST } };
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_pid = getpid() };
	unsigned size = sizeof(*rule) + rule->buflen;
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);

	rule->flags = AUDIT_FILTER_EXIT;
	rule->action = AUDIT_ALWAYS;
	if (fd < 0 || size > sizeof(message.payload) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	memcpy(message.payload, rule, size);
	message.header.nlmsg_len = NLMSG_LENGTH(size);
	return sendto(fd, &message, message.header.nlmsg_len, 0, (struct sockaddr *)&address,
		      sizeof(address));
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	struct audit_rule_data *wanted;
	int fd = audit_open();
	int done, flags;

	if (fd < 0)
		return 2;
	if (!strcmp(what, "list"))
		return list(fd);
	if (argc < 4)
		return 2;
	flags = AUDIT_FILTER_EXIT | (strcmp(what, "prepend") ? 0 : AUDIT_FILTER_PREPEND);
	wanted = rule(argv[2], argv[3]);
	if (!wanted)
		return 2;
	if (!strcmp(what, "delete"))
		done = audit_delete_rule_data(fd, wanted, flags, AUDIT_ALWAYS);
	else if (!strcmp(what, "send-elsewhere"))
		done = send_elsewhere(wanted);
	else
		done = audit_add_rule_data(fd, wanted, flags, AUDIT_ALWAYS);
	if (done <= 0) {
		fprintf(stderr, "%s\n", strerror(done ? -done : errno));
		return 1;
	}
	for (long i = 0; argc > 4 && i < atol(argv[4]); i++) {
		syscall(SYS_getsid, atol(argv[2]), i);
		nanosleep(&pause_between, NULL);
	}
	return 0;
}
