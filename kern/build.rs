//! Compiles `bpf/audit.bpf.c` with clang into two CO-RE objects, which the library embeds: one for the kernels of today and one,
//! with `EA_LEGACY` defined, for those that lack what it uses (5.10; `bpf/helpers.h` says what that is).
//!
//! `CLANG` overrides the compiler. Without it the newest of Debian's versioned ones is taken.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// In this order of preference; 16 is the oldest that is tested.
const COMPILERS: [&str; 6] = ["clang-19", "clang-18", "clang-17", "clang-16", "clang-20", "clang"];

fn works(compiler: &str) -> bool {
    Command::new(compiler).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn compiler() -> String {
    println!("cargo:rerun-if-env-changed=CLANG");
    if let Ok(clang) = env::var("CLANG") {
        return clang;
    }
    match COMPILERS.iter().find(|name| works(name)) {
        Some(name) => (*name).to_owned(),
        None => panic!("no clang found; install Debian's package clang-19 (`make deps`)"),
    }
}

fn compile(clang: &str, source: &Path, object: &Path, bpf: &Path, defines: &[&str]) {
    let mut command = Command::new(clang);
    command
        .args(["-target", "bpfel", "-g", "-O2", "-mcpu=v3", "-nostdlibinc", "-fno-stack-protector"])
        .args(["-Wall", "-Werror", "-D__TARGET_ARCH_x86"])
        .args(defines)
        // the same bytes wherever the tree lies
        .arg(format!("-fdebug-prefix-map={}=.", bpf.display()))
        .arg("-I")
        .arg(bpf)
        .arg("-c")
        .arg(source)
        .arg("-o")
        .arg(object);
    match command.status() {
        Ok(status) if status.success() => {}
        result => panic!("cannot compile {}: {command:?}: {result:?}", source.display()),
    }
}

fn directory(variable: &str) -> PathBuf {
    match env::var_os(variable) {
        Some(value) => PathBuf::from(value),
        None => panic!("{variable} is not set: build with cargo"),
    }
}

fn main() {
    let bpf = directory("CARGO_MANIFEST_DIR").join("bpf");
    let out = directory("OUT_DIR");
    println!("cargo:rerun-if-changed={}", bpf.display());
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    assert_eq!(arch, "x86_64", "the eBPF programs read x86-64 registers; {arch} is not served yet");
    let clang = compiler();
    let audit = bpf.join("audit.bpf.c");
    compile(&clang, &audit, &out.join("audit.bpf.o"), &bpf, &[]);
    compile(&clang, &audit, &out.join("audit-legacy.bpf.o"), &bpf, &["-DEA_LEGACY"]);
    compile(&clang, &bpf.join("layout.bpf.c"), &out.join("layout.bpf.o"), &bpf, &[]);
}
