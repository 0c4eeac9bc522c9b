//! The kernel's own list of its functions: whether it has one, and which names are one function.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead};

/// Addresses of the wanted functions; 0 where the kernel hides them (`kptr_restrict`).
///
/// # Errors
/// The list cannot be read.
pub(super) fn addresses(
    mut list: impl BufRead,
    wanted: &HashSet<String>,
) -> io::Result<HashMap<String, u64>> {
    let mut found = HashMap::new();
    let mut line = Vec::with_capacity(256);
    let mut initials = [false; 256];
    for &initial in wanted.iter().filter_map(|name| name.as_bytes().first()) {
        initials[usize::from(initial)] = true;
    }
    loop {
        line.clear();
        if list.read_until(b'\n', &mut line)? == 0 {
            return Ok(found);
        }
        // "ffffffff81000000 T name", and for functions of modules "\t[module]"
        let mut words = line.trim_ascii_end().splitn(3, |&byte| byte == b' ');
        let (Some(address), Some(_), Some(name)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        if !name.first().is_some_and(|&initial| initials[usize::from(initial)]) {
            continue;
        }
        let Some(name) = std::str::from_utf8(name).ok().filter(|name| wanted.contains(*name)) else {
            continue;
        };
        let address = std::str::from_utf8(address).ok().and_then(|text| u64::from_str_radix(text, 16).ok());
        found.insert(name.to_owned(), address.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wanted_is_kept() {
        let list = b"ffffffff81000010 T __x64_sys_a\nffffffff81000020 t __x64_sys_b\t[module]\n\
                     0000000000000000 W __x64_sys_c\nbroken\nffffffff81000030 T sys_d\n\
                     ffffffff81000040 T sys_e\nffffffff81000050 t x\n";
        let wanted = ["__x64_sys_a", "__x64_sys_b", "__x64_sys_c", "sys_d"].map(str::to_owned).into();
        let found = addresses(&list[..], &wanted).unwrap();
        assert_eq!(found.len(), 3);
        assert_eq!(found["__x64_sys_a"], 0xffff_ffff_8100_0010);
        assert_eq!(found["__x64_sys_c"], 0);
    }
}
