//! What the golden files cannot show: commands, places, and what is newer than the original.

use crate::{
    Command, Field, List, NoHost, Op, Problem, Refusal, Signal, Sink, parse_line, parse_words,
    table::uring_op, words,
};

fn argv(line: &str) -> Result<Vec<Command>, crate::Error> {
    let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    parse_words(&words, &NoHost)
}

#[test]
fn control_options_come_out_in_order() {
    assert_eq!(
        argv("-e 1 -f 0 -b 0x40 -r 017 --backlog_wait_time 60000x"),
        Ok(vec![
            Command::Enable(1),
            Command::Failure(0),
            Command::BacklogLimit(64),
            Command::RateLimit(15),
            Command::BacklogWaitTime(60000),
            Command::ShowSettings,
        ])
    );
    for (line, command) in [
        ("-s", Command::Status { interpret: false }),
        ("-s -i", Command::Status { interpret: true }),
        ("-l", Command::List { interpret: false, key: None }),
        ("-l -i", Command::List { interpret: true, key: None }),
        ("-l -k x", Command::List { interpret: false, key: Some(b"x".to_vec()) }),
        ("-D", Command::DeleteAll { key: None }),
        ("-D -k x", Command::DeleteAll { key: Some(b"x".to_vec()) }),
        ("-t", Command::TrimSubtrees),
        ("-t stray", Command::TrimSubtrees),
        ("-q /a,/b", Command::MakeEquivalent { mount: b"/a".to_vec(), subtree: b"/b".to_vec() }),
        ("-m hello", Command::Message(b"hello".to_vec())),
        ("-i", Command::IgnoreErrors),
        ("-c", Command::ContinueOnErrors),
        ("-v", Command::Version),
        ("--loginuid-immutable", Command::LoginuidImmutable),
        ("--login", Command::LoginuidImmutable),
        ("--reset-lost", Command::ResetLost),
        ("--reset_b", Command::ResetBacklogWaitTimeActual),
        ("--signal hup", Command::Signal(Signal::Hup)),
        ("-h", Command::Usage),
        ("--help", Command::Usage),
        ("--signal=USR1", Command::Signal(Signal::Usr1)),
    ] {
        assert_eq!(argv(line), Ok(vec![command]), "{line}");
    }
    assert_eq!((Signal::Cont.number(), Signal::from_name(b"stop")), (18, Some(Signal::Term)));
}

#[test]
fn what_was_done_before_an_error_is_told() {
    let error = argv("-e 1 -f 7").expect_err("7");
    assert_eq!(error.before, [Command::Enable(1)]);
    assert_eq!(error.to_string(), "Failure must be 0, 1, or 2 was 7");
    let error = argv("-s stray").expect_err("stray");
    assert_eq!((error.before, error.position.column), (vec![], 1));
    let error = argv("-v stray").expect_err("stray");
    assert_eq!((error.before, error.position.column), (vec![Command::Version], 4));
    let error = argv("-e 1 --signal KILL").expect_err("KILL");
    assert_eq!((error.problem, error.before), (Problem::NoSignal, vec![Command::Enable(1)]));
    let error = argv("stray").expect_err("nothing to do");
    assert!(error.said.is_empty());
    assert_eq!(error.to_string(), "no option given");
}

#[test]
fn a_rule_that_the_kernel_refuses_can_still_be_sent() {
    let error = argv("-A always,exit -F uid&1").expect_err("refused");
    let Problem::Refused(refused) = error.problem else { panic!("{:?}", error.problem) };
    assert_eq!(refused.refusal, Refusal::Operator(Field::Uid, "&"));
    assert!(!refused.delete);
    assert_eq!(refused.request[..4], 0x14u32.to_ne_bytes());
    assert_eq!(error.said[0].text, b"Error sending add rule data request (Invalid argument)");
    assert_eq!(error.said[0].sink, Sink::Stderr);
}

#[test]
fn places_are_lines_and_columns() {
    let line = b"-a always,exit   -F arch=b64 -S open -F nonsense=1";
    let error = parse_line(7, &words(line), &NoHost).expect_err("nonsense");
    assert_eq!((error.position.line, error.position.column), (7, 38));
    let error = parse_line(9, &words(b"-Z"), &NoHost).expect_err("Z");
    assert_eq!(error.to_string(), "Option   on line 9 is invalid".replace("   on", " -Z on"));
}

#[test]
fn a_prepended_rule_says_so() {
    let commands = argv("-A always,user -F uid=0").expect("a rule");
    assert!(matches!(&commands[..], [Command::Add { rule, prepend: true }] if rule.list() == List::User));
}

#[test]
fn operations_of_io_uring_are_known() {
    let commands = argv("-a always,io_uring -S openat,connect -F uid!=0 -k ring").expect("a rule");
    let [Command::Add { rule, .. }] = &commands[..] else { panic!("{commands:?}") };
    assert_eq!(rule.to_string(), "-a always,io_uring -S connect,openat -F uid!=0 -F key=ring");
    let commands = argv("-a never,io_uring -S all").expect("a rule");
    let [Command::Add { rule, .. }] = &commands[..] else { panic!("{commands:?}") };
    assert_eq!(rule.syscalls().len(), uring_op::all().count());
    let error = argv("-a always,io_uring -S fork").expect_err("no operation");
    assert_eq!(error.said[0].text, b"io_uring op unknown: fork");
}

#[test]
fn calls_newer_than_the_original_are_known() {
    let commands = argv("-a always,exit -F arch=b64 -S fchmodat2,2045").expect("a rule");
    let [Command::Add { rule, .. }] = &commands[..] else { panic!("{commands:?}") };
    assert_eq!(
        rule.to_string(),
        "-a always,exit -F arch=b64 -S link,chmod,fchmod,chown,fchown,lchown,setxattr,lsetxattr,fsetxattr,removexattr,\
         lremovexattr,fremovexattr,fchownat,linkat,fchmodat,fchmodat2,setxattrat,removexattrat"
    );
}

#[test]
fn keys_are_kept_apart() {
    let commands = argv("-w /etc/passwd -p wa -k one -k two").expect("a rule");
    let [Command::Add { rule, .. }] = &commands[..] else { panic!("{commands:?}") };
    assert_eq!(rule.key(), Some(&b"one\x01two"[..]));
    assert_eq!(rule.keys().collect::<Vec<_>>(), [b"one", b"two"]);
    assert!(rule.key_contains(b"e\x01t") && rule.key_contains(b"") && !rule.key_contains(b"three"));
    assert_eq!(rule.watched(), Some(&b"/etc/passwd"[..]));
    assert_eq!(rule.condition(Field::Perm).map(|perm| (perm.op(), perm.number())), Some((Op::Eq, Some(10))));
}
