//! The labels that `subj_role=` rules name under `AppArmor`, as far as programs can judge by them. The kernel reads the text once,
//! when the rule is added (`aa_label_parse`), and refuses it if it names a profile that is not loaded; from then on it compares
//! names (`aa_label_is_subset`).

use std::collections::BTreeSet;
use std::fs;

use audit_rules::{Condition, Field, Rule};
use kern::abi;

/// The loaded profiles, each with its mode; there where securityfs is mounted.
const PROFILES: &str = "/sys/kernel/security/apparmor/profiles";
/// What tasks are that no profile confines; it is always there.
const UNCONFINED: &[u8] = b"unconfined";

/// What is known of the labels of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// Whether programs can read the labels of tasks.
    legible: bool,
    /// Names of profiles that were loaded when a rule first named them. Such a rule stays in force without its profile.
    known: BTreeSet<Vec<u8>>,
}

/// Whether the text stands for one profile of the root namespace, by its name as it is: no list of profiles (`//&`), no other
/// namespace (`:`), nothing that the kernel skips. Programs cut names that are longer.
pub fn is_plain(name: &[u8]) -> bool {
    let odd = |byte: &u8| byte.is_ascii_whitespace() || byte.is_ascii_control();
    name.first().is_some_and(|first| !b":&=".contains(first))
        && name.len() + 2 <= abi::ROLE_NAME
        && !name.iter().any(odd)
        && !name.windows(3).any(|three| three == b"//&")
}

/// The labels that a rule names.
fn named(rule: &Rule) -> impl Iterator<Item = &[u8]> {
    let roles = rule.conditions().iter().filter(|condition| condition.field() == Field::SubjRole);
    roles.filter_map(Condition::text)
}

/// The names in the kernel's list of profiles.
fn listed(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&byte| byte == b'\n').filter_map(|line| {
        let end = line.windows(2).rposition(|two| two == b" (")?;
        line.get(..end)
    })
}

impl Roles {
    /// Whether programs can read the labels of tasks.
    pub fn set_legible(&mut self, legible: bool) {
        self.legible = legible;
    }

    /// Asks the kernel for the profiles that rules name and that are not known yet.
    pub fn learn(&mut self, rules: &[Rule]) {
        let is_new = |name: &&[u8]| *name != UNCONFINED && !self.known.contains(*name);
        let new: BTreeSet<&[u8]> = rules.iter().flat_map(named).filter(is_new).collect();
        if new.is_empty() {
            return;
        }
        let list = fs::read(PROFILES).unwrap_or_default();
        self.known.extend(listed(&list).filter(|name| new.contains(name)).map(<[u8]>::to_vec));
    }

    /// Why programs cannot judge by the labels that a rule names.
    pub fn obstacle(&self, rule: &Rule) -> Option<String> {
        named(rule).find_map(|name| {
            let text = String::from_utf8_lossy(name);
            if !self.legible {
                Some("subj_role: the kernel hides where AppArmor keeps the labels of tasks".to_owned())
            } else if !is_plain(name) {
                Some(format!(
                    "subj_role: {text} is more than the name of a profile, which only AppArmor reads"
                ))
            } else if name != UNCONFINED && !self.known.contains(name) {
                Some(format!("subj_role: no profile {text} is known to be loaded; the kernel decides"))
            } else {
                None
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::rules;

    #[test]
    fn names_are_taken_as_they_are_or_not_at_all() {
        for plain in ["unconfined", "/usr/sbin/cupsd", "man//filter", "snap.lxd.daemon", "a:b&c"] {
            assert!(is_plain(plain.as_bytes()), "{plain}");
        }
        for odd in ["", ":lxd:web", "&web", " web", "web ", "a b", "a//&b", "=a", "a\u{1}"] {
            assert!(!is_plain(odd.as_bytes()), "{odd}");
        }
        assert!(is_plain(&[b'x'; 250]) && !is_plain(&[b'x'; 251]));
    }

    #[test]
    fn the_list_of_profiles_is_read_by_its_modes() {
        let list = b"snap.x (x) (complain)\n:lxd:web (enforce)\n/usr/bin/man (enforce)\nodd\n";
        let names: Vec<&[u8]> = listed(list).collect();
        assert_eq!(names, [b"snap.x (x)".as_slice(), b":lxd:web", b"/usr/bin/man"]);
    }

    #[test]
    fn what_is_not_known_is_the_kernels() {
        let rules = rules(&[
            "-a always,exit -S open -F subj_role!=unconfined",
            "-a always,exit -S open -F subj_role=cupsd",
            "-a always,exit -S open -F subj_role=:lxd:web",
            "-a always,exit -S open -F uid=0",
        ]);
        let mut known = Roles::default();
        let obstacles = |roles: &Roles| -> Vec<bool> {
            rules.iter().map(|rule| roles.obstacle(rule).is_some()).collect()
        };
        assert_eq!(obstacles(&known), [true, true, true, false]);
        known.set_legible(true);
        assert_eq!(obstacles(&known), [false, true, true, false]);
        known.known.insert(b"cupsd".to_vec());
        assert_eq!(obstacles(&known), [false, false, true, false]);
    }
}
