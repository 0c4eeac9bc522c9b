//! System calls of the 32-bit table that reach memory, which has to lie where 32 bits can say it.

#![allow(unsafe_code, reason = "int 0x80, and memory below 4 GiB")]

use nix::errno::Errno;

/// Memory below 4 GiB.
#[derive(Debug)]
pub struct Low {
    address: u32,
    length: usize,
}

impl Low {
    /// `bytes`, copied there, with room behind them for what a call writes (4 KiB at least).
    pub fn new(bytes: &[u8]) -> Result<Self, Errno> {
        let length = bytes.len() + 4096;
        // SAFETY: a new mapping at a place of the kernel's choice touches nothing that is there.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT,
                -1,
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        // SAFETY: the mapping is writable, longer than `bytes`, and nobody else knows it yet.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), address.cast(), bytes.len()) };
        let address = u32::try_from(address as usize).map_err(|_| Errno::EOVERFLOW)?;
        Ok(Self { address, length })
    }

    /// A string with its NUL.
    pub fn text(text: &str) -> Result<Self, Errno> {
        Self::new(&[text.as_bytes(), b"\0"].concat())
    }

    /// Where it is.
    pub fn address(&self) -> u32 {
        self.address
    }
}

impl Drop for Low {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and the address goes with it. A failure is impossible.
        unsafe { libc::munmap(self.address as usize as *mut libc::c_void, self.length) };
    }
}

/// One argument register of a 32-bit system call.
#[derive(Debug, Clone, Copy)]
pub enum Argument<'a> {
    /// A number.
    Number(u32),
    /// The address of memory that the kernel may read and write.
    Memory(&'a Low),
}

impl From<u32> for Argument<'_> {
    fn from(number: u32) -> Self {
        Self::Number(number)
    }
}

impl From<i32> for Argument<'_> {
    fn from(number: i32) -> Self {
        Self::Number(number as u32)
    }
}

impl<'a> From<&'a Low> for Argument<'a> {
    fn from(memory: &'a Low) -> Self {
        Self::Memory(memory)
    }
}

impl Argument<'_> {
    fn register(self) -> i64 {
        match self {
            Self::Number(number) => number.into(),
            Self::Memory(memory) => memory.address.into(),
        }
    }
}

/// Makes the 32-bit system call `number` with up to five arguments; the registers not given are zero.
pub fn call<const N: usize>(number: u32, arguments: [Argument<'_>; N]) -> Result<i64, Errno> {
    let mut registers = [0_i64; 5];
    for (register, argument) in registers.iter_mut().zip(arguments) {
        *register = argument.register();
    }
    let [first, second, third, fourth, fifth] = registers;
    let result: i64;
    // SAFETY: addresses come from live [`Low`] memory, of which nothing in this program holds a reference; rbx belongs to the
    // compiler and is put back.
    unsafe {
        std::arch::asm!(
            "xchg rbx, {first}",
            "int 0x80",
            "xchg rbx, {first}",
            first = inout(reg) first => _,
            inlateout("rax") i64::from(number) => result,
            in("rcx") second, in("rdx") third, in("rsi") fourth, in("rdi") fifth,
            lateout("r8") _, lateout("r9") _, lateout("r10") _, lateout("r11") _,
        );
    }
    let result = i64::from(result as i32);
    if (-4095..0).contains(&result) { Err(Errno::from_raw(-result as i32)) } else { Ok(result) }
}

/// `call` with each argument converted.
#[macro_export]
macro_rules! syscall32 {
    ($number:expr $(, $argument:expr)* $(,)?) => {
        $crate::low::call($number, [$($crate::low::Argument::from($argument)),*])
    };
}
