//! The daemon: rules in, captured by eBPF programs and the kernel's own audit, `audit.log` out.
