//! The machine on which the golden files were made, from `host.golden`.

use std::collections::{HashMap, HashSet};

use audit_rules::{Arch, Host};

use crate::{golden_folder, read};

/// The machine on which the golden files were made.
pub(crate) struct GoldenHost {
    users: HashMap<Vec<u8>, u32>,
    groups: HashMap<Vec<u8>, u32>,
    directories: HashSet<Vec<u8>>,
}

impl GoldenHost {
    pub(crate) fn new() -> Self {
        let mut host = Self { users: HashMap::new(), groups: HashMap::new(), directories: HashSet::new() };
        let facts = read(&golden_folder().join("host.golden"));
        for fact in facts.split(|&byte| byte == b'\n').filter(|fact| !fact.is_empty()) {
            let mut parts = fact.splitn(2, |&byte| byte == b' ');
            let (kind, rest) = (parts.next().expect("kind"), parts.next().expect("value"));
            if kind == b"directory" {
                host.directories.insert(rest.to_vec());
                continue;
            }
            let text = std::str::from_utf8(rest).expect("names are ASCII");
            let (name, id) = text.split_once(' ').expect("name and id");
            let id = id.parse().expect("an id");
            match kind {
                b"user" => host.users.insert(name.into(), id),
                b"group" => host.groups.insert(name.into(), id),
                _ => panic!("unknown fact in host.golden"),
            };
        }
        host
    }

    pub(crate) fn has_parent(&self, path: &[u8]) -> bool {
        let slash = path.iter().rposition(|&byte| byte == b'/').expect("absolute");
        self.is_directory(&path[..slash.max(1)])
    }
}

impl Host for GoldenHost {
    fn user(&self, name: &[u8]) -> Option<u32> {
        self.users.get(name).copied()
    }

    fn group(&self, name: &[u8]) -> Option<u32> {
        self.groups.get(name).copied()
    }

    fn user_name(&self, user: u32) -> Option<Vec<u8>> {
        name_of(&self.users, user)
    }

    fn group_name(&self, group: u32) -> Option<Vec<u8>> {
        name_of(&self.groups, group)
    }

    fn is_directory(&self, path: &[u8]) -> bool {
        let end = path.iter().rposition(|&byte| byte != b'/').map_or(1, |last| last + 1);
        self.directories.contains(&path[..end])
    }

    fn native_arch(&self) -> Arch {
        Arch::X86_64
    }
}

fn name_of(names: &HashMap<Vec<u8>, u32>, id: u32) -> Option<Vec<u8>> {
    names.iter().find(|(_, known)| **known == id).map(|(name, _)| name.clone())
}
