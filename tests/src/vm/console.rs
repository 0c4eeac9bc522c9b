//! What a guest says: the lines of its first process, of the test programs, and of the kernel.

use std::fmt;

/// How one test or scenario ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// As expected.
    Passed,
    /// Not as expected, and what is known of why.
    Differing(String),
    /// Not done, and why.
    Skipped(String),
}

/// A line of the jobs' console (ttyS1).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// The guest runs this kernel.
    Kernel(&'a str),
    /// A job begins.
    Start(&'a str),
    /// A job ended with this status.
    End(&'a str, i32),
    /// All jobs ended.
    Done,
    /// What the job does now is to stop the machine. Printed by the test, see [`line`].
    Stop,
    /// A test of libtest ended: its name, how.
    Test(&'a str, Outcome),
    /// A scenario ended: its group, its name, how. See [`line`].
    Scenario(&'a str, &'a str, Outcome),
    /// Anything else.
    Other,
}

/// Reads a line of the jobs' console. Beside libtest's own lines a test program may print
///
/// ```text
/// scenario GROUP/NAME: equal
/// scenario GROUP/NAME: differing: WHAT
/// scenario GROUP/NAME: skipped: WHY
/// ```
///
/// The group's cells in the table count them; the test that prints them is counted by itself. A test that is to stop the machine
/// prints `@vm stop` before.
pub(super) fn line(text: &str) -> Line<'_> {
    if let Some(rest) = text.strip_prefix("@vm ") {
        let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        return match word {
            "kernel" => Line::Kernel(rest),
            "start" => Line::Start(rest),
            "end" => rest
                .rsplit_once(' ')
                .and_then(|(name, status)| Some(Line::End(name, status.parse().ok()?)))
                .unwrap_or(Line::Other),
            "done" => Line::Done,
            "stop" => Line::Stop,
            _ => Line::Other,
        };
    }
    if let Some(rest) = text.strip_prefix("scenario ") {
        return scenario(rest).unwrap_or(Line::Other);
    }
    text.strip_prefix("test ").and_then(test).unwrap_or(Line::Other)
}

fn scenario(text: &str) -> Option<Line<'_>> {
    let (name, rest) = text.split_once(": ")?;
    let (group, name) = name.split_once('/')?;
    let (word, why) = rest.split_once(": ").unwrap_or((rest, ""));
    let outcome = match word {
        "equal" => Outcome::Passed,
        "differing" => Outcome::Differing(why.to_owned()),
        "skipped" => Outcome::Skipped(why.to_owned()),
        _ => return None,
    };
    Some(Line::Scenario(group, name, outcome))
}

fn test(text: &str) -> Option<Line<'_>> {
    let (name, rest) = text.rsplit_once(" ... ")?;
    let (word, why) = rest.split_once(", ").unwrap_or((rest, ""));
    let outcome = match word {
        "ok" => Outcome::Passed,
        "FAILED" => Outcome::Differing(String::new()),
        "ignored" => Outcome::Skipped(why.to_owned()),
        _ => return None,
    };
    Some(Line::Test(name.strip_suffix(" - should panic").unwrap_or(name), outcome))
}

/// What a line of the kernel's console means for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The kernel gave up. With `oops=panic` every fault in it ends so.
    Panic,
    /// It complained and went on.
    Warning,
}

impl Trouble {
    /// Reads a line of the kernel's console (ttyS0).
    pub(super) fn of(text: &str) -> Option<Self> {
        const PANICS: [&str; 3] = ["Kernel panic - not syncing", "Oops: ", "BUG: "];
        const WARNINGS: [&str; 4] =
            ["WARNING: CPU: ", "INFO: task ", "rcu: INFO: ", "possible recursive locking"];
        if PANICS.iter().any(|words| text.contains(words)) {
            Some(Self::Panic)
        } else if WARNINGS.iter().any(|words| text.contains(words)) {
            Some(Self::Warning)
        } else {
            None
        }
    }
}

/// What the kernel says when it is told to stop through sysrq.
const TOLD_TO_STOP: &str = "Kernel panic - not syncing: sysrq triggered crash";
/// What our daemon puts into the kernel's log before it does so.
const REASON: &str = "audit: events were lost: ";

/// A machine that is to stop: what is known of it so far.
#[derive(Debug, Default)]
pub(super) struct Stop {
    is_announced: bool,
    has_reason: bool,
    is_done: bool,
}

impl Stop {
    /// Takes a line of the jobs' console into account.
    pub(super) fn hear_job(&mut self, said: &Line<'_>) {
        self.is_announced |= *said == Line::Stop;
    }

