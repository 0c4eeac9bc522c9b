/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How much there may be of what. */
#ifndef EA_ABI_LIMITS_H
#define EA_ABI_LIMITS_H

/* Two generations of every table: a reload fills the idle one and switches with one write. */
#define EA_GENERATIONS 2
/* struct audit_rule_data has 64 words of 32 bits: no rule can name a higher syscall number. */
#define EA_SYSCALLS 2048
/* x86-64 and i386; an index, not an AUDIT_ARCH number. */
#define EA_ARCHES 2
/* Steps of one generation: 64 Ki steps of 16 bytes are 1 MiB, room for 10 000 rules of 6 fields. */
#define EA_STEPS 65536
/* Steps that one round of the filter's loop goes through. */
#define EA_STRETCH 16
/* Rounds in one round of the loop around it. */
#define EA_STRETCHES 64
/* Distinct exe= files of one generation. */
#define EA_EXES 1024
/* Components of a path that a walk follows. PATH_MAX bounds a path that a program can name to
 * 2048 components; deeper trees are cut and the item says so. */
#define EA_PATH_DEPTH 2048
/* Components that one round of a walk's loop goes through. */
#define EA_PATH_STRETCH 8
/* Stretches in a run. */
#define EA_PATH_RUN 16
/* Steps of a climb in one stretch, and stretches in a run. 5.10 has no room for the call of a run.
 */
#ifdef EA_LEGACY
#define EA_CLIMB  32
#define EA_CLIMBS 1
#else
#define EA_CLIMB  8
#define EA_CLIMBS 16
#endif
/* Bytes of one path's components: PATH_MAX. */
#define EA_PATH_MAX 4096
/* NAME_MAX plus the NUL: the largest single write of a walk. */
#define EA_NAME_MAX 256
/* Largest sockaddr (struct sockaddr_storage). */
#define EA_SOCKADDR_MAX 128
/* MAX_PROCTITLE_AUDIT_LEN of kernel/auditsc.c. */
#define EA_PROCTITLE_MAX 128
/* Argument bytes carried by one ring record; longer argument areas are continued in further ones.
 */
#define EA_ARGS_CHUNK 8192
/* Continuations of one event: 8 KiB x 768 = 6 MiB, the kernel's bound on arguments (3/4 of
 * _STK_LIM, fs/exec.c bprm_stack_limits). */
#define EA_ARGS_CHUNKS 768
/* Targets of one signal that are kept; a process group may have more. */
#define EA_TARGETS 32
/* Length of the interpreter's name in a #! line: BINPRM_BUF_SIZE. */
#define EA_INTERP_MAX 256
/* tty->name is 64 bytes. */
#define EA_TTY_MAX 64
/* Name of a module: MODULE_NAME_LEN is 64 - sizeof(long). */
#define EA_MODULE_MAX 64
/* The buffer in which an event is put together: head, exe, cwd, two names, a first chunk of
 * arguments and small items; below the 32 KiB that a per-CPU map value may have. */
#define EA_BUFFER 28672
/* Slots of a journal: an exec of a chain of five scripts with Tomoyo's lookups has 14; a rename 6.
 */
#define EA_SLOTS 32
/* Bytes of a journal's own texts; a text that does not fit goes to the long texts of the task. */
#define EA_TEXT 1024
/* The longest text that a journal tries to keep itself: one probe of this size. */
#define EA_TEXT_SHORT 256
/* Different directories of dir= rules in a generation, in words of 64 bits. */
#define EA_TREE_WORDS 16
/* Watched paths that one inode may be reached by (hard links). */
#define EA_RUNS 4
/* The last of an inode's runs is that of the inode= rules. */
#define EA_WATCH_RUNS (EA_RUNS - 1)
/* Ends of watched directories and trees that user space has not asked about yet. */
#define EA_ENDS 256
/* Inodes and names of path= and inode= rules, both generations. */
#define EA_WATCHES 16384
/* Marks of watched inodes, of one generation: 32 KiB each. A thousand watches mark every eighth. */
#define EA_MARKS 8192
/* Directories of dir= rules with the mounts below them, both generations. */
#define EA_TREES 4096

/* Profiles of a label; stacked containers have two or three. */
#define EA_PROFILES          8
#define EA_PROFILE_NAMESPACE 256
/* A profile is often called as the path of its program; longer ones are cut. */
#define EA_PROFILE_NAME 1024
/* Different labels of subj_role= rules in a generation: a bit of a word for each. */
#define EA_ROLES 64
/* The longest name of such a label with its NUL; with the generation before it a key of 256 bytes.
 * User space takes names that are shorter by one, so that one that is cut is equal to none. */
#define EA_ROLE_NAME 252
/* Profiles of a task's label that are looked at for such a rule. */
#define EA_ROLE_PROFILES 64

/* Categories of a level that are told of, in words of 64 bits; policies have 1024. */
#define EA_CATEGORY_WORDS 64
/* The longest name of a user, role, type, level or category. */
#define EA_CONTEXT_NAME 4096

/* The longest rule that is waited for: MAX_AUDIT_MESSAGE_LENGTH of libaudit is 8970. */
#define EA_REQUEST_RULE 8972
/* Room for the rules of some processes at once. */
#define EA_REQUEST_RING 65536
/* Processes of which is known that they have waited. */
#define EA_WAITERS 128

/* How deep the tree of a pid namespace's idr can be: 32 bits in steps of 6. */
#define EA_XARRAY_DEPTH 6
/* Supplementary groups are searched by bisection; NGROUPS_MAX is 65536. */
#define EA_GROUPS_BISECT 17

#endif
