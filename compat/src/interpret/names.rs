//! User and group names, looked up once and kept as the log shows them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use users::{get_group_by_gid, get_user_by_uid};

use crate::record::quote;

/// How many users, and how many groups, are remembered. Ids come from outside (a privileged program can use any), so the
/// memory needs an end; at the end everything is forgotten at once, which is simple and rare.
const MOST: usize = 16 * 1024;

/// Names of user and group ids, already encoded as auditd's enrichment writes them: `"root"`, `"unset"` for -1,
/// `"unknown(1234)"` for an id nobody has; upper-case hex without quotes if the name needs it.
#[derive(Debug)]
pub struct Names {
    users: Memory,
    groups: Memory,
}

/// What is remembered of one kind of ids.
#[derive(Debug)]
struct Memory {
    look_up: fn(u32) -> Option<Vec<u8>>,
    /// Where among the texts that of an id is.
    places: HashMap<u32, usize, BuildHasherDefault<IdHasher>>,
    texts: Vec<Box<[u8]>>,
}

impl Memory {
    fn new(look_up: fn(u32) -> Option<Vec<u8>>) -> Self {
        Self { look_up, places: HashMap::default(), texts: Vec::new() }
    }

    fn clear(&mut self) {
        self.places.clear();
        self.texts.clear();
    }

    fn get(&mut self, id: u32) -> &[u8] {
        let place = self.places.get(&id).copied().unwrap_or_else(|| self.learn(id));
        &self.texts[place]
    }

    /// Asks the system; where the answer is now.
    fn learn(&mut self, id: u32) -> usize {
        if self.texts.len() > MOST {
            self.clear();
        }
        let place = self.texts.len();
        self.texts.push(encode(id, self.look_up));
        self.places.insert(id, place);
        place
    }
}

impl Names {
    /// An empty cache that asks the system (NSS: files, LDAP, ..., as the machine is set up).
    pub fn new() -> Self {
        Self::with(
            |uid| get_user_by_uid(uid).map(|user| user.name().as_encoded_bytes().to_vec()),
            |gid| get_group_by_gid(gid).map(|group| group.name().as_encoded_bytes().to_vec()),
        )
    }

    /// An empty cache that asks these functions for the plain name of a user and of a group.
    pub fn with(user: fn(u32) -> Option<Vec<u8>>, group: fn(u32) -> Option<Vec<u8>>) -> Self {
        Self { users: Memory::new(user), groups: Memory::new(group) }
    }

    /// Forgets everything, so that the next look-up asks the system again.
    pub fn flush(&mut self) {
        self.users.clear();
        self.groups.clear();
    }

    /// The encoded name of a user.
    pub fn user(&mut self, uid: u32) -> &[u8] {
        self.users.get(uid)
    }

    /// The encoded name of a group.
    pub fn group(&mut self, gid: u32) -> &[u8] {
        self.groups.get(gid)
    }
}

impl Default for Names {
    fn default() -> Self {
        Self::new()
    }
}

fn encode(id: u32, look_up: fn(u32) -> Option<Vec<u8>>) -> Box<[u8]> {
    let name = if id == u32::MAX {
        b"unset".to_vec()
    } else {
        look_up(id).unwrap_or_else(|| format!("unknown({id})").into_bytes())
    };
    let mut out = Vec::with_capacity(name.len() + 2);
    quote::untrusted(&mut out, &name);
    out.into_boxed_slice()
}

/// Hash of one number. A dozen ids are looked up for every event; the standard hash, made for hostile keys, would cost
/// more than all the rest. Ids that collide on purpose gain nothing: [`MOST`] bounds the table.
#[derive(Clone, Copy, Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.write_u32(u32::from(b));
        }
    }

    fn write_u32(&mut self, id: u32) {
        // 2^64 divided by the golden ratio spreads neighbouring ids over all bits.
        self.0 = (self.0 ^ u64::from(id)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn names_are_encoded_like_strings_of_the_kernel() {
        let mut names = Names::with(
            |uid| match uid {
                0 => Some(b"root".to_vec()),
                1 => Some(b"two words".to_vec()),
                _ => None,
            },
            |gid| (gid == 0).then(|| b"wheel".to_vec()),
        );
        assert_eq!(names.user(0), b"\"root\"");
        assert_eq!(names.user(1), b"74776F20776F726473");
        assert_eq!(names.user(1234), b"\"unknown(1234)\"");
        assert_eq!(names.user(u32::MAX), b"\"unset\"");
        assert_eq!(names.group(0), b"\"wheel\"");
        assert_eq!(names.group(u32::MAX), b"\"unset\"");
    }

    #[test]
    fn the_system_is_asked_once_until_flushed() {
        static ASKED: AtomicU32 = AtomicU32::new(0);
        let mut names = Names::with(
            |_| {
                ASKED.fetch_add(1, Ordering::Relaxed);
                None
            },
            |_| None,
        );
        names.user(7);
        names.user(7);
        assert_eq!(ASKED.load(Ordering::Relaxed), 1);
        names.flush();
        names.user(7);
        assert_eq!(ASKED.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn memory_is_bounded() {
        let mut names = Names::with(|_| None, |_| None);
        for id in 0..3 * MOST as u32 {
            names.user(id);
            names.group(id);
        }
        assert!(names.users.texts.len() <= MOST + 1 && names.groups.places.len() <= MOST + 1);
    }

    #[test]
    fn the_running_system_knows_root() {
        assert_eq!(Names::new().user(0), b"\"root\"");
    }
}
