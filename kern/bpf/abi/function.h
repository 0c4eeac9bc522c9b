/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Functions of the kernel that programs call as they call helpers. */
#ifndef EA_ABI_FUNCTION_H
#define EA_ABI_FUNCTION_H

/*
 * Such a function has no number but its BTF id, which is another in each kernel: user space puts
 * that in place of these, which no helper has, or nothing where the kernel has no such function.
 */
#define EA_PREEMPT_DISABLE 0x65610000
#define EA_PREEMPT_ENABLE  0x65610001
#define EA_IRQ_SAVE        0x65610002
#define EA_IRQ_RESTORE     0x65610003

#endif
