use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use audit_rules::{Command, NoHost, parse_words};

use super::*;

fn rule(field: &str, path: &Path) -> Rule {
    let line = format!("-a always,exit -F arch=b64 -S openat -F {field}={}", path.display());
    let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    match parse_words(&words, &NoHost).unwrap().remove(0) {
        Command::Add { rule, .. } => rule,
        other => panic!("{other:?}"),
    }
}

struct Scene {
    at: tempfile::TempDir,
    watches: Watches,
}

impl Scene {
    fn new() -> Self {
        Self { at: tempfile::tempdir().unwrap(), watches: Watches::new().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.at.path().join(name)
    }

    fn dir(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir(&path).unwrap();
        path
    }
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

#[test]
fn paths_to_one_name_have_one_canonical_path() {
    let mut scene = Scene::new();
    let (dir, link) = (scene.dir("a"), scene.path("b"));
    symlink(&dir, &link).unwrap();
    let (one, two, other) = (dir.join("name"), link.join("name"), dir.join("other"));
    let rules = [rule("path", &one), rule("path", &two), rule("path", &other)];
    scene.watches.resolve(rules.iter()).unwrap();
    let watches = &scene.watches;
    assert_eq!(watches.place(bytes(&one)).unwrap().dir, watches.place(bytes(&two)).unwrap().dir);
    assert_eq!(watches.canonical(bytes(&two)), bytes(&one));
    assert_eq!(watches.canonical(bytes(&one)), bytes(&one));
    assert_eq!(watches.canonical(bytes(&other)), bytes(&other));
    scene.watches.keep(rules[1..].iter());
    assert_eq!(scene.watches.canonical(bytes(&two)), bytes(&two));
}

#[test]
fn a_missing_directory_is_an_error_and_leaves_what_was_there() {
    let mut scene = Scene::new();
    let good = rule("path", &scene.dir("here").join("name"));
    scene.watches.resolve([&good].into_iter()).unwrap();
    let path = scene.path("missing").join("name");
    let error = scene.watches.resolve([&rule("path", &path)].into_iter()).unwrap_err();
    assert_eq!(error, WatchError { path: bytes(&path).to_vec(), errno: Errno::ENOENT });
    let error = scene.watches.resolve([&rule("dir", &scene.path("missing"))].into_iter()).unwrap_err();
    assert_eq!(error.errno, Errno::ENOENT);
    assert_eq!(scene.watches.places.len(), 1);
}

#[test]
fn a_directory_that_moves_takes_its_watches_with_it_and_not_its_tree() {
    let mut scene = Scene::new();
    let dir = scene.dir("dir");
    let watched = dir.join("name");
    let rules = [rule("path", &watched), rule("dir", &dir)];
    scene.watches.resolve(rules.iter()).unwrap();
    let inode = scene.watches.roots(bytes(&dir))[0];
    assert_eq!(scene.watches.place(bytes(&watched)).unwrap().dir, inode);
    fs::write(&watched, "").unwrap();
    assert_eq!(scene.watches.lost().unwrap(), []);
    fs::rename(&dir, scene.path("elsewhere")).unwrap();
    let expected = Lost { path: bytes(&watched).to_vec(), inode, is_tree: false };
    assert_eq!(scene.watches.lost().unwrap(), [expected]);
    assert_eq!(scene.watches.roots(bytes(&dir)), [inode]);
    fs::remove_dir_all(scene.path("elsewhere")).unwrap();
    let expected = Lost { path: bytes(&dir).to_vec(), inode, is_tree: true };
    assert_eq!(scene.watches.lost().unwrap(), [expected]);
    assert_eq!(scene.watches.lost().unwrap(), []);
}

#[test]
fn a_resolved_path_stays_where_it_was_until_no_rule_has_it() {
    let mut scene = Scene::new();
    let (one, two, link) = (scene.dir("one"), scene.dir("two"), scene.path("link"));
    symlink(&one, &link).unwrap();
    let rules = [rule("path", &link.join("name"))];
    let path = link.join("name");
    scene.watches.resolve(rules.iter()).unwrap();
    let before = scene.watches.place(bytes(&path)).unwrap().dir;
    fs::remove_file(&link).unwrap();
    symlink(&two, &link).unwrap();
    scene.watches.resolve(rules.iter()).unwrap();
    assert_eq!(scene.watches.place(bytes(&path)).unwrap().dir, before);
    scene.watches.keep([].into_iter());
    scene.watches.resolve(rules.iter()).unwrap();
    assert_ne!(scene.watches.place(bytes(&path)).unwrap().dir, before);
}
