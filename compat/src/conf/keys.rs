//! The table of keys.

use super::auditd::{Action, Auditd, Flush, LogFormat, NameFormat, Overflow, SizeAction, Transport};
use super::error::{Note, Problem};
use super::value::Given;

/// What a value does to the settings.
pub(super) type Set = fn(&mut Auditd, &Given<'_>) -> Result<(), Problem>;

/// Whether a key does anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It does what auditd.conf(5) says.
    Yes,
    /// It is checked and kept; giving it is worth a note.
    NotYet,
    /// The original ignores it too.
    Deprecated,
}

/// One key.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) effect: Effect,
    /// Whether a second word may follow the value (`exec PROGRAM`).
    pub(super) option: bool,
    pub(super) set: Set,
}

const fn key(name: &'static str, set: Set) -> Key {
    Key { name, effect: Effect::Yes, option: false, set }
}

const fn not_yet(name: &'static str, set: Set) -> Key {
    Key { name, effect: Effect::NotYet, option: false, set }
}

const fn action(name: &'static str, set: Set) -> Key {
    Key { name, effect: Effect::NotYet, option: true, set }
}

const fn kept(name: &'static str) -> Key {
    not_yet(name, |conf, given| {
        conf.kept.push((given.key, given.value.to_vec()));
        Ok(())
    })
}

const fn deprecated(name: &'static str) -> Key {
    Key { name, effect: Effect::Deprecated, option: false, set: |_, _| Ok(()) }
}

macro_rules! set {
    ($field:ident, $reader:ident $(, $argument:expr)*) => {
        |conf, given| {
            conf.$field = given.$reader($($argument),*)?;
            Ok(())
        }
    };
}

/// What the keys about space take besides `exec`: every action there is.
pub(super) const SPACE: &[(&str, Action)] = &[
    ("ignore", Action::Ignore),
    ("syslog", Action::Syslog),
    ("rotate", Action::Rotate),
    ("email", Action::Email),
    ("suspend", Action::Suspend),
    ("single", Action::Single),
    ("halt", Action::Halt),
];
const DISK_FULL: &[(&str, Action)] = &[
    ("ignore", Action::Ignore),
    ("syslog", Action::Syslog),
    ("rotate", Action::Rotate),
    ("suspend", Action::Suspend),
    ("single", Action::Single),
    ("halt", Action::Halt),
];
const DISK_ERROR: &[(&str, Action)] = &[
    ("ignore", Action::Ignore),
    ("syslog", Action::Syslog),
    ("suspend", Action::Suspend),
    ("single", Action::Single),
    ("halt", Action::Halt),
];

