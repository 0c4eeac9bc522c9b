/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The security context of a task: subj= and obj=. No helper gives its text. AppArmor keeps a
 * pointer to the label among the credentials' security data, at an offset that the kernel keeps in
 * apparmor_blob_sizes; user space finds that symbol's address. A label is a list of profiles.
 * SELinux keeps a number there (selinux.h). Only one of the two is active.
 */
#ifndef EA_LABEL_H
#define EA_LABEL_H

/* Address of the kernel's apparmor_blob_sizes; 0: AppArmor gives no contexts here. */
const volatile u64 ea_apparmor_sizes SEC(".rodata.features") = 0;

/* The label that a task's credentials hold, or the one that has replaced it; SELinux: the number.
 * 0: none. */
static __always_inline u64 label__of(const struct cred *cred)
{
	u64 security = 0, label = 0, proxy = 0, flags = 0;
	u32 offset = 0;

	if (ea_selinux_sizes)
		return selinux__of_cred(cred);
	if (!ea_apparmor_sizes || !cred)
		return 0;
	READ(offset, (struct lsm_blob_sizes *)ea_apparmor_sizes, lbs_cred);
	READ(security, cred, security);
	if (!security)
		return 0;
	bpf_probe_read_kernel(&label, sizeof(label), (void *)(security + offset));
	if (!label)
		return 0;
	READ(flags, (struct aa_label *)label, flags);
	if (flags & FLAG_STALE) {
		READ(proxy, (struct aa_label *)label, proxy);
		if (proxy)
			READ(label, (struct aa_proxy *)proxy, label);
	}
	return label;
}

/* One profile of a label as an item: its mode, the name of its namespace, its own. */
__noinline int label__emit_profile(u32 which, u64 profile_at, u32 type)
{
	struct aa_profile *profile = (struct aa_profile *)profile_at;
	struct ea_frame *frame = frame__of(which);
	u64 namespace = 0, parent = 0, unconfined = 0;
	struct ea_profile *to;
	const char *name = NULL;
	long length;
	u64 mode = 0;
	u32 flags = 0;

	/* a kernel without AppArmor does not know the types either */
	if (!frame || !ea_apparmor_sizes)
		return 0;
	to = (struct ea_profile *)emit__begin(frame, type, 0, sizeof(*to) + EA_PROFILE_NAME);
	if (!to)
		return 0;
	READ(namespace, profile, ns);
	READ(mode, profile, mode);
	READ(parent, (struct aa_ns *)namespace, parent);
	READ(unconfined, (struct aa_ns *)namespace, unconfined);
	if (unconfined == profile_at)
		flags |= EA_PROFILE_UNCONFINED;
	to->mode = (u32)mode;
	to->namespace_len = 0;
	if (parent) {
		READ(name, (struct aa_ns *)namespace, base.hname);
		length = bpf_probe_read_kernel_str(to->namespace, sizeof(to->namespace), name);
		to->namespace_len = length > 0 ? (u32)length - 1 : 0;
	}
	to->flags = flags;
	READ(name, profile, base.hname);
	length = bpf_probe_read_kernel_str(to + 1, EA_PROFILE_NAME, name);
	to->name_len = length > 0 ? (u32)length - 1 : 0;
	emit__end(frame, sizeof(*to) + (to->name_len & (EA_PROFILE_NAME - 1)));
	return 0;
}

/* A profile of a task's label: whether it is one that rules name. */
__noinline int label__role(u32 which, u32 generation, u64 profile_at)
{
	struct aa_profile *profile = (struct aa_profile *)profile_at;
	struct ea_frame *frame = frame__of(which);
	u64 namespace = 0, parent = 0;
	const char *name = NULL;
	u32 *number;

	if (!frame || !ea_apparmor_sizes)
		return 0;
	READ(namespace, profile, ns);
	READ(parent, (struct aa_ns *)namespace, parent);
	/* a profile of another namespace is another one, whatever its name */
	if (!namespace || parent)
		return 0;
	__builtin_memset(frame->role.name, 0, sizeof(frame->role.name));
	frame->role.generation = generation & 1;
	READ(name, profile, base.hname);
	if (bpf_probe_read_kernel_str(frame->role.name, sizeof(frame->role.name), name) <= 0)
		return 0;
	number = bpf_map_lookup_elem(&ea_roles, &frame->role);
	if (number)
		frame->roles |= 1ull << (*number & (EA_ROLES - 1));
	return 0;
}

/*
 * Which labels of subj_role= rules the label of these credentials (0: the running task's) has
 * within: aa_label_is_subset, which compares profiles by namespace and name. Without a label no
 * such rule matches, whatever its operator.
 */
__noinline int label__roles(u32 which, u32 generation, u64 cred)
{
	struct ea_frame *frame = frame__of(which);
	u64 label, profile;
	u32 size = 0;

	if (!frame)
		return 0;
	frame->roles = 0;
	frame->has_label = 0;
	if (!ea_apparmor_sizes)
		return 0;
	if (!cred)
		READ(cred, task__current(), cred);
	label = label__of((const struct cred *)cred);
	if (!label)
		return 0;
	frame->has_label = 1;
	READ(size, (struct aa_label *)label, size);
	for (u32 i = 0; i < EA_ROLE_PROFILES && i < size; i++) {
		profile = 0;
		bpf_probe_read_kernel(&profile, sizeof(profile),
				      (void *)(label + field_offset(struct aa_label, vec) + i * 8));
		if (profile)
			label__role(which, generation, profile);
	}
	return 0;
}

_Static_assert(EA_ITEM_OBJECT_SID - EA_ITEM_OBJECT == EA_ITEM_SUBJECT_SID - EA_ITEM_SUBJECT,
	       "each item of a label has one of a number");

/* The number of a context as an item. */
static __always_inline int label__emit_sid(u32 which, u32 sid, u32 type)
{
	struct ea_frame *frame = frame__of(which);
	u32 *to = NULL;

	if (frame && sid)
		to = (u32 *)emit__begin(frame, type, 0, sizeof(sid));
	if (!to)
		return 0;
	*to = sid;
	emit__end(frame, sizeof(sid));
	return 0;
}

/* All profiles of a label as items of this type, or its number as one. */
__noinline int label__emit(u32 which, u64 label, u32 type)
{
	u64 profile = 0;
	u32 size = 0;

	if (ea_selinux_sizes)
		return label__emit_sid(which, (u32)label,
				       type + EA_ITEM_SUBJECT_SID - EA_ITEM_SUBJECT);
	if (!label || !ea_apparmor_sizes)
		return 0;
	READ(size, (struct aa_label *)label, size);
	for (u32 i = 0; i < EA_PROFILES && i < size; i++) {
		bpf_probe_read_kernel(&profile, sizeof(profile),
				      (void *)(label + field_offset(struct aa_label, vec) + i * 8));
		if (profile)
			label__emit_profile(which, profile, type);
	}
	return 0;
}

#endif
