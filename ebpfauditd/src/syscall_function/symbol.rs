//! From a syscall to the names that the kernel's function for it may have.
//!
//! Source: `arch/x86/entry/syscalls/syscall_{32,64}.tbl` and `arch/x86/include/asm/syscall_wrapper.h` of 5.10 to 7.2.

use audit_rules::{Arch, table};

/// What the kernel runs for a syscall that it does not have (`kernel/sys_ni.c`).
pub(super) const NOT_IMPLEMENTED: &str = "sys_ni_syscall";

/// 64-bit syscalls whose function does not bear their name.
const X86_64: &[(&str, &str)] = &[
    ("fstat", "sys_newfstat"),
    ("get_thread_area", "sys_ni_syscall"),
    ("lstat", "sys_newlstat"),
    ("pread", "sys_pread64"),
    ("pwrite", "sys_pwrite64"),
    ("sendfile", "sys_sendfile64"),
    ("set_thread_area", "sys_ni_syscall"),
    ("stat", "sys_newstat"),
    ("umount2", "sys_umount"),
    ("uname", "sys_newuname"),
    ("uselib", "sys_ni_syscall"),
];

/// 32-bit syscalls whose function bears neither `compat_sys_` nor `sys_` and their name.
const I386: &[(&str, &str)] = &[
    ("_llseek", "sys_llseek"),
    ("_newselect", "compat_sys_select"),
    ("adjtimex", "sys_adjtimex_time32"),
    ("chown", "sys_chown16"),
    ("chown32", "sys_chown"),
    ("clock_adjtime", "sys_clock_adjtime32"),
    ("clock_adjtime64", "sys_clock_adjtime"),
    ("clock_getres", "sys_clock_getres_time32"),
    ("clock_getres_time64", "sys_clock_getres"),
    ("clock_gettime", "sys_clock_gettime32"),
    ("clock_gettime64", "sys_clock_gettime"),
    ("clock_nanosleep", "sys_clock_nanosleep_time32"),
    ("clock_nanosleep_time64", "sys_clock_nanosleep"),
    ("clock_settime", "sys_clock_settime32"),
    ("clock_settime64", "sys_clock_settime"),
    ("clone", "compat_sys_ia32_clone"),
    ("epoll_pwait", "sys_epoll_pwait"),
    ("fadvise64", "sys_ia32_fadvise64"),
    ("fadvise64_64", "sys_ia32_fadvise64_64"),
    ("fallocate", "sys_ia32_fallocate"),
    ("fchown", "sys_fchown16"),
    ("fchown32", "sys_fchown"),
    ("fcntl", "compat_sys_fcntl64"),
    ("fstat", "compat_sys_newfstat"),
    ("fstat64", "compat_sys_ia32_fstat64"),
    ("fstatat64", "compat_sys_ia32_fstatat64"),
    ("ftruncate64", "sys_ia32_ftruncate64"),
    ("futex", "sys_futex_time32"),
    ("futex_time64", "sys_futex"),
    ("futimesat", "sys_futimesat_time32"),
    ("getegid", "sys_getegid16"),
    ("getegid32", "sys_getegid"),
    ("geteuid", "sys_geteuid16"),
    ("geteuid32", "sys_geteuid"),
    ("getgid", "sys_getgid16"),
    ("getgid32", "sys_getgid"),
    ("getgroups", "sys_getgroups16"),
    ("getgroups32", "sys_getgroups"),
    ("getresgid", "sys_getresgid16"),
    ("getresgid32", "sys_getresgid"),
    ("getresuid", "sys_getresuid16"),
    ("getresuid32", "sys_getresuid"),
    ("getrlimit", "compat_sys_old_getrlimit"),
    ("getsockopt", "sys_getsockopt"),
    ("getuid", "sys_getuid16"),
    ("getuid32", "sys_getuid"),
    ("io_getevents", "sys_io_getevents_time32"),
    ("lchown", "sys_lchown16"),
    ("lchown32", "sys_lchown"),
    ("lstat", "compat_sys_newlstat"),
    ("lstat64", "compat_sys_ia32_lstat64"),
    ("mbind", "sys_mbind"),
    ("migrate_pages", "sys_migrate_pages"),
    ("mmap", "compat_sys_ia32_mmap"),
    ("mmap2", "sys_mmap_pgoff"),
    ("mq_timedreceive", "sys_mq_timedreceive_time32"),
    ("mq_timedreceive_time64", "sys_mq_timedreceive"),
    ("mq_timedsend", "sys_mq_timedsend_time32"),
    ("mq_timedsend_time64", "sys_mq_timedsend"),
    ("nanosleep", "sys_nanosleep_time32"),
    ("oldfstat", "sys_fstat"),
    ("oldlstat", "sys_lstat"),
    ("oldolduname", "sys_olduname"),
    ("oldstat", "sys_stat"),
    ("olduname", "sys_uname"),
    ("ppoll", "compat_sys_ppoll_time32"),
    ("pread64", "sys_ia32_pread64"),
    ("process_vm_readv", "sys_process_vm_readv"),
    ("process_vm_writev", "sys_process_vm_writev"),
    ("pselect6", "compat_sys_pselect6_time32"),
    ("pwrite64", "sys_ia32_pwrite64"),
    ("readahead", "sys_ia32_readahead"),
    ("readdir", "compat_sys_old_readdir"),
    ("recvmmsg", "compat_sys_recvmmsg_time32"),
    ("rt_sigtimedwait", "compat_sys_rt_sigtimedwait_time32"),
    ("sched_rr_get_interval", "sys_sched_rr_get_interval_time32"),
    ("sched_rr_get_interval64", "sys_sched_rr_get_interval"),
    ("select", "compat_sys_old_select"),
    ("semtimedop_time64", "sys_semtimedop"),
    ("sendfile64", "sys_sendfile64"),
    ("set_mempolicy", "sys_set_mempolicy"),
    ("setfsgid", "sys_setfsgid16"),
    ("setfsgid32", "sys_setfsgid"),
    ("setfsuid", "sys_setfsuid16"),
    ("setfsuid32", "sys_setfsuid"),
    ("setgid", "sys_setgid16"),
    ("setgid32", "sys_setgid"),
    ("setgroups", "sys_setgroups16"),
    ("setgroups32", "sys_setgroups"),
    ("setregid", "sys_setregid16"),
    ("setregid32", "sys_setregid"),
    ("setresgid", "sys_setresgid16"),
    ("setresgid32", "sys_setresgid"),
    ("setresuid", "sys_setresuid16"),
    ("setresuid32", "sys_setresuid"),
    ("setreuid", "sys_setreuid16"),
    ("setreuid32", "sys_setreuid"),
    ("setsockopt", "sys_setsockopt"),
    ("setuid", "sys_setuid16"),
    ("setuid32", "sys_setuid"),
    ("stat", "compat_sys_newstat"),
    ("stat64", "compat_sys_ia32_stat64"),
    ("stime", "sys_stime32"),
    ("sync_file_range", "sys_ia32_sync_file_range"),
    ("sys_kexec_load", "compat_sys_kexec_load"),
    ("time", "sys_time32"),
    ("timer_gettime", "sys_timer_gettime32"),
    ("timer_gettime64", "sys_timer_gettime"),
    ("timer_settime", "sys_timer_settime32"),
    ("timer_settime64", "sys_timer_settime"),
    ("timerfd_gettime", "sys_timerfd_gettime32"),
    ("timerfd_gettime64", "sys_timerfd_gettime"),
    ("timerfd_settime", "sys_timerfd_settime32"),
    ("timerfd_settime64", "sys_timerfd_settime"),
    ("truncate64", "sys_ia32_truncate64"),
    ("ugetrlimit", "compat_sys_getrlimit"),
    ("umount", "sys_oldumount"),
    ("umount2", "sys_umount"),
    ("uname", "sys_newuname"),
    ("utime", "sys_utime32"),
    ("utimensat", "sys_utimensat_time32"),
    ("utimensat_time64", "sys_utimensat"),
    ("utimes", "sys_utimes_time32"),
    ("vm86", "sys_ni_syscall"),
    ("vm86old", "sys_ni_syscall"),
];

