//! The line of `auditctl -l` for a rule, byte for byte as the original prints it.

use std::{fmt, io::Write};

use crate::{
    arch::Arch,
    argument,
    field::{Comparison, Field},
    host::Host,
    list::List,
    perm::Perms,
    rule::{Condition, Rule},
    table::{errno, fstype, message_type, syscall, uring_op},
};

/// Prints rules one after the other as one run of `auditctl -l` does.
///
/// It remembers the last architecture that it printed: the original names the system calls of a rule without
/// `arch` by the table of the rule before it, and the native table only until then.
pub struct Listing<'a> {
    interpret: bool,
    native: Arch,
    last: Option<Arch>,
    host: Option<&'a dyn Host>,
}

impl<'a> Listing<'a> {
    /// A new listing on a machine whose native architecture is `native`; `interpret` is `-i`.
    pub const fn new(interpret: bool, native: Arch) -> Self {
        Self { interpret, native, last: None, host: None }
    }

    /// Lets `-i` name the users and groups in arguments (`setuid`, `chown`); without, all but root are unknown.
    #[must_use]
    pub fn with_names(mut self, host: &'a dyn Host) -> Self {
        self.host = Some(host);
        self
    }

    /// Appends the line of `rule` to `out`, without the newline.
    pub fn rule(&mut self, rule: &Rule, out: &mut Vec<u8>) {
        let watch = is_watch(rule);
        let mut named = 0;
        if !watch {
            put(out, format_args!("-a {},{}", rule.action(), rule.list()));
            for condition in rule.conditions() {
                if condition.field() == Field::Arch {
                    self.arch(condition, out);
                }
            }
            named = self.syscalls(rule, out);
        }
        let (mut a0, mut a1) = (0, 0);
        for condition in rule.conditions().iter().filter(|condition| condition.field() != Field::Arch) {
            let (field, op) = (condition.field(), condition.op().symbol());
            let number = condition.number().unwrap_or_default();
            match field {
                Field::A0 => a0 = number,
                Field::A1 => a1 = number,
                _ => {}
            }
            if field.is_argument() && self.interpret && named <= 1 {
                put(out, format_args!(" -F {}{op}", field.name()));
                let call = argument::Call {
                    arch: rule.condition(Field::Arch).and_then(Condition::number).map(Arch),
                    number: rule.syscalls().iter().next().filter(|_| named == 1),
                    a0,
                    a1,
                    host: self.host,
                };
                argument::interpret(&call, field, number, out);
            } else if let Some(text) = condition.text() {
                text_condition(condition, text, watch, out);
            } else {
                number_condition(field, op, number, watch, self.interpret, out);
            }
        }
    }

    fn arch(&mut self, condition: &Condition, out: &mut Vec<u8>) {
        let arch = Arch(condition.number().unwrap_or_default());
        self.last = Some(arch);
        put(out, format_args!(" -F arch{}", condition.op().symbol()));
        match arch.machine() {
            None => put(out, format_args!("0x{:X}", arch.number())),
            Some(machine) if self.interpret => put(out, format_args!("{}", machine.name())),
            Some(_) => put(out, format_args!("b{}", if arch.is_64_bit() { 64 } else { 32 })),
        }
    }

    /// Prints `-S` and returns how many calls it named; a full set counts as many.
    fn syscalls(&self, rule: &Rule, out: &mut Vec<u8>) -> usize {
        if !rule.list().takes_syscalls() {
            return 0;
        }
        if rule.syscalls().is_all() {
            out.extend_from_slice(b" -S all");
            return usize::MAX;
        }
        let table = self.last.unwrap_or(self.native);
        let mut count = 0;
        for number in rule.syscalls().iter() {
            out.extend_from_slice(if count == 0 { b" -S " } else { b"," });
            let name = match rule.list() {
                List::IoUring => uring_op::name(number),
                _ => syscall::name(table, number),
            };
            match name {
                Some(name) => out.extend_from_slice(name.as_bytes()),
                None => put(out, format_args!("{number}")),
            }
            count += 1;
        }
        count
    }
}

