//! The section of an object that describes its types.

/// `sizeof(Elf64_Shdr)`
const HEADER: usize = 64;

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<usize> {
    let part = bytes.get(at..at.checked_add(N)?)?;
    Some(part.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte)))
}

/// The contents of an ELF object's section, by its name. `None`: no such section, or not a 64-bit ELF object.
pub(super) fn section<'a>(object: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    if !object.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let headers = number::<8>(object, 0x28)?;
    let count = number::<2>(object, 0x3c)?;
    let header = |index: usize| object.get(headers + index * HEADER..)?.get(..HEADER);
    let contents = |header: &[u8]| {
        let at = number::<8>(header, 0x18)?;
        object.get(at..at.checked_add(number::<8>(header, 0x20)?)?)
    };
    let names = contents(header(number::<2>(object, 0x3e)?)?)?;
    let found = (0..count).filter_map(header).find(|header| {
        let rest = number::<4>(header, 0).and_then(|at| names.get(at..));
        rest.and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| rest.first() == Some(&0))
    });
    contents(found?)
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
}
