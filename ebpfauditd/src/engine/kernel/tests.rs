//! The engine against a kernel of our own making.

use std::cell::RefCell;
use std::rc::Rc;

use audit_rules::{Command, NoHost, parse_words};
use compat::audit::{Part, kind};

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
    let engine = Engine::take_over(fake.clone(), status, None, 42).unwrap();
    (fake, engine)
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
