//! Which engine gets which rule.

use audit_rules::{Command, NoHost, parse_words};

use super::*;
use crate::role::Roles;
use crate::security_module::SecurityModule;
use crate::syscall_function::{Declaration, Functions, Kernel, Prototype, symbols};
use std::collections::HashMap;

/// Rules from lines as `auditctl` takes them.
pub(crate) fn rules(lines: &[&str]) -> Vec<Rule> {
    let mut rules = Vec::new();
    for line in lines {
        let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        for command in parse_words(&words, &NoHost).unwrap() {
            if let Command::Add { rule, .. } = command {
                rules.push(rule);
            }
        }
    }
    assert_eq!(rules.len(), lines.len());
    rules
}

fn offer() -> Offer {
    Offer {
        tracepoint: Ok(kern::hooks::HOOKS.iter().map(|info| info.hook).collect()),
        trampoline: Err("refused".into()),
        kernel_audit: Ok(()),
        modules: false,
        security: SecurityModule::None,
        trials: Vec::new(),
    }
}

/// The same with trampolines and every function that a program may want to hang on.
pub(crate) fn offer_with_trampolines() -> Offer {
    let declared = symbols(&ARCHES).zip(1..).map(|(name, id)| {
        let prototype = Prototype::Registers;
        (name, Declaration { id, prototype })
    });
    let kernel = Kernel { declared: declared.collect(), addresses: HashMap::new() };
    let hooks = kern::hooks::HOOKS.iter().map(|info| info.hook).collect();
    let trampoline = Trampoline { functions: Functions::new(&kernel), hooks, audits_rings: true };
    Offer { trampoline: Ok(trampoline), modules: true, ..offer() }
}

fn engines(lines: &[&str], offer: &Offer) -> Vec<EngineKind> {
    plan(&rules(lines), offer).assignments().iter().map(|assignment| assignment.engine).collect()
}

use EngineKind::{KernelAudit, Refused, Tracepoint, Trampoline as ByTrampoline};

#[test]
fn exec_goes_to_tracepoints_and_a_watch_to_the_kernel() {
    let lines = ["-a always,exit -F arch=b64 -S execve -k x", "-w /etc/passwd -p wa -k p"];
    assert_eq!(engines(&lines, &offer()), [Tracepoint, KernelAudit]);
}

#[test]
fn rules_that_share_a_syscall_share_an_engine() {
    let lines = [
        "-a always,exit -F arch=b64 -S openat -F success=1 -k o",
        "-a always,exit -F arch=b64 -S openat -F exit=-EACCES -k d",
        "-a always,exit -F arch=b64 -S kill -k k",
    ];
    assert_eq!(engines(&lines, &offer()), [KernelAudit, KernelAudit, Tracepoint]);
    assert_eq!(engines(&lines[..1], &offer()), [Tracepoint]);
}

#[test]
fn a_group_reaches_through_other_rules() {
    let lines = [
        "-a always,exit -F arch=b64 -S kill -S connect -k a",
        "-a always,exit -F arch=b64 -S connect -S unlink -k b",
        "-a always,exit -F arch=b64 -S setuid -k c",
    ];
    assert_eq!(engines(&lines, &offer()), [KernelAudit, KernelAudit, Tracepoint]);
}

#[test]
fn nothing_is_inert_without_tracepoints_or_without_the_kernel() {
    let lines = ["-a always,exit -F arch=b64 -S execve -k x", "-w /etc/passwd -p wa -k p"];
    let mut no_bpf = offer();
    no_bpf.tracepoint = Err("no BTF".into());
    assert_eq!(engines(&lines, &no_bpf), [KernelAudit, KernelAudit]);
    let mut no_audit = offer();
    no_audit.kernel_audit = Err("another daemon".into());
    assert_eq!(engines(&lines, &no_audit), [Tracepoint, Refused]);
    let mut neither = no_bpf;
    neither.kernel_audit = Err("another daemon".into());
    assert_eq!(engines(&lines, &neither), [Refused, Refused]);
}

