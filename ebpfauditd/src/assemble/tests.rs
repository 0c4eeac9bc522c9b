//! Events as the kernel side writes them, and the bytes of their records.

use compat::interpret::{Format, Formatter, Names};
use zerocopy::IntoBytes;

use super::*;
use crate::context::tests::one_context;

const KERNEL: Update = Update(Release(6, 12), 0);

/// A ring record under construction; 64-bit words, so that it is aligned as in the ring.
#[derive(Default)]
struct Built {
    head: abi::Event,
    items: Vec<u64>,
}

impl Built {
    fn item(mut self, kind: ItemKind, flags: u16, parts: &[&[u8]]) -> Self {
        let body = parts.concat();
        let item = abi::Item { kind: kind as u16, flags, len: body.len() as u32 };
        let mut bytes = [item.as_bytes(), &body].concat();
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        self.items.extend(bytes.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().unwrap())));
        self
    }

    fn lookup(self, facts: abi::Lookup, text: &str) -> Self {
        self.item(ItemKind::Lookup, 0, &[facts.as_bytes(), text.as_bytes()])
    }

    fn cwd(self) -> Self {
        self.item(ItemKind::Cwd, 0, &[b"dir\0work\0"])
    }

    fn records(&self, generation: &Generation) -> Vec<(MessageType, String)> {
        self.records_of(KERNEL, generation)
    }

    fn records_of(&self, release: Update, generation: &Generation) -> Vec<(MessageType, String)> {
        let mut record = vec![0u64; size_of::<abi::Event>() / 8];
        record.as_mut_bytes().copy_from_slice(self.head.as_bytes());
        record.extend_from_slice(&self.items);
        let captured = Captured::new(record.as_bytes(), None).unwrap();
        let mut event = Event::new();
        Assembler::new(release, one_context()).assemble(&captured, generation, &mut event);
        assert_notes_are_what_is_found(&event);
        event.records().map(|(kind, body)| (kind, String::from_utf8(body.to_vec()).unwrap())).collect()
    }

    /// The bodies of one type.
    fn bodies(&self, wanted: MessageType) -> Vec<String> {
        let records = self.records(&Generation::default());
        records.into_iter().filter(|(kind, _)| *kind == wanted).map(|(_, body)| body).collect()
    }

    fn kinds(&self) -> Vec<MessageType> {
        self.records(&Generation::default()).into_iter().map(|(kind, _)| kind).collect()
    }
}

/// What is noted while records are written is what is found when their text is gone through.
fn assert_notes_are_what_is_found(event: &Event) {
    let mut noted = Vec::new();
    let mut found = Vec::new();
    let name = |id: u32| Some(format!("name{id}").into_bytes());
    let mut formatter = Formatter::with_names(None, Format::Enriched, Names::with(name, name));
    formatter.write(event, &mut noted);
    for (kind, body) in event.records().filter(|(kind, _)| *kind != MessageType::EOE) {
        formatter.line(event.stamp(), kind, body, &mut found);
    }
    assert_eq!(noted.escape_ascii().to_string(), found.escape_ascii().to_string());
}

fn inode(ino: u64, mode: u32) -> abi::Inode {
    abi::Inode { ino, mode, dev: 8 << 20 | 1, magic: 0xef53, ..abi::Inode::default() }
}

fn found(op: abi::LookupOp, name: u64, inode: abi::Inode) -> abi::Lookup {
    abi::Lookup { name, op: op as u16, flags: abi::LOOKUP_INODE, inode, ..abi::Lookup::default() }
}

fn child(op: abi::LookupOp, directory: u64, inode: abi::Inode) -> abi::Lookup {
    abi::Lookup { dir_ino: directory, dir_dev: inode.dev, ..found(op, 0, inode) }
}

const NO_CAPABILITIES: &str = "cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0";

