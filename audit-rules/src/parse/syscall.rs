//! `-S`: system calls, or operations of `io_uring`.

use super::{Line, Step, Stop};
use crate::{
    arch::Arch,
    command::Command,
    error::Sink,
    list::List,
    number,
    syscalls::SyscallSet,
    table::{syscall, uring_op},
};

/// Why a word is no system call.
enum Fault {
    Unknown,
    /// The architecture has no table.
    NoTable,
}

/// Adds what `word` names to `set`.
fn add(word: &[u8], arch: Arch, set: &mut SyscallSet) -> Result<(), Fault> {
    if word == b"all" {
        *set = SyscallSet::from_words([u32::MAX; SyscallSet::WORDS]);
        return Ok(());
    }
    if arch.machine().is_none() {
        return Err(Fault::NoTable);
    }
    let found = syscall::number(arch, word).or_else(|| numeric(word)).ok_or(Fault::Unknown)?;
    if set.insert(found) { Ok(()) } else { Err(Fault::Unknown) }
}

/// A number, if the word starts like one; negative ones (as an `int`) are none.
fn numeric(word: &[u8]) -> Option<u32> {
    let value = number::starts_with_digit(word).then(|| number::read(word).signed())?;
    (value.cast_signed() >= 0).then_some(value)
}

fn add_operation(word: &[u8], set: &mut SyscallSet) -> bool {
    if word == b"all" {
        *set = set.union(&uring_op::all().map(|(number, _)| number).collect());
        return true;
    }
    uring_op::number(word).or_else(|| numeric(word)).is_some_and(|found| set.insert(found))
}

/// The words of a comma list; empty ones do not count.
fn members(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&byte| byte == b',').filter(|word| !word.is_empty())
}

impl Line<'_> {
    pub(super) fn syscall(&mut self, words: &[u8]) -> Step {
        let on = |list| self.add.is_some_and(|(add, _)| add == list) || self.delete == Some(list);
        if on(List::IoUring) {
            return self.operation(words);
        }
        for (list, text) in [
            (List::Task, "Error: syscall auditing being added to task list"),
            (List::User, "Error: syscall auditing being added to user list"),
            (List::Filesystem, "Error: syscall auditing being added to filesystem list"),
            (List::Exclude, "Error: syscall auditing cannot be put on exclude list"),
        ] {
            if on(list) {
                return self.fail_at_once(text);
            }
        }
        let arch_unknown = self.arch.is_none();
        let arch = *self.arch.get_or_insert(self.host.native_arch());
        let is_list = words.contains(&b',');
        let alone = (!is_list).then_some(words);
        let listed = is_list.then(|| members(words));
        for word in alone.into_iter().chain(listed.into_iter().flatten()) {
            match add(word, arch, &mut self.syscalls) {
                Ok(()) => {}
                Err(Fault::Unknown) => return self.fail([b"Syscall name unknown: ", word].concat()),
                Err(Fault::NoTable) => {
                    return self.fail(format!("Elf type unknown: 0x{:x}", arch.number()));
                }
            }
        }
        self.has_syscalls = true;
        if arch_unknown && self.add.is_some() {
            self.warn_of_mismatch(words, arch);
        }
        Ok(())
    }

    /// Warns if the same words mean other numbers to 32-bit programs.
    fn warn_of_mismatch(&mut self, words: &[u8], arch: Arch) {
        let compat = if arch == Arch::AARCH64 { arch } else { arch.compat() };
        let mut other = SyscallSet::empty();
        for word in members(words) {
            // What does not exist there is a difference too.
            let _ = add(word, compat, &mut other);
        }
        // The original compares 64 bytes of the mask, which are the numbers below 512.
        if other.words()[..16] != self.syscalls.words()[..16] {
            let place = if self.number == 0 { String::new() } else { format!(" in line {}", self.number) };
            self.warn(format!("WARNING - 32/64 bit syscall mismatch{place}, you should specify an arch"));
        }
    }

    fn operation(&mut self, words: &[u8]) -> Step {
        for word in members(words) {
            if !add_operation(word, &mut self.syscalls) {
                self.say(Sink::Log, [b"io_uring op unknown: ", words].concat());
                return Err(Stop::Failed);
            }
        }
        self.has_syscalls = true;
        self.is_rule = true;
        Ok(())
    }

    /// `-q MOUNT,SUBTREE`.
    pub(super) fn make_equivalent(&mut self, words: &[u8]) -> Step {
        if self.has_syscalls {
            return self.fail("Syscall auditing requested for make equivalent");
        }
        let mut parts = words.splitn(2, |&byte| byte == b',');
        match (parts.next(), parts.next()) {
            (Some(mount), Some(subtree)) if !subtree.is_empty() && !subtree.contains(&b',') => {
                let (mount, subtree) = (mount.to_vec(), subtree.to_vec());
                self.commands.push(Command::MakeEquivalent { mount, subtree });
                Err(Stop::DoneAtOnce)
            }
            _ => self.fail("Error parsing equivalent parts"),
        }
    }
}
