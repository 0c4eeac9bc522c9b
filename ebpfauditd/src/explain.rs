//! Which rule would record what: `auditctl --explain PATH|SYSCALL...`.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use audit_rules::{Action, Condition, Field, List, Op, Rule, table};

use crate::family::ARCHES;
use crate::plan::{EngineKind, Plan, arches, syscalls};
use crate::watch::path_of;

/// What somebody asks about.
struct Question {
    /// The path as it was given, if one was.
    path: Option<Vec<u8>>,
    /// The syscalls: architecture (index into [`ARCHES`]), number, name. All that rules name, if none was given.
    calls: Vec<(usize, u32)>,
}

/// The answer, as text; an error names the word that is neither a path nor a system call.
pub fn explain(words: &[Vec<u8>], rules: &[Rule], plan: &Plan) -> Result<String, String> {
    let question = question(words)?;
    let mut text = String::new();
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut decided = false;
    for (number, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.list() == List::Exit) {
        let Some(why) = concerns(rule, &question) else { continue };
        found.push((number, why));
        decided |= conditions(rule).is_empty() && question.calls.len() == 1;
        if decided {
            break;
        }
    }
    for (number, why) in &found {
        let (rule, assignment) = (&rules[*number], &plan.assignments()[*number]);
        let does = match (rule.action(), assignment.engine, &assignment.never) {
            (_, EngineKind::Refused, _) => "is not in force",
            (.., Some(_)) => "names it, but never matches",
            (Action::Always, ..) => "records it",
            (Action::Never, ..) => "keeps it out of the log",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "rule {} {does}: {why}", number + 1);
        let _ = writeln!(text, "    {rule}");
        let conditions = conditions(rule);
        if !conditions.is_empty() {
            let _ = writeln!(text, "    if {}", conditions.join(" and "));
        }
        let _ = writeln!(text, "    by: {}; {}", assignment.engine, assignment.reason);
    }
    match found.len() {
        0 => text.push_str("no rule records it\n"),
        1 => {}
        _ => text.push_str("The first of these whose conditions hold decides.\n"),
    }
    Ok(text)
}

fn question(words: &[Vec<u8>]) -> Result<Question, String> {
    let mut question = Question { path: None, calls: Vec::new() };
    for word in words {
        if word.first() == Some(&b'/') {
            if question.path.replace(word.clone()).is_some() {
                return Err("only one path can be asked about at a time".into());
            }
            continue;
        }
        let number = str::from_utf8(word).ok().and_then(|word| word.parse::<u32>().ok());
        let numbers: Vec<(usize, u32)> = ARCHES
            .iter()
            .enumerate()
            .filter_map(|(index, &arch)| {
                Some((index, number.or_else(|| table::syscall::number(arch, word))?))
            })
            .collect();
        if numbers.is_empty() {
            return Err(format!("{} is neither a path nor a system call", String::from_utf8_lossy(word)));
        }
        question.calls.extend(numbers);
    }
    if words.is_empty() {
        return Err("a path or system calls are needed".into());
    }
    // Asked by one name: that of 64-bit programs stands for both.
    if question.calls.len() == 2 && question.calls[0].0 != question.calls[1].0 {
        question.calls.truncate(1);
    }
    Ok(question)
}

/// Why the rule is about what is asked; `None` if it is not.
fn concerns(rule: &Rule, question: &Question) -> Option<String> {
    let calls: Vec<String> = question
        .calls
        .iter()
        .filter(|(arch, number)| {
            arches(rule).contains(arch) && syscalls(rule, *arch).any(|call| call == *number)
        })
        .map(|(arch, number)| table::syscall::name(ARCHES[*arch], *number).unwrap_or("?").to_owned())
        .collect();
    let names = match (question.calls.is_empty(), calls.is_empty()) {
        (false, true) => return None,
        (false, false) if rule.syscalls().is_all() && rule.condition(Field::Perm).is_none() => {
            Some("it names every system call".to_owned())
        }
        (false, false) => Some(format!("it names {}", calls.join(", "))),
        (true, _) => None,
    };
    let place = match question.path.as_ref().map(|path| place(rule, path)) {
        Some(Place::Elsewhere) => return None,
        Some(Place::Watched(why)) => Some(why),
        Some(Place::Any) | None => None,
    };
    let reasons: Vec<String> = place.into_iter().chain(names).collect();
    // A rule without a path is about every path, but only one that is asked for by a system call too is of interest.
    if reasons.is_empty() { None } else { Some(reasons.join(", and ")) }
}

/// What a rule says of a path.
enum Place {
    /// It is about others.
    Elsewhere,
    /// It is about this one, and why.
    Watched(String),
    /// It says nothing of paths.
    Any,
}

