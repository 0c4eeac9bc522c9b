/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a program and its twin tell each other (twin.h). */
#ifndef EA_ABI_TWIN_H
#define EA_ABI_TWIN_H

/* By the program: "I have run." 0: it has not. */
#define EA_TWIN_RAN 1
/* By the twin: "you have not run, so do now." */
#define EA_TWIN_ASKED 2

#endif
