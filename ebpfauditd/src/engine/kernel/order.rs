//! From the rules that are in the kernel to those that should be, without losing their order.
//!
//! The kernel keeps a rule where it was added: at the end, or, with `AUDIT_FILTER_PREPEND`, at the front
//! (`audit_add_rule` in `kernel/auditfilter.c`). First match wins, so the order must come out exactly.

/// `AUDIT_FILTER_PREPEND`, a bit of `audit_rule_data.flags` (`linux/audit.h`), the first word of the structure.
const PREPEND: u8 = 0x10;

/// One request to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// `AUDIT_DEL_RULE` with these bytes.
    Delete(Vec<u8>),
    /// `AUDIT_ADD_RULE` with these bytes.
    Append(Vec<u8>),
    /// `AUDIT_ADD_RULE` with these bytes, to become the first rule of its list.
    Prepend(Vec<u8>),
}

impl Step {
    /// Does the step to a list of rules.
    pub(super) fn apply(&self, rules: &mut Vec<Vec<u8>>) {
        match self {
            Self::Delete(rule) => {
                if let Some(at) = rules.iter().position(|loaded| loaded == rule) {
                    rules.remove(at);
                }
            }
            Self::Append(rule) => rules.push(rule.clone()),
            Self::Prepend(rule) => rules.insert(0, rule.clone()),
        }
    }
}

/// A rule's bytes with the flag that puts it first.
pub(super) fn prepended(rule: &[u8]) -> Vec<u8> {
    let mut bytes = rule.to_vec();
    // The flags word is in the machine's byte order; its low byte is where the bit and the list number are.
    let low = if cfg!(target_endian = "little") { 0 } else { 3 };
    if let Some(flags) = bytes.get_mut(low) {
        *flags |= PREPEND;
    }
    bytes
}

/// The shortest way that needs no look at what the rules say: rules are put in front if the loaded ones come last and
/// unchanged; otherwise what can stay in place stays, and the others are deleted and appended again.
///
/// `wanted` must not hold a rule twice: the kernel refuses the second (`EEXIST`).
pub(super) fn steps(loaded: &[Vec<u8>], wanted: &[Vec<u8>]) -> Vec<Step> {
    if !loaded.is_empty()
        && let Some(front) = wanted.strip_suffix(loaded)
    {
        return front.iter().rev().map(|rule| Step::Prepend(rule.clone())).collect();
    }
    let mut kept = 0;
    let mut steps = Vec::new();
    for rule in loaded {
        if wanted.get(kept) == Some(rule) {
            kept += 1;
        } else {
            steps.push(Step::Delete(rule.clone()));
        }
    }
    steps.extend(wanted[kept..].iter().map(|rule| Step::Append(rule.clone())));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(names: &str) -> Vec<Vec<u8>> {
        names.bytes().map(|name| vec![name]).collect()
    }

    /// Every way between two lists ends at the wanted one, and no rule is added while it is still there.
    #[test]
    fn every_change_ends_at_the_wanted_order() {
        let lists =
            ["", "a", "b", "ab", "ba", "abc", "cab", "cba", "acb", "bc", "xabc", "xyabc", "abxc", "abcx"];
        for from in lists {
            for to in lists {
                let (mut now, wanted) = (rules(from), rules(to));
                for step in steps(&now, &wanted) {
                    if let Step::Append(rule) | Step::Prepend(rule) = &step {
                        assert!(!now.contains(rule), "{from} to {to}: {rule:?} added twice");
                    }
                    step.apply(&mut now);
                }
                assert_eq!(now, wanted, "{from} to {to}");
            }
        }
    }

    #[test]
    fn small_changes_touch_only_what_changes() {
        assert_eq!(steps(&rules("abc"), &rules("abcd")), [Step::Append(b"d".to_vec())]);
        assert_eq!(steps(&rules("abc"), &rules("ac")), [Step::Delete(b"b".to_vec())]);
        assert_eq!(
            steps(&rules("c"), &rules("abc")),
            [Step::Prepend(b"b".to_vec()), Step::Prepend(b"a".to_vec())]
        );
        assert_eq!(steps(&rules("abc"), &rules("abc")), []);
    }

    #[test]
    fn the_flag_is_set_in_the_flags_word_only() {
        assert_eq!(prepended(&4u32.to_ne_bytes()), 0x14u32.to_ne_bytes());
    }
}
