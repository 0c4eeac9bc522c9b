//! The virtual machine: starts it, hears what it says on its two consoles, ends it.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::accelerator::Accelerator;
use super::console::{Line, Stop, Trouble, Verdict, line};

/// How many lines of the kernel's console are kept for a report: two traces.
const KEPT: usize = 100;
/// How long the machine may take from its last job to its end.
const POWER_OFF: Duration = Duration::from_secs(20);

/// What the kernel says of a task that does not give its processor away.
const LOCKUP: &str = "BUG: soft lockup";

/// How a machine is set up.
#[derive(Debug)]
pub(super) struct Setup<'a> {
    /// The bootable image.
    pub(super) image: &'a Path,
    /// Its first file system.
    pub(super) initramfs: &'a Path,
    /// Security modules, in the words of `lsm=`.
    pub(super) lsm: &'a str,
    /// More words for the kernel's command line.
    pub(super) append: &'a str,
    /// What the guest's processors are.
    pub(super) accelerator: Accelerator,
    /// Memory in MiB.
    pub(super) memory: u32,
    /// Without a word for so long it counts as stalled.
    pub(super) stall: Duration,
}

/// How it ended, and what the kernel had to say.
#[derive(Debug)]
pub(super) struct Report {
    /// How it ended.
    pub(super) verdict: Verdict,
    /// Its kernel's last lines.
    pub(super) kernel: Vec<String>,
    /// The kernel's complaints that were not its end.
    pub(super) warnings: Vec<String>,
}

impl Report {
    /// Whether the kernel came to its end at a breakpoint of its own: it puts one where it changes its code (`text_poke_bp`). QEMU before
    /// 8.1 may keep what it translates of such code just while another processor changes it, and executes the breakpoint when it is long
    /// gone. Where one thread translates for all processors that cannot be.
    ///
    /// From 6.8 on the kernel gives up. Before, it goes back to the instruction that it finds in memory (`kprobe_int3_handler`), and so
    /// on without end, with interrupts only there.
    pub(super) fn is_of_the_emulator(&self) -> bool {
        match &self.verdict {
            Verdict::Panic(words) if words.contains(LOCKUP) => self.stands_at_changed_code(),
            Verdict::Panic(words) => words.contains("Oops: int3"),
            _ => false,
        }
    }

    /// Whether who locks a processor up stands where the kernel changes code: at a function's first instruction, or that after
    /// `endbr64`, where functions are traced; or at a jump that is switched on and off (`jump_label`), where every trace must show it,
    /// for a loop may have a jump, too, but is not always just there.
    fn stands_at_changed_code(&self) -> bool {
        /// A jump of four or one bytes' distance, and what stands there if it is off.
        const JUMPS: [&str; 4] = ["<e9>", "<eb>", "<0f> 1f 44 00 00", "<66> 90"];
        let place_in = |line: &str| line.split_once("RIP: 0010:").map(|(_, place)| place.trim().to_owned());
        // The processor's own place comes first, before what others are at.
        let mut trace = self.kernel.iter().skip_while(|line| !line.contains(LOCKUP));
        let Some(place) = trace.find_map(|line| place_in(line)) else { return false };
        if ["+0x0/", "+0x4/"].iter().any(|first| place.contains(first)) {
            return true;
        }
        let at_a_jump = trace
            .find(|line| line.contains("Code:"))
            .is_some_and(|code| JUMPS.iter().any(|jump| code.contains(jump)));
        let places: Vec<String> = self.kernel.iter().filter_map(|line| place_in(line)).collect();
        at_a_jump && places.len() > 1 && places.iter().all(|other| *other == place)
    }
}

enum Said {
    Jobs(String),
    Kernel(String),
}

