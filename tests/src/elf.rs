//! Programs of a few bytes, which need neither a loader nor a library.

const BASE: u64 = 0x40_0000;
const HEADERS: usize = 64 + 56;

/// A program that ends with status 0.
pub fn quiet() -> Vec<u8> {
    // mov eax, 231 (exit_group); xor edi, edi; syscall
    program(&[0xb8, 231, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05])
}

/// A program that ends with the first byte of its first argument, plus `offset`, as its status.
pub fn telling(offset: u8) -> Vec<u8> {
    // mov rsi, [rsp+16]; movzx edi, byte [rsi]; add edi, offset; mov eax, 231; syscall
    program(&[
        0x48, 0x8b, 0x74, 0x24, 16, 0x0f, 0xb6, 0x3e, 0x83, 0xc7, offset, 0xb8, 231, 0, 0, 0, 0x0f, 0x05,
    ])
}

/// An ELF file of x86-64: two headers and the code, all in one segment.
fn program(code: &[u8]) -> Vec<u8> {
    let length = (HEADERS + code.len()) as u64;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    for half in [2_u16, 62] {
        file.extend(half.to_le_bytes()); // an executable; x86-64
    }
    file.extend(1_u32.to_le_bytes());
    for word in [BASE + HEADERS as u64, 64, 0] {
        file.extend(word.to_le_bytes()); // entry; where the program header is; no section headers
    }
    file.extend(0_u32.to_le_bytes());
    for half in [64_u16, 56, 1, 64, 0, 0] {
        file.extend(half.to_le_bytes()); // sizes and numbers of headers
    }
    for word in [1_u32, 5] {
        file.extend(word.to_le_bytes()); // to be loaded; read and execute
    }
    for word in [0, BASE, BASE, length, length, 0x1000] {
        file.extend(word.to_le_bytes());
    }
    file.extend(code);
    file
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::OpenOptionsExt;
    use std::process::Command;

    #[test]
    fn they_run() {
        let directory = tempfile::tempdir().unwrap();
        for (name, program, argument, status) in
            [("quiet", super::quiet(), "0", 0), ("telling", super::telling(2), "1", i32::from(b'1') + 2)]
        {
            let path = directory.path().join(name);
            // By another process: a child that is forked meanwhile must not hold it open for writing.
            let source = directory.path().join("source");
            std::fs::write(&source, program).unwrap();
            drop(std::fs::OpenOptions::new().create_new(true).write(true).mode(0o755).open(&path).unwrap());
            assert!(Command::new("cp").arg(&source).arg(&path).status().unwrap().success());
            assert_eq!(Command::new(&path).arg(argument).status().unwrap().code(), Some(status), "{name}");
        }
    }
}
