//! The engine against a kernel of our own making.

use std::cell::RefCell;
use std::rc::Rc;

use audit_rules::{Command, NoHost, parse_words};
use compat::audit::{Part, kind};

use super::notes::NOTED_BEFORE_REWRITE;
use super::*;

/// What the engine would see of the kernel: its settings and rule lists, and the requests it refuses.
#[derive(Debug, Default)]
struct Kernel {
    status: Status,
    rules: Vec<Vec<u8>>,
    refuse: Option<Vec<u8>>,
    registered: bool,
}

#[derive(Clone, Debug, Default)]
struct Fake(Rc<RefCell<Kernel>>);

impl Audit for Fake {
    fn request(&mut self, kind: u16, payload: &[u8]) -> io::Result<Answer> {
        let kernel = &mut *self.0.borrow_mut();
        let mut answer = Answer::default();
        match kind {
            kind::GET => answer.parts.push(Part { kind, payload: kernel.status.encode() }),
            kind::SET => kernel.set(&Status::decode(payload).unwrap())?,
            kind::LIST_RULES => {
                answer.parts.extend(kernel.rules.iter().map(|rule| Part { kind, payload: rule.clone() }));
            }
            kind::ADD_RULE => kernel.add(payload)?,
            kind::DEL_RULE => {
                let at = kernel.rules.iter().position(|present| present == payload);
                kernel.rules.remove(at.ok_or(Errno::ENOENT)?);
            }
            other => panic!("request {other}"),
        }
        Ok(answer)
    }
}

impl Kernel {
    fn set(&mut self, wanted: &Status) -> Result<(), Errno> {
        let status = &mut self.status;
        if wanted.sets(StatusField::Pid) {
            self.registered = wanted.pid != 0;
            return Ok(());
        }
        if status.enabled == LOCKED {
            return Err(Errno::EPERM);
        }
        for (field, value) in [
            (StatusField::Enabled, &mut status.enabled),
            (StatusField::Failure, &mut status.failure),
            (StatusField::RateLimit, &mut status.rate_limit),
            (StatusField::BacklogLimit, &mut status.backlog_limit),
            (StatusField::BacklogWaitTime, &mut status.backlog_wait_time),
        ] {
            if wanted.sets(field) {
                *value = wanted.get(field);
            }
        }
        Ok(())
    }

    fn add(&mut self, rule: &[u8]) -> Result<(), Errno> {
        let mut stored = rule.to_vec();
        stored[0] &= !0x10;
        if self.refuse.as_deref() == Some(&stored) {
            return Err(Errno::ENOENT);
        }
        if stored != rule {
            self.rules.insert(0, stored);
        } else if self.rules.contains(&stored) {
            return Err(Errno::EEXIST);
        } else {
            self.rules.push(stored);
        }
        Ok(())
    }
}

fn rule(line: &str) -> Rule {
    let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    match parse_words(&words, &NoHost).unwrap().remove(0) {
        Command::Add { rule, .. } => rule,
        other => panic!("{line}: {other:?}"),
    }
}

fn start(kernel: Kernel) -> (Fake, Engine<Fake>) {
    let fake = Fake(Rc::new(RefCell::new(Kernel { registered: true, ..kernel })));
    let status = fake.0.borrow().status;
    let engine = Engine::take_over(fake.clone(), status, None, 42, |_| true).unwrap();
    (fake, engine)
}

/// A daemon with the number `pid` on a kernel that is there already; the only process that lives has the number 1.
fn next(fake: &Fake, run_dir: &Path, pid: u32) -> Engine<Fake> {
    let file = BeforeFile::in_directory(run_dir);
    let status = fake.0.borrow().status;
    Engine::take_over(fake.clone(), status, Some(file), pid, |pid| pid == 1).unwrap()
}

/// A kernel with these rules.
fn with_rules(lines: &[&str]) -> Kernel {
    Kernel { rules: lines.iter().map(|line| rule(line).encode()).collect(), ..Kernel::default() }
}

fn listed(fake: &Fake) -> Vec<String> {
    fake.0.borrow().rules.iter().map(|bytes| Rule::decode(bytes).unwrap().to_string()).collect()
}

const HIDE: &str = "-a always,exclude -F pid=42";
const NEVER: &str = "-a never,task";

