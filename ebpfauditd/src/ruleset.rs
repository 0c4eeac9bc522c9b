//! The rules and settings in force, with the kernel's own semantics (`kernel/auditfilter.c`, `kernel/audit.c`).
//!
//! Pure: what a change means is decided here, what it does to the machine in [`crate::authority`].

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};

use audit_rules::{Condition, Field, List, Op, Rule};
use compat::record::MessageType;
use nix::errno::Errno;

use crate::signal::Subject;

/// `audit_enabled`: off, on, on and locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Enabled {
    /// Nothing is recorded.
    Off = 0,
    /// Events are recorded.
    On = 1,
    /// Events are recorded and nothing may be changed any more.
    Locked = 2,
}

impl Enabled {
    /// From the kernel's number; `None` for any other.
    pub fn from_number(number: u32) -> Option<Self> {
        [Self::Off, Self::On, Self::Locked].into_iter().find(|enabled| *enabled as u32 == number)
    }
}

/// The settings that `auditctl -s` shows and that rules files can change. Units are the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `-e`.
    pub enabled: Enabled,
    /// `-f`: 0 silent, 1 printk, 2 panic.
    pub failure: u32,
    /// `-r`: records per second, 0 for no limit.
    pub rate_limit: u32,
    /// `-b`: records waiting in the kernel, 0 for no limit.
    pub backlog_limit: u32,
    /// `--backlog_wait_time`: jiffies.
    pub backlog_wait_time: u32,
}

/// Names a setting in `CONFIG_CHANGE` records (`audit_set_*` in `kernel/audit.c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `audit_enabled`.
    Enabled,
    /// `audit_failure`.
    Failure,
    /// `audit_rate_limit`.
    RateLimit,
    /// `audit_backlog_limit`.
    BacklogLimit,
    /// `audit_backlog_wait_time`.
    BacklogWaitTime,
}

impl Setting {
    /// All, in the order in which the kernel looks at them.
    pub const ALL: [Self; 5] =
        [Self::Enabled, Self::Failure, Self::RateLimit, Self::BacklogLimit, Self::BacklogWaitTime];

    /// The name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabled => "audit_enabled",
            Self::Failure => "audit_failure",
            Self::RateLimit => "audit_rate_limit",
            Self::BacklogLimit => "audit_backlog_limit",
            Self::BacklogWaitTime => "audit_backlog_wait_time",
        }
    }

    /// Its value among the settings.
    pub fn get(self, settings: &Settings) -> u32 {
        match self {
            Self::Enabled => settings.enabled as u32,
            Self::Failure => settings.failure,
            Self::RateLimit => settings.rate_limit,
            Self::BacklogLimit => settings.backlog_limit,
            Self::BacklogWaitTime => settings.backlog_wait_time,
        }
    }
}

/// A rule added or removed, or a setting changed, for the records that tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A rule was added.
    Added(Rule),
    /// A rule was removed.
    Removed(Rule),
    /// A setting got a new value; the old one is kept too.
    Set {
        /// Which.
        setting: Setting,
        /// Its value before.
        old: u32,
        /// Its value now.
        new: u32,
    },
}

/// Rules in the order in which they are matched, and the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSet {
    rules: Vec<Rule>,
    /// How many rules have a hash: what is not here is not among the rules.
    hashes: HashMap<u64, usize>,
    settings: Settings,
}

fn hash(rule: &Rule) -> u64 {
    let mut hasher = DefaultHasher::new();
    rule.hash(&mut hasher);
    hasher.finish()
}

fn count_hashes(rules: &[Rule]) -> HashMap<u64, usize> {
    let mut hashes = HashMap::with_capacity(rules.len());
    for rule in rules {
        *hashes.entry(hash(rule)).or_insert(0) += 1;
    }
    hashes
}

impl RuleSet {
    /// A set without rules.
    pub fn new(settings: Settings) -> Self {
        Self::with_rules(settings, Vec::new())
    }