    /// Takes a line of the kernel's console into account.
    pub(super) fn hear_kernel(&mut self, text: &str) {
        // The consoles are two: what the kernel says may arrive before the announcement.
        self.has_reason |= text.contains(REASON);
        self.is_done |= self.has_reason && text.contains(TOLD_TO_STOP);
    }

    /// Whether it was announced, and came after its reason was told.
    pub(super) const fn is_as_it_should_be(&self) -> bool {
        self.is_announced && self.is_done
    }
}

/// How a whole run of one kernel ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All jobs ended, and the guest switched itself off.
    Finished,
    /// The last job stopped the machine, as it should.
    Stopped,
    /// The kernel panicked: its line.
    Panic(String),
    /// Nothing was said for so many seconds, in this job.
    Stall(u64, String),
    /// The machine ended before its jobs: its last words.
    Ended(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => write!(f, "finished"),
            Self::Stopped => write!(f, "stopped through sysrq, as it should"),
            Self::Panic(line) => write!(f, "the kernel panicked: {line}"),
            Self::Stall(seconds, job) => write!(f, "stalled: nothing was said for {seconds} s in {job}"),
            Self::Ended(words) => write!(f, "the machine ended before its jobs: {words}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_first_process() {
        assert_eq!(line("@vm kernel 6.12.1-cloud"), Line::Kernel("6.12.1-cloud"));
        assert_eq!(line("@vm start tests/flood"), Line::Start("tests/flood"));
        assert_eq!(line("@vm end tests/flood 101"), Line::End("tests/flood", 101));
        assert_eq!(line("@vm done"), Line::Done);
        assert_eq!(line("@vm stop"), Line::Stop);
        assert_eq!(line("@vm"), Line::Other);
    }

    #[test]
    fn the_lines_of_libtest() {
        assert_eq!(line("test a::b ... ok"), Line::Test("a::b", Outcome::Passed));
        assert_eq!(line("test a ... FAILED"), Line::Test("a", Outcome::Differing(String::new())));
        assert_eq!(line("test a ... ignored, slow"), Line::Test("a", Outcome::Skipped("slow".to_owned())));
        assert_eq!(line("test a - should panic ... ok"), Line::Test("a", Outcome::Passed));
        assert_eq!(line("test a has been running for over 60 seconds"), Line::Other);
        assert_eq!(line("test result: ok. 1 passed; 0 failed"), Line::Other);
    }

    #[test]
    fn the_lines_of_scenarios() {
        assert_eq!(line("scenario file/unlink: equal"), Line::Scenario("file", "unlink", Outcome::Passed));
        assert_eq!(
            line("scenario file/openat2: skipped: no openat2: ENOSYS"),
            Line::Scenario("file", "openat2", Outcome::Skipped("no openat2: ENOSYS".to_owned()))
        );
        assert_eq!(
            line("scenario file/a/b: differing: PATH 2 of 3"),
            Line::Scenario("file", "a/b", Outcome::Differing("PATH 2 of 3".to_owned()))
        );
        assert_eq!(line("scenario file: equal"), Line::Other);
    }

    #[test]
    fn a_stop_is_as_it_should_be_when_announced_and_with_its_reason() {
        let reason = format!("[ 1.1] {REASON}ring-full=1");
        let panic = format!("[ 1.2] {TOLD_TO_STOP}");
        let other = "[ 1.2] Kernel panic - not syncing: Attempted to kill init!";
        for (announced, lines, expected) in [
            (true, [reason.as_str(), panic.as_str()], true),
            (false, [&reason, &panic], false),
            (true, [&panic, &reason], false),
            (true, [&reason, other], false),
        ] {
            let mut stop = Stop::default();
            for text in lines {
                stop.hear_kernel(text);
            }
            stop.hear_job(&if announced { Line::Stop } else { Line::Other });
            assert_eq!(stop.is_as_it_should_be(), expected, "{lines:?}");
        }
    }

    #[test]
    fn the_kernel_in_trouble() {
        assert_eq!(
            Trouble::of("[ 1.2] Kernel panic - not syncing: Attempted to kill init!"),
            Some(Trouble::Panic)
        );
        assert_eq!(Trouble::of("[ 1.2] BUG: kernel NULL pointer dereference"), Some(Trouble::Panic));
        assert_eq!(Trouble::of("[ 1.2] WARNING: CPU: 0 PID: 1 at kernel/x.c:1"), Some(Trouble::Warning));
        assert_eq!(Trouble::of("[ 1.2] reboot: Power down"), None);
    }
}