#[test]
fn without_rules_for_the_kernel_new_tasks_get_no_context() {
    let (fake, mut engine) = start(Kernel::default());
    let user = rule("-a never,user -F uid=5");
    engine.apply([&user]).unwrap();
    assert_eq!(listed(&fake), [NEVER, HIDE, "-a never,user -F uid=5"]);
    let watch = rule("-w /etc/passwd -p wa");
    engine.apply([&user, &watch]).unwrap();
    assert_eq!(listed(&fake), [HIDE, "-a never,user -F uid=5", "-w /etc/passwd -p wa"]);
    engine.apply([]).unwrap();
    assert_eq!(listed(&fake), [NEVER, HIDE]);
}

#[test]
fn what_was_there_is_back_at_the_end() {
    let present = rule("-a always,exit -F arch=b64 -S open -F key=before").encode();
    let status = Status {
        enabled: 1,
        failure: 1,
        rate_limit: 5,
        backlog_limit: 64,
        backlog_wait_time: 15000,
        ..Status::default()
    };
    let (fake, mut engine) = start(Kernel { status, rules: vec![present.clone()], ..Kernel::default() });
    engine.set(Setting::BacklogLimit, 8192).unwrap();
    engine.set(Setting::Enabled, 0).unwrap();
    engine.apply([&rule("-w /etc/passwd -p wa")]).unwrap();
    assert_eq!(engine.before().rules, std::slice::from_ref(&present));
    drop(engine);
    let kernel = fake.0.borrow();
    assert_eq!((kernel.status, &kernel.rules), (status, &vec![present]));
    assert!(!kernel.registered);
}

#[test]
fn a_rule_that_the_kernel_refuses_leaves_the_old_ones() {
    let (one, two, bad) = (rule("-w /a -p r"), rule("-w /b -p r"), rule("-w /c -p r"));
    let (fake, mut engine) = start(Kernel { refuse: Some(bad.encode()), ..Kernel::default() });
    engine.apply([&one, &two]).unwrap();
    let before = listed(&fake);
    let error = engine.apply([&two, &one, &bad]).unwrap_err();
    assert_eq!(error.to_string(), "cannot add rule \"-w /c -p r\" in the kernel: No such file or directory");
    assert_eq!(listed(&fake), before);
    let (fake, mut engine) = start(Kernel { refuse: Some(bad.encode()), ..Kernel::default() });
    engine.apply([]).unwrap();
    engine.apply([&one, &bad]).unwrap_err();
    assert_eq!(listed(&fake), [NEVER, HIDE]);
}

#[test]
fn a_kernel_that_is_locked_is_left_as_it_is() {
    let status = Status { enabled: LOCKED, ..Status::default() };
    let present = rule("-w /a -p r").encode();
    let (fake, mut engine) = start(Kernel { status, rules: vec![present.clone()], ..Kernel::default() });
    assert!(engine.is_locked());
    engine.apply([]).unwrap();
    drop(engine);
    assert_eq!(fake.0.borrow().rules, [present]);
    assert!(!fake.0.borrow().registered);
}

#[test]
fn a_daemon_starts_in_a_locked_kernel_and_later_changes_are_refused() {
    let status = Status { enabled: LOCKED, ..Status::default() };
    let (one, two, three) = (rule("-w /a -p r"), rule("-w /b -p r"), rule("-w /c -p r"));
    let rules = vec![one.encode(), two.encode()];
    let (fake, mut engine) = start(Kernel { status, rules: rules.clone(), ..Kernel::default() });
    engine.apply([&one, &three]).unwrap();
    engine.apply([&one, &three]).unwrap();
    assert_eq!(engine.apply([&one, &two, &three]).unwrap_err().errno, Errno::EPERM);
    assert_eq!(engine.apply([&one]).unwrap_err().errno, Errno::EPERM);
    assert_eq!(engine.drift().unwrap(), Drift::default());
    drop(engine);
    assert_eq!(fake.0.borrow().rules, rules);
}

#[test]
fn a_rule_that_was_there_twice_is_there_twice_again() {
    let lines = ["-w /a -p r", "-w /b -p r", "-w /a -p r", "-w /c -p r"];
    let (fake, mut engine) = start(with_rules(&lines));
    engine.apply([&rule("-w /d -p r")]).unwrap();
    drop(engine);
    assert_eq!(listed(&fake), lines);
}

