//! `-w`, `-W` and `-p`: watches and their permissions.

use super::{Line, MAX_CONDITIONS, Step};
use crate::{
    field::{Field, Op},
    list::{Action, List},
    perm::Perms,
    rule::{Condition, PATH_MAX, Value},
    syscalls::SyscallSet,
};

/// Longest last component of a path, in bytes.
const NAME_MAX: usize = 255;

/// The last component as `basename(3)` cuts it: slashes at the end do not count.
fn base_name(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
    let start = path[..end].iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    &path[start..end]
}

impl Line<'_> {
    pub(super) fn watch(&mut self, path: &[u8]) -> Step {
        if self.add.is_some() || self.delete.is_some() {
            return self.fail("watch option can't be given with a syscall");
        }
        if self.has_syscalls {
            return self.fail("Watches may not include fields or actions");
        }
        self.add = Some((List::Exit, false));
        self.set_watch(path)
    }

    pub(super) fn unwatch(&mut self, path: &[u8]) -> Step {
        self.delete = Some(List::Exit);
        self.set_watch(path)
    }

    fn set_watch(&mut self, path: &[u8]) -> Step {
        self.action = Some(Action::Always);
        self.has_syscalls = true;
        if path.len() >= PATH_MAX {
            return self.fail("The path passed for the watch is too big");
        }
        if path.first() != Some(&b'/') {
            return self.fail("The path must start with '/'");
        }
        if base_name(path).len() > NAME_MAX {
            return self.fail("The base name of the path is too big");
        }
        if path.windows(2).any(|two| two == b"..") {
            self.warn("Warning - relative path notation is not supported");
        }
        if path.iter().any(|byte| b"*?".contains(byte)) {
            self.warn("Warning - wildcard notation is not supported");
        }
        let mut path = path;
        if path.len() > 2 {
            while path.len() > 1 && path.ends_with(b"/") {
                path = &path[..path.len() - 1];
            }
        }
        let field = if self.host.is_directory(path) { Field::Dir } else { Field::Path };
        if !self.conditions.is_empty() {
            // The original's text has a newline of its own.
            return self.fail("Rule is not empty\n");
        }
        self.syscalls = SyscallSet::from_words([u32::MAX; SyscallSet::WORDS]);
        self.push(field, Op::Eq, Value::Text(path.to_vec()))?;
        self.push(Field::Perm, Op::Eq, Value::Number(Perms::ALL.number()))?;
        self.has_subject = true;
        self.is_rule = true;
        Ok(())
    }

    pub(super) fn perms(&mut self, letters: &[u8]) -> Step {
        if self.list().is_none() {
            return self.fail("permission option needs a watch given prior to it");
        }
        if letters.len() > 4 {
            return self.fail([b"permission ", letters, b" is too long"].concat());
        }
        let mut perms = Perms::NONE;
        for &letter in letters {
            let Some(perm) = Perms::from_letter(letter) else {
                return self.fail([b"Permission ", &[letter][..], b" isn't supported"].concat());
            };
            perms = perms.with(perm);
        }
        self.set_perms(perms)
    }

    /// Changes the permissions that the rule has, or adds them.
    fn set_perms(&mut self, perms: Perms) -> Step {
        if self.conditions.is_empty() {
            return self.fail("Permissions should be preceeded by other fields");
        }
        let mut found = false;
        for condition in &mut self.conditions {
            if condition.field() == Field::Perm
                && let Ok(changed) =
                    Condition::new(Field::Perm, condition.op(), Value::Number(perms.number()))
            {
                *condition = changed;
                found = true;
            }
        }
        if !found {
            if self.conditions.len() >= MAX_CONDITIONS {
                return self.fail("Too many fields when adding permissions");
            }
            self.push(Field::Perm, Op::Eq, Value::Number(perms.number()))?;
        }
        self.has_subject = true;
        self.is_rule = true;
        Ok(())
    }
}
