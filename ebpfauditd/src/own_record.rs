//! The records that the daemon makes about itself, body by body as auditd 3.0.9 and the kernel write them.

use std::io::Write as _;

use audit_rules::Rule;
use compat::audit::FeatureChange;
use compat::record::{Event, MessageType, Stamp, decimal, quote};

use crate::clock;
use crate::requester::Requester;
use crate::ruleset::{Change, Setting};
use crate::signal::{Subject, UNSET};

/// Longest kernel release that auditd writes (`auditd.c`: the record is built in a fixed buffer).
const RELEASE_LIMIT: usize = 56;

fn event(kind: MessageType, body: impl AsRef<[u8]>) -> Event {
    let mut event = Event::new();
    event.reset(clock::now());
    event.push(kind, body.as_ref());
    event
}

/// `DAEMON_START`. `format` is the word for the log format, `raw` or `enriched`; `release` is `uname -r`.
pub fn daemon_start(format: &str, release: &str, us: &Requester) -> Event {
    let release = release.get(..RELEASE_LIMIT).unwrap_or(release);
    let version = env!("CARGO_PKG_VERSION");
    by_ourselves(
        MessageType::DAEMON_START,
        &format!("op=start ver={version} format={format} kernel={release}"),
        us,
        "success",
    )
}

/// `DAEMON_END`, with the sender of the signal that ended us.
pub fn daemon_end(sender: &Requester) -> Event {
    event(MessageType::DAEMON_END, by_sender("op=terminate", sender, "success"))
}

/// `DAEMON_ROTATE`, the first record of the new log.
pub fn daemon_rotate(sender: &Requester) -> Event {
    event(MessageType::DAEMON_ROTATE, by_sender("op=rotate-logs", sender, "success"))
}

/// `DAEMON_RESUME`.
pub fn daemon_resume(sender: &Requester) -> Event {
    event(MessageType::DAEMON_RESUME, by_sender("op=resume-logging", sender, "success"))
}

/// `DAEMON_CONFIG` after SIGHUP; the two outcomes have different fields in auditd, so here too.
pub fn daemon_config(sender: &Requester, changed: bool) -> Event {
    let body = if changed {
        let Subject { auid, pid, .. } = sender.ids;
        let context = sender.context.as_deref().unwrap_or(b"?");
        let op = format!("op=reconfigure state=changed auid={auid} pid={pid} subj=");
        [op.as_bytes(), context, b" res=success"].concat()
    } else {
        by_sender("op=reconfigure state=no-change", sender, "failed")
    };
    event(MessageType::DAEMON_CONFIG, body)
}

/// `DAEMON_ABORT`: `op` names what could not be done at start.
pub fn daemon_abort(op: &str, us: &Requester) -> Event {
    by_ourselves(MessageType::DAEMON_ABORT, &format!("op={op}"), us, "failed")
}

/// `DAEMON_ERR` that says what was lost; `news` is from [`crate::stats::LossNotice::news`]. auditd has no such record.
pub fn lost(news: &str, us: Subject) -> Event {
    event(
        MessageType::DAEMON_ERR,
        format!(
            "op=lost-events {news} auid={} pid={} uid={} ses={} res=failed",
            us.auid, us.pid, us.uid, us.ses
        ),
    )
}

fn by_ourselves(kind: MessageType, op: &str, us: &Requester, result: &str) -> Event {
    let Subject { auid, pid, uid, ses } = us.ids;
    let mut body = format!("{op} auid={auid} pid={pid} uid={uid} ses={ses}").into_bytes();
    us.write_context(&mut body);
    // Writing to a Vec cannot fail.
    let _ = write!(body, " res={result}");
    event(kind, body)
}

/// What the sender of a signal has asked for. Of one without a login the kernel tells the user instead (`audit_signal_info`).
fn by_sender(op: &str, sender: &Requester, result: &str) -> Vec<u8> {
    let Subject { auid, pid, uid, ses } = sender.ids;
    let auid = if auid == UNSET { uid } else { auid };
    let mut body = format!("{op} auid={auid} uid={uid} ses={ses} pid={pid}").into_bytes();
    sender.write_context(&mut body);
    let _ = write!(body, " res={result}");
    body
}

/// Makes `event` the `CONFIG_CHANGE` for a change that was made (`audit_log_config_change`, `audit_log_rule_change`). There may be
/// as many as rules.
pub fn changed(event: &mut Event, stamp: Stamp, change: &Change, who: &Requester) {
    event.reset(stamp);
    event.begin(MessageType::CONFIG_CHANGE);
    let body = event.body_mut();
    match change {
        Change::Added(rule) => write_rule_change(body, "add_rule", rule, who, true),
        Change::Removed(rule) => write_rule_change(body, "remove_rule", rule, who, true),
        Change::Set { setting, old, new } => write_set(body, setting.name(), *old, *new, who, true),
    }
}

