//! Functions of the kernel that programs call: mirror of `bpf/abi/function.h`.

/// A function of the kernel that programs call where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// What programs call in its place: a number that no helper has.
    pub number: u32,
    /// Its name in the kernel's BTF.
    pub name: &'static str,
}

/// `EA_PREEMPT_DISABLE` and those after it.
pub const FUNCTIONS: [Function; 4] = [
    Function { number: 0x6561_0000, name: "bpf_preempt_disable" },
    Function { number: 0x6561_0001, name: "bpf_preempt_enable" },
    Function { number: 0x6561_0002, name: "bpf_local_irq_save" },
    Function { number: 0x6561_0003, name: "bpf_local_irq_restore" },
];
