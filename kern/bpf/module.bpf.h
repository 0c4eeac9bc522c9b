/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The name of a module that is being loaded: audit_log_kern_module of kernel/module/main.c. */
#ifndef EA_MODULE_BPF_H
#define EA_MODULE_BPF_H

/*
 * struct module *find_module_all(const char *name, size_t, bool): the first module that load_module
 * looks for is the one it loads, of which there must not be another.
 */
PROGRAM("fentry/find_module_all", ea_find_module)
{
	struct ea_special *special = special__of(EA_FAMILY_INIT_MODULE);
	long length;
	u64 name;

	if (!special || special->type)
		return 0;
	bpf_probe_read_kernel(&name, sizeof(name), ctx);
	length = bpf_probe_read_kernel_str(special->bytes, EA_MODULE_MAX, (void *)name);
	if (length <= 0)
		return 0;
	special->len = (u32)length - 1;
	special->type = EA_ITEM_MODULE;
	return 0;
}

/* Set before load: the kernel tells audit of a load that fails before it looks for the module. */
const volatile u32 ea_module_early SEC(".rodata.module") = 0;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct load_info {
	const char *name;
};

#pragma clang attribute pop

/*
 * int load_module(struct load_info *, const char *arguments, int flags): it failed before it had
 * the module's name, for which the record has a question mark. If it had the name, the copy of the
 * module that holds it is gone by now.
 */
PROGRAM("fexit/load_module", ea_load_module)
{
	struct ea_special *special;
	u64 args[4], name = 0;

	if (!ea_module_early)
		return 0;
	special = special__of(EA_FAMILY_INIT_MODULE);
	if (!special || special->type)
		return 0;
	bpf_probe_read_kernel(args, sizeof(args), ctx);
	READ(name, (struct load_info *)args[0], name);
	if ((s32)args[3] >= 0 || name)
		return 0;
	special->bytes[0] = '?';
	special->len = 1;
	special->type = EA_ITEM_MODULE;
	return 0;
}

#endif
