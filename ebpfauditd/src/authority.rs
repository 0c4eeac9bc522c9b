//! Clients' requests, in the kernel's protocol and with the kernel's answers.

use audit_rules::{Draft, Rule, WireError};
use compat::audit::{Status, StatusField, kind};
use compat::control::Reply;
use compat::control::batch::{self, Fault};
use nix::errno::Errno;

use crate::control::{Authority, Peer};
use crate::own_record;
use crate::requester::Requester;
use crate::ruleset::{Change, RuleSet, Setting};
use crate::service::Service;
use crate::signal::Subject;
use crate::watchable;

/// Longest text of a message from user space (`AUDIT_MESSAGE_TEXT_MAX`).
const MESSAGE_LIMIT: usize = 8560;

impl Authority for Service {
    fn request(&mut self, peer: &Peer, kind: u16, payload: &[u8]) -> Reply {
        let who = &Requester::new(Subject { pid: peer.pid, uid: peer.uid, auid: peer.auid, ses: peer.ses });
        let done = |result: Result<(), Errno>| result.map_or_else(Reply::refused, |()| Reply::done());
        match kind {
            kind::GET => Reply::data(kind, self.status().encode()),
            kind::SET => match Status::decode(payload) {
                Some(wanted) => self.set(who, &wanted).map_or_else(Reply::refused, Reply::value),
                None => Reply::refused(Errno::EINVAL),
            },
            kind::LIST_RULES => {
                Reply::list(kind, self.enforcement().set().listed().map(Rule::encode).collect::<Vec<_>>())
            }
            kind::ADD_RULE => {
                done(rule(payload).and_then(|(rule, prepend)| self.add_rule(who, &rule, prepend)))
            }
            kind::DEL_RULE => done(rule(payload).and_then(|(rule, _)| self.delete_rule(who, &rule))),
            kind::DELETE_ALL => {
                let key = (!payload.is_empty()).then_some(payload);
                done(self.delete_all(who, key))
            }
            kind::BATCH => self.batch(who, payload),
            kind::USER => {
                self.message(who, payload);
                Reply::done()
            }
            // What only the kernel has: its features, and what it keeps about mounts.
            kind::GET_FEATURE | kind::SET_FEATURE | kind::TRIM | kind::MAKE_EQUIV => {
                match self.ask_kernel(who, kind, payload) {
                    Ok(parts) => Reply { parts, result: Ok(0) },
                    Err(errno) => Reply::refused(errno),
                }
            }
            kind::COUNTERS => Reply::text(kind, self.counters().as_bytes()),
            kind::RULES_STATUS => Reply::text(kind, self.rules_status().as_bytes()),
            kind::EXPLAIN => Reply::text(kind, self.explain(payload).as_bytes()),
            kind::PLAN => Reply::text(kind, self.plan().as_bytes()),
            _ => Reply::refused(Errno::EINVAL),
        }
    }
}

impl Service {
    /// Several changes at once: all of them, or none and which are at fault.
    fn batch(&mut self, who: &Requester, payload: &[u8]) -> Reply {
        let Ok(items) = batch::items(payload) else {
            return Reply::refused(Errno::EINVAL);
        };
        let mut faults = Vec::new();
        let is_locked = self.is_locked();
        let result = self.change(who, |set| {
            let mut changes = Vec::new();
            for (index, item) in items.iter().enumerate() {
                match edit(set, item) {
                    Ok(more) => changes.extend(more),
                    Err(errno) => faults.push(Fault { index: index as u32, errno: errno as i32 }),
                }
            }
            match faults.first() {
                Some(fault) => Err(Errno::from_raw(fault.errno)),
                None => Ok(changes),
            }
        });
        for fault in &faults {
            if let Some(item) = items.get(fault.index as usize) {
                self.tell_refused(who, item, is_locked);
            }
        }
        Reply { parts: faults.into_iter().map(Fault::part).collect(), result: result.map(|()| 0) }
    }

