//! From the command line to a daemon that records, and to its end.
//!
//! The order is auditd's where it can be: privilege, configuration, rules, lock, background, engines, log, `DAEMON_START`,
//! rules in force, ready. Whatever fails leaves the machine as it was.

use audit_rules::Rule;
use compat::host::SystemHost;
use compat::interpret::Format;

use crate::background::{self, Readiness, Side};
use crate::enforcement::Enforcement;
use crate::engine::{ebpf, kernel};
use crate::exit;
use crate::lock_file::LockFile;
use crate::messages::{self, Reader};
use crate::options::{Options, Startup};
use crate::own_record;
use crate::pidfile::PidFile;
use crate::privilege;
use crate::recorder::{self, Command, Input};
use crate::requester::Requester;
use crate::rules_file::{self, Rules, RulesError};
use crate::ruleset::{Change, Enabled, RuleSet, Setting, Settings as Values};
use crate::service::Service;
use crate::settings::Settings;
use crate::signal::{Signals, Subject};
use crate::sink::Sink;
use crate::stats::Origin;
use crate::watchable;

mod control_plane;

use control_plane::attend;

/// Records that may wait in the kernel while we run, unless the rules say otherwise: the kernel's own 64 is for machines
/// without a daemon; this is what Debian's rules ask for.
const BACKLOG_LIMIT: u32 = 8192;
/// Settings without a kernel to ask: its defaults (`kernel/audit.c`), auditing on.
pub(crate) const VALUES: Values = Values {
    enabled: Enabled::On,
    failure: 1,
    rate_limit: 0,
    backlog_limit: BACKLOG_LIMIT,
    backlog_wait_time: 60_000,
};

/// Why the daemon did not start: what to say, and the exit code.
#[derive(Debug)]
struct Failure {
    messages: Vec<String>,
    code: u8,
}

impl Failure {
    fn new(code: u8, error: impl std::fmt::Display) -> Self {
        Self { messages: error.to_string().lines().map(str::to_owned).collect(), code }
    }

    fn say(&self) {
        for message in &self.messages {
            log::error!("{message}");
        }
    }
}

/// The rules to begin with.
enum First {
    /// Those of the rules file.
    File(Rules),
    /// None: there is no file.
    None,
    /// Those that were locked in this boot (`-e 2`), whatever the file says now.
    Locked(RuleSet),
}

/// Runs the daemon; gives the exit code.
pub fn run(options: Options) -> u8 {
    match prepare(&options) {
        Ok((settings, rules, pid_file)) => go(options, settings, rules, pid_file),
        Err(failure) => {
            failure.say();
            failure.code
        }
    }
}

/// Everything that can be found wrong before anything is touched, while somebody is at the terminal.
fn prepare(options: &Options) -> Result<(Settings, First, PidFile), Failure> {
    if !privilege::may_control_audit().map_err(|error| Failure::new(exit::FAILED, error))? {
        return Err(Failure::new(exit::PRIVILEGE, privilege::NEEDED));
    }
    let (settings, notes) = Settings::load(&options.config_dir, options.allow_links)
        .map_err(|error| Failure::new(error.exit_code(), error))?;
    for note in notes {
        log::warn!("{note}");
    }
    if !settings.local_events {
        let message = "local_events = no is not supported: this daemon records the events of its own machine";
        return Err(Failure::new(exit::CONFIG, message));
    }
    let rules = first_rules(options)?;
    let pid_file = PidFile::lock(&options.run_dir).map_err(|error| Failure::new(exit::FAILED, error))?;
    Ok((settings, rules, pid_file))
}

