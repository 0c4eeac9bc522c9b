//! These need a kernel with BPF trampolines and root, and say so where they cannot run.

use std::fs::{self, File};
use std::os::linux::fs::MetadataExt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use audit_rules::{Command, NoHost, Rule, parse_words};
use aya::programs::FEntry;
use kern::hooks::Hook;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use super::*;
use crate::engine::ebpf::kernel_types::{self, KernelTypes, Places};
use crate::engine::ebpf::offer::SMALLEST_RING;
use crate::engine::ebpf::program::{Globals, load_maps};

/// The idle slot of a filter that has not switched yet.
const SLOT: u32 = 1;

/// A directory with watched names in it, and the program that follows them.
struct Scene {
    at: tempfile::TempDir,
    ebpf: Ebpf,
    watches: Watches,
    tables: Tables,
}

/// The loaded object with the program attached; `None`, with the reason said, where there are no trampolines.
fn follower() -> Option<Ebpf> {
    let bytes = kernel_types::read().unwrap();
    let types = kernel_types::types(&bytes).unwrap();
    let places = Places::new(&types).unwrap();
    let types = KernelTypes::new(&types, kernel_types::addresses).unwrap().0;
    let globals = Globals::find(false);
    let hook = Hook::Watch.info().ways[0][0];
    let mut reasons = Vec::new();
    for object in [kern::OBJECT, kern::LEGACY_OBJECT] {
        let attached = load_maps(&types, &globals, SMALLEST_RING, object)
            .map_err(|error| error.to_string())
            .and_then(|mut ebpf| {
                let program: &mut FEntry = ebpf.program_mut(hook.program).unwrap().try_into().unwrap();
                program.load(hook.target, &places.btf).map_err(|error| error.to_string())?;
                program.attach().map_err(|error| error.to_string())?;
                Ok(ebpf)
            });
        match attached {
            Ok(ebpf) => return Some(ebpf),
            Err(reason) => reasons.push(reason),
        }
    }
    skipped!("{} cannot be hooked: {reasons:?}", hook.target);
    None
}

fn rule(field: &str, path: &Path) -> Rule {
    let line = format!("-a always,exit -F arch=b64 -S openat -F {field}={}", path.display());
    let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    match parse_words(&words, &NoHost).unwrap().remove(0) {
        Command::Add { rule, .. } => rule,
        other => panic!("{other:?}"),
    }
}

fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}

fn ino(path: &Path) -> u64 {
    fs::symlink_metadata(path).unwrap().st_ino()
}

