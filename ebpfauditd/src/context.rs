//! Security contexts of `SELinux`: the text of `subj=` and `obj=` from the number (sid) that an event carries, as
//! `context_struct_to_string` and `mls_sid_to_context` (`security/selinux/ss`) word it. What a number stands for is asked of the
//! kernel once, and remembered until another policy is in force.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt::Debug;
use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

use kern::abi::{CATEGORY_WORDS, Context, Question, Symbol};

use nix::libc;

use crate::text::{field, word};

/// Contexts that are remembered; then the memory is emptied. Some fifty bytes each.
const REMEMBERED: usize = 16 * 1024;
/// Categories that an answer can tell of.
const CATEGORIES: usize = 64 * CATEGORY_WORDS;
/// How often a context is asked for, when policies change meanwhile.
const ATTEMPTS: usize = 3;

/// Who knows the policy.
pub trait Oracle: Debug + Send {
    /// The answer to a question, by its two numbers (`abi.h` has their meaning). `None`: there is none to be had.
    fn ask(&mut self, question: Question, first: u32, second: u32) -> Option<&Context>;
}

/// Which policy an answer is of.
type Identity = (u64, u32);

const fn identity(context: &Context) -> Identity {
    (context.policy, context.serial)
}

/// Another policy has come into force, or the kernel does not know what it was asked for.
#[derive(Debug, PartialEq, Eq)]
enum Failure {
    Replaced,
    Unknown,
}

/// The contexts of this machine; nothing where `SELinux` is not active.
#[derive(Debug, Default)]
pub struct Contexts {
    oracle: Option<Box<dyn Oracle>>,
    policy: Identity,
    known: HashMap<u32, Option<Vec<u8>>>,
}

impl Contexts {
    /// Those that `oracle` knows of.
    pub fn new(oracle: Box<dyn Oracle>) -> Self {
        Self { oracle: Some(oracle), ..Self::default() }
    }

    /// Forgets what another policy than the present one said; to be called now and then.
    pub fn synchronise(&mut self) {
        let Some(oracle) = &mut self.oracle else { return };
        let policy = oracle.ask(Question::Policy, 0, 0).map_or((0, 0), identity);
        if policy != self.policy {
            self.known.clear();
            self.policy = policy;
        }
    }

    /// The text of a number; `None` if the kernel has none for it.
    pub fn text(&mut self, sid: u32) -> Option<&[u8]> {
        let oracle = self.oracle.as_deref_mut()?;
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.entry(sid).or_insert_with(|| resolve(oracle, sid)).as_deref()
    }

    /// The number of the file that `path` leads to now, if it is still this inode; 0: it is not, or has no context.
    pub fn of_file(&mut self, path: &[u8], ino: u64) -> u32 {
        let Some(oracle) = &mut self.oracle else { return 0 };
        // never reads, never waits, and asks nothing of the file's driver
        let file = OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(OsStr::from_bytes(path));
        let Some(file) = file.ok().filter(|file| file.metadata().is_ok_and(|found| found.ino() == ino))
        else {
            return 0;
        };
        let answer = oracle.ask(Question::File, file.as_raw_fd() as u32, 0);
        answer.filter(|answer| answer.found != 0).map_or(0, |answer| answer.sid)
    }

    /// Appends the context of who acts, if there is one.
    pub fn write_subject(&mut self, out: &mut Vec<u8>, sid: u32) {
        if let Some(text) = self.text(sid).filter(|_| sid != 0) {
            word(out, " subj=");
            out.extend_from_slice(text);
        }
    }

    /// Appends the context of a file or IPC object, if it has one.
    pub fn write_object(&mut self, out: &mut Vec<u8>, sid: u32) {
        if sid == 0 {
            return;
        }
        match self.text(sid) {
            Some(text) => {
                word(out, " obj=");
                out.extend_from_slice(text);
            }
            None => field(out, " osid=", sid),
        }
    }

    /// Appends the context of a task that is acted on, if it has one.
    pub fn write_target(&mut self, out: &mut Vec<u8>, sid: u32) {
        if sid != 0 {
            word(out, " obj=");
            out.extend_from_slice(self.text(sid).unwrap_or(b"(none)"));
        }
    }
}

fn resolve(oracle: &mut dyn Oracle, sid: u32) -> Option<Vec<u8>> {
    for _ in 0..ATTEMPTS {
        match worded(oracle, sid) {
            Ok(text) => return Some(text),
            Err(Failure::Replaced) => {}
            Err(Failure::Unknown) => break,
        }
    }
    None
}

