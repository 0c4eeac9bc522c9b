//! User and group names, looked up once and kept as the log shows them.

use std::collections::HashMap;

use users::{get_group_by_gid, get_user_by_uid};

use crate::record::quote;

/// Names of user and group ids, already encoded as auditd's enrichment writes them: `"root"`, `unset` for -1,
/// `unknown(1234)` for an id nobody has; hex if the name needs it.
#[derive(Debug, Default)]
pub struct Names {
    users: HashMap<u32, Box<[u8]>>,
    groups: HashMap<u32, Box<[u8]>>,
}

impl Names {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything, so that the next look-up asks the system again.
    pub fn flush(&mut self) {
        self.users.clear();
        self.groups.clear();
    }

    /// The encoded name of a user.
    pub fn user(&mut self, uid: u32) -> &[u8] {
        self.users.entry(uid).or_insert_with(|| {
            encode(uid, || get_user_by_uid(uid).map(|user| user.name().as_encoded_bytes().to_vec()))
        })
    }

    /// The encoded name of a group.
    pub fn group(&mut self, gid: u32) -> &[u8] {
        self.groups.entry(gid).or_insert_with(|| {
            encode(gid, || get_group_by_gid(gid).map(|group| group.name().as_encoded_bytes().to_vec()))
        })
    }
}

fn encode(id: u32, look_up: impl FnOnce() -> Option<Vec<u8>>) -> Box<[u8]> {
    let name = if id == u32::MAX {
        b"unset".to_vec()
    } else {
        look_up().unwrap_or_else(|| format!("unknown({id})").into_bytes())
    };
    let mut out = Vec::with_capacity(name.len() + 2);
    quote::untrusted(&mut out, &name);
    out.into_boxed_slice()
}