#[test]
fn a_missing_hook_sends_its_rules_elsewhere() {
    let mut offer = offer();
    offer.tracepoint.as_mut().unwrap().remove(&Hook::PrepareExec);
    let lines = ["-a always,exit -F arch=b64 -S execve -k x", "-a always,exit -F arch=b64 -S kill -k k"];
    assert_eq!(engines(&lines, &offer), [KernelAudit, Tracepoint]);
}

#[test]
fn whole_tasks_go_to_the_kernel() {
    let lines = ["-a always,task -F uid=0", "-a always,exit -F arch=b64 -S kill -k k"];
    assert_eq!(engines(&lines, &offer()), [KernelAudit, KernelAudit]);
    assert_eq!(engines(&["-a never,task"], &offer()), [Tracepoint]);
}

#[test]
fn hooks_are_those_of_the_named_syscalls_only() {
    let plan = plan(&rules(&["-a always,exit -F arch=b64 -S kill -S setuid -k k"]), &offer());
    assert_eq!(*plan.assignments()[0].hooks, [Hook::SyscallExit, Hook::SignalGenerate]);
}

#[test]
fn with_trampolines_watches_and_failures_need_no_kernel_audit() {
    let lines = [
        "-w /etc/passwd -p wa -k p",
        "-a always,exit -F arch=b64 -S openat -F exit=-EACCES -k d",
        "-a always,exit -F arch=b64 -S mount -k m",
        "-a always,exit -F arch=b32 -S openat -k o",
    ];
    assert_eq!(engines(&lines, &offer_with_trampolines()), [ByTrampoline; 4]);
    // nothing hangs on every syscall, and each call that is named has its stub
    let plan = plan(&rules(&lines[2..]), &offer_with_trampolines());
    assert!(!plan.judges_everywhere());
    let stubs: Vec<&str> = plan.stubs().keys().map(|stub| &*stub.function.name).collect();
    assert_eq!(stubs, ["__ia32_compat_sys_openat", "__x64_sys_mount"]);
}

#[test]
fn what_a_trampoline_cannot_hang_on_is_served_otherwise() {
    let lines = ["-a always,exit -F arch=b64 -S rename -k r", "-a always,exit -F arch=b64 -S chdir -k c"];
    let mut offer = offer_with_trampolines();
    assert!(offer.refuse_hook(Hook::Rename) && !offer.refuse_hook(Hook::Rename));
    assert_eq!(engines(&lines, &offer), [KernelAudit, ByTrampoline]);
    // a stub that is refused: every exit is looked at instead
    let plain = rules(&["-a always,exit -F arch=b64 -S setuid -k s"]);
    let before = plan(&plain, &offer);
    let stub = before.stubs().keys().next().cloned().unwrap();
    assert!(offer.refuse(&stub.function));
    let after = plan(&plain, &offer);
    assert!(after.judges_everywhere() && after.stubs().is_empty());
    assert_eq!(after.assignments()[0].engine, ByTrampoline);
}

#[test]
fn rules_for_every_syscall_are_judged_at_every_exit() {
    let lines = ["-a always,exit -S all -F uid=7 -k e", "-a always,exit -F arch=b32 -S all -F uid=7 -k e"];
    assert_eq!(engines(&lines, &offer_with_trampolines()), [ByTrampoline; 2]);
    let plan = plan(&rules(&lines[..1]), &offer_with_trampolines());
    assert!(plan.judges_everywhere());
    // what never comes to its exit is judged where it begins
    assert!(plan.stubs().keys().all(|stub| stub.function.name.contains("exit")), "{:?}", plan.stubs());
    assert!([Hook::RingOperation, Hook::Return].iter().all(|hook| plan.hooks().contains(hook)));
}

#[test]
fn rules_on_names_are_about_syscalls_that_have_some() {
    let named = |line: &str| {
        let rule = rules(&[line]).pop().unwrap();
        move |name: &[u8]| {
            syscalls(&rule, 0).any(|number| table::syscall::number(ARCHES[0], name) == Some(number))
        }
    };
    for line in ["-a always,exit -S all -F path=/etc/passwd", "-a always,exit -S all -F obj_uid!=0"] {
        let named = named(line);
        assert!(
            named(b"openat") && named(b"io_uring_enter") && named(b"fchmod") && named(b"execve"),
            "{line}"
        );
        assert!(!named(b"getpid") && !named(b"read") && !named(b"io_uring_setup"), "{line}");
    }
    // not of the type: so is what has no name
    assert!(named("-a always,exit -S all -F filetype!=file")(b"getpid"));
}

