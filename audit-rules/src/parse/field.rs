//! `-F` and `-C`: fields, operators and values.

use nom::{
    IResult, Parser,
    bytes::complete::{tag, take_until},
    combinator::{map, rest},
};

use super::{Line, MAX_CONDITIONS, Step, Stop};
use crate::{
    arch::Arch,
    check::AF_MAX,
    error::Sink,
    field::{Comparison, Field, Op},
    list::List,
    number,
    perm::Perms,
    rule::{Condition, MAX_KEY, PATH_MAX, Value},
    table::{errno, filetype, fstype, machine, message_type},
};

/// Operators in the order in which the original looks for them *anywhere* in the word.
const SEARCH: [Op; 8] = [Op::Ne, Op::Ge, Op::Le, Op::BitTest, Op::Eq, Op::Gt, Op::Lt, Op::BitMask];

/// Field, operator and value of a word.
type Pair<'a> = (&'a [u8], Op, &'a [u8]);

/// Splits at the first occurrence of `op`.
fn split_at(op: Op) -> impl Fn(&[u8]) -> IResult<&[u8], Pair<'_>> {
    move |input| {
        let symbol = op.symbol().as_bytes();
        map((take_until(symbol), tag(symbol), rest), |(left, _, right)| (left, op, right)).parse(input)
    }
}

fn split<'a>(pair: &'a [u8], operators: &[Op]) -> Option<Pair<'a>> {
    // Most words have no operator but the equals sign in their midst: one look finds that out.
    let mut bytes =
        pair.iter().enumerate().filter(|(_, byte)| matches!(byte, b'!' | b'=' | b'<' | b'>' | b'&'));
    if let (Some((at, b'=')), None) = (bytes.next(), bytes.next()) {
        return operators.contains(&Op::Eq).then(|| (&pair[..at], Op::Eq, &pair[at + 1..]));
    }
    operators.iter().find_map(|&op| split_at(op)(pair).ok()).map(|(_, parts)| parts)
}