/// `CONFIG_CHANGE` for a rule; `done` is false for a rule that was well formed and could not be added or removed.
pub fn rule_change(op: &str, rule: &Rule, who: &Requester, done: bool) -> Event {
    let mut body = Vec::new();
    write_rule_change(&mut body, op, rule, who, done);
    event(MessageType::CONFIG_CHANGE, body)
}

fn write_rule_change(body: &mut Vec<u8>, op: &str, rule: &Rule, who: &Requester, done: bool) {
    who.write_session(body);
    body.extend_from_slice(b" op=");
    body.extend_from_slice(op.as_bytes());
    end_rule(body, rule, done);
}

/// `CONFIG_CHANGE` for a rule whose directory is gone (`audit_watch_log_rule_change`), told of by its `path=`. The kernel forgets a
/// space, so do we.
pub fn watch_lost(rule: &Rule, path: &[u8], auid: u32, ses: u32) -> Event {
    rule_lost(format!("auid={auid} ses={ses}op=remove_rule path="), path, rule)
}

/// The same, told of by its `exe=` (`audit_mark_log_rule_change`).
pub fn program_lost(rule: &Rule, path: &[u8], auid: u32, ses: u32) -> Event {
    rule_lost(format!("auid={auid} ses={ses} op=autoremove_rule path="), path, rule)
}

/// `CONFIG_CHANGE` for a rule whose tree is gone (`audit_tree_log_remove_rule`), which names nobody.
pub fn tree_lost(rule: &Rule, path: &[u8]) -> Event {
    rule_lost("op=remove_rule dir=".to_owned(), path, rule)
}

fn rule_lost(start: String, path: &[u8], rule: &Rule) -> Event {
    let mut body = start.into_bytes();
    quote::untrusted(&mut body, path);
    end_rule(&mut body, rule, true);
    event(MessageType::CONFIG_CHANGE, body)
}

/// The key and list of a rule, and how it went.
fn end_rule(body: &mut Vec<u8>, rule: &Rule, done: bool) {
    body.extend_from_slice(b" key=");
    match rule.key() {
        Some(key) => quote::untrusted(body, key),
        None => body.extend_from_slice(b"(null)"),
    }
    body.extend_from_slice(b" list=");
    decimal(body, rule.list().number().into());
    body.extend_from_slice(if done { b" res=1" } else { b" res=0" });
}

/// `CONFIG_CHANGE` for a setting.
pub fn set(setting: Setting, old: u32, new: u32, who: &Requester, done: bool) -> Event {
    set_named(setting.name(), old, new, who, done)
}

/// `CONFIG_CHANGE` for one of the counters that can be reset, or `audit_pid`.
pub fn set_named(name: &str, old: u32, new: u32, who: &Requester, done: bool) -> Event {
    let mut body = Vec::new();
    write_set(&mut body, name, old, new, who, done);
    event(MessageType::CONFIG_CHANGE, body)
}

fn write_set(body: &mut Vec<u8>, name: &str, old: u32, new: u32, who: &Requester, done: bool) {
    // Writing to a Vec cannot fail.
    let _ = write!(body, "op=set {name}={new} old={old} ");
    who.write_session(body);
    end(body, done);
}

/// `CONFIG_CHANGE` for a rule change that was refused because everything is locked.
pub fn locked(op: &str, who: &Requester) -> Event {
    let mut body = requester(who);
    body.extend_from_slice(format!(" op={op} audit_enabled=2").as_bytes());
    end(&mut body, false);
    event(MessageType::CONFIG_CHANGE, body)
}

/// `CONFIG_CHANGE` for `auditctl -t` (`audit_receive_msg`, `AUDIT_TRIM`).
pub fn trim(who: &Requester, done: bool) -> Event {
    let mut body = requester(who);
    body.extend_from_slice(b" op=trim");
    end(&mut body, done);
    event(MessageType::CONFIG_CHANGE, body)
}

/// `CONFIG_CHANGE` for `auditctl -q` (`AUDIT_MAKE_EQUIV`).
pub fn make_equiv(old: &[u8], new: &[u8], who: &Requester, done: bool) -> Event {
    let mut body = requester(who);
    body.extend_from_slice(b" op=make_equiv old=");
    quote::untrusted(&mut body, old);
    body.extend_from_slice(b" new=");
    quote::untrusted(&mut body, new);
    end(&mut body, done);
    event(MessageType::CONFIG_CHANGE, body)
}

/// `FEATURE_CHANGE` for one feature that was, or was not, switched or locked (`audit_log_feature_change`).
pub fn feature(change: &FeatureChange, who: &Requester, done: bool) -> Event {
    let mut body = Vec::new();
    who.write_task(&mut body);
    let FeatureChange { name, old, new, old_lock, new_lock } = change;
    body.extend_from_slice(
        format!(" feature={name} old={old} new={new} old_lock={old_lock} new_lock={new_lock}").as_bytes(),
    );
    end(&mut body, done);
    event(MessageType::FEATURE_CHANGE, body)
}