/// What the functions of syscall `name` may be called without their prefix, in order of preference.
pub(super) fn stems(arch: Arch, name: &str) -> Vec<String> {
    let irregular = match arch {
        Arch::X86_64 => X86_64,
        _ => I386,
    };
    if let Ok(at) = irregular.binary_search_by_key(&name, |&(name, _)| name) {
        return vec![irregular[at].1.to_owned()];
    }
    let plain = format!("sys_{name}");
    match arch {
        Arch::X86_64 => vec![plain],
        // one that takes 32-bit structures, if there is one
        _ => vec![format!("compat_sys_{name}"), plain],
    }
}

/// The name of the function that takes the registers of a syscall.
pub(super) fn of_registers(arch: Arch, stem: &str) -> String {
    match arch {
        Arch::X86_64 => format!("__x64_{stem}"),
        _ => format!("__ia32_{stem}"),
    }
}

/// The name of the function of a syscall without arguments (`SYSCALL_DEFINE0`): all ABIs have the same, and BTF knows it by
/// this name only.
pub(super) fn of_nothing(stem: &str) -> String {
    format!("__do_{stem}")
}

fn all_stems(arches: &[Arch]) -> impl Iterator<Item = (Arch, String)> + '_ {
    arches
        .iter()
        .flat_map(|&arch| table::syscall::all(arch).map(move |(_, name)| (arch, name)))
        .flat_map(|(arch, name)| stems(arch, name).into_iter().map(move |stem| (arch, stem)))
        .chain(arches.iter().map(|&arch| (arch, NOT_IMPLEMENTED.to_owned())))
}

/// Every name that a function of a syscall of these architectures may have.
pub fn all(arches: &[Arch]) -> impl Iterator<Item = String> + '_ {
    all_stems(arches).flat_map(|(arch, stem)| [of_registers(arch, &stem), of_nothing(&stem)])
}

/// Those that tell by their addresses whether the kernel has the syscall.
pub fn all_of_registers(arches: &[Arch]) -> impl Iterator<Item = String> + '_ {
    all_stems(arches).map(|(arch, stem)| of_registers(arch, &stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn irregular_names_are_syscalls_in_order() {
        for (arch, list) in [(Arch::X86_64, X86_64), (Arch::I386, I386)] {
            assert!(list.is_sorted_by(|one, two| one.0 < two.0), "{arch:?}");
            for (name, _) in list {
                assert!(table::syscall::number(arch, name.as_bytes()).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn both_abis_have_their_own_functions() {
        assert_eq!(stems(Arch::X86_64, "openat"), ["sys_openat"]);
        assert_eq!(stems(Arch::X86_64, "stat"), ["sys_newstat"]);
        assert_eq!(stems(Arch::I386, "openat"), ["compat_sys_openat", "sys_openat"]);
        assert_eq!(stems(Arch::I386, "chown"), ["sys_chown16"]);
        assert_eq!(of_registers(Arch::I386, "compat_sys_openat"), "__ia32_compat_sys_openat");
        assert_eq!(of_nothing("sys_fork"), "__do_sys_fork");
    }
}
