//! Excerpts of the kernel's BTF: the types that the programs speak of, to relocate them by, and what they are attached to, at its
//! own number. Relocating the programs against all of it takes seconds on a slow machine, and much memory.

use std::collections::{HashMap, HashSet};

use super::btf::{
    Head, KIND_ARRAY, KIND_CONST, KIND_ENUM, KIND_ENUM64, KIND_FUNC, KIND_FUNC_PROTO, KIND_FWD, KIND_PTR,
    KIND_STRUCT, KIND_TYPEDEF, KIND_UNION, TYPE, Types, made_of, trailing, word,
};

const KIND_VOLATILE: u32 = 9;
const KIND_RESTRICT: u32 = 11;
const KIND_TYPE_TAG: u32 = 18;

/// A name without what `___` and behind it tell several versions of a type apart by.
fn without_flavor(name: &str) -> &str {
    let end = name.as_bytes().windows(3).position(|three| three == b"___");
    end.map_or(name, |end| &name[..end])
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

/// The types and names of an excerpt, as they are written.
struct Excerpt<'a> {
    btf: &'a Types<'a>,
    types: Vec<u8>,
    names: Vec<u8>,
    /// Where the names of the whole are in the excerpt.
    known: HashMap<u32, u32>,
}

impl<'a> Excerpt<'a> {
    fn new(btf: &'a Types<'a>) -> Self {
        Self { btf, types: Vec::new(), names: vec![0], known: HashMap::from([(0, 0)]) }
    }

    /// Where a name of the whole is in the excerpt.
    fn name(&mut self, offset: u32) -> Option<u32> {
        if let Some(&known) = self.known.get(&offset) {
            return Some(known);
        }
        let at = self.names.len() as u32;
        self.names.extend_from_slice(self.btf.name(offset)?.as_bytes());
        self.names.push(0);
        self.known.insert(offset, at);
        Some(at)
    }

    fn words(&mut self, words: &[u32]) {
        self.types.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
    }

    /// A type with what follows it, where other types have the numbers that `number` gives.
    fn copy(&mut self, head: Head, number: impl Fn(u32) -> u32) -> Option<()> {
        let btf = self.btf;
        let at = |offset: usize| word(btf.bytes(), head.at + offset);
        let name = self.name(head.name)?;
        let refers = matches!(
            head.kind,
            KIND_PTR | KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST | KIND_RESTRICT | KIND_TYPE_TAG
        );
        if head.kind == KIND_FUNC_PROTO {
            // nothing is read through a function
            self.words(&[name, KIND_FUNC_PROTO << 24, 0]);
            return Some(());
        }
        self.words(&[name, at(4)?, if refers { number(head.word) } else { head.word }]);
        match head.kind {
            KIND_STRUCT | KIND_UNION => {
                for member in (TYPE..).step_by(12).take(head.members) {
                    let name = self.name(at(member)?)?;
                    self.words(&[name, number(at(member + 4)?), at(member + 8)?]);
                }
            }
            KIND_ARRAY => self.words(&[number(at(TYPE)?), number(at(TYPE + 4)?), at(TYPE + 8)?]),
            KIND_ENUM => {
                for value in (TYPE..).step_by(8).take(head.members) {
                    let name = self.name(at(value)?)?;
                    self.words(&[name, at(value + 4)?]);
                }
            }
            KIND_ENUM64 => {
                for value in (TYPE..).step_by(12).take(head.members) {
                    let name = self.name(at(value)?)?;
                    self.words(&[name, at(value + 4)?, at(value + 8)?]);
                }
            }
            _ => {
                let after = head.at + TYPE;
                self.types.extend_from_slice(btf.bytes().get(after..after + trailing(head)?)?);
            }
        }
        Some(())
    }
}