impl Scene {
    fn new() -> Option<Self> {
        let at = tempfile::tempdir().unwrap();
        let watches = Watches::new().unwrap();
        Some(Self { at, ebpf: follower()?, watches, tables: Tables::default() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.at.path().join(name)
    }

    /// Watches names, each with its own run: 10, 11, ...
    fn watch(&mut self, names: &[&str]) {
        let paths: Vec<PathBuf> = names.iter().map(|name| self.path(name)).collect();
        let rules: Vec<Rule> = paths.iter().map(|path| rule("path", path)).collect();
        self.watches.resolve(rules.iter()).unwrap();
        let runs = paths.iter().zip(10..);
        self.tables.watches = runs.map(|(path, first)| (Watched::Path(bytes(path)), first)).collect();
    }

    fn load(&mut self) {
        empty(&mut self.ebpf, SLOT).unwrap();
        fill(&mut self.ebpf, SLOT, &self.tables, &self.watches).unwrap();
        settle(&mut self.ebpf, SLOT, &self.tables, &self.watches, &[]).unwrap();
    }

    /// All inodes that are watched, each with its runs in order. Each must have its mark, or no open would look for its watches.
    fn watched(&mut self) -> Vec<(u64, Vec<u32>)> {
        let map: Table<'_, ObjectValue, RunsValue> = table(&mut self.ebpf, WATCHES).unwrap();
        let mut found: Vec<_> = map
            .iter()
            .map(|entry| {
                let (key, runs) = entry.unwrap();
                let mut runs: Vec<u32> = runs.0.first.into_iter().filter(|&run| run != 0).collect();
                runs.sort_unstable();
                (key.0.ino, runs)
            })
            .collect();
        found.sort_unstable();
        for &(ino, _) in &found {
            assert!(mark::is_set(&mut self.ebpf, ino, SLOT), "{ino}");
        }
        found
    }

    fn program(&mut self, number: u32) -> abi::Exe {
        let map: Array<_, ExeValue> = array(&mut self.ebpf, EXES).unwrap();
        map.get(&(SLOT * abi::EXES as u32 + number), 0).unwrap().0
    }
}

#[test]
fn a_watch_follows_its_name() {
    let Some(mut scene) = Scene::new() else { return };
    scene.watch(&["name"]);
    let (name, other) = (scene.path("name"), scene.path("other"));
    scene.load();
    assert_eq!(scene.watched(), []);

    fs::write(&name, "").unwrap();
    let first = ino(&name);
    assert_eq!(scene.watched(), [(first, vec![10])], "created");
    fs::remove_file(&name).unwrap();
    assert_eq!(scene.watched(), [], "deleted");
    fs::write(&other, "").unwrap();
    assert_eq!(scene.watched(), [], "another name");
    fs::rename(&other, &name).unwrap();
    assert_eq!(scene.watched(), [(ino(&name), vec![10])], "moved to");
    fs::write(&other, "").unwrap();
    fs::rename(&other, &name).unwrap();
    assert_eq!(scene.watched(), [(ino(&name), vec![10])], "replaced");
    fs::rename(&name, &other).unwrap();
    assert_eq!(scene.watched(), [], "moved away");
    fs::hard_link(&other, &name).unwrap();
    assert_eq!(scene.watched(), [(ino(&other), vec![10])], "linked");
    fs::remove_file(&other).unwrap();
    assert_eq!(scene.watched(), [(ino(&name), vec![10])], "the other link deleted");
    fs::write(&other, "").unwrap();
    // The kernel tells of an exchange as of two moves one after the other, and of the second with the names as they are after the
    // first: so its watches lose sight of the name that the exchange was asked for as the target.
    renameat2(AT_FDCWD, &name, AT_FDCWD, &other, RenameFlags::RENAME_EXCHANGE).unwrap();
    assert_eq!(scene.watched(), [(ino(&name), vec![10])], "exchanged");
    renameat2(AT_FDCWD, &other, AT_FDCWD, &name, RenameFlags::RENAME_EXCHANGE).unwrap();
    assert_eq!(scene.watched(), [], "exchanged as the target");
    fs::remove_file(&name).unwrap();
    fs::create_dir(&name).unwrap();
    assert_eq!(scene.watched(), [(ino(&name), vec![10])], "a directory");
    fs::remove_dir(&name).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &name).unwrap();
    assert_eq!(scene.watched(), [(ino(&name), vec![10])], "a link, not what it leads to");
    fs::remove_file(&name).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(&name).unwrap();
    assert_eq!(scene.watched(), [(ino(&name), vec![10])], "a socket");
    drop(socket);
}

#[test]
fn what_is_there_already_is_bound() {
    let Some(mut scene) = Scene::new() else { return };
    let (one, two) = (scene.path("one"), scene.path("two"));
    fs::write(&one, "").unwrap();
    fs::hard_link(&one, &two).unwrap();
    scene.watch(&["one", "two", "three"]);
    scene.load();
    let inode = ino(&one);
    assert!(!mark::is_set(&mut scene.ebpf, inode + 1, SLOT), "the number of nothing watched");
    assert_eq!(scene.watched(), [(inode, vec![10, 11])]);
    scene.load();
    assert_eq!(scene.watched(), [(inode, vec![10, 11])], "loaded again");
    fs::remove_file(&one).unwrap();
    assert_eq!(scene.watched(), [(inode, vec![11])]);
    fs::rename(&two, &one).unwrap();
    assert_eq!(scene.watched(), [(inode, vec![10])]);
    empty(&mut scene.ebpf, SLOT).unwrap();
    assert_eq!(scene.watched(), []);
    assert!(!mark::is_set(&mut scene.ebpf, inode, SLOT), "emptied");
}

#[test]
fn an_inode_carries_so_many_watches() {
    let Some(mut scene) = Scene::new() else { return };
    let names = ["a", "b", "c", "d"];
    scene.watch(&names);
    fs::write(scene.path("a"), "").unwrap();
    for name in &names[1..] {
        fs::hard_link(scene.path("a"), scene.path(name)).unwrap();
    }
    let Scene { ebpf, tables, watches, .. } = &mut scene;
    fill(ebpf, SLOT, tables, watches).unwrap();
    let result = settle(ebpf, SLOT, tables, watches, &[]);
    assert!(matches!(result, Err(EngineError::Crowded(_))), "{result:?}");
}

#[test]
fn a_name_that_is_replaced_all_the_time_is_bound_to_what_it_is_at_last() {
    let Some(mut scene) = Scene::new() else { return };
    scene.watch(&["name"]);
    let (name, other) = (scene.path("name"), scene.path("other"));
    let replace = |rounds: usize| {
        for _ in 0..rounds {
            fs::write(&other, "").unwrap();
            fs::rename(&other, &name).unwrap();
        }
    };
    std::thread::scope(|threads| {
        let replacer = threads.spawn(|| replace(2000));
        while !replacer.is_finished() {
            scene.load();
        }
        replacer.join().unwrap();
    });
    assert_eq!(scene.watched(), [(ino(&name), vec![10])]);
}

#[test]
fn a_directory_that_moves_leaves_nothing_watched() {
    let Some(mut scene) = Scene::new() else { return };
    let dir = scene.path("dir");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("name"), "").unwrap();
    scene.watch(&["dir/name"]);
    scene.load();
    assert_eq!(scene.watched().len(), 1);
    fs::rename(&dir, scene.path("elsewhere")).unwrap();
    let lost = scene.watches.lost().unwrap();
    assert_eq!(lost.len(), 1);
    let by = ended_by(&mut scene.ebpf, lost[0].inode).unwrap().unwrap();
    let auid: u32 = fs::read_to_string("/proc/self/loginuid").unwrap().trim().parse().unwrap();
    assert_eq!(by.auid, auid);
    assert_eq!(ended_by(&mut scene.ebpf, lost[0].inode).unwrap(), None);
    // the programs of kernels before 5.17 leave this to us
    if scene.ebpf.program("ea_forget").is_none() {
        assert_eq!(scene.watched(), []);
        File::create(scene.path("elsewhere").join("name")).unwrap();
        assert_eq!(scene.watched(), []);
    }
}

