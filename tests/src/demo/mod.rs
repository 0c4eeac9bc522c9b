//! The demonstration: probe, plan, activity, what ausearch finds, summary.

mod activity;
mod place;

use std::ffi::OsStr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::kernel::Audit;
use tests::program::{original, ours, run as run_program};
use tests::side::{Daemon, Side};

use activity::{ACTIVITIES, Activity, Find};
use place::{AUID, Place};

const LIMIT: Duration = Duration::from_secs(20);

/// Shows everything; an error if any kind of activity was not found, or anything was lost.
///
/// With `--original` the original auditd shows the same, as far as it can.
pub(crate) fn run() -> Result<()> {
    let side = match std::env::args().nth(1).as_deref() {
        None => Side::Ours,
        Some("--original") => Side::Theirs,
        Some(other) => anyhow::bail!("{other}: the only option is --original"),
    };
    let audit = Audit::hold()?;
    // Its own mounts, so that the bind mount ends with this process.
    let place = Place::make()?;
    let rules = place.rules();

    if side == Side::Ours {
        heading("What this kernel offers (ebpfauditd --probe)");
        print!("{}", say(&[OsStr::new("--probe")])?);
    }

    heading("The rules of this demonstration");
    for rule in &rules {
        println!("{rule}");
    }

    let daemon = Daemon::start(side, &audit, &rules, &[])?;

    if side == Side::Ours {
        heading("The plan (ebpfauditd --plan)");
        print!("{}", say(&["--plan".as_ref(), "-c".as_ref(), daemon.directory().as_os_str()])?);
    }

    let mut failures = Vec::new();
    for activity in ACTIVITIES {
        if let Err(error) = place.act(activity) {
            failures.push(format!("{}: {error:#}", activity.title));
        }
    }
    daemon.auditctl(&["-m", place::MESSAGE])?.success().context("auditctl -m")?;
    daemon.settle("demonstration-ends")?;

    let mut found = 0;
    for activity in ACTIVITIES {
        heading(activity.title);
        println!("    {}", activity.what);
        let events = search(&daemon, &place, activity)?;
        if events.is_empty() {
            println!("    NOT FOUND");
            failures.push(format!("{}: ausearch does not find it", activity.title));
        } else {
            found += 1;
        }
        print!("{events}");
    }

    heading("Summary");
    let status = daemon.auditctl(&["-s"])?.success().context("auditctl -s")?;
    let counters = if side == Side::Ours { daemon.counters()? } else { String::new() };
    let log = daemon.stop()?;
    let events = tests::log::parse(&log)?;
    println!("kinds of activity found {found} of {}", ACTIVITIES.len());
    println!("events in the log {}", events.len());
    print!("{counters}");
    let lost =
        status.lines().find_map(|line| line.strip_prefix("lost ")).context("auditctl -s says no lost")?;
    println!("lost {lost}");
    if lost != "0" {
        failures.push(format!("{lost} events were lost"));
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

/// What our daemon prints with these options.
fn say(options: &[&OsStr]) -> Result<String> {
    run_program(Command::new(ours("ebpfauditd")?).args(options), LIMIT)?
        .success()
        .with_context(|| format!("ebpfauditd {options:?}"))
}

fn heading(title: &str) {
    println!("\n== {title} {}", "=".repeat(90_usize.saturating_sub(title.len())));
}

/// What the real `ausearch -i` prints for an activity; empty when it finds nothing.
fn search(daemon: &Daemon<'_>, place: &Place, activity: &Activity) -> Result<String> {
    let mut command = Command::new(original::AUSEARCH);
    command.arg("-i").arg("-if").arg(daemon.log_path());
    // The login uid leaves out that the rule was loaded, which carries the key too.
    let user = AUID.to_string();
    match activity.find {
        Find::Key(key) => command.args(["-ul", &user, "-k", key]),
        Find::KeyAndName(key, name) => command.args(["-ul", &user, "-k", key, "-f"]).arg(place.path(name)),
        Find::Message => command.args(["-m", "USER"]),
    };
    println!("    $ {}", shown(&command));
    let outcome = run_program(&mut command, LIMIT)?;
    if !outcome.status.success() {
        ensure!(
            outcome.stderr.contains("no matches") || outcome.stdout.contains("no matches"),
            "{outcome:?}"
        );
        return Ok(String::new());
    }
    Ok(outcome.stdout)
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