    /// Records that one request of a batch was refused, as if it had come alone.
    fn tell_refused(&self, who: &Requester, item: &batch::Item<'_>, is_locked: bool) {
        let op = match item.kind {
            kind::ADD_RULE => "add_rule",
            kind::DEL_RULE | kind::DELETE_ALL => "remove_rule",
            kind::SET => {
                let Some(wanted) = Status::decode(item.payload).filter(|_| is_locked) else { return };
                let settings = self.enforcement().set().settings();
                for (setting, value) in values(&wanted) {
                    let event = own_record::set(setting, setting.get(&settings), value, who, false);
                    self.write_change(event, who);
                }
                return;
            }
            _ => return,
        };
        if is_locked {
            self.write_change(own_record::locked(op, who), who);
        } else if self.is_enabled()
            && let Ok((rule, _)) = rule(item.payload)
        {
            self.write_change(own_record::rule_change(op, &rule, who, false), who);
        }
    }

    /// `auditctl -m`: the record that the kernel would make of it (`audit_receive_msg`), unless auditing is off.
    fn message(&mut self, who: &Requester, payload: &[u8]) {
        let end = payload.iter().position(|&byte| byte == 0).unwrap_or(payload.len()).min(MESSAGE_LIMIT);
        self.user_message(who, &payload[..end]);
    }
}

/// One request of a batch, done to a set.
fn edit(set: &mut RuleSet, item: &batch::Item<'_>) -> Result<Vec<Change>, Errno> {
    match item.kind {
        kind::ADD_RULE => {
            let (rule, prepend) = rule(item.payload)?;
            Ok(vec![set.add(rule, prepend, watchable::check)?])
        }
        kind::DEL_RULE => Ok(vec![set.delete(&rule(item.payload)?.0)?]),
        kind::DELETE_ALL => set.delete_all((!item.payload.is_empty()).then_some(item.payload)),
        kind::SET => {
            let wanted = Status::decode(item.payload).ok_or(Errno::EINVAL)?;
            values(&wanted).map(|(setting, value)| set.set(setting, value)).collect()
        }
        _ => Err(Errno::EINVAL),
    }
}

/// The settings that a request sets.
pub fn values(wanted: &Status) -> impl Iterator<Item = (Setting, u32)> {
    [
        (StatusField::Enabled, Setting::Enabled),
        (StatusField::Failure, Setting::Failure),
        (StatusField::RateLimit, Setting::RateLimit),
        (StatusField::BacklogLimit, Setting::BacklogLimit),
        (StatusField::BacklogWaitTime, Setting::BacklogWaitTime),
    ]
    .into_iter()
    .filter(|(field, _)| wanted.sets(*field))
    .map(|(field, setting)| (setting, wanted.get(field)))
}

/// A rule from the wire, and whether it is to come first. What cannot be read or would be refused is `EINVAL`, as in the
/// kernel.
pub fn rule(payload: &[u8]) -> Result<(Rule, bool), Errno> {
    let read = || -> Result<(Rule, bool), WireError> {
        let (draft, prepend) = Draft::decode(payload)?;
        Ok((Rule::new(draft)?, prepend))
    };
    read().map_err(|_| Errno::EINVAL)
}

/// The record of a request that only the kernel can carry out; the kernel's own names us, not who asked.
pub fn kernel_request(
    kind: u16,
    payload: &[u8],
    who: &Requester,
    done: bool,
) -> Option<compat::record::Event> {
    match kind {
        kind::TRIM => Some(own_record::trim(who, done)),
        kind::MAKE_EQUIV => {
            let word = |at: usize| {
                payload.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_ne_bytes)
            };
            let (old, new) = (word(0)? as usize, word(4)? as usize);
            let old_path = payload.get(8..8 + old)?;
            let new_path = payload.get(8 + old..8 + old + new)?;
            Some(own_record::make_equiv(old_path, new_path, who, done))
        }
        _ => None,
    }
}
