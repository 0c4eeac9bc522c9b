//! An excerpt of the kernel's BTF: the types and functions that the programs speak of, at their own numbers, and nothing in the
//! place of all others. Relocating the programs against all of it takes seconds on a slow machine, and much memory.

use std::collections::HashSet;

use super::btf::{
    Head, KIND_ARRAY, KIND_CONST, KIND_ENUM, KIND_ENUM64, KIND_FUNC, KIND_FWD, KIND_STRUCT, KIND_TYPEDEF,
    KIND_UNION, TYPE, Types, trailing, word,
};

const KIND_VOLATILE: u32 = 9;
const KIND_RESTRICT: u32 = 11;
const KIND_TYPE_TAG: u32 = 18;

/// What `___` and behind it tell several versions of a type apart by.
fn without_flavor(name: &str) -> &str {
    name.split("___").next().unwrap_or(name)
}

/// Names of the types that an object of programs (its `.BTF` section) knows by name.
pub(super) fn type_names(object: &[u8]) -> Option<HashSet<&str>> {
    let btf = Types::new(object)?;
    let may_be_meant = |head: &Head| {
        matches!(head.kind, KIND_STRUCT | KIND_UNION | KIND_FWD | KIND_ENUM | KIND_ENUM64 | KIND_TYPEDEF)
    };
    let names = btf.heads().filter(may_be_meant).filter_map(|head| btf.name(head.name)).map(without_flavor);
    Some(names.filter(|name| !name.is_empty()).collect())
}

/// The excerpt of `kernel`: types with one of these names, all that they hold, and functions with one of these names. `None` if
/// this is not BTF.
pub(super) fn excerpt(kernel: &[u8], types: &HashSet<&str>, functions: &HashSet<&str>) -> Option<Vec<u8>> {
    let btf = Types::new(kernel)?;
    let mut kept = vec![false; btf.count() + 1];
    let mut next: Vec<u32> = Vec::new();
    for (id, head) in (1..).zip(btf.heads()) {
        let names = match head.kind {
            KIND_STRUCT | KIND_UNION | KIND_ENUM | KIND_ENUM64 | KIND_TYPEDEF => types,
            KIND_FUNC => functions,
            _ => continue,
        };
        if btf.name(head.name).is_some_and(|name| !name.is_empty() && names.contains(without_flavor(name))) {
            next.push(id);
        }
    }
    while let Some(id) = next.pop() {
        let Some(head) = btf.head(id).filter(|_| !std::mem::replace(&mut kept[id as usize], true)) else {
            continue;
        };
        match head.kind {
            KIND_STRUCT | KIND_UNION => {
                let types =
                    (0..head.members).map(|member| word(btf.bytes(), head.at + TYPE + 12 * member + 4));
                next.extend(types.collect::<Option<Vec<u32>>>()?);
            }
            KIND_ARRAY => next.extend([0, 4].map(|at| word(btf.bytes(), head.at + TYPE + at).unwrap_or(0))),
            KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST | KIND_RESTRICT | KIND_TYPE_TAG => next.push(head.word),
            // what is behind a pointer is another matter
            _ => {}
        }
    }
    let nothing = [0, KIND_FWD << 24, 0].map(u32::to_ne_bytes).concat();
    let mut out = Vec::with_capacity(TYPE * btf.count());
    for (head, kept) in btf.heads().zip(&kept[1..]) {
        if *kept {
            out.extend_from_slice(btf.bytes().get(head.at..head.at + TYPE + trailing(head)?)?);
        } else {
            out.extend_from_slice(&nothing);
        }
    }
    Some(btf.with_types(&out))
}

#[cfg(test)]
mod tests {
    use aya::Btf;
    use aya_obj::btf::BtfKind;

    use super::super::image;
    use super::*;

    /// What relocation against the excerpt gives is what it gives against the whole.
    #[test]
    fn programs_are_relocated_as_against_the_whole() {
        let Ok(kernel) = std::fs::read("/sys/kernel/btf/vmlinux") else {
            eprintln!("SKIP: this kernel has no BTF");
            return;
        };
        let functions = HashSet::from(["vfs_open", "filename_lookup"]);
        let whole = Btf::parse(&kernel, aya::Endianness::default()).unwrap();
        for object in [kern::OBJECT, kern::LEGACY_OBJECT] {
            let names = type_names(image::section(object, b".BTF").unwrap()).unwrap();
            assert!(names.contains("task_struct"));
            let part = excerpt(&kernel, &names, &functions).unwrap();
            assert!(part.len() < kernel.len());
            let part = Btf::parse(&part, aya::Endianness::default()).unwrap();
            for (name, kind) in
                [("task_struct", BtfKind::Struct), ("inode", BtfKind::Struct), ("vfs_open", BtfKind::Func)]
            {
                let known = whole.id_by_type_name_kind(name, kind).unwrap();
                assert_eq!(part.id_by_type_name_kind(name, kind).unwrap(), known);
            }
            let relocated = |btf: &Btf| {
                let mut object = aya_obj::Object::parse(object).unwrap();
                object.relocate_btf(btf).unwrap();
                let instructions = object.functions.values().flat_map(|function| &function.instructions);
                instructions.map(|one| (one.code, one.off, one.imm)).collect::<Vec<_>>()
            };
            assert!(relocated(&whole) == relocated(&part), "another relocation");
        }
    }
}
