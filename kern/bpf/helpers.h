/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's BPF helpers that are used, by number (include/uapi/linux/bpf.h), and CO-RE's macros.
 *
 * Two objects are made of one source. Kernels from 5.17 on take the modern one. The legacy one
 * (EA_LEGACY) does without what 5.10 lacks: typed pointers to the running task, task storage and
 * callbacks. The two differ in this file, in the accessors of per-task state (state.h) and of the
 * running task (task.h), in the look-up of a mapping (exec.bpf.h), in the run of steps (filter.h),
 * in that programs of the modern one are not preempted (preempt.h), and where EA_LEGACY stands.
 */
#ifndef EA_HELPERS_H
#define EA_HELPERS_H

#define SEC(name)       __attribute__((section(name), used))
#define __always_inline inline __attribute__((always_inline))
#define __noinline      __attribute__((noinline))
#define NULL            ((void *)0)

/*
 * What a program does in many places, once in it: at each look-up and each access of task storage
 * the verifier puts other instructions in, and makes a new copy of what it knows of the whole
 * program for that (bpf_patch_insn_data). The legacy object has no room for more calls: its
 * kernels count 32 bytes of stack for each, and take 8 calls, one within the other.
 */
#ifdef EA_LEGACY
#define __once __always_inline
#else
#define __once __noinline
#endif

/* What the verifier is to go through by itself, and not on each way that leads there. */
#ifdef EA_LEGACY
#define __apart static __always_inline
#else
#define __apart __noinline
#endif

#define __uint(name, val) int(*name)[val]
#define __type(name, val) typeof(val) *name

#define BPF_MAP_TYPE_HASH              1
#define BPF_MAP_TYPE_ARRAY             2
#define BPF_MAP_TYPE_PROG_ARRAY        3
#define BPF_MAP_TYPE_PERCPU_ARRAY      6
#define BPF_MAP_TYPE_LRU_HASH          9
#define BPF_MAP_TYPE_RINGBUF           27
#define BPF_MAP_TYPE_TASK_STORAGE      29
#define BPF_F_NO_PREALLOC              1
#define BPF_ANY                        0
#define BPF_NOEXIST                    1
#define BPF_LOCAL_STORAGE_GET_F_CREATE 1
#define BPF_RB_FORCE_WAKEUP            2

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const bpf_map_update_elem)(void *map, const void *key, const void *value,
					 u64 flags) = (void *)2;
static long (*const bpf_map_delete_elem)(void *map, const void *key) = (void *)3;
#ifdef EA_LEGACY
static struct task_struct *(*const bpf_get_current_task)(void) = (void *)35;
#endif
static long (*const bpf_tail_call)(void *ctx, void *programs, u32 index) = (void *)12;
static u64 (*const bpf_ktime_get_ns)(void) = (void *)5;
static u32 (*const bpf_get_smp_processor_id)(void) = (void *)8;
static long (*const bpf_send_signal_thread)(u32 sig) = (void *)117;
static long (*const bpf_probe_read_user)(void *dst, u32 size, const void *src) = (void *)112;
static long (*const bpf_probe_read_kernel)(void *dst, u32 size, const void *src) = (void *)113;
static long (*const bpf_probe_read_user_str)(void *dst, u32 size, const void *src) = (void *)114;
static long (*const bpf_probe_read_kernel_str)(void *dst, u32 size, const void *src) = (void *)115;
static long (*const bpf_ringbuf_output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;
static void *(*const bpf_ringbuf_reserve)(void *ring, u64 size, u64 flags) = (void *)131;
static void (*const bpf_ringbuf_submit)(void *data, u64 flags) = (void *)132;
static void (*const bpf_ringbuf_discard)(void *data, u64 flags) = (void *)133;
#ifndef EA_LEGACY
static long (*const bpf_for_each_map_elem)(void *map, void *callback, void *ctx,
					   u64 flags) = (void *)164;
static void *(*const bpf_task_storage_get)(void *map, struct task_struct *task, void *value,
					   u64 flags) = (void *)156;
static long (*const bpf_task_storage_delete)(void *map, struct task_struct *task) = (void *)157;
static struct task_struct *(*const bpf_get_current_task_btf)(void) = (void *)158;
static long (*const bpf_loop)(u32 rounds, void *callback, void *ctx, u64 flags) = (void *)181;
static struct pt_regs *(*const bpf_task_pt_regs)(struct task_struct *task) = (void *)175;
static long (*const bpf_find_vma)(struct task_struct *task, u64 addr, void *callback, void *ctx,
				  u64 flags) = (void *)180;
#endif
#ifndef EA_LEGACY
/* Not helpers but functions of the kernel: user space puts their BTF ids here, or nothing. */
static void (*const bpf_preempt_disable)(void) = (void *)EA_PREEMPT_DISABLE;
static void (*const bpf_preempt_enable)(void) = (void *)EA_PREEMPT_ENABLE;
static void (*const bpf_local_irq_save)(unsigned long *flags) = (void *)EA_IRQ_SAVE;
static void (*const bpf_local_irq_restore)(unsigned long *flags) = (void *)EA_IRQ_RESTORE;
#endif
static long (*const bpf_get_func_ret)(void *ctx, u64 *value) = (void *)184;
static u64 (*const bpf_ktime_get_tai_ns)(void) = (void *)208;

/*
 * At most so many rounds of a function of the round's number and of this context; it returns 1 when
 * there are to be no more. The verifier goes through each round of a loop in C, and here through
 * as many as bring it something new: often two.
 */
#ifdef EA_LEGACY
#define LOOP(rounds, function, context)                                                            \
	for (u32 round_ = 0; round_ < (rounds); round_++)                                          \
		if (function(round_, context))                                                     \
	break
#else
#define LOOP(rounds, function, context) bpf_loop(rounds, function, context, 0)
#endif

#define barrier_var(var) asm volatile("" : "+r"(var))

/* enum bpf_field_info_kind */
#define EA_FIELD_BYTE_OFFSET 0
#define EA_FIELD_BYTE_SIZE   1
#define EA_FIELD_EXISTS      2
#define EA_FIELD_LSHIFT      4
#define EA_FIELD_RSHIFT      5
/* enum bpf_type_info_kind */
#define EA_TYPE_SIZE              1
#define field_exists(type, field) __builtin_preserve_field_info(((type *)0)->field, EA_FIELD_EXISTS)
#define field_offset(type, field)                                                                  \
	__builtin_preserve_field_info(((type *)0)->field, EA_FIELD_BYTE_OFFSET)

/* Reads one field through a pointer that the verifier does not know. */
#define READ(dst, pointer, field)                                                                  \
	bpf_probe_read_kernel(&(dst), sizeof(dst),                                                 \
			      __builtin_preserve_access_index(&(pointer)->field))

/*
 * The value of one field. A pointer that the verifier knows (an argument of the hook, the running
 * task, what GET made of them) is followed by a plain load, which is cheap; the legacy object has
 * few of those, and reads all alike. One step at a time: never GET(file, f_inode->i_ino). At each
 * step from one such pointer to another the verifier goes through all types of the kernel by name,
 * several times and for each way to it (6.2 to 6.18), so READ is for all steps but the most
 * frequent.
 */
#ifdef EA_LEGACY
#define GET(pointer, field)                                                                        \
	({                                                                                         \
		typeof((pointer)->field) value_;                                                   \
		bpf_probe_read_kernel((void *)&value_, sizeof(value_),                             \
				      __builtin_preserve_access_index(&(pointer)->field));         \
		value_;                                                                            \
	})
#else
#define GET(pointer, field) ((pointer)->field)
#endif

#endif