    /// A set with these rules, whether locked or not.
    pub fn with_rules(settings: Settings, rules: Vec<Rule>) -> Self {
        Self { hashes: count_hashes(&rules), rules, settings }
    }

    /// The rules in the order of matching: within one list, the first that matches decides.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The settings.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// The rules as the kernel lists them (`audit_list_rules`): list by list, each in order.
    pub fn listed(&self) -> impl Iterator<Item = &Rule> {
        List::ALL.into_iter().flat_map(|list| self.rules.iter().filter(move |rule| rule.list() == list))
    }

    /// Adds a rule last or first.
    ///
    /// # Errors
    /// `EPERM` when locked; `EEXIST` if an equal rule is there and this one is to come last. (The kernel compares the
    /// flag for the front too, and stored rules have lost it, so a rule can be put in front again and again.)
    /// `ENOENT` and others if the path of the rule cannot be watched, from `check_path`.
    pub fn add(
        &mut self,
        rule: Rule,
        prepend: bool,
        check_path: impl FnOnce(&Rule) -> Result<(), Errno>,
    ) -> Result<Change, Errno> {
        self.unlocked()?;
        let hash = hash(&rule);
        if !prepend && self.hashes.contains_key(&hash) && self.rules.contains(&rule) {
            return Err(Errno::EEXIST);
        }
        check_path(&rule)?;
        *self.hashes.entry(hash).or_insert(0) += 1;
        if prepend {
            self.rules.insert(0, rule.clone());
        } else {
            self.rules.push(rule.clone());
        }
        Ok(Change::Added(rule))
    }

    /// Deletes the first rule equal to this one.
    ///
    /// # Errors
    /// `EPERM` when locked; `ENOENT` if there is none.
    pub fn delete(&mut self, rule: &Rule) -> Result<Change, Errno> {
        self.unlocked()?;
        let Entry::Occupied(mut count) = self.hashes.entry(hash(rule)) else { return Err(Errno::ENOENT) };
        let at = self.rules.iter().position(|present| present == rule).ok_or(Errno::ENOENT)?;
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
        Ok(Change::Removed(self.rules.remove(at)))
    }

    /// Deletes all rules, or those whose key contains `key`, as `auditctl -D -k` does.
    ///
    /// # Errors
    /// `EPERM` when locked, if there is something to delete.
    pub fn delete_all(&mut self, key: Option<&[u8]>) -> Result<Vec<Change>, Errno> {
        let named = |rule: &Rule| key.is_none_or(|key| rule.key_contains(key));
        // auditctl lists, and deletes one by one, so where there is nothing to delete nothing is refused.
        if self.rules.iter().any(named) {
            self.unlocked()?;
        }
        let (removed, kept) = std::mem::take(&mut self.rules).into_iter().partition(named);
        self.rules = kept;
        self.hashes = count_hashes(&self.rules);
        let mut removed: Vec<Rule> = removed;
        // auditctl deletes what it has listed, so in this order it is told.
        removed.sort_by_key(|rule| List::ALL.into_iter().position(|list| list == rule.list()));
        Ok(removed.into_iter().map(Change::Removed).collect())
    }

    /// Takes out rules that are gone already, without anybody's request; also when locked.
    pub fn forget(&mut self, is_gone: impl Fn(&Rule) -> bool) {
        self.rules.retain(|rule| !is_gone(rule));
        self.hashes = count_hashes(&self.rules);
    }

    /// Gives a setting a value.
    ///
    /// # Errors
    /// `EPERM` when locked; `EINVAL` for a value out of range.
    pub fn set(&mut self, setting: Setting, value: u32) -> Result<Change, Errno> {
        self.unlocked()?;
        let old = setting.get(&self.settings);
        match setting {
            Setting::Enabled => self.settings.enabled = Enabled::from_number(value).ok_or(Errno::EINVAL)?,
            Setting::Failure if value > 2 => return Err(Errno::EINVAL),
            Setting::Failure => self.settings.failure = value,
            Setting::RateLimit => self.settings.rate_limit = value,
            Setting::BacklogLimit => self.settings.backlog_limit = value,
            Setting::BacklogWaitTime => self.settings.backlog_wait_time = value,
        }
        Ok(Change::Set { setting, old, new: value })
    }

