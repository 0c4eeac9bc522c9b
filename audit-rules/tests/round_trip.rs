//! Printing and parsing, encoding and decoding lead back to the same rule.

#![allow(clippy::expect_used, reason = "a test ends where its own inputs are wrong")]

use audit_rules::{
    Action, Arch, Command, Comparison, Condition, Draft, Field, List, NoHost, Op, Rule, SyscallSet, Value,
    parse_line, parse_words, table, words,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

/// Text as a word of a command line can hold it and no part of the original's rules gets in its way: no operators, no
/// separators.
fn word() -> impl Strategy<Value = Vec<u8>> {
    vec(select(&b"abcxyzABC019_-.:+@#\\\" \xC3\xA9"[..]), 1..20)
}

fn path() -> impl Strategy<Value = Vec<u8>> {
    vec(word(), 1..4).prop_map(|parts| parts.iter().flat_map(|part| [b"/", &part[..]].concat()).collect())
}

fn op_for(field: Field) -> BoxedStrategy<Op> {
    let ops: Vec<Op> = match field {
        // Their operator is not printed.
        Field::Perm | Field::Path | Field::Dir | Field::Exe | Field::Key => vec![Op::Eq],
        Field::Pers | Field::DevMinor => Op::ALL.to_vec(),
        field if field.is_argument() => Op::ALL.to_vec(),
        Field::SubjUser
        | Field::SubjRole
        | Field::SubjType
        | Field::ObjUser
        | Field::ObjRole
        | Field::ObjType
        | Field::FileType
        | Field::Compare
        | Field::Inode
        | Field::FsType
        | Field::LoginUid
        | Field::Arch => vec![Op::Eq, Op::Ne],
        _ => vec![Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge],
    };
    select(ops).boxed()
}

fn value_for(field: Field) -> BoxedStrategy<Value> {
    let number = |numbers: BoxedStrategy<u32>| numbers.prop_map(Value::Number).boxed();
    match field {
        Field::Path | Field::Dir | Field::Exe => path().prop_map(Value::Text).boxed(),
        field if field.is_text() => word().prop_map(Value::Text).boxed(),
        Field::LoginUid | Field::SessionId | Field::Exit => number(any::<u32>().boxed()),
        field if field.is_argument() => number(any::<u32>().boxed()),
        // Groups are printed as signed numbers, but negative ones are not read back.
        field if field.is_group() => number((0..=i32::MAX as u32).boxed()),
        field if field.is_user() => number((0..u32::MAX).boxed()),
        Field::Inode => number(any::<u32>().boxed()),
        Field::Perm => number((0..16u32).prop_filter("printed as an empty value", |perm| *perm != 0).boxed()),
        Field::Compare => number((1..=Comparison::MAX).boxed()),
        Field::SaddrFam => number((0..46u32).boxed()),
        _ => number((0..=i32::MAX as u32).boxed()),
    }
}

fn condition(fields: Vec<Field>) -> impl Strategy<Value = Condition> {
    select(fields).prop_flat_map(|field| {
        (op_for(field), value_for(field))
            .prop_map(move |(op, value)| Condition::new(field, op, value).expect("made to fit"))
    })
}

/// The fields that the tool lets onto a list and prints in a form that it reads back.
fn fields_of(list: List) -> Vec<Field> {
    let credentials = [Field::Pid, Field::Uid, Field::Gid, Field::LoginUid, Field::SubjUser, Field::SubjClr];
    match list {
        List::Exclude => [&credentials[..], &[Field::MsgType, Field::Exe]].concat(),
        List::User => [&credentials[..], &[Field::MsgType, Field::SessionId, Field::Exe]].concat(),
        List::Task => [&credentials[..], &[Field::Pers, Field::Fsgid, Field::Euid]].concat(),
        List::Filesystem => vec![Field::FsType],
        // File types are printed as decimal numbers, which are not read back.
        List::Exit | List::IoUring => Field::ALL
            .iter()
            .copied()
            .filter(|field| {
                !matches!(field, Field::Arch | Field::MsgType | Field::FsType | Field::FileType | Field::Key)
            })
            .collect(),
    }
}

/// Keeps the first of what a rule may have once.
fn lone(conditions: Vec<Condition>) -> Vec<Condition> {
    let (mut object, mut exe) = (false, false);
    conditions
        .into_iter()
        .filter(|condition| match condition.field() {
            Field::Path | Field::Dir | Field::Inode => !std::mem::replace(&mut object, true),
            Field::Exe => !std::mem::replace(&mut exe, true),
            _ => true,
        })
        .collect()
}

fn calls(arch: Arch) -> impl Strategy<Value = SyscallSet> {
    let known: Vec<u32> = table::syscall::all(arch).map(|(number, _)| number).collect();
    prop_oneof![
        3 => vec(prop_oneof![select(known), 500..2032u32], 1..8).prop_map(|numbers| numbers.into_iter().collect()),
        1 => Just(SyscallSet::all()),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let lists =
        vec![List::User, List::Task, List::Exit, List::Exit, List::Exit, List::Exclude, List::Filesystem];
    let action = select(vec![Action::Never, Action::Always]);
    (select(lists), action, option::of(select(vec![Arch::X86_64, Arch::I386])))
        .prop_flat_map(|(list, action, arch)| {
            let syscalls = match list {
                List::Exit => calls(arch.unwrap_or(Arch::X86_64)).boxed(),
                List::Task => Just(SyscallSet::empty()).boxed(),
                _ => Just(SyscallSet::all()).boxed(),
            };
            let keys = vec(word().prop_filter("`-F key=` takes any word", |key| !key.is_empty()), 0..3);
            (Just((list, action, arch)), syscalls, vec(condition(fields_of(list)), 1..6), keys)
        })
        .prop_map(|((list, action, arch), syscalls, conditions, keys)| {
            let mut conditions = lone(conditions);
            let only_watch = conditions
                .iter()
                .all(|condition| matches!(condition.field(), Field::Perm | Field::Path | Field::Dir));
            if only_watch {
                // The watch form does not tell the action, nor the order.
                conditions.push(Condition::new(Field::Pid, Op::Ne, Value::Number(1)).expect("fits"));
            }
            if let Some(arch) = arch.filter(|_| list == List::Exit) {
                let arch = Condition::new(Field::Arch, Op::Eq, Value::Number(arch.number())).expect("fits");
                conditions.insert(0, arch);
            }
            let has_subject = match list {
                List::Exit | List::Filesystem => true,
                List::User => conditions.iter().any(|condition| condition.field() == Field::Exe),
                _ => false,
            };
            if !keys.is_empty() && has_subject {
                let key = Value::Text(keys.join(&1));
                conditions.push(Condition::new(Field::Key, Op::Eq, key).expect("fits"));
            }
            Rule::new(Draft { list, action, syscalls, conditions }).expect("legal")
        })
}

/// The line with what a rules file must escape: every byte of a value that is a space or backslash. Only the spaces that
/// separate options are left.
fn escaped(rule: &Rule) -> Vec<u8> {
    let mut line = rule.line(false, Arch::X86_64);
    for condition in rule.conditions() {
        let Some(text) = condition.text() else { continue };
        for part in text.split(|&byte| byte == 1) {
            let mut safe = Vec::new();
            for &byte in part {
                if matches!(byte, b' ' | b'\\') {
                    safe.push(b'\\');
                }
                safe.push(byte);
            }
            let op = condition.op().symbol().as_bytes();
            let plain = [op, part].concat();
            let safe = [op, &safe[..]].concat();
            line = replace_whole(&line, &plain, &safe);
        }
    }
    line
}

/// Replaces `from` where it is followed by the end of the line or the next option.
fn replace_whole(line: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < line.len() {
        let rest = &line[at..];
        let after = rest.get(from.len()..).unwrap_or_default();
        let ends = after.is_empty() || after.starts_with(b" -F ") || after.starts_with(b" -C ");
        if rest.starts_with(from) && ends {
            out.extend_from_slice(to);
            at += from.len();
        } else {
            out.push(line[at]);
            at += 1;
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_printed_rule_parses_to_itself(rule in rule()) {
        let line = escaped(&rule);
        let commands = parse_line(1, &words(&line), &NoHost)
            .map_err(|error| TestCaseError::fail(format!("{error}: {}", String::from_utf8_lossy(&line))))?;
        let parsed: Vec<_> = commands.into_iter().filter(|command| !matches!(command, Command::Say(_))).collect();
        prop_assert_eq!(parsed, [Command::Add { rule, prepend: false }], "{}", String::from_utf8_lossy(&line));
    }

    #[test]
    fn an_encoded_rule_decodes_to_itself(rule in rule()) {
        let bytes = rule.encode();
        prop_assert_eq!(Rule::decode(&bytes), Ok(rule.clone()));
        prop_assert_eq!(Rule::decode(&bytes).map(|rule| rule.encode()), Ok(bytes));
        let front = rule.draft().encode(true);
        prop_assert_eq!(Draft::decode(&front), Ok((rule.into_draft(), true)));
    }

    #[test]
    fn any_bytes_decode_to_a_rule_or_an_error(bytes in vec(any::<u8>(), 0..1300)) {
        if let Ok(rule) = Rule::decode(&bytes) {
            prop_assert_eq!(Rule::decode(&rule.encode()), Ok(rule));
        }
    }

    #[test]
    fn any_words_parse_to_commands_or_an_error(words in vec(vec(select(&b"-- =!<>&,aeEfFSkpwWdDlsiruthxob0149/\\\x01\xFF"[..]), 0..8), 0..8)) {
        let _ = parse_words(&words, &NoHost).map_err(|error| error.to_string());
    }

    #[test]
    fn any_line_parses_to_commands_or_an_error(line in vec(select(&b"-- =!<>&,aeEfFSkpwWdDlsiruthxob0149/\\\x01\xFF"[..]), 0..60)) {
        let words = words(&line);
        let _ = parse_line(1, &words, &NoHost).map_err(|error| error.to_string());
    }
}

#[test]
fn a_watch_is_printed_as_one_and_parses_to_itself() {
    for line in ["-w /etc/shadow -p wa -k shadow", "-w /etc/passwd -p rwxa", "-w /xyz -p x -k abc -k bcd"] {
        let commands = parse_line(1, &words(line.as_bytes()), &NoHost).expect("a watch");
        let [Command::Add { rule, prepend: false }] = &commands[..] else { panic!("{commands:?}") };
        assert_eq!(rule.to_string(), line);
    }
}