#[test]
fn a_rule_that_the_kernel_has_dropped_is_noticed_and_can_be_loaded_again() {
    let (fake, mut engine) = start(Kernel::default());
    let (one, two) = (rule("-w /a -p r"), rule("-w /b -p r"));
    engine.apply([&one, &two]).unwrap();
    assert_eq!(engine.drift().unwrap(), Drift::default());
    fake.0.borrow_mut().rules.retain(|bytes| *bytes != one.encode());
    assert_eq!(engine.drift().unwrap(), Drift { dropped: vec![one.encode()], added: Vec::new() });
    assert_eq!(listed(&fake), [HIDE, "-w /b -p r"]);
    engine.apply([&one, &two]).unwrap();
    assert_eq!(listed(&fake), ["-w /a -p r", HIDE, "-w /b -p r"]);
    // As after `auditctl -D`: our own two are needed all the same.
    engine.apply([]).unwrap();
    fake.0.borrow_mut().rules.clear();
    assert_eq!(engine.drift().unwrap(), Drift::default());
    engine.apply([]).unwrap();
    assert_eq!(listed(&fake), [NEVER, HIDE]);
}

#[test]
fn a_rule_that_another_program_has_loaded_goes_to_its_place() {
    let (fake, mut engine) = start(Kernel::default());
    let (one, two) = (rule("-w /a -p r"), rule("-w /b -p r"));
    fake.0.borrow_mut().rules.push(two.encode());
    engine.apply([&one, &two]).unwrap();
    assert_eq!(listed(&fake), [HIDE, "-w /a -p r", "-w /b -p r"]);
}

#[test]
fn lost_records_are_counted_on_when_another_program_resets_the_count() {
    let (fake, mut engine) =
        start(Kernel { status: Status { lost: 20, ..Status::default() }, ..Kernel::default() });
    for (now, since_start) in [(20, 0), (25, 5), (0, 5), (3, 8), (4, 9)] {
        fake.0.borrow_mut().status.lost = now;
        assert_eq!(engine.lost().unwrap(), since_start, "at {now}");
    }
}

#[test]
fn after_a_killed_daemon_the_rules_of_others_stay_and_its_own_go() {
    let run = tempfile::tempdir().unwrap();
    let fake = Fake(Rc::new(RefCell::new(with_rules(&["-w /before -p r"]))));
    let mut killed = next(&fake, run.path(), 42);
    killed.apply([&rule("-w /ours -p r"), &rule("-w /ours-too -p r")]).unwrap();
    killed.apply([&rule("-w /ours -p r")]).unwrap();
    std::mem::forget(killed);
    fake.0.borrow_mut().rules.push(rule("-w /others -p r").encode());
    let mut again = next(&fake, run.path(), 43);
    let expected = ["-w /before -p r", "-w /others -p r"];
    assert_eq!(again.before().rules, expected.map(|line| rule(line).encode()));
    again.apply([]).unwrap();
    std::mem::forget(again);
    drop(next(&fake, run.path(), 44));
    assert_eq!(listed(&fake), expected);
    assert_eq!(std::fs::read_dir(run.path()).unwrap().count(), 0);
}

#[test]
fn what_a_killed_daemon_left_is_known_without_its_file() {
    let run = tempfile::tempdir().unwrap();
    let fake = Fake(Rc::new(RefCell::new(with_rules(&[NEVER, HIDE, "-w /a -p r"]))));
    let engine = next(&fake, run.path(), 43);
    assert_eq!(engine.before().rules, [rule("-w /a -p r").encode()]);
    drop(engine);
    assert_eq!(listed(&fake), ["-w /a -p r"]);
    // The administrator's: the process lives, or there is only one of the two.
    for lines in [&[NEVER, "-a always,exclude -F pid=1"][..], &[NEVER, "-w /a -p r"], &[HIDE, "-w /a -p r"]] {
        let fake = Fake(Rc::new(RefCell::new(with_rules(lines))));
        drop(next(&fake, run.path(), 43));
        assert_eq!(listed(&fake), lines);
    }
}

#[test]
fn rules_that_come_and_go_do_not_fill_the_file() {
    let run = tempfile::tempdir().unwrap();
    let fake = Fake::default();
    let mut engine = next(&fake, run.path(), 42);
    for number in 0..1000 {
        engine.apply([&rule(&format!("-w /{number} -p r"))]).unwrap();
    }
    let remembered = BeforeFile::in_directory(run.path()).read().unwrap();
    assert!(remembered.ours.len() <= NOTED_BEFORE_REWRITE + 10, "{}", remembered.ours.len());
    assert!(remembered.ours.contains(&rule("-w /999 -p r").encode()));
}