fn end(body: &mut Vec<u8>, done: bool) {
    body.extend_from_slice(if done { b" res=1" } else { b" res=0" });
}

/// `USER`: a message that somebody sent, unescaped, as the kernel has it (`AUDIT_USER` in `audit_receive_msg`).
pub fn user_message(text: &[u8], who: &Requester) -> Event {
    let mut body = requester(who);
    body.extend_from_slice(b" msg='");
    body.extend_from_slice(text);
    body.push(b'\'');
    event(MessageType::USER, body)
}

fn requester(who: &Requester) -> Vec<u8> {
    let mut body = Vec::new();
    who.write_common(&mut body);
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: Subject = Subject { pid: 7, uid: 0, auid: 1000, ses: 3 };

    fn asker() -> Requester {
        Requester { ids: WHO, context: None }
    }

    fn text(event: &Event) -> (u16, String) {
        let (kind, body) = event.records().next().unwrap();
        (kind.0, String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn bodies_are_auditds() {
        let start = text(&daemon_start("enriched", "6.18.44", &asker()));
        let expected = format!(
            "op=start ver={} format=enriched kernel=6.18.44 auid=1000 pid=7 uid=0 ses=3 res=success",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(start, (1200, expected));
        let end = text(&daemon_end(&asker()));
        assert_eq!(end, (1201, "op=terminate auid=1000 uid=0 ses=3 pid=7 res=success".into()));
        let system = Requester { ids: Subject { auid: UNSET, uid: 33, ..WHO }, ..asker() };
        assert_eq!(text(&daemon_end(&system)).1, "op=terminate auid=33 uid=33 ses=3 pid=7 res=success");
        let changed = text(&daemon_config(&asker(), true)).1;
        assert_eq!(changed, "op=reconfigure state=changed auid=1000 pid=7 subj=? res=success");
        let bad = text(&daemon_config(&asker(), false)).1;
        assert_eq!(bad, "op=reconfigure state=no-change auid=1000 uid=0 ses=3 pid=7 res=failed");
        let labelled = Requester { context: Some(b"a:b:c".to_vec()), ..asker() };
        assert_eq!(
            text(&daemon_abort("set-pid", &labelled)).1,
            "op=set-pid auid=1000 pid=7 uid=0 ses=3 subj=a:b:c res=failed"
        );
        assert_eq!(
            text(&daemon_rotate(&labelled)).1,
            "op=rotate-logs auid=1000 uid=0 ses=3 pid=7 subj=a:b:c res=success"
        );
        assert_eq!(
            text(&daemon_config(&labelled, true)).1,
            "op=reconfigure state=changed auid=1000 pid=7 subj=a:b:c res=success"
        );
    }

    #[test]
    fn settings_are_told_as_the_kernel_tells_them() {
        let body = text(&set(Setting::BacklogLimit, 64, 8192, &asker(), true));
        assert_eq!(body, (1305, "op=set audit_backlog_limit=8192 old=64 auid=1000 ses=3 res=1".into()));
        assert_eq!(
            text(&locked("add_rule", &asker())).1,
            "pid=7 uid=0 auid=1000 ses=3 op=add_rule audit_enabled=2 res=0"
        );
        let labelled = Requester { context: Some(b"unconfined".to_vec()), ..asker() };
        assert_eq!(
            text(&set_named("lost", 5, 0, &labelled, true)).1,
            "op=set lost=0 old=5 auid=1000 ses=3 subj=unconfined res=1"
        );
        assert_eq!(
            text(&make_equiv(b"/a", b"/b", &labelled, true)).1,
            r#"pid=7 uid=0 auid=1000 ses=3 subj=unconfined op=make_equiv old="/a" new="/b" res=1"#
        );
    }

    #[test]
    fn rules_that_lost_their_ground_are_told_of_as_the_kernel_tells() {
        let rule = |line: &str| {
            let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
            match audit_rules::parse_words(&words, &audit_rules::NoHost).unwrap().remove(0) {
                audit_rules::Command::Add { rule, .. } => rule,
                other => panic!("{line}: {other:?}"),
            }
        };
        let watch = rule("-w /a/b -p w -k one");
        assert_eq!(
            text(&watch_lost(&watch, b"/a/b", 1000, 3)),
            (1305, r#"auid=1000 ses=3op=remove_rule path="/a/b" key="one" list=4 res=1"#.into())
        );
        assert_eq!(
            text(&tree_lost(&rule("-a always,exit -F dir=/a"), b"/a c")).1,
            "op=remove_rule dir=2F612063 key=(null) list=4 res=1"
        );
        assert_eq!(
            text(&program_lost(&rule("-a always,exit -F exe=/a/b -F key=k"), b"/a/b", u32::MAX, u32::MAX)).1,
            r#"auid=4294967295 ses=4294967295 op=autoremove_rule path="/a/b" key="k" list=4 res=1"#
        );
    }
}