impl Setup<'_> {
    fn command(&self) -> Command {
        // An emulator that outlives us takes a processor for good.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
        command.args(["-cpu", "max", "-smp", "2", "-display", "none", "-monitor", "none", "-nodefaults"]);
        command.args(["-no-reboot", "-m", &self.memory.to_string(), "-accel"]);
        command.args(self.accelerator.words());
        // The kernel's console is the first serial line and comes by standard error; the jobs' is the second.
        command.args(["-serial", "file:/dev/stderr", "-serial", "stdio"]);
        command.arg("-kernel").arg(self.image).arg("-initrd").arg(self.initramfs);
        command.arg("-append").arg(format!(
            "console=ttyS0 panic=-1 oops=panic loglevel=5 rdinit=/init lsm={} {}",
            self.lsm, self.append
        ));
        command
    }

    /// Runs the machine to its end; `hear` gets every line of the jobs.
    pub(super) fn run(&self, mut hear: impl FnMut(&str)) -> Result<Report> {
        let mut child = self
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting setpriv (util-linux)")?;
        let (sender, receiver) = channel();
        listen(child.stdout.take(), sender.clone(), Said::Jobs);
        listen(child.stderr.take(), sender, Said::Kernel);
        let report = self.attend(&receiver, &mut hear);
        end(&mut child)?;
        Ok(report)
    }

    fn attend(&self, receiver: &Receiver<Said>, hear: &mut impl FnMut(&str)) -> Report {
        let mut kernel = VecDeque::new();
        let mut warnings = Vec::new();
        let (mut job, mut done, mut panic) = ("the boot".to_owned(), false, None);
        let mut stop = Stop::default();
        let verdict = loop {
            let patience = if done || panic.is_some() { POWER_OFF } else { self.stall };
            match receiver.recv_timeout(patience) {
                Ok(Said::Jobs(text)) => {
                    let said = line(&text);
                    stop.hear_job(&said);
                    match said {
                        Line::Start(name) => name.clone_into(&mut job),
                        Line::Done => done = true,
                        _ => {}
                    }
                    hear(&text);
                }
                Ok(Said::Kernel(text)) => {
                    stop.hear_kernel(&text);
                    match Trouble::of(&text) {
                        Some(Trouble::Panic) => panic = panic.or_else(|| Some(text.clone())),
                        Some(Trouble::Warning) => warnings.push(text.clone()),
                        None => {}
                    }
                    if kernel.len() == KEPT {
                        kernel.pop_front();
                    }
                    kernel.push_back(text);
                }
                Err(_) if stop.is_as_it_should_be() => break Verdict::Stopped,
                // After a panic or the last job, silence or the end of the machine say nothing new.
                Err(_) if panic.is_some() || done => {
                    break panic.map_or(Verdict::Finished, Verdict::Panic);
                }
                Err(RecvTimeoutError::Timeout) => break Verdict::Stall(self.stall.as_secs(), job),
                Err(RecvTimeoutError::Disconnected) => {
                    break Verdict::Ended(kernel.back().cloned().unwrap_or_default());
                }
            }
        };
        Report { verdict, kernel: kernel.into(), warnings }
    }
}

/// Sends every line of a console; carriage returns are the terminal's.
fn listen(console: Option<impl Read + Send + 'static>, sender: Sender<Said>, said: fn(String) -> Said) {
    let Some(console) = console else { return };
    std::thread::spawn(move || {
        let mut console = BufReader::new(console);
        let mut bytes = Vec::new();
        while console.read_until(b'\n', &mut bytes).is_ok_and(|length| length > 0) {
            let text = String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned();
            if sender.send(said(text)).is_err() {
                return;
            }
            bytes.clear();
        }
    });
}

/// Waits for a machine that switches itself off; ends one that does not.
fn end(child: &mut Child) -> Result<()> {
    let limit = Instant::now() + Duration::from_secs(2);
    while child.try_wait().context("waiting for the machine")?.is_none() {
        if Instant::now() > limit {
            child.kill().context("ending the machine")?;
            child.wait().context("waiting for the machine")?;
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_the_emulator(words: &str, lines: &[&str]) -> bool {
        let kernel = lines.iter().map(|&line| line.to_owned()).collect();
        Report { verdict: Verdict::Panic(words.to_owned()), kernel, warnings: Vec::new() }
            .is_of_the_emulator()
    }

    #[test]
    fn ends_at_breakpoints_are_the_emulators() {
        let lockup = "watchdog: BUG: soft lockup - CPU#0 stuck for 23s! [actor:22075]";
        for (words, line, expected) in [
            ("Oops: int3: 0000 [#1] SMP NOPTI", "", true),
            ("Kernel panic - not syncing: Attempted to kill init!", "RIP: 0010:vfs_open+0x0/0x30", false),
            (lockup, "[ 852.6] RIP: 0010:vfs_open+0x0/0x30", true),
            (lockup, "[ 852.6] RIP: 0010:vfs_open+0x4/0x30", true),
            (lockup, "[ 852.6] RIP: 0010:d_walk+0x40/0x2b0", false),
        ] {
            let said = of_the_emulator(words, &[words, line, "RIP: 0010:other+0x0/0x10"]);
            assert_eq!(said, expected, "{words}: {line}");
        }
    }

    #[test]
    fn a_task_that_stands_at_a_jump_in_every_trace_is_the_emulators() {
        // of a 5.10; by its bytes the jump is that of the tracepoint sys_exit, which our daemon hooks
        let lockup = "[ 1180.6] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [ebpfauditd:6494]";
        let place = "[ 1180.6] RIP: 0010:syscall_exit_to_user_mode+0xb3/0x140";
        let other = "[ 1178.9] RIP: 0010:syscall_exit_to_user_mode+0xb8/0x140";
        let (jump, none) =
            ("[ 1180.6] Code: 66 ff ff ff <e9> 0f 00 00 00", "[ 1180.6] Code: 66 ff ff ff <48> 8b");
        let user = "[ 1180.6] RIP: 0033:0x7f2f99bec829";
        assert!(of_the_emulator(lockup, &[place, jump, user, lockup, place, jump, user]));
        assert!(!of_the_emulator(lockup, &[lockup, place, jump, user]), "one trace");
        assert!(!of_the_emulator(lockup, &[other, jump, lockup, place, jump]), "two places");
        assert!(!of_the_emulator(lockup, &[place, none, lockup, place, none]), "no jump");
    }
}