#[test]
fn rules_on_operations_go_with_the_syscall_that_they_are_carried_out_in() {
    let lines = ["-a always,io_uring -S openat -k u", "-a always,exit -F arch=b64 -S io_uring_enter -k e"];
    assert_eq!(engines(&lines, &offer_with_trampolines()), [ByTrampoline; 2]);
    let mut old = offer_with_trampolines();
    old.trampoline.as_mut().unwrap().audits_rings = false;
    assert_eq!(engines(&lines, &old), [KernelAudit, KernelAudit]);
    assert_eq!(engines(&lines[1..], &old), [ByTrampoline]);
    assert_eq!(engines(&lines, &offer()), [KernelAudit, KernelAudit]);
}

#[test]
fn what_never_matches_needs_nothing_and_is_in_nobodys_way() {
    let lines = [
        "-a never,exit -F arch=b64 -S kill -S openat -F subj_type=chronyd_t",
        "-a always,exit -F arch=b64 -S kill -k k",
        "-a always,exit -F arch=b64 -S openat -F success=1 -k o",
        "-a always,exit -F path=/etc/passwd -F perm=w -F obj_user!=a",
        "-a always,exit -S all -F subj_clr>=s0",
        "-a always,task -F subj_user=a",
        "-a always,io_uring -S openat -F subj_sen=a",
    ];
    let mut offer = offer_with_trampolines();
    assert_eq!(
        engines(&lines, &offer),
        [ByTrampoline, ByTrampoline, ByTrampoline, ByTrampoline, ByTrampoline, Tracepoint, ByTrampoline]
    );
    let rules = rules(&lines);
    let found = plan(&rules, &offer);
    assert!(!found.judges_everywhere());
    for (assignment, line) in found.assignments().iter().zip(lines) {
        let is_never = line.contains("subj_") || line.contains("obj_");
        assert_eq!(assignment.never.is_some(), is_never, "{line}");
        assert_eq!(assignment.hooks.is_empty() && assignment.functions.is_empty(), is_never, "{line}");
        assert_eq!(assignment.reason.starts_with("never matches: "), is_never, "{line}");
    }
    // without trampolines; a kernel that does not know the list refuses the last
    offer.trampoline = Err("refused".into());
    offer.security = SecurityModule::AppArmor(Roles::default());
    let expected = [Tracepoint, Tracepoint, Tracepoint, Tracepoint, Tracepoint, Tracepoint, KernelAudit];
    assert_eq!(engines(&lines, &offer), expected);
    // what somebody may match goes to the kernel, and what shares a syscall with it
    offer.security = SecurityModule::Selinux;
    assert_eq!(engines(&lines[..3], &offer), [KernelAudit; 3]);
    offer.tracepoint = Err("no BTF".into());
    offer.security = SecurityModule::None;
    assert_eq!(engines(&lines, &offer), [KernelAudit; 7]);
}

#[test]
fn labels_that_programs_read_need_no_kernel_audit() {
    let lines = ["-a always,exit -F arch=b64 -S kill -F subj_role=unconfined"];
    let mut offer = offer_with_trampolines();
    let mut roles = Roles::default();
    offer.security = SecurityModule::AppArmor(roles.clone());
    assert_eq!(engines(&lines, &offer), [KernelAudit]);
    roles.set_legible(true);
    offer.security = SecurityModule::AppArmor(roles);
    assert_eq!(engines(&lines, &offer), [ByTrampoline]);
    offer.trampoline = Err("refused".into());
    assert_eq!(engines(&lines, &offer), [Tracepoint]);
    // of a name that no profile is known by the kernel is asked
    assert_eq!(engines(&["-a always,exit -S kill -F subj_role=no-such-profile"], &offer), [KernelAudit]);
}