#[test]
fn names_come_from_the_lookups() {
    let event = Built::default()
        .lookup(found(abi::LookupOp::Parent, 1, inode(2, 0o40_755)), "new")
        .lookup(child(abi::LookupOp::Create, 2, inode(7, 0o100_644)), "new")
        .cwd();
    assert_eq!(
        event.bodies(MessageType::PATH),
        [
            format!(
                "item=0 name=\"/work/dir\" inode=2 dev=08:01 mode=040755 ouid=0 ogid=0 rdev=00:00 \
                 nametype=PARENT {NO_CAPABILITIES}"
            ),
            format!(
                "item=1 name=\"new\" inode=7 dev=08:01 mode=0100644 ouid=0 ogid=0 rdev=00:00 \
                 nametype=CREATE {NO_CAPABILITIES}"
            ),
        ]
    );
    assert_eq!(event.bodies(MessageType::CWD), [r#"cwd="/work/dir""#]);
    assert!(event.bodies(MessageType::SYSCALL)[0].contains(" items=2 "));
}

#[test]
fn directories_print_their_part_of_the_name() {
    let event = Built::default()
        .lookup(found(abi::LookupOp::Parent, 1, inode(2, 0o40_755)), "/mnt/a b/x")
        .lookup(child(abi::LookupOp::Delete, 2, inode(7, 0o100_644)), "x")
        .cwd();
    let paths = event.bodies(MessageType::PATH);
    assert!(paths[0].starts_with("item=0 name=2F6D6E742F6120622F inode=2 "), "{}", paths[0]);
    assert!(paths[1].starts_with("item=1 name=2F6D6E742F6120622F78 inode=7 "), "{}", paths[1]);
    assert!(paths[1].contains(" nametype=DELETE "));
}

#[test]
fn hidden_names_count_and_do_not_show() {
    let mut parent = found(abi::LookupOp::Parent, 1, inode(2, 0o41_777));
    parent.flags |= abi::LOOKUP_HIDDEN;
    let event = Built::default()
        .lookup(parent, "queue")
        .lookup(child(abi::LookupOp::Delete, 2, inode(7, 0o100_600)), "queue")
        .cwd();
    assert!(event.bodies(MessageType::SYSCALL)[0].contains(" items=2 "));
    let paths = event.bodies(MessageType::PATH);
    assert_eq!(paths.len(), 1);
    assert!(paths[0].starts_with("item=0 name=\"queue\" inode=7 "), "{}", paths[0]);
    // nothing shown, and yet there was a name
    let event = Built::default().lookup(parent, "queue").cwd();
    assert!(event.bodies(MessageType::PATH).is_empty());
    assert_eq!(event.bodies(MessageType::CWD).len(), 1);
}

#[test]
fn names_that_led_nowhere_and_descriptors() {
    let unknown = abi::Lookup { name: 1, op: abi::LookupOp::Getname as u16, ..abi::Lookup::default() };
    let event = Built::default().lookup(unknown, "").cwd();
    assert_eq!(
        event.bodies(MessageType::PATH),
        [format!("item=0 name=\"\" nametype=UNKNOWN {NO_CAPABILITIES}")]
    );
    let file = found(abi::LookupOp::File, 0, inode(5, 0o100_644));
    let paths = Built::default().lookup(file, "").cwd().bodies(MessageType::PATH);
    assert!(paths[0].starts_with("item=0 name=(null) inode=5 "), "{}", paths[0]);
    assert!(paths[0].contains(" nametype=NORMAL "));
}

#[test]
fn a_mountpoint_that_is_left_is_not_asked_for_capabilities() {
    let mut mountpoint = found(abi::LookupOp::Normal, 1, inode(2, 0o40_755));
    mountpoint.flags |= abi::LOOKUP_NOEVAL;
    assert_eq!(
        Built::default().lookup(mountpoint, "/mnt").cwd().bodies(MessageType::PATH),
        ["item=0 name=\"/mnt\" inode=2 dev=08:01 mode=040755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL \
          cap_fe=? cap_fver=? cap_fp=? cap_fi=?"]
    );
}

#[test]
fn a_filesystem_on_the_list_takes_no_part() {
    let generation = Generation { hidden_filesystems: vec![0xef53], ..Generation::default() };
    let file = found(abi::LookupOp::File, 0, inode(5, 0o100_644));
    let kinds =
        |event: &Built| -> Vec<_> { event.records(&generation).into_iter().map(|(kind, _)| kind).collect() };
    // without a name there is no entry, and no working directory with it
    assert_eq!(
        kinds(&Built::default().lookup(file, "").cwd()),
        [MessageType::SYSCALL, MessageType::PROCTITLE, MessageType::EOE]
    );
    let named = found(abi::LookupOp::Normal, 1, inode(5, 0o100_644));
    let records = Built::default().lookup(named, "/etc/x").cwd().records(&generation);
    let path = records.iter().find(|(kind, _)| *kind == MessageType::PATH).unwrap();
    assert_eq!(path.1, format!("item=0 name=\"/etc/x\" nametype=UNKNOWN {NO_CAPABILITIES}"));
}

#[test]
fn ipc_objects() {
    let mut ipc = abi::Ipc { uid: 1000, gid: 100, mode: 0o1600, ..abi::Ipc::default() };
    let event = |ipc: &abi::Ipc| Built::default().item(ItemKind::Ipc, 0, &[ipc.as_bytes()]);
    assert_eq!(event(&ipc).bodies(MessageType::IPC), ["ouid=1000 ogid=100 mode=01600"]);
    assert!(event(&ipc).bodies(MessageType::IPC_SET_PERM).is_empty());
    ipc.has_perm = 1;
    ipc.qbytes = 0x4000;
    ipc.perm_uid = 3;
    ipc.perm_gid = u32::MAX;
    ipc.perm_mode = 0o640;
    assert_eq!(
        event(&ipc).bodies(MessageType::IPC_SET_PERM),
        ["qbytes=4000 ouid=3 ogid=4294967295 mode=0640"]
    );
    assert_eq!(
        event(&ipc).kinds(),
        [
            MessageType::SYSCALL,
            MessageType::IPC,
            MessageType::IPC_SET_PERM,
            MessageType::PROCTITLE,
            MessageType::EOE
        ]
    );
    // the kernel gives up at the first that it may not begin
    let mut excluded = event(&ipc);
    excluded.head.excluded = 1 << Record::Ipc as u32;
    assert!(!excluded.kinds().contains(&MessageType::IPC_SET_PERM));
}

#[test]
fn message_queues() {
    let attr = abi::MqAttr { flags: 0x800, maxmsg: 10, msgsize: 8192, curmsgs: -1 };
    let open = abi::MqOpen { oflag: 0x42, mode: 0o600, attr };
    assert_eq!(
        Built::default().item(ItemKind::MqOpen, 0, &[open.as_bytes()]).bodies(MessageType::MQ_OPEN),
        ["oflag=0x42 mode=0600 mq_flags=0x800 mq_maxmsg=10 mq_msgsize=8192 mq_curmsgs=-1"]
    );
    let none = abi::MqOpen::default();
    assert_eq!(
        Built::default().item(ItemKind::MqOpen, 0, &[none.as_bytes()]).bodies(MessageType::MQ_OPEN),
        ["oflag=0x0 mode=0 mq_flags=0x0 mq_maxmsg=0 mq_msgsize=0 mq_curmsgs=0"]
    );
    let message = abi::MqSendrecv { mqdes: -1, prio: u32::MAX, len: u64::MAX, sec: -5, nsec: 7 };
    assert_eq!(
        Built::default()
            .item(ItemKind::MqSendrecv, 0, &[message.as_bytes()])
            .bodies(MessageType::MQ_SENDRECV),
        ["mqdes=-1 msg_len=-1 msg_prio=4294967295 abs_timeout_sec=-5 abs_timeout_nsec=7"]
    );
    let notify = abi::MqNotify { mqdes: 3, signo: 10 };
    assert_eq!(
        Built::default().item(ItemKind::MqNotify, 0, &[notify.as_bytes()]).bodies(MessageType::MQ_NOTIFY),
        ["mqdes=3 sigev_signo=10"]
    );
    let set = abi::MqGetsetattr { mqdes: 3, pad: 0, attr };
    assert_eq!(
        Built::default()
            .item(ItemKind::MqGetsetattr, 0, &[set.as_bytes()])
            .bodies(MessageType::MQ_GETSETATTR),
        ["mqdes=3 mq_flags=0x800 mq_maxmsg=10 mq_msgsize=8192 mq_curmsgs=-1 "]
    );
}

#[test]
fn a_multiplexed_socket_call_precedes_its_descriptors() {
    let arguments: [u64; 4] = [1, 2, 0, 0xffff_d4c0];
    let event = Built::default().item(ItemKind::FdPair, 0, &[[3i32, 4].as_bytes()]).item(
        ItemKind::Socketcall,
        0,
        &[arguments.as_bytes()],
    );
    assert_eq!(event.bodies(MessageType::SOCKETCALL), ["nargs=4 a0=1 a1=2 a2=0 a3=ffffd4c0"]);
    assert_eq!(event.bodies(MessageType::FD_PAIR), ["fd0=3 fd1=4"]);
    assert_eq!(event.kinds()[1..3], [MessageType::SOCKETCALL, MessageType::FD_PAIR]);
}

#[test]
fn each_changed_value_of_the_clock_has_its_record() {
    let values = abi::Adjtime {
        before: [0, -5, 64, 37, 10_000, 0],
        after: [4_294_967_296_000, -5, 65, 37, 10_000, 100],
    };
    assert_eq!(
        Built::default().item(ItemKind::Adjtime, 0, &[values.as_bytes()]).bodies(MessageType::TIME_ADJNTPVAL),
        ["op=offset old=0 new=4294967296000", "op=status old=64 new=65", "op=adjust old=0 new=100"]
    );
}

#[test]
fn a_clock_that_was_moved_by_adjtimex() {
    let event = Built::default().item(ItemKind::Injoffset, 0, &[[-2i64, 500_000].as_bytes()]);
    assert_eq!(event.bodies(MessageType::TIME_INJOFFSET), ["sec=-2 nsec=500000"]);
}

#[test]
fn old_kernels_tell_of_the_clock_at_once() {
    let values = abi::Adjtime { after: [0, 0, 64, 0, 0, 0], ..abi::Adjtime::default() };
    let event = Built::default().item(ItemKind::Adjtime, 0, &[values.as_bytes()]).item(
        ItemKind::Injoffset,
        0,
        &[[1i64, 0].as_bytes()],
    );
    let kinds = |release| -> Vec<_> {
        event.records_of(release, &Generation::default()).into_iter().map(|(kind, _)| kind).take(3).collect()
    };
    assert_eq!(
        kinds(Update(Release(5, 17), 0)),
        [MessageType::TIME_INJOFFSET, MessageType::TIME_ADJNTPVAL, MessageType::SYSCALL]
    );
    assert_eq!(
        kinds(Update(Release(5, 18), 0)),
        [MessageType::SYSCALL, MessageType::TIME_ADJNTPVAL, MessageType::TIME_INJOFFSET]
    );
}

#[test]
fn a_denied_link_is_told_before_the_syscall() {
    let mut event = Built::default().item(ItemKind::Anomaly, abi::ANOMALY_LINK, &[b"linkat"]).item(
        ItemKind::Exe,
        0,
        &[b"ln\0bin\0"],
    );
    event.head = abi::Event { ppid: 1, pid: 2, auid: u32::MAX, uid: 3, ses: 4, ..abi::Event::default() };
    event.head.comm[..2].copy_from_slice(b"ln");
    assert_eq!(
        event.bodies(MessageType::ANOM_LINK),
        ["op=linkat ppid=1 pid=2 auid=4294967295 uid=3 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 \
          tty=(none) ses=4 comm=\"ln\" exe=\"/bin/ln\" res=0"]
    );
    assert_eq!(event.kinds()[..2], [MessageType::ANOM_LINK, MessageType::SYSCALL]);
    let sticky = Built::default().item(ItemKind::Anomaly, abi::ANOMALY_CREAT, &[b"sticky_create_fifo"]);
    let body = &sticky.bodies(MessageType::ANOM_CREAT)[0];
    assert!(body.starts_with("op=sticky_create_fifo ppid=0 "), "{body}");
    assert!(body.ends_with(" exe=(null) res=0"), "{body}");
}

#[test]
fn operations_of_io_uring() {
    let generation = Generation { keys: vec![None, Some(b"ring".to_vec())], ..Generation::default() };
    let operation = abi::Uringop {
        exit: -11,
        op: 18,
        has_exit: 1,
        rule: 1,
        lookups: 1,
        uid: 1,
        gid: 2,
        euid: 3,
        suid: 4,
        fsuid: 5,
        egid: 6,
        sgid: 7,
        fsgid: 8,
        ..abi::Uringop::default()
    };
    let mut event = Built::default()
        .item(ItemKind::Uringop, 0, &[operation.as_bytes()])
        .lookup(found(abi::LookupOp::Normal, 1, inode(5, 0o100_644)), "/a")
        .lookup(found(abi::LookupOp::Normal, 2, inode(6, 0o100_644)), "/b")
        .cwd();
    event.head.ppid = 9;
    event.head.pid = 10;
    let expected = |items| {
        format!(
            "uring_op=18 success=no exit=-11 items={items} ppid=9 pid=10 uid=1 gid=2 euid=3 suid=4 fsuid=5 \
             egid=6 sgid=7 fsgid=8 key=\"ring\""
        )
    };
    // within io_uring_enter: a record of its own, with the names so far
    let records = event.records(&generation);
    assert_eq!(records[0], (MessageType::URINGOP, expected(1)));
    assert!(records[1].1.contains(" items=2 "));
    // by a worker: in the place of SYSCALL, without a title
    event.head.family = Family::Uring as u32;
    let records = event.records(&generation);
    assert_eq!(records[0], (MessageType::URINGOP, expected(2)));
    let kinds: Vec<_> = records[1..].iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [MessageType::CWD, MessageType::PATH, MessageType::PATH, MessageType::EOE]);
}

#[test]
fn contexts_of_selinux() {
    let context = "system_u:object_r:etc1_t:s0";
    let file = found(abi::LookupOp::Normal, 1, abi::Inode { sid: 5, ..inode(7, 0o100_644) });
    let ipc = abi::Ipc { sid: 5, has_perm: 1, ..abi::Ipc::default() };
    let target = |pid| abi::Target { pid, ..abi::Target::default() };
    let number = 5u32.to_ne_bytes();
    let event = Built::default()
        .item(ItemKind::SubjectSid, 0, &[&number])
        .item(ItemKind::Ipc, 0, &[ipc.as_bytes()])
        .item(ItemKind::Target, 0, &[target(1).as_bytes()])
        .item(ItemKind::ObjectSid, 0, &[&number])
        .item(ItemKind::Target, 0, &[target(2).as_bytes()])
        .item(ItemKind::ObjectSid, 0, &[&6u32.to_ne_bytes()])
        .item(ItemKind::Target, 0, &[target(3).as_bytes()])
        .lookup(file, "/etc/x");
    let syscall = event.bodies(MessageType::SYSCALL);
    assert!(syscall[0].ends_with(&format!(" exe=(null) subj={context} key=(null)")), "{syscall:?}");
    assert_eq!(event.bodies(MessageType::IPC), [format!("ouid=0 ogid=0 mode=0 obj={context}")]);
    assert_eq!(event.bodies(MessageType::IPC_SET_PERM), ["qbytes=0 ouid=0 ogid=0 mode=0"]);
    assert_eq!(
        event.bodies(MessageType::OBJ_PID),
        [
            "opid=2 oauid=0 ouid=0 oses=0 obj=(none) ocomm=\"\"".to_owned(),
            "opid=3 oauid=0 ouid=0 oses=0 ocomm=\"\"".to_owned(),
            format!("opid=1 oauid=0 ouid=0 oses=0 obj={context} ocomm=\"\""),
        ]
    );
    let path = event.bodies(MessageType::PATH);
    assert!(path[0].contains(&format!(" rdev=00:00 obj={context} nametype=NORMAL ")), "{path:?}");
}

#[test]
fn a_profile_whose_name_looks_like_a_field_is_read_as_the_original_reads_it() {
    for name in ["/usr/bin/man", "one uid=77", "one uid=77 gid=78"] {
        let profile = abi::Profile {
            mode: 0,
            flags: abi::PROFILE_UNCONFINED,
            namespace_len: 0,
            name_len: name.len() as u32,
            namespace: [0; 256],
        };
        let event = Built::default().item(ItemKind::Subject, 0, &[profile.as_bytes(), name.as_bytes()]);
        // compares what is noted with what is found
        let syscall = event.bodies(MessageType::SYSCALL);
        assert!(syscall[0].ends_with(&format!(" exe=(null) subj={name} key=(null)")), "{syscall:?}");
    }
}