    /// What has to be told when `next` takes the place of this set: removed rules, added rules, settings.
    pub fn difference(&self, next: &Self) -> Vec<Change> {
        let (before, after): (HashSet<&Rule>, HashSet<&Rule>) =
            (self.rules.iter().collect(), next.rules.iter().collect());
        let gone = self.rules.iter().filter(|rule| !after.contains(rule)).cloned().map(Change::Removed);
        let new = next.rules.iter().filter(|rule| !before.contains(rule)).cloned().map(Change::Added);
        let set = Setting::ALL.into_iter().filter_map(|setting| {
            let (old, new) = (setting.get(&self.settings), setting.get(&next.settings));
            (old != new).then_some(Change::Set { setting, old, new })
        });
        gone.chain(new).chain(set).collect()
    }

    /// Whether the exclude list drops a record that we make about a request of `who` (`audit_filter` in `kernel/audit.c`).
    /// Rules that look at what we do not know of the requester (group, program, label) do not match.
    pub fn excludes(&self, kind: MessageType, who: Subject) -> bool {
        let holds = |condition: &Condition| {
            let known = match condition.field() {
                Field::MsgType => u32::from(kind.0),
                Field::Pid => who.pid,
                Field::Uid => who.uid,
                Field::LoginUid => who.auid,
                // A key is no condition.
                Field::Key => return true,
                _ => return false,
            };
            let Some(wanted) = condition.number() else { return false };
            match condition.op() {
                Op::Eq => known == wanted,
                Op::Ne => known != wanted,
                Op::Lt => known < wanted,
                Op::Le => known <= wanted,
                Op::Gt => known > wanted,
                Op::Ge => known >= wanted,
                Op::BitMask => known & wanted != 0,
                Op::BitTest => known & wanted == wanted,
            }
        };
        self.rules.iter().any(|rule| {
            rule.list() == List::Exclude
                && !rule.conditions().is_empty()
                && rule.conditions().iter().all(holds)
        })
    }

