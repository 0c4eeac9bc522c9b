//! The tables of watched inodes, watched names and trees: filled for a generation that is idle, and brought up to what the names
//! lead to at present, while the programs follow what happens to them.
//!
//! A name is put into its table without an inode first; from then on the programs follow it. Then it is looked up and bound, and
//! looked up again until it leads to what it is bound to: whatever happened in between has been followed, or is seen. What the
//! programs bound in the moment of our own write may be left over from that, and is swept away at the end.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::os::fd::AsFd;

use aya::maps::{Array, HashMap, MapData, MapError};
use aya::{Ebpf, Pod};
use kern::abi;

use super::value::{BoundValue, ChildValue, EndValue, ExeValue, ObjectValue, RunsValue, TagsValue};
use super::{EngineError, array, map_error, mark};
use crate::lower::{Tables, Watched};
use crate::watch::{Inode, Place, Watches};

/// `BPF_ANY`
pub(super) const ANY: u64 = 0;
/// How often a name may lead elsewhere while it is being bound. Somebody who renames faster than that does so all the time, and the
/// programs follow.
const ROUNDS: usize = 100;

const WATCHES: &str = "ea_watches";
const PARENTS: &str = "ea_parents";
const CHILDREN: &str = "ea_children";
const TREES: &str = "ea_trees";
const EXES: &str = "ea_exes";
const ENDS: &str = "ea_ends";

pub(super) type Table<'a, K, V> = HashMap<&'a mut MapData, K, V>;

pub(super) fn table<'a, K: Pod, V: Pod>(
    ebpf: &'a mut Ebpf,
    map: &'static str,
) -> Result<Table<'a, K, V>, EngineError> {
    let found = ebpf.map_mut(map).ok_or(EngineError::Map {
        act: "find",
        map,
        error: "the object has no such map".into(),
    })?;
    HashMap::try_from(found).map_err(map_error("open", map))
}

/// What a key leads to; `None` if there is no such key.
fn get<K: Pod, V: Pod>(map: &Table<'_, K, V>, key: &K, name: &'static str) -> Result<Option<V>, EngineError> {
    match map.get(key, 0) {
        Ok(value) => Ok(Some(value)),
        Err(MapError::KeyNotFound) => Ok(None),
        Err(error) => Err(map_error("read", name)(error)),
    }
}

/// Takes out a key, if it is there.
fn remove<K: Pod, V: Pod>(map: &mut Table<'_, K, V>, key: &K, name: &'static str) -> Result<(), EngineError> {
    match map.remove(key) {
        Ok(()) | Err(MapError::KeyNotFound) => Ok(()),
        Err(MapError::SyscallError(error)) if error.io_error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(map_error("write", name)(error)),
    }
}

/// Takes out the keys of a generation. The programs may take out others meanwhile, with which the walk begins anew.
pub(super) fn clear<K: Pod, V: Pod>(
    ebpf: &mut Ebpf,
    name: &'static str,
    is_of: impl Fn(&K) -> bool,
) -> Result<(), EngineError> {
    let mut map: Table<'_, K, V> = table(ebpf, name)?;
    let keys: Result<Vec<K>, MapError> = map.keys().filter(|key| key.as_ref().map_or(true, &is_of)).collect();
    for key in keys.map_err(map_error("read", name))? {
        remove(&mut map, &key, name)?;
    }
    Ok(())
}

const fn object(inode: Inode, slot: u32) -> ObjectValue {
    ObjectValue(abi::Object { ino: inode.ino, dev: inode.dev, generation: slot })
}

fn child(place: &Place, generation: u32) -> ChildValue {
    let mut name = [0; abi::NAME_MAX];
    name[..place.name.len()].copy_from_slice(&place.name);
    ChildValue(abi::Child { ino: place.dir.ino, dev: place.dir.dev, generation, name })
}