fn place(rule: &Rule, path: &[u8]) -> Place {
    let watched = |is: bool, why: String| if is { Place::Watched(why) } else { Place::Elsewhere };
    let file = |path: &[u8]| fs::metadata(Path::new(OsStr::from_bytes(path))).ok();
    let asked = file(path);
    if let Some(name) = path_of(rule, Field::Path) {
        let same = |one: &fs::Metadata, two: &fs::Metadata| (one.dev(), one.ino()) == (two.dev(), two.ino());
        let is = name == path || file(name).zip(asked).is_some_and(|(one, two)| same(&one, &two));
        return watched(is, format!("it watches {}", String::from_utf8_lossy(name)));
    }
    if let Some(directory) = path_of(rule, Field::Dir) {
        let resolve = |path: &[u8]| fs::canonicalize(OsStr::from_bytes(path)).ok();
        let asked = Path::new(OsStr::from_bytes(path));
        // A file that is not there yet is asked for by its directory.
        let asked = resolve(path)
            .or_else(|| Some(resolve(asked.parent()?.as_os_str().as_bytes())?.join(asked.file_name()?)));
        let is = resolve(directory).zip(asked).is_some_and(|(directory, asked)| asked.starts_with(directory));
        return watched(is, format!("it watches all below {}", String::from_utf8_lossy(directory)));
    }
    let inode = rule.condition(Field::Inode).filter(|condition| condition.op() == Op::Eq);
    if let Some(number) = inode.and_then(Condition::number) {
        let is = asked.is_some_and(|asked| asked.ino() as u32 == number);
        return watched(is, format!("it watches inode {number}"));
    }
    Place::Any
}

/// The conditions that are left to be met, as they are listed.
fn conditions(rule: &Rule) -> Vec<String> {
    let said = |condition: &&Condition| {
        !matches!(condition.field(), Field::Arch | Field::Key | Field::Path | Field::Dir | Field::Inode)
    };
    let line = rule.to_string();
    let words: Vec<&str> = line.split(' ').collect();
    // A watch is listed by -w and -p.
    let listed = words.windows(2).filter_map(|pair| match pair[0] {
        "-F" | "-C" => Some(pair[1].to_owned()),
        "-p" => Some(format!("perm={}", pair[1])),
        _ => None,
    });
    let hidden = ["arch", "key", "path", "dir", "inode"];
    let is_hidden = |word: &String| {
        let name = word.split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default();
        hidden.contains(&name)
    };
    if rule.conditions().iter().any(|condition| said(&condition)) {
        listed.filter(|word| !is_hidden(word)).collect()
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use audit_rules::{Command, NoHost, parse_words};

    use super::*;
    use crate::plan::{Offer, plan};
    use crate::security_module::SecurityModule;

    fn ask(words: &[&str], lines: &[&str]) -> Result<String, String> {
        let parse = |line: &&str| {
            let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
            match parse_words(&words, &NoHost).unwrap().remove(0) {
                Command::Add { rule, .. } => rule,
                other => panic!("{line}: {other:?}"),
            }
        };
        let rules: Vec<Rule> = lines.iter().map(parse).collect();
        let offer = Offer {
            tracepoint: Err("none".into()),
            trampoline: Err("none".into()),
            kernel_audit: Ok(()),
            modules: true,
            security: SecurityModule::None,
            trials: Vec::new(),
        };
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        explain(&words, &rules, &plan(&rules, &offer))
    }

    /// The numbers of the rules that an answer names.
    fn numbers(answer: &str) -> Vec<&str> {
        answer.lines().filter_map(|line| line.strip_prefix("rule ")?.split(' ').next()).collect()
    }

    const RULES: [&str; 5] = [
        "-a always,exit -F arch=b64 -S openat -F exit=-EACCES -F auid>=1000",
        "-w /etc/passwd -p wa -k identity",
        "-a always,exit -F dir=/etc -F perm=wa",
        "-a never,exit -F arch=b64 -S setsid",
        "-a always,exit -F arch=b64 -S setsid -F uid=0",
    ];

    #[test]
    fn a_path_is_explained_by_its_watches() {
        let answer = ask(&["/etc/passwd"], &RULES).unwrap();
        assert_eq!(numbers(&answer), ["2", "3"], "{answer}");
        assert!(answer.contains("rule 2 records it: it watches /etc/passwd\n"), "{answer}");
        assert!(answer.contains("    if perm=wa\n"), "{answer}");
        assert!(answer.ends_with("The first of these whose conditions hold decides.\n"), "{answer}");
        assert_eq!(ask(&["/usr"], &RULES).unwrap(), "no rule records it\n");
        assert_eq!(numbers(&ask(&["/etc/not-there"], &RULES).unwrap()), ["3"]);
    }

    #[test]
    fn a_syscall_is_explained_up_to_the_rule_that_decides() {
        let answer = ask(&["setsid"], &RULES).unwrap();
        assert_eq!(numbers(&answer), ["4"], "{answer}");
        assert!(answer.contains("keeps it out of the log: it names setsid"), "{answer}");
        let answer = ask(&["openat"], &RULES).unwrap();
        assert!(answer.contains("    if exit=-EACCES and auid>=1000\n"), "{answer}");
        assert_eq!(numbers(&ask(&["/etc/passwd", "chmod"], &RULES).unwrap()), ["2", "3"]);
        assert_eq!(ask(&["getuid"], &RULES).unwrap(), "no rule records it\n");
        let answer = ask(&["getsid"], &["-a always,exit -F arch=b64 -S getsid -F obj_user=a"]).unwrap();
        assert!(answer.contains("rule 1 names it, but never matches: it names getsid"), "{answer}");
    }

    #[test]
    fn what_is_neither_is_an_error() {
        assert_eq!(
            ask(&["nosuchcall"], &RULES),
            Err("nosuchcall is neither a path nor a system call".into())
        );
        assert!(ask(&["/a", "/b"], &RULES).is_err());
        assert!(ask(&[], &RULES).is_err());
    }
}
