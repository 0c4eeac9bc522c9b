//! `ebpfauditd`: the audit daemon.
fn main() {}