/// Empties the tables of a generation: names first, so that nothing is bound any more.
pub(super) fn empty(ebpf: &mut Ebpf, slot: u32) -> Result<(), EngineError> {
    clear::<ObjectValue, u32>(ebpf, PARENTS, |key| key.0.generation == slot)?;
    clear::<ChildValue, BoundValue>(ebpf, CHILDREN, |key| key.0.generation & !abi::CHILD_EXE == slot)?;
    clear::<ObjectValue, TagsValue>(ebpf, TREES, |key| key.0.generation == slot)?;
    clear::<ObjectValue, RunsValue>(ebpf, WATCHES, |key| key.0.generation == slot)?;
    mark::clear(ebpf, slot)
}

/// Fills the emptied tables of a generation with names that are not bound yet, trees and inode numbers.
pub(super) fn fill(
    ebpf: &mut Ebpf,
    slot: u32,
    tables: &Tables,
    watches: &Watches,
) -> Result<(), EngineError> {
    for (watched, &first) in &tables.watches {
        if let Watched::Inode(ino) = watched {
            mark::set(ebpf, u64::from(*ino), slot)?;
            let mut runs: Table<'_, ObjectValue, RunsValue> = table(ebpf, WATCHES)?;
            let key = object(Inode { ino: u64::from(*ino), dev: abi::ANY_DEV }, slot);
            let value = RunsValue(abi::Runs { first: [first, 0, 0, 0] });
            runs.insert(key, value, ANY).map_err(map_error("write", WATCHES))?;
        }
    }
    let mut children: Table<'_, ChildValue, BoundValue> = table(ebpf, CHILDREN)?;
    let mut dirs = Vec::new();
    for (place, generation, first) in names(slot, tables, watches) {
        let value = BoundValue(abi::Bound { first, dev: 0, ino: 0 });
        children.insert(child(place, generation), value, ANY).map_err(map_error("write", CHILDREN))?;
        dirs.push(place.dir);
    }
    dirs.sort_unstable();
    let mut parents: Table<'_, ObjectValue, u32> = table(ebpf, PARENTS)?;
    for same in dirs.chunk_by(|one, two| one == two) {
        parents.insert(object(same[0], slot), same.len() as u32, ANY).map_err(map_error("write", PARENTS))?;
    }
    let mut tags: Table<'_, ObjectValue, TagsValue> = table(ebpf, TREES)?;
    for (number, path) in tables.trees.iter().enumerate() {
        for &root in watches.roots(path) {
            let key = object(root, slot);
            let mut value = get(&tags, &key, TREES)?.unwrap_or(TagsValue(abi::Tags::default()));
            value.0.words[number / 64] |= 1 << (number % 64);
            tags.insert(key, value, ANY).map_err(map_error("write", TREES))?;
        }
    }
    Ok(())
}

/// The names to be followed: where each is, the generation of its key, and its run or number. Those of one directory follow each
/// other.
fn names<'a>(slot: u32, tables: &'a Tables, watches: &'a Watches) -> Vec<(&'a Place, u32, u32)> {
    let paths = tables.watches.iter().filter_map(|(watched, &first)| match watched {
        Watched::Path(path) => Some((watches.place(path)?, slot, first)),
        Watched::Inode(_) => None,
    });
    let programs = tables
        .exes
        .iter()
        .enumerate()
        .filter_map(|(number, path)| Some((watches.place(path)?, slot | abi::CHILD_EXE, number as u32)));
    let mut names: Vec<_> = paths.chain(programs).collect();
    names.sort_by_key(|(place, ..)| place.dir);
    names
}

