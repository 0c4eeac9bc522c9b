//! What the table of hooks must agree with: the objects, and the programs' source.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

#[test]
fn lines_are_in_the_order_of_their_names() {
    for info in HOOKS {
        assert_eq!(info.hook.info().purpose, info.purpose);
    }
}

#[test]
fn names_the_programs_of_the_objects() {
    let programs = |object: &[u8]| -> BTreeSet<String> {
        aya_obj::Object::parse(object).unwrap().programs.keys().cloned().collect()
    };
    let judges = JUDGES.iter().map(|judge| &judge.place).chain([&TRAMPOLINE_PROBE, &OBJECT_PROBE]);
    let ours: BTreeSet<_> = HOOKS
        .iter()
        .flat_map(|info| info.ways.iter().copied().flatten())
        .chain(judges)
        .map(|place| place.program.to_owned())
        .chain([CONTEXT_PROGRAM.to_owned()])
        .collect();
    // what one of the objects has a way of its own for
    let old = ["ea_forget", "ea_socket_bind", "ea_socket_connect", "ea_socket_sendmsg"];
    let without = |others: &[&str]| -> BTreeSet<String> {
        ours.iter().filter(|program| !others.contains(&program.as_str())).cloned().collect()
    };
    assert_eq!(without(&["ea_move_addr_to_kernel"]), programs(crate::LEGACY_OBJECT));
    assert_eq!(without(&old), programs(crate::OBJECT));
}

/// A program that leaves word and has no twin would have the next one taken for one that has run.
#[test]
fn programs_leave_word_where_they_have_twins() {
    let mut told = BTreeMap::new();
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/bpf")).unwrap() {
        let path = file.unwrap().path();
        if !path.to_str().unwrap().ends_with(".bpf.h") {
            continue;
        }
        for line in std::fs::read_to_string(path).unwrap().split("\nPROGRAM").skip(1) {
            let (means, rest) = line.split_once('(').unwrap();
            let name = rest.split([',', ')']).nth(1).unwrap().trim();
            told.insert(name.to_owned(), means.to_owned());
        }
    }
    let mut count = 0;
    for info in HOOKS.iter().filter(|info| info.hook != Hook::Request) {
        for place in info.ways.iter().copied().flatten() {
            let means = if info.hook.is_alone() { "_ALONE" } else { "" };
            assert_eq!(told.get(place.program).map(String::as_str), Some(means), "{}", place.program);
            count += 1;
        }
    }
    assert!(count > 80, "{count}");
    for judge in JUDGES.iter().chain([&FILE_CALL]).filter(|judge| **judge != FEXIT_OPEN) {
        let means = &told[judge.place.program];
        assert!(["", "_WITH_LAST"].contains(&means.as_str()), "{}", judge.place.program);
    }
}

#[test]
fn the_judges_maps_are_in_the_objects() {
    for object in [crate::OBJECT, crate::LEGACY_OBJECT] {
        let object = aya_obj::Object::parse(object).unwrap();
        for judge in JUDGES.into_iter().chain([FILE_CALL]) {
            assert!(object.maps.contains_key(judge.programs), "{}", judge.programs);
        }
    }
}
