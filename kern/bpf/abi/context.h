/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Contexts of SELinux. */
#ifndef EA_ABI_CONTEXT_H
#define EA_ABI_CONTEXT_H

/* What user space asks ea_context, by its first argument; the second and third: */
enum ea_question {
	EA_QUESTION_POLICY = 0, /* nothing more: which policy is in force */
	EA_QUESTION_SID = 1,    /* what an identifier stands for */
	EA_QUESTION_NAME = 2,   /* a name: enum ea_symbol, and its number from 1 */
	EA_QUESTION_FILE = 3,   /* the identifier of the file behind a descriptor of the asker's */
};

/* SYM_* of security/selinux/ss/policydb.h */
enum ea_symbol {
	EA_SYMBOL_ROLE = 2,
	EA_SYMBOL_TYPE = 3,
	EA_SYMBOL_USER = 4,
	EA_SYMBOL_SENSITIVITY = 6,
	EA_SYMBOL_CATEGORY = 7,
};

/* The answer. One policy has one address and one serial for all its life. */
struct ea_context {
	u64 policy; /* address; 0: none is loaded */
	u32 serial;
	u32 found; /* 1: the rest is valid */
	u32 mls;   /* the policy has levels */
	u32 user;  /* numbers from 1 */
	u32 role;
	u32 type;
	u32 text_len;       /* of a name; of an identifier without a policy */
	u32 cut;            /* categories beyond the last word */
	u32 sensitivity[2]; /* of the low and the high level */
	u32 sid;            /* of a file */
	u32 pad;
	u64 categories[2][EA_CATEGORY_WORDS];
	char text[EA_CONTEXT_NAME];
};

#endif