/// All keys of auditd.conf, in the order of auditd.conf(5).
pub(super) const KEYS: &[Key] = &[
    key("local_events", set!(local_events, yes)),
    key("write_logs", set!(write_logs, yes)),
    key("log_file", set!(log_file, log_file)),
    key("log_format", |conf, given| {
        let nolog: &[(&str, Option<LogFormat>)] =
            &[("raw", Some(LogFormat::Raw)), ("enriched", Some(LogFormat::Enriched)), ("nolog", None)];
        match given.word(nolog)? {
            Some(format) => conf.log_format = format,
            None => conf.write_logs = false,
        }
        Ok(())
    }),
    key("log_group", set!(log_group, group)),
    key("priority_boost", set!(priority_boost, number)),
    key("flush", |conf, given| {
        conf.flush = given.word(&[
            ("none", Flush::None),
            ("incremental", Flush::Incremental),
            ("incremental_async", Flush::IncrementalAsync),
            ("data", Flush::Data),
            ("sync", Flush::Sync),
        ])?;
        Ok(())
    }),
    key("freq", set!(freq, number)),
    key("num_logs", set!(num_logs, at_most, 999)),
    key("max_log_file", set!(max_log_file, long)),
    key("max_log_file_action", |conf, given| {
        conf.max_log_file_action = given.word(&[
            ("ignore", SizeAction::Ignore),
            ("syslog", SizeAction::Syslog),
            ("suspend", SizeAction::Suspend),
            ("rotate", SizeAction::Rotate),
            ("keep_logs", SizeAction::KeepLogs),
        ])?;
        Ok(())
    }),
    key("name_format", |conf, given| {
        conf.name_format = given.word(&[
            ("none", NameFormat::None),
            ("hostname", NameFormat::Hostname),
            ("fqd", NameFormat::Fqd),
            ("numeric", NameFormat::Numeric),
            ("user", NameFormat::User),
        ])?;
        Ok(())
    }),
    key("name", |conf, given| {
        conf.name = Some(given.value.to_vec());
        Ok(())
    }),
    not_yet("space_left", set!(space_left, space)),
    action("space_left_action", set!(space_left_action, action, SPACE)),
    not_yet("verify_email", set!(verify_email, yes)),
    not_yet("action_mail_acct", set!(action_mail_acct, mail)),
    not_yet("admin_space_left", set!(admin_space_left, space)),
    action("admin_space_left_action", set!(admin_space_left_action, action, SPACE)),
    action("disk_full_action", set!(disk_full_action, action, DISK_FULL)),
    action("disk_error_action", set!(disk_error_action, action, DISK_ERROR)),
    not_yet("tcp_listen_port", set!(tcp_listen_port, number_in, 1, 65535)),
    not_yet("tcp_listen_queue", set!(tcp_listen_queue, number)),
    not_yet("tcp_max_per_addr", set!(tcp_max_per_addr, number_in, 1, 1024)),
    not_yet("tcp_client_ports", set!(tcp_client_ports, ports)),
    not_yet("tcp_client_max_idle", set!(tcp_client_max_idle, number)),
    not_yet("use_libwrap", set!(use_libwrap, yes)),
    not_yet("transport", |conf, given| {
        conf.transport =
            given.word(&[("tcp", Transport::Tcp), ("krb5", Transport::Krb5), ("tls", Transport::Tls)])?;
        Ok(())
    }),
    kept("enable_krb5"),
    kept("krb5_principal"),
    kept("krb5_key_file"),
    kept("tls_psk_file"),
    kept("tls_psk_identity"),
    kept("tls_cipher_suites"),
    kept("tls_key_exchange"),
    kept("tls_require_pqc"),
    kept("tls_auth"),
    kept("tls_crypto_profile"),
    kept("tls_allowed_clients"),
    not_yet("distribute_network", set!(distribute_network, yes)),
    not_yet("q_depth", set!(q_depth, at_most, 99999)),
    not_yet("overflow_action", |conf, given| {
        conf.overflow_action = given.word(&[
            ("ignore", Overflow::Ignore),
            ("syslog", Overflow::Syslog),
            ("suspend", Overflow::Suspend),
            ("single", Overflow::Single),
            ("halt", Overflow::Halt),
        ])?;
        Ok(())
    }),
    not_yet("max_restarts", set!(max_restarts, number)),
    not_yet("plugin_dir", |conf, given| {
        conf.plugin_dir = given.path();
        Ok(())
    }),
    not_yet("end_of_event_timeout", set!(end_of_event_timeout, number)),
    kept("report_interval"),
    deprecated("dispatcher"),
    deprecated("disp_qos"),
];

/// The key of this name, whatever its case.
pub(super) fn find(name: &[u8]) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name.as_bytes().eq_ignore_ascii_case(name))
}

/// What giving this value is worth saying, beyond its effect.
pub(super) fn note(key: &Key, given: &Given<'_>, line: usize, conf: &Auditd) -> Option<Note> {
    match key.name {
        name if key.option && !given.value.eq_ignore_ascii_case(b"exec") => {
            given.option.map(|word| Note::WordIgnored { key: name, word: word.to_vec(), line })
        }
        "log_format" if given.value.eq_ignore_ascii_case(b"nolog") => Some(Note::NoLog),
        "q_depth" if conf.q_depth < 512 => Some(Note::SmallQueue),
        _ => None,
    }
}
