//! Why a rule cannot match at present, as far as that can be told from the outside.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use audit_rules::{Action, Arch, Field, List, Op, Rule};

use crate::plan::arches;
use crate::watch::path_of;

/// Where the kernel was told at boot what it is to do without.
const COMMAND_LINE: &str = "/proc/cmdline";

/// Why the rule with this number cannot match, for each reason that there is. `never` is what the plan knows.
pub fn reasons(
    rules: &[Rule],
    number: usize,
    never: Option<&str>,
    absent: &dyn Fn(&Rule) -> Option<String>,
) -> Vec<String> {
    let Some(rule) = rules.get(number) else { return Vec::new() };
    let mut reasons: Vec<String> = never.map(str::to_owned).into_iter().collect();
    if rule.list() == List::Exit {
        reasons.extend(no_such_task(rule));
        reasons.extend(hidden_by(rules, number));
        reasons.extend(absent(rule));
    }
    reasons.extend(missing(rule));
    reasons
}

/// No task on this machine makes calls of the architecture that the rule is for.
fn no_such_task(rule: &Rule) -> Option<String> {
    let arches = arches(rule);
    let only_32 = arches.iter().all(|&arch| crate::family::ARCHES[arch] == Arch::I386);
    if arches.is_empty() {
        return Some("no task on this machine makes system calls of its architecture".into());
    }
    let line = fs::read_to_string(COMMAND_LINE).unwrap_or_default();
    let off = ["ia32_emulation=0", "ia32_emulation=off", "ia32_emulation=false"];
    (only_32 && line.split_whitespace().any(|word| off.contains(&word)))
        .then(|| "32-bit programs were switched off at boot (ia32_emulation=0)".into())
}

/// An earlier rule without conditions decides whatever this one names.
fn hidden_by(rules: &[Rule], number: usize) -> Option<String> {
    let rule = &rules[number];
    let plain = |other: &Rule| {
        other.list() == List::Exit
            && other
                .conditions()
                .iter()
                .all(|condition| matches!(condition.field(), Field::Arch | Field::Key))
            && arches(rule).iter().all(|arch| arches(other).contains(arch))
            && rule.syscalls().union(other.syscalls()) == *other.syscalls()
    };
    let before = rules[..number].iter().position(plain)?;
    let how = if rules[before].action() == Action::Never { "keeps out" } else { "records" };
    Some(format!("rule {} comes first and {how} all that it names", before + 1))
}

/// What the rule names and is not there.
fn missing(rule: &Rule) -> Option<String> {
    let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
    let there = |path: &[u8]| fs::symlink_metadata(Path::new(OsStr::from_bytes(path)));
    if let Some(path) = path_of(rule, Field::Path)
        && there(path).is_err()
    {
        return Some(format!("{} does not exist; it matches once it does", text(path)));
    }
    if let Some(path) = path_of(rule, Field::Dir)
        && fs::metadata(Path::new(OsStr::from_bytes(path))).is_err()
    {
        return Some(format!("the directory {} does not exist or is not mounted", text(path)));
    }
    let exe = rule.condition(Field::Exe).filter(|condition| condition.op() == Op::Eq)?;
    let path = exe.text()?;
    there(path)
        .is_err()
        .then(|| format!("the program {} does not exist; it matches once it does", text(path)))
}

#[cfg(test)]
mod tests {
    use audit_rules::{Command, NoHost, parse_words};

    use super::*;

    fn rules(lines: &[&str]) -> Vec<Rule> {
        let parse = |line: &&str| {
            let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
            match parse_words(&words, &NoHost).unwrap().remove(0) {
                Command::Add { rule, .. } => rule,
                other => panic!("{line}: {other:?}"),
            }
        };
        lines.iter().map(parse).collect()
    }

    #[test]
    fn a_rule_says_what_stands_in_its_way() {
        let rules = rules(&[
            "-a always,exit -F path=/no-such-file -F perm=w",
            "-a always,exit -F dir=/no-such-directory -F perm=w",
            "-a always,exit -F arch=b64 -S setsid -F exe=/no-such-program",
            "-a never,exit -F arch=b64 -S setsid,getsid",
            "-a always,exit -F arch=b64 -S setsid -F uid=0",
            "-a always,exit -F arch=b32 -S setsid -F uid=0",
            "-a always,exit -F arch=ppc -S setsid",
            "-w / -p w",
        ]);
        let of = |number: usize| reasons(&rules, number, None, &|_| None).join("; ");
        assert_eq!(of(0), "/no-such-file does not exist; it matches once it does");
        assert_eq!(of(1), "the directory /no-such-directory does not exist or is not mounted");
        assert_eq!(of(2), "the program /no-such-program does not exist; it matches once it does");
        assert_eq!(of(3), "");
        assert_eq!(of(4), "rule 4 comes first and keeps out all that it names");
        assert_eq!(of(5), "");
        assert_eq!(of(6), "no task on this machine makes system calls of its architecture");
        assert_eq!(of(7), "");
        let absent = |_: &Rule| Some("this kernel has none of its system calls".to_owned());
        let told = reasons(&rules, 3, Some("obj_user: unknown here"), &absent);
        assert_eq!(told, ["obj_user: unknown here", "this kernel has none of its system calls"]);
    }
}