/// Binds the names of a generation to what they lead to. The programs must be following them already. `before` has the programs
/// of the live generation: one that was deleted since keeps its inode.
pub(super) fn settle(
    ebpf: &mut Ebpf,
    slot: u32,
    tables: &Tables,
    watches: &Watches,
    before: &[Vec<u8>],
) -> Result<(), EngineError> {
    let mut dir = None;
    let mut settled = None;
    let mut disturbed = false;
    for (place, generation, first) in names(slot, tables, watches) {
        if settled != Some(place.dir) {
            dir = place.open();
            settled = Some(place.dir);
        }
        let look = || {
            let dir = dir.as_ref()?;
            // a directory that cannot be searched: whatever is bound stays
            place.look(dir.as_fd()).ok()
        };
        if generation & abi::CHILD_EXE == 0 {
            disturbed |= settle_watch(ebpf, &child(place, generation), first, place.dir.dev, look)?;
        } else {
            let known = tables.exes.get(first as usize);
            let known = known.and_then(|path| before.iter().position(|old| old == path));
            let known = known.map(|number| (1 - slot as usize) * abi::EXES + number);
            settle_program(ebpf, slot as usize * abi::EXES + first as usize, known, place.dir.dev, look)?;
        }
    }
    if disturbed { sweep(ebpf, slot) } else { Ok(()) }
}

/// `look` gives the inode that the name leads to, if any; `None` where it cannot be looked up. Then the other generation knows.
/// Gives whether somebody else was at work with the name.
fn settle_watch(
    ebpf: &mut Ebpf,
    key: &ChildValue,
    first: u32,
    dev: u32,
    look: impl Fn() -> Option<Option<u64>>,
) -> Result<bool, EngineError> {
    let slot = key.0.generation;
    let other = ChildValue(abi::Child { generation: 1 - slot, ..key.0 });
    let mut written = None;
    for _ in 0..ROUNDS {
        let children: Table<'_, ChildValue, BoundValue> = table(ebpf, CHILDREN)?;
        let found = match look() {
            Some(found) => found.unwrap_or(0),
            None => get(&children, &other, CHILDREN)?.map_or(0, |bound| bound.0.ino),
        };
        // gone with its directory, of which we hear later
        let Some(bound) = get(&children, key, CHILDREN)? else { return Ok(true) };
        if bound.0.ino == found {
            return Ok(written.is_some_and(|written| written != found));
        }
        if found != 0 {
            join(ebpf, object(Inode { ino: found, dev }, slot), first).map_err(|error| match error {
                EngineError::Crowded(_) => EngineError::Crowded(name_of(&key.0).to_vec()),
                other => other,
            })?;
        }
        let mut children: Table<'_, ChildValue, BoundValue> = table(ebpf, CHILDREN)?;
        let value = BoundValue(abi::Bound { first, dev, ino: found });
        children.insert(key, value, ANY).map_err(map_error("write", CHILDREN))?;
        if bound.0.ino != 0 {
            leave(ebpf, object(Inode { ino: bound.0.ino, dev: bound.0.dev }, slot), first)?;
        }
        // what was written a round ago has not lasted
        written = Some(if written.is_none() { found } else { u64::MAX });
    }
    Ok(true)
}

