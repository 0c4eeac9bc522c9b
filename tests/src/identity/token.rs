//! Events of a watch as words: which access, or which change of names, each tells of.

use crate::log::Event;

/// The word for an event: one of the four kinds of access (`rw` for an open for both), or what was done to the name.
pub fn token(event: &Event) -> String {
    let Some(number) = event.syscall("syscall") else { return "uring".to_owned() };
    let mode = |register: &str| {
        let flags = event.syscall(register).and_then(|text| u64::from_str_radix(text, 16).ok());
        match flags.map(|flags| flags & 3) {
            Some(0) => "r",
            Some(1) => "w",
            _ => "rw",
        }
    };
    match number {
        "2" => mode("a1"),
        "257" => mode("a2"),
        "304" => match mode("a2") {
            "r" => "handle-r",
            _ => "handle-w",
        },
        "85" => "w",
        "59" | "322" => "x",
        "90" | "91" | "268" => "a",
        "82" | "264" | "316" => "rename",
        "87" | "263" => "unlink",
        "86" | "265" => "link",
        other => other,
    }
    .to_owned()
}

/// What of `due` is not in `found`, and what of `found` is not in `due`.
pub fn apart(due: &[&str], found: &[String]) -> (Vec<String>, Vec<String>) {
    let mut extra = found.to_vec();
    let mut missing = Vec::new();
    for word in due {
        match extra.iter().position(|found| found == word) {
            Some(at) => drop(extra.remove(at)),
            None => missing.push((*word).to_owned()),
        }
    }
    (missing, extra)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_counts_once() {
        let found = ["r".to_owned(), "rename".to_owned()];
        let (missing, extra) = apart(&["r", "r"], &found);
        assert_eq!((missing, extra), (vec!["r".to_owned()], vec!["rename".to_owned()]));
    }
}