/// The position that a message of the original's field table gives to the word.
enum Text {
    Alone(&'static str),
    Before(&'static str),
    After(&'static str),
}

use Text::{After, Alone, Before};

const EXIT_ONLY: Text = Before("can only be used with exit filter list");
const EQUALITY_ONLY: Text = Before("only takes = or != operators");
const NOT_A_NUMBER: Text = After("-F value should be number for");
const NO_ARCH: Text = Before("elf mapping not found");

/// A value, or why there is none: a message of the table, or one that was already said.
type Found = Result<Value, Option<Text>>;

impl Line<'_> {
    pub(super) fn push(&mut self, field: Field, op: Op, value: Value) -> Step {
        match Condition::new(field, op, value) {
            Ok(condition) => {
                self.conditions.push(condition);
                Ok(())
            }
            // Cannot come from a command line: its words hold no zero bytes, and empty and long ones were refused.
            Err(refusal) => self.fail(refusal.to_string()),
        }
    }

    fn say_table(&mut self, text: &Text, word: &[u8]) -> Step {
        match text {
            Alone(text) => self.refuse(text),
            Before(text) => self.refuse([word, b" ", text.as_bytes()].concat()),
            After(text) => self.refuse([text.as_bytes(), b" ", word].concat()),
        }
    }

    pub(super) fn field_option(&mut self, pair: &[u8]) -> Step {
        let list = self.list();
        if list.is_none() {
            // One oddity of the original: `-F arch=X -t`.
            let before_trim = self.options.word(self.options.at) == Some(b"-t");
            if !before_trim || !pair.windows(5).any(|part| part == b"arch=") {
                return self.fail("List must be given before field");
            }
        }
        match pair.strip_prefix(b"key=") {
            Some(key) => self.add_key(key),
            None => self.field(pair, list),
        }
    }

    /// Adds `field op value` to the rule.
    pub(super) fn field(&mut self, pair: &[u8], list: Option<List>) -> Step {
        if self.conditions.len() >= MAX_CONDITIONS {
            return self.say_table(&After("Too many fields in rule:"), pair);
        }
        let Some((name, op, value)) = split(pair, &SEARCH) else {
            return self.say_table(&After("-F missing operation for"), pair);
        };
        if name.is_empty() {
            return self.say_table(&After("-F missing field name before operator for"), name);
        }
        if value.is_empty() {
            return self.say_table(&After("-F missing value after operation for"), name);
        }
        let Some(field) = Field::from_name(name) else {
            return self.say_table(&After("-F unknown field:"), name);
        };
        match self.value(field, op, value, list) {
            Ok(found) => {
                self.push(field, op, found)?;
                self.has_subject |=
                    matches!(field, Field::Perm | Field::Path | Field::Dir | Field::Exe | Field::FsType);
                Ok(())
            }
            Err(Some(text)) => self.say_table(&text, name),
            Err(None) => Err(Stop::Failed),
        }
    }

    fn value(&mut self, field: Field, op: Op, value: &[u8], list: Option<List>) -> Found {
        if list == Some(List::Exclude) && !is_for_exclude(field) {
            return Err(Some(Alone(
                "Only msgtype, *uid, *gid, pid, and subj* fields can be used with exclude filter",
            )));
        }
        check_list(field, op, list)?;
        match field {
            _ if field.is_user() => self.user(value),
            _ if field.is_group() => self.group(value),
            _ if field.is_text() => self.text(field, value),
            Field::Arch => self.arch_value(op, value),
            Field::Exit => {
                signed(value).or_else(|| errno_value(value)).ok_or(Some(After("-F unknown errno -")))
            }
            Field::MsgType => message_type_value(value),
            Field::Perm => perm_value(op, value),
            Field::FileType => {
                filetype::number(value).map(Value::Number).ok_or(Some(After("-F unknown file type - ")))
            }
            Field::FsType => fstype_value(op, value),
            Field::SaddrFam => match number::read(value).unsigned() {
                family if family < AF_MAX => Ok(Value::Number(family)),
                _ => Err(Some(After("value is too large for field:"))),
            },
            // Any other word is silently 0.
            Field::SessionId if value == b"unset" => Ok(Value::Number(u32::MAX)),
            Field::SessionId => Ok(unsigned(value).unwrap_or(Value::Number(0))),
            _ if field.is_argument() => unsigned(value).ok_or(Some(NOT_A_NUMBER)),
            Field::Inode if !op.is_equality() => Err(Some(EQUALITY_ONLY)),
            _ if !number::starts_with_digit(value) => Err(Some(NOT_A_NUMBER)),
            Field::Inode => Ok(Value::Number(number::read(value).unsigned())),
            _ => Ok(Value::Number(number::read(value).signed())),
        }
    }

    fn user(&mut self, value: &[u8]) -> Found {
        if let Some(found) = unsigned(value) {
            return Ok(found);
        }
        if value == b"unset" {
            return Ok(Value::Number(u32::MAX));
        }
        self.host.user(value).map(Value::Number).ok_or_else(|| {
            self.say(Sink::Log, [b"Unknown user: ", value].concat());
            None
        })
    }

    fn group(&mut self, value: &[u8]) -> Found {
        if number::starts_with_digit(value) {
            return Ok(Value::Number(number::read(value).signed()));
        }
        self.host.group(value).map(Value::Number).ok_or_else(|| {
            self.say(Sink::Log, [b"Unknown group: ", value].concat());
            None
        })
    }

    fn text(&self, field: Field, value: &[u8]) -> Found {
        let keyed = self.has_syscalls || self.has_subject;
        if field == Field::Key && !keyed {
            return Err(Some(Alone("Key field needs a watch, syscall or exe path given prior to it")));
        }
        let longest = if field == Field::Key { MAX_KEY } else { PATH_MAX };
        if value.len() > longest {
            return Err(Some(Alone("String value too long")));
        }
        Ok(Value::Text(value.to_vec()))
    }

    fn arch_value(&mut self, op: Op, value: &[u8]) -> Found {
        if self.has_syscalls {
            return Err(Some(Before("must be before -S")));
        }
        if !op.is_equality() {
            return Err(Some(EQUALITY_ONLY));
        }
        let arch = self.named_arch(value).ok_or(Some(NO_ARCH))?;
        self.arch = Some(arch);
        Ok(Value::Number(arch.number()))
    }

    /// `b32`, `b64`, a machine, or an ELF number: decimal or with `0x` if it starts with a digit, otherwise hexadecimal.
    fn named_arch(&self, value: &[u8]) -> Option<Arch> {
        let native = self.host.native_arch();
        if number::starts_with_digit(value) {
            let number = number::read(value);
            let arch = Arch(number.unsigned());
            return arch.machine().filter(|_| !number.is_out_of_range()).map(|_| arch);
        }
        if value.eq_ignore_ascii_case(b"b64") {
            return native.machine().filter(|_| native.is_64_bit()).map(|_| native);
        }
        if value.eq_ignore_ascii_case(b"b32") {
            let compat = native.compat();
            return compat.machine().filter(|_| !compat.is_64_bit()).map(|_| compat);
        }
        if let Some(known) = machine::from_name(value) {
            return Some(known.arch());
        }
        let number = number::read_hex(value);
        let arch = Arch(number.unsigned());
        arch.machine().filter(|_| !number.is_out_of_range()).map(|_| arch)
    }

    pub(super) fn comparison(&mut self, pair: &[u8]) -> Step {
        if self.conditions.len() >= MAX_CONDITIONS {
            return self.say_table(&After("Too many fields in rule:"), pair);
        }
        let Some((left, op, right)) = split(pair, &[Op::Ne, Op::Eq]) else {
            return self.say_table(&EQUALITY_ONLY, pair);
        };
        if left.is_empty() {
            return self.say_table(&After("-C missing field name before operator for"), left);
        }
        if right.is_empty() {
            return self.say_table(&After("-C missing value after operation for "), left);
        }
        let Some(one) = Field::from_name(left) else {
            return self.say_table(&After("-C unknown field:"), left);
        };
        let Some(two) = Field::from_name(right) else {
            return self.say_table(&After("-C unknown right hand value for comparison with:"), left);
        };
        if self.list() != Some(List::Exit) {
            return self.say_table(&EXIT_ONLY, left);
        }
        let Some(comparison) = Comparison::between(one, two) else {
            return self.say_table(&After("-C incompatible comparison"), left);
        };
        self.push(Field::Compare, op, Value::Number(comparison.number()))
    }
}

/// What the kernel looks at on the exclude list.
const fn is_for_exclude(field: Field) -> bool {
    matches!(
        field,
        Field::Pid
            | Field::Uid
            | Field::Gid
            | Field::LoginUid
            | Field::SessionId
            | Field::MsgType
            | Field::Exe
            | Field::Key
    ) || field.is_subject_label()
}

/// The tool's own idea of which field goes with which list, before it looks at the value.
fn check_list(field: Field, op: Op, list: Option<List>) -> Result<(), Option<Text>> {
    let fault = match field {
        Field::Exit
        | Field::Path
        | Field::Dir
        | Field::Perm
        | Field::FileType
        | Field::DevMajor
        | Field::DevMinor
        | Field::Inode
        | Field::Success
        | Field::Ppid
            if list != Some(List::Exit) =>
        {
            EXIT_ONLY
        }
        _ if field.is_object_label() && list != Some(List::Exit) => EXIT_ONLY,
        Field::MsgType if !matches!(list, Some(List::Exclude | List::User)) => {
            Alone("msgtype field can only be used with exclude or user filter list")
        }
        Field::Exe if !op.is_equality() => EQUALITY_ONLY,
        Field::SessionId if !matches!(list, Some(List::Exclude | List::User | List::Exit)) => {
            Before("must be used with exclude, user, or exit filter")
        }
        Field::FsType if list != Some(List::Filesystem) => Before("field is not valid for the filter"),
        _ => return Ok(()),
    };
    Err(Some(fault))
}

/// A number that may be negative, read with `strtoul` if it is not.
fn unsigned(value: &[u8]) -> Option<Value> {
    if number::starts_with_digit(value) {
        return Some(Value::Number(number::read(value).unsigned()));
    }
    number::starts_negative(value).then(|| Value::Number(number::read(value).signed()))
}

/// A number that may be negative.
fn signed(value: &[u8]) -> Option<Value> {
    let is_number = number::starts_with_digit(value) || number::starts_negative(value);
    is_number.then(|| Value::Number(number::read(value).signed()))
}

/// `EPERM` or `-EPERM`.
fn errno_value(value: &[u8]) -> Option<Value> {
    match value.strip_prefix(b"-") {
        Some(name) => errno::number(name).map(u32::wrapping_neg),
        None => errno::number(value),
    }
    .map(Value::Number)
}

fn message_type_value(value: &[u8]) -> Found {
    if number::starts_with_digit(value) {
        return Ok(Value::Number(number::read(value).signed()));
    }
    let unknown = || -> Option<u32> {
        let digits = value.strip_prefix(b"UNKNOWN[")?;
        let digits = &digits[..digits.iter().position(|&byte| byte == b']')?];
        let digits = &digits[..digits.len().min(7)];
        let text = std::str::from_utf8(digits).ok()?.trim_start();
        let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        text[..end].parse().ok().filter(|&number| number > 0)
    };
    message_type::number(value)
        .map(u32::from)
        .or_else(unknown)
        .map(Value::Number)
        .ok_or(Some(After("-F unknown message type -")))
}

fn perm_value(op: Op, value: &[u8]) -> Found {
    if op != Op::Eq {
        return Err(Some(Before("only takes = operator")));
    }
    if value.len() > 4 {
        return Err(Some(Alone("String value too long")));
    }
    let mut perms = Perms::NONE;
    for &letter in value {
        let perm = Perms::from_letter(letter).ok_or(Some(Alone("Permission can only contain  'rwxa'")))?;
        perms = perms.with(perm);
    }
    Ok(Value::Number(perms.number()))
}

fn fstype_value(op: Op, value: &[u8]) -> Found {
    if !op.is_equality() {
        return Err(Some(EQUALITY_ONLY));
    }
    let number = if number::starts_with_digit(value) {
        Some(number::read(value).unsigned())
    } else {
        fstype::number(value)
    };
    number
        .filter(|&number| number != u32::MAX)
        .map(Value::Number)
        .ok_or(Some(After("file system type is unknown for field:")))
}
