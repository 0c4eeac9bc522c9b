/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The name of a module that is being loaded: audit_log_kern_module of kernel/module/main.c. */
#ifndef EA_MODULE_BPF_H
#define EA_MODULE_BPF_H

/*
 * struct module *find_module_all(const char *name, size_t, bool): the first module that load_module
 * looks for is the one it loads, of which there must not be another.
 */
SEC("fentry/find_module_all")
int ea_find_module(u64 *ctx)
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

#endif
