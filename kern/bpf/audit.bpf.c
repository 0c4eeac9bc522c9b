/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The only translation unit: one object, from which user space loads what the rules need. */
#include "abi.h"
#include "core.h"
#include "helpers.h"
#include "maps.h"
#include "task.h"
#include "path.h"
#include "emit.h"
#include "label.h"
#include "journal.h"
#include "filter.h"
#include "watch.h"
#include "signal.bpf.h"
#include "process.bpf.h"
#include "exec.bpf.h"
#include "net.bpf.h"
#include "syscall.bpf.h"
#include "probe.bpf.h"

char ea_license[] SEC("license") = "Dual BSD/GPL";