fn name_of(child: &abi::Child) -> &[u8] {
    child.name.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Takes watches off inodes that they are not bound to, and puts them on those they are.
fn sweep(ebpf: &mut Ebpf, slot: u32) -> Result<(), EngineError> {
    let bound = |ebpf: &mut Ebpf| -> Result<BTreeMap<u32, ObjectValue>, EngineError> {
        let children: Table<'_, ChildValue, BoundValue> = table(ebpf, CHILDREN)?;
        let all: Result<Vec<_>, MapError> = children.iter().collect();
        let all = all.map_err(map_error("read", CHILDREN))?;
        let mine = all.into_iter().filter(|(child, _)| child.0.generation == slot);
        let to = |bound: abi::Bound| object(Inode { ino: bound.ino, dev: bound.dev }, slot);
        Ok(mine.map(|(_, bound)| (bound.0.first, to(bound.0))).collect())
    };
    let map: Table<'_, ObjectValue, RunsValue> = table(ebpf, WATCHES)?;
    let all: Result<Vec<_>, MapError> = map.iter().collect();
    let all = all.map_err(map_error("read", WATCHES))?;
    let present = bound(ebpf)?;
    for (key, runs) in all {
        for &first in runs.0.first[..abi::WATCH_RUNS].iter().filter(|&&first| first != 0) {
            let belongs = key.0.dev == abi::ANY_DEV || present.get(&first).is_some_and(|to| to.0 == key.0);
            if key.0.generation == slot && !belongs {
                leave(ebpf, key, first)?;
            }
        }
    }
    for (first, to) in bound(ebpf)? {
        if to.0.ino != 0 {
            join(ebpf, to, first)?;
        }
    }
    Ok(())
}

/// Takes a watch off an inode, as `watch__unbind` does.
fn leave(ebpf: &mut Ebpf, key: ObjectValue, first: u32) -> Result<(), EngineError> {
    let mut map: Table<'_, ObjectValue, RunsValue> = table(ebpf, WATCHES)?;
    let Some(mut runs) = get(&map, &key, WATCHES)? else { return Ok(()) };
    for run in &mut runs.0.first[..abi::WATCH_RUNS] {
        if *run == first {
            *run = 0;
        }
    }
    if runs.0.first == [0; abi::RUNS] {
        remove(&mut map, &key, WATCHES)
    } else {
        map.insert(key, runs, ANY).map_err(map_error("write", WATCHES))
    }
}

/// Puts a watch on an inode, as `watch__bind` does.
fn join(ebpf: &mut Ebpf, key: ObjectValue, first: u32) -> Result<(), EngineError> {
    mark::set(ebpf, key.0.ino, key.0.generation)?;
    let mut map: Table<'_, ObjectValue, RunsValue> = table(ebpf, WATCHES)?;
    let mut runs = get(&map, &key, WATCHES)?.unwrap_or(RunsValue(abi::Runs::default()));
    let mine = &mut runs.0.first[..abi::WATCH_RUNS];
    if mine.contains(&first) {
        return Ok(());
    }
    *mine.iter_mut().find(|run| **run == 0).ok_or(EngineError::Crowded(Vec::new()))? = first;
    map.insert(key, runs, ANY).map_err(map_error("write", WATCHES))
}

/// Which file a program is. One that is missing is what it was before, at `known`, if it was anything.
fn settle_program(
    ebpf: &mut Ebpf,
    at: usize,
    known: Option<usize>,
    dev: u32,
    look: impl Fn() -> Option<Option<u64>>,
) -> Result<(), EngineError> {
    let mut map: Array<_, ExeValue> = array(ebpf, EXES)?;
    let read = |map: &Array<&mut MapData, ExeValue>, at: usize| {
        map.get(&(at as u32), 0).map_err(map_error("read", EXES))
    };
    let mut value = match known {
        Some(known) => read(&map, known)?.0,
        None => abi::Exe::default(),
    };
    for _ in 0..ROUNDS {
        if let Some(Some(ino)) = look() {
            value = abi::Exe { ino, dev, present: 1 };
        }
        if read(&map, at)?.0 == value {
            return Ok(());
        }
        map.set(at as u32, ExeValue(value), 0).map_err(map_error("write", EXES))?;
    }
    Ok(())
}

/// Looks up the programs of the live generation again, for kernels where nothing follows them.
pub(super) fn refresh(
    ebpf: &mut Ebpf,
    slot: u32,
    exes: &[Vec<u8>],
    watches: &Watches,
) -> Result<(), EngineError> {
    for (number, path) in exes.iter().enumerate() {
        let Some(place) = watches.place(path) else { continue };
        let Some(dir) = place.open() else { continue };
        let at = slot as usize * abi::EXES + number;
        let look = || place.look(dir.as_fd()).ok();
        settle_program(ebpf, at, Some(at), place.dir.dev, look)?;
    }
    Ok(())
}

/// Who ended an inode, as the programs saw; asked once. `None` if they did not.
pub(super) fn ended_by(ebpf: &mut Ebpf, inode: Inode) -> Result<Option<abi::End>, EngineError> {
    let mut map: Table<'_, ObjectValue, EndValue> = table(ebpf, ENDS)?;
    let key = object(inode, 0);
    let end = get(&map, &key, ENDS)?;
    remove(&mut map, &key, ENDS)?;
    Ok(end.map(|end| end.0))
}

#[cfg(test)]
mod tests;