/// The rules of the rules file, checked; or those that are locked.
fn first_rules(options: &Options) -> Result<First, Failure> {
    let locked = LockFile::in_directory(&options.run_dir).read();
    if let Some(set) = locked.map_err(|error| Failure::new(exit::FAILED, error))? {
        log::warn!(
            "The audit system is in immutable mode: the {} rules that were locked stay in force until the next boot, \
             audit.rules is not read",
            set.rules().len()
        );
        return Ok(First::Locked(set));
    }
    let rules = match Rules::read(&options.config_dir.join(rules_file::NAME), &SystemHost) {
        Ok(rules) => rules,
        // As with auditd, which starts without any: a new machine has none until augenrules has run.
        Err(missing @ RulesError::Missing(_)) => {
            log::warn!("{missing}, starting without rules");
            return Ok(First::None);
        }
        Err(error) => return Err(Failure::new(exit::CONFIG, error)),
    };
    // Tried on paper first: every error of the file is said, and nothing has been changed.
    rules
        .apply(&mut RuleSet::new(VALUES), &mut Vec::new(), watchable::check)
        .map_err(|error| Failure::new(exit::CONFIG, error))?;
    Ok(First::File(rules))
}

/// Goes into the background if it is to, and runs there.
fn go(options: Options, settings: Settings, rules: First, pid_file: PidFile) -> u8 {
    let readiness = if options.no_fork {
        Readiness::nobody_waits()
    } else {
        match background::detach() {
            Ok(Side::Daemon(readiness)) => readiness,
            Ok(Side::Parent(code)) => {
                pid_file.leave_to_child();
                return code;
            }
            Err(error) => {
                log::error!("Failed daemonizing ({error})");
                return exit::FAILED;
            }
        }
    };
    messages::to(if readiness.is_background() { Reader::Both } else { Reader::Terminal });
    match serve(options, settings, rules, pid_file, readiness) {
        Ok(()) => exit::OK,
        Err((failure, readiness)) => {
            failure.say();
            log::error!("The audit daemon is exiting.");
            if let Some(readiness) = readiness {
                readiness.failed(failure.code);
            }
            failure.code
        }
    }
}

/// The daemon itself, from its start to its end.
fn serve(
    options: Options,
    settings: Settings,
    rules: First,
    mut pid_file: PidFile,
    readiness: Readiness,
) -> Result<(), (Failure, Option<Readiness>)> {
    let run_dir = options.run_dir.clone();
    let started = Signals::block()
        .map_err(|error| Failure::new(exit::FAILED, format!("cannot take signals: {error}")))
        .and_then(|signals| {
            pid_file.write().map_err(|error| Failure::new(exit::FAILED, error))?;
            privilege::harden(settings.priority_boost);
            Ok((signals, start(options, settings, rules)?))
        });
    let (signals, mut service) = match started {
        Ok(started) => started,
        Err(failure) => return Err((failure, Some(readiness))),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let failure = Failure::new(exit::FAILED, format!("cannot start the control plane: {error}"));
            return Err((failure, Some(readiness)));
        }
    };
    let mut readiness = Some(readiness);
    let ended = runtime.block_on(attend(&mut service, &run_dir, signals, &mut readiness));
    drop(runtime);
    let (sender, result) = match ended {
        Ok(sender) => (sender, Ok(())),
        Err(failure) => (Subject::ourselves(), Err(failure)),
    };
    let stopped = service.stop(sender).map_err(|error| Failure::new(exit::FAILED, error));
    drop(pid_file);
    result.and(stopped).map_err(|failure| (failure, readiness))
}

