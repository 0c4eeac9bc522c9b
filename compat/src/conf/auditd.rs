//! The settings, typed, with the original's compiled defaults.

use std::path::PathBuf;

/// What auditd.conf says. A file that says nothing is [`Auditd::default`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "the file has that many keys that are yes or no")]
pub struct Auditd {
    /// Take records from this machine's kernel.
    pub local_events: bool,
    /// Write records to disk.
    pub write_logs: bool,
    /// The log.
    pub log_file: PathBuf,
    /// With names or without.
    pub log_format: LogFormat,
    /// Group id that may read the log; 0 for none but root.
    pub log_group: u32,
    /// How much the daemon's nice value is lowered.
    pub priority_boost: u32,
    /// How written records get to the disk.
    pub flush: Flush,
    /// Records between two flushes.
    pub freq: u32,
    /// Logs kept by rotation, the current one included.
    pub num_logs: u32,
    /// Size of the log at which `max_log_file_action` is taken, in MiB.
    pub max_log_file: u64,
    /// What is done at that size.
    pub max_log_file_action: SizeAction,
    /// Which name of the machine begins each line.
    pub name_format: NameFormat,
    /// The name for [`NameFormat::User`].
    pub name: Option<Vec<u8>>,
    /// Free space at which `space_left_action` is taken.
    pub space_left: Space,
    /// What is done then.
    pub space_left_action: Action,
    /// Whom actions write to.
    pub action_mail_acct: Vec<u8>,
    /// Check that the domain of `action_mail_acct` is known.
    pub verify_email: bool,
    /// Free space at which `admin_space_left_action` is taken.
    pub admin_space_left: Space,
    /// What is done then.
    pub admin_space_left_action: Action,
    /// What is done when no space is left.
    pub disk_full_action: Action,
    /// What is done when the disk fails.
    pub disk_error_action: Action,
    /// Port for events of other machines; 0 for none.
    pub tcp_listen_port: u32,
    /// Connections that may wait.
    pub tcp_listen_queue: u32,
    /// Connections from one address.
    pub tcp_max_per_addr: u32,
    /// Ports that others may come from.
    pub tcp_client_ports: PortRange,
    /// Seconds of silence after which a connection is closed; 0 for never.
    pub tcp_client_max_idle: u32,
    /// Ask the TCP wrappers about connections.
    pub use_libwrap: bool,
    /// How others send their events.
    pub transport: Transport,
    /// Hand events of other machines to the plugins.
    pub distribute_network: bool,
    /// Records that may wait for the plugins.
    pub q_depth: u32,
    /// What is done when more would have to wait.
    pub overflow_action: Overflow,
    /// How often a plugin is started again.
    pub max_restarts: u32,
    /// Where plugins are configured.
    pub plugin_dir: PathBuf,
    /// Seconds after which an event without an end is complete.
    pub end_of_event_timeout: u32,
    /// Kerberos and TLS settings and others that are only kept: key and value as they stand in the file.
    pub kept: Vec<(&'static str, Vec<u8>)>,
}

impl Default for Auditd {
    fn default() -> Self {
        Self {
            local_events: true,
            write_logs: true,
            log_file: "/var/log/audit/audit.log".into(),
            log_format: LogFormat::Enriched,
            log_group: 0,
            priority_boost: 4,
            flush: Flush::None,
            freq: 0,
            num_logs: 0,
            max_log_file: 0,
            max_log_file_action: SizeAction::Ignore,
            name_format: NameFormat::None,
            name: None,
            space_left: Space::Mebibytes(0),
            space_left_action: Action::Ignore,
            action_mail_acct: b"root".to_vec(),
            verify_email: true,
            admin_space_left: Space::Mebibytes(0),
            admin_space_left_action: Action::Ignore,
            disk_full_action: Action::Ignore,
            disk_error_action: Action::Syslog,
            tcp_listen_port: 0,
            tcp_listen_queue: 5,
            tcp_max_per_addr: 1,
            tcp_client_ports: PortRange { first: 0, last: 65535 },
            tcp_client_max_idle: 0,
            use_libwrap: true,
            transport: Transport::Tcp,
            distribute_network: false,
            q_depth: 2000,
            overflow_action: Overflow::Syslog,
            max_restarts: 10,
            plugin_dir: "/etc/audit/plugins.d".into(),
            end_of_event_timeout: 2,
            kept: Vec::new(),
        }
    }
}

/// `log_format`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Records as the kernel made them.
    Raw,
    /// With the names behind the numbers.
    Enriched,
}

/// `flush`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// When the kernel likes.
    None,
    /// Every `freq` records the daemon waits for the disk.
    Incremental,
    /// Every `freq` records a thread waits for the disk.
    IncrementalAsync,
    /// Every write waits for the data (`O_DSYNC`).
    Data,
    /// Every write waits for data and metadata (`O_SYNC`).
    Sync,
}

/// `max_log_file_action`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeAction {
    /// Nothing.
    Ignore,
    /// Say so.
    Syslog,
    /// Write no more until told to resume.
    Suspend,
    /// Begin a new log; keep `num_logs`.
    Rotate,
    /// Begin a new log; keep all.
    KeepLogs,
}

/// `name_format`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameFormat {
    /// No name.
    None,
    /// What `gethostname` says.
    Hostname,
    /// The fully qualified name behind it.
    Fqd,
    /// The address behind it.
    Numeric,
    /// `name`.
    User,
}

/// Free space on the log's file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// So many MiB.
    Mebibytes(u32),
    /// So many percent of it.
    Percent(u32),
}

/// What is done about space and disk errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Ignore,
    /// Say so.
    Syslog,
    /// Begin a new log.
    Rotate,
    /// Say so and write mail.
    Email,
    /// Run a program.
    Exec(PathBuf),
    /// Write no more.
    Suspend,
    /// Single-user mode.
    Single,
    /// Shut down.
    Halt,
}

/// `overflow_action`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// Nothing.
    Ignore,
    /// Say so.
    Syslog,
    /// Queue no more.
    Suspend,
    /// Single-user mode.
    Single,
    /// Shut down.
    Halt,
}

/// `transport`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In the clear.
    Tcp,
    /// Kerberos 5.
    Krb5,
    /// TLS with a key both know (4.2).
    Tls,
}

/// `tcp_client_ports`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// Lowest port.
    pub first: u32,
    /// Highest port.
    pub last: u32,
}