#[test]
fn a_tree_has_its_roots_until_they_are_removed() {
    let Some(mut scene) = Scene::new() else { return };
    let dir = scene.path("dir");
    fs::create_dir(&dir).unwrap();
    let rules = [rule("dir", &dir), rule("dir", scene.at.path())];
    scene.watches.resolve(rules.iter()).unwrap();
    scene.tables.trees = vec![bytes(&dir), bytes(scene.at.path())];
    scene.load();
    let root = scene.watches.roots(&bytes(&dir))[0];
    let tags = |scene: &mut Scene| {
        let map: Table<'_, ObjectValue, TagsValue> = table(&mut scene.ebpf, TREES).unwrap();
        get(&map, &object(root, SLOT), TREES).unwrap().map(|tags| tags.0.words[0])
    };
    assert_eq!(tags(&mut scene), Some(1));
    fs::rename(&dir, scene.path("elsewhere")).unwrap();
    assert_eq!(tags(&mut scene), Some(1));
    fs::remove_dir(scene.path("elsewhere")).unwrap();
    assert_eq!(tags(&mut scene), None);
}

#[test]
fn a_program_is_the_file_that_was_put_in_its_place() {
    let Some(mut scene) = Scene::new() else { return };
    let program = scene.path("program");
    scene.watches.resolve([rule("exe", &program)].iter()).unwrap();
    scene.tables.exes = vec![bytes(&program)];
    scene.load();
    assert_eq!(scene.program(0).present, 0);
    fs::write(&program, "").unwrap();
    let first = ino(&program);
    assert_eq!((scene.program(0).ino, scene.program(0).present), (first, 1));
    fs::remove_file(&program).unwrap();
    assert_eq!((scene.program(0).ino, scene.program(0).present), (first, 1));
    fs::write(scene.path("new"), "").unwrap();
    let second = ino(&scene.path("new"));
    fs::rename(scene.path("new"), &program).unwrap();
    assert_eq!(scene.program(0).ino, second);
}