/// Engines, log and rules.
fn start(options: Options, settings: Settings, rules: First) -> Result<Service, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(exit::FAILED, error);
    let (mut offer, engine) = ebpf::Engine::start(&engine_options(&options));
    let mut inputs = Vec::new();
    let kernel = match kernel::Engine::start(&options.run_dir) {
        Ok((engine, source)) => {
            inputs.push(Input { origin: Origin::Kernel, source: Box::new(source) });
            Some(engine)
        }
        Err(error @ (kernel::StartError::Disabled | kernel::StartError::Refused(_)))
            if offer.tracepoint.is_ok() =>
        {
            log::warn!("{error}: messages of programs and the kernel's own records will be missing");
            offer.kernel_audit = Err(error.to_string());
            None
        }
        Err(error) => return Err(failed(&error)),
    };
    if let Err(reason) = &offer.tracepoint {
        log::warn!("no eBPF on this kernel, the kernel's audit serves every rule: {reason}");
    }
    let ebpf = engine.map(|(engine, source)| {
        inputs.push(Input { origin: Origin::Ebpf, source: Box::new(source) });
        engine
    });
    let (found, set, changes) = first_set(&options, kernel.as_ref(), rules)?;
    let sink =
        Sink::open(&settings, options.foreground).map_err(|error| Failure::new(exit::CONFIG, error))?;
    let recorder = recorder::start(inputs, settings.formatter(), sink).map_err(|error| failed(&error))?;
    let release = nix::sys::utsname::uname()
        .map(|name| name.release().to_string_lossy().into_owned())
        .unwrap_or_default();
    let start = own_record::daemon_start(format_word(&settings), &release, &Requester::starting());
    recorder.send(Command::Write(start)).map_err(|error| failed(&error))?;
    let startup = options.startup;
    let lock = LockFile::in_directory(&options.run_dir);
    let enforcement = Enforcement::new(found, offer, ebpf, kernel, lock);
    let mut service = Service::new(options, settings, enforcement, recorder);
    if let Err(error) = service.begin(set, changes) {
        service.abort("load-rules");
        return Err(Failure::new(exit::FAILED, error));
    }
    privilege::give_back_memory();
    log::info!(
        "Init complete, ebpfauditd {} listening for events (startup state {})",
        env!("CARGO_PKG_VERSION"),
        startup.word()
    );
    Ok(service)
}

pub(crate) fn engine_options(options: &Options) -> ebpf::Options {
    ebpf::Options {
        ring_bytes: options.ring_bytes.unwrap_or(ebpf::RING_BYTES),
        trampolines: !options.mask_trampolines,
        thorough: false,
    }
}

/// The word for the log format in `DAEMON_START`.
fn format_word(settings: &Settings) -> &'static str {
    match settings.format {
        Format::Raw => "raw",
        Format::Enriched => "enriched",
    }
}

/// The settings found, and the first set: what the kernel had, then what the rules file says.
fn first_set(
    options: &Options,
    kernel: Option<&kernel::Engine>,
    rules: First,
) -> Result<(Values, RuleSet, Vec<Change>), Failure> {
    let found = kernel.map_or(VALUES, |engine| {
        let before = engine.before();
        Values {
            enabled: if before.enabled == 0 { Enabled::Off } else { Enabled::On },
            failure: before.failure,
            rate_limit: before.rate_limit,
            backlog_limit: before.backlog_limit,
            backlog_wait_time: before.backlog_wait_time,
        }
    });
    if let First::Locked(set) = rules {
        return Ok((found, set, Vec::new()));
    }
    let refused = |errno: nix::errno::Errno| Failure::new(exit::FAILED, errno.desc());
    let mut set = RuleSet::new(found);
    let mut changes = Vec::new();
    for bytes in kernel.map_or(&[][..], |engine| &engine.before().rules) {
        match Rule::decode(bytes) {
            // There twice, as `-A` can do: the later one never matches first.
            Ok(rule) if set.rules().contains(&rule) => {}
            Ok(rule) => drop(set.add(rule, false, |_| Ok(())).map_err(refused)?),
            Err(error) => log::warn!("a rule that was in the kernel is left out until we end: {error}"),
        }
    }
    let enabled = match options.startup {
        Startup::Enable => Enabled::On,
        Startup::Disable => Enabled::Off,
        Startup::NoChange => found.enabled,
    };
    set.set(Setting::Enabled, enabled as u32).map_err(refused)?;
    if let First::File(rules) = rules {
        let mut ignored = Vec::new();
        changes = rules
            .apply(&mut set, &mut ignored, watchable::check)
            .map_err(|error| Failure::new(exit::CONFIG, error))?;
        for line in rules.ignored().chain(&ignored) {
            log::warn!("{line}");
        }
    }
    let limited =
        changes.iter().any(|change| matches!(change, Change::Set { setting: Setting::BacklogLimit, .. }));
    // A set that the file has locked stays as the file has it.
    if !limited && set.settings().enabled != Enabled::Locked {
        set.set(Setting::BacklogLimit, found.backlog_limit.max(BACKLOG_LIMIT)).map_err(refused)?;
    }
    Ok((found, set, changes))
}