    fn unlocked(&self) -> Result<(), Errno> {
        if self.settings.enabled == Enabled::Locked { Err(Errno::EPERM) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use audit_rules::{Command, NoHost, parse_words};

    use super::*;

    const SETTINGS: Settings = Settings {
        enabled: Enabled::On,
        failure: 1,
        rate_limit: 0,
        backlog_limit: 64,
        backlog_wait_time: 60000,
    };

    fn rule(line: &str) -> Rule {
        let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        match parse_words(&words, &NoHost).unwrap().remove(0) {
            Command::Add { rule, .. } => rule,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn set(lines: &[&str]) -> RuleSet {
        let mut set = RuleSet::new(SETTINGS);
        for line in lines {
            set.add(rule(line), false, |_| Ok(())).unwrap();
        }
        set
    }

    #[test]
    fn a_rule_exists_once_at_the_end_and_any_number_of_times_in_front() {
        let (a, b) = ("-w /a -p r -k one", "-w /b -p r -k two");
        let mut set = set(&[a, b]);
        assert_eq!(set.add(rule(a), false, |_| Ok(())), Err(Errno::EEXIST));
        set.add(rule(b), true, |_| Ok(())).unwrap();
        assert_eq!(set.rules(), [rule(b), rule(a), rule(b)]);
        set.delete(&rule(b)).unwrap();
        assert_eq!(set.rules(), [rule(a), rule(b)]);
        assert_eq!(set.delete(&rule("-w /c -p r")), Err(Errno::ENOENT));
    }

    #[test]
    fn rules_are_listed_list_by_list() {
        let (exit, user, task) = ("-w /a -p r", "-a always,user -F uid=0", "-a never,task");
        let set = set(&[exit, task, user]);
        let listed: Vec<&Rule> = set.listed().collect();
        assert_eq!(listed, [&rule(user), &rule(task), &rule(exit)]);
    }

    #[test]
    fn all_rules_go_or_those_whose_key_contains_the_text() {
        let mut set = set(&["-w /a -p r -k one", "-w /b -p r -k two", "-w /c -p r"]);
        assert_eq!(set.delete_all(Some(b"w")).unwrap(), [Change::Removed(rule("-w /b -p r -k two"))]);
        assert_eq!(set.delete_all(None).unwrap().len(), 2);
        assert!(set.rules().is_empty());
    }

    #[test]
    fn a_path_that_cannot_be_watched_keeps_its_rule_out() {
        let mut set = set(&[]);
        assert_eq!(set.add(rule("-w /a/b -p r"), false, |_| Err(Errno::ENOENT)), Err(Errno::ENOENT));
        assert!(set.rules().is_empty());
    }

    #[test]
    fn a_rule_that_is_gone_already_can_be_added_again() {
        let (a, b) = ("-w /a -p r", "-w /b -p r");
        let mut set = set(&[a, b]);
        set.set(Setting::Enabled, 2).unwrap();
        set.forget(|present| *present == rule(a));
        assert_eq!(set.rules(), [rule(b)]);
        set.settings.enabled = Enabled::On;
        set.add(rule(a), false, |_| Ok(())).unwrap();
    }

    #[test]
    fn the_difference_names_what_went_what_came_and_what_was_set() {
        let old = set(&["-w /a -p r", "-w /b -p r"]);
        let mut new = set(&["-w /b -p r", "-w /c -p r"]);
        new.set(Setting::BacklogLimit, 8192).unwrap();
        let expected = [
            Change::Removed(rule("-w /a -p r")),
            Change::Added(rule("-w /c -p r")),
            Change::Set { setting: Setting::BacklogLimit, old: 64, new: 8192 },
        ];
        assert_eq!(old.difference(&new), expected);
    }

    #[test]
    fn the_exclude_list_drops_our_own_records_too() {
        let who = Subject { pid: 5, uid: 0, auid: 1000, ses: 1 };
        let dropped = |line: &str| set(&[line]).excludes(MessageType::CONFIG_CHANGE, who);
        assert!(dropped("-a always,exclude -F msgtype=CONFIG_CHANGE"));
        assert!(dropped("-a never,exclude -F msgtype=CONFIG_CHANGE -F auid>=1000"));
        assert!(!dropped("-a always,exclude -F msgtype=CWD"));
        assert!(!dropped("-a always,exclude -F msgtype=CONFIG_CHANGE -F gid=0"));
        assert!(!dropped("-a always,user -F uid=0"));
    }

    #[test]
    fn nothing_changes_once_it_is_locked() {
        let mut set = set(&["-w /a -p r"]);
        assert_eq!(set.set(Setting::Enabled, 3), Err(Errno::EINVAL));
        assert_eq!(set.set(Setting::Failure, 3), Err(Errno::EINVAL));
        let change = Change::Set { setting: Setting::Enabled, old: 1, new: 2 };
        assert_eq!(set.set(Setting::Enabled, 2), Ok(change));
        assert_eq!(set.set(Setting::Enabled, 0), Err(Errno::EPERM));
        assert_eq!(set.set(Setting::RateLimit, 5), Err(Errno::EPERM));
        assert_eq!(set.add(rule("-w /b -p r"), false, |_| Ok(())), Err(Errno::EPERM));
        assert_eq!(set.delete(&rule("-w /a -p r")), Err(Errno::EPERM));
        assert_eq!(set.delete_all(None), Err(Errno::EPERM));
        assert_eq!(set.rules().len(), 1);
    }
}
