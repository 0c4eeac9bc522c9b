/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a program and its twin tell each other (twin.h). */
#ifndef EA_ABI_TWIN_H
#define EA_ABI_TWIN_H

/* Marks of tasks that a CPU has, by the low bits of their number: few are there at once. */
#define EA_TWIN_MARKS 256
/* "It has run", for the task of this number; 0: nothing was left. */
#define EA_TWIN_MARK(tid) ((u64)(tid) + 1)
/* Beside that: "it has not, as it seems, and is to run now." */
#define EA_TWIN_ASKED (1ull << 32)

#endif
