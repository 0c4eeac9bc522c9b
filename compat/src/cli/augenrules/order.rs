//! The order of file names: that of `sort -V` and `ls -v`, as the manual of GNU coreutils describes it ("Version sort
//! ordering").

use std::cmp::Ordering;

/// Compares two names: runs of digits by their value, the rest byte by byte with letters before other characters and `~`
/// before everything; without the suffix first, and names that are equal so far by their bytes.
pub(super) fn versions(a: &[u8], b: &[u8]) -> Ordering {
    let (a_stem, b_stem) = (stem(a), stem(b));
    let mut order = by_parts(a_stem, b_stem);
    if order.is_eq() && (a_stem.len(), b_stem.len()) != (a.len(), b.len()) {
        order = by_parts(a, b);
    }
    order.then_with(|| a.cmp(b))
}

/// The name without its suffix: the longest end of parts that begin with a dot and a letter or `~`, and hold only letters,
/// digits and `~`.
fn stem(name: &[u8]) -> &[u8] {
    let mut end = name.len();
    while let Some(dot) = name[..end].iter().rposition(|&byte| byte == b'.') {
        let is_suffix = match &name[dot + 1..end] {
            [first, rest @ ..] => {
                (first.is_ascii_alphabetic() || *first == b'~')
                    && rest.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'~')
            }
            [] => false,
        };
        // A name is never all suffix.
        if !is_suffix || dot == 0 {
            break;
        }
        end = dot;
    }
    &name[..end]
}

fn by_parts(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (a_text, b_text) = (take(&mut a, false), take(&mut b, false));
        for at in 0..a_text.len().max(b_text.len()) {
            let order = weight(a_text.get(at), a).cmp(&weight(b_text.get(at), b));
            if order.is_ne() {
                return order;
            }
        }
        let (a_number, b_number) = (value(take(&mut a, true)), value(take(&mut b, true)));
        let order = a_number.len().cmp(&b_number.len()).then_with(|| a_number.cmp(b_number));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// Cuts the run of digits, or of anything else, off the beginning of `text`.
fn take<'a>(text: &mut &'a [u8], digits: bool) -> &'a [u8] {
    let end = text.iter().position(|byte| byte.is_ascii_digit() != digits).unwrap_or(text.len());
    let (run, rest) = text.split_at(end);
    *text = rest;
    run
}

/// A run of digits without its leading zeros.
fn value(digits: &[u8]) -> &[u8] {
    let start = digits.iter().position(|&byte| byte != b'0').unwrap_or(digits.len());
    &digits[start..]
}

/// How a byte counts; past the end of a run, that a digit follows or nothing does.
fn weight(byte: Option<&u8>, rest: &[u8]) -> i32 {
    match byte {
        Some(b'~') => -2,
        None if rest.is_empty() => -1,
        None => 0,
        Some(&letter) if letter.is_ascii_alphabetic() => i32::from(letter),
        Some(&other) => i32::from(other) + 256,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::versions;

    #[test]
    fn numbers_count_by_their_value() {
        let mut names = [
            "30-stig",
            "9-first",
            "10-base",
            "099-x",
            "10-base~",
            "a",
            "Z",
            "10-base-1",
            "10.2-x",
            "10.10-x",
        ]
        .map(|name| format!("{name}.rules"));
        names.sort_by(|a, b| versions(a.as_bytes(), b.as_bytes()));
        let expected = "9-first 10-base~ 10-base 10-base-1 10.2-x 10.10-x 30-stig 099-x Z a"
            .split(' ')
            .collect::<Vec<_>>();
        assert_eq!(names.each_ref().map(|name| name.trim_end_matches(".rules")).to_vec(), expected);
    }

    /// As the system's `sort -V`, in the C locale, orders them.
    fn sorted(names: &[String]) -> Vec<String> {
        let mut child = Command::new("sort")
            .arg("-V")
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(names.join("\n").as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
        #[test]
        fn the_order_is_that_of_sort(names in prop::collection::vec("[019aZ~_. -]{0,7}(\\.rules)?", 2..40)) {
            let mut names: Vec<String> =
                names.into_iter().map(|name| format!("x{name}")).collect();
            let expected = sorted(&names);
            names.sort_by(|a, b| versions(a.as_bytes(), b.as_bytes()));
            prop_assert_eq!(names, expected);
        }
    }
}