/// Puts a rule into the kernel as another program does.
fn put(fake: &Fake, line: &str, in_front: bool) {
    let bytes = rule(line).encode();
    let bytes = if in_front { order::prepended(&bytes) } else { bytes };
    fake.0.borrow_mut().add(&bytes).unwrap();
}

#[test]
fn what_others_put_there_is_found_once_with_its_place() {
    let (fake, mut engine) = start(Kernel::default());
    engine.apply([&rule("-w /ours -p r")]).unwrap();
    put(&fake, "-w /behind -p r", false);
    put(&fake, "-w /second -p r", true);
    put(&fake, "-w /first -p r", true);
    put(&fake, "-a never,user -F uid=5", false);
    let found = engine.drift().unwrap();
    assert_eq!(found.dropped, Vec::<Vec<u8>>::new());
    let added: Vec<(String, bool)> =
        found.added.iter().map(|(rule, front)| (rule.to_string(), *front)).collect();
    let expected = [
        ("-w /second -p r", true),
        ("-w /first -p r", true),
        ("-w /behind -p r", false),
        ("-a never,user -F uid=5", false),
    ];
    assert_eq!(added, expected.map(|(line, front)| (line.to_owned(), front)));
    assert_eq!(engine.drift().unwrap(), Drift::default());
}

#[test]
fn an_adopted_rule_that_is_served_elsewhere_stays_listed_without_effect() {
    let (fake, mut engine) = start(Kernel::default());
    let (ours, theirs) = (rule("-w /ours -p r"), rule("-w /theirs -p r"));
    engine.apply([&ours]).unwrap();
    put(&fake, "-w /theirs -p r", false);
    assert_eq!(engine.drift().unwrap().added, [(theirs.clone(), false)]);
    engine.adopt([theirs.encode()]);
    // Served here: an ordinary rule.
    engine.keep([&ours, &theirs].into_iter());
    engine.apply([&ours, &theirs]).unwrap();
    assert_eq!(listed(&fake), [HIDE, "-w /ours -p r", "-w /theirs -p r"]);
    // Served by our own programs: it must not match here too.
    engine.apply([&ours]).unwrap();
    assert_eq!(listed(&fake), [HIDE, "-w /ours -p r", "-a never,exit -S all", "-w /theirs -p r"]);
    engine.apply([]).unwrap();
    assert_eq!(listed(&fake), [NEVER, HIDE, "-a never,exit -S all", "-w /theirs -p r"]);
    // Whoever put it there takes it out again.
    fake.0.borrow_mut().rules.retain(|bytes| *bytes != theirs.encode());
    assert_eq!(engine.drift().unwrap(), Drift { dropped: vec![theirs.encode()], added: Vec::new() });
    engine.keep([].into_iter());
    engine.apply([]).unwrap();
    assert_eq!(listed(&fake), [NEVER, HIDE]);
}

#[test]
fn what_was_adopted_and_not_deleted_stays_after_us() {
    let (fake, mut engine) = start(with_rules(&["-w /before -p r"]));
    let lines = ["-w /stays -p r", "-w /late -p r", "-w /goes -p r"];
    for line in lines {
        put(&fake, line, false);
    }
    let added: Vec<Vec<u8>> = engine.drift().unwrap().added.iter().map(|(rule, _)| rule.encode()).collect();
    assert_eq!(added.len(), lines.len());
    engine.adopt(added);
    let (stays, late) = (rule(lines[0]), rule(lines[1]));
    engine.keep([&stays, &late].into_iter());
    engine.apply([]).unwrap();
    assert_eq!(listed(&fake), [NEVER, "-a never,exit -S all", HIDE, lines[0], lines[1]]);
    // Whoever deletes one while the engine ends finds it, and it does not come back.
    engine.quiet();
    assert_eq!(listed(&fake), [HIDE, lines[0], lines[1]]);
    fake.0.borrow_mut().rules.retain(|bytes| *bytes != late.encode());
    drop(engine);
    assert_eq!(listed(&fake), ["-w /before -p r", lines[0]]);
}