fn valid_text(context: &Context) -> Result<&[u8], Failure> {
    context.text.get(..context.text_len as usize).filter(|_| context.found != 0).ok_or(Failure::Unknown)
}

/// The text of a number, of one policy.
fn worded(oracle: &mut dyn Oracle, sid: u32) -> Result<Vec<u8>, Failure> {
    let context = oracle.ask(Question::Sid, sid, 0).ok_or(Failure::Unknown)?;
    if context.policy == 0 {
        return valid_text(context).map(<[u8]>::to_vec);
    }
    if context.found == 0 || context.cut != 0 {
        return Err(Failure::Unknown);
    }
    let policy = identity(context);
    let Context { mls, user, role, r#type, sensitivity, categories, .. } = *context;
    let mut out = Vec::with_capacity(64);
    let mut name = |out: &mut Vec<u8>, symbol, number| {
        let answer = oracle.ask(Question::Name, symbol as u32, number).ok_or(Failure::Unknown)?;
        if identity(answer) != policy {
            return Err(Failure::Replaced);
        }
        out.extend_from_slice(valid_text(answer)?);
        Ok(())
    };
    name(&mut out, Symbol::User, user)?;
    out.push(b':');
    name(&mut out, Symbol::Role, role)?;
    out.push(b':');
    name(&mut out, Symbol::Type, r#type)?;
    if mls == 0 {
        return Ok(out);
    }
    let [low, high] = [0, 1].map(|which| (sensitivity[which], &categories[which]));
    out.push(b':');
    write_level(&mut out, low, &mut name)?;
    if low != high {
        out.push(b'-');
        write_level(&mut out, high, &mut name)?;
    }
    Ok(out)
}

/// A level: its sensitivity, and its categories with neighbours drawn together.
fn write_level(
    out: &mut Vec<u8>,
    (sensitivity, categories): (u32, &[u64; CATEGORY_WORDS]),
    name: &mut impl FnMut(&mut Vec<u8>, Symbol, u32) -> Result<(), Failure>,
) -> Result<(), Failure> {
    name(out, Symbol::Sensitivity, sensitivity)?;
    let has = |bit: usize| categories.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 != 0);
    let mut next = 0;
    let mut separator = b':';
    while let Some(first) = (next..CATEGORIES).find(|&bit| has(bit)) {
        let end = (first..CATEGORIES).find(|&bit| !has(bit)).unwrap_or(CATEGORIES);
        out.push(separator);
        name(out, Symbol::Category, first as u32 + 1)?;
        if end > first + 1 {
            out.push(if end > first + 2 { b'.' } else { b',' });
            name(out, Symbol::Category, end as u32)?;
        }
        separator = b',';
        next = end;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use kern::abi;

    use super::*;

    /// A policy of one user, role and type, in which the number of a context says its categories.
    #[derive(Debug)]
    struct Policy {
        answer: Box<Context>,
        serial: u32,
        /// Questions until the policy is replaced.
        lasts: usize,
        asked: usize,
        ranges: HashMap<u32, [(u32, Vec<usize>); 2]>,
    }

    fn policy(ranges: impl IntoIterator<Item = (u32, [(u32, Vec<usize>); 2])>) -> Policy {
        let answer = Box::new(abi::Context {
            policy: 0xffff_8880_1234_5678,
            serial: 0,
            found: 0,
            mls: 1,
            user: 1,
            role: 2,
            r#type: 3,
            text_len: 0,
            cut: 0,
            sensitivity: [0; 2],
            sid: 0,
            pad: 0,
            categories: [[0; CATEGORY_WORDS]; 2],
            text: [0; abi::CONTEXT_NAME],
        });
        Policy { answer, serial: 1, lasts: usize::MAX, asked: 0, ranges: ranges.into_iter().collect() }
    }

    impl Oracle for Policy {
        fn ask(&mut self, question: Question, first: u32, second: u32) -> Option<&Context> {
            self.asked += 1;
            if self.asked > self.lasts {
                self.serial += 1;
                self.lasts = usize::MAX;
            }
            let answer = &mut self.answer;
            answer.serial = self.serial;
            answer.found = 0;
            match question {
                Question::Policy => {}
                Question::File => {
                    answer.sid = 5;
                    answer.found = 1;
                }
                Question::Sid => {
                    if let Some(range) = self.ranges.get(&first) {
                        answer.found = 1;
                        for (which, (sensitivity, categories)) in range.iter().enumerate() {
                            answer.sensitivity[which] = *sensitivity;
                            answer.categories[which] = [0; CATEGORY_WORDS];
                            for bit in categories {
                                answer.categories[which][bit / 64] |= 1 << (bit % 64);
                            }
                        }
                    }
                }
                Question::Name => {
                    let text = match (first, second) {
                        (4, 1) => "system_u".to_owned(),
                        (2, 2) => "object_r".to_owned(),
                        (3, 3) => format!("etc{}_t", self.serial),
                        (6, number) => format!("s{}", number - 1),
                        (7, number) => format!("c{}", number - 1),
                        other => panic!("no such name: {other:?}"),
                    };
                    answer.text[..text.len()].copy_from_slice(text.as_bytes());
                    answer.text_len = text.len() as u32;
                    answer.found = 1;
                }
            }
            Some(answer)
        }
    }

    /// Contexts in which number 5 is a file's.
    pub(crate) fn one_context() -> Contexts {
        Contexts::new(Box::new(policy([(5, [(1, vec![]), (1, vec![])])])))
    }

    fn text(contexts: &mut Contexts, sid: u32) -> Option<String> {
        contexts.text(sid).map(|text| String::from_utf8(text.to_vec()).unwrap())
    }

    #[test]
    fn ranges_are_worded_as_the_kernel_words_them() {
        let all: Vec<usize> = (0..1024).collect();
        let cases = [
            ([(1, vec![]), (1, vec![])], "s0"),
            ([(1, vec![]), (16, vec![])], "s0-s15"),
            ([(1, vec![]), (1, all.clone())], "s0-s0:c0.c1023"),
            ([(1, all.clone()), (1, all)], "s0:c0.c1023"),
            ([(1, vec![5]), (1, vec![5])], "s0:c5"),
            ([(1, vec![12, 704]), (1, vec![12, 704])], "s0:c12,c704"),
            ([(1, vec![1, 2]), (1, vec![1, 2, 3])], "s0:c1,c2-s0:c1.c3"),
            (
                [(2, vec![0, 63, 64, 65, 127, 128, 4095]), (2, vec![4094, 4095])],
                "s1:c0,c63.c65,c127,c128,c4095-s1:c4094,c4095",
            ),
        ];
        let ranges = cases.iter().zip(7..).map(|((range, _), sid)| (sid, range.clone()));
        let mut contexts = Contexts::new(Box::new(policy(ranges)));
        for ((_, wanted), sid) in cases.iter().zip(7..) {
            assert_eq!(text(&mut contexts, sid).unwrap(), format!("system_u:object_r:etc1_t:{wanted}"));
        }
        assert_eq!(text(&mut contexts, 100), None);
    }

    #[test]
    fn another_policy_has_other_names() {
        let mut replaced = policy([(5, [(1, vec![]), (1, vec![])])]);
        // in the middle of the first context
        replaced.lasts = 3;
        let mut contexts = Contexts::new(Box::new(replaced));
        contexts.synchronise();
        assert_eq!(text(&mut contexts, 5).as_deref(), Some("system_u:object_r:etc2_t:s0"));
        let mut later = policy([(5, [(1, vec![]), (1, vec![])])]);
        later.lasts = 7;
        let mut contexts = Contexts::new(Box::new(later));
        contexts.synchronise();
        assert_eq!(text(&mut contexts, 5).as_deref(), Some("system_u:object_r:etc1_t:s0"));
        contexts.synchronise();
        contexts.synchronise();
        assert_eq!(text(&mut contexts, 5).as_deref(), Some("system_u:object_r:etc2_t:s0"));
    }

    #[test]
    fn what_has_no_context_is_said_as_the_kernel_says_it() {
        let mut contexts = one_context();
        let mut out = Vec::new();
        for sid in [0, 5, 6] {
            contexts.write_subject(&mut out, sid);
            contexts.write_object(&mut out, sid);
            contexts.write_target(&mut out, sid);
        }
        let context = "system_u:object_r:etc1_t:s0";
        let wanted = format!(" subj={context} obj={context} obj={context} osid=6 obj=(none)");
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
        let here = std::fs::metadata("/").unwrap().ino();
        assert_eq!([here, here + 1].map(|ino| contexts.of_file(b"/", ino)), [5, 0]);
        let mut none = Contexts::default();
        assert_eq!(none.of_file(b"/", here), 0);
        none.synchronise();
        assert_eq!(none.text(5), None);
    }
}