/// Whether the rule is printed as a watch: a full set of system calls, `perm`, and nothing but `path`, `dir` and
/// `key` beside it. Action and operators are not looked at.
fn is_watch(rule: &Rule) -> bool {
    let only = rule
        .conditions()
        .iter()
        .all(|condition| matches!(condition.field(), Field::Perm | Field::Key | Field::Dir | Field::Path));
    let all = !rule.list().takes_syscalls() || rule.syscalls().is_all();
    only && all && rule.condition(Field::Perm).is_some()
}

fn text_condition(condition: &Condition, text: &[u8], watch: bool, out: &mut Vec<u8>) {
    let field = condition.field();
    match field {
        Field::Path | Field::Dir if watch => {
            out.extend_from_slice(b"-w ");
            out.extend_from_slice(text);
        }
        Field::Key => {
            for key in text.split(|&byte| byte == crate::KEY_SEPARATOR).filter(|key| !key.is_empty()) {
                out.extend_from_slice(if watch { b" -k " } else { b" -F key=" });
                out.extend_from_slice(key);
            }
        }
        _ => {
            put(out, format_args!(" -F {}{}", field.name(), condition.op().symbol()));
            out.extend_from_slice(text);
        }
    }
}

fn number_condition(field: Field, op: &str, number: u32, watch: bool, interpret: bool, out: &mut Vec<u8>) {
    let signed = number.cast_signed();
    let name = field.name();
    match field {
        Field::Perm => {
            let perms = Perms::from_number(number & 15).unwrap_or(Perms::NONE);
            put(out, format_args!("{}{perms}", if watch { " -p " } else { " -F perm=" }));
        }
        Field::Compare => {
            if let Some(comparison) = Comparison::from_number(number) {
                let (left, right) = comparison.fields();
                put(out, format_args!(" -C {}{op}{}", left.name(), right.name()));
            }
        }
        Field::Inode => put(out, format_args!(" -F {name}{op}{number}")),
        Field::MsgType => match u16::try_from(number).ok().and_then(message_type::name) {
            Some(known) => put(out, format_args!(" -F {name}{op}{known}")),
            None => put(out, format_args!(" -F {name}{op}{signed}")),
        },
        Field::FsType => match fstype::name(number) {
            Some(known) => put(out, format_args!(" -F {name}{op}{known}")),
            None => put(out, format_args!(" -F {name}{op}{signed}")),
        },
        Field::Exit => match errno::name(signed.unsigned_abs()).filter(|_| signed < 0) {
            Some(known) => put(out, format_args!(" -F {name}{op}-{known}")),
            None => put(out, format_args!(" -F {name}{op}{signed}")),
        },
        Field::LoginUid | Field::SessionId if interpret && number == u32::MAX => {
            put(out, format_args!(" -F {name}{op}unset"));
        }
        field if field.is_argument() => put(out, format_args!(" -F {name}{op}0x{number:X}")),
        _ => put(out, format_args!(" -F {name}{op}{signed}")),
    }
}

/// Appends formatted text.
pub(crate) fn put(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    // Writing to a Vec cannot fail.
    let _ = out.write_fmt(text);
}

impl Rule {
    /// The line of `auditctl -l`, or of `auditctl -l -i` with `interpret`, without the newline; bytes, because paths
    /// and keys need not be UTF-8. Several rules of one listing are better printed by one [`Listing`].
    pub fn line(&self, interpret: bool, native: Arch) -> Vec<u8> {
        let mut out = Vec::new();
        Listing::new(interpret, native).rule(self, &mut out);
        out
    }

    /// The line of `auditctl -l` on this machine, or of `auditctl -l -i` with `interpret`, as text: bytes that are not
    /// UTF-8 become U+FFFD. [`Rule::line`] keeps them.
    pub fn display(&self, interpret: bool) -> impl fmt::Display {
        String::from_utf8_lossy(&self.line(interpret, crate::host::NATIVE)).into_owned()
    }
}

impl fmt::Display for Rule {
    /// The line of `auditctl -l`; see [`Rule::display`].
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.display(false).fmt(out)
    }
}
