//! An object as it lies in a file: its sections, and its calls of functions of the kernel.

use std::ops::Range;

use kern::abi::FUNCTIONS;

use super::bpf::{CALL, MOVE};

/// `sizeof(Elf64_Shdr)`
const HEADER: usize = 64;
/// `SHF_EXECINSTR`
const INSTRUCTIONS: usize = 4;
/// Bytes of an instruction: code, registers, offset (2), number (4).
const INSTRUCTION: usize = 8;
/// Source register of a call: a function of the kernel by its BTF id, `BPF_PSEUDO_KFUNC_CALL`.
const PSEUDO_FUNCTION: u8 = 2;

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<usize> {
    let part = bytes.get(at..at.checked_add(N)?)?;
    Some(part.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte)))
}

/// The headers of an ELF object's sections. `None`: not a 64-bit ELF object.
fn headers(object: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    if !object.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let headers = number::<8>(object, 0x28)?;
    let count = number::<2>(object, 0x3c)?;
    Some((0..count).filter_map(move |index| object.get(headers + index * HEADER..)?.get(..HEADER)))
}

/// Where the contents of a section are.
fn place(header: &[u8]) -> Option<Range<usize>> {
    let at = number::<8>(header, 0x18)?;
    Some(at..at.checked_add(number::<8>(header, 0x20)?)?)
}

/// The contents of an ELF object's section, by its name. `None`: no such section, or not a 64-bit ELF object.
pub(super) fn section<'a>(object: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let names = headers(object)?.nth(number::<2>(object, 0x3e)?)?;
    let names = object.get(place(names)?)?;
    let found = headers(object)?.find(|header| {
        let rest = number::<4>(header, 0).and_then(|at| names.get(at..));
        rest.and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| rest.first() == Some(&0))
    });
    object.get(place(found?)?)
}

/// The object with its calls of the kernel's [`FUNCTIONS`] by their BTF ids, or without these calls.
pub(super) fn with_functions(object: &[u8], ids: Option<[u32; FUNCTIONS.len()]>) -> Vec<u8> {
    let mut out = object.to_vec();
    let with_instructions =
        |header: &&[u8]| number::<8>(header, 8).is_some_and(|flags| flags & INSTRUCTIONS != 0);
    for section in headers(object).into_iter().flatten().filter(with_instructions).filter_map(place) {
        for instruction in out.get_mut(section).unwrap_or_default().chunks_exact_mut(INSTRUCTION) {
            let [CALL, 0, 0, 0, number @ ..] = instruction else { continue };
            let number = number.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte));
            let Some(which) = FUNCTIONS.iter().position(|function| function.number == number) else {
                continue;
            };
            let (head, number) = match ids {
                Some(ids) => ([CALL, PSEUDO_FUNCTION << 4, 0, 0], ids[which]),
                // r0 = 0: what else a call leaves there
                None => ([MOVE, 0, 0, 0], 0),
            };
            instruction[..4].copy_from_slice(&head);
            instruction[4..].copy_from_slice(&number.to_le_bytes());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_objects_have_types() {
        for object in [kern::OBJECT, kern::LEGACY_OBJECT] {
            let types = section(object, b".BTF").unwrap();
            assert_eq!(types[..2], 0xeb9f_u16.to_ne_bytes());
            assert!(section(object, b".BTF.ex").is_none());
        }
        for end in 0..200 {
            assert!(section(&kern::OBJECT[..end], b".BTF").is_none());
        }
    }

    /// How often a program of the object calls such a function by this number.
    fn calls(object: &[u8], register: u8, number: u32) -> usize {
        let call = [&[CALL, register << 4, 0, 0], number.to_le_bytes().as_slice()].concat();
        object.chunks_exact(INSTRUCTION).filter(|chunk| *chunk == call).count()
    }

    #[test]
    fn every_program_disables_preemption_and_enables_it() {
        let counts = FUNCTIONS.map(|function| calls(kern::OBJECT, 0, function.number));
        // a program for each way of each hook, two for judges and probes
        assert!(counts[0] > 80 && counts == [counts[0]; FUNCTIONS.len()], "{counts:?}");
        assert_eq!(
            FUNCTIONS.map(|function| calls(kern::LEGACY_OBJECT, 0, function.number)),
            [0; FUNCTIONS.len()]
        );
        let named = with_functions(kern::OBJECT, Some([4711, 4712, 4713, 4714]));
        assert_eq!([4711, 4712, 4713, 4714].map(|id| calls(&named, PSEUDO_FUNCTION, id)), counts);
        for object in [named, with_functions(kern::OBJECT, None)] {
            assert_eq!(object.len(), kern::OBJECT.len());
            assert_eq!(FUNCTIONS.map(|function| calls(&object, 0, function.number)), [0; FUNCTIONS.len()]);
        }
        for end in 0..200 {
            assert_eq!(with_functions(&kern::OBJECT[..end], None), &kern::OBJECT[..end]);
        }
    }
}