/// The types of the kernel that have one of these names, and all that they hold, numbered anew. `None` if the kernel's are damaged.
pub(super) fn of_types(btf: &Types<'_>, names: &HashSet<&str>) -> Option<Vec<u8>> {
    // 0: not among them
    let mut numbers = vec![0u32; btf.count() + 1];
    let mut next: Vec<u32> = Vec::new();
    for (id, head) in (1..).zip(btf.heads()) {
        let is_named = matches!(head.kind, KIND_STRUCT | KIND_UNION | KIND_ENUM | KIND_ENUM64 | KIND_TYPEDEF);
        if is_named && btf.name(head.name).is_some_and(|name| names.contains(without_flavor(name))) {
            next.push(id);
        }
    }
    while let Some(id) = next.pop() {
        let Some(head) = btf.head(id).filter(|_| std::mem::replace(&mut numbers[id as usize], 1) == 0) else {
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
    let kept: Vec<usize> = (1..numbers.len()).filter(|&id| numbers[id] != 0).collect();
    for (number, &id) in (1..).zip(&kept) {
        numbers[id] = number;
    }
    let mut excerpt = Excerpt::new(btf);
    for id in kept {
        let number = |id: u32| numbers.get(id as usize).copied().unwrap_or(0);
        excerpt.copy(btf.head(id as u32)?, number)?;
    }
    Some(made_of(&excerpt.types, &excerpt.names))
}

/// The functions and type names of the kernel among `names`, at their own numbers, and nothing in the place of all others. `None` if
/// the kernel's are damaged.
pub(super) fn of_names(btf: &Types<'_>, names: &HashSet<&str>) -> Option<Vec<u8>> {
    let mut excerpt = Excerpt::new(btf);
    let mut end = 0;
    excerpt.types.reserve(TYPE * btf.count());
    for head in btf.heads() {
        let is_named = matches!(head.kind, KIND_FUNC | KIND_TYPEDEF);
        if is_named && btf.name(head.name).is_some_and(|name| names.contains(name)) {
            excerpt.copy(head, |_| 0)?;
            end = excerpt.types.len();
        } else {
            excerpt.words(&[0, KIND_FWD << 24, 0]);
        }
    }
    Some(made_of(&excerpt.types[..end], &excerpt.names))
}

#[cfg(test)]
mod tests {
    use aya::{Btf, Endianness};
    use aya_obj::btf::BtfKind;

    use super::super::image;
    use super::*;

    /// What relocation against the excerpt gives is what it gives against the whole.
    #[test]
    fn programs_are_relocated_as_against_the_whole() {
        let Ok(kernel) = std::fs::read("/sys/kernel/btf/vmlinux") else {
            skipped!("this kernel has no BTF");
            return;
        };
        let whole = Btf::parse(&kernel, Endianness::default()).unwrap();
        let types = Types::new(&kernel).unwrap();
        for object in [kern::OBJECT, kern::LEGACY_OBJECT] {
            let names = type_names(image::section(object, b".BTF").unwrap()).unwrap();
            assert!(names.contains("task_struct"));
            let part = of_types(&types, &names).unwrap();
            assert!(part.len() < kernel.len() / 4);
            let part = Btf::parse(&part, Endianness::default()).unwrap();
            let relocated = |btf: &Btf| {
                let mut object = aya_obj::Object::parse(object).unwrap();
                object.relocate_btf(btf).unwrap();
                let instructions = object.functions.values().flat_map(|function| &function.instructions);
                instructions.map(|one| (one.code, one.off, one.imm)).collect::<Vec<_>>()
            };
            assert!(relocated(&whole) == relocated(&part), "another relocation");
        }
    }

    #[test]
    fn what_programs_are_attached_to_keeps_its_number() {
        let Ok(kernel) = std::fs::read("/sys/kernel/btf/vmlinux") else {
            skipped!("this kernel has no BTF");
            return;
        };
        let whole = Btf::parse(&kernel, Endianness::default()).unwrap();
        let wanted = [
            ("vfs_open", BtfKind::Func),
            ("filename_lookup", BtfKind::Func),
            ("btf_trace_sys_exit", BtfKind::Typedef),
        ];
        let names = wanted.iter().map(|(name, _)| *name).collect();
        let part = of_names(&Types::new(&kernel).unwrap(), &names).unwrap();
        assert!(part.len() < kernel.len());
        let part = Btf::parse(&part, Endianness::default()).unwrap();
        for (name, kind) in wanted {
            let known = whole.id_by_type_name_kind(name, kind).unwrap();
            assert_eq!(part.id_by_type_name_kind(name, kind).unwrap(), known);
        }
        assert!(part.id_by_type_name_kind("vfs_read", BtfKind::Func).is_err());
    }
}
